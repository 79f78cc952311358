"""Which sub-codes may be given, and which incidents close themselves."""

from __future__ import annotations

import pytest

from callrouter.bilingual import Bilingual
from callrouter.incidents.dispositions import NAMES, SubCode, closes_itself, may_be_given
from callrouter.incidents.lifecycle import UNDER_WAY
from callrouter.incidents.model import Disposition, IncidentState

CODES = [
    SubCode(Disposition.PRANK, "anak", Bilingual("anak-anak", "children")),
    SubCode(Disposition.PRANK, "lama", Bilingual("lama", "old"), enabled=False),
]


def test_there_are_the_seven_dispositions_of_the_national_report() -> None:
    assert set(NAMES) == set(Disposition)
    assert len(Disposition) == 7


@pytest.mark.parametrize(
    ("disposition", "key", "may"),
    [
        (Disposition.PRANK, "", True),
        (Disposition.PRANK, "anak", True),
        (Disposition.GHOST, "anak", False),
        (Disposition.PRANK, "lama", False),
        (Disposition.PRANK, "other", False),
    ],
)
def test_a_sub_code_is_given_with_its_disposition_while_it_is_enabled(
    disposition: Disposition, key: str, may: bool
) -> None:
    assert may_be_given(CODES, disposition, key) is may


@pytest.mark.parametrize("state", IncidentState)
def test_what_an_agency_has_under_way_never_closes_itself(state: IncidentState) -> None:
    closes = closes_itself(state, Disposition.GHOST, disposed_by_person=True)
    assert closes is (state not in {*UNDER_WAY, IncidentState.CLOSED, IncidentState.MERGED})


def test_what_the_call_made_abandoned_closes_itself_only_while_nobody_has_it() -> None:
    assert closes_itself(IncidentState.ABANDONED, Disposition.ABANDONED, disposed_by_person=False)
    assert not closes_itself(IncidentState.WITH_OPERATOR, Disposition.ABANDONED, disposed_by_person=False)
    assert closes_itself(IncidentState.WITH_OPERATOR, Disposition.ABANDONED, disposed_by_person=True)


@pytest.mark.parametrize(
    "disposition", [one for one in Disposition if one not in {Disposition.GHOST, Disposition.ABANDONED}]
)
def test_nothing_else_closes_itself(disposition: Disposition) -> None:
    assert not closes_itself(IncidentState.OPEN, disposition, disposed_by_person=True)
    assert not closes_itself(IncidentState.OPEN, "", disposed_by_person=False)
