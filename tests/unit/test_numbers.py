"""Callers' numbers: E.164 and Indonesian habits; what is none stays as it came."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.api.case_models import IncidentChange
from callrouter.incidents.eido import received
from callrouter.incidents.numbers import bare, phone


@pytest.mark.parametrize(
    ("raw", "e164", "shown"),
    [
        ("081234567890", "+6281234567890", "0812-3456-7890"),
        ("+6281234567890", "+6281234567890", "0812-3456-7890"),
        ("6281234567890", "+6281234567890", "0812-3456-7890"),
        ("006281234567890", "+6281234567890", "0812-3456-7890"),
        ("81234567890", "+6281234567890", "0812-3456-7890"),
        ("+62 0812 3456 7890", "+6281234567890", "0812-3456-7890"),
        ("0341-551234", "+62341551234", "(0341) 551234"),
        ("0215550112", "+62215550112", "(021) 5550112"),
        ("+6585550000", "+6585550000", "+65 8555 0000"),
        ("+12025550100", "+12025550100", "+1 202-555-0100"),
    ],
)
def test_a_number_is_shown_as_people_dial_it(raw: str, e164: str, shown: str) -> None:
    found = phone(raw)
    assert (found.raw, found.e164, found.shown, found.withheld) == (raw, e164, shown, False)


@pytest.mark.parametrize(
    "raw",
    [
        "112",
        "14045",
        "0008",
        "08123",
        "0341112",
        "op1",
        "anonymous",
        "(0341) 551234;tag=1",
        "000",
        "0000000000",
        "+999123456789",
        "\x00",
        "\ud800",
        "٠٨١٢٣٤٥٦٧٨٩",
    ],
)
def test_what_is_no_number_stays_as_it_came(raw: str) -> None:
    found = phone(raw)
    assert (found.raw, found.e164, found.shown) == (raw, "", raw)


def test_a_withheld_number_is_told_as_such() -> None:
    assert phone("").withheld


@given(st.text(max_size=80) | st.text("+0123456789 ().-/", max_size=80))
def test_whatever_comes_as_a_number_makes_no_trouble(raw: str) -> None:
    found = phone(raw)
    assert found.raw == raw[:64]
    assert not found.e164 or phone(found.e164).e164 == found.e164


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("0812-3456-7890", "081234567890"),
        ("tel:+62 812 3456 7890", "+6281234567890"),
        ("TEL:+62-812-3456-7890;ext=5", "+6281234567890"),
        ("sips:+6281234567890@kota.example;user=phone", "+6281234567890"),
        ("+62 (0)812 3456 7890", "+6281234567890"),
        ("(0341) 551234", "0341551234"),
        ("112", "112"),
        ("", ""),
        ("radio kanal 3", "radio kanal 3"),
        ("sip:siti-2@kota.example", "sip:siti-2@kota.example"),
        ("0812 atau 0813", "0812 atau 0813"),
        ("+62*******12", "+62*******12"),
    ],
)
def test_a_number_that_was_written_is_kept_without_what_is_only_for_the_eye(written: str, kept: str) -> None:
    assert bare(written) == kept
    assert bare(kept) == kept


@pytest.mark.parametrize("number", ["0812-3456-7890", "tel:0812 3456 7890"])
def test_number_from_persons_and_from_other_centres_is_kept_alike(number: str) -> None:
    assert IncidentChange(reporter_number=number).reporter_number == "081234567890"
    ours = {"$id": "a", "x-callrouter": {"reporter_number": number}}
    assert received(ours, frozenset(), frozenset()).fields == {"reporter_number": "081234567890"}
    theirs = {"$id": "a", "callbackComponent": [{"callBackInformationUri": ["sip:0812-3456-7890@kota.example"]}]}
    assert received(theirs, frozenset(), frozenset()).fields == {"reporter_number": "081234567890"}
