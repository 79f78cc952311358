"""What this PBX cannot carry is bad input, told as such, and not a part that is out of order."""

from __future__ import annotations

from pathlib import Path

import pytest

from callrouter.plane import require_carried
from callrouter.publishing.errors import Invalid
from callrouter.settings import Settings
from tests.unit.routing.tables import Document, small


def by_tls(document: Document) -> None:
    document["directory"]["trunks"][0]["transport"] = "tls"


def test_trunk_by_tls_without_a_certificate_is_invalid_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(Invalid) as refused:
        require_carried(small(by_tls), Settings(state=tmp_path))
    (problem,) = refused.value.problems
    assert "telco" in problem.sentence.en
    assert "CALLROUTER_SIP_TLS_CERT" in problem.remedy.id


def test_table_that_it_can_carry_is_let_through(tmp_path: Path) -> None:
    require_carried(small(), Settings(state=tmp_path))
