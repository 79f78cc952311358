"""The order of the files: those with a PBX wait more than they compute, the others compute; together they use it all.

Files go to the processes in this order (`make test` keeps xdist from sorting them by their number of tests, which
would leave the longest for the end).
"""

from __future__ import annotations

import hashlib
from itertools import groupby
from pathlib import Path

import pytest

WAITING = {"pbx", "chaos"}
BEFORE_THE_END = 0.85
"""Part of the others by which every waiting file has begun: one that begins last would run on alone."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mix the files that wait with those that compute, each kind in an order that their names alone decide."""
    files = [(path, list(tests)) for path, tests in groupby(items, key=lambda item: item.path)]
    waiting = sorted((path for path, _ in files if waits(path)), key=_drawn)
    others = sorted((path for path, _ in files if not waits(path)), key=_drawn)
    place = {path: BEFORE_THE_END * n / len(waiting) for n, path in enumerate(waiting)}
    place |= {path: n / len(others) for n, path in enumerate(others)}
    files.sort(key=lambda file: place[file[0]])
    items[:] = [test for _, tests in files for test in tests]


def waits(path: Path) -> bool:
    """Return whether a file's tests have a PBX, or many processes, of their own."""
    return path.parent.name in WAITING


def _drawn(path: Path) -> str:
    return hashlib.sha256(f"{path.parent.name}/{path.name}".encode()).hexdigest()
