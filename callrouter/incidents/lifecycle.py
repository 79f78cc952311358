"""The life of an incident: what may be done in which state, and how its state follows from what was done. Pure.

The state is never set, it is derived: from the calls, from whether an operator took it, from how far each agency has
come, from whether it is closed or merged. So it does not matter in which order a call's notes, the PBX's journal and
persons come, and a person's act is never undone by what a call says later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid5

from callrouter.incidents.model import AgencyState, IncidentState, PassedHow


class Act(StrEnum):
    """What a person or an agency does with an incident."""

    TAKE = "take"
    CHANGE = "change"
    NOTE = "note"
    PASS = "pass"  # noqa: S105 (no password)
    AGENCY = "agency"
    """An agency's state changes."""
    DISPOSE = "dispose"
    CLOSE = "close"
    REOPEN = "reopen"
    MERGE = "merge"
    UNMERGE = "unmerge"


_S = IncidentState
_BEYOND: Final = (_S.ACKNOWLEDGED, _S.EN_ROUTE, _S.ON_SCENE)
_WORKED_ON: Final = frozenset(_S) - {_S.CLOSED, _S.MERGED}
_OF_AGENCIES: Final = frozenset({_S.WITH_OPERATOR, _S.WITH_AGENCY, *_BEYOND, _S.RESOLVED})

Moves = Mapping[Act, frozenset[IncidentState]]


def _moves_of(state: IncidentState) -> Moves:
    if state is _S.MERGED:
        return {Act.AGENCY: frozenset({_S.MERGED}), Act.UNMERGE: _WORKED_ON | {_S.CLOSED}}
    stays = frozenset({state})
    merged = {Act.MERGE: frozenset({_S.MERGED})}
    if state is _S.CLOSED:
        return {Act.NOTE: stays, Act.DISPOSE: stays, Act.REOPEN: _WORKED_ON, **merged}
    return {
        Act.TAKE: frozenset({_S.WITH_OPERATOR}) if state in {_S.OPEN, _S.ROUTED, _S.ABANDONED} else stays,
        Act.CHANGE: stays,
        Act.NOTE: stays,
        Act.PASS: stays if state in _BEYOND else frozenset({_S.WITH_AGENCY}),
        Act.AGENCY: _OF_AGENCIES,
        Act.DISPOSE: stays,
        Act.CLOSE: frozenset({_S.CLOSED}),
        **merged,
    }


MOVES: Final[Mapping[IncidentState, Moves]] = {state: _moves_of(state) for state in IncidentState}
"""The transition table: in each state, each act that is legal and the states it can lead to. What is not here is
refused. What an agency's own state may become: AGENCY_MOVES."""

UNDER_WAY: Final = frozenset(_BEYOND)
"""Help was promised or is there: only a supervisor closes such an incident."""

_A = AgencyState
_STEPS: Final = (_A.PASSED, _A.ACKNOWLEDGED, _A.EN_ROUTE, _A.ON_SCENE, _A.RESOLVED)
"""The way of an agency. Steps may be left out: who arrives without a word has acknowledged too."""
_NOT_WITH_IT: Final = frozenset({_A.DECLINED, _A.WITHDRAWN})

AGENCY_MOVES: Final[Mapping[AgencyState, frozenset[AgencyState]]] = {
    _A.PASSED: frozenset({_A.ACKNOWLEDGED, _A.EN_ROUTE, _A.ON_SCENE, _A.RESOLVED, _A.DECLINED, _A.WITHDRAWN}),
    _A.ACKNOWLEDGED: frozenset({_A.EN_ROUTE, _A.ON_SCENE, _A.RESOLVED, _A.DECLINED, _A.WITHDRAWN}),
    _A.EN_ROUTE: frozenset({_A.ON_SCENE, _A.RESOLVED, _A.DECLINED, _A.WITHDRAWN}),
    _A.ON_SCENE: frozenset({_A.RESOLVED, _A.WITHDRAWN}),
    _A.RESOLVED: frozenset({_A.ACKNOWLEDGED}),
    _A.DECLINED: frozenset({_A.ACKNOWLEDGED}),
    _A.WITHDRAWN: frozenset(),
}
"""What an agency's state may become. An operator passes anew what was resolved, declined or withdrawn."""
CENTRE_ONLY: Final = frozenset({_A.WITHDRAWN})
"""What an agency cannot say of itself."""

_ASSIGNMENTS: Final = UUID("d1a3a0de-6c1e-5d7b-8a55-0c6f1f0f6112")


def assignment_id(incident: UUID, agency: str) -> UUID:
    """Return the id of an agency's part in an incident: the same for whoever makes it first."""
    return uuid5(_ASSIGNMENTS, f"{incident} {agency}")


@dataclass(frozen=True, slots=True)
class Assignment:
    """What one agency has to do with one incident. Times in µs UTC.

    passed_at:   when it got it; passed_by: who gave it ("name (role)"), empty: the call itself
    answered_at: when its human took the caller, by a call
    due_at:      when its acknowledgement is due; None where none is waited for
    version:     grows with every act on it
    """

    id: UUID
    incident: UUID
    agency: str
    state: AgencyState
    how: PassedHow
    passed_at: int
    passed_by: str = ""
    answered_at: int | None = None
    acknowledged_at: int | None = None
    acknowledged_by: str = ""
    en_route_at: int | None = None
    on_scene_at: int | None = None
    resolved_at: int | None = None
    due_at: int | None = None
    remark: str = ""
    updated_at: int = 0
    version: int = 1

    @property
    def with_it(self) -> bool:
        """Whether it has neither declined nor been withdrawn."""
        return self.state not in _NOT_WITH_IT

    @property
    def by_call_alone(self) -> bool:
        """Whether nobody has done anything about it but talk to the caller."""
        return self.how is PassedHow.CALL and self.state is AgencyState.PASSED and not self.remark


def by_call(incident: UUID, agency: str, answered_at: int) -> Assignment:
    """Return the part of an agency whose human took the caller."""
    return Assignment(
        id=assignment_id(incident, agency),
        incident=incident,
        agency=agency,
        state=AgencyState.PASSED,
        how=PassedHow.CALL,
        passed_at=answered_at,
        answered_at=answered_at,
        updated_at=answered_at,
    )


def with_answer(part: Assignment, answered_at: int | None) -> Assignment:
    """Return it with what the calls say now of when its human took the caller; what persons did stays."""
    passed_at = answered_at if part.how is PassedHow.CALL and answered_at is not None else part.passed_at
    return replace(part, answered_at=answered_at, passed_at=passed_at)


def may_pass(part: Assignment | None) -> bool:
    """Return whether an incident can be passed to an agency that has this part in it (None: no part yet)."""
    return part is None or part.by_call_alone or not AGENCY_MOVES[part.state] - {AgencyState.ACKNOWLEDGED}


def passed(part: Assignment | None, incident: UUID, agency: str, at: int, by: str, due_at: int | None) -> Assignment:
    """Return the part of an agency that an operator passes the incident to, anew where it had one before."""
    new = Assignment(
        id=assignment_id(incident, agency),
        incident=incident,
        agency=agency,
        state=AgencyState.PASSED,
        how=PassedHow.NOTICE,
        passed_at=at,
        passed_by=by,
        due_at=due_at,
        updated_at=at,
    )
    if part is None:
        return new
    return replace(new, answered_at=part.answered_at, remark=part.remark, version=part.version + 1)


def advanced(part: Assignment, to: AgencyState, at: int, by: str) -> Assignment:
    """Return it in the state `to`, which must be legal. Who does more than acknowledge has acknowledged too."""
    went = replace(part, state=to, updated_at=at, version=part.version + 1)
    if to in _STEPS and part.acknowledged_at is None:
        went = replace(went, acknowledged_at=at, acknowledged_by=by)
    match to:
        case AgencyState.ACKNOWLEDGED:
            return replace(went, resolved_at=None)  # taken up again
        case AgencyState.EN_ROUTE:
            return replace(went, en_route_at=at)
        case AgencyState.ON_SCENE:
            return replace(went, on_scene_at=at)
        case AgencyState.RESOLVED:
            return replace(went, resolved_at=at)
        case _:
            return went


_MEANS: Final[Mapping[AgencyState, IncidentState]] = {
    _A.PASSED: _S.WITH_AGENCY,
    _A.ACKNOWLEDGED: _S.ACKNOWLEDGED,
    _A.EN_ROUTE: _S.EN_ROUTE,
    _A.ON_SCENE: _S.ON_SCENE,
}


def state_of(
    told: IncidentState, *, taken: bool, parts: Sequence[Assignment], closed: bool, merged: bool
) -> IncidentState:
    """Return an incident's state.

    told:  the state that its opening call makes; OPEN where there is none
    taken: an operator took it into his hands

    It is as far as the furthest agency that is not done; resolved once all that are with it are done; the operators'
    again where every agency has declined or was withdrawn. An agency that only talked to the caller is in what the
    call tells.
    """
    if merged:
        return IncidentState.MERGED
    if closed:
        return IncidentState.CLOSED
    with_it = [part for part in parts if part.with_it]
    if parts and not with_it:
        return IncidentState.WITH_OPERATOR
    if any(not part.by_call_alone for part in with_it):
        waited_for = [part.state for part in with_it if part.state is not AgencyState.RESOLVED]
        return _MEANS[max(waited_for, key=_STEPS.index)] if waited_for else IncidentState.RESOLVED
    if taken and told in {IncidentState.OPEN, IncidentState.ROUTED, IncidentState.ABANDONED}:
        return IncidentState.WITH_OPERATOR
    return told


def by_person(*, taken: bool, parts: Iterable[Assignment], closed: bool, merged: bool) -> bool:
    """Return whether persons or agencies had a hand in the state."""
    return taken or closed or merged or any(not part.by_call_alone for part in parts)


@dataclass(frozen=True, slots=True)
class Milestones:
    """When the incident as a whole came how far, in µs UTC; None: not yet."""

    acknowledged_at: int | None
    en_route_at: int | None
    on_scene_at: int | None
    resolved_at: int | None


def milestones(parts: Sequence[Assignment]) -> Milestones:
    """Return the first time of each step by an agency that is with it; resolved: the last, once all are done."""
    with_it = [part for part in parts if part.with_it]
    done = bool(with_it) and all(part.state is AgencyState.RESOLVED for part in with_it)
    return Milestones(
        acknowledged_at=_first(part.acknowledged_at for part in with_it),
        en_route_at=_first(part.en_route_at for part in with_it),
        on_scene_at=_first(part.on_scene_at for part in with_it),
        resolved_at=max((part.resolved_at or 0 for part in with_it), default=None) if done else None,
    )


def _first(times: Iterable[int | None]) -> int | None:
    return min((at for at in times if at is not None), default=None)


def legal_acts(state: IncidentState, *, supervises: bool) -> list[str]:
    """Return what may be done in `state`, in the order of `Act`."""
    return [
        act.value
        for act in Act
        if act in MOVES[state] and (act is not Act.CLOSE or supervises or state not in UNDER_WAY)
    ]


def legal_moves(part: Assignment, *, of_centre: bool) -> list[str]:
    """Return what an agency's state may become, in the order of `AgencyState`; `of_centre`: said by the centre."""
    return [to.value for to in AgencyState if to in AGENCY_MOVES[part.state] and (of_centre or to not in CENTRE_ONLY)]
