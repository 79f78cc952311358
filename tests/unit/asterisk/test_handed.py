"""What a choice means follows from what was handed over for the call, as the dialplan reads it."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from callrouter.asterisk.asking import VARIABLES
from callrouter.asterisk.handed import MAX_KEPT, Handed
from callrouter.calls.menu import MenuData
from callrouter.calls.ports import HandOver, KnownArea, Plans
from callrouter.routing.facts import AreaSource
from callrouter.routing.plan import Plan, Record
from callrouter.routing.values import Language, Posture
from tests.unit.calls.given import CALL, OTHER
from tests.unit.calls.given import arrival as citizen

LIGHT = Plan((Record(60),), "light", 1, 3, "light")
PLANS = Plans(
    {"1": Plan((Record(60),), "fire", 10, 3, "fire"), "32": LIGHT},
    Plan((Record(60),), "all", 5, 3),
    {(Language.EN, "32"): Plan((Record(60),), "english", 1, 3, "light"), (Language.EN, None): LIGHT},
    {Language.ID: Plan((Record(60),), "mute", 9, 3)},
)
LANGUAGES = (Language.ID, Language.EN)
MENU = MenuData(LANGUAGES, "9", {"": "main"}, {"": ("menu-greeting",)}, {"1": "fire"}, {}, {}, asks=True)
GIVEN = HandOver(
    Language.ID, MENU, PLANS, areas={"32": KnownArea("35.07.13", AreaSource.MENU)}, away=("agency/bpbd", "group/day")
)


def handed(given: HandOver = GIVEN, suspicion: int = 0) -> Handed:
    kept = Handed()
    kept.note(citizen(), given, suspicion)
    return kept


def test_choice_is_told_as_the_dialplans_own_event_would_tell_it() -> None:
    assert handed(suspicion=31).chosen(CALL, "1", "id") == {
        "Call": str(CALL), "Path": "service", "Choice": "1", "Category": "fire", "Lang": "id", "Origin": "citizen",
        "Trunk": "telco", "Area": "", "Away": "agency/bpbd+group/day", "Posture": "", "Suspicion": "31",
        "Speechless": "", "Version": "3", "Route": "fire", "By": "",
        "Plan": "plan,3,fire,10,fire,told-unknown!record,60",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("choice", "language", "route", "category", "area"),
    [
        ("32", "id", "light", "light", "menu/35.07.13"),
        ("32", "en", "english", "light", "menu/35.07.13"),
        ("1", "en", "fire", "fire", ""),
        ("operator", "id", "all", "", ""),
        ("wrong", "id", "all", "", ""),
        ("none", "en", "light", "light", ""),
        ("cannot_speak", "id", "mute", "", ""),
        ("cannot_speak", "en", "mute", "", ""),
    ],
)
def test_plan_is_that_of_language_and_choice_then_of_the_choice(
    choice: str, language: str, route: str, category: str, area: str
) -> None:
    known = handed().chosen(CALL, choice, language)
    assert known is not None
    assert known.keys() == set(VARIABLES.values()) - {"At"}
    assert (known["Route"], known["Category"], known["Area"]) == (route, category, area)
    assert known["Speechless"] == ("yes" if choice == "cannot_speak" else "")


def test_area_that_came_with_the_call_goes_before_that_of_the_menu() -> None:
    given = HandOver(
        Language.ID,
        MENU,
        PLANS,
        KnownArea("35.07", AreaSource.TRUNK),
        {"32": KnownArea("35.07.13", AreaSource.MENU)},
        posture=Posture.RED,
    )
    known = handed(given).chosen(CALL, "32", "id")
    assert known is not None
    assert (known["Area"], known["Posture"]) == ("trunk/35.07", "red")


@pytest.mark.parametrize("choice", ["7", "", "no such"])
def test_choice_that_nothing_was_handed_over_for_is_not_known(choice: str) -> None:
    assert handed().chosen(CALL, choice, "id") is None


def test_call_is_known_once_and_not_when_it_is_over() -> None:
    kept = handed()
    assert kept.chosen(OTHER, "1", "id") is None
    assert kept.chosen(CALL, "1", "id") is not None
    assert kept.chosen(CALL, "1", "id") is None
    kept.note(citizen(), GIVEN, 0)
    kept.forget(CALL)
    assert (len(kept), kept.chosen(CALL, "1", "id")) == (0, None)


def test_oldest_are_given_up_for_the_newest() -> None:
    kept = handed()
    for _ in range(MAX_KEPT):
        kept.note(replace(citizen(), call=uuid4()), GIVEN, 0)
    assert (len(kept), kept.chosen(CALL, "1", "id")) == (MAX_KEPT, None)
