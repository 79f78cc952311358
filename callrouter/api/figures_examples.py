"""Examples of figures."""

from __future__ import annotations

import functools
from typing import Final
from uuid import UUID

from callrouter.agencies.scoreboard import (
    By,
    ClockFigure,
    Disposed,
    Line,
    MonthlyReport,
    Refusals,
    Remark,
    Scoreboard,
)
from callrouter.agencies.scoreboard_periods import month_period
from callrouter.api import figures_shown as shown
from callrouter.api.figures_models import CsvText, IncidentClocks, MonthlyReportAnswer, RemarkRow, ScoreboardAnswer
from callrouter.incidents.clocks import Clock, Clocked, Moments, Timed, timed, timed_agency
from callrouter.incidents.model import Disposition, incident_id

_S: Final = 1_000_000
_CALL: Final = UUID("0f4c8f5e-30c8-4e62-9a86-1f5a2f0f6112")
_BEGIN: Final = 1_795_267_207_125_000
_PERIOD: Final = month_period("2026-11", "Asia/Jakarta")
_REMARK: Final = Remark("damkar", "2026-11", "Dua mobil rusak sampai 14 November.", "damkar-1 (agency)", _BEGIN, 1)
_CLOCKS: Final = {
    Clock.ACKNOWLEDGEMENT: ClockFigure(31, 0, 28 * _S, 95 * _S),
    Clock.ON_SCENE: ClockFigure(30, 1, 612 * _S, 1_100 * _S),
    Clock.RESOLUTION: ClockFigure(29, 0, 2_400 * _S, 5_100 * _S),
}
_LINE: Final = Line(
    "damkar", calls=40, answered=32, trunk=3, nobody=4, gone=1, incidents=33, due=33, late=3, clocks=_CLOCKS
)
BOARD: Final = Scoreboard(_PERIOD, By.AGENCY, (_LINE,), (_LINE,), (_REMARK,))


@functools.cache
def scoreboard() -> ScoreboardAnswer:
    return shown.scoreboard(BOARD)


@functools.cache
def scoreboard_csv() -> CsvText:
    return CsvText(shown.scoreboard_csv(BOARD).decode())


@functools.cache
def remark() -> RemarkRow:
    return shown.remark(_REMARK)


_CALLS: Final = (20, 60, 30, 230, 70, 5, 585)
REPORTED: Final = MonthlyReport(
    "2026-11",
    _PERIOD,
    sum(_CALLS),
    tuple(Disposed(kind, calls, calls // 10) for kind, calls in zip(Disposition, _CALLS, strict=True)),
    (Refusals(503, "Service Unavailable", 4),),
)


@functools.cache
def monthly() -> MonthlyReportAnswer:
    return shown.monthly(REPORTED)


@functools.cache
def monthly_csv() -> CsvText:
    return CsvText(shown.monthly_csv(REPORTED).decode())


_MOMENTS: Final = Moments(
    invite=_BEGIN,
    menu_begun=_BEGIN + 40_000,
    chosen=_BEGIN + 5 * _S,
    rang=_BEGIN + 5 * _S + 160_000,
    human=_BEGIN + 8 * _S,
    handed=_BEGIN + 60 * _S,
    acknowledged=_BEGIN + 95 * _S,
    on_scene=_BEGIN + 700 * _S,
)
_OF_CALL: Final = Moments(
    **{name: getattr(_MOMENTS, name) for name in ("invite", "menu_begun", "chosen", "rang", "human")}
)
_OF_AGENCY: Final = Moments(**{name: getattr(_MOMENTS, name) for name in ("handed", "acknowledged", "on_scene")})
_AGENCY: Final[Timed] = timed_agency(_OF_AGENCY, ())


@functools.cache
def clocks() -> IncidentClocks:
    return shown.clocks(
        Clocked(incident_id(_CALL), timed(_MOMENTS, ()), ((_CALL, timed(_OF_CALL, ())),), (("damkar", _AGENCY),), 0)
    )
