"""A whole table as YAML that a person keeps in git: deterministic, with comments, without what is default anyway.

Every entry is a block, what stands in it is on one line. What it writes is read again by
callrouter.publishing.importing as an equal table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Final

from pydantic import BaseModel

from callrouter.routing.entries import DIRECTORY, ROUTING, Kind, canonical, entries, ordered
from callrouter.routing.table import RoutingTable

_HEAD: Final = """\
# Tabel perutean callrouter / A routing table of callrouter.
# Impor / import:  callrouter routes import FILE
# Angka yang berupa nama ditulis dalam tanda kutip / numbers that are names stand in quotes.
"""
_DIRECTORY: Final = "# Direktori, berlaku seketika / the directory, in effect at once."
_ROUTING: Final = "# Perutean, berlaku setelah diterbitkan / routing, in force when it is published."
_SECTIONS: Final[dict[Kind, str]] = {
    Kind.TRUNKS: "saluran SIP / SIP lines",
    Kind.AGENCIES: "instansi dan kontaknya menurut urutan / agencies and their contacts in order",
    Kind.OPERATORS: "operator / call takers",
    Kind.CATEGORIES: "yang dapat dipilih penelepon / what a caller can choose",
    Kind.MENUS: "yang didengar penelepon; 0 selalu operator / what callers hear; 0 is always an operator",
    Kind.AREAS: "wilayah (kode Kemendagri) / areas (Kemendagri codes)",
    Kind.SCHEDULES: "jam buka / when something is open",
    Kind.SHIFTS: "regu jaga / who is on duty together",
    Kind.RING_GROUPS: "operator yang berdering bersama / operators rung together",
    Kind.ROUTES: "rute; prioritas tertinggi yang cocok menang / routes; the matching one of highest priority wins",
}
# Read as text whatever reads it: begins with a letter, and is none of YAML's words, old ones included.
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*(:[A-Za-z0-9_./-]+)*")
_WORDS: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
# What YAML does not take as it is (YAML 1.2, production 1), and what would look like another text.
_ESCAPED: Final = re.compile("[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")

_Data = dict[str, "_Data"] | list["_Data"] | str | int | float | bool | None


def exported(table: RoutingTable) -> str:
    """Return `table` as YAML: equal tables, equal texts."""
    return "\n".join([_HEAD, *_lines(table)]) + "\n"


def _lines(table: RoutingTable) -> Iterator[str]:
    yield f"schema_version: {table.schema_version}"
    yield ""
    yield "centre:"
    yield from _fields(_plain(table.centre), 1)
    yield ""
    yield _DIRECTORY
    directory = {kind: [_plain(v) for v in ordered(kind, list(entries(table.directory, kind)))] for kind in DIRECTORY}
    yield from _half("directory", {}, directory)
    yield ""
    yield _ROUTING
    routing = canonical(table.routing)
    listed = {kind: [_plain(v) for v in entries(routing, kind)] for kind in ROUTING}
    kinds = {kind.value for kind in ROUTING}
    once = {name: value for name, value in _plain(routing).items() if name not in kinds}
    yield from _half("routing", once, listed)


def _half(name: str, once: dict[str, _Data], listed: dict[Kind, list[dict[str, _Data]]]) -> Iterator[str]:
    if not once and not any(listed.values()):
        yield f"{name}: {{}}"
        return
    yield f"{name}:"
    yield from _fields(once, 1)
    for kind, found in listed.items():
        if found:
            yield ""
            yield f"  # {_SECTIONS[kind]}"
            yield f"  {kind.value}:"
            for entry in found:
                yield from _entry(entry)


def _entry(entry: dict[str, _Data]) -> Iterator[str]:
    mark = "    - "
    for line in _fields(entry, 3):
        yield mark + line.removeprefix("      ") if mark else line
        mark = ""


def _fields(fields: dict[str, _Data], depth: int) -> Iterator[str]:
    indent = "  " * depth
    for name, value in fields.items():
        if isinstance(value, list) and any(isinstance(one, dict) for one in value):
            yield f"{indent}{name}:"
            yield from (f"{indent}  - {_flow(one)}" for one in value)
        else:
            yield f"{indent}{name}: {_flow(value)}"


def _flow(value: _Data) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_flow(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(one) for one in value) + "]"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def _plain(value: BaseModel) -> dict[str, _Data]:
    """A value's fields in their order, but for those that have their defaults. A step always says its kind."""
    return {
        name: _data(getattr(value, name))
        for name, field in type(value).model_fields.items()
        if name == "kind" or field.is_required() or getattr(value, name) != field.get_default()
    }


def _data(value: object) -> _Data:
    match value:
        case BaseModel():
            return _plain(value)
        case tuple():
            return [_data(one) for one in value]
        case datetime() | date():
            return value.isoformat()
        case str():
            return str(value)
        case bool() | int() | float() | None:
            return value
        case _:
            raise TypeError(type(value).__name__)
