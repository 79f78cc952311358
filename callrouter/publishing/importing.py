"""A routing table from a YAML file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from callrouter.bilingual import Bilingual, joined, reason
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
    sentence: Bilingual
    remedy: Bilingual

    def told(self) -> Bilingual:
        """Return it as one line for a person."""
        pointer = shown(self.pointer, quoted=False)
        lines = Bilingual(f"baris {self.line}", f"line {self.line}") if self.line else Bilingual("", "")
        return Bilingual(
            _line(lines.id, pointer, self.sentence.id, self.remedy.id),
            _line(lines.en, pointer, self.sentence.en, self.remedy.en),
        )


def _line(line: str, pointer: str, sentence: str, remedy: str) -> str:
    where = ", ".join(filter(None, (line, pointer)))
    return f"{where}: {sentence}. {remedy}" if where else f"{sentence}. {remedy}"


class TableError(OperatorError):
    """A file is no routing table; `problems` has everything that was found."""

    def __init__(self, path: Path, problems: tuple[TableProblem, ...]) -> None:
        told = joined("", (Bilingual(f"\n  {p.id}", f"\n  {p.en}") for p in (q.told() for q in problems[:MAX_TOLD])))
        count, more = len(problems), len(problems) - MAX_TOLD
        rest = Bilingual(f"\n  dan {more} lagi", f"\n  and {more} more") if more > 0 else Bilingual("", "")
        super().__init__(
            Bilingual(
                f"{path} bukan tabel perutean, {count} masalah:{told.id}{rest.id}",
                f"{path} is not a routing table, {count} problem{'' if count == 1 else 's'}:{told.en}{rest.en}",
            ),
            Bilingual(
                "Tidak ada yang diimpor. Perbaiki berkas itu, lalu impor lagi.",
                "Nothing was imported. Correct the file and import it again.",
            ),
        )
        self.problems = problems


def read_table(path: Path) -> RoutingTable:
    """Read a routing table from a YAML file of at most 1 MB.

    Raises TableError with everything that is wrong. What the file is written in comes first (encoding, YAML,
    doubled keys, anchors, tags), then its fields and values, then what must hold between them: each is looked
    at only when the one before is right. Types are strict: a number in quotes is a text.
    """
    return parse_table(table_content(path), path)


def parse_table(content: bytes, path: Path) -> RoutingTable:
    """Read a routing table from the content of a YAML file; `path` is named in errors. Raises TableError."""
    if len(content) > MAX_BYTES:
        large = Bilingual(f"berkas itu lebih dari {MAX_BYTES} byte", f"the file has more than {MAX_BYTES:,} bytes")
        smaller = Bilingual("Berikan tabel yang lebih kecil.", "Give a smaller table.")
        raise TableError(path, (TableProblem("", None, large, smaller),))
    tree = read(content)
    if tree.problems:
        raise TableError(
            path, tuple(TableProblem(p.pointer, line, p.sentence, p.remedy) for line, p in tree.problems)
        )
    if not isinstance(tree.data, dict):
        what = (
            Bilingual("berkas itu kosong", "the file is empty")
            if tree.data is None
            else Bilingual("berkas itu bukan kelompok isian", "the file is not a group of fields")
        )
        remedy = Bilingual("Mulailah dari salah satu contoh.", "Start from one of the examples.")
        raise TableError(path, (TableProblem("", None, what, remedy),))
    try:
        return RoutingTable.model_validate_json(json.dumps(tree.data), strict=True)
    except ValidationError as error:
        found = [TableProblem(p.pointer, tree.line(p.pointer), p.sentence, p.remedy) for p in explained(error, tree)]
        raise TableError(path, tuple(sorted(found, key=lambda p: p.line or 0))) from None


def table_content(path: Path) -> bytes:
    """Return what is in a table's file; of one that is too large, its beginning. Raises OperatorError."""
    try:
        if not path.is_file():
            raise _no_file(path)
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        why = reason(error)
        raise OperatorError(
            Bilingual(f"{path} tidak dapat dibaca: {why.id}.", f"{path} cannot be read: {why.en}."),
            Bilingual("Periksa nama dan izinnya.", "Check its name and its permissions."),
        ) from None
    return content


def _no_file(path: Path) -> OperatorError:
    if path.is_dir():
        return OperatorError(
            Bilingual(f"{path} adalah folder.", f"{path} is a folder."),
            Bilingual("Sebut sebuah berkas.", "Name a file."),
        )
    return OperatorError(
        Bilingual(f"{path} tidak ada.", f"{path} is not there."), Bilingual("Periksa namanya.", "Check its name.")
    )
