"""What the last `callrouter probe` found: kept in a file that the command writes and the service reads."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from time import time_ns
from typing import Any, Final

import structlog

from callrouter.bilingual import Bilingual, joined, reason
from callrouter.calls.live import Check
from callrouter.errors import OperatorError

log = structlog.get_logger(__name__)

STALE_S: Final = 15 * 60.0
"""Three turns of callrouter-probe.timer: who asked for probes gets told that none is made any more."""
LOOK_S: Final = 15.0
REMIND_S: Final = 3600.0
_VERSION: Final = 1


class Result(StrEnum):
    """How a stage went. A warning is what a centre may want so: nobody on duty in a group, a telephone away."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StageResult:
    """One stage of a probe: its name, how it went, when it was over (ms since the start), and what was seen."""

    name: str
    result: Result
    at_ms: float
    detail: Bilingual


@dataclass(frozen=True, slots=True)
class Probed:
    """A whole probe. at: when it began, µs since 1970 UTC."""

    at: int
    stages: tuple[StageResult, ...]

    @property
    def ok(self) -> bool:
        """True if no stage failed."""
        return all(stage.result is not Result.FAILED for stage in self.stages)

    def of(self, result: Result) -> tuple[StageResult, ...]:
        """Return the stages that went so."""
        return tuple(stage for stage in self.stages if stage.result is result)

    def as_json(self) -> dict[str, Any]:
        """Return it as it is kept and printed."""
        stages = [
            {
                "name": stage.name,
                "result": stage.result.value,
                "at_ms": round(stage.at_ms, 1),
                "detail": {"id": stage.detail.id, "en": stage.detail.en},
            }
            for stage in self.stages
        ]
        return {"version": _VERSION, "at_us": self.at, "ok": self.ok, "stages": stages}


def from_json(kept: dict[str, Any]) -> Probed:
    """Return what `Probed.as_json` gave. Raises ValueError for anything else."""
    try:
        if kept["version"] != _VERSION:
            raise ValueError(f"version {kept['version']!r} is not known")
        stages = tuple(
            StageResult(
                str(stage["name"]),
                Result(stage["result"]),
                float(stage["at_ms"]),
                Bilingual(str(stage["detail"]["id"]), str(stage["detail"]["en"])),
            )
            for stage in kept["stages"]
        )
        return Probed(int(kept["at_us"]), stages)
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"not the record of a probe: {error!r}") from None


def save(file: Path, probed: Probed) -> None:
    """Keep it, in place of the last one. Raises OperatorError where the file cannot be written."""
    new = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        new.write_text(json.dumps(probed.as_json(), ensure_ascii=False) + "\n", encoding="utf-8")
        new.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        why = reason(error)
        raise OperatorError(
            Bilingual(f"{file} tidak dapat ditulis: {why.id}.", f"{file} cannot be written: {why.en}."),
            Bilingual(
                "Jalankan sebagai pengguna yang menjalankan layanan.", "Run it as the user that the service runs as."
            ),
        ) from None


def read(file: Path) -> Probed | None:
    """Return what is kept; None where no probe was ever made. Raises ValueError, OSError."""
    try:
        return from_json(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


class LastProbe:
    """The service's view of it. `run` looks again every `look_s` seconds, and calls out when it is bad or old."""

    def __init__(self, file: Path, *, look_s: float = LOOK_S, stale_s: float = STALE_S) -> None:
        self._file = file
        self._look_s = look_s
        self._stale_s = stale_s
        self._last: Probed | None = None
        self._unreadable = ""
        self._told: tuple[str, int] | None = None

    @property
    def ok(self) -> bool | None:
        """Whether the last probe found all stages well; None where there was none."""
        return self._last.ok if self._last else None

    @property
    def age_s(self) -> float | None:
        """Seconds since it; None where there was none. Never negative, whatever was done to the clock."""
        return max(0.0, (time_ns() // 1000 - self._last.at) / 1e6) if self._last else None

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self._look_s)

    async def look(self) -> None:
        """Read the file once."""
        try:
            self._last, self._unreadable = await asyncio.to_thread(read, self._file), ""
        except (OSError, ValueError) as error:
            self._unreadable = str(error)
        self._call_out()

    def check(self) -> Check:
        """Return it for readiness. It never makes the service unready: what it tells of may be the PBX's."""
        if self._unreadable:
            text = Bilingual(f"{self._file.name} tidak terbaca", f"{self._file.name} cannot be read")
            return Check("probe", True, _warned(text))
        if self._last is None:
            return Check(
                "probe",
                True,
                Bilingual("Belum pernah: callrouter probe.", "None was made yet: callrouter probe."),
            )
        if (bad := self._last.of(Result.FAILED)) or self._stale:
            return Check("probe", True, _warned(joined("; ", (s.detail for s in bad)) if bad else self._old()))
        if warnings := self._last.of(Result.WARNING):
            return Check("probe", True, _warned(joined("; ", (s.detail for s in warnings))))
        return Check("probe", True, Bilingual(f"Baik, {self._ago().id}.", f"Well, {self._ago().en}."))

    @property
    def _stale(self) -> bool:
        age = self.age_s
        return age is not None and age > self._stale_s

    def _ago(self) -> Bilingual:
        minutes = int((self.age_s or 0) // 60)
        return Bilingual(f"{minutes} menit yang lalu", f"{minutes} min ago")

    def _old(self) -> Bilingual:
        return Bilingual(f"probe terakhir {self._ago().id}", f"the last probe was {self._ago().en}")

    def _call_out(self) -> None:
        bad = self._last is not None and not self._last.ok
        kind = "unreadable" if self._unreadable else "failed" if bad else "stale" if self._stale else ""
        if not kind:
            if self._told is not None:
                log.info("probe.well_again")
            self._told = None
            return
        # Of a probe that failed each new one is told; of an old one, once an hour.
        age = self.age_s or 0.0
        turn = (kind, self._last.at if self._last and bad else int(age // REMIND_S))
        if turn == self._told:
            return
        self._told = turn
        if kind == "failed" and self._last is not None:
            what = "; ".join(f"{s.name}: {s.detail.en}" for s in self._last.of(Result.FAILED))
            remedy = "callers may meet the same: run `callrouter probe` and mend the stage that it names"
        elif kind == "stale":
            what = self._old().en
            remedy = "nobody tries the way of a call any more: see `systemctl status callrouter-probe.timer`"
        else:
            what = self._unreadable
            remedy = f"see {self._file}; it is written anew by `callrouter probe`"
        log.error(f"probe.{kind}", what=what, age_s=round(age), remedy=remedy)


def _warned(text: Bilingual) -> Bilingual:
    return Bilingual(f"Peringatan: {text.id}", f"Warning: {text.en}")
