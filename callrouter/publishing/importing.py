"""A routing table from a YAML file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from callrouter.errors import OperatorError
from callrouter.publishing.explaining import explained
from callrouter.publishing.yamltree import MAX_BYTES, read, shown
from callrouter.routing.table import RoutingTable

MAX_TOLD = 40
"""Problems in one message; the error holds all of them."""


@dataclass(frozen=True, slots=True)
class TableProblem:
    """One thing that is wrong with a file: JSON pointer, line from 1 where known, what it is, what to do."""

    pointer: str
    line: int | None
    sentence: str
    remedy: str

    def __str__(self) -> str:
        """Return it as one line for a person."""
        pointer = shown(self.pointer, quoted=False)
        where = ", ".join(filter(None, (f"line {self.line}" if self.line else "", pointer)))
        return f"{where}: {self.sentence}. {self.remedy}" if where else f"{self.sentence}. {self.remedy}"


class TableError(OperatorError):
    """A file is no routing table; `problems` has everything that was found."""

    def __init__(self, path: Path, problems: tuple[TableProblem, ...]) -> None:
        told = [f"\n  {problem}" for problem in problems[:MAX_TOLD]]
        if len(problems) > MAX_TOLD:
            told.append(f"\n  and {len(problems) - MAX_TOLD} more")
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(
            f"{path} is not a routing table, {count}:{''.join(told)}\n",
            "Nothing was imported. Correct the file and import it again.",
        )
        self.problems = problems


def read_table(path: Path) -> RoutingTable:
    """Read a routing table from a YAML file of at most 1 MB.

    Raises TableError with everything that is wrong. What the file is written in comes first (encoding, YAML,
    doubled keys, anchors, tags), then its fields and values, then what must hold between them: each is looked
    at only when the one before is right. Types are strict: a number in quotes is a text.
    """
    return parse_table(_content(path), path)


def parse_table(content: bytes, path: Path) -> RoutingTable:
    """Read a routing table from the content of a YAML file; `path` is named in errors. Raises TableError."""
    tree = read(content)
    if tree.problems:
        raise TableError(
            path, tuple(TableProblem(p.pointer, line, p.sentence, p.remedy) for line, p in tree.problems)
        )
    if not isinstance(tree.data, dict):
        what = "the file is empty" if tree.data is None else "the file is not a group of fields"
        raise TableError(path, (TableProblem("", None, what, "Start from one of the examples."),))
    try:
        return RoutingTable.model_validate_json(json.dumps(tree.data), strict=True)
    except ValidationError as error:
        found = [TableProblem(p.pointer, tree.line(p.pointer), p.sentence, p.remedy) for p in explained(error, tree)]
        raise TableError(path, tuple(sorted(found, key=lambda p: p.line or 0))) from None


def _content(path: Path) -> bytes:
    try:
        if not path.is_file():
            what, remedy = ("is a folder", "Name a file.") if path.is_dir() else ("is not there", "Check its name.")
            raise OperatorError(f"{path} {what}.", remedy)
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise OperatorError(
            f"{path} cannot be read: {error.strerror}.", "Check its name and its permissions."
        ) from None
    if len(content) > MAX_BYTES:
        found = TableProblem("", None, f"the file has more than {MAX_BYTES:,} bytes", "Give a smaller table.")
        raise TableError(path, (found,))
    return content
