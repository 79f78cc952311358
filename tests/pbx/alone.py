"""A PBX without any service, and callers without telephones: what it does with whom, told by its own events."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from callrouter.asterisk import failsafe_files
from callrouter.asterisk.failsafe import FailsafeData, failsafe_data
from callrouter.calls.lines import decoded
from callrouter.prompts import build as prompts
from callrouter.routing.table import RoutingTable
from tests.pbx.ground import Ground, quiet_clip
from tests.unit.asterisk.lookup import said
from tests.unit.asterisk.test_failsafe import away, choices
from tests.unit.routing.oracle import decision

Document = dict[str, Any]
DIGIT_S: Final = 0.1
CALL_S: Final = 20.0
SENT: Final = ("PJSIP/trunk-", "Local/c")
_FIRST_TRUNK: Final = 20


@dataclass(frozen=True)
class Asked:
    """A call to be made: who calls, by which trunk, and the keys that he presses (none: the menu is not answered)."""

    origin: str
    trunk: str
    keys: str = ""


@dataclass
class Met:
    """What became of a call: members of the event of its choice, and the endpoints and queues that it was sent to."""

    choice: Mapping[str, str] = field(default_factory=dict)
    sent_to: list[str] = field(default_factory=list)

    @property
    def plan(self) -> str:
        """The plan that was taken."""
        return decoded(self.choice["Plan"])


class Alone:
    """Calls on a ground whose service is away."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.folder = ground.settings.failsafe_dir
        self._number = 0

    async def load(self, document: Document, *, now: datetime | None = None) -> Document:
        """Bring a table to the PBX, with its clips and the failsafe's data; return it as it is there."""
        document = self.at_home(document)
        table = RoutingTable.model_validate(document)
        for missing in prompts.check(table, self.ground.settings.prompts_dir):
            quiet_clip(self.ground.settings.prompts_dir / f"{missing}.wav")
        await self.ground.load(document)
        self.write(table, now)
        return table.model_dump(mode="json")

    def write(self, table: RoutingTable, now: datetime | None = None) -> FailsafeData:
        """Write the failsafe's data as they would be made at `now`."""
        data = failsafe_data(table, self.ground.version, now or datetime.now(UTC))
        failsafe_files.write(self.folder, data)
        failsafe_files.switch(self.folder, data.name)
        return data

    def at_home(self, document: Document) -> Document:
        """Return the document with addresses of this ground."""
        trunks = [
            {**trunk, "host": self.ground.host(_FIRST_TRUNK + n), "login": None, "transport": "udp"}
            for n, trunk in enumerate(document["directory"]["trunks"])
        ]
        return {**document, "directory": {**document["directory"], "trunks": trunks}}

    async def calls(self, asked: Iterable[Asked]) -> dict[Asked, Met]:
        """Make these calls side by side, and return what became of each; none is left afterwards."""
        wanted = list(asked)
        return dict(zip(wanted, await asyncio.gather(*(self._call(one) for one in wanted)), strict=True))

    async def call(self, asked: Asked) -> Met:
        """Make one."""
        return (await self.calls([asked]))[asked]

    async def _call(self, asked: Asked) -> Met:
        self._number += 1
        number = f"08120000{self._number:04d}"
        hands, begin = self.ground.hands, len(self.ground.events)
        await hands.action(
            "Originate",
            Channel="Local/s@callrouter-112/n",
            Application="Wait",
            Data=str(int(CALL_S)),
            CallerID=number,
            Variable=f"__CR_ORIGIN={asked.origin},__CR_TRUNK={asked.trunk}",
            Async="true",
        )
        met = Met()
        async with asyncio.timeout(CALL_S):
            opened = await self._event(begin, "CRStage", Number=base64.b64encode(f".{number}".encode()).decode())
            ours = opened["Channel"].removesuffix(";2") + ";1"
            if asked.keys:
                await self._event(begin, "CRStage", Call=opened["Call"], Stage="menu")
            for key in asked.keys:
                await hands.action("PlayDTMF", Channel=ours, Digit=key)
                await asyncio.sleep(2 * DIGIT_S)  # as long as a person's finger
            met.choice = await self._event(begin, "CRChoice", Call=opened["Call"])
            while not (sent := self._sent(begin, opened["Linkedid"])):
                await asyncio.sleep(0.02)
        met.sent_to = sent
        await hands.action("Hangup", Channel=ours, Cause="16")
        return met

    def _sent(self, begin: int, linkedid: str) -> list[str]:
        found = []
        for event in self.ground.events[begin:]:
            fields = event.fields
            if event.name == "DialBegin" and fields.get("DestLinkedid") == linkedid:
                found.append(fields["DestChannel"].rpartition("-")[0])
            elif fields.get("UserEvent") == "CRStage" and fields.get("Linkedid") == linkedid:
                found.append(fields["Stage"])
        return [name for name in found if name in {"operator", "message"} or name.startswith(SENT)]

    async def _event(self, begin: int, name: str, **wanted: str) -> Mapping[str, str]:
        while True:
            for event in self.ground.events[begin:]:
                fields = event.fields
                if fields.get("UserEvent") == name and all(fields.get(k) == v for k, v in wanted.items()):
                    return fields
            await asyncio.sleep(0.02)


def disagreement(document: Document, asked: Asked, met: Met, at: datetime) -> str:
    """Return where what a call met is not what the rules say for it; empty where it is."""
    choice = met.choice
    trunk = next((t for t in document["directory"]["trunks"] if t["key"] == asked.trunk), None)
    main = next((m for m in document["routing"]["menus"] if m["key"] == document["routing"]["main_menu"]), None)
    is_asked = main is not None and main["mode"] == "menu" and asked.origin in {"citizen", "operator"}
    language, digits = _pressed(document, asked.keys if is_asked else "")
    category, area = choices(document).get(digits, (None, None))
    facts = {
        "category": category,
        "area": (trunk or {}).get("area") or area,
        "trunk": trunk["key"] if trunk else None,
        "trunk_kind": trunk["kind"] if trunk else None,
        "language": language,
        "posture": "green",
        "suspicion": 0,
        "unavailable": away(document),
    }
    told = decision(document, facts, at)
    steps = [("last", s[1], s[2]) if s[0] == "ring" and s[4] else s for s in told.steps]
    wanted = (told.route, told.category, told.urgency, steps)
    heard = digits if category else "operator" if "0" in digits else "silent" if is_asked else "none"
    found = (said(met.plan), choice["Path"], choice["Choice"], choice["Lang"], choice.get("Area", ""))
    source = f"{'trunk' if (trunk or {}).get('area') else 'menu'}/{facts['area']}" if facts["area"] else ""
    expected = (wanted, "failsafe", heard, language, source)
    if found != expected:
        return f"{asked}: {found} is not {expected}"
    first = next((s for s in steps if s[0] in {"dial", "ring", "last", "record"}), None)
    return _not_sent(asked, met, first)


def _pressed(document: Document, keys: str) -> tuple[str, str]:
    """The language at the end, and the digits without the switches."""
    languages = [*document["routing"]["menus"][0]["languages"]] if document["routing"]["menus"] else ["id"]
    main = next((m for m in document["routing"]["menus"] if m["key"] == document["routing"]["main_menu"]), None)
    languages = [*main["languages"]] if main else ["id"]
    switch = main["switch_digit"] if main and len(languages) > 1 else None
    switched = keys.count(switch) if switch else 0
    return languages[switched % len(languages)], keys.replace(switch, "") if switch else keys


def _not_sent(asked: Asked, met: Met, first: tuple[Any, ...] | None) -> str:
    match first:
        case ("dial", targets, *_):
            trunks = {f"PJSIP/trunk-{t[2]}" for t in targets if not t[4]}
            if not trunks or trunks & set(met.sent_to):
                return ""
        case ("record", _):
            if "message" in met.sent_to:
                return ""
        case _:
            if "operator" in met.sent_to:
                return ""
    return f"{asked}: sent to {met.sent_to}, not by {first}"
