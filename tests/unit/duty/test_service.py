"""Duty is remembered, and brought to the PBX whenever both can be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest

from callrouter.access.model import Principal, Role
from callrouter.duty import service
from callrouter.duty.model import Act, PauseReason, Presence
from callrouter.duty.service import Duty, InNoGroup, NoSuchOperator
from callrouter.incidents.views import StorageUnavailable
from tests.unit.duty.given import SUPERVISOR, KeptDuty, SeenQueues, at, roster, without


@dataclass
class Given:
    """The service, its parts, and a clock that can be set (s)."""

    duty: Duty
    store: KeptDuty
    queues: SeenQueues
    now: list[float]


@pytest.fixture
async def given(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Given]:
    monkeypatch.setattr(service, "RETRY_S", 0.01)
    store, queues, now = KeptDuty(), SeenQueues(), [at("2026-11-23T12:00")]
    duty = Duty(store, queues, roster, lambda: int(now[0] * 1e6))
    await duty.start()
    running = asyncio.create_task(duty.run())
    await until(lambda: duty.in_step)
    yield Given(duty, store, queues, now)
    running.cancel()


async def until(test: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not test():
            await asyncio.sleep(0.005)


async def test_roster_is_brought_to_the_queues_at_the_start(given: Given) -> None:
    assert given.queues.there["operators"] == {"op1": False, "op2": False}
    assert given.duty.staffed("operators")


async def test_leaving_is_saved_with_who_did_it_and_reaches_the_queue(given: Given) -> None:
    view = await given.duty.act("op1", Act.LEAVE, SUPERVISOR)
    assert (view.on_duty, view.rung, view.state.presence) == (False, False, Presence.LEFT)
    assert given.queues.there["operators"] == {"op2": False}
    assert given.store.states["op1"].presence is Presence.LEFT
    (note,) = given.store.notes
    assert (note.actor, note.action, note.subject) == ("pengawas (supervisor)", "duty", "operators/op1")


async def test_next_shift_is_brought_to_the_queues_when_its_time_comes(given: Given) -> None:
    given.now[0] = at("2026-11-23T19:00")
    given.duty.table_changed()
    await until(lambda: given.queues.there["operators"] == {"op3": False})


async def test_pbx_that_was_away_gets_what_is_wanted_when_it_is_back(given: Given) -> None:
    given.queues.away = True
    await given.duty.act("op1", Act.PAUSE, Principal("meja-1", Role.OPERATOR, subject="op1"))
    assert not given.duty.in_step
    given.queues.away = False
    await until(lambda: given.queues.there["operators"] == {"op1": True, "op2": False})
    await until(lambda: given.duty.in_step)


async def test_nothing_changes_where_it_cannot_be_saved(given: Given) -> None:
    given.store.away = True
    with pytest.raises(StorageUnavailable):
        await given.duty.act("op1", Act.LEAVE, SUPERVISOR)
    assert given.queues.there["operators"] == {"op1": False, "op2": False}
    assert all(view.on_duty for view in given.duty.overview() if view.operator == "op1")


async def test_two_missed_rings_pause_him_and_an_answer_forgives_one(given: Given) -> None:
    given.duty.missed("op1")
    given.duty.answered("op1")
    given.duty.missed("op1")
    assert next(v for v in given.duty.overview() if v.operator == "op1").rung
    given.duty.missed("op1")
    await until(lambda: given.queues.there["operators"] == {"op1": True, "op2": False})
    await until(lambda: "op1" in given.store.states and given.store.states["op1"].paused is not None)
    assert given.store.states["op1"].paused is PauseReason.MISSED_RINGS


async def test_pause_that_could_not_be_saved_is_saved_when_the_database_is_back(given: Given) -> None:
    given.store.away = True
    given.duty.missed("op1")
    given.duty.missed("op1")
    await until(lambda: given.queues.there["operators"] == {"op1": True, "op2": False})
    given.store.away = False
    await until(lambda: given.store.states.get("op1") is not None)


async def test_both_letting_it_ring_leaves_one_of_them(given: Given) -> None:
    for operator in ("op1", "op2", "op1", "op2", "op1", "op2"):
        given.duty.missed(operator)
    await until(lambda: given.queues.there["operators"] == {"op1": True, "op2": False})
    assert [v.operator for v in given.duty.overview() if v.rung and "operators" in v.groups] == ["op2"]
    given.duty.missed("op2")
    await until(lambda: given.store.states["op2"].missed == 4)
    assert given.queues.there["operators"] == {"op1": True, "op2": False}


async def test_colleague_whose_telephone_is_gone_leaves_him_the_last_one(given: Given) -> None:
    given.queues.gone = {"op2"}
    for _ in range(3):
        given.duty.missed("op1")
    await until(lambda: given.store.states.get("op1") is not None and given.store.states["op1"].missed == 3)
    assert given.queues.there["operators"] == {"op1": False, "op2": False}
    given.queues.gone = set()
    given.duty.missed("op1")
    await until(lambda: given.queues.there["operators"] == {"op1": True, "op2": False})


async def test_nobody_is_paused_while_it_is_not_known_who_else_can_be_rung(given: Given) -> None:
    given.queues.away = True
    given.duty.missed("op1")
    given.duty.missed("op1")
    await until(lambda: given.store.states.get("op1") is not None and given.store.states["op1"].missed == 2)
    assert given.store.states["op1"].paused is None


async def test_feature_code_counts_once_and_not_after_a_later_change(given: Given) -> None:
    then = int(given.now[0] * 1e6) + 1_000_000
    await given.duty.by_phone("op1", Act.LEAVE, then)
    await given.duty.by_phone("op1", Act.JOIN, then - 500_000)
    assert given.store.states["op1"].presence is Presence.LEFT
    assert len(given.store.notes) == 1
    await until(lambda: given.queues.there["operators"] == {"op2": False})


async def test_who_leaves_by_phone_while_the_queues_are_read_is_not_brought_back(given: Given) -> None:
    """The PBX did it already: what was reckoned before would put him in again, for callers who come just then."""
    brought: list[dict[str, bool]] = []

    def leaves() -> None:
        given.queues.meanwhile = lambda: brought.append(dict(given.duty.members()["operators"]))
        given.duty.seen_by_phone("op1", Act.LEAVE, int(given.now[0] * 1e6) + 1)

    given.queues.meanwhile = leaves
    await given.duty.act("op2", Act.PAUSE, SUPERVISOR)
    assert given.queues.there["operators"] == {"op2": True}
    assert brought[0] == {"op2": True}


async def test_duty_that_never_rests_is_brought_later(given: Given) -> None:
    then = [int(given.now[0] * 1e6)]

    def changes() -> None:
        then[0] += 1
        given.duty.seen_by_phone("op1", Act.LEAVE if then[0] % 2 else Act.JOIN, then[0])

    given.queues.meanwhile = changes
    asked = given.queues.asked
    await given.duty.act("op2", Act.PAUSE, SUPERVISOR)
    assert not given.duty.in_step
    assert given.queues.asked >= asked + service.CHANGES
    given.queues.meanwhile = lambda: None
    await until(lambda: given.duty.in_step)


async def test_duty_is_as_it_was_after_a_restart(given: Given) -> None:
    await given.duty.act("op1", Act.LEAVE, SUPERVISOR)
    again = Duty(given.store, SeenQueues(), roster, lambda: int(given.now[0] * 1e6))
    await again.start()
    assert again.members() == given.duty.members()


async def test_unknown_operator_and_one_in_no_group_are_refused(given: Given) -> None:
    with pytest.raises(NoSuchOperator):
        await given.duty.act("op9", Act.JOIN, SUPERVISOR)
    with pytest.raises(InNoGroup):
        await given.duty.act("op5", Act.JOIN, SUPERVISOR)
    assert given.store.notes == []


async def test_group_with_everyone_paused_is_not_staffed(given: Given) -> None:
    for operator in ("op1", "op2"):
        await given.duty.act(operator, Act.PAUSE, SUPERVISOR)
    assert not given.duty.staffed("operators")
    assert given.duty.staffed("always")


async def test_feature_code_holds_while_the_database_is_away_and_is_saved_when_it_is_back(given: Given) -> None:
    then = int(given.now[0] * 1e6) + 1
    given.store.away = True
    given.duty.seen_by_phone("op1", Act.LEAVE, then)
    with pytest.raises(StorageUnavailable):
        await given.duty.by_phone("op1", Act.LEAVE, then)
    await until(lambda: given.queues.there["operators"] == {"op2": False})
    given.store.away = False
    await given.duty.by_phone("op1", Act.LEAVE, then)
    await given.duty.by_phone("op1", Act.LEAVE, then)
    assert given.store.states["op1"].presence is Presence.LEFT
    assert len(given.store.notes) == 1


async def test_namesake_of_one_who_has_gone_starts_anew(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    await given.duty.act("op1", Act.LEAVE, SUPERVISOR)
    monkeypatch.setattr(given.duty, "_roster", lambda: without("op1"))
    given.duty.table_changed()
    monkeypatch.setattr(given.duty, "_roster", roster)
    given.duty.table_changed()
    assert given.duty.members()["operators"] == {"op1": False, "op2": False}
