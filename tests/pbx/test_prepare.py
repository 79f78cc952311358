"""Preparing a centre again leaves what its people published."""

from __future__ import annotations

import pytest

from callrouter import prepare
from callrouter.resources import resource
from tests.pbx.rig import Rig

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_example_does_not_replace_a_table_that_is_published(rig: Rig) -> None:
    settings = rig.centre.settings
    before = await prepare.table_in_force(settings)
    ready = await prepare.prepare(
        settings, None, lambda _line: None, otherwise=resource("examples") / "kab-malang.yaml"
    )
    assert await prepare.table_in_force(settings) == before
    assert ready.table.centre.name == "Kabupaten Uji"
