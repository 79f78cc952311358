"""One heap for all threads of the service."""

from __future__ import annotations

import ctypes
from typing import Final

_M_ARENA_MAX: Final = -8
"""Number of the option in glibc's malloc.h."""


def share() -> bool:
    """Let threads that start from now on share the heap; return whether the C library knows how (glibc does).

    By default each gets an arena of its own, which keeps what it once held: ours hardly work at the same time, and
    the service was 3 to 5 MB larger with them. See mallopt(3).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and mallopt(_M_ARENA_MAX, 1) == 1
