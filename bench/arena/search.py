"""The highest rate that an opponent sustains: steps up until one is not held, then half of the way back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

STEPS: Final = (10, 20, 40, 80, 120, 160, 240, 320)
FIRST: Final = 40
"""Where one begins: who does not hold it goes down."""


@dataclass
class Search:
    """One search over rates (calls/s).

    A rate that just fails may have met the machine's bad moment, and gets a second try; one that is held cannot have
    met a good one. `most` bounds the attempts; what was held by then is the answer.
    """

    most: int = 6
    steps: tuple[int, ...] = STEPS
    first: int = FIRST
    attempts: list[tuple[int, bool]] = field(default_factory=list)
    _failed: set[int] = field(default_factory=set)

    @property
    def held(self) -> int:
        """The highest rate that was held below the lowest that was not; 0: none was."""
        return max((rate for rate, held in self.attempts if held and rate < self._lowest_failed), default=0)

    @property
    def failed(self) -> int | None:
        """The lowest rate that was not held, if one was not."""
        return None if self._lowest_failed == _NEVER else int(self._lowest_failed)

    @property
    def next(self) -> int | None:
        """What is to be tried now; None: it is done."""
        if len(self.attempts) >= self.most:
            return None
        if not self.attempts:
            return self.first
        rate, held = self.attempts[-1]
        if not held and rate not in self._failed:
            return rate
        low, high = self.held, self._lowest_failed
        between = [step for step in self.steps if low < step < high]
        if between:
            return between[0] if low else between[-1]
        if high == _NEVER:
            return None
        middle = _round((low + high) / 2)
        return middle if self._refines and low < middle < high else None

    def tell(self, rate: int, *, held: bool, near: bool = False) -> None:
        """Say how an attempt went. near: it was not held, but might be the next time."""
        if not held and (not near or (rate, False) in self.attempts):
            self._failed.add(rate)
        self.attempts.append((rate, held))

    @property
    def _lowest_failed(self) -> float:
        return min(self._failed, default=_NEVER)

    @property
    def _refines(self) -> bool:
        """One step between the steps is enough."""
        return all(rate in self.steps for rate, _ in self.attempts)


_NEVER: Final = float("inf")


def _round(rate: float) -> int:
    return 5 * round(rate / 5)
