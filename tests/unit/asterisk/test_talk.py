"""What a session says to the dialplan: the menu and the plans; and what the PBX says of a call."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.asterisk.dialplan import Dialplan, arrival
from callrouter.asterisk.plan_codec import encode
from callrouter.calls.menu import menu_data
from callrouter.calls.ports import CallerGone, LineFailed, Plans
from callrouter.calls.records import Opened
from callrouter.calls.session import plans_for, snapshot_of
from callrouter.resources import resource
from callrouter.routing.plan import Announce, Dial, Plan, Record, Target
from callrouter.routing.table import MAX_STEPS, MAX_TARGETS, Language, RoutingTable
from tests.unit.asterisk.given import Line
from tests.unit.calls.given import CALL, at, sent, us
from tests.unit.calls.given import arrival as said_of_a_citizen
from tests.unit.routing.tables import Document, small, tables

SAID = (str(CALL), at(0), "pbx1", "citizen", "telco", "id", sent("0812", 64), sent("Sri: 100%"))


FIRE = Plan((Announce("connecting"), Record(60)), route="fire", urgency=10, version=3, category="fire")
LIGHT = replace(FIRE, route="light", urgency=1, category="light")
NONE = replace(FIRE, route="all", urgency=5, category=None)
ENGLISH = replace(LIGHT, route="english")
PLANS = Plans(
    {"1": FIRE, "2": LIGHT}, NONE, {(Language.EN, "2"): ENGLISH, (Language.EN, None): replace(NONE, route="en")}
)
NO_CHOICE = Plans({}, NONE, {})
FULLEST = Dial((Target("k" * 31, "k" * 31, "k" * 31, "9" * 20, confirm=True),) * MAX_TARGETS, 60, announce=True)
TOO_LONG = replace(FIRE, steps=(FULLEST,) * MAX_STEPS)


def one_language(document: Document) -> None:
    document["routing"]["menu"]["languages"] = ["en"]


async def test_menu_and_a_plan_for_each_choice_are_set_as_variables() -> None:
    line = Line()
    await Dialplan(line).hand_over(menu_data(small()), PLANS)
    clips = "cr/menu-greeting&cr/choice-1&cr/choice-2&cr/menu-operator&cr/menu-switch"
    assert line.variables == {
        "CR_MENU_SWITCH": "9",
        "CR_MENU_id": clips,
        "CR_MENU_en": clips,
        "CR_NEXT_LANG_id": "en",
        "CR_NEXT_LANG_en": "id",
        "CR_PLAN_other": "plan,3,all,5,!announce,connecting!record,60",
        "CR_PLAN_1": "plan,3,fire,10,fire!announce,connecting!record,60",
        "CR_PLAN_2": "plan,3,light,1,light!announce,connecting!record,60",
        "CR_PLAN_2_en": "plan,3,english,1,light!announce,connecting!record,60",
        "CR_PLAN_other_en": "plan,3,en,5,!announce,connecting!record,60",
        "CR_READY": "yes",
    }


async def test_menu_of_one_language_has_no_digit_for_another() -> None:
    line = Line()
    await Dialplan(line).hand_over(menu_data(small(one_language)), NO_CHOICE)
    assert line.variables == {
        "CR_MENU_SWITCH": "",
        "CR_MENU_en": "cr/menu-greeting&cr/choice-1&cr/choice-2&cr/menu-operator",
        "CR_PLAN_other": encode(NONE),
        "CR_READY": "yes",
    }


async def test_who_is_not_asked_is_given_one_plan_and_no_menu() -> None:
    line = Line()
    await Dialplan(line).hand_over(None, NO_CHOICE)
    assert line.asked == [("CR_PLAN_other", encode(NONE)), ("CR_READY", "yes")]


@given(table=tables(), asked=st.booleans())
async def test_word_that_all_is_there_is_the_last_variable_that_is_set(table: RoutingTable, asked: bool) -> None:
    snapshot = snapshot_of(3, table)
    line = Line()
    try:
        plans = plans_for(snapshot, said_of_a_citizen(), asked=asked)
        await Dialplan(line).hand_over(snapshot.menu if asked else None, plans)
    except LineFailed:
        assert line.asked == []
        return
    assert [n for n, (name, _) in enumerate(line.asked) if name == "CR_READY"] == [len(line.variables) - 1]
    assert line.asked[-1] == ("CR_READY", "yes")


@pytest.mark.parametrize("end", [CallerGone(), LineFailed("no reply")])
@pytest.mark.parametrize("lasts", range(10))
async def test_line_that_fails_at_any_variable_never_hears_that_all_is_there(end: Exception, lasts: int) -> None:
    line = Line(end, lasts)
    with pytest.raises(type(end)):
        await Dialplan(line).hand_over(menu_data(small()), PLANS)
    assert len(line.asked) == lasts + 1
    assert "CR_READY" not in line.variables


@pytest.mark.parametrize(
    "plans",
    [
        replace(NO_CHOICE, other=TOO_LONG),
        replace(PLANS, by_digit={"1": FIRE, "2": TOO_LONG}),
        replace(PLANS, in_language={(Language.EN, None): TOO_LONG}),
        replace(PLANS, in_language={(Language.EN, "1"): TOO_LONG}),
    ],
)
async def test_one_plan_that_is_too_long_leaves_the_caller_to_the_failsafe_and_sets_nothing(plans: Plans) -> None:
    line = Line()
    with pytest.raises(LineFailed, match="route 'fire'"):
        await Dialplan(line).hand_over(menu_data(small()), plans)
    assert line.asked == []


async def test_plan_with_a_character_that_the_dialplan_must_not_see_sets_nothing() -> None:
    line = Line()
    with pytest.raises(LineFailed, match="must not see"):
        await Dialplan(line).hand_over(None, replace(NO_CHOICE, other=replace(NONE, route="a!b")))
    assert line.asked == []


async def test_every_variable_that_is_set_is_one_that_the_dialplan_reads() -> None:
    line = Line()
    await Dialplan(line).hand_over(menu_data(small()), PLANS)
    dialplan = (resource("asterisk-config") / "extensions.conf").read_text()
    read = {
        r"CR_MENU_SWITCH": "${CR_MENU_SWITCH}",
        r"CR_MENU_(id|en)": "${CR_MENU_${CR_LANG}}",
        r"CR_NEXT_LANG_(id|en)": "${CR_NEXT_LANG_${CR_LANG}}",
        r"CR_PLAN_([1-9]|other)": "${CR_PLAN_${CR_KEY}}",
        r"CR_PLAN_([1-9]|other)_(id|en)": "${CR_PLAN_${CR_KEY}_${CR_LANG}}",
        r"CR_READY": "${CR_READY}",
    }
    for name in line.variables:
        (form,) = [form for pattern, form in read.items() if re.fullmatch(pattern, name)]
        assert form in dialplan, name
    assert "${CR_PLAN_${CR_DIGIT}}" in dialplan, "a digit without a plan means nothing"
    assert "Set(CR_KEY=other)" in dialplan


def test_arrival_is_read_from_the_arguments_of_the_dialplan() -> None:
    came = arrival(SAID, "PJSIP/trunk-telco-00000001", "1763760000.1")
    assert came.language == "id"
    assert came.opened == Opened(
        CALL, us(0), "pbx1", "citizen", "telco", "0812", "Sri: 100%", "PJSIP/trunk-telco-00000001", "1763760000.1"
    )


def test_dialplan_gives_as_many_arguments_as_are_read_in_their_order() -> None:
    dialplan = (resource("asterisk-config") / "extensions.conf").read_text()
    (call,) = re.findall(r"AGI\(\$\{CR_AGI\},\$\{CR_SECRET\},(.*)\)$", dialplan, re.MULTILINE)
    assert re.findall(r"\$\{(\w+)\}", call) == [
        "CR_CALL", "CR_OPENED", "CR_NODE", "CR_ORIGIN", "CR_TRUNK", "CR_LANG", "CR_NUMBER", "CR_NAME",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("place", "word"),
    [(0, "x"), (0, ""), (1, ""), (1, "now"), (6, ""), (6, "L"), (7, "not base64"), (7, "é")],
)
def test_words_that_our_dialplan_does_not_say_fail_the_line(place: int, word: str) -> None:
    said = list(SAID)
    said[place] = word
    with pytest.raises(LineFailed, match="not ours"):
        arrival(tuple(said), "", "")


@pytest.mark.parametrize("said", [(), SAID[:-1], (*SAID, "more")])
def test_another_number_of_words_fails_the_line(said: tuple[str, ...]) -> None:
    with pytest.raises(LineFailed, match="not ours"):
        arrival(said, "", "")
