"""What was counted of days that are over, so that a scoreboard need not read their calls again. PostgreSQL only: on
SQLite these tables stay empty.

A day is one of Jakarta (UTC+7), whatever the centre's time zone: where it is another, the first and the last hour or
two of a month are read from their rows. What is kept of it holds as long as nothing of it changes.
Whatever changes a call, an attempt, a ring, an incident or an agency's part marks the day, by triggers of migration
0014 and in the same transaction: whoever sees the change sees the mark.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, BigInteger, Column, Table
from sqlalchemy.dialects.postgresql import ARRAY

from callrouter.storage import tables as t
from callrouter.storage.columns import CleanText, Counted, Whole

DAY_US: Final = 86_400_000_000
FIRST_DAY_US: Final = -25_200_000_000
"""When day 0 began."""
SLICE_US: Final = 900_000_000
"""A quarter of an hour: what lines by shift are put together from."""

_NUMBERS: Final = ARRAY(BigInteger).with_variant(JSON(), "sqlite")


def day_of(at: int) -> int:
    """Return the day of a moment."""
    return (at - FIRST_DAY_US) // DAY_US


def day_begin(day: int) -> int:
    """Return when a day begins; it ends when the next one does."""
    return FIRST_DAY_US + day * DAY_US


# A day whose changes are marked from now on; with `made_at`: it is kept.
figure_day = Table(
    "figure_day",
    t.metadata,
    Column("day", Whole, primary_key=True, autoincrement=False),
    # Transactions below this one may have changed the day without a mark: it is not made before they have ended.
    Column("marked_from", Whole, nullable=True),
    Column("made_at", Whole, nullable=True),
    # callrouter.storage.figures_cells.FORM, as it was made.
    Column("form", Whole, nullable=True),
    # The first and the last moment that anything kept of it was measured between.
    Column("first_at", Whole, nullable=True),
    Column("last_at", Whole, nullable=True),
)

# Something of a day changed since it was made. Only ever added, so that no writer waits for another one.
figure_mark = Table(
    "figure_mark",
    t.metadata,
    Column("id", Counted, primary_key=True, autoincrement=True),
    Column("day", Whole, nullable=False, index=True),
    sqlite_autoincrement=True,
)

# What was counted of a day for one line: callrouter.storage.figures_cells.
figure_cell = Table(
    "figure_cell",
    t.metadata,
    Column("day", Whole, primary_key=True, autoincrement=False),
    Column("kind", CleanText(t.KEY), primary_key=True),
    Column("key", CleanText(t.KEY), primary_key=True),
    Column("counts", _NUMBERS, nullable=False),
    # Every value of each clock, in microseconds: medians are as true as those of the rows.
    Column("clock_1", _NUMBERS, nullable=True),
    Column("clock_2", _NUMBERS, nullable=True),
    Column("clock_3", _NUMBERS, nullable=True),
    Column("clock_4", _NUMBERS, nullable=True),
)
