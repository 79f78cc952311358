"""Curves, as every part of the benchmark gives them in its figures, and the pictures that show them.

A curve is JSON: {"name", "x_title", "y_title", "points": [[x, y], …]} in ``Section.figures["curves"]``. Curves of one
part with the same titles are in one picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Point = tuple[float, float]


@dataclass(frozen=True)
class Picture:
    """Curves over the same axes. name: of the file, without extension; series: points in order of x, by name."""

    name: str
    x_title: str
    y_title: str
    series: dict[str, list[Point]]

    @property
    def title(self) -> str:
        """What it shows, in words."""
        return f"{self.y_title}, by {self.x_title}"


def curve(name: str, x_title: str, y_title: str, points: Iterable[Point]) -> dict[str, Any]:
    """Return a curve as JSON. Titles carry the unit: "memory, MB"."""
    return {"name": name, "x_title": x_title, "y_title": y_title, "points": [[x, y] for x, y in sorted(points)]}


def pictures(part: str, figures: Any) -> list[Picture]:
    """Return the pictures of the part `part`; none where its figures have no curve, or none with two points."""
    given: Sequence[Mapping[str, Any]] = figures.get("curves", ()) if isinstance(figures, Mapping) else ()
    found: dict[tuple[str, str], dict[str, list[Point]]] = {}
    for one in given:
        points = sorted((float(x), float(y)) for x, y in one["points"] if y is not None)
        if len(points) > 1:
            found.setdefault((one["x_title"], one["y_title"]), {})[one["name"]] = points
    return [
        Picture(f"{part}-{_slug(y_title)}-by-{_slug(x_title)}", x_title, y_title, series)
        for (x_title, y_title), series in found.items()
    ]


def _slug(words: str) -> str:
    plain = words.lower().replace("µ", "u").replace("%", "percent")
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
