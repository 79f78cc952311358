"""What callers chose, asked of the PBX when their calls have gone on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from callrouter.asterisk import asking
from callrouter.asterisk.ami import AmiAnswer, AmiRefused, AmiUnavailable
from callrouter.asterisk.asking import CUT, MAX_ASKED, VARIABLES, Choices
from callrouter.asterisk.handed import Handed
from demo.softphone import NET_S
from tests.unit.asterisk.given import answer, event
from tests.unit.calls.given import CALL, OTHER

CHANNEL = "PJSIP/trunk-telco-00000001"


class Hands:
    """A PBX that has one channel for each call that it is given."""

    def __init__(self) -> None:
        self.channels: dict[str, dict[str, str]] = {}
        self.fails: dict[str, Exception] = {}
        self.asked: list[str] = []
        self.meanwhile: Callable[[], None] = lambda: None

    async def action(self, name: str, **fields: Any) -> AmiAnswer:
        assert (name, fields["listing"], fields["Variables"]) == ("Status", "StatusComplete", ",".join(VARIABLES))
        self.asked.append(fields["Channel"])
        await asyncio.sleep(0)
        self.meanwhile()
        if error := self.fails.get(fields["Channel"]):
            raise error
        held = self.channels[fields["Channel"]]
        return answer(event("Status", *(("Variable", f"{name}={held.get(name, '(null)')}") for name in VARIABLES)))


async def learned(hands: Hands, choices: Choices, calls: int) -> dict[UUID, Mapping[str, str]]:
    """Run until so many calls were told of, and return what was."""
    found: dict[UUID, Mapping[str, str]] = {}
    enough = asyncio.Event()

    def take(call: UUID, known: Mapping[str, str]) -> None:
        if known["Choice"] == "no such":
            raise ValueError(known["Choice"])
        found[call] = known
        if len(found) == calls:
            enough.set()

    running = asyncio.create_task(choices.run(take))
    async with asyncio.timeout(NET_S):
        await enough.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return found


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "TOGETHER_S", 0.0)


async def test_answer_is_told_under_the_names_of_the_dialplans_event_and_what_is_not_set_is_empty() -> None:
    hands = Hands()
    hands.channels[CHANNEL] = {"CR_CALL": str(CALL), "CR_CHOICE": "13", "CR_PLAN": "plan,7,a,1,fire,x!dial,y=z"}
    choices = Choices(hands, Handed())
    choices.ask(CALL, CHANNEL)
    found = (await learned(hands, choices, 1))[CALL]
    assert found == dict.fromkeys(VARIABLES.values(), "") | {
        "Call": str(CALL),
        "Choice": "13",
        "Plan": "plan,7,a,1,fire,x!dial,y=z",
    }
    assert (len(choices), hands.asked) == (0, [CHANNEL])


async def test_channel_that_has_another_call_by_now_tells_nothing_of_the_one_before() -> None:
    hands = Hands()
    hands.channels = {"a": {"CR_CALL": str(OTHER)}, "b": {"CR_CALL": str(CALL)}}
    choices = Choices(hands, Handed())
    choices.ask(uuid4(), "a")
    choices.ask(CALL, "b")
    assert set(await learned(hands, choices, 1)) == {CALL}
    assert set(hands.asked) == {"a", "b"}


@pytest.mark.parametrize("error", [AmiRefused("No such channel"), AmiUnavailable("the link is down"), KeyError("x")])
async def test_who_cannot_be_asked_for_keeps_nobody_else_from_being(error: Exception) -> None:
    hands = Hands()
    hands.channels = {"b": {"CR_CALL": str(CALL), "CR_CHOICE": "1"}, "c": {"CR_CALL": str(OTHER)}}
    hands.channels["c"]["CR_CHOICE"] = "no such"
    hands.fails = {"a": error}
    choices = Choices(hands, Handed())
    for call, channel in ((uuid4(), "a"), (OTHER, "c"), (CALL, "b")):
        choices.ask(call, channel)
    with capture_logs() as lines:
        assert set(await learned(hands, choices, 1)) == {CALL}
    assert {line["event"] for line in lines} <= {"call.choice_not_asked", "call.choice_not_understood"}


async def test_more_than_the_bound_are_counted_and_not_asked_for() -> None:
    choices = Choices(Hands(), Handed())
    for _ in range(MAX_ASKED + 3):
        choices.ask(uuid4(), CHANNEL)
    assert (len(choices), choices.left_out) == (MAX_ASKED, 3)


async def test_call_that_is_over_is_not_asked_for() -> None:
    hands = Hands()
    choices = Choices(hands, Handed())
    hands.channels = {"b": {"CR_CALL": str(OTHER)}}
    choices.ask(CALL, "a")
    choices.ask(OTHER, "b")
    choices.over(CALL)
    await learned(hands, choices, 1)
    assert hands.asked == ["b"]


async def test_answer_that_may_be_cut_is_left_to_the_calls_record() -> None:
    hands = Hands()
    hands.channels = {
        "a": {"CR_CALL": str(CALL), "CR_PLAN": "p" * CUT},
        "b": {"CR_CALL": str(OTHER), "CR_PLAN": "p" * (CUT - 1)},
    }
    choices = Choices(hands, Handed())
    choices.ask(CALL, "a")
    choices.ask(OTHER, "b")
    assert set(await learned(hands, choices, 1)) == {OTHER}


async def test_answer_that_comes_when_the_call_is_over_tells_nothing() -> None:
    hands = Hands()
    hands.channels = {"a": {"CR_CALL": str(CALL)}, "b": {"CR_CALL": str(OTHER)}}
    choices = Choices(hands, Handed())
    hands.meanwhile = lambda: choices.over(CALL)
    choices.ask(CALL, "a")
    choices.ask(OTHER, "b")
    assert set(await learned(hands, choices, 1)) == {OTHER}
    assert hands.asked == ["a", "b"]
