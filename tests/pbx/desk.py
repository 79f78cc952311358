"""A centre whose table is changed while it runs: what an admin does to it, and what a call must then meet."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, Final

from bench import stream
from callrouter.asterisk.plan_codec import encode
from callrouter.routing.decide import compile_table, decide
from callrouter.routing.facts import Facts
from callrouter.routing.table import RoutingTable
from demo.addresses import SIP_PORT
from demo.centre import Centre
from demo.clips import quick_clips
from demo.softphone import NET_S, Softphone
from tests.pbx.rig import SHORT_TIMERS

Document = dict[str, Any]
AGENCIES: Final = ("damkar", "bpbd")


def _dial(target: str, ring_s: int) -> Document:
    return {"kind": "dial", "targets": [target], "ring_s": ring_s}


_RING: Final[Document] = {"kind": "ringgroup", "group": "operators", "wait_s": 5}
FIRE_BY_DAMKAR: Final[Document] = {
    "menus/main": {"options": [{"digit": "1", "category": "fire"}, {"digit": "2", "category": "flood"}]},
    "routes/fire": {"steps": [_dial("damkar/piket", 20), _RING]},
    "routes/flood": {"steps": [_dial("damkar/banjir", 20), _RING]},
}
"""What is changed between the two tables that the tests publish in turn. Here 1 is fire, which is for damkar."""
FLOOD_BY_BPBD: Final[Document] = {
    "menus/main": {"options": [{"digit": "1", "category": "flood"}, {"digit": "2", "category": "fire"}]},
    "routes/fire": {"steps": [_dial("bpbd/api", 25), _RING]},
    "routes/flood": {"steps": [_dial("bpbd/piket", 25), _RING]},
}
"""Here 1 is flood, which is for bpbd."""


def table() -> Document:
    """Return the table that the centre begins with: FIRE_BY_DAMKAR. Trunks get their addresses from the centre."""
    routes: list[Document] = [
        {"key": "fire", "priority": 90, "when": {"category": ["fire"]}, **FIRE_BY_DAMKAR["routes/fire"]},
        {"key": "flood", "priority": 80, "when": {"category": ["flood"]}, **FIRE_BY_DAMKAR["routes/flood"]},
        {"key": "rest", "priority": 1, "steps": [_RING]},
    ]
    given = {
        "centre": {"name": "Kota Uji", "timezone": "Asia/Jakarta"},
        "directory": {
            "trunks": [
                {"key": "telco", "kind": "carrier", "host": "127.0.0.2", "channels": 100},
                *(
                    {"key": key, "kind": "agency", "host": f"127.0.1.{n}", "channels": 100}
                    for n, key in enumerate(AGENCIES, 1)
                ),
            ],
            "agencies": [_agency("damkar", "banjir"), _agency("bpbd", "api")],
            "operators": [{"key": f"op{n}", "name": f"Meja {n}"} for n in (1, 2)],
        },
        "routing": {
            "main_menu": "main",
            "menus": [
                {"key": "main", "name": {"id": "menu utama", "en": "main menu"}, **FIRE_BY_DAMKAR["menus/main"]}
            ],
            "categories": [
                {"key": key, "urn": "urn:service:sos", "name": {"id": key, "en": key}, "priority": 5}
                for key in ("fire", "flood")
            ],
            "ring_groups": [{"key": "operators", "members": ["op1", "op2"]}],
            "routes": routes,
            "last_resort": {"group": "operators", "seconds": 3},
        },
    }
    apart: Document = json.loads(json.dumps(given))  # YAML would write what is the same object as an alias
    return apart


def _agency(key: str, other: str) -> Document:
    contacts = [{"key": "piket", "trunk": key, "number": "100"}, {"key": other, "trunk": key, "number": "200"}]
    return {"key": key, "name": {"id": key.title(), "en": key.title()}, "contacts": contacts}


@asynccontextmanager
async def open_desk(folder: Path) -> AsyncIterator[Desk]:
    """Run a centre whose first version is FIRE_BY_DAMKAR."""
    quick_clips(folder / "state" / "recorded", table())
    async with Centre(folder, table(), timers=SHORT_TIMERS) as centre:
        yield Desk(centre)


@dataclass(frozen=True)
class Publication:
    """A publication by REST: when it was asked for and answered (s since 1970 UTC), and the answer."""

    asked: float
    answered: float
    status: int
    answer: Document

    @property
    def number(self) -> int:
        """The new version."""
        assert self.status == 200, self.answer
        return int(self.answer["number"])


class Desk:
    """An admin of a centre."""

    def __init__(self, centre: Centre) -> None:
        self.centre = centre
        self._numbers = count(1)

    # ------------------------------------------------------------------ changes
    async def add(self, kind: str, entry: Document) -> None:
        """Add an entry of a kind (``trunks``)."""
        status, _, said = await self.centre.ask("POST", f"/api/v1/{kind}", entry)
        assert status == 201, said

    async def change(self, name: str, members: Document) -> None:
        """Change members of an entry (``routes/fire``)."""
        status, etag, said = await self.centre.ask("GET", f"/api/v1/{name}")
        assert status == 200, said
        status, _, said = await self.centre.ask("PATCH", f"/api/v1/{name}", members, etag=etag)
        assert status == 200, said

    async def remove(self, name: str) -> None:
        """Remove an entry."""
        _, etag, _ = await self.centre.ask("GET", f"/api/v1/{name}")
        status, _, said = await self.centre.ask("DELETE", f"/api/v1/{name}", etag=etag)
        assert status == 204, said

    async def changes(self, wanted: Mapping[str, Document]) -> None:
        """Change the draft."""
        for name, members in wanted.items():
            await self.change(name, members)

    async def publish(self, **options: Any) -> Publication:
        """Publish the draft."""
        _, etag, _ = await self.centre.ask("GET", "/api/v1/draft")
        return await self.post("/api/v1/draft/publish", etag=etag, **options)

    async def published(self, wanted: Mapping[str, Document]) -> Publication:
        """Change the draft and publish it."""
        await self.changes(wanted)
        return await self.publish()

    async def post(self, path: str, **options: Any) -> Publication:
        """Ask for a publication."""
        asked = time.time()
        status, _, answer = await self.centre.ask("POST", path, {"why": "a test"}, **options)
        return Publication(asked, time.time(), status, answer)

    async def as_at_first(self) -> None:
        """Make the first version's routing the version in force, and the draft."""
        if await self.in_force() > 1:
            assert (await self.post("/api/v1/versions/1/rollback")).status == 200
        if (await self.draft())["changed"]:
            status, etag, _ = await self.centre.ask("GET", "/api/v1/draft")
            status, _, said = await self.centre.ask("POST", "/api/v1/draft/discard", etag=etag)
            assert status == 200, said

    # ------------------------------------------------------------------ what is
    async def draft(self) -> Document:
        """Return the draft's state, without its table."""
        _, _, draft = await self.centre.ask("GET", "/api/v1/draft")
        return {name: value for name, value in draft.items() if name != "table"}

    async def in_force(self) -> int:
        """Return the number of the newest version."""
        _, page = await self.centre.get("/api/v1/versions", limit="1")
        return int(page["items"][0]["number"])

    async def table_of(self, version: int) -> RoutingTable:
        """Return a version."""
        _, _, found = await self.centre.ask("GET", f"/api/v1/versions/{version}")
        return RoutingTable.model_validate(found["table"])

    async def shown(self) -> int:
        """Return the version whose failsafe plan the PBX would run."""
        said = await self.centre.pbx.rx("dialplan show globals")
        found = re.search(r"CR_FAILSAFE_PLAN=plan,(\d+),", said)
        assert found, said
        return int(found[1])

    async def until_shown(self) -> None:
        """Wait until the PBX shows the version in force."""

        async def is_shown() -> bool:
            return await self.shown() == await self.in_force()

        await until(is_shown)

    def files(self) -> dict[str, bytes]:
        """Return what the PBX reads at its start."""
        return {path.name: path.read_bytes() for path in (self.centre.settings.pbx_dir / "etc").glob("*.conf")}

    # ------------------------------------------------------------------ calls
    def calls(self, rate: float, most: int = stream.MOST) -> Any:
        """Return a context in which citizens call and press 1; both agencies ring."""
        centre = self.centre
        return stream.calls(
            stream.sipp_command(centre.settings.pbx_root),
            f"{centre.settings.sip_host}:{centre.settings.sip_port}",
            centre.trunk_hosts["telco"],
            {key: (centre.trunk_hosts[key], SIP_PORT) for key in AGENCIES},
            prefix=self.next_number(),
            digit="1",
            rate=rate,
            most=most,
        )

    @asynccontextmanager
    async def operator(self, key: str, tone_hz: int) -> AsyncIterator[Softphone]:
        """Yield an operator's telephone, registered until the context is left."""
        phone = await self.centre.operator(key, tone_hz)
        try:
            yield phone
            await phone.unregister()
        finally:
            await phone.close()

    def next_number(self) -> str:
        """Return a caller's number that nobody had, and that no other one begins with."""
        return f"0812{next(self._numbers):04d}"

    async def one_call(self) -> tuple[int, str, str]:
        """Call once; return the version, the category and the agency that it met."""
        async with self.calls(10, most=1) as calls:
            await calls.until_done(NET_S)
        (number,) = calls.invited
        incident = (await self.incidents([number]))[number]
        (call,) = incident["calls"]
        (agency,) = [key for key in AGENCIES if number in calls.reached[key]]
        return call["version"], incident["category"], agency

    async def incidents(self, numbers: list[str], within: float = NET_S) -> dict[str, Document]:
        """Return the incident of each caller, once their calls have ended; each has exactly one, with one call."""
        wanted = set(numbers)
        rows: list[Document] = []

        async def all_ended() -> bool:
            rows[:] = [row for row in await self._rows() if row["caller_number"] in wanted]
            return len(rows) >= len(wanted) and all(row["outcome"] is not None for row in rows)

        await until(all_ended, within=within)
        assert sorted(row["caller_number"] for row in rows) == sorted(wanted)
        whole = [(await self.centre.get(f"/api/v1/incidents/{row['id']}"))[1] for row in rows]
        assert [len(incident["calls"]) for incident in whole] == [1] * len(wanted)
        return {incident["caller_number"]: incident for incident in whole}

    async def _rows(self) -> list[Document]:
        """Return all incidents, as the list has them: there may be more than a page of them."""
        rows: list[Document] = []
        more: dict[str, str] | None = {}
        while more is not None:
            _, page = await self.centre.get("/api/v1/incidents", limit="200", **more)
            rows += page["items"]
            more = {"after": page["next"]} if page["next"] else None
        return rows


def met(table_: RoutingTable, call: Document) -> tuple[str, str, str]:
    """Return category, route and plan that a call which pressed 1 must have met by that version."""
    (main,) = table_.routing.menus
    category = next(option.category for option in main.options if option.digit == "1")
    facts = Facts.model_validate(call["facts"]).model_copy(update={"category": category})
    plan = decide(compile_table(table_, call["version"]), facts, datetime.fromisoformat(call["opened_at"]))
    return category or "", plan.route or "", encode(plan)


async def until(test: Callable[[], Awaitable[bool]], *, within: float = NET_S) -> None:
    """Wait until `test` holds. Raises TimeoutError."""
    async with asyncio.timeout(within):
        while not await test():
            await asyncio.sleep(0.05)
