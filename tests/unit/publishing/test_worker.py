"""The worker process: what it answers, how it ends, and that the loop goes on while it works."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from callrouter.errors import OperatorError
from callrouter.publishing import jobs
from callrouter.publishing.held import EMPTY, sheet_of_table
from callrouter.publishing.importing import TableError
from callrouter.publishing.publication import read_table, verify_table
from callrouter.publishing.worker import PART, Worker
from callrouter.resources import resource
from callrouter.routing.explain import Explanation
from callrouter.routing.facts import Choice, Facts, Origin
from callrouter.routing.table import RoutingTable
from tests.unit.publishing.fakes import changed, table

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
EXAMPLE = resource("examples") / "kab-malang.yaml"
LIMIT_S = 60
LITTLE = 4
"""The loop may be held for this part of what a job would hold it on it. A tenth and less was measured."""


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    made = Worker()
    yield made
    await made.close()


async def until(there: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not there():
            await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


async def the_pid(worker: Worker) -> int:
    await until(lambda: worker.pid is not None)
    assert worker.pid is not None
    return worker.pid


def big(routes: int, agencies: int = 60) -> RoutingTable:
    """A city's table: 60 categories and agencies; each route in a category of its own hours."""
    document = changed(lambda _: None)
    name = {"id": "x", "en": "x"}
    numbers = range(agencies)
    document["directory"] = {
        "trunks": [{"key": "telco", "kind": "carrier", "host": "127.0.112.1"}]
        + [{"key": f"t{n}", "kind": "agency", "host": f"127.0.113.{n + 1}"} for n in numbers],
        "agencies": [
            {"key": f"a{n}", "name": name, "contacts": [{"key": "posko", "trunk": f"t{n}", "number": "101"}]}
            for n in numbers
        ],
        "operators": [{"key": "op1", "name": "Operator 1"}],
    }
    routing = document["routing"]
    routing["categories"] = [{"key": f"c{n}", "urn": "urn:service:sos", "name": name, "priority": 5} for n in numbers]
    routing["ring_groups"] = [{"key": "operators", "members": ["op1"]}]
    routing["menus"][0]["options"] = [{"digit": "1", "category": "c0"}]
    routing["static_numbers"] = []
    routing["schedules"] = [
        {
            "key": f"s{n}",
            "name": "x",
            "windows": [{"days": ["mon", "tue", "sat"], "opens": f"{n:02d}:00", "closes": f"{n + 6:02d}:30"}],
        }
        for n in range(12)
    ]
    routing["routes"] = [
        {
            "key": f"r{n}",
            "priority": n,
            "when": {"category": [f"c{n % agencies}"], "schedule": [f"s{n % 12}"], "language": [["id", "en"][n % 2]]},
            "steps": [{"kind": "dial", "targets": [f"a{n % agencies}/posko"]}],
        }
        for n in range(routes)
    ]
    return table(document)


async def text_of(found: RoutingTable) -> str:
    return (await sheet_of_table(found, EMPTY)).text


# ---------------------------------------------------------------- what it answers


async def test_file_is_read_as_here(worker: Worker) -> None:
    found = await read_table(worker, EXAMPLE.read_bytes(), EXAMPLE)
    again = await read_table(worker, EXAMPLE.read_bytes(), EXAMPLE)
    assert found == again
    assert RoutingTable.model_validate(found.model_dump()) == found


async def test_what_is_wrong_with_a_file_comes_back_with_lines(worker: Worker) -> None:
    with pytest.raises(TableError) as caught:
        await read_table(worker, b"schema_version: 1\nx: 1\nx: 2\n", Path("city.yaml"))
    assert [(p.pointer, p.line) for p in caught.value.problems] == [("/x", 3)]
    assert "city.yaml" in str(caught.value)


async def test_report_of_verify_comes_back_whole_however_long(worker: Worker) -> None:
    report = await verify_table(worker, big(4 * PART), NOW)
    assert not report.verified
    assert len(report.findings) > PART
    assert all(f.sentence.id and f.remedy.en for f in report.findings)


async def test_explanation_comes_back_whole(worker: Worker) -> None:
    facts = Facts(origin=Origin.CITIZEN, choice=Choice.NONE, category="fire", trunk="telco")
    found = await worker.run("explain", await text_of(table()), 7, facts, NOW, ("busy", "talk"))
    assert isinstance(found, Explanation)
    assert (found.winner, found.version, found.walk.ended_by) == ("fire", 7, "talk")
    long = await worker.run("explain", await text_of(big(100)), 7, facts, NOW, ())
    assert [r.key for r in long.routes] == [f"r{n}" for n in reversed(range(100))]


async def test_error_of_a_job_is_raised_where_it_was_asked_for(worker: Worker) -> None:
    with pytest.raises(KeyError):
        await worker.run("no-such-job")
    with pytest.raises(TypeError):
        await worker.run("verify")
    assert await worker.run("diff", *[await text_of(table())] * 2, (None, None), ())


async def test_jobs_asked_for_at_once_get_their_own_answers(worker: Worker) -> None:
    facts = [Facts(origin=Origin.CITIZEN, choice=Choice.NONE, category=key) for key in ("fire", "health")] * 5
    text = await text_of(table())
    found = await asyncio.gather(*(worker.run("explain", text, 1, one, NOW, ()) for one in facts))
    assert [one.winner for one in found] == ["fire", "health"] * 5


# ---------------------------------------------------------------- how it lives


async def test_it_is_started_at_the_first_job_with_calls_before_it_and_no_secrets(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLROUTER_DATABASE_URL", "postgresql://user:password@host/name")
    assert worker.pid is None
    await worker.run("read", b"")
    pid = await the_pid(worker)
    nice = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[16])
    assert nice == min(19, os.nice(0) + 10)
    assert b"password" not in Path(f"/proc/{pid}/environ").read_bytes()


async def test_it_is_started_anew_where_it_was_killed(worker: Worker) -> None:
    await worker.run("read", b"")
    first = await the_pid(worker)
    os.kill(first, signal.SIGKILL)
    await until(lambda: not alive(first))
    assert await worker.run("read", b"")
    assert worker.pid != first


async def test_job_whose_process_is_killed_is_done_once_more(worker: Worker) -> None:
    await worker.run("read", b"")
    first = await the_pid(worker)
    os.kill(first, signal.SIGSTOP)
    job = asyncio.create_task(worker.run("read", b"x: 1\nx: 2"))
    await asyncio.sleep(0)
    os.kill(first, signal.SIGKILL)
    assert len(await job) == 1
    assert worker.pid not in {None, first}


async def test_job_whose_process_is_killed_twice_says_so(worker: Worker) -> None:
    await worker.run("read", b"")
    job = asyncio.create_task(worker.run("verify", await text_of(big(2_000)), NOW))
    for _ in range(2):
        pid = await the_pid(worker)
        os.kill(pid, signal.SIGKILL)
        await until(lambda pid=pid: worker.pid != pid)  # type: ignore[misc]
    with pytest.raises(OperatorError, match="killed twice"):
        await job
    assert await worker.run("read", b"")


async def test_job_beyond_its_deadline_is_ended() -> None:
    worker = Worker(deadline_s=0.05)
    with pytest.raises(OperatorError, match="not done after"):
        await worker.run("verify", await text_of(big(1_000)), NOW)
    assert worker.pid is None
    await worker.close()


async def test_job_that_nobody_waits_for_any_more_is_ended_with_its_process(worker: Worker) -> None:
    await worker.run("read", b"")
    pid = await the_pid(worker)
    os.kill(pid, signal.SIGSTOP)
    job = asyncio.create_task(worker.run("read", b""))
    await asyncio.sleep(0)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert not alive(pid)
    problems = await worker.run("read", b"x: 1\nx: 2")
    assert [p.pointer for p in problems] == ["/x"]


async def test_it_ends_when_there_was_no_job_for_a_while() -> None:
    worker = Worker(idle_s=0.05)
    await worker.run("read", b"")
    pid = await the_pid(worker)
    await until(lambda: worker.pid is None)
    await until(lambda: not alive(pid))
    assert await worker.run("read", b"")
    await worker.close()


async def test_it_ends_when_the_service_is_gone(worker: Worker) -> None:
    await worker.run("read", b"")
    pid = await the_pid(worker)
    assert worker._process is not None
    assert worker._process.stdin is not None
    worker._process.stdin.close()  # as the system does with a process that is killed
    await until(lambda: not alive(pid))


async def test_ctrl_c_is_for_the_service(worker: Worker) -> None:
    await worker.run("read", b"")
    pid = await the_pid(worker)
    os.kill(pid, signal.SIGINT)
    assert await worker.run("read", b"")
    assert worker.pid == pid


# ---------------------------------------------------------------- and the loop meanwhile


async def longest_hold_s(work: Awaitable[object]) -> float:
    """Return for how long others on the loop had to wait at most while this was awaited: CPU time of its thread."""
    longest, beaten = 0.0, asyncio.Event()

    async def beat() -> None:
        nonlocal longest
        while True:
            before = time.thread_time()
            await asyncio.sleep(0.001)
            longest = max(longest, time.thread_time() - before)
            beaten.set()

    gc.disable()  # whose pause would count for whoever is at work
    beating = asyncio.create_task(beat())
    try:
        await beaten.wait()
        longest = 0.0
        await work
        beaten.clear()
        await beaten.wait()
    finally:
        beating.cancel()
        gc.enable()
    return longest


@pytest.mark.parametrize("job", ["verify", "explain"])
async def test_loop_goes_on_while_a_big_table_is_verified_and_explained(worker: Worker, job: str) -> None:
    """Against the same job on the loop: so it holds on any machine. `python -m bench.lag` tells milliseconds."""
    text = await text_of(big(1_000))
    facts = Facts(origin=Origin.CITIZEN, choice=Choice.NONE, category="c1")
    args = {"verify": (text, NOW), "explain": (text, 1, facts, NOW, ())}[job]
    await worker.run("read", b"")

    async def on_the_loop() -> object:
        return getattr(jobs, job)(*args)

    assert LITTLE * await longest_hold_s(worker.run(job, *args)) < await longest_hold_s(on_the_loop())
