"""Credentials reach the PBX and the database, or neither; and are kept as nothing that could be used."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from callrouter.access.model import AuditNote, Principal, Role
from callrouter.access.ports import OperatorSecret, TrunkSecret
from callrouter.asterisk.pbx_secrets import Credentials
from callrouter.bilingual import Bilingual, RefusedValue
from callrouter.credentials import CredentialDesk, kept
from callrouter.incidents.views import StorageUnavailable
from callrouter.publishing.errors import PbxRefused
from callrouter.routing.directory import Directory
from callrouter.vault import Vault, digests

ADMIN = Principal("diskominfo", Role.ADMIN)


@dataclass
class Store:
    """A SecretStore in memory that can be away."""

    of_operators: dict[str, OperatorSecret] = field(default_factory=dict)
    of_trunks: dict[str, TrunkSecret] = field(default_factory=dict)
    notes: list[AuditNote] = field(default_factory=list)
    away: bool = False

    async def put_operator(self, secret: OperatorSecret, note: AuditNote) -> None:
        """Keep it."""
        self._there(note)
        self.of_operators[secret.operator] = secret

    async def operators(self) -> dict[str, OperatorSecret]:
        """Return all."""
        return self.of_operators

    async def put_trunk(self, secret: TrunkSecret, note: AuditNote) -> None:
        """Keep it."""
        self._there(note)
        self.of_trunks[secret.trunk] = secret

    async def delete_trunk(self, trunk: str, note: AuditNote) -> bool:
        """Forget it."""
        self._there(note)
        return self.of_trunks.pop(trunk, None) is not None

    async def trunks(self) -> dict[str, TrunkSecret]:
        """Return all."""
        return self.of_trunks

    def _there(self, note: AuditNote) -> None:
        if self.away:
            raise StorageUnavailable("away")
        self.notes.append(note)


@dataclass
class Pbx:
    """What a PBX was last shown; it can refuse."""

    shown: Credentials = field(default_factory=Credentials)
    refuses: bool = False

    async def show(self, credentials: Credentials) -> None:
        """Take it, or refuse."""
        if self.refuses:
            raise PbxRefused(Bilingual("tidak", "no"))
        self.shown = credentials


@dataclass
class Given:
    """A desk and its parts."""

    desk: CredentialDesk
    store: Store
    pbx: Pbx
    vault: Vault


@pytest.fixture
def given(tmp_path: Path) -> Given:
    store, pbx, vault = Store(), Pbx(), Vault(tmp_path / "key")
    return Given(CredentialDesk(store, vault, Credentials(), pbx.show, lambda: 1), store, pbx, vault)


async def test_new_secret_is_shown_once_and_kept_as_digests(given: Given) -> None:
    secret = await given.desk.new_operator_secret("op1", ADMIN)
    assert given.pbx.shown.operators["op1"] == digests("op1", secret)
    assert secret not in repr(given.store)
    assert (await kept(given.store, given.vault)).operators == given.pbx.shown.operators


async def test_trunk_password_is_encrypted_and_opens_again(given: Given) -> None:
    await given.desk.set_trunk_password("telco", "rahasia;#[x]", ADMIN)
    assert "rahasia" not in repr(given.store)
    assert (await kept(given.store, given.vault)).trunks == {"telco": "rahasia;#[x]"}
    assert given.pbx.shown.trunks == {"telco": "rahasia;#[x]"}
    assert await given.desk.clear_trunk_password("telco", ADMIN)
    assert given.pbx.shown.trunks == {}
    assert not await given.desk.clear_trunk_password("telco", ADMIN)


@pytest.mark.parametrize("password", ["", "a b", "x\ny", "é", "x" * 129])
async def test_password_that_the_pbx_cannot_carry_changes_nothing(given: Given, password: str) -> None:
    with pytest.raises(RefusedValue) as refused:
        await given.desk.set_trunk_password("telco", password, ADMIN)
    assert not password or password not in str(refused.value)
    assert given.store.of_trunks == given.pbx.shown.trunks == {}


async def test_what_the_pbx_refuses_is_not_kept(given: Given) -> None:
    given.pbx.refuses = True
    with pytest.raises(PbxRefused):
        await given.desk.new_operator_secret("op1", ADMIN)
    assert given.store.of_operators == given.desk.known.operators == {}
    assert given.store.notes == []


async def test_what_cannot_be_kept_is_taken_back_from_the_pbx(given: Given) -> None:
    before = await given.desk.new_operator_secret("op1", ADMIN)
    given.store.away = True
    with pytest.raises(StorageUnavailable):
        await given.desk.new_operator_secret("op1", ADMIN)
    assert given.pbx.shown.operators["op1"] == digests("op1", before)


async def test_namesake_of_an_operator_who_has_gone_gets_no_account_of_his(given: Given) -> None:
    await given.desk.new_operator_secret("op1", ADMIN)
    await given.desk.set_trunk_password("telco", "rahasia", ADMIN)
    given.desk.only_of(Directory())
    assert given.desk.known == Credentials()


async def test_change_goes_on_to_its_end_though_nobody_waits_for_it(given: Given) -> None:
    asking = asyncio.create_task(given.desk.new_operator_secret("op1", ADMIN))
    await asyncio.sleep(0)
    asking.cancel()
    async with asyncio.timeout(30):
        while "op1" not in given.store.of_operators:
            await asyncio.sleep(0.005)
    assert given.pbx.shown.operators["op1"].md5 == given.store.of_operators["op1"].md5
