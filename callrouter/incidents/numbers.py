"""Callers' numbers: what they are in E.164, and how people in Indonesia dial them.

What the carrier sent is kept as it came; this is only how it is shown. In which ways carriers write one number, and
so which calls are of one caller, says callrouter.privacy.numbers. The plan of numbers is that of libphonenumber
(ITU-T E.164, E.129 for +62; Permenkominfo 14/2018).
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Final

HOME: Final = "ID"
_COUNTRY: Final = "62"
_DIALLED: Final = re.compile(r"\+?[0-9][0-9 ().\-/]{2,39}", re.ASCII)
_SEPARATORS: Final = re.compile(r"[\s().\-/\u2010-\u2015]")
_WRITTEN: Final = re.compile(r"(?:(?:tel|sips?):)?(\+?[0-9]{3,30})(?:[;@].*)?", re.ASCII | re.IGNORECASE)
LEAST: Final = 8
"""Digits behind the country's code, of a number whose range is not known: shorter ones are services (112, 14045)."""
KNOWN: Final = 4_096
"""Numbers whose form is remembered: to find it takes 0.2 ms."""


@dataclass(frozen=True, slots=True)
class Phone:
    """One number.

    raw:    as the caller's side gave it; empty when withheld
    e164:   ``+628123456789``; empty where it is no number that can be rung from anywhere
    shown:  as people dial it here (``0812-3456-789``), or with its country's code; `raw` where it is none
    """

    raw: str
    e164: str
    shown: str

    @property
    def withheld(self) -> bool:
        """True: the caller's side gave none (no SIM, or he hid it)."""
        return not self.raw


def phone(raw: str) -> Phone:
    """Return what a number is. Never raises, whatever it is."""
    return _phone(raw[:64])


def bare(text: str) -> str:
    """Return a number that a person or another centre wrote, without separators and its URI's scheme (``tel:``, RFC
    3966; ``sip:`` with a number in front of the host). Anything else is returned as it is.
    """
    found = _WRITTEN.fullmatch(_SEPARATORS.sub("", text))
    if found is None:
        return text
    # ``+62 (0)812``: nobody dials both.
    return f"+{_COUNTRY}{found[1][4:]}" if found[1].startswith(f"+{_COUNTRY}0") else found[1]


def load() -> None:
    """Read the plan of numbers now (a quarter of a second): not while a call waits."""
    phone("+6281200000000")
    phone("+6585000000")


@functools.lru_cache(KNOWN)
def _phone(raw: str) -> Phone:
    # Imported where it is used: the command line starts without it.
    import phonenumbers as plan  # noqa: PLC0415

    text = raw.strip()
    if not _DIALLED.fullmatch(text):
        return Phone(raw, "", raw)
    try:
        number = plan.parse(_from_abroad(text), HOME)
    except plan.NumberParseException:
        return Phone(raw, "", raw)
    e164 = plan.format_number(number, plan.PhoneNumberFormat.E164)
    national = len(str(number.national_number))
    if not plan.is_valid_number(number) and not (plan.is_possible_number(number) and national >= LEAST):
        return Phone(raw, "", raw)
    of_here = number.country_code == int(_COUNTRY)
    form = plan.PhoneNumberFormat.NATIONAL if of_here else plan.PhoneNumberFormat.INTERNATIONAL
    return Phone(raw, e164, plan.format_number(number, form))


def _from_abroad(text: str) -> str:
    """Return a number with ``+`` where the carrier wrote ``00`` or left it out before the code of this country."""
    digits = re.sub(r"[^0-9]", "", text)
    if text.startswith("00"):
        return "+" + digits[2:]
    if not text.startswith("+") and digits.startswith(_COUNTRY) and len(digits) > len(_COUNTRY) + LEAST - 1:
        return "+" + digits
    return text
