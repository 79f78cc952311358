"""Calling back: what the PBX is told, and that a try which it does not take is over at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from callrouter.asterisk.ami import AmiAnswer, AmiRefused, AmiUnavailable
from callrouter.asterisk.callback import CallbackRinger, is_callback
from callrouter.asterisk.quoting import UnsafeArgument, ami_header
from callrouter.calls.callingback import CallingBack
from callrouter.incidents.callbacks import NotRung, NoWay, Recovered, Try, TryOutcome
from callrouter.incidents.desk import Actor
from callrouter.incidents.views import StorageUnavailable
from tests.unit.asterisk.test_watch import event
from tests.unit.routing.tables import small

TRY = Try(uuid4(), uuid4(), "081234567890", "081234567890", "op1", "op1 (operator)", 0, trunk="telco")


class Hands:
    """Takes every action, or fails."""

    def __init__(self, fails: Exception | None = None) -> None:
        self.fails = fails
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def action(self, name: str, **fields: Any) -> AmiAnswer:
        if self.fails is not None:
            raise self.fails
        self.asked.append((name, fields))
        return AmiAnswer({"Response": "Success"}, ())


async def test_operator_is_rung_and_the_dialplan_has_all_that_it_needs() -> None:
    hands = Hands()
    await CallbackRinger(hands, 25).ring(TRY, ("telco", "second"), "Telepon balik")
    ((name, fields),) = hands.asked
    assert (name, fields["Channel"], fields["Context"], fields["Exten"]) == (
        "Originate",
        "PJSIP/op1",
        "callrouter-callback",
        "s",
    )
    assert (fields["Timeout"], fields["CallerID"]) == ("25000", '"Telepon balik" <081234567890>')
    assert dict(one.split("=", 1) for one in fields["Variable"]) == {
        "CR_BACK": str(TRY.id),
        "CR_BACK_OF": str(TRY.incident),
        "CR_BACK_NUMBER": "081234567890",
        "CR_BACK_VIA": "telco&second",
        "CR_BACK_OP": "op1",
        "CR_BACK_S": "25",
    }
    for one in fields["Variable"]:
        assert ami_header("Variable", one) == one
    with pytest.raises(UnsafeArgument):
        ami_header("Variable", "CR_BACK_NUMBER=1\r\nAction: Command")


@pytest.mark.parametrize("error", [AmiUnavailable("away"), AmiRefused("no")])
async def test_pbx_that_does_not_take_it_is_told(error: Exception) -> None:
    with pytest.raises(NotRung):
        await CallbackRinger(Hands(error)).ring(TRY, ("telco",), "x")


@pytest.mark.parametrize(("said", "is_one"), [("CRCallback", True), ("CRDuty", False)])
def test_event_of_a_call_back_is_known(said: str, is_one: bool) -> None:
    assert is_callback(event("UserEvent", UserEvent=said, Try="x", What="ended")) is is_one
    assert not is_callback(event("Hangup", UserEvent=said))


class Store:
    """A TryStore that says TRY, and keeps how it ended."""

    def __init__(self, *, away: bool = False) -> None:
        self.away = away
        self.began = 0
        self.ended: list[tuple[UUID, TryOutcome]] = []

    async def begin(self, incident: UUID, operator: str, by: Actor) -> Try:  # noqa: ARG002
        self.began += 1
        return TRY

    async def end(self, id_: UUID, outcome: TryOutcome) -> None:
        if self.away:
            raise StorageUnavailable("away")
        self.ended.append((id_, outcome))

    async def done(self, incident: UUID, reason: str, by: Actor) -> int:  # noqa: ARG002
        return 1

    async def tries(self, incident: UUID) -> list[Try] | None:  # noqa: ARG002
        return [TRY]

    async def recovered(self, begin: int, end: int) -> Recovered:  # noqa: ARG002
        return Recovered(0, 0, 0, 0, {}, 0)


class Bell:
    """A Ringer."""

    def __init__(self, fails: Exception | None = None) -> None:
        self.fails = fails
        self.rung: list[tuple[UUID, tuple[str, ...]]] = []

    async def ring(self, one: Try, ways: Sequence[str], shown: str) -> None:  # noqa: ARG002
        if self.fails is not None:
            raise self.fails
        self.rung.append((one.id, tuple(ways)))


async def test_caller_is_rung_by_the_line_of_the_table() -> None:
    store, bell = Store(), Bell()
    assert await CallingBack(store, bell, small).call(TRY.incident, "op1", Actor("op1 (operator)")) is TRY
    assert bell.rung == [(TRY.id, ("telco",))]
    assert store.ended == []


@pytest.mark.parametrize("away", [False, True])
async def test_try_that_could_not_be_rung_is_over_at_once_where_the_database_is_there(away: bool) -> None:
    store = Store(away=away)
    with pytest.raises(NotRung):
        await CallingBack(store, Bell(NotRung("away")), small).call(TRY.incident, "op1", Actor("op1 (operator)"))
    assert store.ended == ([] if away else [(TRY.id, TryOutcome.NOT_BEGUN)])


async def test_without_a_carriers_line_nobody_is_claimed() -> None:
    def no_carrier(document: Any) -> None:
        for trunk in document["directory"]["trunks"]:
            trunk["enabled"] = trunk["kind"] != "carrier"

    table, store = small(no_carrier), Store()
    with pytest.raises(NoWay):
        await CallingBack(store, Bell(), lambda: table).call(TRY.incident, "op1", Actor("op1 (operator)"))
    assert store.began == 0
