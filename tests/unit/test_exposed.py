"""What is meant for this machine alone and listens on more."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from callrouter.errors import OperatorError
from callrouter.listening import SERVICE, exposed, exposure, require_free
from callrouter.settings import load


@pytest.mark.parametrize("part", ["agi", "ami", "api", "hep"])
def test_what_listens_beyond_this_machine_is_refused_unless_told_and_then_warned_of(part: str) -> None:
    given = {f"{part}_host": "192.0.2.9"}
    with pytest.raises(OperatorError, match=f"CALLROUTER_{part.upper()}_HOST"):
        load(**given)
    settings = load(**given, allow_public_bind=True)
    assert exposed(settings) == (part,)
    said = exposure(settings, exposed(settings)[0])
    assert said.en.startswith("WARNING: ")
    assert f"CALLROUTER_{part.upper()}_HOST" in said.en
    assert f"CALLROUTER_{part.upper()}_HOST" in said.id


def test_nothing_is_exposed_by_default() -> None:
    assert exposed(load()) == ()


def test_service_that_starts_exposed_says_so_in_its_log() -> None:
    settings = load(hep_host="0.0.0.0", hep_port=39060, allow_public_bind=True)  # noqa: S104
    with capture_logs() as lines:
        require_free(settings, ("hep",))
        require_free(settings, ())
    assert [line["part"] for line in lines if line["event"] == "listening.exposed"] == ["hep"]
    assert "hep" in SERVICE
