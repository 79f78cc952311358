"""How suspect a caller is, from what is known of his earlier calls. Pure.

The score is exactly the sum of its terms, whole points from 0 to 100. It only ever orders a queue and asks a
question: it never keeps anybody from a human (docs/suspicion.md). It falls by itself: without new calls it is never
higher later than it was before.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from callrouter.bilingual import Bilingual, same
from callrouter.incidents.model import Disposition, Outcome

MOST: Final = 100
_HOUR_US: Final = 3_600_000_000
_DAY_US: Final = 24 * _HOUR_US
RECENT_US: Final = 6 * _HOUR_US
"""Only calls of the last hours are repeats."""
KEPT_US: Final = 60 * _DAY_US
"""Calls of longer ago say nothing any more."""
SHORT_US: Final = 5_000_000
"""A call that was over so soon is very short."""
RELIEF: Final = 0.25
"""What is left of all that came before an emergency that was real, that call included."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier call of a number.

    at:     when it was opened (µs UTC)
    short:  it was over within SHORT_US; silent: its caller pressed nothing and met nobody
    disposition: what its incident turned out to be (callrouter.incidents.model.Disposition); empty while unknown
    """

    at: int
    short: bool = False
    silent: bool = False
    disposition: str = ""

    @property
    def telling(self) -> bool:
        """Whether it says something also when it is no recent one."""
        return self.short or self.silent or self.disposition in TELLING


TELLING: Final = frozenset({Disposition.PRANK, Disposition.GHOST, Disposition.EMERGENCY})
"""Dispositions that count."""


@dataclass(frozen=True, slots=True)
class Term:
    """One reason of a score: which one, what it adds or takes away, and how many calls it speaks of."""

    key: str
    points: int
    count: int = 0

    @property
    def reason(self) -> Bilingual:
        """The reason, in words for people."""
        words = _REASONS.get(self.key)
        if words is None:  # of another version
            return same(self.key)
        return Bilingual(words.id.format(n=self.count), words.en.format(n=self.count))


@dataclass(frozen=True, slots=True)
class Judgement:
    """How suspect a caller is: exactly the sum of its terms. It is shown; it never blocks anybody."""

    score: int
    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class _Weight:
    """What one call adds at first, and after how long (µs) half of it is left."""

    points: float
    half_us: int


REPEATS, SILENT, SHORT, PRANK, GHOST = "repeats", "silent", "short", "prank", "ghost"
EMERGENCY, AT_MOST, NO_NUMBER = "emergency", "at_most_100", "no_number"
WEIGHTS: Final = {
    REPEATS: _Weight(6, _HOUR_US),
    SILENT: _Weight(8, _DAY_US),
    SHORT: _Weight(4, _DAY_US),
    PRANK: _Weight(30, 14 * _DAY_US),
    GHOST: _Weight(15, 14 * _DAY_US),
}
_REASONS: Final = {
    REPEATS: Bilingual("{n} panggilan dalam 6 jam terakhir", "{n} calls in the last 6 hours"),
    SILENT: Bilingual(
        "{n} panggilan tanpa menekan apa pun dan tanpa berbicara dengan siapa pun",
        "{n} calls in which nothing was pressed and nobody was talked to",
    ),
    SHORT: Bilingual("{n} panggilan yang sangat singkat (di bawah 5 detik)", "{n} very short calls (under 5 s)"),
    PRANK: Bilingual("{n} panggilan dinilai iseng oleh operator", "{n} calls that operators found to be pranks"),
    GHOST: Bilingual("{n} panggilan dinilai hening oleh operator", "{n} calls that operators found to be silent"),
    EMERGENCY: Bilingual(
        "{n} panggilan ternyata darurat: yang sebelumnya hanya dihitung seperempat",
        "{n} calls were real emergencies: of what came before only a quarter counts",
    ),
    AT_MOST: Bilingual("skor tidak pernah di atas 100", "a score is never above 100"),
    NO_NUMBER: Bilingual(
        "nomor disembunyikan atau bukan nomor telepon: tidak dinilai",
        "the number is withheld or is no telephone number: it is not judged",
    ),
}
UNKNOWN: Final = Judgement(0, ())
"""Of whom nothing is known."""
WITHHELD: Final = Judgement(0, (Term(NO_NUMBER, 0),))
"""Of who gives no number that is a person's."""


def judged(calls: Iterable[Earlier], now: int) -> Judgement:
    """Return the judgement of a number with these earlier calls, in whatever order, at `now` (µs UTC).

    A call that seems to be later than `now` (the clock was set back) counts as one of now.
    """
    known = [call for call in calls if now - call.at <= KEPT_US]
    relieved = max((c.at for c in known if c.disposition == Disposition.EMERGENCY), default=None)
    terms: list[Term] = []
    left = 0
    for key, weight in WEIGHTS.items():
        of_key = [call for call in known if _counts(key, call, now)]
        # fsum: exact, so that the order of the calls makes no difference.
        whole = math.floor(math.fsum(_points(weight, call, now) for call in of_key))
        left += math.floor(math.fsum(_points(weight, call, now) * _kept(call, relieved) for call in of_key))
        if whole:
            terms.append(Term(key, whole, len(of_key)))
    total = sum(term.points for term in terms)
    if left != total:
        count = sum(call.disposition == Disposition.EMERGENCY for call in known)
        terms.append(Term(EMERGENCY, left - total, count))
    if left > MOST:
        terms.append(Term(AT_MOST, MOST - left))
    return Judgement(min(left, MOST), tuple(terms))


def silent_call(outcome: str | None, choice: str) -> bool:
    """Return whether a call was one in which its caller pressed nothing and met nobody.

    Who pressed 1 because he cannot speak made a choice.
    """
    return choice == "silent" and outcome in {Outcome.ABANDONED, Outcome.NO_MESSAGE}


def short_call(opened: int, ended: int | None, outcome: str | None) -> bool:
    """Return whether a call was very short. One that the PBX cut was not his doing."""
    return ended is not None and outcome != Outcome.CUT and 0 <= ended - opened < SHORT_US


def _counts(key: str, call: Earlier, now: int) -> bool:
    match key:
        case "repeats":
            return now - call.at <= RECENT_US
        case "silent":
            return call.silent
        case "short":
            return call.short
    return call.disposition == key


def _points(weight: _Weight, call: Earlier, now: int) -> float:
    return weight.points * math.exp2(-max(0, now - call.at) / weight.half_us)


def _kept(call: Earlier, relieved: int | None) -> float:
    return RELIEF if relieved is not None and call.at <= relieved else 1.0
