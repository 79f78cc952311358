"""The audit's keyed hash chain: each row is signed together with the one before it.

A row's mac is HMAC-SHA-256 (RFC 2104) over what it says and the mac of the row before. Whoever has the database but
not the key can change, remove or insert nothing without a trace, but for rows cut off at the end: those are found by
the heads, which are written outside the database from time to time.
The payload is signed by its own keyed digest, so that a personal one can be blanked later and the chain still holds;
keyed, because a payload of few possible values (a telephone number) could else be guessed from its hash.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from callrouter.bilingual import Bilingual

GENESIS: Final = ""
"""What stands for the mac before the first row."""
FIRST: Final = 1
"""Seq of the first row; the rows count up without gaps."""
MAX_FAULTS: Final = 100
"""With a wrong key every row is at fault: nothing is gained by telling more."""


@dataclass(frozen=True, slots=True)
class ChainRow:
    """A row of the audit; `at` in µs UTC, `payload` as the JSON text that was signed, None once it was blanked."""

    seq: int
    at: int
    actor: str
    action: str
    subject: str
    payload: str | None
    payload_hash: str
    previous: str
    mac: str


@dataclass(frozen=True, slots=True)
class Head:
    """The newest row of the chain at some time, kept outside the database, one a line. `at`: its row's, µs UTC."""

    seq: int
    mac: str
    at: int

    def line(self) -> str:
        """Return it as it stands in the file, without the line's end."""
        return f"{self.seq} {self.mac} {self.at}"


class FaultKind(StrEnum):
    """What can be wrong with a chain."""

    CHANGED = "changed"
    MISSING = "missing"
    REORDERED = "reordered"
    CUT_OFF = "cut_off"
    REPLACED = "replaced"
    """The chain holds, but is not the one whose head was written outside: rows were cut off and others followed."""


@dataclass(frozen=True, slots=True)
class ChainFault:
    """One thing that is wrong with the chain; `seq`: of the row where it shows."""

    kind: FaultKind
    seq: int
    sentence: Bilingual


def link(
    key: bytes, previous: str, seq: int, at: int, actor: str, action: str, subject: str, payload_hash: str
) -> str:
    """Return a row's mac, in hexadecimal. `previous`: the mac of the row before, GENESIS for the first."""
    # JSON, so that no two rows have one text: what is quoted has its length.
    text = json.dumps(["row", previous, seq, at, actor, action, subject, payload_hash], separators=(",", ":"))
    return hmac.digest(key, text.encode(), hashlib.sha256).hex()


def payload_hash(key: bytes, payload_text: str) -> str:
    """Return the keyed digest of a payload, in hexadecimal."""
    return hmac.digest(key, b"payload\n" + payload_text.encode(), hashlib.sha256).hex()


def parse_head(line: str) -> Head | None:
    """Read a line of the file of heads; None for one that is none (half written at a power cut)."""
    parts = line.split()
    if len(parts) != 3 or not (parts[0].isdecimal() and parts[2].isdecimal()) or len(parts[1]) != 64:
        return None
    return Head(int(parts[0]), parts[1], int(parts[2]))


class Verifier:
    """Follows a chain row by row, from the first. Holds nothing but the heads it has yet to meet."""

    def __init__(self, key: bytes, heads: Iterable[Head] = ()) -> None:
        self._key = key
        self._heads: dict[int, set[str]] = {}
        for head in heads:
            self._heads.setdefault(head.seq, set()).add(head.mac)
        self._seq = FIRST - 1
        self._mac = GENESIS
        self.faults: list[ChainFault] = []

    @property
    def full(self) -> bool:
        """True where MAX_FAULTS are found: reading on tells nothing."""
        return len(self.faults) >= MAX_FAULTS

    def take(self, row: ChainRow) -> None:
        """Look at the next row."""
        if row.seq <= self._seq:
            self._found(FaultKind.REORDERED, row.seq, _reordered(row.seq, self._seq))
            return
        gap = row.seq != self._seq + 1
        if gap:
            self._found(FaultKind.MISSING, self._seq + 1, _missing(self._seq + 1, row.seq - 1))
        if not self._signed(row):
            self._found(FaultKind.CHANGED, row.seq, _changed(row.seq))
        elif not gap and row.previous != self._mac:
            self._found(FaultKind.REORDERED, row.seq, _unlinked(row.seq))
        if any(mac != row.mac for mac in self._heads.pop(row.seq, ())):
            self._found(FaultKind.REPLACED, row.seq, _replaced(row.seq))
        self._seq, self._mac = row.seq, row.mac

    def finish(self) -> list[ChainFault]:
        """Say that there are no more rows; return all that is wrong, at most MAX_FAULTS."""
        beyond = max((seq for seq in self._heads if seq > self._seq), default=None)
        if beyond is not None and not self.full:
            self._found(FaultKind.CUT_OFF, beyond, _cut_off(self._seq, beyond))
        return self.faults

    def _signed(self, row: ChainRow) -> bool:
        if row.payload is not None and not _same(payload_hash(self._key, row.payload), row.payload_hash):
            return False
        mac = link(self._key, row.previous, row.seq, row.at, row.actor, row.action, row.subject, row.payload_hash)
        return _same(mac, row.mac)

    def _found(self, kind: FaultKind, seq: int, sentence: Bilingual) -> None:
        if not self.full:
            self.faults.append(ChainFault(kind, seq, sentence))


def verify(rows: Iterable[ChainRow], key: bytes, heads: Iterable[Head] = ()) -> list[ChainFault]:
    """Return what is wrong with a chain, at most MAX_FAULTS; empty where nothing is.

    rows:  all of them, by seq
    heads: every one that was written outside, not only the newest: after rows were cut off, newer heads are of the
           chain that grew anew
    """
    verifier = Verifier(key, heads)
    for row in rows:
        verifier.take(row)
        if verifier.full:
            break
    return verifier.finish()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(errors="replace"), other.encode(errors="replace"))


def _changed(seq: int) -> Bilingual:
    return Bilingual(
        f"Baris {seq} telah diubah, atau ditandatangani dengan kunci lain.",
        f"Row {seq} was changed, or was signed with another key.",
    )


def _missing(first: int, last: int) -> Bilingual:
    if first == last:
        return Bilingual(f"Baris {first} hilang.", f"Row {first} is missing.")
    return Bilingual(f"Baris {first} sampai {last} hilang.", f"Rows {first} to {last} are missing.")


def _reordered(seq: int, after: int) -> Bilingual:
    return Bilingual(f"Baris {seq} berada setelah baris {after}.", f"Row {seq} stands after row {after}.")


def _unlinked(seq: int) -> Bilingual:
    return Bilingual(
        f"Baris {seq} tidak menyambung dengan baris sebelumnya.", f"Row {seq} does not follow from the row before it."
    )


def _cut_off(last: int, beyond: int) -> Bilingual:
    return Bilingual(
        f"Baris terakhir adalah {last}, padahal di luar basis data sudah tercatat baris {beyond}: ujungnya dipotong.",
        f"The last row is {last}, but row {beyond} was noted outside the database: the end was cut off.",
    )


def _replaced(seq: int) -> Bilingual:
    return Bilingual(
        f"Baris {seq} bukan baris yang tercatat di luar basis data: baris-baris dipotong, lalu diganti.",
        f"Row {seq} is not the one that was noted outside the database: rows were cut off and others followed.",
    )
