"""One run of the benchmark: all its parts, on which machine, how long each took; and how that is JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from bench.section import Section, Target

SCHEMA: Final = 2
"""Of build/bench.json; 1 had none written in it. It grows when an older file can no longer be compared."""
FULL, QUICK = "full", "quick"
QUICK_MOST_S: Final = 300.0
"""What the quick parts may take in all."""


@dataclass
class Outcome:
    """What one run found. A part that broke off is in `broken`, with the reason, and has no figures.

    mode: FULL or QUICK; seconds: what each part took; seeds: those of what is drawn by chance
    """

    command: str
    mode: str
    machine: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    seeds: dict[str, int] = field(default_factory=dict)
    sections: list[Section] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)

    @property
    def wrong(self) -> list[str]:
        """What was not as promised; empty is a pass."""
        return [
            *(f"{part} was not measured: {why}" for part, why in self.broken.items()),
            *(line for section in self.sections for line in section.wrong),
            *self._slow,
        ]

    @property
    def others_wrong(self) -> list[str]:
        """The same without what tells of a missed target."""
        missed = tuple(target.name for target in self.targets if not target.held)
        return [line for line in self.wrong if not line.startswith(missed)]

    @property
    def _slow(self) -> list[str]:
        took_s = sum(self.seconds.values())
        if self.mode != QUICK or took_s <= QUICK_MOST_S:
            return []
        return [f"the quick parts took {took_s:.0f} s in all, {QUICK_MOST_S:g} s are allowed"]

    @property
    def targets(self) -> list[Target]:
        """What the whole is judged by, the issues' first."""
        found = [target for section in self.sections for target in section.targets]
        return sorted(found, key=lambda target: not of_issue(target))

    @property
    def counted(self) -> str:
        """How many targets are held: of the issues', and of those that we set ourselves."""
        told = []
        for whose, issues in (("the issues' targets", True), ("our own", False)):
            if theirs := [target for target in self.targets if of_issue(target) == issues]:
                told.append(f"{sum(target.held for target in theirs)} of {len(theirs)} of {whose}")
        return f"{' and '.join(told)} are held." if told else ""

    @property
    def limits(self) -> int:
        """How many figures that are no targets have a limit."""
        return sum(1 for section in self.sections for _, _, limit in section.rows if limit)

    def as_data(self) -> dict[str, Any]:
        """Return everything as what JSON can hold."""
        return {"schema": SCHEMA, **asdict(self), "wrong": self.wrong}

    def as_json(self) -> str:
        """Return everything as JSON."""
        return json.dumps(self.as_data(), indent=2, ensure_ascii=False) + "\n"


def of_issue(target: Target) -> bool:
    """Return whether an issue set its limit."""
    return target.origin.startswith("issue")


def asked_by(target: Target) -> str:
    """Return who set its limit, as it is shown."""
    return "issue 6" if target.origin == "issue" else target.origin
