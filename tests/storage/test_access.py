"""Tokens, secrets and duty: each change together with its note."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.access.model import AuditNote, Role
from callrouter.access.ports import (
    TOUCH_EVERY_US,
    OperatorSecret,
    SecretStore,
    TokenRecord,
    TokenStore,
    TrunkSecret,
)
from callrouter.duty.model import DutyState, PauseReason, Presence
from callrouter.duty.ports import DutyStore
from callrouter.storage import duty as duty_module
from callrouter.storage import secrets as secrets_module
from callrouter.storage import tables as t
from callrouter.storage import tokens as tokens_module
from callrouter.storage.audit import AuditTrail
from callrouter.storage.database import Database
from callrouter.storage.duty import DutyTable
from callrouter.storage.secrets import SecretTables
from callrouter.storage.tokens import TokenTable
from tests.storage.desks import KEY, note
from tests.storage.given import rows

AT = 1_790_000_000_000_000
TOKEN = TokenRecord("ab12cd34", "diskominfo-1", Role.ADMIN, None, "d" * 64, AT, "siti (admin)", AT + 10**9)
MINE = OperatorSecret("op1", "a" * 32, "b" * 64, AT, "siti (admin)")
LINE = TrunkSecret("telco", "gAAAAA" + "x" * 500 + "==", AT, "siti (admin)")
STATE = DutyState("op1", Presence.LEFT, AT + 1, PauseReason.MISSED_RINGS, 2, AT, "op1 (operator)")


async def _notes(database: Database) -> list[tuple[str, str]]:
    assert await AuditTrail(database, KEY).verify([]) == []
    return [(row["action"], row["subject"]) for row in await rows(database, t.audit)]


@pytest.fixture
def tokens(database: Database) -> TokenStore:
    return TokenTable(database, KEY)


@pytest.fixture
def secrets(database: Database) -> SecretStore:
    return SecretTables(database, KEY)


@pytest.fixture
def duties(database: Database) -> DutyStore:
    return DutyTable(database, KEY)


async def test_a_token_is_found_by_its_id(tokens: TokenStore, database: Database) -> None:
    agency = replace(TOKEN, id="ff", name="pmi", role=Role.AGENCY, subject="pmi", created_at=AT + 5)
    await tokens.add(TOKEN, note("token", "tokens/ab12cd34"))
    await tokens.add(agency, note("token", "tokens/ff"))
    assert await tokens.get("ab12cd34") == TOKEN
    assert await tokens.get("ff") == agency
    assert await tokens.get("none") is None
    assert await tokens.all() == [agency, TOKEN]
    assert await _notes(database) == [("token", "tokens/ab12cd34"), ("token", "tokens/ff")]


async def test_an_id_that_is_taken_is_refused_without_a_note(tokens: TokenStore, database: Database) -> None:
    await tokens.add(TOKEN, note("token"))
    with pytest.raises(ValueError, match="there is a token 'ab12cd34' already"):
        await tokens.add(replace(TOKEN, name="other", digest="e" * 64), note("token"))
    assert await tokens.all() == [TOKEN]
    assert len(await _notes(database)) == 1


async def test_a_token_is_revoked_once(tokens: TokenStore, database: Database) -> None:
    await tokens.add(TOKEN, note("token"))
    assert TOKEN.valid_at(AT)
    for at in (AT + 7, AT + 9):
        revoked = await tokens.revoke(TOKEN.id, at, note("revoke", "tokens/ab12cd34"))
        assert revoked == await tokens.get(TOKEN.id) == replace(TOKEN, revoked_at=AT + 7)
        assert revoked is not None
        assert not revoked.valid_at(AT + 1)
    assert await tokens.revoke("none", AT, note("revoke", "tokens/none")) is None
    assert await _notes(database) == [("token", "draft"), ("revoke", "tokens/ab12cd34")]


async def test_use_of_a_token_is_written_at_most_once_a_minute(tokens: TokenStore, database: Database) -> None:
    await tokens.add(TOKEN, note("token"))
    begun = 0

    def begins(_connection: object) -> None:
        nonlocal begun
        begun += 1

    event.listen(database._writing.sync_engine, "begin", begins)
    seen = []
    for at in (AT, AT + 1, AT + TOUCH_EVERY_US - 1, AT + TOUCH_EVERY_US, AT + TOUCH_EVERY_US + 1, AT):
        await tokens.touch(TOKEN.id, at)
        seen.append((await tokens.get(TOKEN.id) or TOKEN).last_used_at)
    assert seen == [AT, AT, AT, AT + TOUCH_EVERY_US, AT + TOUCH_EVERY_US, AT + TOUCH_EVERY_US]
    assert begun == 2
    await tokens.touch("none", AT)


async def test_a_newer_secret_takes_the_place_of_the_older(secrets: SecretStore, database: Database) -> None:
    newer = replace(MINE, md5="c" * 32, created_at=AT + 1)
    for secret in (MINE, newer, replace(MINE, operator="op2")):
        await secrets.put_operator(secret, note("secret", f"operators/{secret.operator}"))
    assert await secrets.operators() == {"op1": newer, "op2": replace(MINE, operator="op2")}
    for line in (replace(LINE, ciphertext="old"), LINE):
        await secrets.put_trunk(line, note("secret", "trunks/telco"))
    assert await secrets.trunks() == {"telco": LINE}
    assert [action for action, _ in await _notes(database)] == ["secret"] * 5


async def test_a_trunks_password_is_removed_once(secrets: SecretStore, database: Database) -> None:
    await secrets.put_trunk(LINE, note("secret", "trunks/telco"))
    assert await secrets.delete_trunk("telco", note("delete", "trunks/telco"))
    assert not await secrets.delete_trunk("telco", note("delete", "trunks/telco"))
    assert await secrets.trunks() == {}
    assert await _notes(database) == [("secret", "trunks/telco"), ("delete", "trunks/telco")]


async def test_duty_comes_back_as_it_was_saved(duties: DutyStore, database: Database) -> None:
    assert await duties.load() == {}
    other = DutyState("op2")
    await duties.save([STATE, other], note("duty", "operators/op1"))
    assert await duties.load() == {"op1": STATE, "op2": other}
    back = DutyState("op1", changed_at=AT + 3, changed_by="system")
    await duties.save([STATE, back], None)
    assert await duties.load() == {"op1": back, "op2": other}
    await duties.save([], note("duty", "none"))
    assert [subject for _, subject in await _notes(database)] == ["operators/op1", "none"]


Change = Callable[[Any, AuditNote], Awaitable[Any]]


@pytest.mark.parametrize(
    ("module", "store", "change"),
    [
        (tokens_module, TokenTable, lambda s, n: s.add(replace(TOKEN, id="other"), n)),
        (tokens_module, TokenTable, lambda s, n: s.revoke(TOKEN.id, AT, n)),
        (secrets_module, SecretTables, lambda s, n: s.put_operator(replace(MINE, md5="e" * 32), n)),
        (secrets_module, SecretTables, lambda s, n: s.put_trunk(replace(LINE, ciphertext="e"), n)),
        (secrets_module, SecretTables, lambda s, n: s.delete_trunk("telco", n)),
        (duty_module, DutyTable, lambda s, n: s.save([replace(STATE, missed=9)], n)),
    ],
)
async def test_a_change_whose_note_is_not_written_is_not_made(
    database: Database, monkeypatch: pytest.MonkeyPatch, module: Any, store: Any, change: Change
) -> None:
    await TokenTable(database, KEY).add(TOKEN, note())
    await SecretTables(database, KEY).put_operator(MINE, note())
    await SecretTables(database, KEY).put_trunk(LINE, note())
    await DutyTable(database, KEY).save([STATE], note())

    async def picture() -> list[Any]:
        return [await rows(database, each) for each in (t.token, t.operator_secret, t.trunk_secret, t.duty, t.audit)]

    before = await picture()

    async def killed(connection: AsyncConnection, *_: object) -> None:
        raise ConnectionAbortedError("killed")

    monkeypatch.setattr(module, "append", killed)
    with pytest.raises(Exception, match="killed"):
        await change(store(database, KEY), note())
    assert await picture() == before
    monkeypatch.undo()
    await change(store(database, KEY), note())
    assert await picture() != before
