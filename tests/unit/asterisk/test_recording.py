"""What the PBX is told about recording, and how the service begins what the dialplan cannot."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from callrouter import settings
from callrouter.asterisk.ami import AmiAnswer, AmiRefused
from callrouter.asterisk.recorder import WAITING, Recorder
from callrouter.errors import OperatorError
from tests.unit.asterisk.given import event, rendered
from tests.unit.routing.tables import small

CALL, STAMP = "5d0c8f5e-30c8-4e62-9a86-1f5a2f0f6112", "1790000010_30.500000"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, {"agency": "no", "operator": "no", "NOT": "-", "SAY": "no"}),
        ({"record": ("operator",)}, {"agency": "no", "operator": "yes", "NOT": "-", "SAY": "no"}),
        (
            {"record": ("operator", "agency"), "record_except": ("fire", "flood"), "record_announce": True},
            {"agency": "yes", "operator": "yes", "NOT": "fire,flood", "SAY": "yes"},
        ),
        ({"record_announce": True}, {"agency": "no", "operator": "no", "NOT": "-", "SAY": "no"}),
    ],
    ids=["nobody", "operators", "both", "nothing to say"],
)
def test_policy_is_in_the_dialplan_and_is_told_to_a_running_pbx(
    tmp_path: Path, given: dict[str, Any], told: dict[str, str]
) -> None:
    _, etc, whole = rendered(tmp_path, small(), lambda values: values.update(given))
    assert {n: v for n, v in whole.globals.items() if n.startswith("CR_RECORD_")} == {
        f"CR_RECORD_{name}": value for name, value in told.items()
    }
    lines = (etc / "extensions.conf").read_text().splitlines()
    assert [f"CR_RECORD_{name}={value}" for name, value in told.items() if f"CR_RECORD_{name}={value}" in lines] == [
        f"CR_RECORD_{name}={value}" for name, value in told.items()
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RECORD", "everybody"),
        ("RECORD_EXCEPT", "a b"),
        ("RECORD_EXCEPT", "x)&System(id"),
        ("RECORDING_KEEP_DAYS", "default"),
        ("RECORDING_KEEP_DAYS", "default=0"),
        ("RECORDING_KEEP_DAYS", "default=-1"),
        ("ACCESS_LOG_KEEP_DAYS", "30"),
    ],
)
def test_bad_policy_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"CALLROUTER_{name}", value)
    with pytest.raises(OperatorError, match=f"CALLROUTER_{name}"):
        settings.load()


def test_days_that_are_not_named_are_those_of_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLROUTER_RECORDING_KEEP_DAYS", "emergency=700, prank=30")
    assert settings.load().recording_keep_days == {"default": 90, "emergency": 700, "prank": 30}
    monkeypatch.setenv("CALLROUTER_RECORD", "agency,operator")
    assert settings.load().record == ("agency", "operator")


@dataclass
class Link:
    """Remembers what it was asked; refuses where it is told to."""

    refuses: bool = False
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def action(self, name: str, **fields: Any) -> AmiAnswer:
        self.asked.append((name, fields))
        if self.refuses:
            raise AmiRefused("No such channel")
        return AmiAnswer({"Response": "Success", "MixMonitorID": f"0x{len(self.asked)}"}, ())


def begun(folder: Path, call: str = CALL) -> tuple[str, dict[str, Any]]:
    """What the PBX is asked to record."""
    file = f"{folder}/2026-09-21/{call}_{STAMP}.wav"
    return "MixMonitor", {"Channel": "PJSIP/trunk-telco-1", "File": file, "options": "bi(CR_MIX)"}


def ended(mixing: str) -> tuple[str, dict[str, Any]]:
    """What it is asked to end."""
    return "StopMixMonitor", {"Channel": "PJSIP/trunk-telco-1", "MixMonitorID": mixing}


async def asked(recorder: Recorder, link: Link, *, times: int) -> list[tuple[str, dict[str, Any]]]:
    """Return what the PBX was asked, once it was so often, and then no more."""
    running = asyncio.create_task(recorder.run())
    async with asyncio.timeout(30):
        while len(link.asked) < times:
            await asyncio.sleep(0)
    for _ in range(5):
        await asyncio.sleep(0)
    running.cancel()
    return link.asked


WANTED = {"UserEvent": "CRRecord", "Call": CALL, "Stamp": STAMP, "Caller": "PJSIP/trunk-telco-1"}
OTHER = "5d0c8f5e-30c8-4e62-9a86-1f5a2f0f6113"


@pytest.mark.parametrize("what", ["CRHuman", "CRStage", "CRChoice", "CRDoorbell"])
async def test_recording_ends_when_somebody_else_has_the_caller(tmp_path: Path, what: str) -> None:
    link = Link()
    recorder = Recorder(link, tmp_path)
    recorder.heard(event("UserEvent", **WANTED))
    await asked(recorder, link, times=1)
    recorder.heard(event("UserEvent", UserEvent=what, Call=OTHER))
    recorder.heard(event("UserEvent", UserEvent=what, Call=CALL))
    recorder.heard(event("UserEvent", UserEvent=what, Call=CALL))
    assert await asked(recorder, link, times=2) == [begun(tmp_path), ended("0x1")]


async def test_recording_of_the_next_ends_the_one_before(tmp_path: Path) -> None:
    link = Link()
    recorder = Recorder(link, tmp_path)
    recorder.heard(event("UserEvent", **WANTED))
    await asked(recorder, link, times=1)
    recorder.heard(event("UserEvent", **WANTED))
    assert await asked(recorder, link, times=3) == [begun(tmp_path), ended("0x1"), begun(tmp_path)]


async def test_part_that_was_over_before_it_could_be_recorded_is_not(tmp_path: Path) -> None:
    link = Link()
    recorder = Recorder(link, tmp_path)
    recorder.heard(event("UserEvent", **WANTED))
    recorder.heard(event("UserEvent", UserEvent="CRChoice", Call=CALL))
    recorder.heard(event("UserEvent", **WANTED | {"Call": OTHER}))
    assert await asked(recorder, link, times=1) == [begun(tmp_path, OTHER)]


async def test_talk_that_the_dialplan_asks_for_is_recorded_on_the_callers_channel(tmp_path: Path) -> None:
    link = Link()
    recorder = Recorder(link, tmp_path)
    running = asyncio.create_task(recorder.run())
    wanted = {"UserEvent": "CRRecord", "Call": CALL, "Stamp": STAMP, "Caller": "PJSIP/trunk-telco-1"}
    link.refuses = True
    recorder.heard(event("UserEvent", **wanted))
    recorder.heard(event("UserEvent", **wanted | {"Call": OTHER}))
    async with asyncio.timeout(30):
        while len(link.asked) < 2:
            await asyncio.sleep(0)
    assert link.asked == [begun(tmp_path), begun(tmp_path, OTHER)]
    await asyncio.sleep(0)
    assert not running.done()
    running.cancel()


@pytest.mark.parametrize(
    "change",
    [
        {"Call": "../../etc"},
        {"Stamp": "../x"},
        {"Stamp": "1_1.1"},
        {"Stamp": ""},
        {"UserEvent": "CRHuman"},
    ],
)
async def test_what_is_not_understood_begins_nothing(tmp_path: Path, change: dict[str, str]) -> None:
    link = Link()
    recorder = Recorder(link, tmp_path)
    wanted = {"UserEvent": "CRRecord", "Call": CALL, "Stamp": STAMP, "Caller": "PJSIP/trunk-telco-1"}
    recorder.heard(event("UserEvent", **wanted | change))
    recorder.heard(event("Hangup"))
    running = asyncio.create_task(recorder.run())
    for _ in range(5):
        await asyncio.sleep(0)
    assert link.asked == []
    running.cancel()


def test_more_than_can_wait_is_told_and_left(tmp_path: Path) -> None:
    recorder = Recorder(Link(), tmp_path)
    wanted = {"UserEvent": "CRRecord", "Call": CALL, "Stamp": STAMP, "Caller": "PJSIP/trunk-telco-1"}
    for _ in range(WAITING + 1):
        recorder.heard(event("UserEvent", **wanted))
