"""What the service says of its parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import pytest

from callrouter.bilingual import Bilingual
from callrouter.calls.live import CHECKS, Check
from callrouter.health import ServiceHealth
from callrouter.incidents.views import StorageUnavailable


@dataclass
class Parts:
    """The parts of a service, all of which work."""

    database_error: Exception | None = None
    connected: bool = True
    missing: tuple[str, ...] | None = ()
    listening: bool = True
    failing: bool = False
    version: int = 3
    refused: Bilingual | None = None

    async def read(self, work: object) -> int:
        """Answer for the database."""
        assert callable(work)
        if self.database_error:
            raise self.database_error
        return 3

    def health(self) -> ServiceHealth:
        """Return the health of these parts."""
        part = cast("Any", self)
        return ServiceHealth(part, part, part, part, part, lambda: self.version, lambda: self.refused)


async def checks(parts: Parts) -> dict[str, Check]:
    return {check.name: check for check in await parts.health().checks()}


async def test_service_whose_parts_work_is_ready_in_every_check() -> None:
    found = await checks(Parts())
    assert set(found) == set(CHECKS)
    assert all(check.ok for check in found.values())
    assert "3" in found["table"].detail.en


@pytest.mark.parametrize(
    ("parts", "name", "said"),
    [
        (Parts(database_error=StorageUnavailable("no answer in 5 s")), "database", ""),
        (Parts(connected=False), "ami", "Not connected"),
        (
            Parts(missing=("module app_queue", "context callrouter-step")),
            "ami",
            "module app_queue, context callrouter-step",
        ),
        (Parts(listening=False), "agi", "Not listening"),
        (Parts(failing=True), "journal", "nothing of it is lost"),
        (
            Parts(refused=Bilingual("antrean op-malam tidak muncul", "the queue op-malam did not appear")),
            "table",
            "the queue op-malam did not appear",
        ),
    ],
)
async def test_part_that_does_not_work_is_named_and_the_others_are_not(parts: Parts, name: str, said: str) -> None:
    found = await checks(parts)
    assert [check.name for check in found.values() if not check.ok] == [name]
    assert said in found[name].detail.en
    assert found[name].detail.id != found[name].detail.en


async def test_pbx_that_was_not_asked_yet_is_not_called_incomplete() -> None:
    assert (await checks(Parts(missing=None)))["ami"].ok


async def test_table_that_the_pbx_refused_and_then_took_is_ready_again_with_its_own_number() -> None:
    parts = Parts(refused=Bilingual("ditolak", "refused"))
    health = parts.health()

    async def table() -> Check:
        (found,) = [check for check in await health.checks() if check.name == "table"]
        return found

    assert not (await table()).ok
    parts.refused, parts.version = None, 4
    assert ((await table()).ok, "4" in (await table()).detail.en) == (True, True)
