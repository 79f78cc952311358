"""What the worker process does: each job a function of plain values. The process is `serve`, on two pipes."""

from __future__ import annotations

import functools
import json
import os
import pickle
import signal
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

from pydantic import ValidationError

from callrouter.bilingual import Bilingual
from callrouter.publishing.canonical import entry_text
from callrouter.publishing.differing import differing
from callrouter.publishing.importing import TableError, TableProblem, parse_table
from callrouter.publishing.model import Diff, DraftSettings, PastCall
from callrouter.publishing.worker import HEADER, Failed, Pieces, packed
from callrouter.routing.consistency import Problem
from callrouter.routing.decide import CompiledTable, compile_table
from callrouter.routing.entries import DIRECTORY, Kind, canonical, entries
from callrouter.routing.explain import Explanation
from callrouter.routing.explain import explain as explained
from callrouter.routing.facts import Facts
from callrouter.routing.replay import Replay
from callrouter.routing.replay import replay as replayed
from callrouter.routing.run import UnknownOutcome
from callrouter.routing.table import RoutingTable
from callrouter.routing.verify import Report
from callrouter.routing.verify import verify as verified

NICENESS: Final = 10
"""Calls come first."""


def read(content: bytes) -> Pieces | tuple[TableProblem, ...]:
    """Return the table of a YAML text in the canonical order, or what is wrong with it."""
    try:
        table = parse_table(content, Path())
    except TableError as error:
        return error.problems
    table = table.model_copy(update={"routing": canonical(table.routing)})
    halves = {kind: table.directory if kind in DIRECTORY else table.routing for kind in Kind}
    once = {name: getattr(table.routing, name) for name in DraftSettings.model_fields if name != "centre"}
    settings = DraftSettings.model_construct(centre=table.centre, **once)
    return Pieces(
        entries=tuple((kind, entry_text(value)) for kind, half in halves.items() for value in entries(half, kind)),
        settings=entry_text(settings),
    )


def verify(text: str, at: datetime) -> Report | tuple[Problem, ...]:
    """Return what verify says of a table (JSON) from `at` on; where it is none, what is inconsistent in it."""
    try:
        table = _table(text)
    except ValidationError as error:
        return tuple(p for detail in error.errors() for p in detail.get("ctx", {}).get("problems", ()))
    return verified(table, at)


def diff(a: str, b: str, called: tuple[Bilingual, Bilingual], kinds: tuple[Kind, ...]) -> Diff:
    """Return in what the table `b` (JSON) differs from `a`."""
    return differing(json.loads(a), json.loads(b), called, kinds)


def explain(
    text: str, number: int, facts: Facts, at: datetime, outcomes: tuple[str, ...]
) -> Explanation | tuple[Problem, ...]:
    """Return how a call goes by a table (JSON), which is version `number`, or why it cannot go so."""
    try:
        return explained(_compiled(text, number), facts, at, outcomes)
    except UnknownOutcome as error:
        possible = ", ".join(error.possible)
        sentence = Bilingual(
            f"langkah ini tidak dapat berakhir dengan {error.outcome!r}", f"the step cannot become {error.outcome!r}"
        )
        remedy = Bilingual(f"Pakai salah satu: {possible}.", f"Use one of: {possible}.")
        return (Problem(f"/outcomes/{error.index}", sentence, remedy),)


def replay(text: str, calls: tuple[PastCall, ...]) -> Replay:
    """Return which of these calls would go elsewhere by a table (JSON)."""
    return replayed(_compiled(text, 0), calls)


@functools.lru_cache(maxsize=2)
def _table(text: str) -> RoutingTable:
    return RoutingTable.model_validate_json(text)


@functools.lru_cache(maxsize=2)
def _compiled(text: str, number: int) -> CompiledTable:
    return compile_table(_table(text), number)


JOBS: Final[dict[str, Callable[..., Any]]] = {job.__name__: job for job in (read, verify, diff, explain, replay)}


def serve(jobs: Mapping[str, Callable[..., Any]]) -> None:
    """Do jobs that come by standard input, until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which then closes our input
    os.nice(NICENESS)
    # What a job may print must not stand among the answers.
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        while (message := _received(sys.stdin.buffer)) is not None:
            for part in _done(jobs, message):
                answers.write(HEADER.pack(len(part)) + part)
            answers.flush()


def _received(source: BinaryIO) -> bytes | None:
    header = source.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    (size,) = HEADER.unpack(header)
    message = source.read(size)
    return message if len(message) == size else None


def _done(jobs: Mapping[str, Callable[..., Any]], message: bytes) -> list[bytes]:
    job, arguments = pickle.loads(message)  # noqa: S301 - from the service, on its pipe
    try:
        return packed(jobs[job](*arguments))
    except Exception as error:  # noqa: BLE001 - it belongs to who asked
        return packed(Failed(_carried(error)))


def _carried(error: Exception) -> Exception:
    """The error itself where it survives the way, else one that tells the same."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:  # noqa: BLE001 - whatever an error's constructor does
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


if __name__ == "__main__":
    serve(JOBS)
