"""One run of the benchmark beside an older one: what is worse, what is better, and what cannot be compared."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench import flat
from bench.flat import Value
from bench.outcome import SCHEMA
from callrouter.errors import OperatorError

ALLOWED: Final = 1.10
"""What is worse by more than this is marked, unless the rounds themselves spread as far."""
_OF_MACHINE: Final = ("processor", "cores", "memory")
_NAMED: Final = 12


@dataclass(frozen=True)
class Line:
    """One figure of both runs. factor: new through old, None where old is 0; said: "worse", "better" or nothing."""

    part: str
    name: str
    old: Value
    new: Value
    said: str = ""

    @property
    def factor(self) -> float | None:
        """By how much it has changed."""
        return self.new.value / self.old.value if self.old.value else None


@dataclass
class Comparison:
    """All of it. notes: what the reader has to know first; lines: figures of both; gone, new: names of the others."""

    notes: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)

    @property
    def worse(self) -> list[Line]:
        """What is marked as worse."""
        return [line for line in self.lines if line.said == "worse"]


def read(file: Path) -> dict[str, Any]:
    """Return a bench.json. OperatorError where there is none, or where it is not one that can be compared."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise OperatorError(f"{file} cannot be read: {error.strerror}.", _REMEDY) from None
    except UnicodeDecodeError as error:
        raise OperatorError(f"{file}, byte {error.start}: that is no text, and no JSON.", _REMEDY) from None
    except json.JSONDecodeError as error:
        raise OperatorError(f"{file}, line {error.lineno}: {error.msg}; that is no JSON.", _REMEDY) from None
    if not isinstance(data, dict) or "machine" not in data or not isinstance(data.get("sections"), list):
        raise OperatorError(f"{file} holds no figures of `make bench`.", _REMEDY)
    schema = data.get("schema", 1)
    if schema != SCHEMA:
        raise OperatorError(
            f"{file} has figures of schema {schema!r}, this benchmark compares those of schema {SCHEMA}.",
            "Run this version's `make bench` in the state to compare with, and take its build/bench.json.",
        )
    for n, section in enumerate(data["sections"]):
        if not isinstance(section, dict) or not {"name", "figures"} <= section.keys():
            raise OperatorError(f"{file}, /sections/{n}: there are no figures of a part.", _REMEDY)
    return data


_REMEDY: Final = "Name a build/bench.json that `make bench` wrote."


def compared(old: Mapping[str, Any], new: Mapping[str, Any]) -> Comparison:
    """Return how the figures of two runs compare. Both as read from bench.json."""
    found = Comparison()
    alike = _noted(found, old, new)
    before, after = flat.figures(old), flat.figures(new)
    found.gone, found.new = _only(before, after), _only(after, before)
    for path, then in before.items():
        part, name = path[0], ", ".join(path[1:])
        now = after.get(path)
        if now is not None and (then.value != now.value or (now.better and now.value)):
            found.lines.append(Line(part, name, then, now, judged(then, now) if alike or now.ratio else ""))
    return found


def _only(these: Mapping[flat.Path, Value], others: Mapping[flat.Path, Value]) -> list[str]:
    """Return the names of what the others do not have; of a part that they have nothing of, its name alone."""
    parts = {path[0] for path in others}
    found = [
        f"{path[0]}: {', '.join(path[1:])}" if path[0] in parts else f"all of {path[0]}"
        for path in these
        if path not in others
    ]
    return list(dict.fromkeys(found))


def judged(old: Value, new: Value) -> str:
    """Return "worse" or "better" where it is so by more than ALLOWED and the rounds of both do not meet, else ""."""
    if not new.better or (new.low <= old.high and old.low <= new.high):
        return ""
    more = new.value > old.value
    small, large = sorted((old.value, new.value))
    if small > 0 and large / small <= ALLOWED:
        return ""
    return "better" if more == (new.better == flat.HIGHER) else "worse"


def _noted(found: Comparison, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Note what differs; return whether times can be compared as they are."""
    found.notes.append(f"the older run is of {old['machine'].get('date', 'an unknown day')}")
    machine = _differences(old["machine"], new["machine"], _OF_MACHINE)
    mode = _differences(old, new, ("mode",))
    if machine or mode:
        found.notes += [*machine, *mode, "so only ratios are judged: times of other machines or modes are others"]
    names = dict.fromkeys([*old.get("versions", {}), *new.get("versions", {})])
    found.notes += _differences(old.get("versions", {}), new.get("versions", {}), names)
    return not machine and not mode


def _differences(old: Mapping[str, Any], new: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    return [
        f"{name}: {old.get(name, 'none')} → {new.get(name, 'none')}"
        for name in names
        if old.get(name) != new.get(name)
    ]


def tell(console: Console, found: Comparison) -> None:
    """Print it: what differs, each figure by part, what one of the runs does not have, and what is worse."""
    for note in found.notes:
        console.print(f"compared: {note}", markup=False)
    for part in dict.fromkeys(line.part for line in found.lines):
        table = Table(title=part, title_justify="left")
        table.add_column("figure", overflow="fold")
        for name in ("old", "new", "new / old", ""):
            table.add_column(name, justify="right")
        for line in (one for one in found.lines if one.part == part):
            factor = "" if line.factor is None else f"{line.factor:.2f}"
            style = {"worse": "red", "better": "green"}.get(line.said)
            table.add_row(line.name, _written(line.old), _written(line.new), factor, line.said, style=style)
        console.print(table)
    for title, names in (("only in the older run", found.gone), ("only in this run", found.new)):
        if names:
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            console.print(f"{title}: {'; '.join(names[:_NAMED])}{more}", markup=False)
    worse = found.worse
    console.print(
        f"{len(worse)} figures are worse by more than {100 * (ALLOWED - 1):.0f} %" + (":" if worse else ".")
    )
    for line in worse:
        console.print(f"  {line.part}: {line.name}: {_written(line.old)} → {_written(line.new)}", markup=False)


def _written(value: Value) -> str:
    return f"{value.value:,.4g}" if abs(value.value) < 10_000 else f"{value.value:,.0f}"
