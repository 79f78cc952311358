"""The PBX is brought what counts until it is known to show it, and the end of the service has a deadline."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio

from callrouter import management, settings
from callrouter.asterisk.loader import Loaded
from callrouter.asterisk.pbx_secrets import Credentials
from callrouter.bilingual import Bilingual
from callrouter.calls.session import Snapshot, snapshot_of
from callrouter.duty.ports import PbxAway
from callrouter.duty.roster import Roster
from callrouter.errors import OperatorError
from callrouter.management import Kept, Managed
from callrouter.publishing.errors import PbxRefused
from callrouter.routing.table import RoutingTable
from tests.unit.publishing.fakes import Store

REFUSED = PbxRefused(Bilingual("tautan putus", "the link was lost"))


class Pbx:
    """Loader and queues of a PBX. outcomes: of the next loads; the last one stays."""

    def __init__(self) -> None:
        self.connected = True
        self.outcomes: list[Loaded | Exception] = [Loaded(True)]
        self.loads: list[int] = []
        self.members: list[tuple[object, object]] = []
        self.queues_refuse = False

    async def load(self, _table: RoutingTable, version: int, _credentials: Credentials) -> Loaded:
        """Do as told."""
        self.loads.append(version)
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def set_members(self, wanted: object, stand_in: object, still: Callable[[], bool]) -> None:
        """Remember what was wanted."""
        assert still()
        self.members.append((wanted, stand_in))
        if self.queues_refuse:
            raise REFUSED


class DutyStates:
    """What operators said: nothing."""

    async def load(self) -> dict[str, object]:
        """Return nothing."""
        return {}


def given_table() -> RoutingTable:
    return RoutingTable.model_validate(
        {
            "centre": {"name": "Uji", "timezone": "Asia/Jakarta"},
            "directory": {"trunks": [], "operators": [{"key": k, "name": k} for k in ("op1", "op2")]},
            "routing": {
                "ring_groups": [{"key": "day", "members": ["op1"]}, {"key": "night", "members": ["op2"]}],
                "routes": [],
                "last_resort": {"group": "day", "seconds": 5},
            },
        }
    )


@pytest.fixture
def pbx() -> Pbx:
    return Pbx()


@pytest_asyncio.fixture
async def managed(pbx: Pbx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Managed]:
    monkeypatch.setattr(management, "AGAIN_S", 0.005)
    monkeypatch.setattr(management, "AGAIN_AT_MOST_S", 0.01)
    part = cast("Any", None)
    kept = Kept(part, cast("Any", Store()), part, cast("Any", DutyStates()), part, part, Credentials({}, {}))
    snapshot = snapshot_of(1, given_table())
    roster = Roster(snapshot.compiled.table, snapshot.compiled.calendar)
    used = settings.load(state=tmp_path / "state")

    def go_live(_snapshot: Snapshot) -> None:
        raise AssertionError("nothing goes live here")

    found = Managed(used, kept, cast("Any", pbx), cast("Any", pbx), go_live, lambda: roster, lambda: snapshot)
    await found.open()
    await found.duty.start()
    running = asyncio.create_task(found.run())
    yield found
    assert not running.done()
    running.cancel()


async def until(test: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not test():
            await asyncio.sleep(0.002)


async def test_each_login_brings_the_pbx_what_is_in_force(managed: Managed, pbx: Pbx) -> None:
    assert not managed.plane.shown
    for login in (1, 2):  # of the keeper, of the hands
        managed.logged_in()
        said = managed.not_shown()
        assert said is not None
        assert "not known yet" in said.en
        await until(lambda: managed.not_shown() is None)
        assert len(pbx.loads) == login


@pytest.mark.parametrize("first", [REFUSED, Loaded(False), RuntimeError("a defect")])
async def test_what_is_not_shown_is_brought_again_until_it_is_and_said_meanwhile(
    managed: Managed, pbx: Pbx, first: Loaded | Exception
) -> None:
    pbx.outcomes = [first]
    managed.logged_in()
    await until(lambda: len(pbx.loads) > 3)
    said = managed.not_shown()
    assert said is not None
    if first is REFUSED:
        assert said == REFUSED.why
    pbx.outcomes = [Loaded(True)]
    await until(lambda: managed.not_shown() is None)
    done = len(pbx.loads)
    managed.logged_in()
    await until(lambda: len(pbx.loads) > done)  # it still looks after each login
    await until(lambda: managed.not_shown() is None)


async def test_publication_whose_link_was_lost_is_mended_without_a_login(managed: Managed, pbx: Pbx) -> None:
    managed.logged_in()
    await until(lambda: managed.plane.shown)
    pbx.outcomes = [REFUSED, Loaded(True)]
    with pytest.raises(PbxRefused):
        await managed.plane.undo(given_table(), 7)
    assert not managed.plane.shown
    await until(lambda: managed.plane.shown)
    assert pbx.loads[-2:] == [7, 0]


async def test_pbx_that_is_away_is_left_alone_and_is_no_fault_of_the_table(managed: Managed, pbx: Pbx) -> None:
    pbx.connected = False
    managed.logged_in()
    await until(lambda: not managed._look.is_set())
    assert (managed.not_shown(), managed.plane.shown, pbx.loads) == (None, False, [])
    pbx.connected = True
    await until(lambda: pbx.loads)


async def test_last_resort_of_the_table_stands_in_for_groups_that_are_gone(managed: Managed, pbx: Pbx) -> None:
    await managed.duty._bring()
    assert pbx.members == [({"day": {"op1": False}, "night": {"op2": False}}, {"op1": False})]
    assert managed.duty.in_step
    pbx.queues_refuse = True
    with pytest.raises(PbxAway):
        await managed.duty._queues.set_members({}, lambda: True)


async def test_edit_that_does_not_end_does_not_keep_the_service(
    managed: Managed, pbx: Pbx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(management, "CLOSE_S", 0.02)
    managed.let_in()
    begun, never = asyncio.Event(), asyncio.Event()

    async def hangs(*_args: object) -> Loaded:
        begun.set()
        await never.wait()
        return Loaded(True)

    monkeypatch.setattr(pbx, "load", hangs)
    edit = asyncio.create_task(managed.publishing.show())
    await begun.wait()
    async with asyncio.timeout(30):
        await managed.close()
    assert not edit.done()
    assert not managed._local.exists()
    never.set()
    await edit


@pytest.mark.parametrize("what", [errno.ENOSPC, errno.EROFS])
def test_disk_that_takes_no_token_does_not_keep_the_service_from_serving(
    managed: Managed, monkeypatch: pytest.MonkeyPatch, what: int
) -> None:
    def full(*_args: object) -> None:
        raise OSError(what, os.strerror(what))

    monkeypatch.setattr(management.files, "write", full)
    managed.let_in()
    assert not managed._local.exists()


def test_folder_of_somebody_else_is_told(managed: Managed, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_args: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(management.files, "write", refused)
    with pytest.raises(OperatorError, match=r"cannot be written|tidak dapat ditulis"):
        managed.let_in()
