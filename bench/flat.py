"""The figures of a bench.json as a flat list, each with its spread where rounds are known, and what is better.

Figures are compared between runs. What was measured beside a bare dialplan in the same run becomes its ratio to that,
which holds on any machine.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

BARE: Final = "bare"
"""The bare dialplan's figures stand under this key, beside those of the others."""
LOWER, HIGHER = -1, 1
Path = tuple[str, ...]

_NAMES: Final = ("name", "during", "key", "title")
"""Fields that tell the things in a list apart."""
_LEFT_OUT: Final = frozenset(
    {"curves", "seeds", "seed", "steps", "imported", "asked", "answered", "lasted_s", "cpu_s", "p90", "p95", "max"}
)
"""What others tell as well, what depends on chance alone, and moments."""
_NOT_OURS: Final = "lacks"
"""Who has this is not callrouter: it is shown where it changes, and not judged."""
_MORE: Final = re.compile(r"((?<!ms_)per_s|share|in_time|calls_well|with_exactly_one|sustained)$")
_LESS: Final = re.compile(
    r"(_ms|_us|_s|_mb|_ms_per_\w+|ms_a_call|us_an_event|ratio|ratios|seconds|again|missing|lost|busy|repeated_messages)$"
)


@dataclass(frozen=True)
class Value:
    """A figure, and its spread over the rounds: both ends are the value itself where there were none.

    better: LOWER, HIGHER, or 0 where it is neither; ratio: to something of the same run
    """

    value: float
    low: float
    high: float
    better: int = 0
    ratio: bool = False


def figures(data: Mapping[str, Any]) -> dict[Path, Value]:
    """Return all figures of a bench.json (as read), by part and path."""
    return {
        path: value
        for section in data["sections"]
        for path, value in _of(section["figures"], (str(section["name"]),))
    }


def _of(given: Any, path: Path) -> Iterator[tuple[Path, Value]]:
    if isinstance(given, Mapping):
        yield from _of_mapping(given, path)
    elif isinstance(given, list):
        yield from _of_list(given, path)
    elif _is_number(given):
        yield path, _value(path, given)


def _of_mapping(given: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Value]]:
    if {"pooled", "low", "high"} <= given.keys():
        yield path, Value(given["pooled"], given["low"], given["high"], LOWER, ratio=True)
        return
    rounds = given["rounds"] if _is_of_mappings(given.get("rounds")) else []
    for key, inner in given.items():
        if key in _LEFT_OUT or (key == "rounds" and rounds):
            continue
        below = (*path, key)
        if _is_number(inner) and rounds:
            each = [one[key] for one in rounds if _is_number(one.get(key))]
            yield below, _value(below, inner, each)
        elif isinstance(inner, Mapping):
            # What a part of it says again, stands above.
            own = {name: one for name, one in inner.items() if not (isinstance(one, Mapping) and name in given)}
            found = dict(_of(own, below))
            if key != BARE and isinstance(given.get(BARE), Mapping):
                found = dict(_beside(found, dict(_of(given[BARE], below))))
            judged = not inner.get(_NOT_OURS)
            yield from ((name, value if judged else replace(value, better=0)) for name, value in found.items())
        else:
            yield from _of(inner, below)


def _beside(ours: Mapping[Path, Value], bare: Mapping[Path, Value]) -> Iterator[tuple[Path, Value]]:
    """Yield times and costs as ratios to the bare dialplan's, and the rest as it is."""
    for path, mine in ours.items():
        other = bare.get(path)
        if mine.better != LOWER or mine.ratio or other is None or other.value <= 0:
            yield path, mine
        else:
            value, low, high = (one / other.value for one in (mine.value, mine.low, mine.high))
            yield (*path, f"/ {BARE}"), Value(value, low, high, LOWER, ratio=True)


def _of_list(given: Sequence[Any], path: Path) -> Iterator[tuple[Path, Value]]:
    if given and all(map(_is_number, given)):
        yield path, _value(path, statistics.median(given), given)
    elif given and _is_of_mappings(given):
        names = [_name(one) for one in given]
        if all(names) and len(set(names)) == len(names):
            for name, one in zip(names, given, strict=True):
                yield from _of(one, (*path, name))
        else:  # rounds of the same
            for key in given[0]:
                each = [one[key] for one in given if _is_number(one.get(key))]
                if each and key not in _LEFT_OUT:
                    yield (*path, key), _value((*path, key), statistics.median(each), each)


def _value(path: Path, value: float, each: Sequence[float] = ()) -> Value:
    spread = [value, *each]
    return Value(value, min(spread), max(spread), _better(path), ratio="ratio" in path[-1])


def _better(path: Path) -> int:
    """The last word that says something counts: a time's median is a time."""
    for word in reversed(path[1:]):
        if _MORE.search(word):
            return HIGHER
        if _LESS.search(word):
            return LOWER
        if word in {"calls", "rate", "rows"}:
            return 0
    return 0


def _name(one: Mapping[str, Any]) -> str:
    return next((str(one[field]) for field in _NAMES if field in one), "")


def _is_number(given: Any) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool)


def _is_of_mappings(given: Any) -> bool:
    return isinstance(given, list) and bool(given) and all(isinstance(one, Mapping) for one in given)
