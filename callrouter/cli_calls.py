"""Hypothetical calls on the command line: how they are given, and how their way is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, ValidationError

from callrouter.bilingual import Bilingual, joined, same
from callrouter.errors import OperatorError
from callrouter.publishing.explaining import explained
from callrouter.publishing.model import Hypothetical
from callrouter.publishing.yamltree import Tree
from callrouter.routing.directory import TrunkKind
from callrouter.routing.facts import AreaSource, Choice, Facts, Origin
from callrouter.routing.table import RoutingTable
from callrouter.routing.values import Language, Value

if TYPE_CHECKING:
    from callrouter.routing.explain import Considered, Explanation

_ORIGINS: Final = {
    TrunkKind.CARRIER: Origin.CITIZEN,
    TrunkKind.AGENCY: Origin.AGENCY,
    TrunkKind.NEIGHBOUR: Origin.NEIGHBOUR,
}
_MARKS: Final = {"won": "=>", "beaten": " +", "does_not_apply": " -", "locked": " x"}


class Example(Value):
    """What verify prints below a finding."""

    facts: Facts
    at: AwareDatetime | None = None
    outcomes: tuple[str, ...] = ()


def call_of(
    table: RoutingTable, category: str | None, trunk: str | None, area: str | None, language: Language, at: str | None
) -> Hypothetical:
    """Return the call that these words describe. Raises OperatorError."""
    came_by = None if trunk is None else table.trunk(trunk)
    if trunk is not None and came_by is None:
        known = ", ".join(t.key for t in table.directory.trunks)
        raise _wrong(Bilingual(f"tidak ada trunk {trunk!r}", f"there is no trunk {trunk!r}"), same(known))
    document: dict[str, Any] = {
        "origin": Origin.OPERATOR if came_by is None else _ORIGINS[came_by.kind],
        "choice": Choice.NONE if category or came_by is None else Choice.SILENT,
        "category": category,
        "trunk": trunk,
        "trunk_kind": None if came_by is None else came_by.kind,
        "area": area,
        "area_source": None if area is None else AreaSource.LOCATION,
        "language": language,
    }
    example = _validated(json.dumps({"facts": document}))
    return Hypothetical(example.facts, _time(at, table.centre.timezone))


def call_of_json(text: str) -> Hypothetical:
    """Return the call of a JSON text: facts, or facts with ``at`` and ``outcomes``. Raises OperatorError."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise _wrong(Bilingual("--json bukan JSON", "--json is not JSON"), same(error)) from None
    if isinstance(document, dict) and "facts" not in document:
        text = json.dumps({"facts": document})
    example = _validated(text)
    return Hypothetical(example.facts, example.at or datetime.now(UTC), example.outcomes)


def _validated(text: str) -> Example:
    try:
        return Example.model_validate_json(text)
    except ValidationError as error:
        found = list(explained(error, Tree(data=json.loads(text))))
        sentence = joined("; ", (_at(problem.pointer, problem.sentence) for problem in found))
        raise _wrong(sentence, joined(" ", (problem.remedy for problem in found))) from None


def _at(pointer: str, sentence: Bilingual) -> Bilingual:
    return Bilingual(f"{pointer}: {sentence.id}", f"{pointer}: {sentence.en}")


def _time(at: str | None, zone: str) -> datetime:
    if at is None:
        return datetime.now(UTC)
    try:
        found = datetime.fromisoformat(at)
    except ValueError:
        remedy = Bilingual("Tulis misalnya 2026-08-17T20:00.", "Write for example 2026-08-17T20:00.")
        raise _wrong(Bilingual(f"{at!r} bukan waktu", f"{at!r} is not a time"), remedy) from None
    return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))


def _wrong(sentence: Bilingual, remedy: Bilingual) -> OperatorError:
    return OperatorError(Bilingual(f"{sentence.id}.", f"{sentence.en}."), remedy)


def told_explanation(found: Explanation) -> Iterator[Bilingual]:
    """Yield how a call goes, line by line: every route with its conditions, the plan, its end."""
    for route in found.routes:
        yield from _route(route)
    yield same("")
    yield found.sentence
    yield from found.notes
    yield Bilingual("Rencana:", "The plan:")
    for step in found.steps:
        outcome = "-" if step.outcome is None else step.outcome
        yield same(f"  {step.index + 1}. +{step.at_s} s  {step.kind} {step.who} ({step.worst_s} s): {outcome}")
    yield found.ending


def _route(route: Considered) -> Iterator[Bilingual]:
    mark = _MARKS[route.standing.value]
    yield Bilingual(f"{mark} {route.sentence.id}", f"{mark} {route.sentence.en}")
    for reason in route.reasons:
        yield Bilingual(f"      {reason.sentence.id}", f"      {reason.sentence.en}")
