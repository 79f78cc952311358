"""`callrouter probe` on a real PBX: what it finds, and that nothing of it is counted or rings."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from callrouter.probe_record import Result
from tests.pbx.rig import Rig

pytestmark = pytest.mark.asyncio(loop_scope="session")


@dataclass(frozen=True)
class Done:
    """What the command ended with."""

    code: int | None
    out: str
    err: str

    @property
    def stages(self) -> dict[str, str]:
        """How each stage went, by name; the first of a name."""
        found: dict[str, str] = {}
        for stage in json.loads(self.out)["stages"]:
            found.setdefault(stage["name"], stage["result"])
        return found

    def told(self, name: str) -> list[str]:
        """What was said of the stages of that name, in English."""
        return [stage["detail"]["en"] for stage in json.loads(self.out)["stages"] if stage["name"] == name]


async def probe(rig: Rig, *arguments: str, json_too: bool = True, **environment: str) -> Done:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "callrouter", "probe", *(["--json"] if json_too else []), *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=rig.centre.environment | {"CALLROUTER_LANGUAGE": "en"} | environment,
    )
    async with asyncio.timeout(90):
        out, err = await process.communicate()
    return Done(process.returncode, out.decode(), err.decode())


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def restored(rig: Rig) -> AsyncIterator[None]:
    yield
    if rig.centre.service_pid is None:
        await rig.centre.start_service()
    else:
        rig.centre.resume_service()


async def board_and_incidents(rig: Rig) -> tuple[list[dict[str, Any]], set[str]]:
    _, page = await rig.centre.get("/api/v1/incidents", limit="200")
    return await rig.centre.live(), {item["id"] for item in page["items"]}


def journal(rig: Rig) -> str:
    return "".join(file.read_text() for file in sorted(rig.centre.settings.journal_dir.glob("*.log")))


async def test_way_of_a_call_is_found_well_up_to_the_ringing(rig: Rig) -> None:
    await rig.on_duty(rig.op1)
    done = await probe(rig)
    assert done.code == 0, (done.out, done.err)
    assert done.stages["sip"] == "ok"
    assert done.stages["service.consultation"] == "ok"
    assert done.told("failsafe.data") == ["Failsafe data is in force."]
    for way in ("service", "failsafe"):
        assert done.stages[f"{way}.menu"] == "ok"
        assert done.told(f"{way}.choice") == ["Key 1 was taken."]
        assert done.told(f"{way}.plan")[0].endswith("route fire, category fire.")
        assert done.told(f"{way}.dial") == [
            "damkar/piket: trunk-damkar is there.",
            "bpbd/piket: trunk-bpbd is there.",
        ]
        assert done.told(f"{way}.ring") == ["1 of operators on duty."]
        assert done.stages[f"{way}.record"] == "ok"


async def test_probe_rings_nobody_and_stands_in_no_figure(rig: Rig) -> None:
    await rig.until_live()  # what was before is over
    before, written = await board_and_incidents(rig), journal(rig)
    calls = {phone: len(phone.calls) for phone in rig.all}
    log = rig.centre.service_log.stat().st_size
    done = await probe(rig)
    assert done.code == 0, (done.out, done.err)
    assert await board_and_incidents(rig) == before
    assert journal(rig) == written
    assert {phone: len(phone.calls) for phone in rig.all} == calls
    with rig.centre.service_log.open("rb") as file:
        file.seek(log)
        told = file.read().decode()
    assert "call." not in told
    assert "agi.session_ended" not in told
    assert "not_understood" not in told


async def test_keys_that_are_asked_for_are_pressed_and_their_plan_is_looked_at(rig: Rig) -> None:
    done = await probe(rig, "--press", "4", "--trunk", "telco")
    assert done.code == 0, (done.out, done.err)
    assert done.told("service.plan")[0].endswith("route village, category village.")
    assert done.told("service.dial") == ["desa/mesin+desa/hp: trunk-damkar is there, trunk-seluler is there."]
    done = await probe(rig, "--press", "0")
    assert done.told("service.choice") == ["Key 0 was taken."]


async def test_group_without_anybody_on_duty_is_a_warning(rig: Rig) -> None:
    done = await probe(rig)
    assert done.code == 0
    assert done.told("service.ring") == ["Nobody of operators is on duty."]
    assert done.stages["service.ring"] == Result.WARNING


async def test_service_that_is_away_fails_its_way_and_not_that_of_the_failsafe(rig: Rig) -> None:
    await rig.centre.kill_service()
    done = await probe(rig)
    assert done.code == 1
    assert done.stages["service.consultation"] == "failed"
    assert done.told("failsafe.plan")[0].endswith("route fire, category fire.")
    assert "failed" not in {went for name, went in done.stages.items() if name.startswith("failsafe.")}


async def test_failsafe_without_its_data_is_a_finding(rig: Rig) -> None:
    current = rig.centre.settings.failsafe_dir / "current"
    kept = current.with_name("kept")
    current.rename(kept)
    current.mkdir()  # else the service would soon have put it right
    try:
        done = await probe(rig)
    finally:
        current.rmdir()
        kept.rename(current)
    assert done.code == 1
    assert done.stages["service.plan"] == "ok"
    assert done.stages["failsafe.data"] == "failed"
    assert done.told("failsafe.plan")[0].endswith("route failsafe, category -.")


async def test_service_that_hangs_fails_within_a_callers_lease(rig: Rig) -> None:
    rig.centre.pause_service()
    done = await probe(rig)
    rig.centre.resume_service()
    assert done.code == 1
    (stage,) = [s for s in json.loads(done.out)["stages"] if s["name"] == "service.consultation"]
    assert stage["result"] == "failed"
    assert stage["at_ms"] < 10_000


async def test_pbx_that_does_not_answer_is_a_finding(rig: Rig) -> None:
    done = await probe(rig, CALLROUTER_AMI_PORT="1")
    assert done.code == 1
    assert done.stages == {"pbx": "failed"}
    await probe(rig)


async def test_keys_that_cannot_be_are_refused_before_the_pbx_is_asked(rig: Rig) -> None:
    done = await probe(rig, "--press", "${X}")
    assert (done.code, done.out) == (2, "")
    assert "no such keys" in done.err


async def test_person_reads_stages_with_their_times_and_a_verdict_in_his_language(rig: Rig) -> None:
    done = await probe(rig, json_too=False, CALLROUTER_LANGUAGE="id")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0].startswith("baik")
    assert " ms  PBX menjawab." in lines[0]
    assert lines[-1].startswith("Baik, dengan")


async def test_readiness_shows_the_last_probe_and_is_not_failed_by_it(rig: Rig) -> None:
    async def shown(word: str) -> None:
        async with asyncio.timeout(40):
            while True:
                status, answer = await rig.centre.get("/readyz")
                (check,) = [c for c in answer["checks"] if c["name"] == "probe"]
                assert (status, check["ok"]) == (200, True)
                if check["detail"].startswith(word):
                    return
                await asyncio.sleep(0.2)

    await probe(rig, CALLROUTER_AMI_PORT="1")
    await shown("Peringatan: PBX tidak menjawab")
    assert "probe.failed" in rig.centre.service_log.read_text()
    await rig.on_duty(rig.op1)
    await probe(rig)
    await shown("Baik")
