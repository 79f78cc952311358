"""Publishing on a PBX that runs: what calls meet meanwhile, and what stands where it does not go through."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

import callrouter
from demo.centre import Centre
from demo.softphone import NET_S, PhoneCall, RingOnly, Softphone
from tests.pbx.desk import FIRE_BY_DAMKAR, FLOOD_BY_BPBD, Desk, met, open_desk, until
from tests.pbx.rig import BPBD, CALLER, OP1, OP2, talk, unexpected

pytestmark = pytest.mark.asyncio(loop_scope="module")

RATE = 5
BETWEEN_S = 2.0
AFTER_S = 2.0
BENT = "bengkok"
"""A word that means nothing to the PBX."""
FIRE, FLOOD = ("fire", "damkar"), ("flood", "bpbd")
"""What a call that presses 1 meets by FIRE_BY_DAMKAR, and by FLOOD_BY_BPBD."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path_factory.mktemp("publishing")) as desk:
        yield desk


@pytest_asyncio.fixture(loop_scope="module")
async def desk(running: Desk) -> AsyncIterator[Desk]:
    """The first version is in force, and the draft; afterwards the PBX has complained only of what was meant."""
    await running.as_at_first()
    before = len(running.centre.pbx.complaints())
    yield running
    said = unexpected(running.centre.pbx.complaints()[before:])
    assert [line for line in said if BENT not in line and "'trunk-patah'" not in line] == []


@dataclass(frozen=True)
class Waiting:
    """A caller, his call, and who rings when his time in the queue is over."""

    number: str
    call: PhoneCall
    agency: Softphone


# ---------------------------------------------------------------- calls meanwhile
async def test_each_call_during_three_publications_has_exactly_the_old_or_the_new_plan(desk: Desk) -> None:
    first = await desk.in_force()
    made = []
    async with desk.calls(RATE) as calls:
        for wanted in (FLOOD_BY_BPBD, FIRE_BY_DAMKAR, FLOOD_BY_BPBD):
            await asyncio.sleep(BETWEEN_S)
            made.append(await desk.published(wanted))
        await asyncio.sleep(BETWEEN_S)
        await calls.enough(within=NET_S)
    versions = [first, *(publication.number for publication in made)]
    tables = {version: await desk.table_of(version) for version in versions}
    numbers = sorted(calls.invited)
    incidents = await desk.incidents(numbers)
    had: dict[str, int] = {}
    for number in numbers:
        incident = incidents[number]
        (call,) = incident["calls"]
        had[number] = call["version"]
        assert call["version"] in tables
        assert (incident["category"], call["route"], call["plan"]) == met(tables[call["version"]], call)
        assert call["path"] == "service"
        reached = [key for key, times in calls.reached.items() if number in times]
        assert reached == [attempt["label"].partition("/")[0] for attempt in call["attempts"]]
    for before, publication in zip(versions, made, strict=False):
        late = [n for n in numbers if calls.invited[n] > publication.answered]
        early = [n for n in numbers if calls.pressed[n] < publication.asked]
        assert all(had[n] >= publication.number for n in late)
        assert all(had[n] <= before for n in early)
        assert any(calls.invited[n] < publication.answered + AFTER_S for n in late)
        assert early


@asynccontextmanager
async def waiting_for_a_group_that_was_removed(desk: Desk, wait_s: int) -> AsyncIterator[Waiting]:
    """Let a caller wait for op1, who lets it ring, and then publish a table without the group that he waits for."""
    centre = desk.centre
    await desk.add("ring-groups", {"key": "small", "members": ["op1"]})
    ring = {"kind": "ringgroup", "group": "small", "wait_s": wait_s}
    dial = {"kind": "dial", "targets": ["bpbd/piket"], "ring_s": 20}
    old = (await desk.published({"routes/fire": {"steps": [ring, dial]}})).number
    async with (
        Softphone("telco", tone_hz=CALLER, host=centre.trunk_hosts["telco"], port=5060) as caller,
        Softphone("bpbd", tone_hz=BPBD, host=centre.trunk_hosts["bpbd"], port=5060) as agency,
        desk.operator("op1", OP1) as operator,
    ):
        await agency.behave(RingOnly())
        await operator.behave(RingOnly())
        number = desk.next_number()
        call = await caller.dial(centre.number, user=number)
        await call.until_answered()
        await call.until_hears_speech()
        await call.digits("1")
        await operator.until_incoming()
        await desk.change("routes/fire", FIRE_BY_DAMKAR["routes/fire"])
        await desk.remove("ring-groups/small")
        assert (await desk.publish()).number == old + 1
        yield Waiting(number, call, agency)
        assert "No Callers" in await centre.pbx.rx("queue show small")  # left, and still there
        await call.hangup()
    (stored,) = (await centre.incident_of(number))["calls"]
    assert (stored["version"], stored["outcome"]) == (old, "talked")


async def test_caller_who_waits_for_a_group_that_is_removed_is_taken_by_other_operators(desk: Desk) -> None:
    async with (
        desk.operator("op2", OP2) as colleague,
        waiting_for_a_group_that_was_removed(desk, wait_s=50) as waiting,
    ):
        taken = await colleague.until_incoming()
        await taken.answer()
        await talk(waiting.call, taken, CALLER, OP2)


async def test_caller_whom_nobody_takes_there_goes_on_to_the_next_step_of_his_own_plan(desk: Desk) -> None:
    async with waiting_for_a_group_that_was_removed(desk, wait_s=6) as waiting:
        there = await waiting.agency.until_incoming()
        await there.answer()
        await talk(waiting.call, there, CALLER, BPBD)
    (stored,) = (await desk.centre.incident_of(waiting.number))["calls"]
    assert [(attempt["label"], attempt["by"]) for attempt in stored["attempts"]] == [
        ("small", None),
        ("bpbd/piket", "trunk-bpbd"),
    ]


# ---------------------------------------------------------------- a PBX that does not take it
@pytest.fixture
def own_templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the service, when it is started next, run from a copy whose templates a test may spoil; return them."""
    package = Path(callrouter.__file__).parent
    shutil.copytree(package, tmp_path / "callrouter", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(package.parent / "asterisk-config", tmp_path / "asterisk-config")
    for name in ("migrations", "examples"):
        (tmp_path / name).symlink_to(package.parent / name)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    return tmp_path / "asterisk-config"


def spoil(template: Path, old: str, new: str) -> None:
    text = template.read_text()
    assert old in text
    template.write_text(text.replace(old, new))


async def as_it_is(desk: Desk) -> dict[str, Any]:
    """Return what a publication that does not go through must leave as it is."""
    pbx = desk.centre.pbx
    return {
        "draft": await desk.draft(),
        "version": await desk.in_force(),
        "files": desk.files(),
        "plan": await desk.shown(),
        "endpoints": await pbx.rx("pjsip show endpoints"),
        "queues": sorted(line.split()[0] for line in (await pbx.rx("queue show")).splitlines() if "strategy" in line),
    }


async def test_publication_that_the_pbx_refuses_leaves_everything_as_it_was_and_says_why(
    desk: Desk, own_templates: Path
) -> None:
    await desk.centre.stop_service()
    await desk.centre.start_service()
    await desk.changes(FLOOD_BY_BPBD)
    await desk.add("ring-groups", {"key": "patah", "members": ["op1"]})
    await desk.until_shown()
    before = await as_it_is(desk)
    spoil(
        own_templates / "queues.conf",
        "[{{ group }}](callrouter)\nstrategy = ringall",
        f"[{{{{ group }}}}](callrouter)\nstrategy = {{{{ '{BENT}' if group == 'patah' else 'ringall' }}}}",
    )
    refused = await desk.publish()
    assert (refused.status, refused.answer["code"]) == (502, "pbx_refused")
    assert BENT in refused.answer["detail"]
    assert await as_it_is(desk) == before
    version, *met_ = await desk.one_call()
    assert (version, tuple(met_)) == (before["version"], FIRE)
    spoil(own_templates / "queues.conf", f"'{BENT}'", "'ringall'")
    again = await desk.publish()
    assert again.number == before["version"] + 1
    assert "patah" in await desk.centre.pbx.rx("queue show")
    assert (await desk.one_call()) == (again.number, *FLOOD)


async def test_trunk_that_the_pbx_refuses_is_not_kept(desk: Desk, own_templates: Path) -> None:
    await desk.centre.stop_service()
    await desk.centre.start_service()
    await desk.until_shown()
    before = await as_it_is(desk)
    spoil(
        own_templates / "pjsip.conf",
        "dtmf_mode = {{ trunk.dtmf }}",
        f"dtmf_mode = {{{{ '{BENT}' if trunk.name == 'trunk-patah' else trunk.dtmf }}}}",
    )
    trunk = {"key": "patah", "kind": "agency", "host": desk.centre.addresses.host(60)}
    status, _, said = await desk.centre.ask("POST", "/api/v1/trunks", trunk)
    assert (status, said["code"]) == (502, "pbx_refused")
    assert BENT in json.dumps(said)
    status, _, _ = await desk.centre.ask("GET", "/api/v1/trunks/patah")
    assert status == 404
    assert await as_it_is(desk) == before
    assert (await desk.one_call())[1:] == FIRE


async def test_files_that_cannot_be_written_leave_everything_as_it_was(desk: Desk) -> None:
    await desk.changes(FLOOD_BY_BPBD)
    before = await as_it_is(desk)
    blocked = desk.centre.settings.pbx_dir / "etc" / "pjsip.conf.new"
    blocked.mkdir()
    try:
        refused = await desk.publish()
    finally:
        blocked.rmdir()
    assert (refused.status, refused.answer["code"]) == (503, "out_of_order")
    assert "pjsip.conf.new" in refused.answer["detail"]
    assert await as_it_is(desk) == before
    assert (await desk.one_call())[1:] == FIRE
    assert (await desk.publish()).number == before["version"] + 1


# ---------------------------------------------------------------- the way back, and who may
async def test_call_after_a_rollback_is_as_before(desk: Desk) -> None:
    old = await desk.in_force()
    assert await desk.one_call() == (old, *FIRE)
    new = await desk.published(FLOOD_BY_BPBD)
    draft = await desk.draft()
    assert await desk.one_call() == (new.number, *FLOOD)
    back = await desk.post(f"/api/v1/versions/{old}/rollback")
    assert back.number == new.number + 1
    assert await desk.one_call() == (back.number, *FIRE)
    assert (await desk.table_of(back.number)).routing == (await desk.table_of(old)).routing
    assert (await desk.draft())["sha256"] == draft["sha256"]
    assert await desk.shown() == back.number


async def test_draft_is_published_only_when_another_person_has_approved_it(desk: Desk) -> None:
    centre = desk.centre
    alone = centre.settings
    await centre.stop_service()
    centre.settings = alone.model_copy(update={"two_person": True})
    try:
        await centre.start_service()
        order = {"name": "diskominfo-2", "role": "admin", "days": 1}
        status, _, issued = await centre.ask("POST", "/api/v1/tokens", order)
        assert status == 201, issued
        await desk.changes(FLOOD_BY_BPBD)
        old = await desk.in_force()
        _, etag, _ = await centre.ask("GET", "/api/v1/draft")
        by_nobody = await desk.publish()
        await centre.ask("POST", "/api/v1/draft/approve", etag=etag)
        by_oneself = await desk.publish()
        assert [(p.status, p.answer["code"]) for p in (by_nobody, by_oneself)] == [(409, "needs_approval")] * 2
        assert await desk.in_force() == old
        status, _, said = await centre.ask("POST", "/api/v1/draft/approve", etag=etag, token=issued["token"])
        assert (status, said["approved_by"]) == (200, "diskominfo-2")
        await desk.change("routes/rest", {"priority": 2})
        assert (await desk.publish()).status == 409  # an edit voids it
        _, etag, _ = await centre.ask("GET", "/api/v1/draft")
        await centre.ask("POST", "/api/v1/draft/approve", etag=etag, token=issued["token"])
        assert (await desk.publish()).number == old + 1
    finally:
        await centre.stop_service()
        centre.settings = alone
        await centre.start_service()


async def follows_a_plan(centre: Centre) -> bool:
    return "!callrouter-step!" in await centre.pbx.rx("core show channels concise")


async def test_pbx_that_is_restarted_alone_starts_with_what_was_published(desk: Desk) -> None:
    centre = desk.centre
    number = desk.next_number()
    await desk.add("ring-groups", {"key": "malam", "members": ["op2"]})
    await desk.add("trunks", {"key": "baru", "kind": "agency", "host": centre.addresses.host(61)})
    version = (await desk.published(FLOOD_BY_BPBD)).number
    try:
        await centre.kill_service()
        files = desk.files()
        await centre.pbx.stop()
        await centre.pbx.start()
        assert desk.files() == files
        assert await desk.shown() == version
        assert "malam.last" in await centre.pbx.rx("queue show")
        assert "trunk-baru" in await centre.pbx.rx("pjsip show endpoints")
        async with Softphone("telco", tone_hz=CALLER, host=centre.trunk_hosts["telco"], port=5060) as caller:
            call = await caller.dial(centre.number, user=number)
            await call.until_answered()
            await call.until_hears_speech()
            await call.digits("0")
            await until(lambda: follows_a_plan(centre))
            await call.hangup()
    finally:
        await centre.start_service()
    (stored,) = (await centre.incident_of(number))["calls"]
    assert (stored["path"], stored["version"]) == ("failsafe", version)
    assert await desk.one_call() == (version, *FLOOD)
    await desk.remove("trunks/baru")
