"""The sounds of these calls: two that nobody else makes, and what is none at all. All of it is A-law (G.711)."""

from __future__ import annotations

from typing import Final

RATE: Final = 8_000
_CALLER: Final = (0xA0, 0x20)
_AGENCY: Final = (0xB2, 0x32)
"""One step up, the same step down: a square wave. A-law that becomes linear and A-law again is what it was."""
_HALF_PERIOD: Final = 4
_QUIET: Final = bytes(code for code in range(256) if (code ^ 0x55) & 0x7F < 0x10)
"""Below about -42 dB of full scale."""
_LOUD: Final = 8
"""So many samples of a packet above that are sound, not noise of a clip's begin."""


def caller() -> bytes:
    """Return a second of the caller's sound."""
    return _wave(_CALLER)


def agency() -> bytes:
    """Return a second of the agency's sound."""
    return _wave(_AGENCY)


def _wave(steps: tuple[int, int]) -> bytes:
    up, down = steps
    period = bytes([up] * _HALF_PERIOD + [down] * _HALF_PERIOD)
    return period * (RATE // len(period))


def is_caller(payload: bytes) -> bool:
    """At least half of it is the caller's sound."""
    return _is(payload, bytes(_CALLER))


def is_agency(payload: bytes) -> bool:
    """At least half of it is the agency's sound."""
    return _is(payload, bytes(_AGENCY))


def is_sound(payload: bytes) -> bool:
    """It is not silence."""
    return len(payload.translate(None, _QUIET)) >= _LOUD


def _is(payload: bytes, codes: bytes) -> bool:
    theirs = len(payload) - len(payload.translate(None, codes))
    return theirs > 0 and 2 * theirs >= len(payload)
