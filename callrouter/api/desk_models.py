"""The shapes of what is about directory, routing and versions. Entries themselves are shown as the table has them."""

from __future__ import annotations

from datetime import date as Date  # noqa: N812
from typing import Annotated, Any

from pydantic import AwareDatetime, Field, RootModel, field_validator

from callrouter.api.models import Answer, Moment, Parameters, Sent
from callrouter.api.parameters import WHOLE, Cursor
from callrouter.api.problem_models import Problem
from callrouter.publishing.model import Changed
from callrouter.routing.facts import Facts
from callrouter.routing.table import RoutingTable
from callrouter.routing.values import VISIBLE_LINE, Text, one_line

MAX_PAGE = 200
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$", examples=["9f86d081884c7d659a2feaa0c55ad015" * 2])]
VersionNumber = Annotated[int, Field(ge=1, le=2**31 - 1)]


class MergePatch(RootModel[dict[str, Any]]):
    """What is to change (RFC 7396): members that are given replace, null takes a member back to its default, what
    is not given stays. A list is replaced as a whole.
    """


class WholeTable(RootModel[dict[str, Any]]):
    """A whole table, before it was looked at."""


class Why(Sent):
    """Why a version is published."""

    why: str = Field(
        min_length=1, max_length=500, description="For the history and the audit; one line.", examples=["PMI joins"]
    )

    _line = field_validator("why")(one_line)


# ------------------------------------------------------------------------------------------------ the draft
class DraftState(Answer):
    """The draft, without its content."""

    sha256: Sha256 = Field(description="Hash of its canonical JSON; its ETag.")
    based_on: int | None = Field(description="The version it began from; null before the first.", examples=[12])
    changed: bool = Field(description="True: it differs from the version in force.", examples=[True])
    approved_by: str | None = Field(description="Who approved it as it is; null: nobody.", examples=["diskominfo-2"])


class Draft(DraftState):
    """The draft as a whole, with the directory as it is."""

    table: RoutingTable = Field(description="The whole table; it can be sent back as it is.")


class Difference(Answer):
    """One entry that differs."""

    kind: str = Field(description="categories, menus, routes … or settings.", examples=["routes"])
    key: str = Field(description="Key of the entry; empty for settings.", examples=["fire"])
    change: Changed = Field(description="How it differs.", examples=["changed"])
    before: dict[str, Any] | None = Field(
        description="As it was; null where it was added.", examples=[{"key": "fire", "priority": 500}]
    )
    after: dict[str, Any] | None = Field(
        description="As it is; null where it was removed.", examples=[{"key": "fire", "priority": 510}]
    )


class Differences(Answer):
    """In what one table differs from another."""

    a: str = Field(description="The table before.", examples=["version 12"])
    b: str = Field(description="The table after.", examples=["draft"])
    items: list[Difference] = Field(description="Every entry that differs.")
    text: str = Field(
        description="The same to read, line by line.", examples=["routes/fire:\n-priority: 500\n+priority: 510"]
    )


class AgainstQuery(Parameters):
    """Which table to compare with."""

    against: Annotated[str, Field(pattern="^(in_force|[1-9][0-9]{0,8})$")] = Field(
        default="in_force",
        description="The table before: in_force, or the number of a version.",
        examples=["in_force"],
    )


class WhyQuery(Parameters):
    """Why a version is published, where the body is a table."""

    why: str = Field(
        min_length=1,
        max_length=500,
        description="For the history and the audit; one line.",
        examples=["PMI joins"],
        json_schema_extra={"pattern": VISIBLE_LINE},
    )

    _line = field_validator("why")(one_line)


class PublishedVersion(Answer):
    """A publication that went through."""

    number: int = Field(description="Number of the new version.", ge=1, examples=[13])
    sha256: Sha256 = Field(description="Hash of its canonical JSON.")
    live_ms: float = Field(description="From the commit until service and PBX had it (ms).", ge=0, examples=[41.5])


# ------------------------------------------------------------------------------------------------ versions
class VersionPath(Parameters):
    """Which version."""

    number: Annotated[int, Field(ge=1, le=2**31 - 1), WHOLE] = Field(
        description="Number of the version.", examples=["1"]
    )


class VersionsQuery(Parameters):
    """How many versions."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE), WHOLE] = Field(
        default=50, description="Most versions in one answer (count).", examples=["50"]
    )
    after: Cursor | None = Field(
        default=None,
        description="Go on after this place: the `next` of the page before.",
        examples=["AQAAAAAAAAQAHsXp"],
    )


class VersionRow(Answer):
    """A published version, without its content."""

    number: int = Field(description="Its number; counts up.", ge=1, examples=[12])
    sha256: Sha256 = Field(description="Hash of its canonical JSON.")
    published_at: Moment = Field(description="When it was published.")
    who: str = Field(description="Who published it.", examples=["diskominfo-1 (admin)"])
    why: str = Field(description="Why, in the publisher's words.", examples=["PMI joins"])
    in_force: bool = Field(description="True: calls are routed by it now.", examples=[True])


class VersionPage(Answer):
    """Versions, newest first."""

    items: list[VersionRow] = Field(description="The versions of this page, highest number first.")
    next: str | None = Field(
        description="Cursor for `after`; null on the last page. The page it leads to may be empty.",
        examples=["AQAAAAAAAAQAHsXp"],
    )


class VersionWhole(VersionRow):
    """A published version, with the directory as it was then."""

    table: RoutingTable = Field(description="Routing as published; directory as evidence of what its names meant.")


# ------------------------------------------------------------------------------------------------ secrets, holidays
class OperatorLogin(Answer):
    """What an operator's phone logs in with. Shown this once, kept as a digest."""

    operator: str = Field(description="Key of the operator.", examples=["op1"])
    username: str = Field(description="Name that the phone logs in by.", examples=["op1"])
    secret: str = Field(description="Its new secret; the old one is void.", examples=["mR4tV0aQ7cJx2LwP9sYzK1bN"])


class PasswordOrder(Sent):
    """A trunk's password. It can be written and never read."""

    password: str = Field(
        pattern="^[!-~]{1,128}$",
        description="As the carrier gave it: visible ASCII characters, no blank.",
        examples=["correct-horse-battery"],
    )


class HolidaysQuery(Parameters):
    """Of which year."""

    year: Annotated[int, Field(ge=2020, le=2100), WHOLE] = Field(description="The year.", examples=["2026"])


class ProposedHoliday(Answer):
    """A public holiday, in the form that a schedule takes, but for `estimated`."""

    date: Date = Field(description="The day.", examples=["2026-08-17"])
    name: Text = Field(description="What it is called.")
    estimated: bool = Field(
        description="True: by calculation; the government has yet to announce it.", examples=[False]
    )


class HolidayProposal(Answer):
    """Public holidays of Indonesia, proposed by a library. What counts is what a schedule lists."""

    year: int = Field(description="The year.", examples=[2026])
    items: list[ProposedHoliday] = Field(description="The holidays, by date.")


# ------------------------------------------------------------------------------------------------ verify
class CounterExample(Answer):
    """A call that shows a finding. It can be posted to explain as it is."""

    facts: Facts = Field(description="What is known of the call.")
    at: AwareDatetime = Field(description="When it comes.", examples=["2026-12-25T02:00:00Z"])
    outcomes: list[str] = Field(description="What becomes of each step, in order.", examples=[["rang-out", "nobody"]])


class FindingRow(Answer):
    """One thing that is not as it must be."""

    rule: str = Field(description="V1 to V8, or too_complex (docs/verify.md).", examples=["V3"])
    error: bool = Field(description="True: it must be corrected; false: a warning.", examples=[True])
    pointer: str = Field(description="JSON pointer into the whole table.", examples=["/routing/routes/3"])
    sentence: str = Field(description="What is wrong, in the language of the answer.")
    remedy: str = Field(description="What to do about it, in the language of the answer.")
    example: CounterExample | None = Field(description="The first call that shows it; null where no call does.")


class VerifyReport(Answer):
    """Whether a table may be published."""

    verified: bool = Field(description="True: no finding is an error.", examples=[False])
    findings: list[FindingRow] = Field(description="Everything that was found.")
    vectors: int = Field(description="Kinds of call that were looked at (count).", ge=0, examples=[4212])
    cells: int = Field(description="Kinds of time that were looked at (count).", ge=0, examples=[6])
    until: AwareDatetime = Field(
        description="First instant that was not looked at.", examples=["2027-12-26T00:00:00Z"]
    )


# ------------------------------------------------------------------------------------------------ problems
class UseRow(Answer):
    """Who uses a name."""

    where: str = Field(description="draft, or the version.", examples=["draft"])
    user: str = Field(description="What uses it.", examples=["routes/fire"])
    pointer: str = Field(
        description="JSON pointer into that table.", examples=["/routing/routes/1/steps/0/targets/0"]
    )


class InUseProblem(Problem):
    """Why something cannot be deleted."""

    uses: list[UseRow] = Field(description="What uses it; the first 200.", max_length=200)


class NotVerifiedProblem(Problem):
    """Why a draft is not published."""

    findings: list[FindingRow] = Field(description="What verify found; the first 100.", max_length=100)
