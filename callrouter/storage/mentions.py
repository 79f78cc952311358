"""Where a person's number stands in what people and other centres wrote: with separators, as a URI, within a text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any, Final

from sqlalchemy import ColumnElement, Text, cast, func

from callrouter.incidents.numbers import bare

LEAST: Final = 8
"""Digits that all spellings of a number share, for it to be looked for within texts: fewer are found in dates too."""
_SEPARATORS: Final = (" ", "-", ".", "(", ")", "/")
_BETWEEN: Final = r"[\s().\-/\u2010-\u2015]*"


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
            self._pattern = re.compile(rf"(?<![0-9])(?:{spelled})(?![0-9])")

    @property
    def within_texts(self) -> bool:
        """Whether it is looked for within texts."""
        return self._pattern is not None

    def may(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        """Return the question whether a column may have it: `has` says whether it does."""
        text: ColumnElement[str] = cast(column, Text)
        for separator in _SEPARATORS:
            text = func.replace(text, separator, "")
        return text.contains(self._tail, autoescape=True)

    def has(self, value: Any) -> bool:
        """Return whether a text, or what was read of JSON, has it."""
        if isinstance(value, str):
            return bare(value) in self._numbers or (self._pattern is not None and bool(self._pattern.search(value)))
        if isinstance(value, Mapping):
            return any(self.has(one) for pair in value.items() for one in pair)
        if isinstance(value, list | tuple):
            return any(map(self.has, value))
        return isinstance(value, int) and str(value) in self._numbers
