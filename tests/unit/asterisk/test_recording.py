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
from tests.unit.asterisk.given import answer, event, rendered
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
        return answer()


async def test_talk_that_the_dialplan_asks_for_is_recorded_on_the_callers_channel(tmp_path: Path) -> None:
    link = Link()
    recorder = Recorder(link, tmp_path)
    running = asyncio.create_task(recorder.run())
    wanted = {"UserEvent": "CRRecord", "Call": CALL, "Stamp": STAMP, "Caller": "PJSIP/trunk-telco-1"}
    recorder.heard(event("UserEvent", **wanted))
    link.refuses = True
    recorder.heard(event("UserEvent", **wanted))
    async with asyncio.timeout(5):
        while len(link.asked) < 2:
            await asyncio.sleep(0)
    file = f"{tmp_path}/2026-09-21/{CALL}_{STAMP}.wav"
    assert link.asked == [("MixMonitor", {"Channel": "PJSIP/trunk-telco-1", "File": file, "options": "b"})] * 2
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
