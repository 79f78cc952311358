"""One run of the benchmark: all its parts, on which machine, how long each took; and how that is JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from bench.section import Section, Target

SCHEMA: Final = 2
"""Of build/bench.json; 1 had none written in it. It grows when an older file can no longer be compared."""
FULL, QUICK = "full", "quick"


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
        ]

    @property
    def targets(self) -> list[Target]:
        """What the whole is judged by."""
        return [target for section in self.sections for target in section.targets]

    @property
    def limits(self) -> int:
        """How many figures have a limit, the targets among them."""
        rows = sum(1 for section in self.sections for _, _, limit in section.rows if limit)
        return rows + len(self.targets)

    def as_data(self) -> dict[str, Any]:
        """Return everything as what JSON can hold."""
        return {"schema": SCHEMA, **asdict(self), "wrong": self.wrong}

    def as_json(self) -> str:
        """Return everything as JSON."""
        return json.dumps(self.as_data(), indent=2, ensure_ascii=False) + "\n"
