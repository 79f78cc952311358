"""How much of a person's number and name each role is shown. The one place where that is decided.

    sight = sight_of(principal)
    sight.number("+6281234567890")  ->  "+6281*******90"   or all of it

Whoever takes calls has to read a number out and ring it back; who looks at figures, tables or the audit has not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from callrouter.access.model import Principal, Right

HIDDEN: Final = "*"
HIDDEN_LEAST: Final = 4
"""At least so many signs of a whole number stay hidden: 10,000 numbers look alike."""
SERVICE_DIGITS: Final = 4
"""A number this short is a service (110, 113, an extension) and nobody's own."""
_FIRST: Final = 4
_LAST: Final = 2

_IN_LINE: Final = re.compile(r"""\b(num|name|number|from|sent_from)=('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^|,)]*)""")
NUMBERS: Final = frozenset(
    {"number", "sent_from", "caller", "caller_number", "reporter_number", "callback_number", "called"}
)
"""Members of a timeline's entry, and of what changed, that are a person's number."""
NAMES: Final = frozenset({"reporter_name", "caller_name"})
"""The same, that are a person's name."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What somebody is shown. whole: numbers and names in full; else masked."""

    whole: bool

    def number(self, number: str) -> str:
        """Return `number` as he is shown it: its first signs and its last two, the others as ``*``."""
        return number if self.whole else masked_number(number)

    def name(self, name: str) -> str:
        """Return a person's name as he is shown it: the first letter of each word."""
        return name if self.whole else masked_name(name)

    def line(self, line: str) -> str:
        """Return a line of the journal, or a record of one, without the caller's number and name."""
        return line if self.whole else _IN_LINE.sub(rf"\1={HIDDEN}", line)

    def data(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the data of a timeline's entry as he is shown them (NUMBERS, NAMES, however deep)."""
        return dict(data) if self.whole else {key: _masked(key, value) for key, value in data.items()}


WHOLE: Final = Sight(whole=True)
MASKED: Final = Sight(whole=False)


def sight_of(principal: Principal | None) -> Sight:
    """Return what `principal` is shown; None (nobody in particular) is shown least.

    The machine's own command line (a principal without a token) has the database before it, and is shown all.
    """
    if principal is None:
        return MASKED
    return WHOLE if principal.may(Right.SEE_NUMBERS) or not principal.token else MASKED


def masked_number(number: str) -> str:
    """Return a number with its middle hidden; a service's number (SERVICE_DIGITS) stays as it is.

    ``+6281234567890`` -> ``+6281*******90``. A SIP user part that is no number (``siti.rahma``) is hidden alike.
    """
    if len(number) <= SERVICE_DIGITS:
        return number if number.isdecimal() else HIDDEN * len(number)
    first = max(0, min(_FIRST + number.startswith("+"), len(number) - _LAST - HIDDEN_LEAST))
    hidden = len(number) - first - _LAST
    return f"{number[:first]}{HIDDEN * hidden}{number[-_LAST:]}"


def masked_name(name: str) -> str:
    """Return a name with all but the first letter of each word hidden; how long a word is is not told either."""
    return " ".join(f"{word[0]}{HIDDEN * 3}" for word in name.split())


def _masked(key: str, value: Any) -> Any:
    if isinstance(value, str):
        return masked_number(value) if key in NUMBERS else masked_name(value) if key in NAMES else value
    if isinstance(value, Mapping):
        return {inner: _masked(inner, one) for inner, one in value.items()}
    if isinstance(value, Sequence):  # what changed: [before, after]
        return [_masked(key, one) for one in value]
    return value
