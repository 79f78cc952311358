"""What is known of a call, and how each note or record adds to it. Pure.

The rule that makes order and repetition harmless: every source writes fields of its own, a field changes only for
better evidence (a total order that does not ask when a note came), and everything else is *derived* from the whole:

- the opening: the journal's record before the service's note before a time inferred from anything later;
- the decision: the latest CallRouted; where there is none, an end tells the facts;
- the human on the line: the latest CallJoined;
- the end: a real end before a CUT, then the later one;
- the incident's state, category and call-back: `standing`, from all of these.

So any interleaving and duplication of notes and records gives the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any
from uuid import UUID

from callrouter.calls.ports import CallJoined, CallNote, CallOpened, CallRouted
from callrouter.calls.records import Attempt, Ended, Glimpsed, Opened, Record
from callrouter.incidents.model import CALL_BACK, Disposition, EventKind, IncidentState, Outcome, incident_id
from callrouter.routing.directory import TrunkKind
from callrouter.routing.facts import AreaSource, Choice, Facts, Origin
from callrouter.routing.values import Language, Posture

AGENCY = "agency"
OPERATOR = "operator"
FAILSAFE = "failsafe"
"""Route of the plan that was made by no table."""
SERVICE = "callrouter"
"""Actor of what the service did by itself."""


class Source(IntEnum):
    """How the opening of a call is known; the higher, the better."""

    INFERRED = 0
    NOTE = 1
    JOURNAL = 2


@dataclass(frozen=True, slots=True)
class KnownCall:
    """One row of `call`, field by field. Times in µs UTC."""

    id: UUID
    incident: UUID
    opened_at: int
    direction: str = "in"
    node: str = ""
    opened_source: int = Source.INFERRED
    origin: str = ""
    trunk: str = ""
    number: str = ""
    name: str = ""
    channel: str = ""
    uniqueid: str = ""
    routed_at: int | None = None
    facts: dict[str, Any] | None = None
    decided_route: str = ""
    decided_version: int | None = None
    decided_plan: str = ""
    joined_at: int | None = None
    joined_by: str = ""
    joined_with: str = ""
    ended_at: int | None = None
    answered_at: int | None = None
    chosen_at: int | None = None
    human_at: int | None = None
    choice: str = ""
    category: str = ""
    language: str = ""
    stage: str = ""
    path: str = ""
    version: int | None = None
    route: str = ""
    plan: str = ""
    outcome: str | None = None
    recording: str = ""
    cause: str = ""
    talked_with: str = ""
    sent_from: str = ""
    cannot_speak: bool = False


@dataclass(frozen=True, slots=True)
class KnownEvent:
    """One entry of the timeline that a note or record gives."""

    incident: UUID
    call: UUID
    kind: EventKind
    occurrence: str
    at: int
    actor: str
    data: dict[str, Any] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Added:
    """What one note or record adds.

    call:     the call as it is known now
    event:    its entry of the timeline, or None where it brought nothing better
    attempts: the call's attempts, all of them, or None where they stay as they are
    """

    call: KnownCall
    event: KnownEvent | None = None
    attempts: tuple[Attempt, ...] | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What a call makes of the incident that it opened."""

    state: IncidentState
    category: str
    opened_at: int
    callback: bool
    callback_reason: str
    area: str = ""
    area_source: str = ""
    disposition: str = ""


def call_of(item: CallNote | Record) -> UUID:
    """Return the call that a note or record speaks of."""
    return item.opened.call if isinstance(item, CallOpened) else item.call


def first_sight(item: CallNote | Record) -> KnownCall:
    """Return the row to begin with for a call that is not stored yet."""
    call = call_of(item)
    return KnownCall(id=call, incident=incident_id(call), opened_at=_earliest(item))


def add(call: KnownCall, item: CallNote | Record) -> Added:
    """Add a note or record to what is known. Adding it again changes nothing."""
    if call.opened_source == Source.INFERRED:
        call = replace(call, opened_at=min(call.opened_at, _earliest(item)))
    match item:
        case CallOpened(opened):
            return _opened(call, opened, Source.NOTE)
        case Opened():
            return _opened(call, item, Source.JOURNAL)
        case CallRouted():
            return _routed(call, item)
        case CallJoined():
            return _joined(call, item)
        case Ended():
            return _ended(call, item)
        case Glimpsed():
            return Added(replace(call, node=item.node) if call.opened_source == Source.INFERRED else call)


def standing(call: KnownCall) -> Standing:
    """Return what follows from everything known of the opening call."""
    callback = call.outcome in CALL_BACK
    state = _state(call)
    facts = call.facts or {}
    return Standing(
        state=state,
        category=category_of(call),
        opened_at=call.opened_at,
        callback=callback,
        callback_reason=(call.outcome or "") if callback else "",
        area=facts.get("area") or "",
        area_source=facts.get("area_source") or "",
        disposition=str(Disposition.ABANDONED) if state is IncidentState.ABANDONED else "",
    )


def category_of(call: KnownCall) -> str:
    """Return the call's category: the one decided by, else the one the PBX noted, else empty."""
    return (call.facts or {}).get("category") or call.category


def ran(call: KnownCall) -> tuple[str, str, int | None]:
    """Return route, plan and table version: as the PBX ran them once it has said so, until then as decided."""
    if call.ended_at is not None and (call.plan or call.route):
        return call.route, call.plan, call.version
    return call.decided_route, call.decided_plan, call.decided_version


def _state(call: KnownCall) -> IncidentState:
    reached = call.talked_with or call.joined_with
    if call.outcome == Outcome.ABANDONED:
        return IncidentState.ABANDONED
    if call.outcome in {Outcome.RECORDED, Outcome.NO_MESSAGE}:
        reached = ""  # whoever was on the line for a moment did not keep the caller
    elif call.outcome == Outcome.TALKED:
        reached = reached or OPERATOR
    if reached:
        return IncidentState.WITH_AGENCY if reached == AGENCY else IncidentState.WITH_OPERATOR
    return IncidentState.OPEN if call.routed_at is None and not call.plan else IncidentState.ROUTED


def _earliest(item: CallNote | Record) -> int:
    match item:
        case CallOpened(opened):
            return opened.at
        case Ended(at=at, answered=answered):
            return at if answered is None else min(at, answered)
        case _:
            return item.at


def _opened(call: KnownCall, opened: Opened, source: Source) -> Added:
    if call.opened_source >= source:
        return Added(call)
    known = replace(
        call,
        opened_source=source,
        opened_at=opened.at,
        node=opened.node,
        origin=opened.origin,
        trunk=opened.trunk,
        number=opened.number,
        name=opened.name,
        channel=opened.channel,
        uniqueid=opened.uniqueid,
        sent_from=opened.sent_from,
    )
    told = (call.opened_at, call.node, call.origin, call.trunk)
    if call.opened_source != Source.INFERRED and told == (opened.at, opened.node, opened.origin, opened.trunk):
        return Added(known)  # its entry stands there already, word for word
    data = {"origin": opened.origin, "trunk": opened.trunk}
    return Added(known, KnownEvent(call.incident, call.id, EventKind.OPENED, "", opened.at, opened.node, data))


def _routed(call: KnownCall, note: CallRouted) -> Added:
    data: dict[str, Any] = {
        "route": note.route,
        "version": note.version,
        "category": note.facts.category or "",
    }
    speechless = note.facts.choice is Choice.CANNOT_SPEAK
    if speechless:
        data["cannot_speak"] = True
    event = KnownEvent(call.incident, call.id, EventKind.ROUTED, str(note.at), note.at, SERVICE, data)
    if call.routed_at is not None and call.routed_at >= note.at:
        return Added(replace(call, cannot_speak=speechless or call.cannot_speak), event)
    known = replace(
        call,
        cannot_speak=speechless or call.cannot_speak,
        routed_at=note.at,
        facts=note.facts.model_dump(mode="json"),
        decided_route=note.route,
        decided_version=note.version,
        decided_plan=note.plan_text,
    )
    return Added(known, event)


def _joined(call: KnownCall, note: CallJoined) -> Added:
    reached = AGENCY if note.with_agency else OPERATOR
    event = KnownEvent(
        call.incident, call.id, EventKind.JOINED, f"{note.at} {note.by}", note.at, note.by, {"with": reached}
    )
    if call.joined_at is not None and (call.joined_at, call.joined_by) >= (note.at, note.by):
        return Added(call, event)
    return Added(replace(call, joined_at=note.at, joined_by=note.by, joined_with=reached), event)


def _ended(call: KnownCall, ended: Ended) -> Added:
    if call.ended_at is not None:
        stored = (call.outcome != Outcome.CUT, call.ended_at)
        if stored >= (ended.outcome != Outcome.CUT, ended.at):
            return Added(replace(call, cannot_speak=ended.cannot_speak or call.cannot_speak))
    known = replace(
        call,
        node=ended.node if call.opened_source == Source.INFERRED else call.node,
        ended_at=ended.at,
        answered_at=ended.answered,
        chosen_at=ended.chosen,
        human_at=ended.human,
        choice=ended.choice,
        category=ended.category,
        language=ended.language,
        stage=ended.stage,
        path=ended.path,
        version=ended.version,
        route=ended.route,
        plan=ended.plan,
        outcome=str(ended.outcome),
        recording=ended.recording,
        cause=ended.cause,
        talked_with=_talked_with(ended.attempts),
        cannot_speak=ended.cannot_speak or call.cannot_speak,
        facts=_facts(ended) if call.routed_at is None else call.facts,
    )
    data: dict[str, Any] = {"outcome": str(ended.outcome), "stage": ended.stage, "path": ended.path}
    if ended.cannot_speak:
        data["cannot_speak"] = True
    if ended.outcome == Outcome.CUT:
        data["end_known_by"] = ended.cause
    event = KnownEvent(call.incident, call.id, EventKind.ENDED, "", ended.at, ended.node, data)
    return Added(known, event, tuple({a.n: a for a in ended.attempts}.values()))


def _facts(ended: Ended) -> dict[str, Any] | None:
    """Return the facts by which a plan was made that `decide` had made; None where the PBX took none.

    For calls of whose choice there is no note: the PBX took the plan by its failsafe, the queue of notes was full, or
    a note was lost with the service.
    """
    if ended.version is None or ended.route == FAILSAFE:
        return None
    source, _, code = ended.area.partition("/")
    try:
        origin = Origin(ended.origin)
        by_phone = origin is Origin.OPERATOR
        kind = TrunkKind.CARRIER if origin is Origin.CITIZEN else None if by_phone else TrunkKind(origin.value)
        facts = Facts(
            origin=origin,
            choice=Choice.NONE if ended.category else Choice(ended.choice),
            category=ended.category or None,
            area=code or None,
            area_source=AreaSource(source) if source else None,
            trunk=None if by_phone else ended.trunk or None,
            trunk_kind=kind,
            language=Language(ended.language),
            suspicion=ended.suspicion,
            posture=Posture(ended.posture or Posture.GREEN),
            unavailable=tuple(ended.away.split("+")) if ended.away else (),
        )
    except ValueError:  # of a PBX that does not write all of it, or a line that only looks like one of ours
        return None
    return facts.model_dump(mode="json")


def _talked_with(attempts: tuple[Attempt, ...]) -> str:
    # "began" with a proven human: the caller hung up first, and the step had no time to note its result.
    talked = [a for a in attempts if a.result == "talked" or (a.result == "began" and a.human is not None)]
    if not talked:
        return ""
    return AGENCY if max(talked, key=lambda a: a.n).kind in {"dial", "static"} else OPERATOR
