"""The PBX without a service: it hears, chooses and sends where the rules say, from data on its disk."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given, settings

from callrouter.asterisk import failsafe_files
from callrouter.calls.menu import menu_data
from callrouter.publishing.importing import read_table
from callrouter.routing.directory import TrunkKind
from callrouter.routing.table import RoutingTable
from tests.pbx.alone import Alone, Asked, disagreement
from tests.pbx.examples import EXAMPLES
from tests.pbx.ground import Ground
from tests.pbx.rig import SHORT_TIMERS, unexpected
from tests.pbx.tables import nested, table
from tests.unit.routing.tables import tables

pytestmark = pytest.mark.asyncio(loop_scope="module")
Document = dict[str, Any]
TOGETHER = 8
"""Calls at once."""
GENERATED = 6
MOMENT_S = 8


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def alone(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Alone]:
    """A PBX that nobody answers."""
    timers = {"timers": {**SHORT_TIMERS}}
    async with Ground(tmp_path_factory.mktemp("alone"), extra=timers) as ground:
        yield Alone(ground)


@pytest.fixture(autouse=True)
def no_complaint(alone: Alone) -> Any:
    """The PBX complains of nothing but of the service that is away, and of phones that are not there."""
    before = len(alone.ground.pbx.complaints())
    yield
    # Of what happens in calls the PBX makes events that nobody asked for; so many calls at once make thousands.
    new = unexpected(alone.ground.pbx.complaints()[before:])
    assert [line for line in new if "high water mark" not in line] == []


def every_call(document: Document) -> list[Asked]:
    """Each choice from a citizen in each language, and 0; and a call by each kind of way in."""
    data = menu_data(RoutingTable.model_validate(document))
    trunks = [t for t in document["directory"]["trunks"] if t["enabled"]]
    citizens = [t["key"] for t in trunks if t["kind"] == "carrier"][:1]
    found = [Asked("citizen", key, keys) for key in citizens for keys in (keys_of(data) if data.asks else [""])]
    for kind in ("agency", "neighbour"):
        found += [Asked(kind, t["key"]) for t in trunks if t["kind"] == kind][:2]
    return [*found, Asked("operator", "op1", next(iter(data.meaning), "") if data.asks else "")]


def keys_of(data: Any) -> list[str]:
    switches = [data.switch * n for n in range(len(data.languages) if data.switch else 1)]
    return [f"{switch}{digits}" for switch in switches for digits in (*data.meaning, "0")]


async def all_as_the_rules_say(alone: Alone, document: Document, *more: Asked) -> None:
    asked = [*more, *every_call(document)]
    for n in range(0, len(asked), TOGETHER):
        met = await alone.calls(asked[n : n + TOGETHER])
        at = datetime.now(UTC)
        assert [found for one, it in met.items() if (found := disagreement(document, one, it, at))] == []


@pytest.mark.parametrize("name", sorted(EXAMPLES))
async def test_every_choice_of_an_example_ends_where_the_rules_say(alone: Alone, name: str) -> None:
    given_table = read_table(EXAMPLES[name]).model_dump(mode="json")
    await all_as_the_rules_say(alone, await alone.load(given_table))


def by_language() -> Document:
    document = nested()
    document["routing"]["routes"].append(
        {
            "key": "in-english",
            "priority": 99_999,
            "when": {"language": ["en"], "category": ["fire"]},
            "steps": [{"kind": "ringgroup", "group": "small", "wait_s": 5}],
        }
    )
    return document


@pytest.mark.parametrize(
    "document",
    [table(), nested(), nested(mode="operator_first"), by_language()],
    ids=["plain", "nested", "operator first", "by language"],
)
async def test_every_choice_of_a_table_ends_where_the_rules_say(alone: Alone, document: Document) -> None:
    await all_as_the_rules_say(alone, await alone.load(document), Asked("citizen", "telco"))


def generated() -> list[RoutingTable]:
    """Tables made at random, the same each time, whose menu asks citizens and that have several routes."""
    found: list[RoutingTable] = []

    @settings(derandomize=True, max_examples=600, database=None, deadline=None)
    @given(tables())
    def collect(made: RoutingTable) -> None:
        data = menu_data(made)
        carriers = [t for t in made.directory.trunks if t.enabled and t.kind is TrunkKind.CARRIER]
        if data.asks and carriers and len(made.routing.routes) > 1:
            found.append(made)

    collect()
    return found[:GENERATED]


async def test_every_choice_of_generated_tables_ends_where_the_rules_say(alone: Alone) -> None:
    made = generated()
    assert len(made) == GENERATED
    for one in made:
        await all_as_the_rules_say(alone, await alone.load(one.model_dump(mode="json")))


# ---------------------------------------------------------------- time
FIRE = Asked("citizen", "telco", "1")


def from_then_on(moment: datetime) -> Document:
    """A table in which a fire is BPBD's from `moment` on."""
    document = table()
    later = {"key": "fire-later", "priority": 500, "valid_from": moment.isoformat(), "when": {"category": ["fire"]}}
    dial = {"kind": "dial", "targets": ["bpbd/piket"], "ring_s": 3}
    document["routing"]["routes"].append({**later, "steps": [dial]})
    return document


async def test_calls_before_and_after_an_edge_go_by_what_holds_then(alone: Alone) -> None:
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=MOMENT_S)
    await alone.load(from_then_on(moment))
    before = await alone.call(FIRE)
    assert datetime.now(UTC) < moment
    await asyncio.sleep((moment - datetime.now(UTC)).total_seconds() + 0.1)
    after = await alone.call(FIRE)
    assert (before.choice["Route"], before.sent_to[0]) == ("fire", "PJSIP/trunk-damkar")
    assert (after.choice["Route"], after.sent_to[0]) == ("fire-later", "PJSIP/trunk-bpbd")


async def test_clock_that_was_set_back_a_day_still_finds_its_data(alone: Alone) -> None:
    await alone.load(table(), now=datetime.now(UTC) + timedelta(days=1))
    assert (await alone.call(FIRE)).choice["Route"] == "fire"


@pytest.mark.parametrize("days", [-33, 3], ids=["ended", "not begun"])
async def test_where_the_data_do_not_reach_operators_are_rung(alone: Alone, days: int) -> None:
    await alone.load(table(), now=datetime.now(UTC) + timedelta(days=days))
    met = await alone.call(Asked("citizen", "telco"))
    assert (met.choice["Path"], met.choice["Route"], met.sent_to[0]) == ("failsafe", "failsafe", "operator")


# ---------------------------------------------------------------- what is damaged
def _index(folder: Path) -> Path:
    return folder / failsafe_files.current(folder) / "by" / "citizen_telco"


def _data(folder: Path) -> Path:
    now = int(time.time())
    digests = [line.split("|") for line in _index(folder).read_text().splitlines()]
    held = [digest for at, digest in digests if int(at) <= now]
    return folder / failsafe_files.current(folder) / "data" / held[-1]


def _no_pointer(folder: Path) -> None:
    (folder / "current").unlink()


def _empty_pointer(folder: Path) -> None:
    (folder / "current").write_text("")


def _pointer_elsewhere(folder: Path) -> None:
    (folder / "current").write_text("../../../../etc\n")


def _no_folder(folder: Path) -> None:
    shutil.rmtree(folder / failsafe_files.current(folder))


def _no_index(folder: Path) -> None:
    _index(folder).unlink()


def _torn_index(folder: Path) -> None:
    _index(folder).write_text(_index(folder).read_text()[:-6])


def _index_of_rubbish(folder: Path) -> None:
    _index(folder).write_bytes(bytes(range(1, 255)) * 20)


def _no_data(folder: Path) -> None:
    _data(folder).unlink()


def _torn_data(folder: Path) -> None:
    _data(folder).write_text(_data(folder).read_text()[:-40])


def _data_without_last_line(folder: Path) -> None:
    lines = _data(folder).read_text().splitlines(keepends=True)
    _data(folder).write_text("".join(lines[:-1]))


def _one_letter(folder: Path) -> None:
    _data(folder).write_text(_data(folder).read_text().replace("trunk-damkar", "trunk-bpbd__", 1))


def _code_in_data(folder: Path) -> None:
    text = "CR_PLAN_1,SHELL(touch /tmp/x),CR_FIRST_LANG|plan\\,1\\,${SHELL(id)},x,$[1+1]|\n"
    _data(folder).write_text(_data(folder).read_text() + text)


def _rubbish_in_data(folder: Path) -> None:
    _data(folder).write_bytes(b"CR_PLAN_1|" + bytes(range(1, 255)) * 40)


DAMAGES: list[Callable[[Path], None]] = [
    _no_pointer, _empty_pointer, _pointer_elsewhere, _no_folder, _no_index, _torn_index, _index_of_rubbish, _no_data,
    _torn_data, _data_without_last_line, _one_letter, _code_in_data, _rubbish_in_data,
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__.strip("_"))
async def test_damaged_data_are_not_taken_and_operators_are_rung(
    alone: Alone, damage: Callable[[Path], None]
) -> None:
    document = alone.at_home(table())
    if alone.ground.document != document:
        await alone.load(table())
    else:
        alone.write(RoutingTable.model_validate(document))
    damage(alone.folder)
    met = await alone.call(Asked("citizen", "telco"))
    assert (met.choice["Path"], met.choice["Route"], met.choice["Lang"]) == ("failsafe", "failsafe", "id")
    assert (met.choice.get("Category", ""), met.sent_to[0]) == ("", "operator")
