"""The shapes of clocks, scoreboards and monthly reports."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from pydantic import Field, RootModel

from callrouter.agencies.scoreboard import By
from callrouter.api.models import Answer, Moment, Parameters, Sent
from callrouter.api.parameters import When
from callrouter.incidents.clocks import Clock
from callrouter.incidents.model import Disposition

MONTH: Final = r"^20[0-9]{2}-(0[1-9]|1[0-2])$"
MAX_REMARK: Final = 2_000
Count = Annotated[int, Field(ge=0, examples=[12])]
Share = Annotated[float, Field(ge=0, le=100, examples=[91.7])]


class MonthPath(Parameters):
    """Which month."""

    month: Annotated[str, Field(pattern=MONTH)] = Field(
        description="Month of the centre's time zone.", examples=["2026-11"]
    )


class ScoreboardQuery(Parameters):
    """Which period, and what its lines stand for."""

    begin: When = Field(alias="from", description="First instant of the period.", examples=["2026-10-31T17:00:00Z"])
    end: When = Field(
        alias="to",
        description="End of the period, which is not in it; at most 366 days after `from`.",
        examples=["2026-11-30T17:00:00Z"],
    )
    by: By = Field(default=By.AGENCY, description="What the lines stand for.", examples=["agency"])


class CsvText(RootModel[str]):
    """Comma-separated values (RFC 4180), the first line with the names."""


class ClockRow(Answer):
    """What one clock showed (docs/clocks.md)."""

    clock: Clock = Field(description="Which one.")
    measured: Count = Field(description="How often it was measured and usable (count).")
    unusable: Count = Field(description="How often the clock was set meanwhile (count).")
    median_ms: int | None = Field(description="Median of the usable ones (ms), nearest rank.", examples=[8200])
    p90_ms: int | None = Field(
        description="What nine tenths of them do not exceed (ms), nearest rank.", examples=[15400]
    )


class WithinRow(Answer):
    """Calls that a human answered within so many seconds of the INVITE."""

    seconds: int = Field(description="Seconds (s).", ge=1, examples=[10])
    answered: Count = Field(description="Answered within them (count).")
    of: Count = Field(
        description="Of how many: calls that count, without those that ended unanswered within that time (count)."
    )
    percent: Share | None = Field(description="The share (%); null of none.")


class LineFigures(Answer):
    """Figures of one line."""

    calls: Count = Field(description="Calls that count; by agency: how often it was rung (count).")
    left_out: Count = Field(description="Tests and calls from operators' telephones, which do not count (count).")
    answered: Count = Field(description="Answered by a human (count).")
    answered_percent: Share | None = Field(description="Share of `calls` (%); null of none.")
    waiting: Count = Field(description="Not answered yet (count).")
    trunk: Count = Field(description="Not answered, for the line was at fault (count).")
    nobody: Count = Field(description="Not answered though somebody was rung (count).")
    gone: Count = Field(
        description="Ended before anybody was rung; by agency: the caller went while it rang (count)."
    )
    incidents: Count = Field(description="Incidents opened; by agency: that it got (count).")
    acknowledgements_due: Count = Field(description="Acknowledgements that were due (count).")
    acknowledged_late: Count = Field(description="Of these late, or missing (count).")
    within: list[WithinRow] = Field(description="Answered in time, by preset; by agency none.", max_length=5)
    clocks: list[ClockRow] = Field(description="What the clocks showed.", max_length=8)


class RemarkRow(Answer):
    """What an agency says about its figures of a month."""

    agency: str = Field(description="Key of the agency.", examples=["damkar"])
    month: str = Field(description="The month.", examples=["2026-11"])
    text: str = Field(description="What it says.", examples=["Dua mobil rusak sampai 14 November."])
    by: str | None = Field(description="Who said it.", examples=["damkar-1 (agency)"])
    at: Moment | None = Field(description="When; null: nothing was ever said.")


class ScoreboardLine(LineFigures):
    """One line of the scoreboard, with the same of the period before."""

    key: str | None = Field(
        description="Key of the agency, category, area or shift (without shifts: the hour); null: of what has none.",
        examples=["damkar"],
    )
    before: LineFigures | None = Field(description="The period before; null: it had no such line.")
    remarks: list[RemarkRow] = Field(description="What the agency says about months of the period.")


class ScoreboardAnswer(Answer):
    """Who was fast and who was slow."""

    begin: Moment = Field(alias="from", description="First instant of the period.")
    end: Moment = Field(alias="to", description="Its end, which is not in it.")
    before_from: Moment = Field(description="First instant of the period before, which ends where this one begins.")
    by: By = Field(description="What the lines stand for.")
    lines: list[ScoreboardLine] = Field(description="In the order of their keys, what has none last.")


class DispositionRow(Answer):
    """Calls of one disposition."""

    disposition: Disposition = Field(description="What they turned out to be.")
    calls: Count = Field(description="How many (count).")
    undisposed: Count = Field(description="Of them how many no person has judged (count).")
    percent: Share | None = Field(description="Share of `invites` (%); null of none.")


class RefusalRow(Answer):
    """Calls that were refused before they reached the dialplan."""

    status: int = Field(description="SIP status.", examples=[503])
    reason: str = Field(description="Reason as it was sent.", examples=["Service Unavailable"])
    calls: Count = Field(description="How many (count).")


class MonthlyReportAnswer(Answer):
    """A month for the national monitoring centre."""

    month: str = Field(description="The month.", pattern=MONTH, examples=["2026-11"])
    begin: Moment = Field(alias="from", description="Its first instant.")
    end: Moment = Field(alias="to", description="Its end, which is not in it.")
    invites: Count = Field(description="Calls that reached the dialplan: the sum of the seven (count).")
    dispositions: list[DispositionRow] = Field(description="All seven.", min_length=7, max_length=7)
    refused: list[RefusalRow] = Field(description="Beside them, by status and reason.")


class IntervalRow(Answer):
    """One interval."""

    clock: Clock = Field(description="Which one.")
    begin: Moment = Field(alias="from", description="Where it begins.")
    end: Moment = Field(alias="to", description="Where it ends.")
    ms: float | None = Field(description="Its length (ms); null: unusable.", examples=[8200.125])
    unusable: bool = Field(description="True: the clock was set meanwhile.")


class MomentsRow(Answer):
    """Moments, each as its source told it; null: not known, or not yet."""

    invite: Moment | None = Field(description="The INVITE reached the dialplan (PBX).")
    menu_begun: Moment | None = Field(description="The PBX answered and began to speak (PBX).")
    chosen: Moment | None = Field(description="The menu ended (PBX).")
    rang: Moment | None = Field(description="The first telephone was rung (service).")
    human: Moment | None = Field(description="A human was joined to the caller (PBX).")
    handed: Moment | None = Field(description="The first agency got it.")
    acknowledged: Moment | None = Field(description="It was acknowledged (agency).")
    en_route: Moment | None = Field(description="Help was on its way (agency).")
    on_scene: Moment | None = Field(description="Help was there (agency).")
    resolved: Moment | None = Field(description="It was done (agency).")


class TimedRow(Answer):
    """Moments, and the intervals between them."""

    moments: MomentsRow = Field(description="Raw.")
    intervals: list[IntervalRow] = Field(description="Those both of whose ends are known.", max_length=8)


class CallClocks(TimedRow):
    """The clocks of one call."""

    call: UUID = Field(description="Id of the call.")


class AgencyClocks(TimedRow):
    """The clocks of one agency: they begin when it got the incident."""

    agency: str = Field(description="Key of the agency.", examples=["damkar"])


class IncidentClocks(TimedRow):
    """The clocks of an incident as a whole, with its opening call; of its calls; of its agencies."""

    incident: UUID = Field(description="Id of the incident.")
    calls: list[CallClocks] = Field(description="Of its calls, the first 50.", max_length=50)
    agencies: list[AgencyClocks] = Field(description="Of its agencies.")
    clock_steps: Count = Field(description="How often the clock was set within any of it (count).")


class MonthRemarkOrder(Sent):
    """What an agency says about its figures of a month."""

    text: Annotated[str, Field(max_length=MAX_REMARK)] = Field(
        description="The remark, in place of the one before; empty: none.",
        examples=["Dua mobil rusak sampai 14 November."],
    )
