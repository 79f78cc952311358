"""The locks: what pyproject.toml asks for is in them, and the smaller ones are parts of the whole."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;\\]+)(?P<marker> ;[^\\]*)?")
RENEW = "renew the locks: make lock"


def pins(lock: str) -> dict[str, str]:
    """Return the locked packages and their versions, each of which must carry a hash."""
    found: dict[str, str] = {}
    text = (ROOT / lock).read_text().replace("\\\n", "")
    for line in text.splitlines():
        pin = PIN.match(line)
        assert pin, f"{lock}: {line[:60]!r} pins nothing"
        assert "--hash=sha256:" in line, f"{lock}: {pin['name']} has no hash"
        found[canonicalize_name(pin["name"])] = pin["version"]
    return found


def asked(*groups: str) -> list[Requirement]:
    """Return what pyproject.toml asks for: the service's dependencies and those of `groups`."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = list(project["project"]["dependencies"])
    pending = list(groups)
    while pending:
        for entry in project["dependency-groups"][pending.pop()]:
            if isinstance(entry, str):
                wanted.append(entry)
            else:
                pending.append(entry["include-group"])
    return [Requirement(text) for text in wanted]


@pytest.mark.parametrize(
    ("lock", "groups"),
    [("requirements.lock", ("dev",)), ("requirements-demo.lock", ("demo",)), ("requirements-service.lock", ())],
)
def test_lock_holds_what_pyproject_asks_for(lock: str, groups: tuple[str, ...]) -> None:
    locked = pins(lock)
    for requirement in asked(*groups):
        version = locked.get(canonicalize_name(requirement.name))
        assert version, f"{lock} lacks {requirement}: {RENEW}"
        assert requirement.specifier.contains(version, prereleases=True), f"{lock} has {version}: {RENEW}"


@pytest.mark.parametrize("part", ["requirements-demo.lock", "requirements-service.lock"])
def test_smaller_lock_is_part_of_the_whole(part: str) -> None:
    whole = pins("requirements.lock")
    assert pins(part).items() <= whole.items(), RENEW


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-demo.lock", "requirements-service.lock"])
def test_lock_names_no_index(lock: str) -> None:
    assert "://" not in (ROOT / lock).read_text()
