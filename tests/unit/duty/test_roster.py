"""Who is on duty, by the roster and by hand."""

from __future__ import annotations

from callrouter.duty.model import Act, DutyState, PauseReason, Presence
from callrouter.duty.roster import MISSED_RINGS, acted, expired, last_of, missed, paused_for_missed, wanted
from tests.unit.duty.given import at, roster

NOON, NIGHT = at("2026-11-23T12:00"), at("2026-11-23T23:00")


def did(operator: str, act: Act, *, until: float | None = None) -> dict[str, DutyState]:
    end = None if until is None else int(until * 1e6)
    return {operator: acted(DutyState(operator), act, at=1, by="test", until=end, own=True)}


def test_those_on_shift_ring_together() -> None:
    assert wanted(roster(), {}, NOON) == {"operators": {"op1": False, "op2": False}, "always": {"op4": False}}
    assert wanted(roster(), {}, NIGHT) == {"operators": {"op3": False}, "always": {"op4": False}}


def test_shift_changes_at_its_minute() -> None:
    end = at("2026-11-23T19:00")
    assert "op1" in wanted(roster(), {}, end - 0.001)["operators"]
    assert wanted(roster(), {}, end)["operators"] == {"op3": False}
    assert roster().next_change(NOON) == end
    assert roster().next_edge("op1", NOON) == end
    assert roster().next_edge("op4", NOON) is None


def test_operator_who_left_is_not_rung_until_his_next_shift() -> None:
    end = roster().next_edge("op1", NOON)
    left = did("op1", Act.LEAVE, until=end)
    assert wanted(roster(), left, NOON)["operators"] == {"op2": False}
    (back,) = expired(left, int(at("2026-11-23T19:00") * 1e6))
    assert back.presence is Presence.ROSTER
    assert "op1" in wanted(roster(), {"op1": back}, at("2026-11-24T07:00"))["operators"]


def test_operator_who_joins_outside_his_shift_is_rung() -> None:
    assert "op1" in wanted(roster(), did("op1", Act.JOIN), NIGHT)["operators"]


def test_operator_in_no_group_is_rung_nowhere_even_when_he_joins() -> None:
    assert roster().groups_of("op5") == ()
    assert all("op5" not in there for there in wanted(roster(), did("op5", Act.JOIN), NOON).values())


def test_disabled_operator_is_on_no_duty() -> None:
    assert wanted(roster(enabled=False), {}, NOON)["operators"] == {"op2": False}


def test_paused_operator_stays_a_member_and_is_not_rung() -> None:
    assert wanted(roster(), did("op1", Act.PAUSE), NOON)["operators"] == {"op1": True, "op2": False}


def test_pause_by_a_supervisor_says_so() -> None:
    state = acted(DutyState("op1"), Act.PAUSE, at=1, by="pengawas", until=None, own=False)
    assert (state.paused, state.changed_by) == (PauseReason.SUPERVISOR, "pengawas")


def test_two_missed_rings_in_a_row_pause_and_one_does_not() -> None:
    members = wanted(roster(), {}, NOON)
    once = missed(DutyState("op1"))
    assert paused_for_missed(once, members, {"op1", "op2"}, at=5, until=None) is once
    twice = paused_for_missed(missed(once), members, {"op1", "op2"}, at=6, until=None)
    assert (twice.paused, twice.missed, twice.changed_at) == (PauseReason.MISSED_RINGS, MISSED_RINGS, 6)


def test_last_one_is_never_paused_for_missed_rings() -> None:
    members = wanted(roster(), {}, NIGHT)
    assert last_of("op3", members) == ("operators",)
    state = DutyState("op3", missed=5)
    assert paused_for_missed(state, members, {"op3"}, at=5, until=None) is state


def test_one_whose_colleagues_have_no_telephone_there_is_the_last() -> None:
    members, state = wanted(roster(), {}, NOON), DutyState("op1", missed=2)
    assert paused_for_missed(state, members, {"op1"}, at=5, until=None) is state
    assert paused_for_missed(state, members, {"op2"}, at=5, until=None).paused is PauseReason.MISSED_RINGS


def test_one_who_is_left_after_the_other_paused_is_the_last() -> None:
    members = wanted(roster(), did("op2", Act.PAUSE), NOON)
    assert last_of("op1", members) == ("operators",)
    assert last_of("op2", members) == ()


def test_resuming_forgives_the_missed_rings() -> None:
    paused = DutyState("op1", paused=PauseReason.MISSED_RINGS, missed=2)
    back = acted(paused, Act.RESUME, at=1, by="op1", until=None, own=True)
    assert (back.paused, back.missed) == (None, 0)


def test_one_paused_for_missed_rings_is_rung_again_where_nobody_else_is_left() -> None:
    paused = DutyState("op1", paused=PauseReason.MISSED_RINGS, missed=2)
    assert wanted(roster(), {"op1": paused}, NOON)["operators"] == {"op1": True, "op2": False}
    both = {"op1": paused} | did("op2", Act.LEAVE)
    assert wanted(roster(), both, NOON)["operators"] == {"op1": False}
    by_himself = {"op1": DutyState("op1", paused=PauseReason.SELF)} | did("op2", Act.LEAVE)
    assert wanted(roster(), by_himself, NOON)["operators"] == {"op1": True}


def test_pause_of_yesterday_does_not_silence_the_next_shift() -> None:
    end = roster().next_edge("op1", NOON)
    assert end is not None
    state = acted(DutyState("op1"), Act.PAUSE, at=1, by="op1", until=int(end * 1e6), own=True)
    (after,) = expired({"op1": state}, int(end * 1e6))
    assert wanted(roster(), {"op1": after}, at("2026-11-24T08:00"))["operators"]["op1"] is False
