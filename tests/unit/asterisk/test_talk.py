"""What a session says to the dialplan: the menu and the plans; and what the PBX says of a call."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.asterisk.dialplan import (
    MAX_AWAY_CHARS,
    Dialplan,
    _area,
    _away,
    _joined,
    arrival,
    away_of,
    invite_with_location,
    is_last_word,
    known_area,
)
from callrouter.asterisk.plan_codec import encode
from callrouter.asterisk.quoting import agi_line, agi_variable
from callrouter.calls.handover import hand_over, snapshot_of
from callrouter.calls.menu import MenuData
from callrouter.calls.ports import CallerGone, HandOver, KnownArea, LineFailed, Plans
from callrouter.calls.records import Opened
from callrouter.resources import resource
from callrouter.routing.facts import AreaSource
from callrouter.routing.plan import Announce, Dial, Plan, Record, Target
from callrouter.routing.table import MAX_STEPS, MAX_TARGETS, RoutingTable
from callrouter.routing.values import Language
from tests.unit.asterisk.given import Line
from tests.unit.calls.given import CALL, at, sent, us
from tests.unit.calls.given import arrival as citizen
from tests.unit.routing.tables import small, tables

SAID = (str(CALL), at(0), "pbx1", "citizen", "telco", sent("0812", 64), sent("Sri: 100%"))
NOW = datetime(2026, 3, 2, tzinfo=UTC)

FIRE = Plan((Announce("connecting"), Record(60)), "fire", 10, 3, category="fire", told="told-fire-12ab34cd")
LIGHT = replace(FIRE, route="light", urgency=1, category="light", told="told-light-12ab34cd")
NONE = replace(FIRE, route="all", urgency=5, category=None, told="told-unknown")
ENGLISH = replace(LIGHT, route="english")
PLANS = Plans(
    {"1": FIRE, "32": LIGHT}, NONE, {(Language.EN, "32"): ENGLISH, (Language.EN, None): replace(NONE, route="en")}
)
NO_CHOICE = Plans({}, NONE, {})
FULLEST = Dial((Target("k" * 31, "k" * 31, "k" * 31, "9" * 20, confirm=True),) * MAX_TARGETS, 60, announce=True)
TOO_LONG = replace(FIRE, steps=(FULLEST,) * MAX_STEPS)
MENU = MenuData(
    (Language.ID, Language.EN),
    "9",
    {},
    {"": ("menu-greeting", "choice-1-aa"), "3": ("choice-32-bb",)},
    {},
    {},
    {},
    True,
)


def given_to(plans: Plans = PLANS, menu: MenuData | None = MENU, **said: Any) -> HandOver:
    return HandOver(Language.ID, menu, plans, **said)


def set_by(line: Line) -> dict[str, str]:
    """Return the variables of the channel once the PBX has run every command, ARRAY() as the PBX reads it."""
    found: dict[str, str] = {}
    for name, value in line.asked:
        several = re.fullmatch(r"ARRAY\(([A-Za-z0-9_,]+)\)", name)
        names = several[1].split(",") if several else [name]
        texts = re.split(r"(?<!\\),", value) if several else [value]
        assert len(names) == len(texts) <= 100
        assert not found.keys() & set(names)
        found |= dict(zip(names, (text.replace("\\,", ",") for text in texts), strict=True))
    return found


async def test_menus_and_a_plan_for_each_choice_are_set_as_variables() -> None:
    line = Line()
    given = given_to(areas={"32": KnownArea("35.07.13", AreaSource.MENU)}, away=("agency/bpbd", "group/day"))
    await Dialplan(line).hand_over(given)
    assert set_by(line) == {
        "CR_LANG": "id",
        "CR_AWAY": "agency/bpbd+group/day",
        "CR_WHERE_32": "menu/35.07.13",
        "CR_MENU_SWITCH": "9",
        "CR_MENU__id": "cr/menu-greeting&cr/choice-1-aa",
        "CR_MENU__en": "cr/menu-greeting&cr/choice-1-aa",
        "CR_MENU_3_id": "cr/choice-32-bb",
        "CR_MENU_3_en": "cr/choice-32-bb",
        "CR_NEXT_LANG_id": "en",
        "CR_NEXT_LANG_en": "id",
        "CR_PLAN_other": "plan,3,all,5,,told-unknown!announce,connecting!record,60",
        "CR_PLAN_1": "plan,3,fire,10,fire,told-fire-12ab34cd!announce,connecting!record,60",
        "CR_PLAN_32": "plan,3,light,1,light,told-light-12ab34cd!announce,connecting!record,60",
        "CR_PLAN_32_en": "plan,3,english,1,light,told-light-12ab34cd!announce,connecting!record,60",
        "CR_PLAN_other_en": "plan,3,en,5,,told-unknown!announce,connecting!record,60",
        "CR_READY": "yes",
    }


async def test_usual_hand_over_takes_one_command() -> None:
    line = Line()
    await Dialplan(line).hand_over(hand_over(snapshot_of(3, small()), citizen(), (), NOW))
    assert [name.partition("(")[0] for name, _ in line.asked] == ["ARRAY"]


async def test_last_word_is_known_by_its_line() -> None:
    line = Line()
    await Dialplan(line).hand_over(hand_over(snapshot_of(3, small()), citizen(), (), NOW))
    ((name, value),) = line.asked
    assert is_last_word(agi_line("SET VARIABLE", name, value))
    assert not is_last_word(agi_line("SET VARIABLE", name, value.replace("yes", "no")))
    assert not is_last_word(agi_line("SET VARIABLE", name.replace("CR_READY", "CR_AWAY"), value))
    assert not is_last_word(b"")


async def test_menu_of_one_language_has_no_digit_for_another() -> None:
    line = Line()
    await Dialplan(line).hand_over(given_to(NO_CHOICE, replace(MENU, languages=(Language.EN,), switch="")))
    assert set_by(line).keys() == {"CR_LANG", "CR_MENU__en", "CR_MENU_3_en", "CR_PLAN_other", "CR_READY"}


async def test_who_is_not_asked_is_given_plans_and_no_menu() -> None:
    line = Line()
    await Dialplan(line).hand_over(given_to(NO_CHOICE, None, area=KnownArea("64.04", AreaSource.TRUNK)))
    assert set_by(line) == {
        "CR_LANG": "id",
        "CR_WHERE": "trunk/64.04",
        "CR_PLAN_other": encode(NONE),
        "CR_READY": "yes",
    }


@given(table=tables(), origin=st.sampled_from(["citizen", "agency"]))
async def test_word_that_all_is_there_is_the_last_that_is_set_and_all_is_there(
    table: RoutingTable, origin: str
) -> None:
    line = Line()
    given = hand_over(snapshot_of(3, table), citizen(origin), (), NOW)
    try:
        await Dialplan(line).hand_over(given)
    except LineFailed:
        assert line.asked == []
        return
    there = set_by(line)
    assert list(there.items())[-1] == ("CR_READY", "yes")
    assert {name for name in there if re.fullmatch(r"CR_PLAN_\d+", name)} == {
        f"CR_PLAN_{digits}" for digits in given.plans.by_digit
    }
    for name, value in line.asked:
        agi_line("SET VARIABLE", agi_variable(name), value)


def test_many_long_values_go_in_several_commands_that_each_fit_and_lose_nothing() -> None:
    long = "plan," * 300
    plans = Plans({f"{a}{b}": replace(FIRE, route="r" * 31) for a in range(1, 10) for b in range(1, 10)}, NONE, {})
    values = {f"CR_V{n}": f"{long}{n}" for n in range(60)}
    line = Line()
    line.asked = list(_joined(values))
    assert set_by(line) == values
    assert len(line.asked) < 30
    for name, value in line.asked:
        agi_line("SET VARIABLE", agi_variable(name), value)
    short = Line()
    short.asked = list(_joined({f"CR_PLAN_{digits}": encode(plan) for digits, plan in plans.by_digit.items()}))
    assert set_by(short).keys() == {f"CR_PLAN_{digits}" for digits in plans.by_digit}
    assert len(short.asked) <= 2
    many = Line()
    many.asked = list(_joined({f"CR_V{n}": "x" for n in range(201)}))
    assert set_by(many).keys() == {f"CR_V{n}" for n in range(201)}


@given(st.dictionaries(st.from_regex(r"CR_[A-Z0-9_]{1,20}", fullmatch=True), st.text(max_size=30), max_size=6))
def test_no_value_can_become_another_variable_or_a_function(values: dict[str, str]) -> None:
    plain = all(re.fullmatch(r"[A-Za-z0-9+/@&!,._-]*", value) for value in values.values())
    line = Line()
    if not plain:
        with pytest.raises(ValueError, match="must not see"):
            line.asked = list(_joined(values))
        return
    line.asked = list(_joined(values))
    assert set_by(line) == {name: value for name, value in values.items() if value}


@pytest.mark.parametrize("end", [CallerGone(), LineFailed("no reply")])
@pytest.mark.parametrize("lasts", [0, 1])
async def test_line_that_fails_at_any_command_never_hears_that_all_is_there(end: Exception, lasts: int) -> None:
    line = Line(end, lasts)
    with pytest.raises(type(end)):
        await Dialplan(line).hand_over(given_to(), suspicion=7)
    assert len(line.asked) == lasts + 1
    assert any("CR_READY" in name for name in line.variables) is (lasts == 1)


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
        await Dialplan(line).hand_over(given_to(plans))
    assert line.asked == []


async def test_plan_with_a_character_that_the_dialplan_must_not_see_sets_nothing() -> None:
    line = Line()
    with pytest.raises(LineFailed, match="must not see"):
        await Dialplan(line).hand_over(given_to(replace(NO_CHOICE, other=replace(NONE, route="a!b")), None))
    assert line.asked == []


@pytest.mark.parametrize("away", [(), ("agency/bpbd",), ("agency/bpbd", "group/operators")])
def test_who_is_away_is_read_back_as_it_was_written(away: tuple[str, ...]) -> None:
    assert away_of(_away(away)) == away


def test_more_who_are_away_than_can_be_told_are_cut_between_two_names() -> None:
    away = tuple(f"agency/a{n:03d}" for n in range(400))
    told = away_of(_away(away))
    assert told == away[: len(told)]
    assert MAX_AWAY_CHARS - 20 < len("+".join(told)) <= MAX_AWAY_CHARS


def test_area_is_read_back_as_it_was_written() -> None:
    area = KnownArea("35.07.13.2001", AreaSource.TRUNK)
    assert known_area(_area(area)) == area
    assert known_area("") is None
    with pytest.raises(ValueError, match="moon"):
        known_area("moon/35")


async def test_every_variable_that_is_set_is_one_that_the_dialplan_reads() -> None:
    line = Line()
    areas = {"32": KnownArea("35.07.13", AreaSource.MENU)}
    await Dialplan(line).hand_over(given_to(areas=areas, away=("agency/bpbd",)))
    await Dialplan(line_of_trunk := Line()).hand_over(given_to(area=KnownArea("64.04", AreaSource.TRUNK)))
    dialplan = "".join(path.read_text() for path in sorted((resource("asterisk-config") / "dialplan").iterdir()))
    read = {
        r"CR_LANG": "${CR_LANG}",
        r"CR_AWAY": "${CR_AWAY}",
        r"CR_WHERE": "${CR_WHERE}",
        r"CR_WHERE_\d+": "${CR_WHERE_${CR_IN}${CR_DIGIT}}",
        r"CR_MENU_SWITCH": "${CR_MENU_SWITCH}",
        r"CR_MENU__(id|en)": "${CR_MENU__${CR_LANG}}",
        r"CR_MENU_\d_(id|en)": "${CR_MENU_${CR_IN}_${CR_LANG}}",
        r"CR_NEXT_LANG_(id|en)": "${CR_NEXT_LANG_${CR_LANG}}",
        r"CR_PLAN_(\d+|other)": "${CR_PLAN_${CR_KEY}",
        r"CR_PLAN_(\d+|other)_(id|en)": "${CR_PLAN_${CR_KEY}_${CR_LANG}}",
        r"CR_READY": "${CR_READY}",
    }
    for name in set_by(line).keys() | set_by(line_of_trunk).keys():
        (form,) = [form for pattern, form in read.items() if re.fullmatch(pattern, name)]
        assert form in dialplan, name
    assert "${CR_PLAN_${CR_DIGITS}}" in dialplan, "digits without a plan mean nothing"
    assert "${CR_MENU_${CR_DIGITS}_${CR_LANG}}" in dialplan, "or a menu"
    assert "Set(CR_KEY=other)" in dialplan


def test_arrival_is_read_from_the_arguments_of_the_dialplan() -> None:
    came = arrival(SAID, "PJSIP/trunk-telco-00000001", "1763760000.1")
    assert came == Opened(
        CALL, us(0), "pbx1", "citizen", "telco", "0812", "Sri: 100%", "PJSIP/trunk-telco-00000001", "1763760000.1"
    )


def test_dialplan_gives_as_many_arguments_as_are_read_in_their_order() -> None:
    dialplan = (resource("asterisk-config") / "dialplan" / "call.conf").read_text()
    (call,) = re.findall(r"AGI\(agi://[^,]*/incoming,\$\{CR_SECRET\},(.*)\)$", dialplan, re.MULTILINE)
    assert re.findall(r"\$\{(\w+)\}", call) == [
        "CR_CALL", "CR_OPENED", "CR_NODE", "CR_ORIGIN", "CR_TRUNK", "CR_NUMBER", "CR_NAME", "CR_INVITE",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("place", "word"),
    [(0, "x"), (0, ""), (1, ""), (1, "now"), (5, ""), (5, "L"), (6, "not base64"), (6, "é")],
)
def test_words_that_our_dialplan_does_not_say_fail_the_line(place: int, word: str) -> None:
    said = list(SAID)
    said[place] = word
    with pytest.raises(LineFailed, match="not ours"):
        arrival(tuple(said), "", "")


@pytest.mark.parametrize("said", [(), SAID[:-1], (*SAID, "more"), (*SAID, sent("1-2@h"), ""), (*SAID, "", "more")])
def test_another_number_of_words_fails_the_line(said: tuple[str, ...]) -> None:
    with pytest.raises(LineFailed, match="not ours"):
        (arrival(said, "", ""), invite_with_location(said))


@pytest.mark.parametrize(
    "said", [SAID, (*SAID, "")], ids=["a PBX that was started before there was one", "none came"]
)
def test_call_without_a_location_names_no_invite(said: tuple[str, ...]) -> None:
    assert arrival(said, "", "").call == CALL
    assert invite_with_location(said) == ""


def test_call_with_a_location_names_its_invite_whatever_its_call_id_is_made_of() -> None:
    assert invite_with_location((*SAID, sent('1:2%)"{x}@[::1]'))) == '1:2%)"{x}@[::1]'


async def test_pbx_that_is_still_to_be_told_who_can_be_rung_is_told_so_with_the_plans() -> None:
    line = Line()
    await Dialplan(line, unsure=lambda: True).hand_over(given_to(NO_CHOICE, None))
    found = set_by(line)
    assert found["CR_UNSURE"] == "yes"
    assert list(found)[-1] == "CR_READY"
