"""From what the service knows to what the API shows. The only place where the two meet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from callrouter import clock
from callrouter.api import health_models, incident_models, live_models
from callrouter.api.incident_query import encode_place
from callrouter.api.language import say
from callrouter.bilingual import Bilingual
from callrouter.calls import live, refused
from callrouter.incidents import views
from callrouter.incidents.lifecycle import Assignment
from callrouter.incidents.model import Attempt, Disposition, EventKind, IncidentOrigin, IncidentState, Outcome
from callrouter.incidents.suspicion import Judgement
from callrouter.privacy.masking import WHOLE, Sight
from callrouter.routing.values import Language

moment = clock.moment


def maybe(us: int | None) -> str | None:
    """Return the same of a time that may not be known."""
    return None if us is None else moment(us)


def text(value: str) -> str | None:
    """Return `value`, or None where it is empty.

    Names and numbers come from strangers' phones: what is no Unicode text (a lone surrogate) is replaced, for one
    such caller must not make a whole list unreadable.
    """
    return value.encode("utf-8", "replace").decode("utf-8") or None


def incident_page(
    summaries: Sequence[views.IncidentSummary], limit: int, sight: Sight
) -> incident_models.IncidentPage:
    """Return a page. A full page has a `next`, for nobody knows yet whether more follow."""
    full = len(summaries) >= limit
    return incident_models.IncidentPage(
        items=[incident_row(summary, sight) for summary in summaries],
        next=encode_place(_place(summaries[-1])) if full else None,
    )


def _place(last: views.IncidentSummary) -> views.OpenedPlace:
    return views.OpenedPlace(last.opened, last.number)


def incident_row(summary: views.IncidentSummary, sight: Sight = WHOLE) -> incident_models.IncidentRow:
    """Return one line of a list. sight: left out only where what is returned is masked afterwards."""
    return incident_models.IncidentRow(
        id=summary.id,
        number=summary.number,
        state=IncidentState(summary.state),
        category=text(summary.category),
        opened_at=moment(summary.opened),
        callback=summary.callback,
        caller_number=text(sight.number(summary.caller_number)),
        outcome=_outcome(summary.outcome),
        origin=IncidentOrigin(summary.origin),
        area=text(summary.area),
        place=text(summary.place),
        disposition=Disposition(summary.disposition) if summary.disposition else None,
        sub_code=text(summary.sub_code),
        merged_into=summary.merged_into,
        version=summary.version,
        updated_at=moment(summary.updated),
        cannot_speak=summary.cannot_speak,
    )


def incident_etag(summary: views.IncidentSummary) -> str:
    """Return the ETag of an incident: what persons did, and when anything changed. If-Match looks at the first."""
    return f"{summary.version}-{summary.updated}"


def incident(detail: views.IncidentDetail, sight: Sight) -> incident_models.Incident:
    """Return an incident whole; calls, attempts and timeline in the order of time."""
    row = incident_row(detail.summary, sight)
    return incident_models.Incident(
        **{name: getattr(row, name) for name in incident_models.IncidentRow.model_fields},
        **_case(detail.case, sight),
        agencies=[agency_part(part) for part in detail.agencies],
        calls=[_call(call, sight) for call in sorted(detail.calls, key=lambda call: call.opened)],
        timeline=[_entry(event, sight) for event in sorted(detail.timeline, key=lambda event: event.at)],
    )


def _case(case: views.CaseView, sight: Sight) -> dict[str, Any]:
    return {
        "reporter_number": text(sight.number(case.reporter_number)),
        "reporter_name": text(sight.name(case.reporter_name)),
        "area_source": text(case.area_source),
        "description": text(case.description),
        "people_hurt": case.people_hurt,
        "taken_at": maybe(case.taken_at),
        "taken_by": text(case.taken_by),
        "acknowledged_at": maybe(case.acknowledged_at),
        "en_route_at": maybe(case.en_route_at),
        "on_scene_at": maybe(case.on_scene_at),
        "resolved_at": maybe(case.resolved_at),
        "closed_at": maybe(case.closed_at),
        "closed_reason": text(case.closed_reason),
        "merged_into_number": None if case.merged_into is None else case.merged_into.number,
        "merged": [incident_models.IncidentName(id=one.id, number=one.number) for one in case.merged],
    }


def agency_part(part: Assignment) -> incident_models.IncidentAgency:
    """Return what an agency has to do with an incident."""
    return incident_models.IncidentAgency(
        agency=part.agency,
        state=part.state,
        how=part.how,
        passed_at=moment(part.passed_at),
        passed_by=text(part.passed_by),
        answered_at=maybe(part.answered_at),
        acknowledged_at=maybe(part.acknowledged_at),
        acknowledged_by=text(part.acknowledged_by),
        en_route_at=maybe(part.en_route_at),
        on_scene_at=maybe(part.on_scene_at),
        resolved_at=maybe(part.resolved_at),
        due_at=maybe(part.due_at),
        remark=text(part.remark),
        version=part.version,
        updated_at=moment(part.updated_at),
    )


def _call(call: views.CallView, sight: Sight) -> incident_models.Call:
    return incident_models.Call(
        id=call.id,
        node=call.node,
        origin=call.origin,
        trunk=text(call.trunk),
        number=text(sight.number(call.number)),
        name=text(sight.name(call.name)),
        sent_from=text(sight.number(call.sent_from)),
        opened_at=moment(call.opened),
        answered_at=maybe(call.answered),
        chosen_at=maybe(call.chosen),
        human_at=maybe(call.human),
        ended_at=maybe(call.ended),
        choice=text(call.choice),
        category=text(call.category),
        language=text(call.language),
        stage=text(call.stage),
        path=text(call.path),
        route=text(call.route),
        version=call.version,
        outcome=_outcome(call.outcome),
        recording=text(call.recording),
        cause=text(call.cause),
        facts=call.facts,
        plan=text(call.plan),
        attempts=[_attempt(attempt) for attempt in sorted(call.attempts, key=lambda attempt: attempt.n)],
        cannot_speak=call.cannot_speak,
        suspicion=None if call.judgement is None else suspicion(call.judgement),
    )


def suspicion(judgement: Judgement) -> incident_models.Suspicion:
    """Return how suspect a caller was, with the reasons in both languages."""
    return incident_models.Suspicion(
        score=judgement.score,
        terms=[
            incident_models.ScoreTerm(
                key=term.key, points=term.points, reason=incident_models.Words(id=term.reason.id, en=term.reason.en)
            )
            for term in judgement.terms
        ],
    )


def _attempt(attempt: Attempt) -> incident_models.Attempt:
    return incident_models.Attempt(
        n=attempt.n,
        kind=attempt.kind,
        label=text(attempt.label),
        begun_at=moment(attempt.begun),
        pickup_at=maybe(attempt.pickup),
        human_at=maybe(attempt.human),
        ended_at=maybe(attempt.ended),
        by=text(attempt.by),
        result=text(attempt.result),
        cause=text(attempt.cause),
    )


def _entry(event: views.EventView, sight: Sight) -> incident_models.TimelineEntry:
    return incident_models.TimelineEntry(
        at=moment(event.at), kind=EventKind(event.kind), actor=text(event.actor), data=sight.data(event.data)
    )


def _outcome(outcome: str | None) -> Outcome | None:
    return None if outcome is None else Outcome(outcome)


def live_board(calls: Sequence[live.LiveCall], now_us: int, sight: Sight) -> live_models.LiveBoard:
    """Return the live board as of `now_us` (µs since 1970 UTC)."""
    return live_models.LiveBoard(
        at=moment(now_us),
        total=len(calls),
        items=[live_call(call, sight) for call in sorted(calls, key=lambda call: call.since)[: live_models.MAX_LIVE]],
    )


def live_call(call: live.LiveCall, sight: Sight = WHOLE) -> live_models.LiveCall:
    """Return a call that is up. sight: left out only where what is returned is masked afterwards."""
    return live_models.LiveCall(
        call=call.call,
        incident=call.incident,
        number=text(sight.number(call.number)),
        origin=call.origin,
        trunk=text(call.trunk),
        since=moment(call.since),
        stage=call.stage,
        with_whom=list(call.with_whom),
        cannot_speak=call.cannot_speak,
        category=text(call.category),
        language=text(call.language),
    )


def refused_calls(found: refused.RefusedCalls, sight: Sight) -> live_models.RefusedCalls:
    """Return the refused calls."""
    return live_models.RefusedCalls(
        total=found.total,
        counts=[
            live_models.RefusedCount(
                status=one.status,
                reason=text(one.reason),
                trunk=text(one.trunk),
                source=one.source,
                count=one.count,
                last_at=moment(one.last),
            )
            for one in found.counts
        ],
        newest=[
            live_models.RefusedCall(
                status=call.status,
                reason=text(call.reason),
                trunk=text(call.trunk),
                source=call.source,
                at=moment(call.at),
                node=call.node,
                number=text(sight.number(call.number)),
            )
            for call in found.newest
        ],
    )


_UNCHECKED = Bilingual("tidak diperiksa", "was not checked")


def check_results(checks: Sequence[live.Check], language: Language) -> list[health_models.CheckResult]:
    """Return the checks in `language`; one that must be there and is not counts as failed."""
    given = {check.name for check in checks}
    missing = [live.Check(name, ok=False, detail=_UNCHECKED) for name in live.CHECKS if name not in given]
    return [
        health_models.CheckResult(name=check.name, ok=check.ok, detail=say(check.detail, language))
        for check in (*checks, *missing)
    ]
