"""A state folder with its settings, and `python -m callrouter …` run on it (see forks.py)."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import sqlite3
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

from demo.addresses import free_port
from tests.cli.forks import Forks

ENDS_WITHIN_S = 40
STREAMS = ("AGI", "AMI", "API")
_WAY = re.compile(r"No service runs: straight to the database\.\n|Through the service at \S+\n")
_MESSAGE = re.compile(r"callrouter: (?P<what>.+)\n  -> (?P<remedy>.+)\n", re.DOTALL)


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def message(self) -> str:
        """What was written for a person: standard error without the log, and without which way a change goes."""
        lines = (line for line in self.err.splitlines(keepends=True) if not _is_log(line))
        return "".join(line for line in lines if not _WAY.fullmatch(line))

    def refused(self, *named: str) -> str:
        """Assert that it ended with one message that has each of `named`; return its remedy."""
        assert self.code == 2, self
        assert "Traceback" not in self.out + self.err, self
        found = _MESSAGE.fullmatch(self.message)
        assert found, self
        assert self.message.count("callrouter: ") == self.message.count("\n  -> ") == 1, self
        for name in named:
            assert name in self.message, (name, self)
        return found["remedy"]


def _is_log(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


@dataclass
class Site:
    """`folder` holds the state folder; `settings` are CALLROUTER_ names without their prefix."""

    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    forks: ClassVar[Forks]

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def database(self) -> Path:
        return self.state / "callrouter.db"

    @classmethod
    def of(cls, folder: Path, **settings: Any) -> Self:
        """A site with ports of its own; its state folder is not there yet."""
        ports: set[int] = set()
        while len(ports) < len(STREAMS) + 1:
            ports.add(free_port())
        named = {f"{part}_PORT": port for part, port in zip((*STREAMS, "HEP"), ports, strict=True)}
        return cls(folder, {"LANGUAGE": "en", **named, **settings})

    def copy(self, folder: Path) -> Self:
        """Another site that has been made ready in the same way."""
        shutil.copytree(self.folder, folder, symlinks=True, dirs_exist_ok=True)
        return type(self).of(folder, PBX_ROOT=self.settings["PBX_ROOT"])

    def environment(self, **settings: Any) -> dict[str, str]:
        """Return the environment of a command; a setting of None is unset."""
        kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("CALLROUTER_")}
        given = {"STATE": self.state, **self.settings, **settings}
        set_here = {f"CALLROUTER_{name}": str(value) for name, value in given.items() if value is not None}
        return kept | {"CALLROUTER_NICENESS": "0"} | set_here

    def run(self, *words: str, path: Path | None = None, **settings: Any) -> Done:
        """Run a command to its end. `path`: PATH, in place of the test's own."""
        environment = self.environment(**settings) | ({"PATH": str(path)} if path else {})
        with tempfile.TemporaryDirectory() as folder:
            code = self.forks.run(words, environment, Path(folder), ENDS_WITHIN_S)
            out, err = ((Path(folder) / name).read_text() for name in ("out", "err"))
        return Done(code, out, err)

    def everything(self) -> dict[str, str]:
        """Return all files in the folder with their contents, and what the SQLite database holds."""
        found: dict[str, str] = {}
        for path in sorted(self.folder.rglob("*")):
            name = str(path.relative_to(self.folder))
            if path.is_symlink():
                found[name] = f"-> {path.readlink()}"
            elif path.is_dir():
                found[name] = "folder"
            elif path.name.startswith("callrouter.db"):
                continue
            else:
                found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        if self.database.is_file():
            found["callrouter.db"] = self._database()
        return found

    def _database(self) -> str:
        try:
            with contextlib.closing(sqlite3.connect(self.database)) as connection:
                return "\n".join(connection.iterdump())
        except sqlite3.DatabaseError:
            return hashlib.sha256(self.database.read_bytes()).hexdigest()

    def sql(self, *statements: str) -> list[Any]:
        """Run statements on the SQLite database; return the rows of the last."""
        with contextlib.closing(sqlite3.connect(self.database)) as connection, connection:
            rows: list[Any] = []
            for statement in statements:
                rows = connection.execute(statement).fetchall()
            return rows

    def processes(self) -> list[str]:
        """Return the command lines of all processes that were started with this state folder."""
        mark = f"CALLROUTER_STATE={self.state}".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                # The PBX has none of our settings in its environment, but its configuration's folder in its command.
                if mark in (process / "environ").read_bytes().split(b"\0") or f"{self.state}/asterisk/" in words:
                    found.append(words)
        return found

    def listening(self) -> list[str]:
        """Return which of AGI, AMI and API are listened on at this site's ports."""
        return [part for part in STREAMS if _answers(self.settings[f"{part}_PORT"])]


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
