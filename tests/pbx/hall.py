"""A hall of telephones for transfers: some decide for themselves, of others the test chooses every message."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.centre import Centre
from demo.softphone import NET_S, PhoneCall, Softphone
from tests.pbx.rig import CALLER, DAMKAR, OP1, OP2, SHORT_TIMERS, short_clips
from tests.pbx.tables import table
from tests.pbx.test_agency import call_of
from tests.pbx.wirephone import WireCall, WirePhone

NEIGHBOUR, AGENCY, COUNTY = 2300, 2050, 2450


def with_neighbour() -> dict[str, Any]:
    """Return a table with two neighbouring centres."""
    given = table()
    for key, host in (("tetangga", "127.0.0.40"), ("kabupaten", "127.0.0.50")):
        given["directory"]["trunks"].append({"key": key, "kind": "neighbour", "host": host})
    return given


@dataclass
class Hall:
    """A centre; telephones; and such whose messages the test chooses."""

    centre: Centre
    caller: Softphone
    damkar: Softphone
    op2: Softphone
    op1: WirePhone
    agency: WirePhone
    carrier: WirePhone
    neighbour: WirePhone
    county: WirePhone

    @property
    def phones(self) -> tuple[Softphone, ...]:
        """Those that decide for themselves."""
        return (self.caller, self.damkar, self.op2)

    @property
    def wires(self) -> tuple[WirePhone, ...]:
        """Those that do not."""
        return (self.op1, self.agency, self.carrier, self.neighbour, self.county)

    def where(self, user: str) -> str:
        """Return an address at the PBX, as Refer-To has it."""
        return f"<sip:{user}@{self.centre.settings.sip_host}>"

    def instead_of(self, consulted: WireCall) -> str:
        """Return where to transfer a caller who is to take the asking operator's place in that call."""
        return f"<sip:op2@{self.centre.settings.sip_host}?Replaces={_escaped(consulted.replaces)}>"

    async def op2_logs_in(self) -> None:
        """Register the colleague's telephone."""
        await self.op2.register()
        await self.centre.until_reachable("op2")

    async def press(self, number: str, digit: str) -> PhoneCall:
        """Ring 112 and press a digit."""
        call = await self.caller.dial(self.centre.number, user=number)
        await call.until_answered()
        await call.until_hears_speech()
        await call.digits(digit)
        return call

    async def with_operator(self, number: str) -> tuple[PhoneCall, WireCall]:
        """Return a call that hears its operator, and the operator's side of it."""
        call = await self.press(number, "0")
        operator = await self.op1.until_incoming()
        await call.until_hears(OP1)
        return call, operator

    async def still_hears(self, call: PhoneCall, tone: int) -> None:
        """Nothing has come between the two."""
        await call.until_hears(tone, since=time.monotonic())
        assert not call.ended

    async def until_together(self, operator: str) -> None:
        """Wait until the PBX has a caller and this operator in one bridge: what is heard may still be of the last."""
        together = False
        async with asyncio.timeout(NET_S):
            while not together:
                shown = (await self.centre.pbx.rx("core show channels concise")).splitlines()
                of = [(line.partition("-0")[0], line.rsplit("!", 2)[1]) for line in shown if line.count("!") > 2]
                theirs = {bridge for endpoint, bridge in of if bridge and endpoint == "PJSIP/trunk-telco"}
                together = any(bridge in theirs for endpoint, bridge in of if endpoint == f"PJSIP/{operator}")
                await asyncio.sleep(0.05)

    async def live(self, number: str) -> dict[str, Any]:
        """Return the call of that number as the board has it, once it shows the two as talking."""
        found: list[dict[str, Any]] = []
        async with asyncio.timeout(NET_S):
            while not found:
                shown = await self.centre.live()
                found = [one for one in shown if one["stage"] == "talking" and one["number"] == number]
                await asyncio.sleep(0.05)
        return found[0]

    async def lines(self, incident: dict[str, Any]) -> list[str]:
        """Return what the journal says of the incident's call."""
        marked = f"|{call_of(incident)['id']}|"
        files = sorted(self.centre.settings.journal_dir.glob("*.log"))
        return [line for file in files for line in file.read_text().splitlines() if marked in line[:60]]

    async def one_incident(self, number: str) -> dict[str, Any]:
        """Return the only incident of a number, whose call has one beginning and one end in the journal."""
        found = await self.centre.incident_of(number)
        assert len(await self.centre.incidents(number)) == 1
        assert [line.split("|")[1] for line in await self.lines(found)] == ["opened", "ended"]
        return found


@contextlib.asynccontextmanager
async def open_hall(folder: Path, **settings: Any) -> AsyncIterator[Hall]:
    """Yield a hall in `folder`. settings: further ones of its centre."""
    given = with_neighbour()
    short_clips(folder / "state" / "recorded", given)
    async with (
        Centre(folder, given, timers=SHORT_TIMERS, extra=settings) as centre,
        contextlib.AsyncExitStack() as stack,
    ):
        caller, damkar = await centre.phone("telco", CALLER), await centre.phone("damkar", DAMKAR)
        op2 = await centre.operator("op2", OP2, register=False)
        pbx, hosts = centre.settings.sip_host, centre.trunk_hosts

        async def wire(host: str, user: str, tone: int, secret: str = "") -> WirePhone:
            return await stack.enter_async_context(WirePhone(host, pbx, user, secret=secret, tone_hz=tone).plugged())

        yield Hall(
            centre,
            caller,
            damkar,
            op2,
            await wire(centre.addresses.host(150), "op1", OP1, centre.accounts["op1"]),
            await wire(hosts["sipp"], "agency", AGENCY),
            await wire(hosts["seluler"], "0811223344", 600),
            await wire(hosts["tetangga"], "112", NEIGHBOUR),
            await wire(hosts["kabupaten"], "112", COUNTY),
        )


def _escaped(replaces: str) -> str:
    return replaces.replace(";", "%3B").replace("=", "%3D").replace("@", "%40")
