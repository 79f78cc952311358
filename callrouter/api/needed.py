"""A part of the service that an operation cannot do without."""

from __future__ import annotations

from typing import TypeVar

from callrouter.api import problems
from callrouter.api.problems import ApiProblem, Fault

T = TypeVar("T")


def needed(part: T | None) -> T:
    """Return it. Raises ApiProblem (503) where there is none: no database is set, or it is a test."""
    if part is None:
        raise ApiProblem(Fault(problems.STORAGE_UNAVAILABLE, ""))
    return part
