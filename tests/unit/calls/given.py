"""Journal lines as the dialplan writes them, and stand-ins for what the life of a call talks to."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from callrouter.calls.ports import Chosen, HandOver, Note
from callrouter.calls.records import JournalBatch, Opened, Record

CALL = UUID("6f1c1d8e-7d3f-4b1f-9f5e-0d3b5f0f8a11")
OTHER = UUID("0b6b1f9a-31c2-4f0e-8f43-9a4c6a2b7c22")
T0 = 1_763_760_000
"""Seconds since 1970: when the calls of these tests begin."""


def at(seconds: float) -> str:
    """Return a stamp as the dialplan writes it, `seconds` after the beginning: EPOCH, then second and fraction."""
    return stamp(us(seconds))


def stamp(micro: int, *, read_before: int = 0) -> str:
    """Return the stamp of a moment; EPOCH was read `read_before` whole seconds before it."""
    seconds, fraction = divmod(micro, 1_000_000)
    return f"{seconds - read_before}_{seconds % 60:02d}.{fraction:06d}"


def us(seconds: float) -> int:
    """Return the same moment as whole microseconds."""
    return round((T0 + seconds) * 1_000_000)


def sent(text: bytes | str, limit: int = 200) -> str:
    """Return what a caller sent as extensions.conf writes it: cut, ``%`` and ``:`` replaced, a dot, base64."""
    raw = (text.encode() if isinstance(text, str) else text)[:limit]
    return base64.b64encode(b"." + raw.replace(b"%", b"%25").replace(b":", b"%3A")).decode()


def opened_line(call: UUID = CALL, **changed: str) -> bytes:
    """Return a line "opened"."""
    fields = {
        "t": at(0),
        "node": "pbx1",
        "origin": "citizen",
        "trunk": "telco",
        "num": sent("0812345", 64),
        "name": sent("Sri Rahayu"),
        "from": "",
        "chan": "PJSIP/trunk-telco-00000001",
        "uid": "1763760000.1",
        "handed": "",
    }
    return _line("opened", call, fields | changed)


def attempt(
    kind: str = "dial",
    label: str = "damkar/posko",
    begun: float = 5,
    pickup: float | None = 6,
    human: float | None = 8,
    ended: float | None = 30,
    by: str = "trunk-damkar",
    result: str = "talked",
    cause: str = "SIP 200 OK",
) -> str:
    """Return one attempt as CR_ATTEMPT_n holds it."""
    times = ["" if t is None else at(t) for t in (begun, pickup, human, ended)]
    return "~".join((kind, label, *times, by, result, cause))


def began(kind: str = "dial", label: str = "damkar/posko", begun: float = 5) -> str:
    """Return an attempt that the end of the call cut short."""
    return f"{kind}~{label}~{at(begun)}~~~~~began~"


def ended_line(call: UUID = CALL, *attempts: str, **changed: str) -> bytes:
    """Return a line "ended"."""
    fields = {
        "t": at(31),
        "node": "pbx1",
        "answered": at(0.1),
        "chosen": at(4),
        "choice": "1",
        "category": "fire",
        "lang": "id",
        "stage": "talking",
        "path": "service",
        "version": "3",
        "route": "fire",
        "pickup": "",
        "human": "",
        "first": "",
        "by": "",
        "rec": "",
        "said": "0",
        "talks": "",
        "cause": "16",
        "passed": "",
        "cut": "0",
        "origin": "citizen",
        "trunk": "telco",
        "area": "",
        "away": "",
        "susp": "",
        "mute": "",
        "posture": "",
        "parties": "",
        "plan": "plan,3,fire,10!dial,PJSIP/101@trunk-damkar,20,a,damkar/posko!last,operators,90!record,60",
        "attempts": "".join(f"^{text}" for text in attempts),
    }
    return _line("ended", call, fields | changed)


def duty_line(id_: UUID = OTHER, **changed: str) -> bytes:
    """Return a line "duty"."""
    return _line("duty", id_, {"t": at(3), "node": "pbx1", "op": "op1", "act": "join"} | changed)


def callback_line(id_: UUID = OTHER, **changed: str) -> bytes:
    """Return a line "callback"."""
    fields = {
        "t": at(40),
        "node": "pbx1",
        "what": "ended",
        "incident": str(CALL),
        "num": "081234567890",
        "op": "op1",
        "trunk": "telco",
        "operator": at(3),
        "human": at(9),
        "result": "talked",
        "cause": "",
    }
    return _line("callback", id_, fields | changed)


def notice_line(id_: UUID = OTHER, **changed: str) -> bytes:
    """Return a line "notice"."""
    return _line("notice", id_, {"t": at(3), "node": "pbx1", "try": "2", "result": "accepted"} | changed)


def _line(kind: str, call: UUID, fields: dict[str, str]) -> bytes:
    return "|".join(("1", kind, str(call), *(f"{k}={v}" for k, v in fields.items()))).encode()


@dataclass
class Store:
    """A journal store in memory; `fails` times it raises what `error` is."""

    error: Exception | None = None
    fails: int = 0
    taken: dict[str, int] = field(default_factory=dict)
    batches: list[JournalBatch] = field(default_factory=list)

    async def offsets(self, node: str) -> dict[str, int]:
        """Return the offsets of what was applied."""
        assert node == "pbx1"
        return dict(self.taken)

    async def offsets_of(self, node: str, files: Sequence[str]) -> dict[str, int]:
        """Return the same of these files."""
        assert node == "pbx1"
        return {file: self.taken[file] for file in files if file in self.taken}

    async def apply(self, batch: JournalBatch) -> None:
        """Take a batch, or fail before anything of it is taken."""
        if self.fails and self.error is not None:
            self.fails -= 1
            raise self.error
        self.batches.append(batch)
        self.taken[batch.file] = batch.offset

    @property
    def records(self) -> list[Record]:
        """Every record in the order of its coming."""
        return [record for batch in self.batches for record in batch.records]

    @property
    def rejected(self) -> list[bytes]:
        """Every line that was set aside."""
        return [rejected.line for batch in self.batches for rejected in batch.rejected]


@dataclass
class Notes:
    """A writer; `full` ones take nothing."""

    full: bool = False
    taken: list[Note] = field(default_factory=list)

    def put(self, note: Note) -> bool:
        """Take a note unless full."""
        if not self.full:
            self.taken.append(note)
        return not self.full


class Clock:
    """A clock that stands still."""

    def now_us(self) -> int:
        """Return the beginning of the tests' calls."""
        return us(0)


@dataclass
class Talk:
    """What a session says to the dialplan: it takes all, or raises `fails`."""

    fails: Exception | None = None
    given: list[HandOver] = field(default_factory=list)
    suspicions: list[int] = field(default_factory=list)

    async def hand_over(self, given: HandOver, suspicion: int = 0) -> None:
        """Take it."""
        self.suspicions.append(suspicion)
        if self.fails:
            raise self.fails
        self.given.append(given)

    @property
    def had(self) -> HandOver:
        """What the one caller was given."""
        (given,) = self.given
        return given


def arrival(origin: str = "citizen", trunk: str = "telco") -> Opened:
    """Return what the PBX says of an arriving call."""
    return Opened(CALL, us(0), "pbx1", origin, trunk, "0812345", "", "PJSIP/trunk-telco-00000001", "1763760000.1")


def chosen(**changed: Any) -> Chosen:
    """Return what the PBX tells of a caller who pressed 1."""
    told = Chosen(
        call=CALL,
        origin="citizen",
        trunk="telco",
        choice="1",
        category="fire",
        language="id",
        version=7,
        route="fire",
        plan_text="plan,7,fire,10,fire!record,60",
    )
    return replace(told, **changed)
