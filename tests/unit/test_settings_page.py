"""The page of settings says what the settings say."""

from __future__ import annotations

from pathlib import Path

from callrouter.settings import Settings, Timers
from callrouter.settings_page import page

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"


def test_page_in_the_documents_is_the_one_that_the_command_writes() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == page()


def test_every_setting_has_a_meaning() -> None:
    fields = {**Settings.model_fields, **Timers.model_fields}
    assert [name for name, field in fields.items() if not field.description] == []
