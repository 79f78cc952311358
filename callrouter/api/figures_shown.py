"""From figures to what the API shows of them, as JSON and as CSV. Made in a thread: a board may have many lines."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any, Final

from callrouter.agencies.scoreboard import By, Line, MonthlyReport, Remark, Scoreboard
from callrouter.api import figures_models as m
from callrouter.api.translate import maybe, moment, text
from callrouter.incidents.clocks import PRESETS, Clock, Clocked, Moments, Timed

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would take for the beginning of a formula."""


def percent(part: int, whole: int) -> float | None:
    """Return the share in percent, to one decimal; None of none."""
    return None if whole == 0 else round(100 * part / whole, 1)


def _ms(us: int | None) -> int | None:
    return None if us is None else round(us / 1000)


def _figures(line: Line) -> dict[str, Any]:
    return {
        "calls": line.calls,
        "left_out": line.left_out,
        "answered": line.answered,
        "answered_percent": percent(line.answered, line.calls),
        "waiting": line.waiting,
        "trunk": line.trunk,
        "nobody": line.nobody,
        "gone": line.gone,
        "incidents": line.incidents,
        "acknowledgements_due": line.due,
        "acknowledged_late": line.late,
        "within": [
            m.WithinRow(seconds=one.seconds, answered=one.answered, of=one.of, percent=one.percent)
            for one in line.within
        ],
        "clocks": [
            m.ClockRow(
                clock=clock,
                measured=one.measured,
                unusable=one.unusable,
                median_ms=_ms(one.median),
                p90_ms=_ms(one.p90),
            )
            for clock, one in line.clocks.items()
        ],
    }


def remark(one: Remark) -> m.RemarkRow:
    """Return an agency's remark."""
    said = one.version > 0
    return m.RemarkRow(
        agency=one.agency, month=one.month, text=one.text, by=text(one.by), at=maybe(one.at if said else None)
    )


def scoreboard(board: Scoreboard) -> m.ScoreboardAnswer:
    """Return a scoreboard."""
    before = {line.key: line for line in board.before}
    keys = {line.key: line for line in (*board.before, *board.lines)}
    now = {line.key: line for line in board.lines}
    # A line that only the period before had is shown, too: whoever was never rung this month was in the last.
    ordered = sorted(keys, key=lambda key: (key == "", key))
    return m.ScoreboardAnswer(
        begin=moment(board.period.begin),
        end=moment(board.period.end),
        before_from=moment(board.period.before.begin),
        by=board.by,
        lines=[
            m.ScoreboardLine(
                key=text(key),
                **_figures(now.get(key, Line(key))),
                before=m.LineFigures(**_figures(before[key])) if key in before else None,
                remarks=[remark(one) for one in board.remarks if one.agency == key and one.text],
            )
            for key in ordered
        ],
    )


def monthly(report: MonthlyReport) -> m.MonthlyReportAnswer:
    """Return a monthly report."""
    return m.MonthlyReportAnswer(
        month=report.month,
        begin=moment(report.period.begin),
        end=moment(report.period.end),
        invites=report.invites,
        dispositions=[
            m.DispositionRow(
                disposition=one.disposition,
                calls=one.calls,
                undisposed=one.undisposed,
                percent=percent(one.calls, report.invites),
            )
            for one in report.disposed
        ],
        refused=[m.RefusalRow(status=one.status, reason=one.reason, calls=one.calls) for one in report.refused],
    )


# ------------------------------------------------------------------------------------------------ CSV
_COUNTED: Final = (
    "calls", "left_out", "answered", "answered_percent", "waiting", "trunk", "nobody", "gone", "incidents",
    "acknowledgements_due", "acknowledged_late",
)  # fmt: skip
_OF_CLOCK: Final = ("measured", "unusable", "median_ms", "p90_ms")
_OF_PRESET: Final = ("answered", "of", "percent")


def scoreboard_csv(board: Scoreboard) -> bytes:
    """Return a scoreboard as CSV: a row of each line, the period before with `before_` in its names."""
    shown = scoreboard(board)
    names = _names()
    header = ["from", "to", shown.by.value, *names, *(f"before_{name}" for name in names), "remarks"]
    rows = [
        [
            shown.begin,
            shown.end,
            line.key,
            *_cells(line, names),
            *(_cells(line.before, names) if line.before is not None else [None] * len(names)),
            " / ".join(f"{one.month}: {one.text}" for one in line.remarks),
        ]
        for line in shown.lines
    ]
    return _csv([header, *rows])


def _names() -> list[str]:
    presets = [f"within_{s}_s_{name}" for s in PRESETS for name in _OF_PRESET]
    return [*_COUNTED, *presets, *(f"{clock}_{name}" for clock in Clock for name in _OF_CLOCK)]


def _cells(line: m.LineFigures, names: Iterable[str]) -> list[Any]:
    cells: Mapping[str, Any] = {
        **{name: getattr(line, name) for name in _COUNTED},
        **{f"within_{one.seconds}_s_{name}": getattr(one, name) for one in line.within for name in _OF_PRESET},
        **{f"{one.clock}_{name}": getattr(one, name) for one in line.clocks for name in _OF_CLOCK},
    }
    return [cells.get(name) for name in names]


def monthly_csv(report: MonthlyReport) -> bytes:
    """Return a monthly report as CSV: the seven, their sum, then what was refused."""
    shown = monthly(report)
    rows: list[list[Any]] = [["month", "kind", "name", "calls", "undisposed", "percent"]]
    rows += [
        [shown.month, "disposition", one.disposition.value, one.calls, one.undisposed, one.percent]
        for one in shown.dispositions
    ]
    undisposed = sum(one.undisposed for one in shown.dispositions)
    rows.append([shown.month, "sum", "invites", shown.invites, undisposed, percent(shown.invites, shown.invites)])
    rows += [[shown.month, "refused", f"{one.status} {one.reason}", one.calls, None, None] for one in shown.refused]
    return _csv(rows)


def _csv(rows: Iterable[list[Any]]) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerows([_cell(one) for one in row] for row in rows)
    return written.getvalue().encode()


def _cell(value: Any) -> Any:
    # A text of somebody's that a spreadsheet would run is shown as text (OWASP, CSV injection).
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


# ------------------------------------------------------------------------------------------------ an incident
def clocks(found: Clocked) -> m.IncidentClocks:
    """Return the clocks of an incident."""
    return m.IncidentClocks(
        incident=found.incident,
        **_timed(found.whole),
        calls=[m.CallClocks(call=call, **_timed(one)) for call, one in found.calls],
        agencies=[m.AgencyClocks(agency=agency, **_timed(one)) for agency, one in found.agencies],
        clock_steps=found.steps,
    )


def _timed(one: Timed) -> dict[str, Any]:
    return {
        "moments": m.MomentsRow(**{name: maybe(getattr(one.moments, name)) for name in Moments.__slots__}),
        "intervals": [
            m.IntervalRow(
                clock=clock,
                begin=moment(of.begin),
                end=moment(of.end),
                ms=None if of.us is None else of.us / 1000,
                unusable=of.unusable,
            )
            for clock, of in one.intervals.items()
        ],
    }


__all__ = ["By", "clocks", "monthly", "monthly_csv", "percent", "remark", "scoreboard", "scoreboard_csv"]
