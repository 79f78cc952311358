"""Notices by telephone: what follows from a call, what is said, and whom it may ring."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from callrouter.agencies.calling import RANG, RING_AGAIN_S, RINGS, Follows, Rung, follows
from callrouter.agencies.notices import LAST_RETRY_S, NoticeState, target_of
from callrouter.agencies.wording import spoken
from callrouter.routing.consistency import TRUNK, references
from callrouter.routing.directory import Agency, Contact, Directory, PhoneContact
from callrouter.routing.values import Language, Text
from tests.unit.agencies.given_notices import TOLD
from tests.unit.routing.tables import small

DAY_S = 86_400.0


def phone(**changes: Any) -> PhoneContact:
    return PhoneContact(**{"key": "lurah", "channel": "phone", "trunk": "telco", "number": "08123"} | changes)


# ------------------------------------------------------------------------------------------------ what follows
@pytest.mark.parametrize("result", [Rung.ACCEPTED, Rung.DECLINED])
@given(tries=st.integers(1, 9), left_s=st.floats(-10, DAY_S))
def test_who_heard_it_is_never_rung_for_it_again(result: Rung, tries: int, left_s: float) -> None:
    after = follows(result, tries, left_s, 0.5)
    assert (after.state, after.again_in_s) == (NoticeState.DELIVERED, None)
    assert bool(after.why) == (result is Rung.DECLINED)


@pytest.mark.parametrize("result", sorted(RANG))
def test_a_telephone_is_rung_in_vain_only_a_few_times_and_ever_more_rarely(result: Rung) -> None:
    waits = [follows(result, tries, DAY_S, 0.5).again_in_s for tries in range(1, RINGS + 1)]
    assert waits == [*(RING_AGAIN_S * n for n in range(1, RINGS)), None]
    assert follows(result, RINGS, DAY_S, 0.5).state is NoticeState.DEAD


@pytest.mark.parametrize("result", [Rung.FULL, Rung.UNAVAILABLE])
@given(tries=st.integers(1, 10_000), chance=st.floats(0, 1))
def test_where_nothing_rang_it_is_tried_until_it_is_given_up(result: Rung, tries: int, chance: float) -> None:
    after = follows(result, tries, DAY_S, chance)
    assert after.state is NoticeState.QUEUED
    assert after.again_in_s is not None
    assert 0 < after.again_in_s <= LAST_RETRY_S


@pytest.mark.parametrize("result", sorted(set(Rung) - {Rung.ACCEPTED, Rung.DECLINED}))
def test_nothing_is_put_off_beyond_the_time_that_is_given(result: Rung) -> None:
    after = follows(result, 1, 1.0, 0.5)
    assert after == Follows(NoticeState.DEAD, why=after.why)
    assert after.why


# ------------------------------------------------------------------------------------------------ what is said
def test_the_number_is_told_digit_by_digit_and_what_is_unknown_is_left_out() -> None:
    told = replace(TOLD, number=1207, place="Jl. Merdeka 12", description="", words="", people_hurt=0)
    assert spoken(told, "Sukun", Language.ID) == [
        "Laporan nomor: 1 2 0 7.",
        "Wilayah: Sukun.",
        "Tempat: Jl. Merdeka 12.",
        "Jumlah korban: 0.",
    ]
    assert spoken(replace(told, people_hurt=None, place=""), "", Language.EN) == ["Incident number: 1 2 0 7."]


@given(text=st.text(max_size=5_000), language=st.sampled_from(Language))
def test_whatever_somebody_wrote_is_short_and_has_nothing_that_cannot_be_seen(text: str, language: Language) -> None:
    told = replace(TOLD, place=text, description=text, words=text)
    said = spoken(told, text[:80], language)
    assert sum(map(len, said)) < 700
    assert all(one.isprintable() for one in said)


def test_a_callers_number_and_name_are_not_spoken() -> None:
    said = " ".join(spoken(TOLD, "Sukun", Language.ID))
    assert TOLD.caller_name not in said
    assert TOLD.caller_number.strip("+") not in said


# ------------------------------------------------------------------------------------------------ whom it rings
def test_a_telephone_is_reached_by_its_number_on_its_trunk() -> None:
    assert target_of(phone()) == "08123@telco"


@pytest.mark.parametrize("number", ["", "0812@evil", "0812&PJSIP/1", "${SHELL(x)}", "0812 ", "1;2"])
def test_a_number_that_is_more_than_one_is_refused(number: str) -> None:
    with pytest.raises(ValidationError):
        phone(number=number)


def test_the_trunk_of_a_telephone_is_looked_for_in_the_table() -> None:
    agency = Agency(
        key="desa",
        name=Text(id="Desa", en="Village"),
        contacts=(Contact(key="kantor", trunk="telco", number="1"),),
        notices=(phone(trunk="seluler"),),
    )
    found = references(Directory(agencies=(agency,)), small().routing)
    assert ("/directory/agencies/0/notices/0/trunk", TRUNK, "seluler", "agencies/desa") in list(found)
