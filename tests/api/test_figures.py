"""Clocks, scoreboards, monthly reports and agencies' remarks, over REST."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import aiohttp
import pytest

from callrouter.access.model import Role
from callrouter.agencies.scoreboard import By, MonthlyReport, Period, Remark, RemarkMoved, Scoreboard
from callrouter.api import figures_examples as examples
from callrouter.api.server import ApiServer
from callrouter.incidents.clocks import Clocked, Moments, timed
from tests.api.conftest import Start, session_of
from tests.api.fakes import Managed
from tests.api.support import Client

BOARD = "/api/v1/scoreboard?from=2026-10-31T17:00:00Z&to=2026-11-30T17:00:00Z"
CSV = BOARD.replace("scoreboard", "scoreboard.csv")
REMARK = "/api/v1/agency/remarks/2026-11"


class FakeFigures:
    """Figures as they are told."""

    def __init__(self) -> None:
        self.board = examples.BOARD
        self.report = examples.REPORTED
        self.asked: list[Any] = []
        self.found: dict[UUID, Clocked] = {}
        self.said = Remark("damkar", "2026-11")

    async def scoreboard(self, period: Period, by: By) -> Scoreboard:
        self.asked.append((period, by))
        return replace(self.board, by=by)

    async def month(self, month: str) -> MonthlyReport:
        self.asked.append(month)
        return self.report

    async def clocks(self, incident: UUID) -> Clocked | None:
        return self.found.get(incident)

    async def remark(self, agency: str, month: str) -> Remark:
        self.asked.append((agency, month))
        return self.said

    async def say(self, agency: str, month: str, text: str, by: str, seen: frozenset[int] | None) -> Remark:
        if seen is not None and self.said.version not in seen:
            raise RemarkMoved(self.said.version)
        self.said = Remark(agency, month, text, by, 1_795_267_207_125_000, self.said.version + 1)
        return self.said


@pytest.fixture
def figures() -> FakeFigures:
    return FakeFigures()


@pytest.fixture
async def server(start: Start, figures: FakeFigures) -> ApiServer:
    return await start(figures=figures)


@pytest.fixture
async def agency(server: ApiServer, managed: Managed) -> AsyncIterator[Client]:
    async with session_of(managed, Role.AGENCY) as session:
        yield Client(session, server.port)


async def test_scoreboard_shows_each_line_with_the_period_before_and_the_agencys_remark(
    client: Client, figures: FakeFigures
) -> None:
    reply = await client.ask(BOARD)
    assert reply.status == 200
    assert figures.asked == [(Period(1_793_466_000_000_000, 1_796_058_000_000_000), By.AGENCY)]
    (line,) = reply.json["lines"]
    assert (line["key"], line["calls"], line["answered"], line["trunk"], line["nobody"]) == ("damkar", 40, 32, 3, 4)
    assert (line["acknowledged_late"], line["acknowledgements_due"]) == (3, 33)
    assert line["clocks"][0] == {
        "clock": "acknowledgement",
        "measured": 31,
        "unusable": 0,
        "median_ms": 28_000,
        "p90_ms": 95_000,
    }
    assert line["before"]["calls"] == 40
    assert [one["text"] for one in line["remarks"]] == ["Dua mobil rusak sampai 14 November."]


async def test_line_that_only_the_period_before_had_is_shown_too(client: Client, figures: FakeFigures) -> None:
    figures.board = replace(examples.BOARD, lines=(), remarks=())
    (line,) = (await client.ask(BOARD)).json["lines"]
    assert (line["key"], line["calls"], line["answered_percent"], line["before"]["calls"]) == ("damkar", 0, None, 40)


@pytest.mark.parametrize("by", list(By))
async def test_lines_are_by_what_is_asked(client: Client, figures: FakeFigures, by: By) -> None:
    reply = await client.ask(f"{BOARD}&by={by}")
    assert (reply.status, reply.json["by"]) == (200, by)
    assert figures.asked[0][1] is by


@pytest.mark.parametrize(
    ("begin", "end", "at"),
    [
        ("2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z", "/query/to"),
        ("2026-11-02T00:00:00Z", "2026-11-01T00:00:00Z", "/query/to"),
        ("2024-11-01T00:00:00Z", "2026-11-01T00:00:00Z", "/query/to"),
        ("1970-01-01T00:00:00Z", "1970-02-01T00:00:00Z", "/query/from"),
        ("2099-12-31T00:00:00Z", "2100-02-01T00:00:00Z", "/query/to"),
    ],
)
async def test_period_that_is_none_is_refused(client: Client, begin: str, end: str, at: str) -> None:
    reply = await client.ask(f"/api/v1/scoreboard?from={begin}&to={end}")
    assert (reply.status, reply.json["code"]) == (400, "parameter_invalid")
    assert at in str(reply.json)


async def test_csv_has_the_counts_beside_every_share(server: ApiServer, session: aiohttp.ClientSession) -> None:
    async with session.get(f"http://127.0.0.1:{server.port}{CSV}") as reply:
        assert (reply.status, reply.content_type) == (200, "text/csv")
        (row,) = csv.DictReader(io.StringIO(await reply.text()))
    assert (row["agency"], row["calls"], row["answered"], row["answered_percent"]) == ("damkar", "40", "32", "80.0")
    assert (row["acknowledgement_measured"], row["acknowledgement_median_ms"]) == ("31", "28000")
    assert row["before_calls"] == "40"
    assert row["remarks"] == "2026-11: Dua mobil rusak sampai 14 November."
    shares = [name for name in row if name.endswith("_percent")]
    for name in shares:
        assert {name.replace("_percent", "_of"), name.replace("answered_percent", "calls")} & set(row)


async def test_text_that_a_spreadsheet_would_run_is_shown_as_text(
    server: ApiServer, session: aiohttp.ClientSession, figures: FakeFigures
) -> None:
    figures.board = replace(examples.BOARD, lines=(replace(examples.BOARD.lines[0], key="=1+1"),), before=())
    async with session.get(f"http://127.0.0.1:{server.port}{CSV}") as reply:
        (row,) = csv.DictReader(io.StringIO(await reply.text()))
    assert row["agency"] == "'=1+1"


async def test_monthly_report_adds_up_and_says_what_nobody_judged(client: Client, figures: FakeFigures) -> None:
    reply = await client.ask("/api/v1/reports/2026-11")
    assert (reply.status, figures.asked) == (200, ["2026-11"])
    rows = reply.json["dispositions"]
    assert sum(row["calls"] for row in rows) == reply.json["invites"] == 1000
    assert len(rows) == 7
    assert rows[3] == {"disposition": "prank", "calls": 230, "undisposed": 23, "percent": 23.0}
    assert reply.json["refused"] == [{"status": 503, "reason": "Service Unavailable", "calls": 4}]


async def test_monthly_report_as_csv_adds_up(server: ApiServer, session: aiohttp.ClientSession) -> None:
    async with session.get(f"http://127.0.0.1:{server.port}/api/v1/reports/2026-11/csv") as reply:
        assert (reply.status, reply.content_type) == (200, "text/csv")
        rows = list(csv.DictReader(io.StringIO(await reply.text())))
    assert [row["kind"] for row in rows] == ["disposition"] * 7 + ["sum", "refused"]
    assert sum(int(row["calls"]) for row in rows[:7]) == int(rows[7]["calls"])


@pytest.mark.parametrize("month", ["2026-13", "2026-00", "1999-01", "2026-1", "november"])
async def test_month_that_is_none_is_refused(client: Client, month: str) -> None:
    reply = await client.ask(f"/api/v1/reports/{month}")
    assert (reply.status, reply.json["code"]) == (400, "parameter_invalid")


async def test_clocks_are_shown_raw_with_their_intervals(client: Client, figures: FakeFigures) -> None:
    incident = examples.clocks().incident
    at = 1_795_267_207_000_000
    figures.found[incident] = Clocked(incident, timed(Moments(invite=at, human=at + 8_200_125), ()), (), (), 0)
    reply = await client.ask(f"/api/v1/incidents/{incident}/clocks")
    assert reply.status == 200
    assert reply.json["moments"]["human"] == "2026-11-21T13:20:15.200125Z"
    assert reply.json["moments"]["on_scene"] is None
    (answer,) = reply.json["intervals"]
    assert (answer["clock"], answer["ms"], answer["unusable"]) == ("answer", 8200.125, False)


async def test_incident_that_is_not_there_has_no_clocks(client: Client) -> None:
    reply = await client.ask(f"/api/v1/incidents/{examples.clocks().incident}/clocks")
    assert (reply.status, reply.json["code"]) == (404, "incident_unknown")


async def test_agency_keeps_its_own_remark_and_loses_nobodys_change(agency: Client, server: ApiServer) -> None:
    session, url = agency.session, f"http://127.0.0.1:{server.port}{REMARK}"
    async with session.get(url) as reply:
        assert (reply.status, reply.headers["ETag"], (await reply.json())["at"]) == (200, '"0"', None)
    body = {"text": "Dua mobil rusak."}
    async with session.put(url, json=body) as reply:
        assert reply.status == 428
    async with session.put(url, json=body, headers={"If-Match": '"0"'}) as reply:
        shown = await reply.json()
        assert (reply.status, reply.headers["ETag"], shown["text"]) == (200, '"1"', "Dua mobil rusak.")
    async with session.put(url, json=body, headers={"If-Match": '"0"'}) as reply:
        assert (reply.status, reply.headers["ETag"]) == (412, '"1"')


async def test_agency_sees_no_figures_and_others_write_no_remarks(client: Client, agency: Client) -> None:
    assert (await agency.ask(BOARD)).status == 403
    assert (await client.ask(REMARK)).status == 403


async def test_without_a_database_it_is_said_so(start: Start, session: aiohttp.ClientSession) -> None:
    alone = await start(figures=None)
    reply = await Client(session, alone.port).ask(BOARD)
    assert (reply.status, reply.json["code"]) == (503, "storage_unavailable")
