"""The page of settings, written from the settings themselves."""

from __future__ import annotations

from pydantic.fields import FieldInfo

from callrouter.settings import Settings, Timers

_HEAD = """# Settings

Read from the environment. This page is written by `callrouter settings`.

| Name | Default | Meaning |
|---|---|---|
"""


def page() -> str:
    """Return the page in Markdown."""
    rows = [_row("CALLROUTER_", name, field) for name, field in Settings.model_fields.items() if name != "timers"]
    timers = [_row("CALLROUTER_TIMER_", name, field) for name, field in Timers.model_fields.items()]
    return _HEAD + "\n".join((*rows, *timers)) + "\n"


def _row(prefix: str, name: str, field: FieldInfo) -> str:
    default = "" if field.default in (None, ()) else f"`{_text(field.default)}`"
    meaning = " ".join((field.description or "").split()).replace("``", "`")
    return f"| `{prefix}{name.upper()}` | {default} | {meaning} |"


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ",".join(f"{name}={one}" for name, one in value.items())
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
