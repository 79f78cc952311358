"""Clocks, scoreboards and monthly reports, over REST."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from callrouter.access.model import Right
from callrouter.access.tokens import actor
from callrouter.agencies.scoreboard import MAX_DAYS, Period, Remark, RemarkMoved, Scoreboard
from callrouter.api import figures_examples as examples
from callrouter.api import figures_models as m
from callrouter.api import figures_shown as shown
from callrouter.api import problems
from callrouter.api.models import IncidentPath, NoParameters
from callrouter.api.needed import needed
from callrouter.api.operation import Answered, Asked, Body, Sent, Surface
from callrouter.api.preconditions import ANY, moved
from callrouter.api.problems import ApiProblem, Fault, pointer
from callrouter.bilingual import Bilingual

surface = Surface()

CSV: Final = "text/csv"
_DAY_US: Final = 86_400_000_000
_EARLIEST, _LATEST = 946_684_800_000_000, 4_102_444_800_000_000
"""2000 and 2100: what lies beyond is no time of a centre's."""
_STORE: Final = (problems.STORAGE_UNAVAILABLE,)


# ------------------------------------------------------------------------------------------------ scoreboard
async def _board(asked: Asked[NoParameters, m.ScoreboardQuery]) -> Scoreboard:
    begin, end = asked.query.begin, asked.query.end
    for name, at in (("from", begin), ("to", end)):
        if not _EARLIEST <= at <= _LATEST:
            raise _wrong(name, "antara tahun 2000 dan 2100", "between the years 2000 and 2100")
    if not begin < end <= begin + MAX_DAYS * _DAY_US:
        raise _wrong(
            "to",
            f"setelah from, paling lama {MAX_DAYS} hari sesudahnya",
            f"after from, at most {MAX_DAYS} days later",
        )
    return await needed(asked.services.figures).scoreboard(Period(begin, end), asked.query.by)


def _wrong(name: str, rule_id: str, rule_en: str) -> ApiProblem:
    values: dict[str, str | Bilingual] = {"name": name, "rule": Bilingual(rule_id, rule_en)}
    return ApiProblem(Fault(problems.PARAMETER_INVALID, pointer("query", name), values))


@surface.get(
    "/api/v1/scoreboard",
    tag="figures",
    summary=Bilingual("Siapa cepat, siapa lambat", "Who was fast and who was slow"),
    path_model=NoParameters,
    query=m.ScoreboardQuery,
    response=m.ScoreboardAnswer,
    example=examples.scoreboard,
    right=Right.SEE_FIGURES,
    slow=True,
    problems=_STORE,
)
async def read_scoreboard(asked: Asked[NoParameters, m.ScoreboardQuery]) -> m.ScoreboardAnswer:
    """Returns a line for each agency, category, area or shift: calls answered and not answered, those for which a
    line was at fault apart, how fast, what was acknowledged late, and the same of the period of equal length before.
    What counts: docs/clocks.md. Every share stands beside its counts.
    """
    board = await _board(asked)
    return await asyncio.to_thread(shown.scoreboard, board)


@surface.get(
    "/api/v1/scoreboard.csv",
    tag="figures",
    summary=Bilingual("Papan nilai sebagai CSV", "The scoreboard as CSV"),
    path_model=NoParameters,
    query=m.ScoreboardQuery,
    response=m.CsvText,
    example=examples.scoreboard_csv,
    right=Right.SEE_FIGURES,
    media_type=CSV,
    slow=True,
    problems=_STORE,
)
async def read_scoreboard_csv(asked: Asked[NoParameters, m.ScoreboardQuery]) -> Answered[m.CsvText]:
    """Returns the scoreboard for a spreadsheet: a row of each line, UTF-8; times in ms, shares in percent."""
    board = await _board(asked)
    return _csv(await asyncio.to_thread(shown.scoreboard_csv, board))


def _csv(raw: bytes) -> Answered[m.CsvText]:
    return Answered(m.CsvText(raw.decode()), raw=raw)


# ------------------------------------------------------------------------------------------------ month
@surface.get(
    "/api/v1/reports/{month}",
    tag="figures",
    summary=Bilingual("Laporan bulanan untuk pusat nasional", "Monthly report for the national centre"),
    path_model=m.MonthPath,
    query=NoParameters,
    response=m.MonthlyReportAnswer,
    example=examples.monthly,
    right=Right.SEE_FIGURES,
    slow=True,
    problems=_STORE,
)
async def read_monthly_report(asked: Asked[m.MonthPath, NoParameters]) -> m.MonthlyReportAnswer:
    """Returns the calls of a month by disposition: the seven add up to every INVITE that reached the dialplan. Each
    says how many of its calls no person has judged, which are shown by a fixed rule (docs/clocks.md). Refused calls
    stand beside, by reason.
    """
    return shown.monthly(await needed(asked.services.figures).month(asked.path.month))


@surface.get(
    "/api/v1/reports/{month}/csv",
    tag="figures",
    summary=Bilingual("Laporan bulanan sebagai CSV", "The monthly report as CSV"),
    path_model=m.MonthPath,
    query=NoParameters,
    response=m.CsvText,
    example=examples.monthly_csv,
    right=Right.SEE_FIGURES,
    media_type=CSV,
    slow=True,
    problems=_STORE,
)
async def read_monthly_report_csv(asked: Asked[m.MonthPath, NoParameters]) -> Answered[m.CsvText]:
    """Returns the monthly report for a spreadsheet: a row of each disposition, of their sum, and of each reason."""
    return _csv(shown.monthly_csv(await needed(asked.services.figures).month(asked.path.month)))


# ------------------------------------------------------------------------------------------------ an incident
@surface.get(
    "/api/v1/incidents/{id}/clocks",
    tag="figures",
    summary=Bilingual("Waktu-waktu satu laporan", "The clocks of an incident"),
    path_model=IncidentPath,
    query=NoParameters,
    response=m.IncidentClocks,
    example=examples.clocks,
    right=Right.SEE_CALLS,
    problems=(problems.INCIDENT_UNKNOWN, *_STORE),
)
async def read_incident_clocks(asked: Asked[IncidentPath, NoParameters]) -> m.IncidentClocks:
    """Returns every moment of an incident as its source told it, and the intervals between them: as a whole with its
    opening call, of each of its calls, of each of its agencies. An interval within which the clock was set is
    unusable.
    """
    found = await needed(asked.services.figures).clocks(asked.path.id)
    if found is None:
        raise ApiProblem(Fault(problems.INCIDENT_UNKNOWN, pointer("path", "id")))
    return shown.clocks(found)


# ------------------------------------------------------------------------------------------------ remarks
_REMARK: Final[dict[str, Any]] = {
    "tag": "agency",
    "path_model": m.MonthPath,
    "query": NoParameters,
    "response": m.RemarkRow,
    "example": examples.remark,
    "right": Right.OWN_INCIDENTS,
    "tagged": True,
    "problems": _STORE,
}


@surface.get(
    "/api/v1/agency/remarks/{month}",
    summary=Bilingual("Catatan instansi tentang satu bulan", "The agency's remark about a month"),
    **_REMARK,
)
async def read_month_remark(asked: Asked[m.MonthPath, NoParameters]) -> Answered[m.RemarkRow]:
    """Returns what the agency whose token it is says about its figures of a month."""
    return _remark(await needed(asked.services.figures).remark(asked.by.subject or "", asked.path.month))


@surface.send(
    "PUT",
    "/api/v1/agency/remarks/{month}",
    summary=Bilingual("Beri catatan tentang satu bulan", "Say something about a month's figures"),
    body=Body(m.MonthRemarkOrder, examples={"remark": {"text": "Dua mobil rusak sampai 14 November."}}),
    guarded=True,
    **_REMARK,
)
async def put_month_remark(sent: Sent[m.MonthPath, NoParameters, m.MonthRemarkOrder]) -> Answered[m.RemarkRow]:
    """Keeps what the agency says; it stands beside its line of the scoreboard. A month about which nothing was said
    has the ETag "0".
    """
    tags = sent.seen.tags
    seen = None if ANY in tags else frozenset(int(tag) for tag in tags if tag.isascii() and tag.isdigit())
    try:
        said = await needed(sent.services.figures).say(
            sent.by.subject or "", sent.path.month, sent.body.text, actor(sent.by), seen
        )
    except RemarkMoved as error:
        raise moved(str(error.version)) from None
    return _remark(said)


def _remark(one: Remark) -> Answered[m.RemarkRow]:
    return Answered(shown.remark(one), etag=str(one.version))
