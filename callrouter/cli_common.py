"""What every command of the command line does alike: its language, its settings, its loop.

The parts of callrouter take a second of CPU to import. So that help and a wrong setting are told at once, the command
line imports them where a command begins, and what serves a whole group of commands with that group (`on_demand`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from typer.core import TyperGroup
from typer.main import get_group

from callrouter.bilingual import Bilingual, of_environment

if TYPE_CHECKING:
    from callrouter import settings

T = TypeVar("T")
LANGUAGE = of_environment()
"""Of help and messages: known before the settings are read, which may be wrong."""


def said(in_indonesian: str, in_english: str) -> str:
    """Return the text of the language that the environment asks for."""
    return Bilingual(in_indonesian, in_english).said(LANGUAGE)


def load() -> settings.Settings:
    """Return the settings, with the log set up as they say. Raises OperatorError."""
    from callrouter import settings
    from callrouter.logs import configure

    loaded = settings.load()
    configure(loaded.log_format, loaded.log_level)
    return loaded


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end. Raises OperatorError, also where the database does not do what was asked."""
    from callrouter.incidents.views import StorageUnavailable
    from callrouter.storage.revisions import unavailable

    try:
        return asyncio.run(work)
    except StorageUnavailable as error:
        raise unavailable(error) from None


def on_demand(module: str, name: str) -> type[TyperGroup]:
    """Return the class of a group whose commands are those of `name` in `module`, loaded when they are asked for."""

    class OnDemand(TyperGroup):
        def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - as a group has it
            return self._all().get(cmd_name)

        def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
            return list(self._all())

        def _all(self) -> Any:
            if not self.commands:
                self.commands = get_group(getattr(import_module(module), name)).commands
            return self.commands

    return OnDemand
