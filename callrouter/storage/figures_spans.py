"""The times of shifts as rows that a statement can join."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Integer, Subquery, Text, and_, func, literal_column, text

from callrouter.agencies.scoreboard import Span

Num = ColumnElement[int]


@dataclass(frozen=True, slots=True)
class Times:
    """The spans as rows with a `key`; `holds` says whether a row's time holds a moment.

    piece: on PostgreSQL, which `piece` of the rows a moment is in
    """

    rows: Subquery
    holds: Callable[[Num], ColumnElement[bool]]
    piece: Callable[[Num], ColumnElement[int]] = lambda at: at


def times_of(spans: Sequence[Span], *, on_postgresql: bool) -> Times:
    """Return the spans as a database takes them."""
    if not on_postgresql:
        words = "SELECT value ->> 'k' AS key, value ->> 'b' AS begins, value ->> 'e' AS ends FROM json_each(:given)"
        given = [{"k": one.key, "b": one.begin, "e": one.end} for one in spans]
        rows = text(words).bindparams(given=_json(given)).columns(key=Text, begins=BigInteger, ends=BigInteger)
        of = rows.subquery("spans")
        return Times(of, lambda at: and_(at >= of.c.begins, at < of.c.ends))
    # By the number of the piece between two edges, found by halving: a join on equality instead of on order, which
    # would compare every call with every span.
    edges = sorted({at for one in spans for at in (one.begin, one.end)})
    pieces = [
        {"k": one.key, "n": n}
        for one in spans
        for n in range(bisect_left(edges, one.begin) + 1, bisect_left(edges, one.end) + 1)
    ]
    words = "SELECT k AS key, n AS piece FROM jsonb_to_recordset(CAST(:given AS jsonb)) AS s(k text, n int)"
    found = text(words).bindparams(given=_json(pieces)).columns(key=Text, piece=Integer).subquery("spans")
    array: ColumnElement[Any] = literal_column(f"CAST('{{{','.join(map(str, edges))}}}' AS bigint[])")

    def piece(at: Num) -> Num:
        return func.width_bucket(at, array)

    return Times(found, lambda at: piece(at) == found.c.piece, piece)


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps(rows, separators=(",", ":"))
