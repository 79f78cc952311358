"""The menu of a table as data."""

from __future__ import annotations

import pytest
from hypothesis import given

from callrouter.calls.menu import menu_data
from callrouter.routing.table import Language, RoutingTable
from tests.unit.routing.tables import Document, small, tables


def one_language(document: Document) -> None:
    document["routing"]["menu"]["languages"] = ["id"]


def no_switch(document: Document) -> None:
    document["routing"]["menu"]["switch_digit"] = None


def backwards(document: Document) -> None:
    document["routing"]["categories"].reverse()


def test_menu_says_each_choice_then_the_operator_then_the_other_language() -> None:
    data = menu_data(small())
    spoken = ("menu-greeting", "choice-1", "choice-2", "menu-operator", "menu-switch")
    assert data.clips == {Language.ID: spoken, Language.EN: spoken}
    assert (data.meaning, data.switch) == ({"1": "fire", "2": "light"}, "9")


def test_choices_are_spoken_in_the_order_of_their_digits() -> None:
    assert menu_data(small(backwards)).clips == menu_data(small()).clips


@pytest.mark.parametrize("change", [one_language, no_switch])
def test_menu_that_cannot_be_switched_does_not_offer_it(change: object) -> None:
    data = menu_data(small(change))  # type: ignore[arg-type]
    assert data.switch == ""
    assert all("menu-switch" not in clips for clips in data.clips.values())


def test_languages_follow_each_other_in_a_ring() -> None:
    data = menu_data(small())
    assert (data.next_language(Language.ID), data.next_language(Language.EN)) == (Language.EN, Language.ID)
    alone = menu_data(small(one_language))
    assert alone.next_language(Language.ID) is Language.ID


@given(tables())
def test_every_digit_means_one_thing_and_is_spoken(table: RoutingTable) -> None:
    data = menu_data(table)
    assert set(data.meaning.values()) == {c.key for c in table.routing.categories}
    assert "0" not in data.meaning
    assert data.switch not in data.meaning
    for clips in data.clips.values():
        assert [clip for clip in clips if clip.startswith("choice-")] == [f"choice-{d}" for d in sorted(data.meaning)]
        assert "menu-operator" in clips
