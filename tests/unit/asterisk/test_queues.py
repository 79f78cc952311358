"""Members of the PBX's queues: what is sent, and what is made of what the PBX shows."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.asterisk import queues as module
from callrouter.asterisk.ami import AmiAnswer, AmiEvent, AmiRefused, AmiUnavailable
from callrouter.asterisk.queues import AmiQueues
from callrouter.duty.ports import PbxAway, WantedElse
from callrouter.publishing.errors import PbxRefused
from tests.unit.asterisk.given import answer, event


class Pbx:
    """Queues as Asterisk keeps them, over the actions that change them."""

    def __init__(self, *groups: str) -> None:
        names = [f"{group}{end}" for group in groups for end in ("", ".last")]
        self.queues: dict[str, dict[str, dict[str, str]]] = {name: {} for name in [*names, "callrouter-0123"]}
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.away = False
        self.status: dict[str, str] = {}
        self.callers: dict[str, int] = {}
        self.deaf: set[str] = set()
        """Actions that it answers and does not carry out."""

    async def action(self, name: str, *, within_s: float, listing: str | None = None, **fields: Any) -> AmiAnswer:
        """Carry out one action."""
        assert within_s > 0
        if self.away:
            raise AmiUnavailable("away")
        if name == "QueueStatus":
            assert listing == "QueueStatusComplete"
            return answer(*self._status())
        self.sent.append((name, fields))
        if name in self.deaf:
            raise AmiRefused("no such queue")
        if fields["Queue"] not in self.queues:
            raise AmiRefused("no such queue")
        members = self.queues[fields["Queue"]]
        if name == "QueueRemove":
            del members[fields["Interface"]]
        elif name == "QueueAdd":
            members[fields["Interface"]] = {
                "Name": fields.get("MemberName", fields["Interface"]),
                "StateInterface": fields.get("StateInterface", fields["Interface"]),
                "Paused": str(int(fields.get("Paused") == "true")),
            }
        else:
            assert name == "QueuePause"
            members[fields["Interface"]]["Paused"] = str(int(fields["Paused"] == "true"))
        return answer()

    def _status(self) -> list[AmiEvent]:
        found = []
        for queue, members in self.queues.items():
            found.append(event("QueueParams", Queue=queue, Calls=str(self.callers.get(queue, 0))))
            found += [
                event("QueueMember", Queue=queue, Location=i, Status=self.status.get(i, "1"), **m)
                for i, m in members.items()
            ]
        return found

    def members(self, queue: str) -> dict[str, bool]:
        """Return who is in a queue."""
        return {interface: member["Paused"] == "1" for interface, member in self.queues[queue].items()}


def queues_of(pbx: Pbx) -> AmiQueues:
    return AmiQueues(pbx)  # type: ignore[arg-type]


WANTED = st.dictionaries(
    st.sampled_from(["day", "night", "north"]),
    st.dictionaries(st.sampled_from(["op1", "op2", "op3", "op4"]), st.booleans()),
)


@given(st.lists(WANTED, min_size=1, max_size=4))
async def test_whatever_was_there_both_queues_of_each_group_become_what_is_wanted(
    steps: list[dict[str, dict[str, bool]]],
) -> None:
    pbx = Pbx("day", "night", "north")
    queues = queues_of(pbx)
    for wanted in steps:
        await queues.set_members(wanted)
        for group in ("day", "night", "north"):
            expected = {f"PJSIP/{key}": paused for key, paused in wanted.get(group, {}).items()}
            assert pbx.members(group) == pbx.members(f"{group}.last") == expected
        assert await queues.members() == {group: wanted.get(group, {}) for group in ("day", "night", "north")}
        pbx.sent.clear()
        await queues.set_members(wanted)
        assert pbx.sent == []


async def test_who_comes_is_there_before_who_leaves_is_gone() -> None:
    pbx = Pbx("day")
    queues = queues_of(pbx)
    await queues.set_members({"day": {"op1": False}})
    pbx.sent.clear()
    await queues.set_members({"day": {"op2": False}})
    by_queue = defaultdict(list)
    for name, fields in pbx.sent:
        by_queue[fields["Queue"]].append(name)
    assert by_queue == {"day": ["QueueAdd", "QueueRemove"], "day.last": ["QueueAdd", "QueueRemove"]}


async def test_what_is_not_wanted_any_more_is_not_brought() -> None:
    """An operator left by phone, which is done in the PBX, between our reckoning and our reading of the queues."""
    pbx = Pbx("day")
    queues = queues_of(pbx)
    await queues.set_members({"day": {"op1": False, "op2": False}})
    for queue in ("day", "day.last"):
        del pbx.queues[queue]["PJSIP/op1"]
    pbx.sent.clear()
    with pytest.raises(WantedElse):
        await queues.set_members({"day": {"op1": False, "op2": False}}, still=lambda: False)
    assert pbx.sent == []
    await queues.set_members({"day": {"op2": False}}, still=lambda: False)  # nothing is to be done for it


async def test_change_in_the_middle_ends_the_rest_of_it() -> None:
    pbx = Pbx("day")
    with pytest.raises(WantedElse):
        await queues_of(pbx).set_members({"day": {"op1": False, "op2": False}}, still=lambda: len(pbx.sent) < 1)
    assert len(pbx.sent) == 1


DUTY = {"op2": False, "op3": True}


@pytest.mark.parametrize("queue", ["day", "day.last"])
async def test_group_that_no_table_has_rings_the_last_resort_for_a_time_and_while_callers_are_in_it(
    monkeypatch: pytest.MonkeyPatch, queue: str
) -> None:
    pbx = Pbx("day", "night")
    queues = queues_of(pbx)
    await queues.set_members({"day": {"op1": False}, "night": DUTY}, DUTY)
    pbx.sent.clear()
    for _ in range(2):
        await queues.set_members({"night": DUTY}, DUTY)
        assert await queues.members() == {"day": DUTY, "night": DUTY}
    assert [name for name, fields in pbx.sent if fields["Queue"] == "day"] == ["QueueAdd", "QueueAdd", "QueueRemove"]
    pbx.callers[queue] = 1
    monkeypatch.setattr(module, "STAND_IN_S", 0.0)
    await queues.set_members({"night": DUTY}, {"op4": False})
    assert await queues.members() == {"day": {"op4": False}, "night": DUTY}
    pbx.callers[queue] = 0
    await queues.set_members({"night": DUTY}, DUTY)
    assert await queues.members() == {"day": {}, "night": DUTY}


async def test_group_that_comes_back_and_goes_again_has_its_whole_time_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pbx = Pbx("day")
    queues = queues_of(pbx)
    now = 100.0
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
    await queues.set_members({}, DUTY)
    now += module.STAND_IN_S
    await queues.set_members({}, DUTY)
    assert await queues.members() == {"day": {}}
    await queues.set_members({"day": {"op1": False}}, DUTY)
    await queues.set_members({}, DUTY)
    assert await queues.members() == {"day": DUTY}


async def test_queue_that_is_gone_between_asking_and_setting_is_told_and_the_next_time_left_out() -> None:
    pbx = Pbx("day", "night")
    queues = queues_of(pbx)
    shown = pbx._status()
    pbx.queues = {name: members for name, members in pbx.queues.items() if not name.startswith("day")}
    real, stale = pbx._status, [shown]
    pbx._status = lambda: stale.pop() if stale else real()  # type: ignore[method-assign]
    with pytest.raises(PbxRefused):
        await queues.set_members({"night": DUTY}, DUTY)
    await queues.set_members({"night": DUTY}, DUTY)
    assert await queues.members() == {"night": DUTY}


async def test_member_of_one_queue_alone_is_no_member_and_is_mended() -> None:
    pbx = Pbx("day")
    queues = queues_of(pbx)
    await queues.set_members({"day": {"op1": False}})
    del pbx.queues["day.last"]["PJSIP/op1"]
    assert await queues.members() == {"day": {}}
    await queues.set_members({"day": {"op1": False}})
    assert await queues.members() == {"day": {"op1": False}}


async def test_member_of_another_shape_is_put_out() -> None:
    pbx = Pbx("day")
    pbx.queues["day"]["Local/9@somewhere"] = {"Name": "x", "StateInterface": "PJSIP/op1", "Paused": "0"}
    pbx.queues["day"]["PJSIP/op1"] = {"Name": "op1", "StateInterface": "PJSIP/op2", "Paused": "0"}
    await queues_of(pbx).set_members({"day": {}})
    assert pbx.members("day") == {}


async def test_member_that_the_pbx_does_not_take_is_named_with_what_it_said() -> None:
    pbx = Pbx("day")
    pbx.deaf = {"QueueAdd"}
    with pytest.raises(PbxRefused) as refused:
        await queues_of(pbx).set_members({"day": {"op1": False}})
    assert "PJSIP/op1" in refused.value.why.en
    assert "no such queue" in refused.value.why.id


async def test_group_that_the_pbx_has_no_queue_of_is_told() -> None:
    pbx = Pbx("day")
    pbx.deaf = {"QueueAdd"}
    with pytest.raises(PbxRefused, match="nowhere"):
        await queues_of(pbx).set_members({"nowhere": {"op1": False}})


async def test_pbx_that_is_away_is_told_apart() -> None:
    pbx = Pbx("day")
    pbx.away = True
    with pytest.raises(PbxAway):
        await queues_of(pbx).members()
    with pytest.raises(PbxAway):
        await queues_of(pbx).set_members({"day": {}})


async def test_who_can_be_rung_is_who_has_a_telephone_there_whatever_it_does() -> None:
    pbx = Pbx("day", "night")
    queues = queues_of(pbx)
    await queues.set_members({"day": {f"op{n}": False for n in range(9)}, "night": {"op9": True}})
    pbx.status = {f"PJSIP/op{n}": str(n) for n in range(9)}  # 0 unknown, 4 invalid, 5 unavailable
    assert await queues.reachable() == {"op1", "op2", "op3", "op6", "op7", "op8", "op9"}
    pbx.away = True
    with pytest.raises(PbxAway):
        await queues.reachable()
