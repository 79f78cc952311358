"""Answers that are alike for many, written out once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

MAX_WRITTEN: Final = 2_000
"""Pieces that are kept."""


class Written:
    """Keeps what was written out last."""

    def __init__(self, most: int = MAX_WRITTEN) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, bytes | None] = OrderedDict()

    def of(self, key: Hashable, write: Callable[[], bytes | None]) -> bytes | None:
        """Return what was written for `key`, or write it."""
        if key in self._kept:
            return self._kept[key]
        written = self._kept[key] = write()
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return written
