"""Examples of answers about draft and versions, as the documentation shows them."""

from __future__ import annotations

import functools
from datetime import UTC, date, datetime

from callrouter.api import cursor
from callrouter.api import desk_models as models
from callrouter.api.resource_examples import TABLE
from callrouter.api.translate import moment
from callrouter.publishing.model import Changed
from callrouter.routing.facts import Choice, Facts, Origin
from callrouter.routing.values import Text

_SHA = "9f86d081884c7d659a2feaa0c55ad015" * 2
_AT = 1_795_267_207_125_000


@functools.cache
def state() -> models.DraftState:
    return models.DraftState(sha256=_SHA, based_on=12, changed=True, approved_by=None)


@functools.cache
def draft() -> models.Draft:
    return models.Draft(**dict(state()), table=TABLE)


@functools.cache
def differences() -> models.Differences:
    return models.Differences(
        a="version 12",
        b="draft",
        items=[
            models.Difference(
                kind="routes",
                key="fire",
                change=Changed.CHANGED,
                before={"key": "fire", "priority": 500},
                after={"key": "fire", "priority": 510},
            )
        ],
        text="routes/fire\n-priority: 500\n+priority: 510\n",
    )


@functools.cache
def counter_example() -> models.CounterExample:
    return models.CounterExample(
        facts=Facts(origin=Origin.CITIZEN, choice=Choice.NONE, category="fire", trunk="telco"),
        at=datetime(2026, 12, 25, 2, tzinfo=UTC),
        outcomes=["rang-out"],
    )


@functools.cache
def finding() -> models.FindingRow:
    return models.FindingRow(
        rule="V3",
        error=True,
        pointer="/routing/routes/0",
        sentence="No step before the last resort offers the call to anyone.",
        remedy="Add a step that rings an agency or operators.",
        example=counter_example(),
    )


@functools.cache
def report() -> models.VerifyReport:
    return models.VerifyReport(
        verified=False, findings=[finding()], vectors=4212, cells=6, until=datetime(2027, 12, 26, tzinfo=UTC)
    )


@functools.cache
def published() -> models.PublishedVersion:
    return models.PublishedVersion(number=13, sha256=_SHA, live_ms=41.5)


@functools.cache
def _version() -> models.VersionRow:
    return models.VersionRow(
        number=12, sha256=_SHA, published_at=moment(_AT), who="diskominfo-1 (admin)", why="PMI joins", in_force=True
    )


@functools.cache
def versions() -> models.VersionPage:
    return models.VersionPage(items=[_version()], next=cursor.encode(12))


@functools.cache
def version() -> models.VersionWhole:
    return models.VersionWhole(**dict(_version()), table=TABLE)


@functools.cache
def login() -> models.OperatorLogin:
    return models.OperatorLogin(operator="op1", username="op1", secret="mR4tV0aQ7cJx2LwP9sYzK1bN")  # noqa: S106


@functools.cache
def holidays() -> models.HolidayProposal:
    return models.HolidayProposal(
        year=2026,
        items=[
            models.ProposedHoliday(
                date=date(2026, 8, 17),
                name=Text(id="Hari Kemerdekaan Republik Indonesia", en="Independence Day"),
                estimated=False,
            )
        ],
    )
