"""What a probe's events mean: which stage of a call went well, which did not, and what a person is told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from callrouter.bilingual import Bilingual, joined, same
from callrouter.probe_record import Result, StageResult


@dataclass(frozen=True, slots=True)
class Seen:
    """One event of the dialplan (context callrouter-probe-tell).

    what: consulted, data, menu, noise, timeout, chosen, plan, step or over; the others depend on it
    at:   when it came, seconds of the monotonic clock
    """

    what: str
    value: str
    kind: str
    label: str
    at: float


def judged(way: str, seen: Seen, at_ms: float, pressed: str) -> tuple[StageResult, ...]:
    """Return the stage that is over by this event, or nothing. pressed: the keys for the menu."""
    judge = _JUDGES.get(seen.what)
    if judge is None:
        return ()
    name, result, detail = judge(seen, pressed)
    return (StageResult(f"{way}.{name}", result, at_ms, detail),)


def cut_short(way: str, last: str, at_ms: float) -> StageResult:
    """Return the stage that tells of a way that came to no end in time. last: the last stage that was seen."""
    text = Bilingual(
        f"Panggilan uji berhenti setelah {last or 'awal'}.", f"The probe's call stopped after {last or 'its begin'}."
    )
    return StageResult(f"{way}.end", Result.FAILED, at_ms, text)


Judged = tuple[str, Result, Bilingual]


def _consulted(seen: Seen, _pressed: str) -> Judged:
    if seen.value == "yes":
        return "consultation", Result.OK, Bilingual("Layanan menyerahkan rencana.", "The service handed over plans.")
    text = Bilingual(
        "Layanan tidak menjawab; penelepon dilayani oleh failsafe.",
        "The service did not answer; callers are served by the failsafe.",
    )
    return "consultation", Result.FAILED, text


def _data(seen: Seen, _pressed: str) -> Judged:
    if seen.value == "yes":
        return "data", Result.OK, Bilingual("Data failsafe berlaku.", "Failsafe data is in force.")
    text = Bilingual(
        "Tidak ada data failsafe yang berlaku: tanpa layanan, hanya operator yang dihubungi.",
        "No failsafe data is in force: without the service callers reach the operators alone.",
    )
    return "data", Result.FAILED, text


def _noise(_seen: Seen, _pressed: str) -> Judged:
    return "menu", Result.OK, Bilingual("Menu terdengar.", "The menu is heard.")


def _silence(_seen: Seen, _pressed: str) -> Judged:
    return "menu", Result.FAILED, Bilingual("Tidak terdengar apa pun.", "Nothing is heard.")


def _chosen(seen: Seen, pressed: str) -> Judged:
    expected = "operator" if pressed == "0" else pressed
    if seen.value == expected:
        return "choice", Result.OK, Bilingual(f"Tombol {pressed} diterima.", f"Key {pressed} was taken.")
    text = Bilingual(
        f"Tombol {pressed} ditekan, menu mencatat {seen.value!r}.",
        f"Key {pressed} was pressed, the menu noted {seen.value!r}.",
    )
    return "choice", Result.FAILED, text


def _plan(seen: Seen, _pressed: str) -> Judged:
    route, category = seen.label or "-", seen.kind or "-"
    text = Bilingual(
        f"Versi {seen.value}, rute {route}, kategori {category}.",
        f"Version {seen.value}, route {route}, category {category}.",
    )
    return "plan", Result.OK, text


def _step(seen: Seen, _pressed: str) -> Judged:
    judge = _STEPS.get(seen.kind)
    if judge is None:
        return seen.kind or "step", Result.OK, same(seen.label or "-")
    result, detail = judge(seen)
    return seen.kind, result, detail


def _dial(seen: Seen) -> tuple[Result, Bilingual]:
    states = [target.rpartition("/")[::2] for target in seen.value.split("&") if target]
    if not states or any(state in _NO_ENDPOINT for _, state in states):
        result = Result.FAILED
    elif all(state in _AWAY for _, state in states):
        result = Result.WARNING
    else:
        result = Result.OK
    told = joined(", ", (Bilingual(f"{e} {_said(s).id}", f"{e} {_said(s).en}") for e, s in states))
    return result, Bilingual(f"{seen.label}: {told.id}.", f"{seen.label}: {told.en}.")


_NO_ENDPOINT: Final = frozenset({"INVALID", ""})
_AWAY: Final = frozenset({"UNAVAILABLE", "UNKNOWN"})


def _said(state: str) -> Bilingual:
    if state in _NO_ENDPOINT:
        return Bilingual("tidak ada di PBX", "is not in the PBX")
    if state in _AWAY:
        return Bilingual("tidak terjangkau", "is not reached")
    return Bilingual("ada", "is there")


def _queue(seen: Seen) -> tuple[Result, Bilingual]:
    there, _, members = seen.value.partition("/")
    if there != "1":
        return Result.FAILED, Bilingual(
            f"Antrean {seen.label} tidak ada di PBX.", f"The queue {seen.label} is not in the PBX."
        )
    if not members.isdecimal() or int(members) == 0:
        return Result.WARNING, Bilingual(
            f"Tidak ada yang bertugas di {seen.label}.", f"Nobody of {seen.label} is on duty."
        )
    return Result.OK, Bilingual(f"{members} bertugas di {seen.label}.", f"{members} of {seen.label} on duty.")


def _clip(seen: Seen) -> tuple[Result, Bilingual]:
    if seen.value == "1":
        return Result.OK, Bilingual(f"Klip {seen.label} ada.", f"The clip {seen.label} is there.")
    return Result.FAILED, Bilingual(f"Klip {seen.label} tidak ada.", f"The clip {seen.label} is missing.")


def _folder(seen: Seen) -> tuple[Result, Bilingual]:
    if seen.value == "1":
        return Result.OK, Bilingual("Pesan dapat disimpan.", "A message can be kept.")
    return Result.FAILED, Bilingual("Folder rekaman tidak ada.", "The folder of recordings is missing.")


_JUDGES: Final[dict[str, Callable[[Seen, str], Judged]]] = {
    "consulted": _consulted,
    "data": _data,
    "noise": _noise,
    "timeout": _silence,
    "chosen": _chosen,
    "plan": _plan,
    "step": _step,
}
_STEPS: Final[dict[str, Callable[[Seen], tuple[Result, Bilingual]]]] = {
    "dial": _dial,
    "ring": _queue,
    "last": _queue,
    "announce": _clip,
    "challenge": _clip,
    "record": _folder,
}


def table(stages: Iterable[StageResult], language: str) -> list[str]:
    """Return the stages as lines for a terminal."""
    rows = list(stages)
    wide = max((len(stage.name) for stage in rows), default=0)
    return [
        f"{_MARKS[stage.result].said(language):<8} {stage.name:<{wide}} {stage.at_ms:8.0f} ms  "
        f"{stage.detail.said(language)}"
        for stage in rows
    ]


_MARKS: Final = {
    Result.OK: Bilingual("baik", "ok"),
    Result.WARNING: Bilingual("awas", "warning"),
    Result.FAILED: Bilingual("GAGAL", "FAILED"),
}
