"""What a probe's events mean, what is kept of it, and when the service calls out."""

from __future__ import annotations

import asyncio
import json
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from callrouter.bilingual import Bilingual
from callrouter.errors import OperatorError
from callrouter.probe import Wanted, probe
from callrouter.probe_judge import Seen, judged, table
from callrouter.probe_record import LastProbe, Probed, Result, StageResult, from_json, read, save
from callrouter.probe_sip import NoSip, ask_options
from callrouter.settings import Settings

OK, WARNING, FAILED = Result.OK, Result.WARNING, Result.FAILED


def seen(what: str, value: str = "", kind: str = "", label: str = "") -> Seen:
    return Seen(what, value, kind, label, 0.0)


def now_us() -> int:
    return time.time_ns() // 1000


def probed(*results: Result, age_s: float = 0.0) -> Probed:
    stages = [StageResult(f"s{n}", r, n, Bilingual(f"tahap {n}", f"stage {n}")) for n, r in enumerate(results)]
    return Probed(now_us() - int(age_s * 1e6), tuple(stages))


# ---------------------------------------------------------------- judging
@pytest.mark.parametrize(
    ("event", "name", "result"),
    [
        (seen("consulted", "yes"), "consultation", OK),
        (seen("consulted"), "consultation", FAILED),
        (seen("data", "yes"), "data", OK),
        (seen("data"), "data", FAILED),
        (seen("noise", "Local/x"), "menu", OK),
        (seen("timeout", "Local/x"), "menu", FAILED),
        (seen("chosen", "1"), "choice", OK),
        (seen("chosen", "silent"), "choice", FAILED),
        (seen("plan", "3", "fire", "fire"), "plan", OK),
        (seen("step", "trunk-a/NOT_INUSE", "dial", "a/b"), "dial", OK),
        (seen("step", "trunk-a/INUSE&trunk-b/UNAVAILABLE", "dial", "a/b"), "dial", OK),
        (seen("step", "trunk-a/UNAVAILABLE", "dial", "a/b"), "dial", WARNING),
        (seen("step", "trunk-a/NOT_INUSE&trunk-b/INVALID", "dial", "a/b"), "dial", FAILED),
        (seen("step", "", "dial", "a/b"), "dial", FAILED),
        (seen("step", "1/2", "ring", "ops"), "ring", OK),
        (seen("step", "1/0", "ring", "ops"), "ring", WARNING),
        (seen("step", "0/", "last", "ops"), "last", FAILED),
        (seen("step", "1", "announce", "wait"), "announce", OK),
        (seen("step", "0", "announce", "wait"), "announce", FAILED),
        (seen("step", "1", "record", "message"), "record", OK),
        (seen("step", "0", "record", "message"), "record", FAILED),
        (seen("step", "", "operator", "op1"), "operator", OK),
    ],
)
def test_event_is_a_stage_that_went_so(event: Seen, name: str, result: Result) -> None:
    (stage,) = judged("service", event, 12.0, "1")
    assert (stage.name, stage.result, stage.at_ms) == (f"service.{name}", result, 12.0)
    assert stage.detail.en


def test_operator_is_what_the_menu_notes_of_a_nought() -> None:
    assert judged("service", seen("chosen", "operator"), 0, "0")[0].result is OK
    assert judged("service", seen("chosen", "operator"), 0, "1")[0].result is FAILED


@pytest.mark.parametrize("what", ["menu", "over", "hangup", "something else"])
def test_other_events_are_no_stage(what: str) -> None:
    assert judged("service", seen(what, "1"), 0, "") == ()


def test_table_has_a_line_a_stage_with_its_time() -> None:
    lines = table(probed(OK, WARNING, FAILED).stages, "id")
    assert [line.split() for line in lines] == [
        ["baik", "s0", "0", "ms", "tahap", "0"],
        ["awas", "s1", "1", "ms", "tahap", "1"],
        ["GAGAL", "s2", "2", "ms", "tahap", "2"],
    ]
    assert table((), "en") == []


# ---------------------------------------------------------------- keeping
def test_what_is_kept_is_read_back_and_is_not_for_strangers(tmp_path: Path) -> None:
    file, kept = tmp_path / "probe.json", probed(OK, FAILED)
    save(file, kept)
    assert read(file) == kept
    assert not kept.ok
    assert list(tmp_path.iterdir()) == [file]
    assert stat.S_IMODE(file.stat().st_mode) & 0o022 == 0


def test_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"cannot be written: No such file"):
        save(tmp_path / "none" / "probe.json", probed(OK))


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        '{"version": 2}',
        '{"version": 1, "at_us": Infinity, "stages": []}',
        '{"version": 1, "at_us": 1, "stages": [1]}',
        '{"version": 1, "at_us": 1, "stages": [{"name": "a", "result": "fine", "at_ms": 1, "detail": {}}]}',
        '{"version": 1, "at_us": 1, "stages": [{"name": "a", "result": "ok", "at_ms": 1, "detail": 7}]}',
    ],
)
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of many kinds
        from_json(json.loads(text))


# ---------------------------------------------------------------- the service's view
async def test_no_probe_yet_is_no_alarm(tmp_path: Path) -> None:
    last = LastProbe(tmp_path / "probe.json")
    with capture_logs() as logs:
        await last.look()
    assert (last.ok, last.age_s, logs) == (None, None, [])
    assert last.check().ok
    assert last.check().detail.en == "None was made yet: callrouter probe."


async def test_each_failed_probe_is_told_once_and_its_end_too(tmp_path: Path) -> None:
    file = tmp_path / "probe.json"
    last = LastProbe(file)
    with capture_logs() as logs:
        for results in ((FAILED, OK), (FAILED, OK), (OK,)):
            save(file, probed(*results))
            await last.look()
            await last.look()
    assert [line["event"] for line in logs] == ["probe.failed", "probe.failed", "probe.well_again"]
    assert logs[0]["what"] == "s0: stage 0"
    assert "callrouter probe" in logs[0]["remedy"]
    assert last.ok
    assert last.age_s is not None
    assert last.check().detail.en == "Well, 0 min ago."


async def test_old_probe_is_told_once_an_hour_and_warns(tmp_path: Path) -> None:
    file = tmp_path / "probe.json"
    last = LastProbe(file, stale_s=900)
    with capture_logs() as logs:
        for age_s in (800, 1000, 1100, 3700):
            save(file, probed(OK, age_s=age_s))
            await last.look()
    assert [line["event"] for line in logs] == ["probe.stale", "probe.stale"]
    assert last.check().ok
    assert last.check().detail.en == "Warning: the last probe was 61 min ago"


async def test_warnings_and_failures_are_shown_and_never_fail_readiness(tmp_path: Path) -> None:
    file = tmp_path / "probe.json"
    last = LastProbe(file)
    save(file, probed(OK, WARNING))
    await last.look()
    assert (last.check().ok, last.check().detail.en) == (True, "Warning: stage 1")
    save(file, probed(FAILED, WARNING))
    await last.look()
    assert (last.check().ok, last.check().detail.id) == (True, "Peringatan: tahap 0")


async def test_record_that_cannot_be_read_is_told_and_harms_nothing(tmp_path: Path) -> None:
    file = tmp_path / "probe.json"
    file.write_text("[")
    last = LastProbe(file, look_s=0.01)
    with capture_logs() as logs:
        looking = asyncio.create_task(last.run())
        async with asyncio.timeout(30):
            while not logs:
                await asyncio.sleep(0.01)
        save(file, probed(OK))
        async with asyncio.timeout(30):
            while not last.ok:
                await asyncio.sleep(0.01)
        looking.cancel()
        await asyncio.wait({looking})
    assert [line["event"] for line in logs] == ["probe.unreadable", "probe.well_again"]


async def test_clock_that_was_set_back_makes_no_probe_of_the_future(tmp_path: Path) -> None:
    file = tmp_path / "probe.json"
    save(file, probed(OK, age_s=-3600))
    last = LastProbe(file)
    await last.look()
    assert last.age_s == 0


# ---------------------------------------------------------------- the command
@pytest.mark.parametrize("wanted", [Wanted("x"), Wanted("123"), Wanted("1", "a,b"), Wanted("", "${X}")])
async def test_words_that_the_dialplan_must_not_see_are_refused(tmp_path: Path, wanted: Wanted) -> None:
    with pytest.raises(OperatorError, match="no such keys"):
        await probe(Settings(state=tmp_path), wanted)


# ---------------------------------------------------------------- SIP
class Stack(asyncio.DatagramProtocol):
    """A SIP stack that loses the first question and then answers with `answer`."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer = "SIP/2.0 401 Unauthorized\r\nCall-ID: {call_id}\r\n\r\n"
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked.append(data.decode())
        call_id = data.decode().partition("Call-ID: ")[2].partition("\r\n")[0]
        if len(self.asked) > 1:
            self.transport.sendto(self.answer.format(call_id=call_id).encode(), addr)


@pytest_asyncio.fixture
async def stack() -> AsyncIterator[Stack]:
    transport, stack = await asyncio.get_running_loop().create_datagram_endpoint(Stack, local_addr=("127.0.0.1", 0))
    yield stack
    transport.close()


async def test_sip_question_is_asked_again_and_any_answer_will_do(stack: Stack) -> None:
    port = stack.transport.get_extra_info("sockname")[1]
    status, took_ms = await ask_options("127.0.0.1", port)
    assert status == 401
    assert took_ms > 0
    assert len(stack.asked) == 2
    assert stack.asked[0].startswith(f"OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\n")


async def test_answer_to_another_question_is_none(stack: Stack) -> None:
    stack.answer = "SIP/2.0 200 OK\r\nCall-ID: other\r\n\r\n"
    port = stack.transport.get_extra_info("sockname")[1]
    with pytest.raises(NoSip, match=r"no answer within 0\.7 s"):
        await ask_options("127.0.0.1", port, within_s=0.7)


async def test_port_without_a_stack_is_told(stack: Stack) -> None:
    port = stack.transport.get_extra_info("sockname")[1]
    stack.transport.close()
    await asyncio.sleep(0)
    with pytest.raises(NoSip, match="Connection refused"):
        await ask_options("127.0.0.1", port)
