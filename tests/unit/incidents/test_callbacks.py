"""Who can be called back, by which lines, and what is known of a try."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.incidents.callbacks import DIALABLE, MAX_WAYS, dialable, ways
from callrouter.routing.directory import Trunk, TrunkKind


@pytest.mark.parametrize(
    ("number", "dialled"),
    [
        ("081234567890", "081234567890"),
        ("+6281234567890", "+6281234567890"),
        ("0341325112", "0341325112"),
        ("0341-325-112", "+62341325112"),
        ("", None),
        ("112", None),
        ("anonymous", None),
        ("0812345678&SIP/x", None),
        ("0812,1", None),
        ("+", None),
        ("++6281234567890", None),
        ("٠٨١٢٣٤٥٦٧٨", None),
        ("0" * 16, None),
    ],
)
def test_nothing_but_a_number_is_dialled(number: str, dialled: str | None) -> None:
    assert dialable(number) == dialled


@given(st.text(max_size=40))
def test_what_is_dialled_holds_nothing_that_a_dialplan_reads(number: str) -> None:
    found = dialable(number)
    assert found is None or (DIALABLE.fullmatch(found) and set(found) <= set("+0123456789"))


def trunk(key: str, kind: TrunkKind = TrunkKind.CARRIER, **more: object) -> Trunk:
    return Trunk.model_validate({"key": key, "kind": kind.value, "host": "10.0.0.1", **more})


def test_line_of_the_lost_call_is_first_and_only_carriers_that_may_be_used_are_dialled_by() -> None:
    trunks = [
        trunk("damkar", TrunkKind.AGENCY),
        trunk("old", enabled=False),
        trunk("mute", channels=0),
        trunk("one"),
        trunk("two"),
        trunk("three"),
        trunk("four"),
    ]
    assert ways(trunks, "three") == ("three", "one", "two")
    assert ways(trunks, "damkar") == ("one", "two", "three")
    assert len(ways(trunks, "four")) == MAX_WAYS
    assert ways(trunks[:3], "old") == ()
