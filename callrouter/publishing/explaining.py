"""What a validation error means to the person who wrote the table."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from callrouter.publishing.yamltree import Data, Tree, escaped, shown
from callrouter.routing import table
from callrouter.routing.consistency import Problem

_KEY = "Use a to z, 0 to 9 and -, beginning with a letter, at most 31 characters."
_PATTERNS = {
    table.KEY_PATTERN: ("is not a key", _KEY),
    table.TARGET_PATTERN: ("does not name a contact", "Write agency/contact, for example damkar/posko."),
    table.NUMBER_PATTERN: ("is not a number to dial", "Use 1 to 20 digits, with + before them where it is needed."),
    table.DIGIT_PATTERN: ("is not a menu digit", "Use one digit from 1 to 9; 0 is always an operator."),
    table.URN_PATTERN: ("is not a service", "Use a name of RFC 5031, for example urn:service:sos.fire."),
}
_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "model_type": "a group of fields",
    "model_attributes_type": "a group of fields",
    "dict_type": "a group of fields",
}
_FIELDS = sorted(
    {
        name
        for model in vars(table).values()
        if isinstance(model, type) and issubclass(model, BaseModel)
        for name in model.model_fields
    }
)


def explained(error: ValidationError, tree: Tree) -> Iterator[Problem]:
    """Return a problem for each thing that `error` found in the tree's data."""
    for detail in error.errors(include_url=False):
        if detail["type"] == "inconsistent":
            yield from detail["ctx"]["problems"]
        elif not _follows(detail):
            pointer = _pointer(detail["loc"], tree.data)
            yield Problem(pointer, *_sentence(_Case(detail, tree.written.get(pointer))))


def _follows(detail: ErrorDetails) -> bool:
    """True for a list called empty only because its entries are wrong, which are told themselves."""
    return detail["type"] == "too_short" and isinstance(detail["input"], list) and bool(detail["input"])


def _pointer(loc: tuple[int | str, ...], data: Data) -> str:
    """A JSON pointer. Within a step pydantic names its kind as well, which the document does not have there."""
    pointer, here = "", data
    for n, part in enumerate(loc):
        tagged = n >= 2 and loc[n - 2] == "steps" and isinstance(loc[n - 1], int)
        if tagged and isinstance(here, dict) and here.get("kind") == part:
            continue
        pointer += f"/{escaped(part)}"
        if isinstance(here, dict):
            here = here.get(str(part))
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
        else:
            here = None
    return pointer


@dataclass(frozen=True, slots=True)
class _Case:
    """A validation error; `written` is how a number, a truth value or null stood in the file."""

    detail: ErrorDetails
    written: str | None

    @property
    def name(self) -> str:
        return shown(str(self.detail["loc"][-1])) if self.detail["loc"] else "the table"

    @property
    def value(self) -> str:
        return shown(self.detail["input"]) if self.written is None else shown(self.written, quoted=False)

    @property
    def context(self) -> dict[str, Any]:
        return self.detail.get("ctx", {})


def _sentence(case: _Case) -> tuple[str, str]:
    kind = case.detail["type"]
    if kind in _SENTENCES:
        return _SENTENCES[kind](case)
    if kind in _EXPECTED:
        due = _EXPECTED[kind]
        quoted = isinstance(case.detail["input"], str) and kind in {"int_type", "bool_type"}
        remedy = f"Write {due}, without quotes." if quoted else f"Write {due}."
        return f"{_kind_of(case)} stands where {due} is due", remedy
    return _cut(case.detail["msg"]), "Correct it."


def _extra(case: _Case) -> tuple[str, str]:
    near = difflib.get_close_matches(str(case.detail["loc"][-1])[:40], _FIELDS, n=1)
    return f"there is no field {case.name} here", f"Did you mean {near[0]!r}?" if near else "Remove it."


def _no_match(case: _Case) -> tuple[str, str]:
    what, remedy = _PATTERNS.get(str(case.context["pattern"]), ("is not allowed here", case.detail["msg"] + "."))
    return f"{case.value} {what}", remedy


def _no_text(case: _Case) -> tuple[str, str]:
    if case.written:
        return f"{case.value} is no text without quotes", f'Write "{case.written[:60]}".'
    return f"{_kind_of(case)} stands where a text is due", "Write a text."


_SENTENCES: dict[str, Callable[[_Case], tuple[str, str]]] = {
    "missing": lambda c: (f"the field {c.name} is missing", "Add it."),
    "extra_forbidden": _extra,
    "string_pattern_mismatch": _no_match,
    "string_type": _no_text,
    "literal_error": lambda c: (f"{c.value} cannot be here", f"Use {c.context['expected']}."),
    "enum": lambda c: (f"{c.value} cannot be here", f"Use {c.context['expected']}."),
    "union_tag_invalid": lambda c: (
        f"a step of kind {shown(c.context['tag'])} does not exist",
        f"Use {c.context['expected_tags']}.",
    ),
    "union_tag_not_found": lambda _: ("this step has no kind", "Add kind: dial, ringgroup, announce or record."),
    "greater_than_equal": lambda c: (f"{c.value} is too small", f"Use {c.context['ge']} or more."),
    "less_than_equal": lambda c: (f"{c.value} is too large", f"Use {c.context['le']} or less."),
    "too_short": lambda c: (f"{c.name} is empty", f"Give at least {c.context['min_length']}."),
    "string_too_short": lambda c: (f"{c.name} is empty", "Write it."),
    "too_long": lambda c: (f"{c.name} has more than {c.context['max_length']} entries", "Remove some."),
    "string_too_long": lambda c: (f"{c.value} is too long", f"Use at most {c.context['max_length']} characters."),
    "value_error": lambda c: (_cut(str(c.context["error"])), "Correct it."),
}


def _kind_of(case: _Case) -> str:
    match case.detail["input"]:
        case dict():
            return "a group of fields"
        case list():
            return "a list"
        case None:
            return "nothing"
        case _:
            return case.value


def _cut(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:199]}…"
