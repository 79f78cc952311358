"""The order of the files: those with a PBX wait more than they compute, the others compute; together they use it all.

Files go to the processes in this order (`make test` keeps xdist from sorting them by itself: it knows one kind only,
and the longest of those that wait would be left for the end).
"""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Generator, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import pytest
import structlog
from hypothesis import settings

HERE: Final = Path(__file__).parent
WAITING: Final = {HERE / "pbx", HERE / "chaos"}
BEFORE_THE_END: Final = 0.85
"""Part of the others by which every waiting file has begun: one that begins last would run on alone."""
FEW_BUT_LONG: Final = {HERE / "chaos"}
"""Folders whose few tests last for minutes: they come first."""
OF_A_FILE: Final = 10
"""So many tests does it take to start what a file needs."""

# The tests share a machine: an example may take its time.
settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")

# Services of tests share the machine with the tests, which are not to have nine times their share.
os.environ["CALLROUTER_NICENESS"] = "0"

# As the service does (callrouter.logs): a traceback that is drawn with rich takes a second of a busy machine.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


@pytest.fixture(autouse=True)
def logs_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test that runs a command sets up the log of the whole process: the next one has it as it was.

    Nor is a logger kept for good on its first line, as the service does it: it would stay at that command's level.
    """
    configure = structlog.configure

    def never_kept(**given: Any) -> None:
        configure(**given | {"cache_logger_on_first_use": False})

    monkeypatch.setattr(structlog, "configure", never_kept)
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage while thousands of tests are collected, which all stay: it takes as long as that does.

    Nor are they looked through again each time that tests have made some.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


Files = list[tuple[Path, list[pytest.Item]]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mix the files that wait with those that compute, the long ones first, so that no process ends long before the
    others. How long a file lasts, the limits of its tests tell where they have been raised, and else their number
    well enough; the same order in every process.
    """
    files = [(path, list(tests)) for path, tests in groupby(items, key=lambda item: item.path)]
    place = _places([file for file in files if waits(file[0])], BEFORE_THE_END)
    place |= _places([file for file in files if not waits(file[0])], 1.0)
    files.sort(key=lambda file: place[file[0]])
    items[:] = [test for _, tests in files for test in tests]


def waits(path: Path) -> bool:
    """Return whether a file's tests have a PBX, or many processes, of their own."""
    return path.parent in WAITING


def _places(files: Files, end: float) -> dict[Path, float]:
    """Return where each file begins between 0 and `end`: after as large a part of its kind as lies before it."""
    ordered = sorted(
        files, key=lambda file: (file[0].parent not in FEW_BUT_LONG, -_limit_s(file[1]), -len(file[1]), file[0])
    )
    total = sum(len(tests) + OF_A_FILE for _, tests in ordered)
    before, place = 0, {}
    for path, tests in ordered:
        place[path] = end * before / total
        before += len(tests) + OF_A_FILE
    return place


def _limit_s(tests: list[pytest.Item]) -> float:
    """Return the longest time that a test may take; 0 where none of them has a limit of its own."""
    limits = (test.get_closest_marker("timeout") for test in tests)
    return max((float(limit.args[0]) for limit in limits if limit is not None), default=0.0)
