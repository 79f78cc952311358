"""Why a call goes where it goes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from callrouter.routing.decide import compile_table, decide
from callrouter.routing.directory import TrunkKind
from callrouter.routing.explain import Considered, Explanation, Reason, Standing, explain
from callrouter.routing.facts import AreaSource, Choice, Facts
from callrouter.routing.run import UnknownOutcome, run, worst_s
from callrouter.routing.table import RoutingTable
from callrouter.routing.values import Language, Posture
from tests.unit.routing import oracle
from tests.unit.routing.tables import Document, citizen, facts, instants, small, tables

NOW = datetime(2026, 3, 3, 4, 5, tzinfo=UTC)  # a Tuesday, 11:05 in Jakarta
ALL = {"kind": "ringgroup", "group": "operators", "wait_s": 60}


def told(table: RoutingTable, call: Facts, *outcomes: str) -> Explanation:
    return explain(compile_table(table, 7), call, NOW, outcomes)


def asking(when: Document, **given: Any) -> RoutingTable:
    """Return the small table with a route above all others that asks for `when`."""

    def change(table: Document) -> None:
        table["routing"]["areas"] = [{"code": "35.07", "name": "Kabupaten Malang"}]
        table["routing"]["schedules"] = [
            {
                "key": "office",
                "name": "Jam kantor",
                "windows": [{"opens": "07:30", "closes": "16:00", "days": ["mon", "tue"]}],
                "holidays": [{"date": "2026-03-03", "name": {"id": "Nyepi", "en": "Day of Silence"}}],
            }
        ]
        table["routing"]["routes"].append({"key": "asking", "priority": 900, "when": when, "steps": [ALL], **given})

    return small(change)


def route(explanation: Explanation, key: str) -> Considered:
    return next(r for r in explanation.routes if r.key == key)


def only_reason(explanation: Explanation) -> Reason:
    (reason,) = route(explanation, "asking").reasons
    return reason


@settings(max_examples=200, deadline=None)
@given(table=tables(), call=facts(), at=instants())
def test_explained_is_what_is_decided(table: RoutingTable, call: Facts, at: datetime) -> None:
    compiled = compile_table(table, 7)
    decided, found = decide(compiled, call, at), explain(compiled, call, at)
    assert (found.winner, found.plan, found.version) == (decided.route, decided, 7)
    assert (found.facts, found.at) == (call, at)
    assert found.walk == run(decided)
    won = [r.key for r in found.routes if r.standing is Standing.WON]
    assert won == ([found.winner] if found.winner else [])


@settings(max_examples=200, deadline=None)
@given(table=tables(), call=facts(), at=instants())
def test_every_route_is_told_with_whether_it_applies(table: RoutingTable, call: Facts, at: datetime) -> None:
    found = explain(compile_table(table, 7), call, at)
    assert [r.priority for r in found.routes] == sorted((r.priority for r in table.routing.routes), reverse=True)
    document = table.model_dump(mode="json")
    known = {c.key for c in table.routing.categories}
    asked = call.model_dump(mode="json") | {"category": call.category if call.category in known else None}
    if call.choice is Choice.CANNOT_SPEAK:
        asked |= {"category": None, "suspicion": 0}
    for entry in document["routing"]["routes"]:
        considered = route(found, entry["key"])
        holds = oracle.applies(document, entry, asked, at)
        assert all(r.held for r in considered.reasons) is holds
        assert considered.applies is (holds and not entry["locked"])
        assert (considered.standing is Standing.LOCKED) is entry["locked"]
        for text in (considered.sentence, *(r.sentence for r in considered.reasons)):
            assert text.id
            assert text.en


@pytest.mark.parametrize(
    ("when", "call", "wanted", "actual"),
    [
        ({"category": ["fire", "light"]}, citizen(None), "fire (fire) or street light (light)", "none"),
        ({"area": ["35.07"]}, citizen(area="35.73"), "Kabupaten Malang (35.07)", "35.73"),
        ({"area": ["35.07", "unknown"]}, citizen(area="36"), "Kabupaten Malang (35.07) or unknown", "36"),
        ({"trunk": ["damkar", "bpbd"]}, citizen(), "damkar or bpbd", "telco"),
        ({"trunk": ["damkar"]}, citizen(trunk=None), "damkar", "none"),
        ({"trunk_kind": ["agency", "neighbour"]}, citizen(), "agency or neighbouring centre", "carrier"),
        ({"language": ["en"]}, citizen(), "English", "Indonesian"),
        ({"posture": ["orange", "red"]}, citizen(posture=Posture.YELLOW), "orange or red", "yellow"),
        ({"suspicion": {"at_least": 50}}, citizen(suspicion=49), "50 to below 101", "49"),
        (
            {"state": [{"agency": "bpbd", "state": "unavailable"}]},
            citizen(),
            "unavailable",
            "available",
        ),
        (
            {"state": [{"group": "operators", "state": "available"}]},
            citizen(unavailable=("group/operators",)),
            "available",
            "unavailable",
        ),
        (
            {"schedule": ["office"]},
            citizen(),
            "Jam kantor (office)",
            "office closed on Tuesday 2026-03-03 11:05:00 WIB (holiday: Day of Silence)",
        ),
    ],
)
def test_condition_that_fails_is_told_with_what_it_wants_and_what_the_call_has(
    when: Document, call: Facts, wanted: str, actual: str
) -> None:
    found = told(asking(when), call)
    reason = only_reason(found)
    assert (reason.wanted.en, reason.actual.en, reason.held) == (wanted, actual, False)
    assert f"wanted {wanted}; this call: {actual}; does not hold" in reason.sentence.en
    considered = route(found, "asking")
    assert (considered.applies, considered.standing) == (False, Standing.DOES_NOT_APPLY)
    assert considered.sentence.en == f"asking does not apply: {reason.sentence.en}"
    assert considered.sentence.id.startswith("asking tidak berlaku: ")


@pytest.mark.parametrize(
    ("when", "call"),
    [
        ({"category": ["fire"]}, citizen()),
        ({"area": ["35.07"]}, citizen(area="35.07.13", area_source=AreaSource.TRUNK)),
        ({"area": ["unknown"]}, citizen()),
        ({"language": ["en"]}, citizen(language=Language.EN)),
        ({"trunk_kind": ["agency"]}, citizen(trunk_kind=TrunkKind.AGENCY)),
    ],
)
def test_condition_that_holds_is_told_too(when: Document, call: Facts) -> None:
    found = told(asking(when), call)
    assert only_reason(found).held
    assert only_reason(found).sentence.en.endswith("; holds")
    assert found.winner == "asking"


def test_route_that_is_not_valid_yet_says_since_when_by_the_centres_clock() -> None:
    found = told(asking({}, valid_from="2026-03-03T04:05:01Z", valid_until="2026-04-01T00:00:00+09:00"), citizen())
    start, end = route(found, "asking").reasons
    assert (start.name, start.held, end.name, end.held) == ("valid_from", False, "valid_until", True)
    assert start.wanted.id == "Selasa 2026-03-03 11:05:01 WIB"
    assert start.actual.id == "Selasa 2026-03-03 11:05:00 WIB"
    assert end.wanted.en == "Tuesday 2026-03-31 22:00:00 WIB"


def test_locked_route_says_so_and_shows_that_it_would_apply() -> None:
    considered = route(told(asking({"category": ["fire"]}, locked=True), citizen()), "asking")
    assert (considered.applies, considered.standing) == (False, Standing.LOCKED)
    assert [r.held for r in considered.reasons] == [True]
    assert considered.sentence.en == "asking is locked, so it is skipped"


def test_route_below_the_winner_says_who_beats_it() -> None:
    found = told(small(), citizen())
    assert [(r.key, r.standing) for r in found.routes] == [("fire", Standing.WON), ("all", Standing.BEATEN)]
    assert found.sentence.en == "fire wins: of the routes that apply, its priority (500) is the highest"
    assert found.routes[1].sentence.en == "all applies, but fire has a higher priority (500)"


def test_call_for_which_no_route_applies_goes_to_the_last_resort_and_is_told_so() -> None:
    def only_fire(table: Document) -> None:
        del table["routing"]["routes"][1]

    found = told(small(only_fire), citizen("light"))
    assert found.winner is None
    assert "no route applies" in found.sentence.en
    assert [s.who for s in found.steps] == ["last_resort:operators", "record_message"]


def test_category_that_the_table_does_not_have_is_noted() -> None:
    (note,) = told(small(), citizen("gone")).notes
    assert note.en == "this table has no category gone; the call counts as one without"


def off(*where: Any) -> Any:
    """Return a change that puts the last of `where` at the path of the others."""

    def change(table: Document) -> None:
        *path, key, value = where
        here: Any = table["directory"]
        for part in path:
            here = here[part]
        here[key] = value

    return change


@pytest.mark.parametrize(
    ("change", "came_by", "why"),
    [
        (off("agencies", 0, "contacts", 0, "enabled", False), "telco", "the contact is disabled"),
        (off("agencies", 0, "enabled", False), "elsewhere", "the agency damkar is disabled"),
        (off("trunks", 1, "enabled", False), "elsewhere", "its trunk damkar is disabled"),
        (off("trunks", 1, "channels", 0), "elsewhere", "its trunk damkar has no channels"),
        (lambda _: None, "damkar", "the call came in by its trunk damkar"),
    ],
)
def test_target_that_is_left_out_is_noted_with_the_reason(change: Any, came_by: str, why: str) -> None:
    found = told(small(change), citizen(trunk=came_by))
    notes = [note.en for note in found.notes]
    assert f"step 1 of route fire: damkar/posko is left out, because {why}" in notes
    assert "damkar/posko" not in [s.who for s in found.steps]


def test_steps_are_told_with_what_became_of_them_and_when_they_begin_at_the_latest() -> None:
    found = told(small(), citizen(trunk="elsewhere"), "busy", "confirm-refused", "talk")
    assert [(s.index, s.kind, s.who, s.outcome) for s in found.steps] == [
        (0, "dial", "damkar/posko", "busy"),
        (1, "dial", "damkar/piket+bpbd/posko", "confirm-refused"),
        (2, "ringgroup", "operators", "talk"),
        (3, "ringgroup", "last_resort:operators", None),
        (4, "record", "record_message", None),
    ]
    assert [s.at_s for s in found.steps] == [0, 30, 30 + 30, 30 + 30 + 33, 30 + 30 + 33 + 93]
    assert [s.worst_s for s in found.steps] == [worst_s(step) for step in found.plan.steps]
    assert found.ending.en == "the caller talks with operators"


@pytest.mark.parametrize(
    ("outcomes", "ending"),
    [
        (("talk",), "the caller talks with damkar/posko"),
        (
            ("busy", "busy", "nobody", "nobody", "recorded"),
            "a message was recorded; the call is on the call-back list",
        ),
        ((), "nobody answered and no message was left; the caller is told goodbye and is on the call-back list"),
    ],
)
def test_ending_is_told(outcomes: tuple[str, ...], ending: str) -> None:
    found = told(small(), citizen(trunk="elsewhere"), *outcomes)
    assert found.ending.en == ending
    assert found.ending.id != ending


def test_outcome_that_a_step_cannot_have_is_refused() -> None:
    with pytest.raises(UnknownOutcome):
        told(small(), citizen(), "recorded")


@pytest.mark.parametrize("at", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_call_at_the_end_of_the_calendar_is_explained_and_decided(at: datetime) -> None:
    compiled = compile_table(asking({"schedule": ["office"]}, valid_until="2026-04-01T00:00:00Z"), 1)
    found = explain(compiled, citizen(), at)
    assert found.plan == decide(compiled, citizen(), at)
    assert not route(found, "asking").applies
