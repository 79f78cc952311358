"""What callrouter adds to a call, in one sentence, from the figures of the opponents' rounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bench.opponents import bare, ours
from bench.outcome import Outcome


def sentence(outcome: Outcome) -> str:
    """Return it; empty where the rounds were not measured, or too few calls came in them."""
    arena = next((section.figures for section in outcome.sections if section.name == "arena"), None) or {}
    yard = _call(arena.get(bare.KEY))
    if yard is None:
        return ""
    rate, delay_ms, cpu_ms = yard
    added = [
        f"{mine[1] - delay_ms:.2f} ms and {mine[2] - cpu_ms:.2f} ms of CPU with {database}"
        for database, mine in _ours(arena)
    ]
    if not added:
        return ""
    return (
        f"At {rate:g} calls/s callrouter adds to a call of a bare dialplan, from the caller's digit to the agency's "
        f"INVITE (median), and in CPU of all that takes part: {'; '.join(added)}."
    )


def _ours(arena: Mapping[str, Any]) -> Iterator[tuple[str, tuple[float, float, float]]]:
    for key, database in ((ours.SQLITE, "SQLite"), (ours.POSTGRESQL, "PostgreSQL")):
        if (mine := _call(arena.get(key))) is not None:
            yield database, mine


def _call(of: Mapping[str, Any] | None) -> tuple[float, float, float] | None:
    """Return calls a second, the median from digit to INVITE (ms) and the CPU of a call (ms)."""
    found = of or {}
    rate = (found.get("judged") or {}).get("rate")
    median = (found.get("digit_to_invite_ms") or {}).get("median")
    cpu = (found.get("cpu_ms_per_call") or {}).get("total")
    if rate is None or median is None or cpu is None:
        return None
    return float(rate), float(median), float(cpu)
