"""Lists of questions: what is wrong with one, what is asked, what is missing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.bilingual import Bilingual
from callrouter.incidents.sop import (
    MAX_NUMBER,
    MAX_TEXT,
    Answered,
    AskedList,
    Choice,
    Item,
    ItemKind,
    SopVersion,
    Subject,
    SubjectKind,
    Value,
    When,
    asked,
    changes,
    data_of,
    faults,
    items_of,
    missing,
    unfit,
    unfit_answers,
)

TEXT = Bilingual("teks", "text")
TRAPPED = Item("trapped", ItemKind.YES_NO, TEXT, required=True)
FLOOR = Item("floor", ItemKind.NUMBER, TEXT, required=True, least=0, most=100, when=When("trapped", equals=True))
WHAT = Item("what", ItemKind.CHOICE, TEXT, choices=(Choice("house", TEXT), Choice("forest", TEXT)))
FUEL = Item("fuel", ItemKind.TEXT, TEXT, required=True, when=When("what", equals="house"))
CALLED = Item("called", ItemKind.CHECK, TEXT, required=True)
FIRE = (TRAPPED, FLOOR, WHAT, FUEL, CALLED)


def values_of(item: Item) -> st.SearchStrategy[Value]:
    match item.kind:
        case ItemKind.YES_NO | ItemKind.CHECK:
            return st.booleans()
        case ItemKind.CHOICE:
            return st.sampled_from([choice.key for choice in item.choices])
        case ItemKind.NUMBER:
            return st.integers(item.least or 0, item.most)
        case ItemKind.TEXT:
            return st.text(min_size=1, max_size=20).filter(lambda words: words.strip() != "")


ANSWERS = st.fixed_dictionaries({}, optional={item.key: values_of(item) for item in FIRE})


def test_a_good_list_has_no_faults() -> None:
    assert list(faults(FIRE)) == []


@pytest.mark.parametrize(
    ("items", "at"),
    [
        ((TRAPPED, TRAPPED), "/items/1/key"),
        ((Item("a", ItemKind.CHOICE, TEXT),), "/items/0/choices"),
        ((Item("a", ItemKind.YES_NO, TEXT, choices=WHAT.choices),), "/items/0/choices"),
        ((Item("a", ItemKind.CHOICE, TEXT, choices=(WHAT.choices[0],) * 2),), "/items/0/choices/1/key"),
        ((Item("a", ItemKind.TEXT, TEXT, least=1),), "/items/0/least"),
        ((Item("a", ItemKind.TEXT, TEXT, most=1),), "/items/0/most"),
        ((Item("a", ItemKind.NUMBER, TEXT, least=2, most=1),), "/items/0/most"),
        ((FLOOR, TRAPPED), "/items/0/when/item"),
        ((Item("a", ItemKind.YES_NO, TEXT, when=When("a", equals=True)),), "/items/0/when/item"),
        (
            (Item("n", ItemKind.NUMBER, TEXT), Item("a", ItemKind.TEXT, TEXT, when=When("n", "1"))),
            "/items/1/when/item",
        ),
        ((TRAPPED, Item("a", ItemKind.TEXT, TEXT, when=When("trapped", "yes"))), "/items/1/when/equals"),
        ((WHAT, Item("a", ItemKind.TEXT, TEXT, when=When("what", "boat"))), "/items/1/when/equals"),
    ],
)
def test_what_is_wrong_with_a_list_is_told_with_its_place(items: tuple[Item, ...], at: str) -> None:
    assert [fault.at for fault in faults(items)] == [at]


@pytest.mark.parametrize(
    ("item", "value", "fits"),
    [
        (TRAPPED, True, True),
        (TRAPPED, 1, False),
        (TRAPPED, "true", False),
        (FLOOR, 0, True),
        (FLOOR, 100, True),
        (FLOOR, 101, False),
        (FLOOR, True, False),
        (FLOOR, "3", False),
        (Item("n", ItemKind.NUMBER, TEXT), -MAX_NUMBER, True),
        (Item("n", ItemKind.NUMBER, TEXT), MAX_NUMBER + 1, False),
        (WHAT, "forest", True),
        (WHAT, "boat", False),
        (FUEL, "gas", True),
        (FUEL, "  ", False),
        (FUEL, "", False),
        (FUEL, "x" * (MAX_TEXT + 1), False),
        (FUEL, False, False),
        (CALLED, False, True),
    ],
)
def test_an_answer_fits_its_item_or_is_refused(item: Item, value: Any, fits: bool) -> None:
    assert (unfit(item, value) is None) is fits


def test_answers_to_items_that_are_not_there_are_told() -> None:
    assert [wrong.at for wrong in unfit_answers(FIRE, {"trapped": True, "boat": 1, "floor": -1})] == [
        "/answers/boat",
        "/answers/floor",
    ]


def test_what_is_asked_follows_the_answers() -> None:
    assert asked(FIRE, {}) == {"trapped", "what", "called"}
    assert asked(FIRE, {"trapped": True, "what": "house"}) == {"trapped", "floor", "what", "fuel", "called"}
    assert asked(FIRE, {"trapped": False, "what": "forest"}) == {"trapped", "what", "called"}


def test_a_condition_on_what_is_not_asked_does_not_hold() -> None:
    inner = Item("inner", ItemKind.YES_NO, TEXT, when=When("trapped", equals=True))
    items = (TRAPPED, inner, Item("deep", ItemKind.TEXT, TEXT, required=True, when=When("inner", equals=True)))
    assert missing(items, {"trapped": True, "inner": True}) == ["deep"]
    assert missing(items, {"trapped": False, "inner": True}) == []


def test_a_step_is_missing_until_it_is_ticked() -> None:
    assert missing((CALLED,), {}) == missing((CALLED,), {"called": False}) == ["called"]
    assert missing((CALLED,), {"called": True}) == []


def test_a_list_that_is_not_current_misses_nothing() -> None:
    version = SopVersion(Subject(SubjectKind.AGENCY, "damkar"), 1, TEXT, FIRE)
    assert AskedList(version).missing == ["trapped", "called"]
    assert AskedList(version, current=False).missing == []
    assert AskedList(version, answers={"trapped": Answered(value=False, at=1, by="x")}).missing == ["called"]


@given(ANSWERS)
def test_what_is_missing_is_required_asked_and_in_the_lists_order(answers: dict[str, Value]) -> None:
    assert unfit_answers(FIRE, answers) == []
    found, are_asked = missing(FIRE, answers), asked(FIRE, answers)
    assert found == [item.key for item in FIRE if item.key in found]
    assert set(found) <= are_asked
    assert all(item.required for item in FIRE if item.key in found)
    # Whatever is not missing is answered, optional, or not asked.
    for item in FIRE:
        if item.key not in found:
            assert not item.required or item.key not in are_asked or item.key in answers


@given(ANSWERS)
def test_answering_what_is_missing_ends_it(answers: dict[str, Value]) -> None:
    given_answers: dict[str, Value] = dict(answers)
    of: dict[str, Value] = {"trapped": False, "floor": 1, "fuel": "gas", "called": True}
    for _ in FIRE:
        for key in missing(FIRE, given_answers):
            given_answers[key] = of[key]
    assert missing(FIRE, given_answers) == []


@given(ANSWERS, ANSWERS)
def test_changes_lead_from_one_state_to_the_other(before: dict[str, Value], after: dict[str, Value]) -> None:
    changed = changes(before, after)
    came = dict(before) | {key: pair[1] for key, pair in changed.items()}
    assert {key: value for key, value in came.items() if value is not None} == after
    assert all(pair[0] == before.get(key) and pair[0] != pair[1] for key, pair in changed.items())
    assert changes(after, after) == {}


def test_true_is_no_one() -> None:
    assert changes({"a": True}, {"a": 1}) == {"a": [True, 1]}


def test_a_list_comes_back_from_its_data() -> None:
    assert items_of(data_of(FIRE)) == FIRE
