"""One line of the journal, read.

The PBX writes ``1|kind|id|key=value|…`` (``asterisk-config/dialplan``, contexts callrouter-112,
callrouter-hangup, callrouter-duty, callrouter-callback and callrouter-notice). What a caller sent is base64 in it.
Nothing here trusts a line: it may be torn or forged.
"""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from uuid import UUID

from callrouter.agencies.calling import Rung
from callrouter.calls.records import Attempt, DutyActed, Ended, Glimpsed, NoticeRung, Opened, Record
from callrouter.duty.model import Act
from callrouter.incidents.callbacks import DIALABLE, TryNoted, TryOutcome, TryStep
from callrouter.incidents.model import Outcome

_MORE = "+more"
"""Behind the stamps of talks: there were more of them than a line holds."""
MAX_LINE = 8_192
MAX_ATTEMPTS = 64
MESSAGE_MIN_BYTES = 44 + 20_000
"""Size of a file of 8 kHz 16-bit sound: less is no message. Record() leaves one second of the silence that ended it,
so that a caller who says nothing leaves about 16,300 bytes.
"""
JOINED_MIN_US = 50_000
"""A caller who is gone this soon after the stamp of the human met nobody: he had left while the callee was told, and
the PBX noticed it only then (1 to 5 ms after the stamp, measured).
"""
_LAST_SECOND = 253_402_300_800
"""The year 10000: what lies beyond is no time."""


_STAMP = re.compile(r"([0-9]{1,12})_([0-5][0-9])\.([0-9]{6})")
_LONGEST_BETWEEN_S = 5
"""Between the two readings of one stamp; a PBX that stood still for longer writes no time that can be trusted."""


_OPERATOR = re.compile(r"[a-z0-9-]{1,31}")
"""A key of the directory."""
_WITHHELD = frozenset({"anonymous", "restricted", "unavailable", "unknown"})
"""User parts that stand for no number."""


class BadLine(ValueError):
    """The line is not one that the PBX writes whole."""


def parse_line(line: bytes) -> Record | DutyActed | TryNoted | NoticeRung:
    """Return the record of one line (without its line end). Raises BadLine with the reason."""
    if len(line) > MAX_LINE:
        raise BadLine(f"longer than {MAX_LINE} bytes")
    try:
        version, kind, call, *pairs = line.decode("utf-8").split("|")
        fields = dict(pair.split("=", 1) for pair in pairs)
        if version != "1":
            raise BadLine(f"version {version[:10]!r} is not known")
        read = _KINDS.get(kind)
        if read is None:
            raise BadLine(f"kind {kind[:20]!r} is not known")
        return read(UUID(call), fields)
    except KeyError as error:
        raise BadLine(f"the field {error} is missing") from None
    except BadLine:
        raise
    except ValueError as error:
        raise BadLine(str(error)[:200]) from None


_GLIMPSE = re.compile(
    rb"1\|(?:opened|ended)\|([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\|(?:t=([0-9_.]{10,21})\|)?|$)"
)


def glimpse(line: bytes, node: str, named_at: int) -> Glimpsed | None:
    """Return the call that a line speaks of which could not be read; None where not even that can be told.

    named_at: µs UTC by which the file is named, for a line that breaks off before its time
    """
    found = _GLIMPSE.match(line)
    if found is None:
        return None
    at = named_at
    if found[2]:
        with contextlib.suppress(BadLine):
            at = microseconds(found[2].decode())
    return Glimpsed(UUID(found[1].decode()), at, node)


def decoded(text: str) -> str:
    """Return what a caller sent. Raises BadLine.

    It comes as base64 of a dot and his text, each ``:`` as ``%3A`` and each ``%`` as ``%25`` (the dialplan says why).
    What is not UTF-8 becomes U+FFFD.
    """
    try:
        sent = base64.b64decode(text, validate=True)
    except ValueError as error:  # not base64, or not even ASCII
        raise BadLine(f"not base64: {error}") from None
    if not sent.startswith(b"."):
        raise BadLine("what a caller sent is not marked as such")
    return sent[1:].replace(b"%3A", b":").replace(b"%25", b"%").decode("utf-8", errors="replace")


def caller_number(text: str) -> str:
    """Return the number that a caller's side gave, decoded; empty where it is withheld (RFC 3323, section 4.1.1.3).

    Raises BadLine.
    """
    number = decoded(text)
    return "" if number.lower() in _WITHHELD else number


def microseconds(stamp: str) -> int:
    """Return ``1763760059_00.123456`` (EPOCH, then second of the minute and fraction) as whole microseconds.

    The PBX has no function that gives a moment with its fraction and without a time zone, so it writes two readings
    of its clock. The second may fall into the next second; the second of the minute tells. Raises BadLine.
    """
    parts = _STAMP.fullmatch(stamp)
    if parts is None:
        raise BadLine(f"{stamp[:40]!r} is not a time")
    epoch, second, fraction = (int(part) for part in parts.groups())
    if epoch >= _LAST_SECOND:
        raise BadLine(f"{stamp[:40]!r} is no time of this world")
    later = (second - epoch) % 60
    if later > _LONGEST_BETWEEN_S:
        raise BadLine(f"{stamp[:40]!r} is two times that do not belong together")
    return (epoch + later) * 1_000_000 + fraction


def _maybe(stamp: str) -> int | None:
    return microseconds(stamp) if stamp else None


def _opened(call: UUID, fields: dict[str, str]) -> Opened:
    return Opened(
        call=call,
        at=microseconds(fields["t"]),
        node=fields["node"],
        origin=fields["origin"],
        trunk=fields["trunk"],
        number=caller_number(fields["num"]),
        name=decoded(fields["name"]),
        channel=fields["chan"],
        uniqueid=fields["uid"],
        handed=fields.get("handed", ""),
        sent_from=decoded(fields["from"]) if fields.get("from") else "",
    )


def _ended(call: UUID, fields: dict[str, str]) -> Ended:
    at = microseconds(fields["t"])
    attempts = _attempts(fields, at)
    human = next((a.human for a in attempts if a.result == "talked"), None)
    attempts += _parties(fields.get("parties", ""), at, len(attempts))
    said = int(fields["said"] or 0)
    stage = fields["stage"]
    return Ended(
        call=call,
        at=at,
        node=fields["node"],
        answered=_maybe(fields["answered"]),
        chosen=_maybe(fields["chosen"]),
        human=human,
        choice=fields["choice"],
        category=fields["category"],
        language=fields["lang"],
        stage=stage,
        path=fields["path"],
        version=int(fields["version"]) if fields["version"] else None,
        route=fields["route"],
        plan=fields["plan"],
        outcome=_outcome(human, said, stage, attempts),
        recording=fields["rec"] if said >= MESSAGE_MIN_BYTES else "",
        cause=fields["cause"],
        attempts=attempts,
        passed_by=fields.get("passed", ""),  # not in the lines of PBXs that cannot pass on
        left_out=int(fields.get("cut", 0)),
        origin=fields.get("origin", ""),
        trunk=fields.get("trunk", ""),
        area=fields.get("area", ""),
        away=fields.get("away", ""),
        suspicion=min(int(fields.get("susp") or 0), 100),
        posture=fields.get("posture", ""),
        cannot_speak=fields.get("mute") == "yes",
        talks=_talks(fields.get("talks", "")),
        more_talks=fields.get("talks", "").endswith(_MORE),
    )


def _talks(text: str) -> tuple[str, ...]:
    stamps = tuple(stamp for stamp in text.removesuffix(_MORE).split("+") if stamp)
    for stamp in stamps:
        microseconds(stamp)
    return stamps


def _duty(id_: UUID, fields: dict[str, str]) -> DutyActed:
    if not _OPERATOR.fullmatch(fields["op"]):
        raise BadLine(f"{fields['op'][:40]!r} is no operator")
    return DutyActed(id_, microseconds(fields["t"]), fields["node"], fields["op"], Act(fields["act"]))


def _notice(id_: UUID, fields: dict[str, str]) -> NoticeRung:
    return NoticeRung(id_, microseconds(fields["t"]), fields["node"], int(fields["try"]), Rung(fields["result"]))


def _callback(id_: UUID, fields: dict[str, str]) -> TryNoted:
    step = TryStep(fields["what"])
    number, operator = fields["num"], fields["op"]
    if not DIALABLE.fullmatch(number) or not _OPERATOR.fullmatch(operator):
        raise BadLine(f"{number[:40]!r} is not called back by {operator[:40]!r}")
    return TryNoted(
        id=id_,
        at=microseconds(fields["t"]),
        node=fields["node"],
        step=step,
        incident=UUID(fields["incident"]),
        number=number,
        operator=operator,
        trunk=fields["trunk"],
        operator_at=_maybe(fields["operator"]),
        human_at=_maybe(fields["human"]),
        outcome=TryOutcome(fields["result"]) if step is TryStep.ENDED else None,
        cause=fields["cause"],
    )


def _outcome(human: int | None, said: int, stage: str, attempts: tuple[Attempt, ...]) -> Outcome:
    if human is not None:
        return Outcome.TALKED
    if said >= MESSAGE_MIN_BYTES:
        return Outcome.RECORDED
    asked = any(a.kind == "record" and a.result != "began" for a in attempts)
    return Outcome.NO_MESSAGE if asked or stage == "after" else Outcome.ABANDONED


def _attempts(fields: dict[str, str], ended: int) -> tuple[Attempt, ...]:
    texts = [text for text in fields["attempts"].split("^") if text]
    if len(texts) > MAX_ATTEMPTS:
        raise BadLine(f"{len(texts)} attempts")
    return tuple(_attempt(n, text, fields, ended, is_last=n == len(texts)) for n, text in enumerate(texts, start=1))


def _parties(text: str, ended: int, behind: int) -> tuple[Attempt, ...]:
    """Return who was added to the talk, as attempts that come after those of the plan."""
    texts = [one for one in text.split("^") if one][: MAX_ATTEMPTS - behind]
    found = [_attempt(n, one, {}, ended, is_last=False) for n, one in enumerate(texts, start=behind + 1)]
    # Who is still there as the caller leaves is told of by nobody.
    return tuple(replace(a, result="talked" if a.human else "left") if a.result == "began" else a for a in found)


def _attempt(n: int, text: str, fields: dict[str, str], ended: int, *, is_last: bool) -> Attempt:
    try:
        kind, label, begun, pickup, human, end, by, result, cause = text.split("~")
    except ValueError:
        raise BadLine(f"attempt {n} has not nine parts") from None
    if result == "began" and is_last:
        # The caller left while it ran: its stamps are still the channel's.
        pickup, human, by = fields["pickup"], fields["human"], fields["by"]
        if human and 0 <= ended - microseconds(human) < JOINED_MIN_US:
            human = ""
        result = "talked" if human else "left"
    return Attempt(
        n=n,
        kind=kind,
        label=label,
        begun=microseconds(begun),
        pickup=_maybe(pickup),
        human=_maybe(human),
        ended=_maybe(end) or ended,
        by=by,
        result=result,
        cause=cause,
    )


_KINDS: Mapping[str, Callable[[UUID, dict[str, str]], Record | DutyActed | TryNoted | NoticeRung]] = {
    "opened": _opened,
    "ended": _ended,
    "duty": _duty,
    "callback": _callback,
    "notice": _notice,
}
