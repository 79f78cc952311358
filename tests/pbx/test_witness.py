"""The PBX as an AMI client sees it that is not ours (pyst2): our own code is not its only witness."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from typing import Any

import pytest

from callrouter.asterisk.witness import Witness
from tests.pbx.rig import CALLER, DAMKAR, Rig, talk, until

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    # pyst2 0.5.1 is of 2019: it starts its threads in the words of that time.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:asterisk.manager"),
]


class Observer:
    """What the PBX told of our calls, in order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: list[tuple[str, str, str]] = []

    def take(self, event: Any, _manager: Any) -> None:
        """Keep one event; called on pyst2's thread."""
        what = event.get_header("UserEvent") or event.name
        with self._lock:
            self._seen.append((what, event.get_header("Stage") or event.get_header("By") or "", event.name))

    @property
    def seen(self) -> list[tuple[str, str]]:
        """Return events with their stage, or who answered."""
        with self._lock:
            return [(what, detail) for what, detail, _ in self._seen]


def witness(rig: Rig, user: str) -> Witness:
    """Return a witness that logs in as `user`."""
    settings = rig.centre.settings
    return Witness(settings.ami_host, settings.ami_port, user, getattr(rig.centre.keys, user))


async def test_independent_observer_sees_the_call_from_its_opening_to_one_doorbell(rig: Rig, number: str) -> None:
    observer = Observer()
    observing = witness(rig, "hands")
    await asyncio.to_thread(observing.__enter__)
    try:
        observing.on("UserEvent", observer.take)
        observing.on("DialBegin", observer.take)
        call = await rig.press(number, "1")
        agency = await rig.damkar.until_incoming()
        await talk(call, agency, CALLER, DAMKAR)
        await call.hangup()
        await until(lambda: ("CRDoorbell", "") in observer.seen)
    finally:
        await asyncio.to_thread(observing.__exit__, None, None, None)
    assert observer.seen == [
        ("CRStage", "opened"),
        ("CRStage", "menu"),
        ("DialBegin", ""),
        ("CRHuman", "trunk-damkar"),
        ("CRDoorbell", ""),
    ]
    assert Counter(observer.seen)[("CRDoorbell", "")] == 1


@pytest.mark.parametrize(
    ("user", "action", "fields"),
    [
        ("hands", "Reload", {"Module": "pbx_config"}),
        ("hands", "UpdateConfig", {"SrcFilename": "extensions.conf", "DstFilename": "extensions.conf"}),
        ("hands", "Command", {"Command": "core show version"}),
        ("keeper", "Originate", {"Channel": "Local/s@callrouter-112", "Application": "Wait", "Data": "1"}),
        ("keeper", "Redirect", {"Channel": "x", "Context": "callrouter-112", "Exten": "s", "Priority": "1"}),
        ("keeper", "Command", {"Command": "core show version"}),
    ],
)
async def test_each_ami_user_is_refused_what_the_other_may(
    rig: Rig, user: str, action: str, fields: dict[str, str]
) -> None:
    def ask() -> dict[str, str]:
        with witness(rig, user) as asking:
            return asking.action(action, **fields)

    answer = await asyncio.to_thread(ask)
    assert (answer["Response"], answer["Message"]) == ("Error", "Permission denied")
