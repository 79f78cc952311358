"""Suggestions that incidents are one event: exactly the sum of their terms, the same both ways."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from callrouter.incidents.sameevent import (
    LEAST,
    WINDOW_US,
    Event,
    TermName,
    suggestions,
    telling_words,
    terms,
)

MINUTE = 60_000_000
AT = 1_790_000_000_000_000
FIRE = Event(
    UUID(int=1), 1, AT, "fire", "35.07.13", "Jl. Merdeka 12, depan Pasar Kepanjen", "Atap rumah terbakar, asap hitam"
)

EVENTS = st.builds(
    Event,
    id=st.uuids(),
    number=st.integers(1, 1_000_000),
    opened_at=st.integers(AT - 2 * WINDOW_US, AT + 2 * WINDOW_US),
    category=st.sampled_from(["", "fire", "flood"]),
    area=st.sampled_from(["", "35.07", "35.07.13", "35.07.13.2001", "35.07.24", "35.0"]),
    place=st.text("abc merdekapasar12 ", max_size=40),
    description=st.text(max_size=40),
)


def other(**changes: object) -> Event:
    return replace(FIRE, **({"id": UUID(int=2), "number": 2} | changes))  # type: ignore[arg-type]


def test_two_calls_about_one_fire_are_suggested_with_reasons_in_both_languages() -> None:
    near = other(opened_at=AT + 4 * MINUTE, place="Pasar Kepanjen", description="Kebakaran, asap tebal")
    (found,) = suggestions(FIRE, [near], 5)
    assert {term.name: term.points for term in found.terms} == {
        TermName.CATEGORY: 20,
        TermName.AREA: 25,
        TermName.TIME: 20,
        TermName.PLACE: 20,
        TermName.DESCRIPTION: 5,
    }
    assert found.score == 90
    why = {term.name: term.why for term in found.terms}
    assert (why[TermName.PLACE].id, why[TermName.PLACE].en) == ("tempat: kepanjen, pasar", "place: kepanjen, pasar")
    assert (why[TermName.TIME].id, why[TermName.TIME].en) == ("selisih 4 menit", "4 min apart")


def test_the_same_category_at_the_same_time_alone_is_no_suggestion() -> None:
    assert suggestions(FIRE, [other(area="", place="", description="")], 5) == []


def test_another_area_or_category_speaks_against() -> None:
    points = {term.name: term.points for term in terms(FIRE, other(area="35.07.24", category="flood"))}
    assert points[TermName.AREA] < 0
    assert points[TermName.CATEGORY] < 0


def test_a_village_lies_in_its_district_and_a_prefix_of_digits_does_not() -> None:
    def area(code: str) -> int:
        return next(term.points for term in terms(FIRE, other(area=code)) if term.name is TermName.AREA)

    assert area("35.07.13") > area("35.07.13.2001") > 0
    assert area("35.07") > 0
    assert area("35.07.1") < 0


def test_what_is_not_known_is_no_term() -> None:
    assert terms(Event(UUID(int=3), 3, AT), Event(UUID(int=4), 4, AT + 3 * WINDOW_US)) == ()


def test_words_of_addresses_and_small_words_say_nothing() -> None:
    assert telling_words("Jl. di Jalan RT 03 RW 5, Desa Sumber") == {"03", "5", "sumber"}


def test_the_likeliest_comes_first_and_only_so_many() -> None:
    near = other(id=UUID(int=5), number=5, opened_at=AT + 50 * MINUTE)
    nearer = other(id=UUID(int=6), number=6, opened_at=AT + MINUTE)
    assert [one.other.number for one in suggestions(FIRE, [near, nearer, FIRE], 5)] == [6, 5]
    assert [one.other.number for one in suggestions(FIRE, [near, nearer], 1)] == [6]


@given(EVENTS, EVENTS)
def test_the_score_is_the_sum_of_the_terms_and_the_same_both_ways(one: Event, two: Event) -> None:
    assert terms(one, two) == terms(two, one)
    assert all(term.points != 0 and term.why.id and term.why.en for term in terms(one, two))
    assert len({term.name for term in terms(one, two)}) == len(terms(one, two))


@given(EVENTS, st.lists(EVENTS, max_size=8), st.integers(1, 5))
def test_suggestions_are_likely_near_and_in_order(one: Event, others: list[Event], most: int) -> None:
    found = suggestions(one, others, most)
    assert len(found) <= most
    assert all(suggestion.score == sum(t.points for t in suggestion.terms) >= LEAST for suggestion in found)
    assert all(abs(suggestion.other.opened_at - one.opened_at) <= WINDOW_US for suggestion in found)
    assert [s.score for s in found] == sorted((s.score for s in found), reverse=True)
