"""The ways in which one Indonesian telephone number is written (E.164; Indonesia is 62, national prefix 0)."""

from __future__ import annotations

import re
from typing import Final

COUNTRY: Final = "62"
_SHORTEST: Final = 5
_SEPARATORS: Final = re.compile(r"[\s().-]")
_NATIONAL: Final = 7
"""A national number has more digits than this: shorter ones are extensions or services, which have one spelling."""


class NoNumber(ValueError):
    """The text is no telephone number that could be a person's."""


def spellings(text: str) -> tuple[str, ...]:
    """Return every way in which a carrier may have sent the number `text`, itself first. Raises NoNumber.

    ``+628123456789``, ``628123456789``, ``08123456789`` and ``00628123456789`` are one person's.
    """
    bare = _SEPARATORS.sub("", text.strip())
    digits = bare.removeprefix("+")
    if not digits.isascii() or not digits.isdecimal() or len(digits) < _SHORTEST:
        raise NoNumber(text)
    known = dict.fromkeys((bare, digits))
    national = _national(bare, digits)
    if national:
        known |= dict.fromkeys(
            (f"+{COUNTRY}{national}", f"{COUNTRY}{national}", f"0{national}", f"00{COUNTRY}{national}")
        )
    elif bare.startswith("+"):
        known |= dict.fromkeys((f"00{digits}",))
    return tuple(known)


def _national(bare: str, digits: str) -> str:
    for prefix in (f"00{COUNTRY}", COUNTRY, "0"):
        if bare.startswith("+") and prefix != COUNTRY:
            continue
        rest = digits.removeprefix(prefix)
        if rest != digits and len(rest) > _NATIONAL and not rest.startswith("0"):
            return rest
    return ""
