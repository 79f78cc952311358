"""In what two tables differ: as values, and as a text for people."""

from __future__ import annotations

import difflib
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ruamel.yaml import YAML

from callrouter.bilingual import Bilingual, joined
from callrouter.publishing.model import Changed, Diff, Difference
from callrouter.publishing.sheet import SETTINGS
from callrouter.routing.entries import DIRECTORY, ROUTING, Kind

Document = dict[str, Any]
"""A table, or a part of one, as JSON data."""

NAMES: Final[dict[str, Bilingual]] = {
    Kind.TRUNKS.value: Bilingual("trunk", "trunk"),
    Kind.AGENCIES.value: Bilingual("instansi", "agency"),
    Kind.OPERATORS.value: Bilingual("operator", "operator"),
    Kind.CATEGORIES.value: Bilingual("kategori", "category"),
    Kind.MENUS.value: Bilingual("menu", "menu"),
    Kind.AREAS.value: Bilingual("wilayah", "area"),
    Kind.SCHEDULES.value: Bilingual("jadwal", "schedule"),
    Kind.SHIFTS.value: Bilingual("regu", "shift"),
    Kind.RING_GROUPS.value: Bilingual("kelompok dering", "ring group"),
    Kind.ROUTES.value: Bilingual("rute", "route"),
    SETTINGS: Bilingual("pengaturan", "settings"),
}
"""What one of a kind is called."""
_CHANGED: Final = {
    Changed.ADDED: Bilingual("ditambah", "added"),
    Changed.REMOVED: Bilingual("dihapus", "removed"),
    Changed.CHANGED: Bilingual("diubah", "changed"),
}
_NOTHING: Final = Bilingual("Tidak ada perbedaan.\n", "No differences.\n")
_CONTEXT: Final = 3
MAX_LINES: Final = 5_000
"""Of the text; the values have everything."""


def differing(a: Document, b: Document, called: tuple[Bilingual, Bilingual], kinds: Iterable[Kind] = ROUTING) -> Diff:
    """Return in what `b` differs from `a`, each a table's JSON, by kind and key; their order does not count.

    CPU grows with both tables: for the worker.
    """
    found = tuple(_differences(a, b, kinds))
    return Diff(*called, found, _text(called, found))


def _differences(a: Document, b: Document, kinds: Iterable[Kind]) -> Iterator[Difference]:
    before, after = _once(a), _once(b)
    if before != after:
        yield Difference(SETTINGS, "", Changed.CHANGED, before, after)
    for kind in kinds:
        olds, news = _by_key(a, kind), _by_key(b, kind)
        for key in sorted(olds.keys() | news.keys()):
            old, new = olds.get(key), news.get(key)
            if old != new:
                changed = Changed.ADDED if old is None else Changed.REMOVED if new is None else Changed.CHANGED
                yield Difference(kind.value, key, changed, old, new)


def _once(table: Document) -> Document:
    """What the routing half has only once, as DraftSettings has it."""
    kinds = {kind.value for kind in Kind}
    return {"centre": table["centre"]} | {name: v for name, v in table["routing"].items() if name not in kinds}


def _by_key(table: Document, kind: Kind) -> dict[str, Document]:
    listed = table["directory" if kind in DIRECTORY else "routing"].get(kind.value, ())
    return {entry["code"] if kind is Kind.AREAS else entry["key"]: entry for entry in listed}


def _text(called: tuple[Bilingual, Bilingual], found: tuple[Difference, ...]) -> Bilingual:
    if not found:
        return _NOTHING
    head = Bilingual(f"--- {called[0].id}\n+++ {called[1].id}\n", f"--- {called[0].en}\n+++ {called[1].en}\n")
    lines: list[Bilingual] = [head]
    for difference in found:
        lines += _lines_of(difference)
        if len(lines) > MAX_LINES:
            lines.append(Bilingual("… dan lebih banyak lagi\n", "… and more\n"))
            break
    return joined("", lines)


def _lines_of(difference: Difference) -> Iterator[Bilingual]:
    name, how = NAMES[difference.kind], _CHANGED[difference.changed]
    key = f" {difference.key}" if difference.key else ""
    yield Bilingual(f"@@ {name.id}{key}: {how.id} @@\n", f"@@ {name.en}{key}: {how.en} @@\n")
    before, after = _yaml(difference.before), _yaml(difference.after)
    unified = difflib.unified_diff(before, after, n=_CONTEXT, lineterm="")
    for line in unified:
        if not line.startswith(("---", "+++", "@@")):
            yield Bilingual(f"{line}\n", f"{line}\n")


def _yaml(value: Mapping[str, Any] | None) -> list[str]:
    """A value as lines of YAML; what is not given is left out."""
    if value is None:
        return []
    stream = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.width = 10_000
    yaml.dump(_pruned(value), stream)
    return stream.getvalue().splitlines()


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _pruned(v) for k, v in value.items() if v is not None and v not in ([], {})}
    if isinstance(value, list):
        return [_pruned(v) for v in value]
    return value
