"""Every figure that the service shows is on one page, once, and nothing else is."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from callrouter.agencies.notices import Channel
from callrouter.asterisk.agi import AgiCounters
from callrouter.asterisk.ami import AmiCounters
from callrouter.metrics import PREFIX, Metrics

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "metrics.md"
SHOWS: Final = {"gauge": "", "gauges": "", "counter": "_total", "bound": ""}
"""Methods of Metrics, and how what they show ends."""
EXPANDED: Final = {
    "ami_{counted}": [f"ami_{one.name}" for one in fields(AmiCounters)],
    "agi_{counted}": [f"agi_{one.name}" for one in fields(AgiCounters) if one.name != "open"],
    "ami_events_{link.name}": ["ami_events_hands", "ami_events_keeper"],
    "notices_{channel}": [f"notices_{channel}" for channel in Channel],
}
"""Names that the code puts together."""
_ROW: Final = re.compile(r"^\| `([a-z_]+)` \| (\S+?),? ?(?:\||by)", re.MULTILINE)


@cache
def called() -> list[tuple[str, str]]:
    """Return the method and the name of each figure that any part of the service shows."""
    return [found for file in sorted((ROOT / "callrouter").rglob("*.py")) for found in called_in(file)]


def called_in(file: Path) -> Iterator[tuple[str, str]]:
    """Yield those of one file."""
    for node in ast.walk(ast.parse(file.read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        owner = ast.unparse(node.func.value)
        if node.func.attr in SHOWS and owner.rpartition(".")[2].lstrip("_") == "metrics":
            name = ast.unparse(node.args[0]).removeprefix("f").strip("'\"")
            for one in EXPANDED.get(name, [name]):
                yield node.func.attr, one


def shown() -> dict[str, str]:
    """Return the figures that the code shows, with their kinds."""
    kinds = {"gauges": "gauge"}
    found = {
        f"{PREFIX}{name}{SHOWS[method]}": kinds.get(method, method) for method, name in called() if method != "bound"
    }
    own = re.findall(r"^# TYPE (\S+) (\w+)$", Metrics().text().decode(), re.MULTILINE)
    found |= {name: kind for name, kind in own if not name.endswith("_created")}
    return found | {f"{PREFIX}bound_used": "gauge", f"{PREFIX}bound_limit": "gauge"}


def rows(page: str) -> list[tuple[str, str]]:
    """Return the first two columns of its tables."""
    return _ROW.findall(page)


def test_each_figure_is_on_the_page_once_with_its_kind() -> None:
    written = [(name, kind) for name, kind in rows(PAGE.read_text()) if name.startswith(PREFIX)]
    assert [name for name, times in Counter(name for name, _ in written).items() if times > 1] == []
    assert dict(written) == shown()


def test_each_bound_is_on_the_page_once() -> None:
    written = re.findall(r"^\| `([a-z_]+)` \| [^|]+ \|$", PAGE.read_text().split("## Bounds")[1], re.MULTILINE)
    assert sorted(written) == sorted({name for method, name in called() if method == "bound"})


@pytest.mark.parametrize("page", sorted(PAGE.parent.glob("*.md")), ids=lambda page: page.stem)
def test_no_page_names_a_figure_that_is_not_there(page: Path) -> None:
    named = set(re.findall(rf"`({PREFIX}[a-z_]+)`", page.read_text()))
    assert named <= set(shown())
