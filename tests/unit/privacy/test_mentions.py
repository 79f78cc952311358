"""A number within a text is found in every form in which people write it, and a longer number is another's."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callrouter.privacy.numbers import spellings
from callrouter.storage.mentions import ERASED, Mentions

NATIONAL = "8123456789"
HIS = Mentions(spellings(f"0{NATIONAL}"))

nationals = st.from_regex(r"[1-9][0-9]{7,10}", fullmatch=True)
prefixes = st.sampled_from(["0", "62", "+62", "0062", "62 0", "+62 (0)"])
separators = st.sampled_from(["", "", "", " ", "-", ".", "/", " - ", ") ", "(", "  ", "\N{NON-BREAKING HYPHEN}"])
words = st.text(st.characters(categories=["L", "Zs", "Po"]), max_size=12).filter(lambda text: not text.endswith("."))
digits = st.from_regex(r"[0-9]{1,4}", fullmatch=True)
joints = st.sampled_from(["", "-", "."])
few = settings(max_examples=40)


@st.composite
def written(draw: st.DrawFn, national: str, prefix: st.SearchStrategy[str] = prefixes) -> str:
    """A way in which a person writes a number, with anything that he puts between its digits."""
    between = draw(st.lists(separators, min_size=len(national), max_size=len(national)))
    return draw(prefix) + "".join(separator + digit for separator, digit in zip(between, national, strict=True))


@few
@given(st.data(), nationals, words, words)
def test_number_is_found_and_taken_out_however_it_is_written(
    data: st.DataObject, national: str, before: str, behind: str
) -> None:
    mentions = Mentions(spellings(f"+62{national}"))
    text = f"{before}{data.draw(written(national))} {behind}"
    assert mentions.has(text)
    assert mentions.has({"note": [text]})
    left = mentions.without(text)
    assert ERASED in left
    assert left.startswith(before)
    assert left.endswith(behind)
    assert not mentions.has(left)
    assert national not in re.sub(r"[^0-9]", "", left)


@few
@given(st.data(), nationals, digits, joints)
def test_longer_number_that_begins_with_it_is_left_alone(
    data: st.DataObject, national: str, more: str, joint: str
) -> None:
    mentions = Mentions(spellings(f"+62{national}"))
    text = f"telp {data.draw(written(national))}{joint}{more} orang"
    assert not mentions.has(text)
    assert mentions.without(text) == text


@few
@given(st.data(), nationals, digits.filter(lambda more: not more.endswith("62")), joints)
def test_longer_number_that_ends_with_it_is_left_alone(
    data: st.DataObject, national: str, more: str, joint: str
) -> None:
    mentions = Mentions(spellings(f"+62{national}"))
    text = f"KTP {more}{joint}{data.draw(written(national, st.just('0')))} x"
    assert not mentions.has(text)
    assert mentions.without(text) == text


@few
@given(words.filter(lambda text: not re.search("[0-9]", text)))
def test_text_without_it_stays_as_it_is(text: str) -> None:
    assert not HIS.has(text)
    assert HIS.without(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("telp 0812-3456-789, istri", "telp ***, istri"),
        ("WA:+62 812 345 6789.", "WA:***."),
        ("(0812) 34 56 789 malam", "*** malam"),
        ("rumah (08123456789)", "rumah (***)"),
        ("tel:+62-812-345-6789;ext=1", "tel:***;ext=1"),
        ("08123456789/08123456789", "***/***"),
        ("korban 3, 0812/3456/789 2 orang", "korban 3, *** 2 orang"),
        ("0812\n3456\n789", "***"),
    ],
)
def test_text_keeps_all_but_the_number(text: str, left: str) -> None:
    assert HIS.without(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "08123456780",
        "0812-3456-7890",
        "0812-3456-789-0",
        "35.0812.3456.789",
        "1-08123456789",
        "2026-11-22T08:12:34.567890Z",
        "628123456789012",
        "0 812 3456 78",
        "8123456789",
    ],
)
def test_number_of_somebody_else_and_a_time_are_left_alone(text: str) -> None:
    assert not HIS.has(text)
    assert HIS.without(text) == text


def test_number_with_one_spelling_is_not_looked_for_within_texts() -> None:
    extension = Mentions(spellings("12345"))
    assert extension.has("12345")
    assert not extension.has("laporan 12345")
    assert extension.without("laporan 12345") == "laporan 12345"
