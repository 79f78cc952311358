"""From a civic address to an area of the table: as deep as is certain, and unknown where it is not."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.asterisk.dialplan import known_area
from callrouter.calls.handover import HandOvers, snapshot_of
from callrouter.calls.location import MAX_NAME, CivicAddress, Gazetteer
from callrouter.calls.ports import HandOver, KnownArea
from callrouter.calls.session import Exit, Sessions
from callrouter.routing.facts import AreaSource
from callrouter.routing.table import Area, RoutingTable
from callrouter.routing.values import AREA_PATTERN
from tests.unit.calls.given import Clock, Notes, Talk, arrival
from tests.unit.calls.test_handover import NOW
from tests.unit.routing.tables import Document, small

AREAS = {
    "35": "Jawa Timur",
    "35.07": "Kabupaten Malang",
    "35.07.13": "Kepanjen",
    "35.07.13.2001": "Desa Sukoraharjo",
    "35.07.13.1002": "Kelurahan Cepokomulyo",
    "35.07.13.2010": "Mojosari",
    "35.07.14": "Kecamatan Bululawang",
    "35.07.14.2003": "Sukonolo",
    "35.07.14.2005": "Mojosari",
    "35.73": "Malang",
    "35.73.05": "Lowokwaru",
    "35.79": "Kota Batu",
    "31": "DKI Jakarta",
    "31.74": "Kota Administrasi Jakarta Selatan",
    "34": "Daerah Istimewa Yogyakarta",
    "64.02.05": "Kepanjen",
}


def areas(named: dict[str, str]) -> list[Area]:
    return [Area(code=code, name=name) for code, name in named.items()]


def found(*names: str, country: str = "ID", named: dict[str, str] | None = None) -> str | None:
    """Return the area of an address whose A1, A2, … are `names`."""
    a1, a2, a3, a4 = (*names, "", "", "", "")[:4]
    return Gazetteer(areas(named or AREAS)).code_of(CivicAddress((a1, a2, a3, a4), country))


# ---------------------------------------------------------------- names
@pytest.mark.parametrize(
    ("names", "code"),
    [
        (("Jawa Timur",), "35"),
        (("Jawa Timur", "Kabupaten Malang"), "35.07"),
        (("Jawa Timur", "Kabupaten Malang", "Kepanjen"), "35.07.13"),
        (("Jawa Timur", "Kabupaten Malang", "Kepanjen", "Sukoraharjo"), "35.07.13.2001"),
        (("", "", "", "Sukoraharjo"), "35.07.13.2001"),
    ],
)
def test_deepest_area_that_is_named_counts(names: tuple[str, ...], code: str) -> None:
    assert found(*names) == code


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (("PROVINSI JAWA TIMUR",), "35"),
        (("Prov. Jawa-Timur",), "35"),
        (("", "kab. malang"), "35.07"),
        (("", "Kab.Malang"), "35.07"),
        (("", "KOTA MALANG"), "35.73"),
        (("", "Kodya Batu"), "35.79"),
        (("", "Batu"), "35.79"),
        (("", "Kota Adm. Jakarta Selatan"), "31.74"),
        (("", "", "Kec. Bululawang"), "35.07.14"),
        (("", "", "bulu lawang"), "35.07.14"),
        (("", "", "", "Kel. Sukoraharjo"), "35.07.13.2001"),
        (("", "", "", "Ds Cepokomulyo"), "35.07.13.1002"),
        (("", "", "", "Súkoraharjó"), "35.07.13.2001"),
        (("", "", "", "  Sukoraharjo\t"), "35.07.13.2001"),
        (("Jakarta",), "31"),
        (("Provinsi DKI Jakarta",), "31"),
        (("D.I. Yogyakarta",), "34"),
        (("DI Yogyakarta",), "34"),
    ],
)
def test_case_accents_blanks_and_the_words_before_a_name_do_not_matter(names: tuple[str, ...], code: str) -> None:
    assert found(*names) == code


def test_name_is_one_of_its_own_level_only() -> None:
    assert found("Kepanjen") is None
    assert found("", "", "Jawa Timur") is None


def test_name_that_the_table_has_not_leaves_the_area_around_it() -> None:
    assert found("Jawa Timur", "Kab. Malang", "Kepanjen", "Ardirejo") == "35.07.13"
    assert found("Jawa Timur", "Kab. Malang", "Dau", "Landungsari") == "35.07"
    assert found("Bali", "Badung") is None


# ---------------------------------------------------------------- what is not certain
def test_regency_and_city_of_one_name_are_told_apart_by_their_word_alone() -> None:
    assert found("", "Malang") is None
    assert found("Jawa Timur", "Malang") == "35"
    assert found("Jawa Timur", "Kota Malang") == "35.73"
    assert found("Jawa Timur", "Kabupaten Malang") == "35.07"


def test_two_areas_of_one_name_are_told_apart_by_what_is_above() -> None:
    assert found("", "", "Kepanjen", "Mojosari") == "35.07.13.2010"
    assert found("", "", "Bululawang", "Mojosari") == "35.07.14.2005"
    assert found("", "", "", "Mojosari") is None
    assert found("", "Kab. Malang", "", "Mojosari") == "35.07"


def test_area_above_that_the_table_does_not_name_may_be_as_it_is_given() -> None:
    assert found("Kalimantan Timur", "", "Kepanjen") == "64.02.05", "35.07.13 is in Jawa Timur"
    assert found("Jawa Timur", "", "Kepanjen") == "35.07.13"
    assert found("", "", "Kepanjen") is None


def test_name_under_another_area_than_is_given_above_does_not_count() -> None:
    assert found("", "", "Bululawang", "Sukoraharjo") == "35.07.14"
    assert found("DKI Jakarta", "", "", "Sukoraharjo") == "31"
    named = {"35.07.13.2001": "Sukoraharjo", "35.14": "Kabupaten Pasuruan"}
    assert found("", "Kab. Pasuruan", "", "Sukoraharjo", named=named) == "35.14"
    assert found("", "Kab. Malang", "", "Sukoraharjo", named=named) == "35.07.13.2001"


def test_place_in_another_country_is_not_ours() -> None:
    assert found("", "", "", "Sukoraharjo", country="MY") is None
    assert found("35.07", country="MY") is None
    assert found("", "", "", "Sukoraharjo", country="id") == "35.07.13.2001"
    assert found("", "", "", "Sukoraharjo", country="") == "35.07.13.2001"


# ---------------------------------------------------------------- codes
def test_code_counts_also_where_the_table_does_not_name_it() -> None:
    assert found("", "", "", "35.07.13.2099") == "35.07.13.2099"
    assert found("", "", "51.03") == "51.03"
    assert found("51.03", named={}) == "51.03"


def test_deepest_of_several_codes_counts_and_codes_that_disagree_tell_nothing() -> None:
    assert found("35", "35.07", "35.07.13") == "35.07.13"
    assert found("35", "35.07", "35.73.05") is None
    assert found("3", "35.07") == "35.07", "no code, and no name either"


def test_name_within_a_code_is_looked_for_there_and_a_name_beside_it_does_not_matter() -> None:
    assert found("", "35.07", "Kepanjen") == "35.07.13"
    assert found("", "64.02", "Kepanjen") == "64.02.05"
    assert found("", "35.07.14", "", "Mojosari") == "35.07.14.2005"
    assert found("Bali", "Badung", "35.07.13") == "35.07.13"
    assert found("", "35.73", "", "Sukoraharjo") == "35.73"


# ---------------------------------------------------------------- what nobody should send
@pytest.mark.parametrize(
    "text", ["", " ", "-", "\n", "${SHELL(x)}", "Kabupaten", "A" * 10_000, "\ud800", "35.7", "٣٥"]
)
def test_text_that_names_nothing_tells_nothing(text: str) -> None:
    assert found(text, text, text, text) is None


def test_name_that_is_too_long_is_not_looked_at() -> None:
    assert found(f"Jawa Timur{' ' * (MAX_NAME - 10)}.") is None


@given(st.lists(st.text(max_size=40) | st.sampled_from([*AREAS, *AREAS.values()]), min_size=4, max_size=4), st.text())
def test_answer_is_always_a_code_or_unknown(names: list[str], country: str) -> None:
    code = found(*names, country=country)
    assert code is None or re.fullmatch(AREA_PATTERN, code)


@given(st.sampled_from(sorted(AREAS)))
def test_address_with_every_name_above_it_finds_each_area(code: str) -> None:
    parts = code.split(".")
    names = [AREAS.get(".".join(parts[: n + 1]), "") for n in range(len(parts))]
    if code == "35.73":
        names[1] = "Kota Malang"  # by its word alone
    elif code == "64.02.05":
        names[0] = "Kalimantan Timur"  # which the table does not name
    assert found(*names) == code


# ---------------------------------------------------------------- what becomes of it
HERE = CivicAddress(("Jawa Timur", "Kab. Malang", "Kepanjen", ""), "ID")


def table(**trunk: Any) -> RoutingTable:
    """Return a table with an area that has a route of its own, and a menu whose second digit means an area, too."""

    def change(document: Document) -> None:
        document["directory"]["trunks"][0] |= {"trusted_identity": True} | trunk
        routing = document["routing"]
        routing["areas"] = [{"code": code, "name": name} for code, name in AREAS.items()]
        routing["menus"][0]["options"][1]["area"] = "35.79"
        routing["routes"].append(
            {
                "key": "here",
                "priority": 990,
                "when": {"area": ["35.07"]},
                "steps": [{"kind": "announce", "prompt": "connecting"}],
            }
        )

    return small(change)


def handed(given_table: RoutingTable, address: CivicAddress | None) -> HandOver:
    return HandOvers(snapshot_of(7, given_table), lambda _group: True).of(arrival(), NOW, address)


def test_area_that_came_with_the_call_goes_before_that_of_its_trunk_and_of_the_menu() -> None:
    given_it = handed(table(area="35.73"), HERE)
    assert given_it.area == KnownArea("35.07.13", AreaSource.LOCATION)
    assert given_it.areas == {}
    assert {plan.route for plan in given_it.plans.by_digit.values()} == {given_it.plans.other.route} == {"here"}


def test_address_that_tells_nothing_leaves_the_area_of_the_trunk_or_the_menu() -> None:
    nowhere = CivicAddress(("Bali", "", "", ""))
    assert handed(table(area="35.73"), nowhere).area == KnownArea("35.73", AreaSource.TRUNK)
    without = handed(table(), nowhere)
    assert without.area is None
    assert without.areas == {"2": KnownArea("35.79", AreaSource.MENU)}
    assert without.plans.by_digit["1"].route == "fire"


def test_address_on_a_trunk_that_is_not_believed_is_nothing() -> None:
    assert handed(table(trusted_identity=False), HERE).area is None


def test_calls_from_different_areas_have_different_plans_and_those_of_one_area_the_same() -> None:
    kept = HandOvers(snapshot_of(7, table()), lambda _group: True)
    here = kept.of(arrival(), NOW, HERE)
    nowhere = kept.of(arrival(), NOW)
    assert (here.plans.other.route, nowhere.plans.other.route) == ("here", "all")
    assert kept.of(arrival(), NOW, HERE) is here
    assert kept.of(arrival(), NOW) is nowhere


async def test_session_waits_for_the_address_and_hands_over_its_area() -> None:
    snapshot, talk = snapshot_of(7, table()), Talk()

    async def located() -> CivicAddress:
        return HERE

    assert await Sessions(lambda: snapshot, Notes(), Clock()).serve(arrival(), talk, located()) is Exit.HANDED_OVER
    assert talk.had.area == known_area("location/35.07.13")
