"""Why a call goes where it goes: every route that was looked at, the one that won, its plan, and how that would go.

Conditions are tested by the very tests that `decide` uses, and the plan is made by the function that makes its plans.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from callrouter.bilingual import Bilingual, joined
from callrouter.routing.conditions import conditions_of
from callrouter.routing.decide import CompiledTable, counted, plan_of
from callrouter.routing.facts import Choice, Facts
from callrouter.routing.plan import Plan
from callrouter.routing.run import DIAL, RINGGROUP, Walk, kind_of, run, who, worst_s
from callrouter.routing.table import Route
from callrouter.routing.wording import Wording, label


class Standing(StrEnum):
    """What became of a route."""

    WON = "won"
    BEATEN = "beaten"
    """It applies, but one of a higher priority won."""
    DOES_NOT_APPLY = "does_not_apply"
    LOCKED = "locked"
    """It is skipped, whatever its conditions say."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One condition of a route.

    name:   category, area, schedule, trunk, trunk_kind, language, suspicion, posture, valid_from, valid_until, or
            ``state agency/bpbd``, ``state group/operators``
    wanted: what the route asks for;  actual: what the call has;  held: whether that will do
    """

    name: str
    wanted: Bilingual
    actual: Bilingual
    held: bool
    sentence: Bilingual


@dataclass(frozen=True, slots=True)
class Considered:
    """A route that was looked at, with all its conditions, in the order in which they are tested.

    applies: it is not locked, and every condition held
    """

    key: str
    priority: int
    applies: bool
    standing: Standing
    reasons: tuple[Reason, ...]
    sentence: Bilingual


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the plan, and what became of it.

    who:     who is offered the call (callrouter.routing.run.who)
    at_s:    when it begins at the latest, in s after the plan began
    worst_s: how long it can take (s)
    outcome: None where the call had ended before it
    """

    index: int
    kind: str
    who: str
    at_s: int
    worst_s: int
    outcome: str | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a call goes, and why.

    at:       when (aware);  version: number of the table version that was asked
    routes:   all of the table, the highest priority first
    winner:   key of the route that won; None: none did, and the call goes to the last resort
    sentence: what won, or that nothing did
    notes:    what of the call or of the winner did not count: an unknown category, targets that are left out
    steps:    the plan's steps, each with its outcome;  walk: the same as the reference interpreter tells it
    ending:   how it ends
    """

    facts: Facts
    at: datetime
    version: int
    routes: tuple[Considered, ...]
    winner: str | None
    sentence: Bilingual
    notes: tuple[Bilingual, ...]
    plan: Plan
    walk: Walk
    steps: tuple[Step, ...]
    ending: Bilingual


def explain(compiled: CompiledTable, facts: Facts, at: datetime, outcomes: Sequence[str] = ()) -> Explanation:
    """Return how a call with these facts at `at` (aware) goes, and why.

    outcomes: what becomes of the plan's steps, in order (callrouter.routing.run.OUTCOMES); where they are fewer than
    steps, the others fail at their slowest. Raises UnknownOutcome for one that a step cannot have.
    """
    known = counted(compiled, facts)
    cannot_speak = facts.choice is Choice.CANNOT_SPEAK
    wording = Wording(compiled, known if cannot_speak else facts, at)
    routes, winner = _considered(compiled, known, at.timestamp(), wording)
    plan = plan_of(compiled, winner, known.category, facts.trunk, cannot_speak=cannot_speak)
    walk = run(plan, outcomes)
    steps = tuple(_steps(plan, walk))
    return Explanation(
        facts=facts,
        at=at,
        version=compiled.version,
        routes=routes,
        winner=winner.key if winner else None,
        sentence=_decided(winner),
        notes=tuple(_notes(compiled, facts, winner)),
        plan=plan,
        walk=walk,
        steps=steps,
        ending=_ending(walk, steps),
    )


def _considered(
    compiled: CompiledTable, facts: Facts, at: float, wording: Wording
) -> tuple[tuple[Considered, ...], Route | None]:
    found: list[Considered] = []
    winner: Route | None = None
    for route in sorted(compiled.table.routing.routes, key=lambda r: r.priority, reverse=True):
        reasons = tuple(_reasons(compiled, route, facts, at, wording))
        applies = not route.locked and all(reason.held for reason in reasons)
        if route.locked:
            standing = Standing.LOCKED
        elif not applies:
            standing = Standing.DOES_NOT_APPLY
        else:
            standing = Standing.BEATEN if winner else Standing.WON
            winner = winner or route
        sentence = _judged(route, standing, reasons, winner)
        found.append(Considered(route.key, route.priority, applies, standing, reasons, sentence))
    return tuple(found), winner


def _reasons(compiled: CompiledTable, route: Route, facts: Facts, at: float, wording: Wording) -> Iterator[Reason]:
    for name, test in conditions_of(route, compiled.calendar):
        held = test(facts, at)
        what, wanted, actual = label(name), wording.wanted(route, name), wording.actual(route, name)
        verdict = Bilingual("terpenuhi", "holds") if held else Bilingual("tidak terpenuhi", "does not hold")
        sentence = Bilingual(
            f"{what.id}: diminta {wanted.id}; panggilan ini: {actual.id}; {verdict.id}",
            f"{what.en}: wanted {wanted.en}; this call: {actual.en}; {verdict.en}",
        )
        yield Reason(name, wanted, actual, held, sentence)


def _judged(route: Route, standing: Standing, reasons: tuple[Reason, ...], winner: Route | None) -> Bilingual:
    if standing is Standing.LOCKED:
        return Bilingual(f"{route.key} dikunci, jadi dilewati", f"{route.key} is locked, so it is skipped")
    if standing is Standing.DOES_NOT_APPLY:
        failed = joined("; ", (reason.sentence for reason in reasons if not reason.held))
        return Bilingual(f"{route.key} tidak berlaku: {failed.id}", f"{route.key} does not apply: {failed.en}")
    if standing is Standing.BEATEN and winner is not None:
        return Bilingual(
            f"{route.key} berlaku, tetapi {winner.key} memiliki prioritas lebih tinggi ({winner.priority})",
            f"{route.key} applies, but {winner.key} has a higher priority ({winner.priority})",
        )
    return _decided(route)


def _decided(winner: Route | None) -> Bilingual:
    if winner is None:
        return Bilingual(
            "tidak ada rute yang berlaku; panggilan langsung menuju pilihan terakhir",
            "no route applies; the call goes to the last resort at once",
        )
    return Bilingual(
        f"{winner.key} menang: dari rute yang berlaku, prioritasnya ({winner.priority}) yang tertinggi",
        f"{winner.key} wins: of the routes that apply, its priority ({winner.priority}) is the highest",
    )


# ---------------------------------------------------------------------------------------------- what did not count
def _notes(compiled: CompiledTable, facts: Facts, winner: Route | None) -> Iterator[Bilingual]:
    if facts.choice is Choice.CANNOT_SPEAK:
        yield Bilingual(
            "pemanggil tidak dapat berbicara: kecurigaan tidak dihitung, operator didering lebih dahulu dengan "
            "urgensi tertinggi, dan tidak ada yang diucapkan atau ditanyakan sebelumnya",
            "the caller cannot speak: suspicion does not count, operators are rung first and with the highest "
            "urgency, and nothing is said or asked before",
        )
    if facts.category is not None and facts.category not in compiled.by_category:
        yield Bilingual(
            f"kategori {facts.category} tidak ada dalam tabel ini; panggilan dianggap tanpa kategori",
            f"this table has no category {facts.category}; the call counts as one without",
        )
    for n, step in enumerate(winner.steps if winner else (), 1):
        for target in step.targets if step.kind == "dial" else ():
            if (why := _left_out(compiled, target, facts.trunk)) is not None:
                yield Bilingual(
                    f"langkah {n} rute {_key(winner)}: {target} tidak dihubungi, karena {why.id}",
                    f"step {n} of route {_key(winner)}: {target} is left out, because {why.en}",
                )


def _key(route: Route | None) -> str:
    return route.key if route else ""


def _left_out(compiled: CompiledTable, target: str, came_by: str | None) -> Bilingual | None:
    """Why a call that came in by that trunk is not offered to ``agency/contact``; None: it is."""
    offered = compiled.targets.get(target)
    if offered is not None:
        if offered.trunk != came_by:
            return None
        return Bilingual(f"panggilan ini masuk lewat trunk {came_by}", f"the call came in by its trunk {came_by}")
    agency_key, _, contact_key = target.partition("/")
    agency = next(a for a in compiled.table.directory.agencies if a.key == agency_key)
    contact = next(c for c in agency.contacts if c.key == contact_key)
    if not agency.enabled:
        return Bilingual(f"instansi {agency_key} dinonaktifkan", f"the agency {agency_key} is disabled")
    if not contact.enabled:
        return Bilingual("kontak itu dinonaktifkan", "the contact is disabled")
    trunk = compiled.table.trunk(contact.trunk)
    if trunk is not None and trunk.enabled:
        return Bilingual(f"trunk {contact.trunk} tidak memiliki kanal", f"its trunk {contact.trunk} has no channels")
    return Bilingual(f"trunk {contact.trunk} dinonaktifkan", f"its trunk {contact.trunk} is disabled")


# ---------------------------------------------------------------------------------------------- how it goes
def _steps(plan: Plan, walk: Walk) -> Iterator[Step]:
    outcomes = dict(walk.steps)
    begins = 0
    for index, step in enumerate(plan.steps):
        yield Step(index, kind_of(step), who(step), begins, worst_s(step), outcomes.get(index))
        begins += worst_s(step)


_UNHEARD: Final = Bilingual(
    "tidak ada yang menjawab dan tidak ada pesan; pemanggil diberi salam penutup dan masuk daftar telepon balik",
    "nobody answered and no message was left; the caller is told goodbye and is on the call-back list",
)


def _ending(walk: Walk, steps: tuple[Step, ...]) -> Bilingual:
    if walk.ended_by is None:
        return _UNHEARD
    last = steps[walk.steps[-1][0]]
    if last.kind in {DIAL, RINGGROUP}:
        return Bilingual(f"pemanggil berbicara dengan {last.who}", f"the caller talks with {last.who}")
    return Bilingual(
        "sebuah pesan direkam; panggilan masuk daftar telepon balik",
        "a message was recorded; the call is on the call-back list",
    )
