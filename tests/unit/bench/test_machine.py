"""What figures depend on is told."""

from __future__ import annotations

import pytest

import callrouter
from bench import machine


async def test_the_version_of_the_code_is_told_with_those_of_the_libraries() -> None:
    found = await machine.versions("22.1", ["no-such-sipp"])
    assert found["callrouter"]
    assert "ari-client" in found
    assert "SIPp" not in found


@pytest.mark.parametrize("command", [("no-such-git",), ("sh", "-c", "echo fatal: not a repository")])
async def test_without_git_it_is_that_of_the_package(
    monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setattr(machine, "_DESCRIBED", command)
    assert (await machine.versions("22.1", ["no-such-sipp"]))["callrouter"] == callrouter.__version__
