"""A load whose links to the PBX are down or get lost: refused, with the files as they were; or the PBX is away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from callrouter.asterisk.ami import AmiAnswer, AmiUnavailable
from callrouter.asterisk.loader import PbxLoader
from callrouter.asterisk.render import LIVE_FILES, read_secrets
from callrouter.publishing.errors import PbxRefused
from callrouter.routing.table import RoutingTable
from tests.unit.asterisk.given import answer, credentials, rendered


@dataclass
class Link:
    """A link to a PBX that shows nothing of what it is asked for. `lost`: tells when an action finds it lost."""

    connected: bool = True
    lost: Callable[[str], bool] = lambda _: False
    asked: list[str] = field(default_factory=list)

    async def action(self, name: str, **_fields: Any) -> AmiAnswer:
        """Answer with nothing."""
        self.asked.append(name)
        if not self.connected or self.lost(name):
            raise AmiUnavailable("connection lost")
        return answer()


@dataclass
class Bench:
    """A loader with the files of a table, and the next one."""

    folder: Path
    keeper: Link = field(default_factory=Link)
    hands: Link = field(default_factory=Link)

    def __post_init__(self) -> None:
        """Write the files of the table in force."""
        self.now = table("day")
        self.settings, self.etc, _ = rendered(self.folder, self.now)
        links = cast("Any", (self.keeper, self.hands))
        self.loader = PbxLoader(self.settings, read_secrets(self.settings.secrets_dir), *links)

    def files(self) -> dict[str, str]:
        """Return what the files hold."""
        return {name: (self.etc / name).read_text() for name in LIVE_FILES}

    async def load(self) -> bool:
        """Load the next table; return whether the PBX shows it."""
        after = table("day", "night")
        return (await self.loader.load(after, 4, credentials(after))).live


def table(*groups: str) -> RoutingTable:
    """Return a table with these ring groups."""
    return RoutingTable.model_validate(
        {
            "centre": {"name": "Uji", "timezone": "Asia/Jakarta"},
            "directory": {
                "trunks": [{"key": "telco", "kind": "carrier", "host": "127.0.0.9"}],
                "operators": [{"key": "op1", "name": "Meja 1"}],
            },
            "routing": {
                "ring_groups": [{"key": group, "members": ["op1"]} for group in groups],
                "routes": [],
                "last_resort": {"group": "day", "seconds": 5},
            },
        }
    )


async def test_pbx_of_which_both_links_are_down_is_away_and_finds_the_files_at_its_start(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Link(connected=False), Link(connected=False))
    assert not bench.loader.connected
    assert not await bench.load()
    assert "[night]" in bench.files()["queues.conf"]


@pytest.mark.parametrize("down", ["keeper", "hands"])
async def test_pbx_of_which_one_link_is_down_is_not_away_and_nothing_is_changed(tmp_path: Path, down: str) -> None:
    bench = Bench(tmp_path)
    getattr(bench, down).connected = False
    before = bench.files()
    with pytest.raises(PbxRefused) as refused:
        await bench.load()
    assert "management link" in refused.value.why.en
    assert "Everything is as before" in refused.value.why.en
    assert "seperti sebelumnya" in refused.value.why.id
    assert bench.files() == before
    assert (bench.keeper.asked, bench.hands.asked, bench.loader.connected) == ([], [], True)


@pytest.mark.parametrize("action", ["QueueStatus", "Getvar"])
async def test_link_that_is_lost_before_anything_was_written_leaves_everything_as_it_was(
    tmp_path: Path, action: str
) -> None:
    bench = Bench(tmp_path)
    bench.hands.lost = lambda name: name == action
    before = bench.files()
    with pytest.raises(PbxRefused, match="Everything is as before"):
        await bench.load()
    assert bench.files() == before


@pytest.mark.parametrize(
    ("link", "action"), [("keeper", "Reload"), ("hands", "Setvar"), ("keeper", "PJSIPShowEndpoints")]
)
async def test_link_that_is_lost_in_the_middle_is_a_refusal_with_the_files_of_before(
    tmp_path: Path, link: str, action: str
) -> None:
    bench = Bench(tmp_path)
    seen: list[dict[str, str]] = []

    def lost(name: str) -> bool:
        if name == action:
            seen.append(bench.files())
        return bool(seen)

    getattr(bench, link).lost = lost
    before = bench.files()
    with pytest.raises(PbxRefused) as refused:
        await bench.load()
    assert "[night]" in seen[0]["queues.conf"]  # they were written
    assert bench.files() == before
    assert "whether the running PBX was restored is not known" in refused.value.why.en
    assert "tidak diketahui" in refused.value.why.id


async def test_link_that_is_lost_while_a_refused_load_is_taken_back_leaves_it_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    before = bench.files()
    # It shows nothing of what is asked for, and so is refused; lost is the link once the files are as before.
    bench.keeper.lost = lambda name: name == "Reload" and "[night]" not in bench.files()["queues.conf"]
    with pytest.raises(PbxRefused) as refused:
        await bench.load()
    assert "night" in refused.value.why.en
    assert "whether the running PBX was restored is not known" in refused.value.why.en
    assert bench.files() == before
