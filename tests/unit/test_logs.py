"""Lines of the log: whole, of their level, and never what ends a call."""

from __future__ import annotations

import io
import json
import sys

import pytest
import structlog

from callrouter import logs


class Full(io.StringIO):
    """A file on a full disk."""

    def write(self, _text: str) -> int:
        raise OSError("no space left on device")


def test_line_is_json_with_what_was_bound_and_lesser_levels_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    monkeypatch.setattr(sys, "stderr", file)
    logs.configure("json", "INFO")
    log = structlog.get_logger("x").bind(call="1")
    log.debug("not.told")
    try:
        raise ValueError("defect")
    except ValueError:
        log.exception("call.error", n=2)
    (line,) = file.getvalue().splitlines()
    told = json.loads(line)
    assert (told["event"], told["call"], told["n"], told["level"]) == ("call.error", "1", 2, "error")
    assert told["exception"].endswith("ValueError: defect")


def test_line_that_cannot_be_written_is_lost_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Full())
    logs.configure("text", "INFO")
    structlog.get_logger().info("call.routed")
