"""Who rings: members of the PBX's queues over the manager interface. Implements callrouter.duty.ports.Queues."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from callrouter.asterisk.ami import AmiLink, AmiRefused, AmiUnavailable
from callrouter.asterisk.readback import LAST, group_of
from callrouter.bilingual import Bilingual
from callrouter.duty.ports import PbxAway, WantedElse
from callrouter.publishing.errors import PbxRefused

WITHIN_S: Final = 5.0
STAND_IN_S: Final = 120.0
"""How long somebody rings in the queues of a group that no table has any more: a call that was decided before may
still be in its menu. Longer while callers are in them."""
_TECH: Final = "PJSIP/"
_NO_TELEPHONE: Final = ("0", "4", "5")
"""States of a device (app_queue's QueueMember event): unknown, invalid, unavailable."""

Members = dict[str, bool]
"""By operator's key: whether he is paused."""


@dataclass(slots=True)
class _Shown:
    """A queue as the PBX shows it: our members, which of them can be rung, and, by interface, what is not ours.

    callers: how many are in it
    """

    ours: Members = field(default_factory=dict)
    reachable: set[str] = field(default_factory=set)
    strange: list[str] = field(default_factory=list)
    callers: int = 0


class AmiQueues:
    """The queues of the PBX behind `hands`. Each group has two, which have the same members.

    Members are the PBX's own memory: it keeps them over a restart, and so they ring while the service is away.
    """

    def __init__(self, hands: AmiLink) -> None:
        self._hands = hands
        self._one_at_a_time = asyncio.Lock()
        self._retired_at: dict[str, float] = {}

    async def members(self) -> dict[str, Members]:
        """Return, by ring group, the members of both its queues and whether each is paused. Raises PbxAway."""
        queues = await self._shown()
        found: dict[str, Members] = {}
        for name, queue in queues.items():
            if name.endswith(LAST):
                continue
            last = queues.get(f"{name}{LAST}", _Shown()).ours
            found[name] = {key: paused or last[key] for key, paused in queue.ours.items() if key in last}
        return found

    async def reachable(self) -> set[str]:
        """Return the members of any group whose telephone can be rung. Raises PbxAway."""
        return {key for queue in (await self._shown()).values() for key in queue.reachable}

    async def set_members(
        self,
        wanted: Mapping[str, Mapping[str, bool]],
        stand_in: Mapping[str, bool] | None = None,
        still: Callable[[], bool] = lambda: True,
    ) -> None:
        """Make these the members of each group, paused where True; only differences are sent.

        stand_in: who rings in groups that are not named, for the callers whom a table before sent there: for
                  STAND_IN_S, and for as long as callers are in them. Then, or without it, they are emptied. Their
                  queues stay. Nobody comes for them by itself: call it again.
        still:    whether it is wanted: what the PBX shows may be newer than `wanted`, by who acted by phone
        Raises WantedElse where it is not, PbxAway, or PbxRefused where the PBX shows something else afterwards.
        """
        async with self._one_at_a_time:
            shown = await self._shown()
            every = dict(wanted)
            if stand_in is not None:
                every |= dict.fromkeys(self._in_need(wanted, shown), stand_in)
            refused = []
            for action, fields in self._steps(every, shown):
                if not still():
                    raise WantedElse
                refused.append(await self._refused(action, fields))
            left = [fields for _, fields in self._steps(every, await self._shown())]
        if left and not still():
            raise WantedElse
        if left:
            said = next((why for why in refused if why), "another member")
            queue, who = left[0]["Queue"], left[0]["Interface"]
            raise PbxRefused(
                Bilingual(
                    f"PBX tidak menerima anggota antrean {queue}: {who} ({said})",
                    f"The PBX did not take the members of the queue {queue}: {who} ({said})",
                )
            )

    def _in_need(self, wanted: Container[str], shown: Mapping[str, _Shown]) -> list[str]:
        """Return the groups that are not wanted any more and in which somebody must ring all the same."""
        now = asyncio.get_running_loop().time()
        callers: Counter[str] = Counter()
        for name, queue in shown.items():
            if (group := group_of(name)) is not None and group not in wanted:
                callers[group] += queue.callers
        self._retired_at = {group: self._retired_at.get(group, now) for group in callers}
        return [group for group, waiting in callers.items() if waiting or now - self._retired_at[group] < STAND_IN_S]

    async def _refused(self, action: str, fields: dict[str, str]) -> str:
        """Run an action; return what the PBX said against it. What counts is what it shows afterwards."""
        try:
            await self._hands.action(action, within_s=WITHIN_S, **fields)
        except AmiRefused as error:
            return str(error)
        except AmiUnavailable as error:
            raise PbxAway(str(error)) from error
        return ""

    async def _shown(self) -> dict[str, _Shown]:
        try:
            answer = await self._hands.action("QueueStatus", within_s=WITHIN_S, listing="QueueStatusComplete")
        except (AmiUnavailable, AmiRefused) as error:
            raise PbxAway(str(error)) from error
        queues: dict[str, _Shown] = {}
        for event in answer.events:
            name = event.fields.get("Queue", "")
            if group_of(name) is None:
                continue
            queue = queues.setdefault(name, _Shown())
            if event.name == "QueueMember":
                _take(queue, event.fields)
            elif event.name == "QueueParams":
                queue.callers = int(event.fields["Calls"])
        return queues

    def _steps(
        self, wanted: Mapping[str, Mapping[str, bool]], shown: Mapping[str, _Shown]
    ) -> Iterator[tuple[str, dict[str, str]]]:
        """What is to be done so that `shown` becomes `wanted`: who leaves last, so that no queue is empty between."""
        every = {*shown, *(f"{group}{end}" for group in wanted for end in ("", LAST))}
        for name in sorted(every):
            have = shown.get(name, _Shown())
            want = wanted.get(name.removesuffix(LAST), {})
            for key, paused in want.items():
                if key not in have.ours:
                    yield "QueueAdd", _added(name, key, paused)
                elif have.ours[key] != paused:
                    yield "QueuePause", {"Queue": name, "Interface": f"{_TECH}{key}", "Paused": _flag(paused)}
            gone = [f"{_TECH}{key}" for key in have.ours if key not in want]
            for interface in (*gone, *have.strange):
                yield "QueueRemove", {"Queue": name, "Interface": interface}


def _take(queue: _Shown, fields: Mapping[str, str]) -> None:
    interface = fields.get("Location", "")
    key = interface.removeprefix(_TECH)
    if interface == f"{_TECH}{fields.get('Name')}" and fields.get("StateInterface") == interface and "/" not in key:
        queue.ours[key] = fields.get("Paused") == "1"
        if fields.get("Status") not in _NO_TELEPHONE:
            queue.reachable.add(key)
    else:
        queue.strange.append(interface)


def _added(queue: str, key: str, paused: bool) -> dict[str, str]:
    interface = f"{_TECH}{key}"
    return {
        "Queue": queue,
        "Interface": interface,
        "MemberName": key,
        "StateInterface": interface,
        "Paused": _flag(paused),
    }


def _flag(paused: bool) -> str:
    return "true" if paused else "false"
