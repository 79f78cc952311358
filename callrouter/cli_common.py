"""What every command of the command line does alike: its language, its settings, its loop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from callrouter import settings
from callrouter.bilingual import Bilingual, of_environment
from callrouter.logs import configure

T = TypeVar("T")
LANGUAGE = of_environment()
"""Of help and messages: known before the settings are read, which may be wrong."""


def said(in_indonesian: str, in_english: str) -> str:
    """Return the text of the language that the environment asks for."""
    return Bilingual(in_indonesian, in_english).said(LANGUAGE)


def load() -> settings.Settings:
    """Return the settings, with the log set up as they say. Raises OperatorError."""
    loaded = settings.load()
    configure(loaded.log_format, loaded.log_level)
    return loaded


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end."""
    return asyncio.run(work)
