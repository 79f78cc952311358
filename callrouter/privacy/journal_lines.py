"""What the files of the journal still hold of a person. They are never rewritten: what is written once is proof."""

from __future__ import annotations

import base64
import gzip
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

_DAY_US: Final = 86_400_000_000
_FOLDERS: Final = ("", "done")


@dataclass(frozen=True, slots=True)
class Kept:
    """Lines of one file. until: when the file is removed, once all of it is stored (µs UTC)."""

    file: str
    until: int
    lines: tuple[str, ...]


def lines_about(folder: Path, numbers: Sequence[str], calls: Collection[UUID], keep_days: int) -> list[Kept]:
    """Return the lines that hold one of `numbers` or are of one of `calls`, file by file, oldest first.

    Reads every file, also the compressed ones: for a thread. A file that cannot be read is left out. Raises OSError.
    """
    needles = [field for number in numbers for field in written(number)]
    needles += [f"|{call}|".encode() for call in calls]
    return [kept for path in _files(folder) if (kept := _of(path, needles, keep_days)) is not None]


def written(number: str) -> tuple[bytes, bytes, bytes]:
    """Return the fields of a line that have this number, as the dialplan writes it: no sign of it is escaped.

    The last one is of a line about a call back, which has what was dialled.
    """
    sent = base64.b64encode(b"." + number.encode())
    return b"|num=%b|" % sent, b"|from=%b|" % sent, b"|num=%b|" % number.encode()


def _files(folder: Path) -> Iterator[Path]:
    for name in _FOLDERS:
        inner = folder / name
        if inner.is_dir():
            yield from sorted(path for path in inner.iterdir() if path.name.endswith((".log", ".log.gz")))


def _of(path: Path, needles: Sequence[bytes], keep_days: int) -> Kept | None:
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if path.suffix == ".gz" else data
    except (FileNotFoundError, EOFError, gzip.BadGzipFile, zlib.error):
        return None  # moved meanwhile, or damaged
    found = [line for line in data.split(b"\n") if any(needle in line for needle in needles)]
    if not found:
        return None
    until = path.stat().st_mtime_ns // 1000 + keep_days * _DAY_US
    return Kept(path.name, until, tuple(line.decode("utf-8", "replace") for line in found))
