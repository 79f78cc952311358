"""The session: menu, decision, plan; each of its ends; and that nothing in it waits for the database."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from callrouter.calls.ports import CallerGone, CallOpened, CallRouted, LineFailed, MenuResult
from callrouter.calls.session import Exit, Sessions, snapshot_of
from callrouter.incidents.model import incident_id
from callrouter.routing.decide import decide
from callrouter.routing.facts import Choice, Origin
from callrouter.routing.table import Language, RoutingTable, TrunkKind
from tests.unit.calls.given import CALL, Clock, Notes, Talk, arrival, us
from tests.unit.routing.tables import small


def sessions(notes: Notes | None = None, table: RoutingTable | None = None) -> Sessions:
    snapshot = snapshot_of(7, table or small())
    return Sessions(lambda: snapshot, notes or Notes(), Clock())


def exits(served: Sessions) -> dict[Exit, int]:
    return {end: number for end, number in served.exits.items() if number}


def routed(notes: Notes) -> CallRouted:
    (note,) = [note for note in notes.taken if isinstance(note, CallRouted)]
    return note


async def test_digit_leads_to_the_plan_of_its_category() -> None:
    notes, talk = Notes(), Talk(MenuResult("1", "en"))
    served = sessions(notes)
    assert await served.serve(arrival(), talk) is Exit.ROUTED
    assert exits(served) == {Exit.ROUTED: 1}
    note = routed(notes)
    assert talk.plans == [note.plan]
    assert (note.plan.route, note.plan.version, note.plan_text, note.at) == ("fire", 7, "text of fire", us(0))
    facts = note.facts
    assert (facts.category, facts.choice, facts.language) == ("fire", Choice.NONE, Language.EN)
    assert (facts.origin, facts.trunk, facts.trunk_kind) == (Origin.CITIZEN, "telco", TrunkKind.CARRIER)
    assert notes.taken == [CallOpened(arrival().opened), note]


async def test_plan_is_what_decide_says_of_the_stored_facts() -> None:
    notes, talk = Notes(), Talk(MenuResult("2", "id"))
    await sessions(notes).serve(arrival(), talk)
    note = routed(notes)
    assert decide(snapshot_of(7, small()).compiled, note.facts, datetime.now(UTC)) == note.plan


@pytest.mark.parametrize("choice", ["operator", "silent", "wrong", "none"])
async def test_menu_without_a_category_is_a_choice_of_its_own_and_never_the_end(choice: str) -> None:
    notes, talk = Notes(), Talk(MenuResult(choice, "id"))
    assert await sessions(notes).serve(arrival(), talk) is Exit.ROUTED
    assert (routed(notes).facts.category, routed(notes).facts.choice.value) == (None, choice)
    assert routed(notes).plan.route == "all"


async def test_language_of_the_menu_is_that_of_the_arrival_where_the_menu_gives_none() -> None:
    notes = Notes()
    await sessions(notes).serve(arrival(), Talk(MenuResult("1", "")))
    assert routed(notes).facts.language is Language.ID


@pytest.mark.parametrize("origin", ["agency", "neighbour"])
async def test_who_knows_why_he_calls_is_not_asked(origin: str) -> None:
    notes, talk = Notes(), Talk()
    assert await sessions(notes).serve(arrival(origin, "damkar"), talk) is Exit.ROUTED
    assert talk.menus == []
    facts = routed(notes).facts
    assert (facts.category, facts.choice, facts.trunk, facts.trunk_kind) == (
        None,
        Choice.NONE,
        "damkar",
        TrunkKind.AGENCY,
    )


@pytest.mark.parametrize("origin", ["citizen", "operator"])
async def test_who_dials_112_himself_hears_the_menu(origin: str) -> None:
    talk = Talk()
    await sessions().serve(arrival(origin, "op1" if origin == "operator" else "telco"), talk)
    (menu,) = talk.menus
    assert menu.meaning == {"1": "fire", "2": "light"}


async def test_operators_phone_is_no_trunk() -> None:
    notes = Notes()
    await sessions(notes).serve(arrival("operator", "op1"), Talk())
    assert (routed(notes).facts.trunk, routed(notes).facts.trunk_kind) == (None, None)


async def test_caller_who_hangs_up_in_the_menu_is_opened_and_never_routed() -> None:
    notes = Notes()
    served = sessions(notes)
    assert await served.serve(arrival(), Talk(in_menu=CallerGone())) is Exit.CALLER_GONE
    assert notes.taken == [CallOpened(arrival().opened)]
    assert exits(served) == {Exit.CALLER_GONE: 1}


async def test_plan_that_the_pbx_never_got_is_not_stored_as_given() -> None:
    notes = Notes()
    served = sessions(notes)
    assert await served.serve(arrival(), Talk(in_hand_over=CallerGone())) is Exit.CALLER_GONE
    assert notes.taken == [CallOpened(arrival().opened)]


@pytest.mark.parametrize("where", ["in_menu", "in_hand_over"])
async def test_failed_line_is_told_to_the_pbx_and_counted(where: str) -> None:
    notes = Notes()
    served = sessions(notes)
    talk = Talk()
    setattr(talk, where, LineFailed("no reply"))
    with pytest.raises(LineFailed, match="no reply"):
        await served.serve(arrival(), talk)
    assert exits(served) == {Exit.LINE_FAILED: 1}
    assert notes.taken == [CallOpened(arrival().opened)]


@pytest.mark.parametrize(
    ("origin", "result"),
    [("burglar", MenuResult("1", "id")), ("citizen", MenuResult("7", "id")), ("citizen", MenuResult("1", "jv"))],
)
async def test_words_that_are_not_ours_are_a_defect_and_leave_the_caller_to_the_failsafe(
    origin: str, result: MenuResult
) -> None:
    served = sessions()
    with pytest.raises(ValueError, match=r"."):
        await served.serve(arrival(origin), Talk(result))
    assert exits(served) == {Exit.ERROR: 1}


async def test_full_writer_changes_nothing_for_the_caller() -> None:
    talk = Talk()
    assert await sessions(Notes(full=True)).serve(arrival(), talk) is Exit.ROUTED
    assert [plan.route for plan in talk.plans] == ["fire"]


async def test_nothing_is_waited_for_but_the_pbx() -> None:
    """The whole session runs in one go: where it once gives way to the loop, it waits for something."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counter = asyncio.get_running_loop().create_task(count())
    assert await sessions().serve(arrival(), Talk()) is Exit.ROUTED
    counter.cancel()
    assert turns == 0


async def test_each_call_gets_the_table_of_its_moment() -> None:
    tables = iter([snapshot_of(1, small()), snapshot_of(2, small())])
    notes = Notes()
    served = Sessions(lambda: next(tables), notes, Clock())
    await served.serve(arrival(), Talk())
    await served.serve(arrival(), Talk())
    assert [note.plan.version for note in notes.taken if isinstance(note, CallRouted)] == [1, 2]


async def test_log_carries_call_and_incident_and_no_number() -> None:
    with capture_logs() as logs:
        await sessions().serve(arrival(), Talk())
        await sessions().serve(arrival(), Talk(in_menu=CallerGone()))
    assert [entry["event"] for entry in logs] == ["call.routed", "call.caller_left_during_session"]
    for entry in logs:
        assert (entry["call"], entry["incident"]) == (str(CALL), str(incident_id(CALL)))
        assert "0812345" not in str(entry)
