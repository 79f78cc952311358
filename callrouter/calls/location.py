"""The area of a call, from the civic address that came with it (PIDF-LO: RFC 4119, RFC 5139).

Indonesia has no registered use of the elements, so we read them as the Ministry of Home Affairs divides the country:
A1 province, A2 regency or city, A3 district, A4 village. An element holds a name or the area's code (35.07.13).
What is not certain is unknown, and an area that holds the right one is better than a wrong village.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

from callrouter.routing.table import Area
from callrouter.routing.values import AREA_PATTERN

LEVELS: Final = 4
"""Province, regency or city, district, village."""
MAX_NAME: Final = 120
"""Characters of an element; an area's name has at most 80, and longer text names none."""

_COUNTRY: Final = "ID"
_CODE: Final = re.compile(AREA_PATTERN)
_REGENCY, _CITY = "kabupaten", "kota"
_KINDS: Final = {"kabupaten": _REGENCY, "kab": _REGENCY, "kota": _CITY, "kotamadya": _CITY, "kodya": _CITY}
_FIRST_CITY: Final = 71
"""Second part of the code of a city; those of regencies are lower (Permendagri 58/2021)."""
_BEFORE: Final = (
    (
        ("provinsi",),
        ("propinsi",),
        ("prov",),
        ("daerah", "khusus", "ibukota"),
        ("daerah", "istimewa"),
        ("daerah", "khusus"),
        ("dki",),
        ("dk",),
        ("di",),
        ("d", "i"),
    ),
    (("administrasi",), ("adm",)),
    (("kecamatan",), ("kec",), ("distrik",)),
    (("kelurahan",), ("kel",), ("desa",), ("ds",)),
)
"""Words before a name that say what it is, by level; a regency or city says more (`_KINDS`)."""


@dataclass(frozen=True, slots=True)
class CivicAddress:
    """As much of a civic address as tells an area, as it was sent: `names` are A1 to A4, empty where not given.

    country: ISO 3166, two letters; empty where not given
    """

    names: tuple[str, str, str, str]
    country: str = ""


class _Name(NamedTuple):
    """A name to compare: letters and digits alone; `kind` tells a regency from a city of the same name."""

    plain: str
    kind: str


class Gazetteer:
    """The areas that a table names, to be found by a civic address."""

    def __init__(self, areas: Iterable[Area]) -> None:
        self._named: dict[str, _Name] = {}
        self._codes: dict[tuple[int, str], list[str]] = {}
        for area in areas:
            level = _level(area.code)
            name = _name(area.name, level, area.code)
            if name is not None:
                self._named[area.code] = name
                self._codes.setdefault((level, name.plain), []).append(area.code)

    def code_of(self, address: CivicAddress) -> str | None:
        """Return the code of the deepest area that the address tells; None where it tells none for certain.

        A code counts also where the table does not name it: routes ask for an area by the beginning of its code.
        A name counts where one area of its level has it and what is given of the levels above does not contradict.
        """
        if address.country.strip().upper() not in {"", _COUNTRY}:
            return None
        texts = [text.strip() for text in address.names]
        codes = sorted((text for text in texts if _CODE.fullmatch(text)), key=len)
        told = codes[-1] if codes else ""
        if not all(_within(told, code) for code in codes):
            return None
        given = {n: name for n, text in enumerate(texts) if text not in codes and (name := _name(text, n))}
        called = {level: self._called(name, level) for level, name in given.items()}
        floor = _level(told) if told else -1
        for level in range(LEVELS - 1, floor, -1):
            found = list(islice((code for code in called.get(level, ()) if self._fits(code, called, told)), 2))
            if len(found) == 1:
                return found[0]
        return told or None

    def _called(self, name: _Name, level: int) -> frozenset[str]:
        """Return the codes of a level's areas of that name."""
        codes = self._codes.get((level, name.plain), ())
        return frozenset(code for code in codes if not name.kind or self._named[code].kind == name.kind)

    def _fits(self, code: str, called: Mapping[int, Collection[str]], told: str) -> bool:
        """Whether what is given of the levels above does not contradict.

        Where the table does not name what is above, that may have the given name, unless another area has it.
        """
        if told and not _within(code, told):
            return False
        parts = code.split(".")
        return all(
            (above := ".".join(parts[: level + 1])) in codes or (above not in self._named and not codes)
            for level, codes in called.items()
            if level + 1 < len(parts)
        )


def _within(code: str, whole: str) -> bool:
    return code == whole or code.startswith(f"{whole}.")


def _level(code: str) -> int:
    return code.count(".")


def _name(text: str, level: int, code: str = "") -> _Name | None:
    """Return the name in `text`, without case, accents, marks, blanks and the words before it; None for none.

    code: of an area of the table, for the kind where its name does not tell
    """
    if len(text) > MAX_NAME:
        return None
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    words = "".join(c if c.isalnum() else " " for c in bare.casefold()).split()
    kind = ""
    if level == 1 and len(words) > 1 and words[0] in _KINDS:
        kind = _KINDS[words.pop(0)]
    elif level == 1 and code:
        kind = _CITY if int(code.split(".")[1]) >= _FIRST_CITY else _REGENCY
    words = _without(words, _BEFORE[level])
    return _Name("".join(words), kind) if words else None


def _without(words: list[str], before: tuple[tuple[str, ...], ...]) -> list[str]:
    for some in before:
        if len(words) > len(some) and tuple(words[: len(some)]) == some:
            return _without(words[len(some) :], before)
    return words
