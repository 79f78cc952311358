"""What the service says of its parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import pytest

from callrouter.agencies.sending import Figures
from callrouter.bilingual import Bilingual
from callrouter.calls.live import CHECKS, WARNINGS, Check
from callrouter.disk import Level
from callrouter.health import ServiceHealth
from callrouter.incidents.views import StorageUnavailable


@dataclass
class Told:
    """A part that tells of itself, and well."""

    name: str

    def check(self) -> Check:
        """Tell."""
        return Check(self.name, True, Bilingual("Baik.", "Well."))


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
    age_s: float | None = 0.8
    fresh: bool = True
    took_ms: float = 3.0
    why: Bilingual | None = None
    level: Level = Level.OK
    set_aside: int = 0
    untold: int = 0

    def in_words(self) -> Bilingual:
        """Tell of the disk."""
        return Bilingual("sisa 3 GB", "3 GB free")

    async def read(self, work: object) -> int:
        """Answer for the database."""
        assert callable(work)
        if self.database_error:
            raise self.database_error
        return 3

    def health(self) -> ServiceHealth:
        """Return the health of these parts."""
        part = cast("Any", self)
        return ServiceHealth(
            part,
            part,
            part,
            part,
            part,
            lambda: self.version,
            lambda: self.refused,
            failsafe=cast("Any", Told("failsafe")),
            consultation=part,
            probe=cast("Any", Told("probe")),
            disk=part,
            loop=cast("Any", Told("loop")),
            notices=lambda: Figures(untold=self.untold),
        )


async def checks(parts: Parts) -> dict[str, Check]:
    return {check.name: check for check in await parts.health().checks()}


async def test_service_whose_parts_work_is_ready_in_every_check() -> None:
    found = await checks(Parts())
    assert set(found) == {*CHECKS, *WARNINGS}
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
        (Parts(level=Level.CRITICAL), "disk", "3 GB free"),
        (Parts(fresh=False, age_s=None), "consultation", "Never answered yet."),
        (
            Parts(fresh=False, age_s=7.2, why=Bilingual("Tidak selesai dalam 2 detik.", "Not done within 2 s.")),
            "consultation",
            "Last answered 7 s ago. Not done within 2 s.",
        ),
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


async def test_lines_that_were_set_aside_are_told_and_do_not_stop_the_service() -> None:
    found = (await checks(Parts(set_aside=2)))["journal"]
    assert (found.ok, "2" in found.detail.en, "/api/v1/journal/set-aside" in found.detail.en) == (True, True, True)


async def test_disk_that_fills_warns_before_it_is_full() -> None:
    found = (await checks(Parts(level=Level.WARNING)))["disk"]
    assert (found.ok, found.detail.en) == (True, "3 GB free")


async def test_an_agency_that_was_not_told_is_a_warning_and_keeps_nobody_from_being_served() -> None:
    found = (await checks(Parts(untold=2)))["notices"]
    assert found.ok
    assert "PERINGATAN: 2 " in found.detail.id
    assert "WARNING: 2 " in found.detail.en
