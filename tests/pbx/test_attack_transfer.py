"""REFER and Replaces from every side: an operator transfers his caller where he may; nobody loses a caller by it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from itertools import count

import pytest
import pytest_asyncio

from demo.softphone import NET_S, Answer, PhoneCall, RingOnly
from tests.pbx.hall import AGENCY, NEIGHBOUR, Hall, open_hall
from tests.pbx.rig import CALLER, DAMKAR, OP1, OP2, talk, unexpected, until
from tests.pbx.test_agency import call_of, longest_silence_s, results
from tests.pbx.wirephone import WireCall, WirePhone

__all__ = ["NEIGHBOUR", "Hall", "hall", "number", "open_hall"]
"""What other halls of transfers are made of."""

pytestmark = pytest.mark.asyncio(loop_scope="module")
SAID = (
    "transfer attempt blocked due to configuration",
    "target does not exist",
    "'external_replaces' extension not found",
    "Function CR_TO_",
    "with invalid Replaces header",
    "Refer-To",
)
"""What the PBX says of a transfer that it refuses."""
_numbers = count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def built(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hall]:
    async with open_hall(tmp_path_factory.mktemp("transfer")) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def hall(built: Hall) -> AsyncIterator[Hall]:
    """The centre with op1 on duty; afterwards nothing may be left over, and the PBX has said nothing unforeseen."""
    rx = built.centre.pbx.rx
    for phone in built.phones:
        await phone.behave(Answer(0.1))
        phone.forget()
    for wire in built.wires:
        wire.calls.clear()
        wire.heard.clear()
        wire.redirect, wire.redirected = "", 0
    assert await built.op1.register() == 200
    for queue in ("operators", "operators.last"):
        await rx(f"queue add member PJSIP/op1 to {queue} penalty 0 as op1 state_interface PJSIP/op1")
    await built.centre.until_reachable("op1")
    before = len(built.centre.pbx.complaints())
    yield built
    for phone in built.phones:
        for call in phone.calls:
            if not call.ended:
                await call.hangup()
    for wire in built.wires:
        for one in wire.calls:
            await one.hangup()
    with contextlib.suppress(Exception):
        await built.op2.unregister()
    async with asyncio.timeout(NET_S):
        while "0 active channels" not in await rx("core show channels count"):
            await asyncio.sleep(0.05)
    new = unexpected(built.centre.pbx.complaints()[before:])
    assert [line for line in new if not any(said in line for said in SAID)] == []


@pytest.fixture
def number() -> str:
    return f"0813{next(_numbers):08d}"


# ---------------------------------------------------------------- what an operator may
async def test_operator_transfers_his_caller_to_a_choice_of_the_menu(hall: Hall, number: str) -> None:
    call, operator = await hall.with_operator(number)
    assert await operator.refer(hall.where("1")) == 200
    agency = await hall.damkar.until_incoming()
    await talk(call, agency, CALLER, DAMKAR)
    await call.hangup()
    incident = await hall.one_incident(number)
    assert results(incident) == [("operators", "talked"), ("damkar/piket", "talked")]
    assert (incident["category"], call_of(incident)["choice"]) == ("fire", "1")
    assert "|passed=op1|" in (await hall.lines(incident))[1]


async def test_operator_transfers_his_caller_to_a_colleague(hall: Hall, number: str) -> None:
    call, operator = await hall.with_operator(number)
    await hall.op2_logs_in()
    assert await operator.refer(hall.where("op2")) == 200
    colleague = await hall.op2.until_incoming()
    await talk(call, colleague, CALLER, OP2)
    await call.hangup()
    incident = await hall.one_incident(number)
    assert results(incident) == [("operators", "talked"), ("op2", "talked")]
    assert [attempt["by"] for attempt in call_of(incident)["attempts"]] == ["op1", "op2"]
    assert incident["state"] == "with_operator"


async def test_operator_transfers_his_caller_to_the_neighbouring_centre(hall: Hall, number: str) -> None:
    call, operator = await hall.with_operator(number)
    assert await operator.refer(hall.where("tetangga")) == 200
    there = await hall.neighbour.until_incoming()
    assert there.invite.startswith("INVITE sip:112@")
    assert "X-Callrouter-Hops: 1\r\n" in there.invite
    await call.until_hears(NEIGHBOUR)
    await call.hangup()
    incident = await hall.one_incident(number)
    assert results(incident) == [("operators", "talked"), ("tetangga/112", "talked")]


async def test_colleague_who_does_not_answer_gives_the_caller_back_to_the_operators(hall: Hall, number: str) -> None:
    call, operator = await hall.with_operator(number)
    hall.op1.calls.clear()
    await operator.hand_over(hall.where("op2"))  # who is not registered
    await hall.op1.until_incoming()
    await hall.until_together("op1")
    await call.until_hears(OP1, since=time.monotonic())
    await call.hangup()
    incident = await hall.one_incident(number)
    assert results(incident)[0] == ("operators", "talked")
    assert results(incident)[1][0] == "op2"
    assert results(incident)[-1] == ("operators", "talked")


async def test_operator_asks_a_colleague_first_and_then_gives_him_the_caller(hall: Hall, number: str) -> None:
    call, operator = await hall.with_operator(number)
    await hall.op2_logs_in()
    answer, consulted = await hall.op1.call("op2")
    assert answer == 200
    colleague = await hall.op2.until_incoming()
    await colleague.until_hears(OP1)
    assert await operator.refer(hall.instead_of(consulted)) == 200
    await talk(call, colleague, CALLER, OP2)
    await call.hangup()
    incident = await hall.one_incident(number)
    assert results(incident) == [("operators", "talked"), ("op2", "talked")]
    first, second = call_of(incident)["attempts"]
    assert (first["by"], second["by"]) == ("op1", "op2")
    assert first["human_at"] < first["ended_at"] <= second["human_at"] < second["ended_at"]
    assert call_of(incident)["human_at"] == first["human_at"]
    assert "|passed=op1|" in (await hall.lines(incident))[1]


@pytest.mark.parametrize("wait_s", [0.0, 0.05, 0.1, 0.15, 0.2, 0.3])
@pytest.mark.parametrize("on_hold", [True, False], ids=["on hold", "not on hold"])
async def test_operator_asks_and_gives_the_caller_at_any_moment_of_the_colleagues_answer(
    hall: Hall, number: str, wait_s: float, on_hold: bool
) -> None:
    call, operator = await hall.with_operator(number)
    await hall.op2_logs_in()
    if on_hold:
        await operator.hold()
        await call.until_hears_speech(since=time.monotonic())
    answer, consulted = await hall.op1.call("op2")  # whose telephone answers after 0.1 s
    assert answer == 200
    await asyncio.sleep(wait_s)
    assert await operator.refer(hall.instead_of(consulted)) == 200
    joined = await call.until_hears(OP2)
    await until(lambda: any(CALLER in theirs.hearing for theirs in hall.op2.calls), within=NET_S)
    assert longest_silence_s(call, joined) < 2.5
    await call.hangup()
    incident = await hall.one_incident(number)
    assert results(incident) == [("operators", "talked"), ("op2", "talked")]
    assert [attempt["by"] for attempt in call_of(incident)["attempts"]] == ["op1", "op2"]
    assert all(attempt["human_at"] for attempt in call_of(incident)["attempts"])


async def test_caller_goes_back_to_the_operators_when_he_was_given_to_a_telephone_that_only_rings(
    hall: Hall, number: str
) -> None:
    await hall.op2.behave(RingOnly())
    call, operator = await hall.with_operator(number)
    await hall.op2_logs_in()
    answer, consulted = await hall.op1.call("op2")
    assert answer == 200
    await hall.op2.until_incoming()
    assert await operator.refer(hall.instead_of(consulted)) == 200
    await hall.op1.until(lambda: sum(not one.caller for one in hall.op1.calls) == 2, within=NET_S)
    await hall.until_together("op1")
    back = await call.until_hears(OP1, since=time.monotonic())  # not of the talk before
    assert longest_silence_s(call, back) < 2.5
    await call.hangup()
    incident = await hall.one_incident(number)
    assert results(incident) == [("operators", "talked"), ("op2", "noanswer"), ("operators", "talked")]


async def test_caller_goes_on_when_who_got_him_by_a_consultation_leaves_first(hall: Hall, number: str) -> None:
    call, operator = await hall.with_operator(number)
    await hall.op2_logs_in()
    _, consulted = await hall.op1.call("op2")
    colleague = await hall.op2.until_incoming()
    await colleague.until_hears(OP1)
    await operator.refer(hall.instead_of(consulted))
    await talk(call, colleague, CALLER, OP2)
    await asyncio.sleep(hall.centre.settings.timers.short_talk_s)  # a talk, not a line that fell at once
    await colleague.hangup()
    await call.until_hears_speech(since=time.monotonic())
    await call.hangup()
    assert results(await hall.one_incident(number)) == [("operators", "talked"), ("op2", "talked")]


async def test_operator_asks_the_neighbouring_centre_first_and_then_gives_it_the_caller(
    hall: Hall, number: str
) -> None:
    call, operator = await hall.with_operator(number)
    answer, consulted = await hall.op1.call("tetangga")
    assert answer == 200
    await hall.neighbour.until_incoming()
    assert await operator.refer(hall.instead_of(consulted)) == 200
    await call.until_hears(NEIGHBOUR)
    await call.hangup()
    incident = await hall.one_incident(number)
    assert results(incident) == [("operators", "talked"), ("tetangga/112", "talked")]
    assert call_of(incident)["attempts"][1]["by"] == "trunk-tetangga"


async def test_caller_goes_on_to_an_agency_by_the_colleague_who_was_asked_first(hall: Hall, number: str) -> None:
    call, operator = await hall.with_operator(number)
    await hall.op2_logs_in()
    _, consulted = await hall.op1.call("op2")
    colleague = await hall.op2.until_incoming()
    await colleague.until_hears(OP1)
    await operator.refer(hall.instead_of(consulted))
    await talk(call, colleague, CALLER, OP2)
    await colleague.digits("*2")
    await colleague.until_hears_speech(since=time.monotonic())
    await colleague.digits("1")
    agency = await hall.damkar.until_incoming()
    await talk(call, agency, CALLER, DAMKAR)
    await call.hangup()
    incident = await hall.one_incident(number)
    assert results(incident) == [("operators", "talked"), ("op2", "talked"), ("damkar/piket", "talked")]
    assert "|passed=op2|" in (await hall.lines(incident))[1]


# ---------------------------------------------------------------- more than two talk
async def three(hall: Hall, number: str) -> tuple[PhoneCall, WireCall, PhoneCall]:
    """Return a caller, his operator and an agency that was added, who hear each other."""
    call, operator = await hall.with_operator(number)
    path = f"/api/v1/calls/{(await hall.live(number))['call']}/parties"
    status, _, said = await hall.centre.ask("POST", path, {"agency": "damkar"})
    assert status == 201, said
    agency = await hall.damkar.until_incoming()
    now = time.monotonic() + 0.3
    await asyncio.gather(
        agency.until_hears(CALLER, since=now), agency.until_hears(OP1, since=now), call.until_hears(DAMKAR, since=now)
    )
    await call.until_hears(OP1, since=now)
    await asyncio.sleep(hall.centre.settings.timers.short_talk_s)
    return call, operator, agency


@pytest.mark.parametrize("at_once", [True, False], ids=["hangs up at once", "waits"])
async def test_operator_of_three_transfers_his_caller_to_a_colleague_and_the_agency_goes(
    hall: Hall, number: str, at_once: bool
) -> None:
    call, operator, agency = await three(hall, number)
    await hall.op2_logs_in()
    if at_once:
        await operator.hand_over(hall.where("op2"))
    else:
        assert await operator.refer(hall.where("op2")) == 200
    colleague = await hall.op2.until_incoming()
    joined = await call.until_hears(OP2)
    await agency.until_ended()
    await talk(call, colleague, CALLER, OP2)
    assert longest_silence_s(call, joined) < 2.5
    await call.hangup()
    incident = await hall.one_incident(number)
    assert sorted(results(incident)) == [("damkar/piket", "talked"), ("op2", "talked"), ("operators", "talked")]
    assert [one["agency"] for one in incident["agencies"]] == ["damkar"]


@pytest.mark.parametrize("to", ["8", "tetangga"], ids=["a choice", "a neighbour"])
async def test_operator_of_three_transfers_his_caller_to_where_two_could_and_nowhere_else(
    hall: Hall, number: str, to: str
) -> None:
    there, tone, label = {"8": (hall.agency, AGENCY, "sipp/piket")}.get(to, (hall.neighbour, NEIGHBOUR, f"{to}/112"))
    call, operator, agency = await three(hall, number)
    assert await operator.refer(hall.where("9")) == 404  # no such choice
    operator.notified.clear()
    await agency.until_hears(CALLER, since=time.monotonic() + 0.2)
    assert await operator.refer(hall.where(to)) == 200
    await there.until_incoming()
    joined = await call.until_hears(tone)
    await agency.until_ended()
    assert longest_silence_s(call, joined) < 2.5
    await call.hangup()
    found = results(await hall.one_incident(number))
    assert sorted(found) == [("damkar/piket", "talked"), ("operators", "talked"), (label, "talked")]


async def test_caller_of_three_comes_back_to_the_operators_where_the_colleague_is_not_there(
    hall: Hall, number: str
) -> None:
    call, operator, agency = await three(hall, number)
    hall.op1.calls.clear()
    await operator.hand_over(hall.where("op2"))  # who is not registered
    await hall.op1.until_incoming()
    await hall.until_together("op1")
    back = await call.until_hears(OP1, since=time.monotonic())  # not of the talk before
    await agency.until_ended()
    assert longest_silence_s(call, back) < 2.5
    await call.hangup()
    assert results(await hall.one_incident(number))[-1][1] == "talked"


async def test_agency_of_three_goes_where_the_colleague_who_was_asked_still_rings(hall: Hall, number: str) -> None:
    await hall.op2.behave(RingOnly())
    call, operator, agency = await three(hall, number)
    await hall.op2_logs_in()
    answer, consulted = await hall.op1.call("op2")
    assert answer == 200
    await hall.op2.until_incoming()
    assert await operator.refer(hall.instead_of(consulted)) == 200
    await agency.until_ended()
    await hall.op1.until(lambda: sum(not one.caller for one in hall.op1.calls) == 2, within=NET_S)
    await hall.until_together("op1")
    back = await call.until_hears(OP1, since=time.monotonic())  # not of the talk before
    assert longest_silence_s(call, back) < 2.5
    await call.hangup()
    found = results(await hall.one_incident(number))
    assert found[1] == ("op2", "noanswer")
    assert sorted(set(found)) == [("damkar/piket", "talked"), ("op2", "noanswer"), ("operators", "talked")]


async def test_caller_and_agency_of_three_hear_the_colleague_who_was_asked_first(hall: Hall, number: str) -> None:
    call, operator, agency = await three(hall, number)
    await hall.op2_logs_in()
    answer, consulted = await hall.op1.call("op2")
    assert answer == 200
    colleague = await hall.op2.until_incoming()
    await colleague.until_hears(OP1)
    assert await operator.refer(hall.instead_of(consulted)) == 200
    now = time.monotonic() + 0.3
    await asyncio.gather(
        *(one.until_hears(tone, since=now) for one, tone in ((call, OP2), (call, DAMKAR), (agency, OP2))),
        *(colleague.until_hears(tone, since=now) for tone in (CALLER, DAMKAR)),
    )
    await call.hangup()
    await asyncio.gather(colleague.until_ended(), agency.until_ended())
    incident = await hall.one_incident(number)
    assert sorted(results(incident)) == [("damkar/piket", "talked"), ("op2", "talked"), ("operators", "talked")]
    by = {attempt["label"]: attempt["by"] for attempt in call_of(incident)["attempts"]}
    assert by == {"operators": "op1", "op2": "op2", "damkar/piket": "trunk-damkar"}


# ---------------------------------------------------------------- what nobody may
NOWHERE = (
    "112",
    "s",
    "*21",
    "tail",
    "9",
    "99",
    "op9",
    "damkar",
    "trunk-damkar",
    "OP2",
    "op2%3A0%3A3",
    "x%40callrouter-112",
    "113%40trunk-damkar",
    "$%7BSHELL(touch%20/tmp/x)%7D",
    "%22%5D%7C",
    "external_replaces",
    "",
)


@pytest.mark.parametrize("to", NOWHERE)
async def test_transfer_to_nowhere_is_refused_and_the_two_talk_on(hall: Hall, number: str, to: str) -> None:
    call, operator = await hall.with_operator(number)
    assert await operator.refer(hall.where(to) if to else f"<sip:{hall.centre.settings.sip_host}>") == 404
    await hall.still_hears(call, OP1)
    await call.hangup()
    assert results(await hall.one_incident(number)) == [("operators", "talked")]


@pytest.mark.parametrize(
    "to",
    [
        "<sip:x@127.0.0.1?Replaces=unknown%3Bto-tag%3D1%3Bfrom-tag%3D2>",
        "<sip:x@127.0.0.1?Replaces=>",
        "<tel:112>",
        "<https://127.0.0.1/>",
        "nonsense",
        "",
    ],
)
async def test_transfer_that_is_none_is_refused_and_the_two_talk_on(hall: Hall, number: str, to: str) -> None:
    call, operator = await hall.with_operator(number)
    assert await operator.refer(to) >= 400
    await hall.still_hears(call, OP1)
    await call.hangup()
    assert results(await hall.one_incident(number)) == [("operators", "talked")]


async def test_transfer_by_the_agency_is_refused_and_the_two_talk_on(hall: Hall, number: str) -> None:
    call = await hall.press(number, "8")
    agency = await hall.agency.until_incoming()
    await call.until_hears(AGENCY)
    for to in ("1", "op1", "112", "tetangga"):
        assert await agency.refer(hall.where(to)) == 603
    await hall.still_hears(call, AGENCY)
    await call.hangup()
    assert results(await hall.one_incident(number)) == [("sipp/piket", "talked")]


async def test_transfer_by_the_callers_side_is_refused_and_the_two_talk_on(hall: Hall) -> None:
    answer, call = await hall.carrier.call()
    assert answer == 200
    for to in ("1", "op2", "112", "tetangga", "x"):
        assert await call.refer(hall.where(to)) == 603
    operator = await hall.op1.until_incoming()  # the menu ended without a digit
    await hall.op2_logs_in()
    rung = len(hall.op2.calls)
    assert await call.refer(hall.where("op2")) == 603
    assert not call.ended
    assert not operator.ended
    assert len(hall.op2.calls) == rung
    await call.hangup()
    assert len((await hall.one_incident(hall.carrier.user))["calls"]) == 1


async def test_operator_who_calls_112_himself_transfers_nobody(hall: Hall) -> None:
    await hall.op2_logs_in()
    for queue in ("operators", "operators.last"):
        await hall.centre.pbx.rx(f"queue add member PJSIP/op2 to {queue} penalty 0 as op2 state_interface PJSIP/op2")
    answer, call = await hall.op1.call("112")
    assert answer == 200
    colleague = await hall.op2.until_incoming()
    await colleague.until_hears(OP1)
    for to in ("1", "op2", "112", "tetangga", "*21"):
        assert await call.refer(hall.where(to)) == 404
    await hall.still_hears(colleague, OP1)
    await call.hangup()
    await colleague.until_ended()


async def test_refer_outside_any_call_moves_nobody(hall: Hall, number: str) -> None:
    call, _ = await hall.with_operator(number)
    for phone in hall.wires:
        us = f"<sip:{phone.user}@{phone.host}>"
        uri = f"sip:112@{hall.centre.settings.sip_host}"
        more = f"Refer-To: {hall.where('1')}\r\nContact: {phone.contact}\r\n"
        answer = await phone.tried("REFER", uri, us, f"<{uri}>", more=more)
        assert int(answer.split()[1]) >= 400
    await hall.still_hears(call, OP1)
    await call.hangup()
    assert results(await hall.one_incident(number)) == [("operators", "talked")]


@pytest.mark.parametrize("who", ["a stranger", "the carrier", "the agency", "an operator"])
async def test_call_cannot_be_picked_up_by_a_replaces_that_does_not_know_it_whole(
    hall: Hall, number: str, who: str
) -> None:
    call, operator = await hall.with_operator(number)
    stranger = WirePhone(hall.centre.addresses.host(160), hall.centre.settings.sip_host, "op1")
    async with stranger.plugged():
        thief = {
            "a stranger": stranger, "the carrier": hall.carrier, "the agency": hall.agency, "an operator": hall.op1,
        }[who]  # fmt: skip
        known = operator.replaces
        guesses = [re.sub(r"to-tag=[^;]*", "to-tag=0", known), re.sub(r"from-tag=.*", "from-tag=0", known)]
        for guess in [known, *guesses] if who == "a stranger" else guesses:
            answer, _ = await thief.call(more=f"Replaces: {guess}\r\nRequire: replaces\r\n")
            assert answer in ({401} if who == "a stranger" else {481})
    await hall.still_hears(call, OP1)
    await call.hangup()
    assert results(await hall.one_incident(number)) == [("operators", "talked")]


@pytest.mark.parametrize("digit", ["0", "8"], ids=["operator", "agency"])
@pytest.mark.parametrize("to", ["sip:113@{damkar}", "sip:112@{pbx}", "sip:tetangga@{pbx}", "sip:1@{pbx}", "tel:110"])
async def test_who_is_rung_sends_the_caller_nowhere_else(hall: Hall, number: str, digit: str, to: str) -> None:
    hosts = {"damkar": hall.centre.trunk_hosts["damkar"], "pbx": hall.centre.settings.sip_host}
    rung = hall.op1 if digit == "0" else hall.agency
    rung.redirect = to.format(**hosts)
    reached = len(hall.damkar.calls)
    call = await hall.press(number, digit)
    await rung.until(lambda: rung.redirected)
    if digit == "8":  # the plan goes on to the operators
        await hall.op1.until_incoming()
        await call.until_hears(OP1)
    else:
        await call.until_hears_speech(since=time.monotonic() + 0.5)
    assert not call.ended
    await call.hangup()
    assert len(hall.damkar.calls) == reached
    assert not hall.neighbour.calls
    await hall.one_incident(number)
