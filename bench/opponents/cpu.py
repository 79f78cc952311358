"""CPU that processes took, from /proc (proc(5), proc_pid_stat(5)): user and system time, in s."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TICKS: Final = os.sysconf("SC_CLK_TCK")
"""Of the clock in which the system counts, per s."""
_TRIES: Final = 5


class UncountableError(RuntimeError):
    """Children of a process end faster than they can be counted: it says nothing about what they do."""


@dataclass(frozen=True)
class Taken:
    """What a process took itself, and what took those that it began, and theirs: the ended and the living."""

    own: float
    begun: float

    @property
    def all(self) -> float:
        """Both."""
        return self.own + self.begun


def taken(pid: int, name: str) -> Taken:
    """Return what the process took so far. RuntimeError, which calls it `name`, where it has ended.

    A child that ends meanwhile could be missed or counted twice: it is read again where one did, and UncountableError
    raised where one always does.
    """
    for _ in range(_TRIES):
        before = _read(pid)
        living = sum(found[0] + found[1] for child in _children(pid) if (found := _with_children(child)))
        after = _read(pid)
        if before is None or after is None:
            break
        if before[1] == after[1]:
            return Taken(after[0], after[1] + living)
    else:
        raise UncountableError(f"children of the {name} end faster than they can be counted")
    raise RuntimeError(f"the {name} has ended")


def parse(stat: str) -> tuple[float, float]:
    """Return a process's own time and that of its children that have ended, from its ``stat``."""
    # The name of the program, which stands in brackets, may hold anything.
    fields = stat[stat.rindex(")") + 2 :].split()
    user, system, children_user, children_system = map(int, fields[11:15])
    return (user + system) / TICKS, (children_user + children_system) / TICKS


def _read(pid: int) -> tuple[float, float] | None:
    try:
        return parse(Path(f"/proc/{pid}/stat").read_text())
    except (OSError, ValueError):
        return None


def _with_children(pid: int) -> tuple[float, float] | None:
    """Return its own time, and that of all that it began; None where it is gone."""
    found = _read(pid)
    if found is None:
        return None
    living = sum(one[0] + one[1] for child in _children(pid) if (one := _with_children(child)))
    return found[0], found[1] + living


def _children(pid: int) -> list[int]:
    """Return those that live; any thread of a process may have begun one."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, task.read_text().split())
        except OSError:
            continue
    return found
