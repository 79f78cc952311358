"""The one text of a table, by which equal tables have equal hashes.

Keys sorted, no white space, ASCII only (as RFC 8785 has it, but for the escapes), every collection in the order of
callrouter.routing.entries. Written and read entry by entry: in a thread beside the loop that serves the calls, no
step holds the interpreter for more than a moment, as one call for a table of 2,000 routes would.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final, Literal

from pydantic import ValidationError

from callrouter.routing.directory import Agency, Directory
from callrouter.routing.entries import DIRECTORY, MODELS, ROUTING, Kind, canonical, entries, ordered
from callrouter.routing.table import Centre, Route, Routing
from callrouter.routing.values import Value

_DECODE: Final = json.JSONDecoder().raw_decode
_LEVELS: Final = 3
"""Of a text's nesting, read piece by piece: the whole, its half, the collection. An entry is read at once."""


class DoesNotFit(ValueError):
    """A text is none of ours, or of another version of callrouter: `str()` says where and why."""


class _Whole(Value):
    schema_version: Literal[1]
    centre: Centre
    routing: Routing


def routing_text(centre: Centre, routing: Routing) -> str:
    """Return what a version is hashed by: the routing half, with the centre."""
    half = _half_text(canonical(routing), ROUTING)
    return f'{{"centre":{json_text(centre.model_dump(mode="json"))},"routing":{half},"schema_version":1}}'


def directory_text(directory: Directory) -> str:
    """Return the directory half."""
    held = {kind.value: ordered(kind, list(entries(directory, kind))) for kind in DIRECTORY}
    return _half_text(directory.model_copy(update=held), DIRECTORY)


def entry_text(value: Value) -> str:
    """Return one entry."""
    # What came later is left out where it is empty: the texts of before stay what they were.
    later = {"notices"} if isinstance(value, Agency) and not value.notices else set()
    later |= {"urgency"} if isinstance(value, Route) and value.urgency is None else set()
    return json_text(value.model_dump(mode="json", exclude=later or None))


def digest(text: str) -> str:
    """Return the SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def json_text(value: object) -> str:
    """Return `value` as canonical JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def read_routing(text: str) -> tuple[Centre, Routing]:
    """Read what `routing_text` wrote. Raises DoesNotFit."""
    data = _parsed(text)
    half = data.get("routing")
    try:
        if isinstance(half, dict):
            data["routing"] = _validated(Routing, half, ROUTING, "routing")
        whole = _Whole.model_validate(data)
    except ValidationError as error:
        raise _misfit(error, "") from None
    return whole.centre, whole.routing


def read_directory(text: str) -> Directory:
    """Read what `directory_text` wrote. Raises DoesNotFit."""
    directory: Directory = _validated(Directory, _parsed(text), DIRECTORY, "directory")
    return directory


def read_entry(kind: Kind, text: str) -> Value:
    """Read what `entry_text` wrote. Raises DoesNotFit."""
    try:
        return MODELS[kind].model_validate_json(text)
    except ValidationError as error:
        raise _misfit(error, kind.value) from None


def _half_text(half: Directory | Routing, kinds: Sequence[Kind]) -> str:
    names = {kind.value for kind in kinds}
    fields = {name: json_text(value) for name, value in half.model_dump(mode="json", exclude=names).items()}
    for kind in kinds:
        fields[kind.value] = f"[{','.join(entry_text(value) for value in entries(half, kind))}]"
    return f"{{{','.join(f'{json_text(name)}:{fields[name]}' for name in sorted(fields))}}}"


def _validated(model: type[Any], half: dict[str, Any], kinds: Sequence[Kind], at: str) -> Any:
    read: dict[str, Any] = {}
    for kind in kinds:
        found = half.get(kind.value, [])
        if not isinstance(found, list):
            raise DoesNotFit(f"{at}.{kind.value}: not a list")
        read[kind.value] = tuple(_one(kind, value, f"{at}.{kind.value}.{n}") for n, value in enumerate(found))
    try:
        return model.model_validate(half | read)
    except ValidationError as error:
        raise _misfit(error, at) from None


def _one(kind: Kind, value: object, at: str) -> Value:
    try:
        return MODELS[kind].model_validate(value)
    except ValidationError as error:
        raise _misfit(error, at) from None


def _misfit(error: ValidationError, at: str) -> DoesNotFit:
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(filter(None, (at, *map(str, first["loc"]))))
    return DoesNotFit(f"{where or 'table'}: {first['msg']}")


def _parsed(text: str) -> dict[str, Any]:
    try:
        value, end = _value(text, 0, _LEVELS)
    except (ValueError, IndexError):
        raise DoesNotFit("table: not canonical JSON") from None
    if end != len(text) or not isinstance(value, dict):
        raise DoesNotFit("table: not one JSON object")
    return value


def _value(text: str, at: int, levels: int) -> tuple[Any, int]:
    if levels and text[at] == "{":
        return _object(text, at + 1, levels - 1)
    if levels and text[at] == "[":
        return _array(text, at + 1, levels - 1)
    return _DECODE(text, at)


def _object(text: str, at: int, levels: int) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}
    while text[at] != "}":
        name, at = _DECODE(text, at)
        if text[at] != ":":
            raise ValueError(text[at])
        found[name], at = _value(text, at + 1, levels)
        at = _next(text, at, "}")
    return found, at + 1


def _array(text: str, at: int, levels: int) -> tuple[list[Any], int]:
    found: list[Any] = []
    while text[at] != "]":
        value, at = _value(text, at, levels)
        found.append(value)
        at = _next(text, at, "]")
    return found, at + 1


def _next(text: str, at: int, end: str) -> int:
    """Step over a comma; what stands there else must be the end."""
    if text[at] == ",":
        return at + 1
    if text[at] != end:
        raise ValueError(text[at])
    return at
