"""The menus of a table as data."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given

from callrouter.calls.menu import MenuData, menu_data
from callrouter.routing.table import MenuMode, RoutingTable
from callrouter.routing.values import Language
from tests.unit.routing.tables import Document, small, tables


def one_language(document: Document) -> None:
    document["routing"]["menus"][0]["languages"] = ["id"]


def no_switch(document: Document) -> None:
    document["routing"]["menus"][0]["switch_digit"] = None


def backwards(document: Document) -> None:
    document["routing"]["menus"][0]["options"].reverse()


def villages(*options: dict[str, Any]) -> Any:
    """Return a change: behind 3 is a menu with these options."""

    def change(document: Document) -> None:
        routing = document["routing"]
        routing["areas"] = [
            {"code": "35.07.13.2001", "name": "Desa Satu"},
            {"code": "35.07.13.2002", "name": "Desa Dua"},
        ]
        routing["menus"][0]["options"].append({"digit": "3", "menu": "villages"})
        name = {"id": "perangkat desa", "en": "village officials"}
        routing["menus"].append({"key": "villages", "name": name, "options": options})

    return change


FIRST = {"digit": "1", "category": "light", "area": "35.07.13.2001"}
SECOND = {"digit": "2", "category": "light", "area": "35.07.13.2002"}


def plain(data: MenuData, before: str = "") -> list[str]:
    """Return the clips of a menu without the digests of their texts."""
    return [re.sub(r"-[0-9a-f]{8}$", "", clip) for clip in data.clips[before]]


def names(data: MenuData, digits: str) -> tuple[str, str]:
    said = data.said[digits]
    return said.id, said.en


def test_menu_says_each_choice_then_the_operator_then_the_other_language() -> None:
    data = menu_data(small())
    assert plain(data) == ["menu-greeting", "choice-1", "choice-2", "menu-operator", "menu-switch"]
    assert (data.meaning, data.switch, data.languages) == ({"1": "fire", "2": "light"}, "9", tuple(Language))


def test_choices_are_spoken_in_the_order_of_their_digits() -> None:
    assert menu_data(small(backwards)).clips == menu_data(small()).clips


@pytest.mark.parametrize("change", [one_language, no_switch])
def test_menu_that_cannot_be_switched_does_not_offer_it(change: object) -> None:
    data = menu_data(small(change))  # type: ignore[arg-type]
    assert data.switch == ""
    assert "menu-switch" not in plain(data)


def test_languages_follow_each_other_in_a_ring() -> None:
    data = menu_data(small())
    assert (data.next_language(Language.ID), data.next_language(Language.EN)) == (Language.EN, Language.ID)
    alone = menu_data(small(one_language))
    assert alone.next_language(Language.ID) is Language.ID


# ---------------------------------------------------------------- menus behind a digit
def test_menu_behind_a_digit_is_heard_without_a_greeting_and_its_digits_follow_that_digit() -> None:
    data = menu_data(small(villages(SECOND, FIRST)))
    assert plain(data) == ["menu-greeting", "choice-1", "choice-2", "choice-3", "menu-operator", "menu-switch"]
    assert plain(data, "3") == ["choice-31", "choice-32", "menu-operator", "menu-switch"]
    assert data.meaning == {"1": "fire", "2": "light", "31": "light", "32": "light"}
    assert data.areas == {"31": "35.07.13.2001", "32": "35.07.13.2002"}


def test_option_is_called_by_its_menu_or_category_and_by_its_area_where_that_tells_more() -> None:
    data = menu_data(small(villages(FIRST, SECOND)))
    assert names(data, "1") == ("kebakaran", "fire")
    assert names(data, "3") == ("perangkat desa", "village officials")
    assert (names(data, "31"), names(data, "32")) == (("Desa Satu", "Desa Satu"), ("Desa Dua", "Desa Dua"))
    mixed = menu_data(small(villages(FIRST, SECOND, {"digit": "4", "category": "fire", "area": "35.07.13.2001"})))
    assert names(mixed, "31") == ("lampu jalan Desa Satu", "street light Desa Satu")
    assert names(mixed, "34") == ("kebakaran", "fire")


def test_option_that_would_lead_deeper_is_left_out_so_that_a_ring_of_menus_ends() -> None:
    data = menu_data(small(villages(FIRST, {"digit": "5", "menu": "villages"}, {"digit": "6", "menu": "main"})))
    assert set(data.clips) == {"", "3"}
    assert plain(data, "3") == ["choice-31", "menu-operator", "menu-switch"]


def test_main_menu_that_leads_to_itself_ends_too() -> None:
    def ring(document: Document) -> None:
        document["routing"]["menus"][0]["options"].append({"digit": "3", "menu": "main"})

    data = menu_data(small(ring))
    assert data.meaning == {"1": "fire", "2": "light", "31": "fire", "32": "light"}
    assert set(data.clips) == {"", "3"}


def test_largest_table_has_eighty_one_meanings_at_the_most() -> None:
    def all_of_them(document: Document) -> None:
        routing = document["routing"]
        keys = [f"c{n}" for n in range(82)]
        fire = routing["categories"][0]
        routing["categories"] += [{**fire, "key": key} for key in keys]
        routing["menus"] = [
            {
                "key": f"m{n}",
                "name": fire["name"],
                "switch_digit": None,
                "options": [{"digit": str(d), "category": keys[9 * n + d]} for d in range(1, 10)],
            }
            for n in range(9)
        ]
        options = [{"digit": str(n + 1), "menu": f"m{n}"} for n in range(9)]
        routing["menus"].append({"key": "main", "name": fire["name"], "switch_digit": None, "options": options})

    assert len(menu_data(small(all_of_them)).meaning) == 81


def test_nobody_is_asked_where_operators_come_first_but_digits_have_their_meaning() -> None:
    def first(document: Document) -> None:
        document["routing"]["menus"][0]["mode"] = "operator_first"

    data = menu_data(small(first))
    assert (data.asks, data.meaning) == (False, {"1": "fire", "2": "light"})


def test_table_without_a_main_menu_asks_nobody_anything() -> None:
    def none(document: Document) -> None:
        document["routing"]["main_menu"] = None

    data = menu_data(small(none))
    assert (data.asks, data.meaning, data.clips, data.switch) == (False, {}, {}, "")


# ---------------------------------------------------------------- the names of clips
@pytest.mark.parametrize("language", ["id", "en"])
def test_choice_of_another_text_is_another_clip_and_no_other_clip_changes(language: str) -> None:
    def changed(document: Document) -> None:
        document["routing"]["categories"][0]["name"][language] = "api"

    before, after = (set(menu_data(table).clips[""]) for table in (small(), small(changed)))
    assert {re.sub(r"-[0-9a-f]{8}$", "", clip) for clip in before ^ after} == {"choice-1"}


def test_other_switch_digit_is_another_clip() -> None:
    def seven(document: Document) -> None:
        document["routing"]["menus"][0]["switch_digit"] = "7"

    assert menu_data(small()).clips[""][-1] != menu_data(small(seven)).clips[""][-1]


@given(tables())
def test_every_digit_means_one_thing_and_is_spoken(table: RoutingTable) -> None:
    data = menu_data(table)
    main = table.routing.main
    assert main is not None
    assert set(data.meaning.values()) == {c.key for c in table.routing.categories}
    assert data.asks is (main.mode is MenuMode.MENU)
    assert not any(digits.startswith(("0", data.switch or "0")) for digits in data.said)
    assert set(data.clips) == {"", *(digits for digits in data.said if digits not in data.meaning)}
    for before in data.clips:
        spoken = [digits for digits in sorted(data.said) if digits[:-1] == before]
        assert [clip for clip in plain(data, before) if clip.startswith("choice-")] == [
            f"choice-{digits}" for digits in spoken
        ]
        assert "menu-operator" in data.clips[before]
