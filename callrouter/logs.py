"""Structured logs: one JSON object a line (or text for a terminal), with call and incident where there is one."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any, Self, TextIO


@contextmanager
def _without(name: str) -> Iterator[None]:
    """Let whatever is imported within do without the module `name`, unless that is there already."""
    absent = name not in sys.modules
    if absent:
        sys.modules[name] = None  # type: ignore[assignment]  # "there is no such module", as the import system says it
    try:
        yield
    finally:
        if absent:
            del sys.modules[name]


# structlog draws tracebacks with rich where it is there. Ours are text, and the service is 4 MB smaller without.
with _without("rich"):
    import structlog


class _Lines:
    """Writes lines into a file, from any thread. What cannot be written is lost: no call may end for it."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._one = Lock()

    def __call__(self, *_names: str) -> Self:
        """Return the logger of these names: there is one."""
        return self

    def msg(self, line: str) -> None:
        """Write a line."""
        with suppress(OSError, ValueError), self._one:
            self._file.write(line + "\n")
            self._file.flush()

    debug = info = warning = error = critical = exception = msg


def configure(fmt: str, level: str) -> None:
    """Set up logging for the whole process, once. `fmt` is json or text; the standard library's logs join in."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if fmt == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    # Ours go straight to the line: through the standard library each would take four times as long.
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Lines(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("panoramisk", "sqlalchemy", "alembic", "aiohttp.access", "aiosqlite"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
