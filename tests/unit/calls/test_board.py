"""The live board: which calls are up, who rings, who talks, and whom to free when a caller has gone."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from callrouter.calls import board as board_module
from callrouter.calls.board import MAX_OVER, SLICE, Board, Contradictions, Seen
from callrouter.calls.live import LiveCall, Stage
from callrouter.incidents.model import incident_id
from tests.unit.calls.given import CALL, OTHER, us

CALLER = "PJSIP/trunk-telco-00000001"
LEG, SECOND_LEG = "PJSIP/trunk-damkar-00000002", "PJSIP/op1-00000003"


def seen(call: UUID = CALL, stage: Stage = Stage.MENU, **changes: Any) -> Seen:
    one = Seen(call, CALLER, f"linked-{call.int % 1000}", stage, us(0), "citizen", "telco", "0812", "id")
    return replace(one, **changes)


LINKED = seen().linkedid


def only(board: Board) -> LiveCall:
    (call,) = board.live()
    return call


def ringing() -> Board:
    """A call whose agency rings."""
    board = Board()
    board.moved(seen(stage=Stage.AGENCY))
    board.rings(LINKED, LEG, "trunk-damkar")
    return board


def test_call_is_shown_from_its_first_stage_to_its_end() -> None:
    board = Board()
    assert (board.live(), len(board), board.known(CALL)) == ([], 0, False)
    board.moved(seen(stage=Stage.OPENED))
    assert only(board) == LiveCall(
        call=CALL, incident=incident_id(CALL), number="0812", origin="citizen", trunk="telco", since=us(0),
        stage=Stage.OPENED, with_whom=(), category="", language="id",
    )  # fmt: skip
    assert (len(board), board.known(CALL), board.known(OTHER)) == (1, True, False)
    board.ended(CALL)
    assert (board.live(), len(board), board.known(CALL)) == ([], 0, False)


def test_stages_follow_each_other_and_the_category_stays() -> None:
    board = Board()
    board.moved(seen(stage=Stage.MENU))
    board.chose(CALL, "fire")
    assert (only(board).stage, only(board).category) == (Stage.PLAN, "fire")
    for stage in (Stage.PLAN, Stage.AGENCY, Stage.OPERATOR, Stage.MESSAGE, Stage.AFTER):
        board.moved(seen(stage=stage, language="en"))
        assert (only(board).stage, only(board).category, only(board).language) == (stage, "fire", "en")


def test_caller_who_is_passed_on_is_with_nobody_until_the_next_one_rings() -> None:
    board = ringing()
    board.joined(CALL, "op1")
    board.chose(CALL, "flood")
    assert (only(board).stage, only(board).category, board.live()[0].with_whom) == (
        Stage.PLAN, "flood", ("trunk-damkar",),
    )  # fmt: skip
    board.leg_gone(LINKED, LEG)
    assert only(board).with_whom == ()


def test_oldest_call_is_shown_first() -> None:
    board = Board()
    board.moved(seen(CALL, opened=us(10)))
    board.moved(seen(OTHER, opened=us(5)))
    assert [call.call for call in board.live()] == [OTHER, CALL]


def test_all_who_ring_are_shown_and_each_once() -> None:
    board = ringing()
    board.rings(LINKED, SECOND_LEG, "op1")
    board.rings(LINKED, "PJSIP/op1-00000009", "op1")
    assert only(board).with_whom == ("op1", "trunk-damkar")
    board.leg_gone(LINKED, LEG)
    assert only(board).with_whom == ("op1",)


def test_leg_without_an_endpoint_is_not_shown_but_freed() -> None:
    board = Board()
    board.moved(seen(stage=Stage.AGENCY))
    board.rings(LINKED, "Local/c0811_telco@callrouter-confirm-00000001;1", "")
    assert only(board).with_whom == ()
    assert board.legs_to_free(CALLER, LINKED) == ("Local/c0811_telco@callrouter-confirm-00000001;1",)


def test_who_was_joined_talks_until_the_next_stage() -> None:
    board = ringing()
    board.joined(CALL, "trunk-damkar")
    assert (only(board).stage, only(board).with_whom) == (Stage.TALKING, ("trunk-damkar",))
    board.moved(seen(stage=Stage.AFTER))
    assert (only(board).stage, only(board).with_whom) == (Stage.AFTER, ())


def test_legs_of_a_step_are_forgotten_when_nobody_rings_any_more() -> None:
    board = ringing()
    board.moved(seen(stage=Stage.MESSAGE))
    assert only(board).with_whom == ()
    assert board.legs_to_free(CALLER, LINKED) == ()


def test_agency_is_freed_when_its_caller_hangs_up() -> None:
    board = ringing()
    board.rings(LINKED, SECOND_LEG, "op1")
    assert board.legs_to_free(CALLER, LINKED) == (LEG, SECOND_LEG)


@pytest.mark.parametrize(
    ("channel", "linkedid"),
    [(LEG, LINKED), (CALLER, "another-call"), ("PJSIP/trunk-telco-00000099", LINKED), ("", LINKED), (CALLER, "")],
)
def test_nobody_is_freed_for_any_other_hang_up(channel: str, linkedid: str) -> None:
    assert ringing().legs_to_free(channel, linkedid) == ()


def test_nobody_is_freed_who_talks() -> None:
    board = ringing()
    board.joined(CALL, "trunk-damkar")
    assert board.legs_to_free(CALLER, LINKED) == ()


def test_after_a_short_talk_the_next_one_who_rings_is_freed_again() -> None:
    board = ringing()
    board.joined(CALL, "trunk-damkar")
    board.leg_gone(LINKED, LEG)
    board.moved(seen(stage=Stage.OPERATOR))
    board.rings(LINKED, SECOND_LEG, "op1")
    assert board.legs_to_free(CALLER, LINKED) == (SECOND_LEG,)


def test_events_of_calls_that_are_not_on_the_board_change_nothing() -> None:
    board = Board()
    board.chose(CALL, "fire")
    board.rings("x", LEG, "trunk-damkar")
    board.leg_gone("x", LEG)
    board.joined(CALL, "op1")
    board.ended(CALL)
    assert board.live() == []
    assert board.legs_to_free(CALLER, "x") == ()


def test_call_that_changes_its_linked_id_is_found_by_the_new_one_only() -> None:
    board = ringing()
    board.moved(seen(stage=Stage.AGENCY, linkedid="new"))
    assert board.legs_to_free(CALLER, LINKED) == ()
    assert board.legs_to_free(CALLER, "new") == (LEG,)
    board.ended(CALL)
    board.moved(seen(OTHER, linkedid="new"))
    board.rings("new", SECOND_LEG, "op1")
    assert only(board).call == OTHER


def test_calls_beyond_the_bound_are_counted_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_module, "MAX_CALLS", 1)
    board = Board()
    board.moved(seen(CALL))
    board.moved(seen(OTHER))
    assert (len(board), board.overflow) == (1, 1)
    board.moved(seen(CALL, Stage.PLAN))
    assert (only(board).stage, board.overflow) == (Stage.PLAN, 1)
    board.ended(CALL)
    board.moved(seen(OTHER, Stage.PLAN))
    assert (len(board), board.overflow) == (1, 1)


def differing(found: Contradictions) -> tuple[int, int]:
    return len(found.unknown), len(found.gone)


def test_contradictions_are_told_call_by_call_and_the_pbx_is_right() -> None:
    board = Board()
    board.moved(seen(CALL, Stage.MENU))
    known = seen(CALL, Stage.AGENCY)
    found = board.reset([known, seen(OTHER, Stage.TALKING, with_whom="op2")])
    assert [one.call for one in found.unknown] == [OTHER]
    assert found.gone == ()
    assert [(was.stage, is_.stage) for was, is_ in found.moved] == [(Stage.MENU, Stage.AGENCY)]
    assert {call.call: call.stage for call in board.live()} == {CALL: Stage.AGENCY, OTHER: Stage.TALKING}
    assert found
    assert not board.reset([known, seen(OTHER, Stage.TALKING, with_whom="op2")])


def test_legs_that_rang_when_the_picture_was_taken_are_shown_and_freed_when_the_caller_goes() -> None:
    board = Board()
    one = seen(CALL, Stage.AGENCY)
    board.reset([one], {one.linkedid: {"PJSIP/trunk-damkar-00000002": "trunk-damkar"}})
    (shown,) = board.live()
    assert shown.with_whom == ("trunk-damkar",)
    assert board.legs_to_free(one.channel, one.linkedid) == ("PJSIP/trunk-damkar-00000002",)


def test_legs_of_a_talk_are_not_taken_for_ringing_ones() -> None:
    board = Board()
    one = seen(CALL, Stage.TALKING, with_whom="trunk-damkar")
    board.reset([one], {one.linkedid: {"PJSIP/trunk-damkar-00000002": "trunk-damkar"}})
    (shown,) = board.live()
    assert shown.with_whom == ("trunk-damkar",)
    assert board.legs_to_free(one.channel, one.linkedid) == ()


def test_whole_picture_adds_what_was_missed_and_takes_away_what_has_gone() -> None:
    board = Board()
    board.moved(seen(CALL))
    picture = [seen(OTHER, Stage.TALKING, category="fire", with_whom="op2")]
    assert differing(board.reset(picture)) == (1, 1)
    assert (only(board).call, only(board).stage, only(board).with_whom) == (OTHER, Stage.TALKING, ("op2",))
    assert differing(board.reset(picture)) == (0, 0)
    assert differing(board.reset([])) == (0, 1)


def test_whole_picture_does_not_bring_back_a_call_that_ended_while_it_was_taken() -> None:
    board = Board()
    board.moved(seen(CALL))
    board.ended(CALL)
    assert not board.reset([seen(CALL)])
    board.moved(seen(CALL))
    assert len(board) == 0


def test_call_that_one_picture_lacked_is_shown_again_by_the_next() -> None:
    board = Board()
    board.moved(seen(CALL))
    board.reset([])
    board.reset([seen(CALL)])
    assert only(board).call == CALL


def test_of_calls_that_are_over_the_latest_are_known() -> None:
    board = Board()
    for n in range(MAX_OVER + 1):
        board.ended(UUID(int=n))
    board.reset([seen(UUID(int=0)), seen(UUID(int=MAX_OVER))])
    assert only(board).call == UUID(int=0)


def test_whole_picture_keeps_who_rings_so_that_he_can_still_be_freed() -> None:
    board = ringing()
    board.chose(CALL, "fire")
    assert differing(board.reset([seen(stage=Stage.AGENCY)])) == (0, 0)
    assert (only(board).with_whom, only(board).category) == (("trunk-damkar",), "fire")
    assert board.legs_to_free(CALLER, LINKED) == (LEG,)


CALLS = st.sampled_from([UUID(int=n) for n in (1, 2, 3)])
LINKS = st.sampled_from(["l1", "l2", "l3", "stranger"])
CHANNELS = st.sampled_from(["c1", "c2", "c3", "c4"])
SEEN = st.builds(seen, CALLS, st.sampled_from([*Stage]), channel=CHANNELS, linkedid=LINKS)


class AnyEvents(RuleBasedStateMachine):
    """Events in any order, lost and doubled, never raise and never leave anything behind."""

    def __init__(self) -> None:
        super().__init__()
        self.board = Board()
        self.over: set[UUID] = set()

    @rule(one=SEEN)
    def moved(self, one: Seen) -> None:
        self.board.moved(one)

    @rule(link=LINKS, channel=CHANNELS)
    def rings(self, link: str, channel: str) -> None:
        self.board.rings(link, channel, channel)

    @rule(link=LINKS, channel=CHANNELS)
    def leg_gone(self, link: str, channel: str) -> None:
        self.board.leg_gone(link, channel)
        assert channel not in self.board.legs_to_free("c1", link)

    @rule(call=CALLS)
    def joined(self, call: UUID) -> None:
        self.board.joined(call, "op1")

    @rule(call=CALLS)
    def ended(self, call: UUID) -> None:
        self.board.ended(call)
        self.over.add(call)
        assert not self.board.known(call)

    @rule(picture=st.lists(SEEN, max_size=4))
    def reset(self, picture: list[Seen]) -> None:
        self.board.reset(picture)
        assert {call.call for call in self.board.live()} == {one.call for one in picture} - self.over

    @rule(channel=CHANNELS, link=LINKS)
    def caller_hangs_up(self, channel: str, link: str) -> None:
        if self.board.legs_to_free(channel, link):
            assert any(call.stage is not Stage.TALKING for call in self.board.live())

    @invariant()
    def nothing_is_left_over(self) -> None:
        assert len(self.board._by_linkedid) <= len(self.board) == len(self.board.live())


TestAnyEvents = AnyEvents.TestCase


@given(st.lists(SEEN, max_size=10))
def test_board_without_calls_holds_nothing(events: list[Seen]) -> None:
    board = Board()
    for one in events:
        board.moved(one)
    for one in events:
        board.ended(one.call)
    assert (board._calls, board._by_linkedid) == ({}, {})


class _Told:
    """A follower who counts."""

    def __init__(self) -> None:
        self.calls: list[LiveCall] = []
        self.ended: list[UUID] = []

    def moved(self, live: LiveCall) -> None:
        self.calls.append(live)

    def gone(self, call: UUID) -> None:
        self.ended.append(call)


def many(count: int, stage: Stage = Stage.MENU) -> list[Seen]:
    return [seen(UUID(int=n), stage, linkedid=f"linked-{n}") for n in range(1, count + 1)]


def test_look_at_the_pbx_tells_of_what_differs_alone() -> None:
    board, told = Board(), _Told()
    board.follow(told)
    board.reset(many(50, Stage.AGENCY), {"linked-7": {LEG: "trunk-damkar"}})
    assert len(told.calls) == 50  # each once, though one of them rings
    assert [live.call.int for live in told.calls if live.with_whom] == [7]
    told.calls.clear()
    board.reset(many(50, Stage.AGENCY), {"linked-7": {LEG: "trunk-damkar"}})
    assert told.calls == []
    board.reset([*many(48, Stage.AGENCY), seen(UUID(int=49), Stage.TALKING, linkedid="linked-49")], {})
    assert [(live.call.int, live.stage) for live in told.calls] == [(7, Stage.AGENCY), (49, Stage.TALKING)]
    assert [call.int for call in told.ended] == [50]


async def test_many_calls_are_told_of_a_few_at_once_and_each_as_it_is_by_then() -> None:
    board, told = Board(), _Told()
    board.follow(told)
    board.reset(many(200))
    assert len(board.live()) == 200
    rounds = []
    board.ended(UUID(int=199))
    board.moved(seen(UUID(int=200), Stage.OPERATOR, linkedid="linked-200"))
    while len(told.calls) < 199:
        before = len(told.calls)
        await asyncio.sleep(0)
        rounds.append(len(told.calls) - before)
    assert set(rounds[:-1]) == {SLICE}
    assert 0 < rounds[-1] <= SLICE
    await asyncio.sleep(0)
    assert sorted(live.call.int for live in told.calls) == [*range(1, 199), 200]
    assert [live.stage for live in told.calls if live.call.int == 200] == [Stage.OPERATOR]
    assert [call.int for call in told.ended] == [199]


async def test_second_look_in_the_middle_of_telling_tells_of_each_once_more_where_it_differs() -> None:
    board, told = Board(), _Told()
    board.follow(told)
    board.reset(many(30))
    board.reset(many(30, Stage.PLAN))
    for _ in range(10):
        await asyncio.sleep(0)
    last = {live.call: live.stage for live in told.calls}
    assert len(last) == 30
    assert set(last.values()) == {Stage.PLAN}


def test_talk_shows_all_who_take_part_and_goes_on_without_the_first() -> None:
    board = Board()
    board.moved(seen(stage=Stage.OPERATOR))
    board.joined(CALL, "op1")
    board.takes_part(CALL, "a", "trunk-damkar")
    board.takes_part(CALL, "b", "trunk-pmi")
    assert only(board).with_whom == ("op1", "trunk-damkar", "trunk-pmi")
    board.joined(CALL, "trunk-damkar")  # the operator has left
    assert only(board).with_whom == ("trunk-damkar", "trunk-pmi")
    board.takes_part_no_more(CALL, "b")
    board.takes_part_no_more(CALL, "b")
    assert (only(board).stage, only(board).with_whom) == (Stage.TALKING, ("trunk-damkar",))
    board.ended(CALL)
    board.takes_part(CALL, "c", "trunk-pmi")
    assert (board.live(), board.one(CALL), board.channel_of(CALL)) == ([], None, "")
