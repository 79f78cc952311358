"""Where a person's number stands in what people and other centres wrote: with separators, as a URI, within a text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any, Final

from sqlalchemy import ColumnElement, Text, cast

from callrouter.incidents.numbers import bare

LEAST: Final = 8
"""Digits that all spellings of a number share, for it to be looked for within texts: fewer are found in dates too."""
ERASED: Final = "***"
"""What stands in a text where the number stood."""
_NO_DIGITS: Final = r"(?:[^0-9\\]|\\[^u0-9]|\\u[0-9a-f]{4})*"
"""What the databases pass over as they look: all that may stand between digits, also as JSON has it (``\\u2011``)."""
_BETWEEN: Final = r"[\s().\-/\u2010-\u2015]{0,4}"


class Mentions:
    """Finds one number. numbers: all of its spellings (callrouter.privacy.numbers.spellings)."""

    def __init__(self, numbers: Sequence[str]) -> None:
        self._numbers = frozenset(numbers)
        shared = takewhile(
            lambda alike: len(set(alike)) == 1, zip(*(number[::-1] for number in numbers), strict=False)
        )
        self._tail = "".join(digit for digit, *_ in shared)[::-1].lstrip("+")
        self._pattern: re.Pattern[str] | None = None
        if len(numbers) > 1 and len(self._tail) >= LEAST:
            # ``+62 (0)812``: the national prefix behind the country's code, as many write it.
            known = (*numbers, *(f"62{one}" for one in numbers if one.startswith("0") and not one.startswith("00")))
            spelled = "|".join(_BETWEEN.join(map(re.escape, one.lstrip("+"))) for one in known)
            # Whatever a hyphen or a dot joins to it is of the same number, which is then a longer one.
            self._pattern = re.compile(rf"(?<![0-9])(?<![0-9][-.])(\(?)\+?(?:{spelled})(?![-.]?[0-9])")

    @property
    def within_texts(self) -> bool:
        """Whether it is looked for within texts."""
        return self._pattern is not None

    def may(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        """Return the question whether a column may have it: `has` says whether it does."""
        return cast(column, Text).regexp_match(_NO_DIGITS.join(self._tail))

    def has(self, value: Any) -> bool:
        """Return whether a text, or what was read of JSON, has it."""
        if isinstance(value, str):
            return bare(value) in self._numbers or (self._pattern is not None and bool(self._pattern.search(value)))
        if isinstance(value, Mapping):
            return any(self.has(one) for pair in value.items() for one in pair)
        if isinstance(value, list | tuple):
            return any(map(self.has, value))
        return self.within_texts and isinstance(value, int) and str(value) in self._numbers

    def without(self, text: str) -> str:
        """Return a text with ERASED wherever the number stood in it, however it was written there."""
        return text if self._pattern is None else self._pattern.sub(_erased, text)


def _erased(found: re.Match[str]) -> str:
    # ``(0812) 3456``: the bracket went with it; ``(08123456)`` keeps both.
    return ERASED if ")" in found[0] else f"{found[1]}{ERASED}"
