"""What an agent can be told to do, and what it tells of a call."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Final, Literal

from demo.softphone.hearing import SPEECH

NET_S: Final = 30.0
"""The limit of a wait that measures nothing: however busy the machine is, what has not come by then does not come."""


class SoftphoneError(Exception):
    """An agent could not do what it was told."""


class NotInTime(SoftphoneError, TimeoutError):
    """What was waited for did not happen before its deadline, or can no longer happen."""


@dataclass(frozen=True)
class Account:
    """How an operator's phone registers. registrar: host:port of the PBX."""

    user: str
    password: str = field(repr=False)
    registrar: str
    expires_s: int = 120


@dataclass(frozen=True)
class Answer:
    """Rings for after_s, then answers. hangup_after_s and the delays of digits count from the answer (s)."""

    after_s: float = 0.2
    hangup_after_s: float | None = None
    digits: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class Reject:
    """Rings for after_s, then 486 Busy Here, the one refusal that baresip sends. Others: SIPp (uas_503.xml …)."""

    status: Literal[486] = 486
    after_s: float = 0.0

    def __post_init__(self) -> None:
        if self.status != 486:
            raise ValueError("baresip refuses with 486 only; for other answers play a SIPp scenario")


@dataclass(frozen=True)
class RingOnly:
    """Rings until the caller gives up, or until the test says answer() or reject()."""


Behaviour = Answer | Reject | RingOnly


def behaviour_to_json(behaviour: Behaviour) -> dict[str, Any]:
    """For the way to the child process."""
    return {"kind": type(behaviour).__name__, **asdict(behaviour)}


def behaviour_from_json(data: dict[str, Any]) -> Behaviour:
    """The reverse of behaviour_to_json."""
    fields = {key: value for key, value in data.items() if key != "kind"}
    match data["kind"]:
        case "Answer":
            digits = tuple((float(after), str(keys)) for after, keys in fields.pop("digits"))
            return Answer(**fields, digits=digits)
        case "Reject":
            return Reject(**fields)
        case _:
            return RingOnly()


@dataclass(frozen=True)
class Remote:
    """The other side as its INVITE named it. from_header is the raw value, number the user part of its URI."""

    uri: str
    number: str
    display_name: str
    from_header: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Span:
    """From when to when something was heard (monotonic s). to_s is None while it goes on."""

    from_s: float
    to_s: float | None = None

    def reaches(self, since_s: float) -> bool:
        """True if it was heard at or after since_s."""
        return self.to_s is None or self.to_s >= since_s


@dataclass(frozen=True)
class CallReport:
    """What one agent saw and heard of one call.

    All times are seconds of time.monotonic(), the same clock in every process of a machine; wall() converts.
    invited_s: INVITE sent or received; ringing_s: first 180 or 183; answered_s: 200; audio_s: first RTP decoded.
    heard: by tone (SPEECH for any other sound), the spans in which it was heard.
    silences: every gap of more than 60 ms between two frames louder than -45 dBm0.
    status: the SIP code that refused the call, if one did. ended_by: "local", "remote", or "refused".
    digits: what the other side pressed, with times (RFC 4733 or SIP INFO).
    """

    agent: str
    direction: Literal["in", "out"]
    remote: Remote
    invited_s: float
    ringing_s: float | None
    answered_s: float | None
    audio_s: float | None
    ended_s: float | None
    ended_by: Literal["local", "remote", "refused"] | None
    status: int | None
    reason: str
    heard: Mapping[int, tuple[Span, ...]]
    silences: tuple[Span, ...]
    digits: tuple[tuple[float, str], ...]
    wall_offset_s: float

    @property
    def tones(self) -> frozenset[int]:
        """Every agent's tone that was heard, at any time."""
        return frozenset(key for key in self.heard if key != SPEECH)

    @property
    def digits_text(self) -> str:
        """The digits alone."""
        return "".join(digit for _, digit in self.digits)

    def first_heard_s(self, tone_hz: int) -> float | None:
        """When the tone was heard first."""
        spans = self.heard.get(tone_hz, ())
        return spans[0].from_s if spans else None

    def longest_gap_s(self, tone_hz: int) -> float:
        """The longest time between two spans of this tone: 0 if it was never interrupted."""
        spans = self.heard.get(tone_hz, ())
        gaps = [later.from_s - earlier.to_s for earlier, later in pairwise(spans) if earlier.to_s]
        return max(gaps, default=0.0)

    @property
    def longest_silence_s(self) -> float:
        """The longest time without any sound between the answer and the first tone.

        Without a tone: until the end of the call, or until now while it lasts. Without an answer: 0.
        """
        if self.answered_s is None:
            return 0.0
        first_tones = [spans[0].from_s for key, spans in self.heard.items() if key != SPEECH and spans]
        end = min(first_tones, default=self.ended_s if self.ended_s is not None else time.monotonic())
        return max((_overlap(span, self.answered_s, end) for span in self.silences), default=0.0)

    def since_invite_s(self, at_s: float | None) -> float | None:
        """A moment of this report, counted from the INVITE."""
        return None if at_s is None else at_s - self.invited_s

    def wall(self, at_s: float | None) -> float | None:
        """The moment as seconds since 1970 (UTC)."""
        return None if at_s is None else at_s + self.wall_offset_s


def _overlap(span: Span, from_s: float, to_s: float) -> float:
    end = to_s if span.to_s is None else min(span.to_s, to_s)
    return max(0.0, end - max(span.from_s, from_s))
