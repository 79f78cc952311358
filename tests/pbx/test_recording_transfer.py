"""A caller who is given to a colleague after a consultation is recorded on, and what the two said before is not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from callrouter.asterisk.ami_protocol import AmiConnection
from demo.softphone import NET_S, PhoneCall
from tests.pbx.hall import Hall, open_hall
from tests.pbx.rig import CALLER, DAMKAR, OP1, OP2, talk, until
from tests.pbx.test_agency import call_of
from tests.pbx.test_attack_transfer import hall, number  # noqa: F401
from tests.pbx.test_recordings import closed, tones
from tests.pbx.wirephone import WirePhone

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def built(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hall]:
    """As for other transfers, in a centre that records."""
    folder = tmp_path_factory.mktemp("recorded-transfer")
    async with open_hall(folder, record=("operator", "agency"), record_except=("fire",)) as opened:
        yield opened


async def with_colleague(hall: Hall, number: str) -> tuple[PhoneCall, PhoneCall]:  # noqa: F811
    """Return a call that op1 took and has given to op2, whom he had asked; and op2's side of it."""
    call, operator = await hall.with_operator(number)
    await hall.op2_logs_in()
    answer, consulted = await hall.op1.call("op2")
    assert answer == 200
    colleague = await hall.op2.until_incoming()
    await colleague.until_hears(OP1)
    assert await operator.refer(hall.instead_of(consulted)) == 200
    await talk(call, colleague, CALLER, OP2)
    return call, colleague


async def recorded(hall: Hall, incident: dict[str, Any]) -> list[Path]:  # noqa: F811
    """Return the recordings of the incident's call, in the order of their talks, once they are whole."""
    folder = hall.centre.settings.recordings_dir
    files = sorted(folder.glob(f"????-??-??/{call_of(incident)['id']}_*.wav"))
    for file in files:
        await until(lambda file=file: closed(file))  # type: ignore[misc]
    return files


async def test_caller_who_is_given_to_a_colleague_is_recorded_on(hall: Hall, number: str) -> None:  # noqa: F811
    call, _ = await with_colleague(hall, number)
    await asyncio.sleep(1.0)  # so long they talk
    await call.hangup()
    incident = await hall.one_incident(number)
    files = await recorded(hall, incident)
    assert [tones(file)[1] for file in files] == [{CALLER, OP1}, {CALLER, OP2}]
    talks = (await hall.lines(incident))[1].split("|talks=")[1].split("|")[0]
    assert [file.stem.split("_", 1)[1] for file in files] == talks.split("+")[1:]


async def test_more_talks_than_a_line_holds_are_told_as_far_as_it_holds_them(
    hall: Hall,  # noqa: F811
    number: str,  # noqa: F811
) -> None:
    call, _ = await hall.with_operator(number)
    shown = (await hall.centre.pbx.rx("core show channels concise")).splitlines()
    (channel,) = [line.split("!")[0] for line in shown if line.startswith("PJSIP/trunk-telco-")]
    stamps = [f"{1_790_000_010 + 60 * n}_30.500000" for n in range(40)]
    settings, hands = hall.centre.settings, hall.centre.keys.hands
    ami = AmiConnection(settings.ami_host, settings.ami_port, lambda _event: None)
    await ami.open(within_s=NET_S)
    await ami.ask("Login", {"Username": "hands", "Secret": hands, "Events": "off"}, within_s=NET_S)
    wanted: dict[str, object] = {"Channel": channel, "Variable": "CR_TALKS", "Value": f"+{'+'.join(stamps)}"}
    await ami.ask("Setvar", wanted, within_s=NET_S)
    ami.close()
    await call.hangup()
    told = (await hall.lines(await hall.one_incident(number)))[1].split("|talks=")[1].split("|")[0]
    assert told == f"+{'+'.join(stamps[:28])}+more"


async def test_what_he_says_after_the_colleague_passed_him_on_is_not_in_the_colleagues_file(
    hall: Hall,  # noqa: F811
    number: str,  # noqa: F811
) -> None:
    """And of a category that is never recorded nothing is: the file is whole while that talk goes on."""
    call, colleague = await with_colleague(hall, number)
    await asyncio.sleep(1.0)  # so long they talk
    await colleague.digits("*2")
    await colleague.until_hears_speech()
    await colleague.digits("1")
    agency = await hall.damkar.until_incoming()
    await talk(call, agency, CALLER, DAMKAR)
    folder = hall.centre.settings.recordings_dir
    live = [one for one in await hall.centre.live() if one["number"] == number]
    names = f"????-??-??/{live[0]['call']}_*.wav"
    await until(lambda: len(list(folder.glob(names))) == 2 and all(map(closed, folder.glob(names))))
    await asyncio.sleep(0.5)  # so long they talk
    await call.hangup()
    files = await recorded(hall, await hall.one_incident(number))
    assert [tones(file)[1] for file in files] == [{CALLER, OP1}, {CALLER, OP2}]


async def test_colleague_who_gives_him_on_after_another_question_is_not_recorded_with_the_next(
    hall: Hall,  # noqa: F811
    number: str,  # noqa: F811
) -> None:
    """The caller's own steps know nothing of it: the service ends the one recording and begins the other."""
    centre = hall.centre
    phone = WirePhone(
        centre.addresses.host(151), centre.settings.sip_host, "op2", secret=centre.accounts["op2"], tone_hz=OP2
    )
    async with phone.plugged() as op2:
        call, operator = await hall.with_operator(number)
        assert await op2.register() == 200
        await centre.until_reachable("op2")
        answer, consulted = await hall.op1.call("op2")
        assert answer == 200
        colleague = await op2.until_incoming()
        assert await operator.refer(hall.instead_of(consulted)) == 200
        await call.until_hears(OP2)
        await asyncio.sleep(1.0)  # so long they talk
        hall.op1.calls.clear()
        answer, again = await op2.call("op1")
        assert answer == 200
        back = f"<sip:op1@{centre.settings.sip_host}?Replaces={quote(again.replaces, safe='')}>"
        assert await colleague.refer(back) == 200
        await call.until_hears(OP1, since=time.monotonic())
        await asyncio.sleep(1.0)  # so long they talk
        await call.hangup()
        files = await recorded(hall, await hall.one_incident(number))
        assert [tones(file)[1] for file in files] == [{CALLER, OP1}, {CALLER, OP2}, {CALLER, OP1}]
