"""The failsafe's data on the disk: a folder for each content, and a pointer that names the one that counts.

``<folder>/<name>/by/<door>`` and ``<folder>/<name>/data/<digest>`` are never changed once their folder has its name;
``<folder>/current`` holds that name, and is replaced by a rename: the one switch.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from callrouter.asterisk.failsafe import END, FailsafeData

CURRENT: Final = "current"
KEPT_S: Final = 3_600.0
"""How long a folder stays that counts no more: a call may be reading it."""
_NAME: Final = re.compile(r"v([0-9]{1,18})-[0-9a-f]{16}")
_DRAFT: Final = ".draft-"
_NEXT: Final = f"{CURRENT}."
_TOGETHER: Final = 8
"""Files that are brought to the disk at once: a file system does so for several as quickly as for one."""


@dataclass(frozen=True, slots=True)
class Made:
    """Data that are on the disk, complete: under which name, until when they reach (s since 1970 UTC)."""

    name: str
    ends: int


@dataclass(frozen=True, slots=True)
class NotWritten:
    """The system refused to write: an OSError, which between processes would be taken for a lost pipe."""

    errno: int
    said: str


def write(folder: Path, data: FailsafeData) -> None:
    """Bring `data` to the disk beside what counts now, complete; it counts after `switch`. Raises OSError.

    What is there already and whole is left as it is; what another folder has of it is not written twice.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    wanted = {f"by/{name}": text for name, text in data.by.items()}
    wanted |= {f"data/{digest}": text for digest, text in data.texts.items()}
    path = folder / data.name
    if not _is_whole(path, wanted):
        draft = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=folder))
        try:
            _fill(draft, wanted, _whole_elsewhere(folder, data.texts))
            if path.exists():  # damaged
                path.replace(Path(tempfile.mkdtemp(prefix=_DRAFT, dir=folder)))
            draft.replace(path)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
    pointer = folder / f"{_NEXT}{data.name}"
    _write(pointer, f"{data.name}\n")
    _sync_folder(folder)


def switch(folder: Path, name: str) -> None:
    """Let what `write` wrote under `name` count from now on. A rename, no more. Raises OSError."""
    before = current(folder)
    (folder / f"{_NEXT}{name}").replace(folder / CURRENT)
    if before and before != name:
        with contextlib.suppress(OSError):
            os.utime(folder / before)  # its hour begins


def current(folder: Path) -> str:
    """Return the name of what counts; empty where that cannot be read, or its folder is not there."""
    try:
        name = (folder / CURRENT).read_text(encoding="ascii").removesuffix("\n")
    except (OSError, UnicodeDecodeError):
        return ""
    return name if _NAME.fullmatch(name) and (folder / name / "by").is_dir() else ""


def version_of(name: str) -> int | None:
    """Return the version in the name of a folder; None where it is no such name."""
    found = _NAME.fullmatch(name)
    return int(found[1]) if found else None


def reaches_until(folder: Path, name: str) -> int | None:
    """Return until when the data under `name` reach (s since 1970 UTC); None where they are not whole."""
    ends: list[int] = []
    try:
        for path in (folder / name / "by").iterdir():
            at, _, word = path.read_text(encoding="ascii").splitlines()[-1].partition("|")
            if word != END:
                return None
            ends.append(int(at))
    except (OSError, UnicodeDecodeError, ValueError, IndexError):
        return None
    return min(ends, default=None)


def prune(folder: Path, keep: Iterable[str], now: float | None = None) -> None:
    """Remove what has counted for nothing for an hour, but for the names in `keep`. Raises OSError."""
    kept = {current(folder), *keep}
    limit = (time.time() if now is None else now) - KEPT_S
    for path in folder.iterdir():
        ours = path.name.startswith(_DRAFT) or _NAME.fullmatch(path.name)
        pointer = path.name.startswith(_NEXT) and path.name.removeprefix(_NEXT) not in kept
        if not (ours or pointer) or path.name in kept or path.stat().st_mtime > limit:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _is_whole(path: Path, wanted: Mapping[str, str]) -> bool:
    try:
        return all((path / name).read_text(encoding="ascii") == text for name, text in wanted.items())
    except (OSError, UnicodeDecodeError):
        return False


def _whole_elsewhere(folder: Path, texts: Mapping[str, str]) -> dict[str, Path]:
    """Return where files of this content are, by digest."""
    found: dict[str, Path] = {}
    for path in (p for p in folder.iterdir() if _NAME.fullmatch(p.name)):
        for digest in texts.keys() - found.keys():
            with contextlib.suppress(OSError, UnicodeDecodeError):
                if (path / "data" / digest).read_text(encoding="ascii") == texts[digest]:
                    found[digest] = path / "data" / digest
    return found


def _fill(draft: Path, wanted: Mapping[str, str], elsewhere: Mapping[str, Path]) -> None:
    for part in ("by", "data"):
        (draft / part).mkdir(mode=0o700)

    def make(item: tuple[str, str]) -> None:
        name, text = item
        there = elsewhere.get(name.removeprefix("data/"))
        if there is not None:
            with contextlib.suppress(OSError):
                (draft / name).hardlink_to(there)
                return
        _write(draft / name, text)

    with ThreadPoolExecutor(_TOGETHER) as pool:
        list(pool.map(make, wanted.items()))
    for part in ("by", "data", "."):
        _sync_folder(draft / part)


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
