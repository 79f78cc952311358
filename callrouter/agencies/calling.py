"""Notices by telephone: what can become of such a call, and what follows. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from callrouter.agencies.notices import NoticeState, retry_after_s

RINGS: Final = 3
"""A telephone that was tried so often is not rung again for the same notice; others have been told long since."""
RING_AGAIN_S: Final = 60.0
"""The wait before the second time; before the third it is twice as long."""
LISTEN_S: Final = 240
"""How long, at most, it is spoken to whoever has answered."""
BESIDE_S: Final = 20
"""What a call may take beside ringing and speaking."""


class Rung(StrEnum):
    """What became of a call that speaks a notice; the words of the dialplan (context callrouter-notice)."""

    ACCEPTED = "accepted"
    """1 was pressed."""
    DECLINED = "declined"
    """9 was pressed: he has heard it, and cannot."""
    SILENT = "silent"
    """Somebody or something answered, and neither was pressed: a voicemail."""
    NOANSWER = "noanswer"
    BUSY = "busy"
    FULL = "full"
    """The trunk has no channel but what is kept for callers: nothing rang."""
    UNAVAILABLE = "unavailable"
    """The trunk, or what is behind it, would not have the call: nothing rang."""


HEARD: Final = frozenset({Rung.ACCEPTED, Rung.DECLINED})
"""A human heard it, and said so by a digit."""
RANG: Final = frozenset({Rung.SILENT, Rung.NOANSWER, Rung.BUSY})
"""Somebody was disturbed, and did not accept."""
_WHY: Final = {
    Rung.DECLINED: "declined: 9 was pressed",
    Rung.SILENT: "answered, and no digit was pressed",
    Rung.NOANSWER: "nobody answered",
    Rung.BUSY: "busy",
    Rung.FULL: "no channel of the trunk was free but what is kept for callers",
    Rung.UNAVAILABLE: "the trunk would not have the call",
}


@dataclass(frozen=True, slots=True)
class Follows:
    """What a notice is after a call. again_in_s: when it is rung again (s); None: no more. why: in words."""

    state: NoticeState
    again_in_s: float | None = None
    why: str = ""


def follows(result: Rung, tries: int, left_s: float, chance: float) -> Follows:
    """Return what follows from a call. tries: of the notice, this one included; left_s: until it is given up;
    chance: 0 to 1, as in `retry_after_s`.

    Who accepted or declined has heard it and is never rung for it again.
    """
    why = _WHY.get(result, "")
    if result in HEARD:
        return Follows(NoticeState.DELIVERED, why=why)
    again_in_s = RING_AGAIN_S * tries if result in RANG else retry_after_s(tries, chance)
    if (result in RANG and tries >= RINGS) or again_in_s >= left_s:
        return Follows(NoticeState.DEAD, why=why)
    return Follows(NoticeState.QUEUED, again_in_s, why)
