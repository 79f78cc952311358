"""What a session says to the dialplan: the menu's data, and what the PBX says of a call."""

from __future__ import annotations

import re

import pytest

from callrouter.asterisk.dialplan import MENU_DEADLINE_S, Dialplan, arrival
from callrouter.asterisk.variables import CONTEXT_MENU
from callrouter.calls.menu import menu_data
from callrouter.calls.ports import CallerGone, LineFailed, MenuResult
from callrouter.calls.records import Opened
from callrouter.resources import resource
from tests.unit.asterisk.given import Line
from tests.unit.calls.given import CALL, at, sent, us
from tests.unit.routing.tables import small

SAID = (str(CALL), at(0), "pbx1", "citizen", "telco", "id", sent("0812", 64), sent("Sri: 100%"))


async def test_menu_sets_its_data_then_runs_the_subroutine_and_reads_what_it_ended_in() -> None:
    line = Line(answers={"CR_CHOICE": "1", "CR_LANG": "en"})
    assert await Dialplan(line).menu(menu_data(small())) == MenuResult("1", "en")
    clips = "cr/menu-greeting&cr/choice-1&cr/choice-2&cr/menu-operator&cr/menu-switch"
    assert line.variables == {
        "CR_MENU_SWITCH": "9",
        "CR_MENU_id": clips,
        "CR_MENU_en": clips,
        "CR_NEXT_LANG_id": "en",
        "CR_NEXT_LANG_en": "id",
        "CR_CAT_1": "fire",
        "CR_CAT_2": "light",
    }
    assert line.ran == [(CONTEXT_MENU, MENU_DEADLINE_S)]


@pytest.mark.parametrize("end", [CallerGone(), LineFailed("no reply")])
async def test_menu_that_fails_is_not_asked_for_its_choice(end: Exception) -> None:
    with pytest.raises(type(end)):
        await Dialplan(Line(answers={"CR_CHOICE": "1"}, fails=end)).menu(menu_data(small()))


def test_every_variable_that_the_menu_sets_is_one_that_the_dialplan_reads() -> None:
    dialplan = (resource("asterisk-config") / "extensions.conf").read_text()
    for name in ("CR_MENU_SWITCH", "CR_MENU_${CR_LANG}", "CR_NEXT_LANG_${CR_LANG}", "CR_CAT_${CR_DIGIT}", "CR_PLAN"):
        assert f"{{{name}}}" in dialplan, name
    for name in ("CR_CHOICE", "CR_LANG"):
        assert f"Set({name}=" in dialplan


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
