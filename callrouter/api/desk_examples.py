"""Examples of answers about draft and versions, as the documentation shows them."""

from __future__ import annotations

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

STATE = models.DraftState(sha256=_SHA, based_on=12, changed=True, approved_by=None)
DRAFT = models.Draft(**dict(STATE), table=TABLE)
DIFFERENCES = models.Differences(
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
COUNTER_EXAMPLE = models.CounterExample(
    facts=Facts(origin=Origin.CITIZEN, choice=Choice.NONE, category="fire", trunk="telco"),
    at=datetime(2026, 12, 25, 2, tzinfo=UTC),
    outcomes=["rang-out"],
)
FINDING = models.FindingRow(
    rule="V3",
    error=True,
    pointer="/routing/routes/0",
    sentence="No step before the last resort offers the call to anyone.",
    remedy="Add a step that rings an agency or operators.",
    example=COUNTER_EXAMPLE,
)
REPORT = models.VerifyReport(
    verified=False, findings=[FINDING], vectors=4212, cells=6, until=datetime(2027, 12, 26, tzinfo=UTC)
)
PUBLISHED = models.PublishedVersion(number=13, sha256=_SHA, live_ms=41.5)
_VERSION = models.VersionRow(
    number=12, sha256=_SHA, published_at=moment(_AT), who="diskominfo-1 (admin)", why="PMI joins", in_force=True
)
VERSIONS = models.VersionPage(items=[_VERSION], next=cursor.encode(12))
VERSION = models.VersionWhole(**dict(_VERSION), table=TABLE)
LOGIN = models.OperatorLogin(operator="op1", username="op1", secret="mR4tV0aQ7cJx2LwP9sYzK1bN")  # noqa: S106
HOLIDAYS = models.HolidayProposal(
    year=2026,
    items=[
        models.ProposedHoliday(
            date=date(2026, 8, 17),
            name=Text(id="Hari Kemerdekaan Republik Indonesia", en="Independence Day"),
            estimated=False,
        )
    ],
)
