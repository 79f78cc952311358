"""The audit's chain: whatever is done to its rows without the key is found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.access.chain import (
    GENESIS,
    MAX_FAULTS,
    ChainFault,
    ChainRow,
    FaultKind,
    Head,
    link,
    parse_head,
    payload_hash,
    verify,
)

KEY, OTHER = b"k" * 32, b"o" * 32


def chain(length: int, key: bytes = KEY, first: int = 1, previous: str = GENESIS, word: str = "") -> list[ChainRow]:
    made = []
    for seq in range(first, first + length):
        payload = f'{{"n":"{word}{seq}"}}'
        hashed = payload_hash(key, payload)
        mac = link(key, previous, seq, seq * 1000, "siti (admin)", "replace", f"routes/r{seq}", hashed)
        row = ChainRow(seq, seq * 1000, "siti (admin)", "replace", f"routes/r{seq}", payload, hashed, previous, mac)
        made.append(row)
        previous = mac
    return made


def head_of(row: ChainRow) -> Head:
    return Head(row.seq, row.mac, row.at)


def told(faults: Iterable[ChainFault]) -> list[tuple[FaultKind, int]]:
    return [(fault.kind, fault.seq) for fault in faults]


@pytest.mark.parametrize("length", [0, 1, 2, 50])
def test_a_whole_chain_has_no_faults(length: int) -> None:
    rows = chain(length)
    assert verify(iter(rows), KEY) == []
    assert verify(iter(rows), KEY, [head_of(row) for row in rows]) == []


@pytest.mark.parametrize(
    "change",
    [
        {"at": 1},
        {"actor": "budi (admin)"},
        {"action": "delete"},
        {"subject": "routes/r4"},
        {"payload": '{"n":"0"}'},
        {"payload": ""},
        {"payload_hash": "0" * 64},
        {"mac": "0" * 64},
        {"mac": ""},
        {"mac": "\u00e9"},
        {"payload": None, "payload_hash": "0" * 64},
    ],
)
def test_a_changed_row_is_found(change: dict[str, Any]) -> None:
    rows = chain(9)
    rows[4] = replace(rows[4], **change)
    faults = verify(rows, KEY)
    assert told(faults)[0] == (FaultKind.CHANGED, 5)
    assert "5" in faults[0].sentence.id
    assert "Row 5 was changed" in faults[0].sentence.en


def test_a_row_changed_together_with_its_hashes_needs_the_key() -> None:
    rows = chain(9)
    rows[4:5] = chain(1, OTHER, first=5, previous=rows[3].mac)
    assert (FaultKind.CHANGED, 5) in told(verify(rows, KEY))


def test_a_blanked_payload_is_no_fault() -> None:
    rows = [replace(row, payload=None) for row in chain(5)]
    assert verify(rows, KEY, [head_of(rows[-1])]) == []


@pytest.mark.parametrize(("gone", "seq"), [((0, 1), 1), ((4, 5), 5), ((2, 8), 3)])
def test_a_missing_row_is_found(gone: tuple[int, int], seq: int) -> None:
    rows = chain(9)
    del rows[gone[0] : gone[1]]
    assert told(verify(rows, KEY)) == [(FaultKind.MISSING, seq)]


def test_the_sentence_names_all_missing_rows() -> None:
    rows = chain(9)
    del rows[2:5]
    (fault,) = verify(rows, KEY)
    assert fault.sentence.en == "Rows 3 to 5 are missing."


def test_renumbering_after_a_removal_is_found() -> None:
    rows = chain(9)
    del rows[4]
    rows = [replace(row, seq=n) for n, row in enumerate(rows, 1)]
    assert {kind for kind, _ in told(verify(rows, KEY))} == {FaultKind.CHANGED}


def test_rows_out_of_order_are_found() -> None:
    rows = chain(9)
    rows[3], rows[4] = rows[4], rows[3]
    assert (FaultKind.REORDERED, 4) in told(verify(rows, KEY))


def test_a_row_given_twice_is_found() -> None:
    rows = chain(3)
    assert told(verify([*rows, rows[2]], KEY)) == [(FaultKind.REORDERED, 3)]


def test_a_row_of_another_chain_of_the_same_key_is_found() -> None:
    """As from a copy of the database that went its own way: signed, but it does not follow."""
    rows, other = chain(9), chain(9, word="x")
    rows[4] = other[4]
    assert told(verify(rows, KEY)) == [(FaultKind.REORDERED, 5), (FaultKind.REORDERED, 6)]


def test_an_end_cut_off_is_found_by_the_head_alone() -> None:
    rows = chain(9)
    heads = [head_of(rows[8])]
    assert verify(rows[:6], KEY) == []
    (fault,) = verify(rows[:6], KEY, heads)
    assert (fault.kind, fault.seq) == (FaultKind.CUT_OFF, 9)
    assert told(verify([], KEY, heads)) == [(FaultKind.CUT_OFF, 9)]


def test_rows_that_grew_in_place_of_those_cut_off_are_found() -> None:
    """Signed by the service itself, after somebody cut off what it had written; and longer than before."""
    old = chain(9)
    grown = [*old[:6], *chain(6, first=7, previous=old[5].mac, word="new")]
    assert verify(grown, KEY) == []
    assert told(verify(grown, KEY, [head_of(old[8])])) == [(FaultKind.REPLACED, 9)]


def test_an_older_head_finds_what_the_newest_does_not() -> None:
    """Cut off, grown anew, and then the hourly head was written: only the head from before tells."""
    old = chain(9)
    grown = [*old[:6], *chain(1, first=7, previous=old[5].mac, word="new")]
    assert verify(grown, KEY, [head_of(grown[-1])]) == []
    assert told(verify(grown, KEY, [head_of(old[8]), head_of(grown[-1])])) == [(FaultKind.CUT_OFF, 9)]


def test_with_another_key_every_row_is_at_fault_and_the_telling_ends() -> None:
    seen = 0

    def counted() -> Iterable[ChainRow]:
        nonlocal seen
        for row in chain(5 * MAX_FAULTS):
            seen += 1
            yield row

    faults = verify(counted(), OTHER)
    assert (len(faults), seen) == (MAX_FAULTS, MAX_FAULTS)


_ROW = st.tuples(
    st.text(max_size=5), st.integers(0, 99), st.integers(0, 99), st.text(max_size=5), st.text(max_size=5), st.text()
)


@given(_ROW, _ROW)
def test_no_two_rows_have_one_mac(
    one: tuple[str, int, int, str, str, str], other: tuple[str, int, int, str, str, str]
) -> None:
    macs = {link(KEY, *row, "hash") for row in (one, other)}
    assert len(macs) == len({one, other})


def test_where_one_field_ends_and_the_next_begins_is_signed() -> None:
    assert link(KEY, "", 1, 1, "a", "b", "c", "") != link(KEY, "", 1, 1, "ab", "", "c", "")
    assert link(KEY, "", 1, 11, "a", "b", "c", "") != link(KEY, "", 11, 1, "a", "b", "c", "")
    assert link(KEY, "", 1, 1, 'a","b', "", "c", "") != link(KEY, "", 1, 1, "a", 'b",""', "c", "")


def test_a_payload_hash_cannot_be_computed_without_the_key() -> None:
    assert payload_hash(KEY, "081234567890") != payload_hash(OTHER, "081234567890")


def test_a_head_comes_back_from_its_line() -> None:
    head = head_of(chain(3)[-1])
    assert parse_head(head.line() + "\n") == head


@pytest.mark.parametrize(
    "line", ["", "12", "12 " + "a" * 64, "x " + "a" * 64 + " 5", "12 abc 5", "-1 " + "a" * 64 + " 5", "1 2 3 4"]
)
def test_a_half_written_line_is_no_head(line: str) -> None:
    assert parse_head(line) is None
