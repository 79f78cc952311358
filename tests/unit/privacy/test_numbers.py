"""One number, however a carrier wrote it."""

from __future__ import annotations

import pytest

from callrouter.privacy.numbers import NoNumber, spellings

ALIKE = {"+628123456789", "628123456789", "08123456789", "00628123456789"}


@pytest.mark.parametrize("text", [*sorted(ALIKE), "+62 812-3456-789", " (0812) 345 6789 "])
def test_every_spelling_of_an_indonesian_number_finds_the_others(text: str) -> None:
    assert set(spellings(text)) >= ALIKE


@pytest.mark.parametrize(
    ("text", "known"), [("+6591234567", {"+6591234567", "6591234567", "006591234567"}), ("12345", {"12345"})]
)
def test_another_country_and_an_extension_have_no_national_spelling(text: str, known: set[str]) -> None:
    assert set(spellings(text)) == known


@pytest.mark.parametrize("text", ["", "112", "siti", "+", "0812x", "٠٨١٢٣٤٥٦", "%", "08123_"])
def test_what_is_no_number_of_a_person_is_refused(text: str) -> None:
    with pytest.raises(NoNumber):
        spellings(text)
