"""Stand-ins for the PBX, and its rendered configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from callrouter import settings
from callrouter.asterisk.ami import AmiAnswer, AmiEvent
from callrouter.asterisk.render import AsteriskFiles, Credentials, Rendered, read_secrets, render
from callrouter.routing.table import RoutingTable
from callrouter.settings import Settings
from callrouter.vault import digests


@dataclass
class Line:
    """An AGI session that remembers what was set, in order; `fails` is raised after `lasts` variables."""

    fails: Exception | None = None
    lasts: int = 0
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Every variable that was to be set, the one that failed included."""
    gone: bool = False

    async def set_variables(self, values: dict[str, str]) -> None:
        """Set channel variables, in order."""
        for name, value in values.items():
            self.asked.append((name, value))
            if self.fails and len(self.asked) > self.lasts:
                raise self.fails

    @property
    def variables(self) -> dict[str, str]:
        """What was set; each of them once."""
        assert len(dict(self.asked)) == len(self.asked)
        return dict(self.asked)


def event(name: str, *headers: tuple[str, str], **fields: str) -> AmiEvent:
    """Return an event of the manager interface."""
    every = (("Event", name), *fields.items(), *headers)
    return AmiEvent(name, dict(reversed(every)), every)


def answer(*events: AmiEvent) -> AmiAnswer:
    """Return the answer to an action that gives a list."""
    return AmiAnswer({"Response": "Success"}, (("Response", "Success"),), events)


def credentials(table: RoutingTable) -> Credentials:
    """Return a secret for each operator, and a password for each trunk that logs in."""
    return Credentials(
        {o.key: digests(o.key, f"secret of {o.key}") for o in table.directory.operators},
        {t.key: f"password-of-{t.key}" for t in table.directory.trunks if t.login},
    )


def rendered(
    folder: Path,
    table: RoutingTable,
    change: Callable[[dict[str, Any]], object] = lambda _: None,
    *,
    known: Credentials | None = None,
    retired: tuple[str, ...] = (),
) -> tuple[Settings, Path, Rendered]:
    """Render the PBX's configuration for `table` into `folder`; return the settings, its folder, and all of it."""
    given: dict[str, Any] = {"state": folder / "state", "trunk_networks": ("0.0.0.0/0", "::/0")}
    change(given)
    used = settings.load(**given)
    files = AsteriskFiles(folder / "modules", folder / "documentation")
    keys = read_secrets(used.secrets_dir)
    whole = render(used, table, 3, keys, known or credentials(table), files, retired=retired)
    return used, used.pbx_dir / "etc", whole
