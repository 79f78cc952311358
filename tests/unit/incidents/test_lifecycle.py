"""The state of an incident follows from what was done, by the transition table and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.incidents import lifecycle as life
from callrouter.incidents.lifecycle import (
    AGENCY_MOVES,
    MOVES,
    UNDER_WAY,
    Act,
    Assignment,
    advanced,
    by_call,
    legal_acts,
    legal_moves,
    may_pass,
    milestones,
    passed,
    state_of,
    with_answer,
)
from callrouter.incidents.model import AgencyState, IncidentState, PassedHow

INCIDENT = UUID("8a0f0f6e-5d0c-5f5e-9a86-1f5a2f0f6112")
TOLD = (
    IncidentState.OPEN,
    IncidentState.ROUTED,
    IncidentState.WITH_OPERATOR,
    IncidentState.WITH_AGENCY,
    IncidentState.ABANDONED,
)
S, A = IncidentState, AgencyState


def part(state: AgencyState, agency: str = "damkar", *, how: PassedHow = PassedHow.NOTICE) -> Assignment:
    given_it = replace(passed(None, INCIDENT, agency, 100, "op1", 400), how=how)
    return given_it if state is A.PASSED else advanced(given_it, state, 200, "damkar")


def derived(told: IncidentState, *parts: Assignment, taken: bool = False) -> IncidentState:
    return state_of(told, taken=taken, parts=parts, closed=False, merged=False)


@pytest.mark.parametrize("told", TOLD)
def test_without_persons_the_state_is_what_the_call_tells(told: IncidentState) -> None:
    assert derived(told) is told


@pytest.mark.parametrize(
    ("told", "state"),
    [
        (S.OPEN, S.WITH_OPERATOR),
        (S.ROUTED, S.WITH_OPERATOR),
        (S.ABANDONED, S.WITH_OPERATOR),
        (S.WITH_AGENCY, S.WITH_AGENCY),
    ],
)
def test_what_an_operator_took_is_his_until_an_agency_has_it(told: IncidentState, state: IncidentState) -> None:
    assert derived(told, taken=True) is state


@pytest.mark.parametrize(
    ("states", "state"),
    [
        ((A.PASSED,), S.WITH_AGENCY),
        ((A.PASSED, A.ACKNOWLEDGED), S.ACKNOWLEDGED),
        ((A.ON_SCENE, A.EN_ROUTE, A.PASSED), S.ON_SCENE),
        ((A.RESOLVED, A.PASSED), S.WITH_AGENCY),
        ((A.RESOLVED, A.EN_ROUTE), S.EN_ROUTE),
        ((A.RESOLVED,), S.RESOLVED),
        ((A.RESOLVED, A.RESOLVED, A.DECLINED), S.RESOLVED),
        ((A.RESOLVED, A.WITHDRAWN), S.RESOLVED),
        ((A.DECLINED,), S.WITH_OPERATOR),
        ((A.DECLINED, A.WITHDRAWN), S.WITH_OPERATOR),
    ],
)
def test_the_state_is_that_of_the_furthest_agency_that_is_not_done(
    states: tuple[AgencyState, ...], state: IncidentState
) -> None:
    assert derived(S.ROUTED, *(part(s, f"agency-{n}") for n, s in enumerate(states))) is state


def test_an_agency_that_only_talked_to_the_caller_leaves_the_state_to_the_call() -> None:
    heard = by_call(INCIDENT, "polres", 100)
    assert derived(S.WITH_OPERATOR, heard) is S.WITH_OPERATOR
    assert derived(S.WITH_OPERATOR, heard, part(A.RESOLVED)) is S.WITH_AGENCY
    assert derived(S.WITH_AGENCY, advanced(heard, A.EN_ROUTE, 200, "polres")) is S.EN_ROUTE


def test_milestones_are_the_first_of_those_that_are_with_it_and_resolved_the_last() -> None:
    early = advanced(passed(None, INCIDENT, "a", 100, "op1", None), A.ACKNOWLEDGED, 150, "a")
    late = advanced(
        advanced(passed(None, INCIDENT, "b", 100, "op1", None), A.ON_SCENE, 300, "b"), A.RESOLVED, 900, "b"
    )
    refused = advanced(
        advanced(passed(None, INCIDENT, "c", 1, "op1", None), A.ACKNOWLEDGED, 2, "c"), A.DECLINED, 3, "c"
    )
    found = milestones([early, late, refused])
    assert (found.acknowledged_at, found.en_route_at, found.on_scene_at, found.resolved_at) == (150, None, 300, None)
    done = milestones([advanced(early, A.RESOLVED, 500, "a"), late, refused])
    assert done.resolved_at == 900
    assert milestones([]).resolved_at is None


def test_who_arrives_without_a_word_has_acknowledged_too() -> None:
    there = advanced(part(A.PASSED), A.ON_SCENE, 300, "damkar-1 (agency)")
    assert (there.acknowledged_at, there.acknowledged_by, there.en_route_at) == (300, "damkar-1 (agency)", None)


def test_what_is_taken_up_again_is_not_resolved_any_more() -> None:
    again = advanced(part(A.RESOLVED), A.ACKNOWLEDGED, 900, "damkar")
    assert (again.state, again.resolved_at, again.acknowledged_at) == (A.ACKNOWLEDGED, None, 200)


@pytest.mark.parametrize("state", A)
def test_an_incident_is_passed_anew_only_to_who_is_done_or_only_talked(state: AgencyState) -> None:
    assert may_pass(part(state)) is (state in {A.RESOLVED, A.DECLINED, A.WITHDRAWN})
    assert may_pass(None)
    assert may_pass(by_call(INCIDENT, "damkar", 1))


def test_passing_it_and_hearing_the_caller_come_to_the_same_in_either_order() -> None:
    heard_first = passed(by_call(INCIDENT, "damkar", 50), INCIDENT, "damkar", 100, "op1", 400)
    passed_first = with_answer(passed(None, INCIDENT, "damkar", 100, "op1", 400), 50)
    assert replace(heard_first, version=1) == passed_first


def test_only_a_supervisor_closes_what_is_under_way() -> None:
    for state in IncidentState:
        may, operator = (Act.CLOSE.value in legal_acts(state, supervises=s) for s in (True, False))
        assert may is (Act.CLOSE in MOVES[state])
        assert operator is (may and state not in UNDER_WAY)


def test_an_agency_does_not_withdraw_itself() -> None:
    assert "withdrawn" not in legal_moves(part(A.PASSED), of_centre=False)
    assert "withdrawn" in legal_moves(part(A.PASSED), of_centre=True)


def test_the_tables_speak_of_every_state_and_close_only_what_is_open() -> None:
    assert set(MOVES) == set(IncidentState)
    assert set(AGENCY_MOVES) == set(AgencyState)
    assert all(state not in targets for state, targets in AGENCY_MOVES.items())
    assert set(MOVES[S.MERGED]) == {Act.UNMERGE, Act.AGENCY}
    assert Act.CLOSE not in MOVES[S.CLOSED]


# ------------------------------------------------------------------------------------------------ any sequence
@dataclass
class Model:
    """An incident as the desk keeps it, without a database."""

    told: IncidentState
    taken: bool = False
    closed: bool = False
    merged: bool = False
    parts: dict[str, Assignment] = field(default_factory=dict)

    @property
    def state(self) -> IncidentState:
        return state_of(
            self.told,
            taken=self.taken,
            parts=list(self.parts.values()),
            closed=self.closed,
            merged=self.merged,
        )

    def do(self, act: Act, agency: str, to: AgencyState, at: int) -> bool:
        """Do it as the desk does; False where it is refused."""
        if act not in MOVES[self.state]:
            return False
        match act:
            case Act.TAKE:
                self.taken = True
            case Act.PASS if may_pass(self.parts.get(agency)):
                self.parts[agency] = passed(self.parts.get(agency), INCIDENT, agency, at, "op1", None)
                self.taken = True
            case Act.AGENCY if agency in self.parts and to in AGENCY_MOVES[self.parts[agency].state]:
                self.parts[agency] = advanced(self.parts[agency], to, at, agency)
            case Act.CLOSE | Act.REOPEN:
                self.closed = act is Act.CLOSE
            case Act.MERGE | Act.UNMERGE:
                self.merged = act is Act.MERGE
            case Act.PASS | Act.AGENCY:
                return False
        return True


COMMANDS = st.tuples(st.sampled_from(list(Act)), st.sampled_from(["damkar", "polres"]), st.sampled_from(list(A)))


@given(told=st.sampled_from(TOLD), heard=st.booleans(), commands=st.lists(COMMANDS, max_size=25))
def test_every_act_leads_where_the_transition_table_says(
    told: IncidentState, heard: bool, commands: list[tuple[Act, str, AgencyState]]
) -> None:
    model = Model(told, parts={"polres": by_call(INCIDENT, "polres", 1)} if heard else {})
    for at, (act, agency, to) in enumerate(commands, start=10):
        before = model.state
        if model.do(act, agency, to, at):
            assert model.state in MOVES[before][act], (before, act, model.state)
        else:
            assert model.state is before


@given(told=st.sampled_from(TOLD), commands=st.lists(COMMANDS, max_size=25))
def test_merging_and_taking_it_back_is_as_if_nothing_had_been(
    told: IncidentState, commands: list[tuple[Act, str, AgencyState]]
) -> None:
    model = Model(told)
    for at, (act, agency, to) in enumerate(commands, start=10):
        model.do(act, agency, to, at)
    if model.merged:
        return
    before = replace(model, parts=dict(model.parts))
    assert model.do(Act.MERGE, "", A.PASSED, 0)
    assert model.state is S.MERGED
    assert model.do(Act.UNMERGE, "", A.PASSED, 0)
    assert (model, model.state) == (before, before.state)


@given(st.lists(st.sampled_from(list(A)), max_size=12))
def test_an_agencys_state_only_moves_by_its_table_and_no_time_is_lost_on_the_way(states: list[AgencyState]) -> None:
    one = part(A.PASSED)
    for at, to in enumerate(states, start=1_000):
        if to not in AGENCY_MOVES[one.state]:
            continue
        went = advanced(one, to, at, "x")
        assert went.version == one.version + 1
        for name in ("acknowledged_at", "en_route_at", "on_scene_at"):
            assert getattr(one, name) is None or getattr(went, name) is not None
        assert (went.resolved_at is not None) is (
            to is A.RESOLVED or (one.resolved_at is not None and to is A.DECLINED)
        )
        one = went


def test_ids_of_parts_are_the_same_for_whoever_makes_them() -> None:
    assert life.assignment_id(INCIDENT, "damkar") == by_call(INCIDENT, "damkar", 1).id == part(A.PASSED).id
    assert life.assignment_id(INCIDENT, "polres") != life.assignment_id(INCIDENT, "damkar")
