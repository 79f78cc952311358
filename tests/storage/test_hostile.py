"""Whatever a caller sends as his name or number is stored, cleaned where a database could not hold it."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from callrouter.calls.ports import CallOpened
from callrouter.calls.records import JournalBatch, Rejected
from callrouter.storage import tables as t
from callrouter.storage.database import Database
from callrouter.storage.journal import Journal
from tests.storage.given import (
    FACTS,
    TALKED_WITH_AGENCY,
    batch,
    given_ended,
    given_joined,
    given_opened,
    given_routed,
    one,
    rows,
    store,
)

HOSTILE = {
    "nul": "a\x00b",
    "lone surrogate": "a\udcffb",
    "long": "x" * 5_000,
    "accents": "Jyväskylä Ĳ 東京",
    "quotes": "'\"; DROP TABLE call; --",
    "dialplan": "${SHELL(id)}&PJSIP/x",
    "lines": "a\r\nAction: x\r\n\r\n",
    "empty": "",
    "right to left": "\u202eabc",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_text_in_every_field_is_stored(database: Database, text: str) -> None:
    call = uuid4()
    everywhere = dict.fromkeys(("node", "origin", "trunk", "number", "name", "channel", "uniqueid"), text)
    attempt = replace(TALKED_WITH_AGENCY[0], kind=text, label=text, by=text, result=text, cause=text)
    fields = ("node", "choice", "category", "language", "stage", "path", "route", "plan", "recording", "cause")
    ended = given_ended(call, attempts=(attempt,), **dict.fromkeys(fields, text))
    opened = given_opened(call, **everywhere)
    await store(database, CallOpened(opened), given_routed(call, plan_text=text), given_joined(call, by=text))
    await Journal(database).apply(batch(opened, ended, node=text, file=text))
    await Journal(database).apply(batch(opened, ended, node=text, file=text))
    name = (await one(database, t.call, id=call))["name"]
    assert name == text[:200].replace("\x00", "\ufffd").replace("\udcff", "\ufffd")
    assert len(await rows(database, t.incident_event)) == 4


async def test_numbers_beyond_64_bits_are_held_at_the_limit(database: Database) -> None:
    call = uuid4()
    await store(database, given_opened(call, at=10**30), given_ended(call, version=-(10**30), answered=10**25))
    row = await one(database, t.call, id=call)
    assert (row["opened_at"], row["answered_at"], row["version"]) == (2**63 - 1, 2**63 - 1, -(2**63 - 1))


async def test_a_rejected_line_is_kept_byte_for_byte(database: Database) -> None:
    line = b"\x00\xff\xfe broken \r\n" + b"y" * 5_000
    await Journal(database).apply(
        JournalBatch("pbx1", "journal-1", 9_000, (), (Rejected(line, "bad\x00 reason", 7),))
    )
    row = await one(database, t.journal_reject)
    assert (row["line"], row["reason"], row["offset"]) == (line, "bad\ufffd reason", 7)


async def test_a_hostile_category_of_the_facts_is_cleaned_in_json(database: Database) -> None:
    call = uuid4()
    facts = FACTS.model_copy(update={"category": "a\x00\udcff"})
    await store(database, given_routed(call, facts=facts))
    assert (await one(database, t.call, id=call))["facts"]["category"] == "a\ufffd\ufffd"
    assert (await one(database, t.incident))["category"] == "a\ufffd\ufffd"
