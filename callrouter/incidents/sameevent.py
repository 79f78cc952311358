"""Which incidents may be one event: a score that is exactly the sum of its terms, each with its reason. Pure.

A suggestion merges nothing: a supervisor does (callrouter.incidents.desk), and can take it back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from callrouter.bilingual import Bilingual

WINDOW_US: Final = 2 * 3_600 * 1_000_000
"""Incidents that were opened further apart are not compared (µs)."""
LEAST: Final = 50
"""Least score that is suggested: the same category at the same time is not enough, for it is the rule on a busy day;
with the same place, or words in common, it is."""
TEXT: Final = 300
"""Characters of a place or description whose words are looked at."""
_MINUTE: Final = 60_000_000
_WORD: Final = re.compile(r"[^\W_]+")
_SHOWN: Final = 6
"""Words that a reason names."""
# Of Indonesian and English, and of addresses: what says nothing of where or what.
_EMPTY_TEXT: Final = (
    "ada adalah akan atau banyak bagian dan dari dekat depan belakang samping sebelah di dalam ini itu ke korban "
    "lagi mohon oleh orang pada saya sedang segera sekarang sekitar sudah telah tempat terjadi tolong untuk yang "
    "jalan jl jln gang gg no nomor rt rw desa kel kelurahan kec kecamatan kab kabupaten kota "
    "the and for from near with there are was has have that this here please help people street road"
)
_EMPTY: Final = frozenset(_EMPTY_TEXT.split())


class TermName(StrEnum):
    """What speaks for one event, or against it."""

    CATEGORY = "category"
    AREA = "area"
    TIME = "time"
    PLACE = "place"
    DESCRIPTION = "description"


@dataclass(frozen=True, slots=True)
class Event:
    """What is compared of an incident. opened_at: µs UTC; category, area, place, description: empty: not known."""

    id: UUID
    number: int
    opened_at: int
    category: str = ""
    area: str = ""
    place: str = ""
    description: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class Term:
    """A part of the score. points: what it adds; less than 0: it speaks against one event."""

    name: TermName
    points: int
    why: Bilingual


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An incident that may be the same event, and why."""

    other: Event
    terms: tuple[Term, ...]

    @property
    def score(self) -> int:
        """The sum of the terms."""
        return sum(term.points for term in self.terms)


def suggestions(one: Event, others: Iterable[Event], most: int) -> list[Suggestion]:
    """Return at most `most` of the others that may be the same event, the likeliest first, then the nearest."""
    found = [Suggestion(other, terms(one, other)) for other in others if other.id != one.id and _near(one, other)]
    likely = [suggestion for suggestion in found if suggestion.score >= LEAST]

    def place(suggestion: Suggestion) -> tuple[int, int, int]:
        return -suggestion.score, abs(suggestion.other.opened_at - one.opened_at), suggestion.other.number

    return sorted(likely, key=place)[:most]


def terms(one: Event, other: Event) -> tuple[Term, ...]:
    """Return what speaks for and against both being one event; the same for (one, other) and (other, one)."""
    found = (
        _category(one, other),
        _area(one, other),
        _time(one, other),
        _place(one, other),
        _description(one, other),
    )
    return tuple(term for term in found if term is not None)


def telling_words(text: str) -> frozenset[str]:
    """Return the words of a text that say something: of three letters at least, or a number; in small letters."""
    found = _WORD.findall(text[:TEXT].casefold())
    return frozenset(word for word in found if word not in _EMPTY and (len(word) > 2 or word.isdigit()))


def _near(one: Event, other: Event) -> bool:
    return abs(one.opened_at - other.opened_at) <= WINDOW_US


def _category(one: Event, other: Event) -> Term | None:
    if not one.category or not other.category:
        return None
    if one.category == other.category:
        return Term(
            TermName.CATEGORY, 20, Bilingual(f"kategori sama: {one.category}", f"same category: {one.category}")
        )
    first, second = sorted((one.category, other.category))
    return Term(
        TermName.CATEGORY,
        -10,
        Bilingual(f"kategori berbeda: {first}, {second}", f"other categories: {first}, {second}"),
    )


def _area(one: Event, other: Event) -> Term | None:
    if not one.area or not other.area:
        return None
    wide, narrow = sorted((one.area, other.area), key=lambda code: (len(code), code))
    if wide == narrow:
        return Term(TermName.AREA, 25, Bilingual(f"wilayah sama: {wide}", f"same area: {wide}"))
    if narrow.startswith(f"{wide}."):
        return Term(TermName.AREA, 10, Bilingual(f"{narrow} ada di {wide}", f"{narrow} lies in {wide}"))
    return Term(TermName.AREA, -20, Bilingual(f"wilayah berbeda: {wide}, {narrow}", f"other areas: {wide}, {narrow}"))


def _time(one: Event, other: Event) -> Term | None:
    apart = abs(one.opened_at - other.opened_at)
    points = next((points for within, points in ((10, 20), (30, 10), (60, 5)) if apart <= within * _MINUTE), 0)
    if not points:
        return None
    minutes = apart // _MINUTE
    return Term(TermName.TIME, points, Bilingual(f"selisih {minutes} menit", f"{minutes} min apart"))


def _place(one: Event, other: Event) -> Term | None:
    return _shared(TermName.PLACE, one.place, other.place, 10, 30, lambda w: Bilingual(f"tempat: {w}", f"place: {w}"))


def _description(one: Event, other: Event) -> Term | None:
    return _shared(
        TermName.DESCRIPTION,
        one.description,
        other.description,
        5,
        20,
        lambda w: Bilingual(f"uraian: {w}", f"description: {w}"),
    )


def _shared(
    name: TermName, one: str, other: str, each: int, most: int, why: Callable[[str], Bilingual]
) -> Term | None:
    words = sorted(telling_words(one) & telling_words(other))
    if not words:
        return None
    return Term(name, min(each * len(words), most), why(", ".join(words[:_SHOWN])))
