"""What is shown of a number and a name, and to whom."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.access.model import LOCAL, Principal, Right, Role
from callrouter.privacy.masking import HIDDEN_LEAST, MASKED, SERVICE_DIGITS, WHOLE, sight_of


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+6281234567890", "+6281*******90"),
        ("081234567890", "0812******90"),
        ("03417654321", "0341*****21"),
        ("62341123", "62****23"),
        ("55512", "***12"),
        ("112", "112"),
        ("siti", "****"),
        ("siti.rahma", "siti****ma"),
        ("", ""),
    ],
)
def test_first_signs_and_last_two_of_a_number_are_shown(number: str, shown: str) -> None:
    assert MASKED.number(number) == shown
    assert WHOLE.number(number) == number


@given(st.text(alphabet="+0123456789", min_size=SERVICE_DIGITS + 3, max_size=64))
def test_enough_of_every_number_stays_hidden(number: str) -> None:
    shown = MASKED.number(number)
    assert len(shown) == len(number)
    assert shown.count("*") >= HIDDEN_LEAST
    assert shown != number


def test_of_a_name_the_first_letters_are_shown() -> None:
    assert MASKED.name("Siti  Rahmawati") == "S*** R***"
    assert MASKED.name("") == ""


def test_data_of_an_entry_are_masked_however_deep() -> None:
    data = {
        "number": "081234567890",
        "by": "op1",
        "changed": {"reporter_number": ["", "081234567890"], "reporter_name": ["", "Siti R"], "people_hurt": [0, 2]},
    }
    assert MASKED.data(data) == {
        "number": "0812******90",
        "by": "op1",
        "changed": {
            "reporter_number": ["", "0812******90"],
            "reporter_name": ["", "S*** R***"],
            "people_hurt": [0, 2],
        },
    }
    assert WHOLE.data(data) == data


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("1|opened|5d0c|t=1|num=LjA4MTI=|name=LlNpdGk=|chan=x", "1|opened|5d0c|t=1|num=*|name=*|chan=x"),
        ("1|opened|5d0c|num=LjA4", "1|opened|5d0c|num=*"),
        ("""Opened(trunk='telco', number='0812', name="Ibu 'S'", channel='x')""",
         "Opened(trunk='telco', number=*, name=*, channel='x')"),
        ("nothing of ours", "nothing of ours"),
    ],
)  # fmt: skip
def test_line_of_the_journal_is_shown_without_its_caller(line: str, shown: str) -> None:
    assert MASKED.line(line) == shown
    assert WHOLE.line(line) == line


@pytest.mark.parametrize("role", list(Role))
def test_who_takes_calls_sees_numbers_and_who_looks_at_figures_does_not(role: Role) -> None:
    principal = Principal("x", role, token="ab12cd34")
    assert sight_of(principal).whole is (role in {Role.OPERATOR, Role.SUPERVISOR}) is principal.may(Right.SEE_NUMBERS)


def test_nobody_in_particular_is_shown_least() -> None:
    assert sight_of(None) is MASKED


def test_command_line_of_the_machine_is_shown_all() -> None:
    assert sight_of(Principal(LOCAL, Role.ADMIN)) is WHOLE
