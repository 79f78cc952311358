"""What the dialplan finds in the failsafe's data, told a second time: slow and plain, from the files alone."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

CLOSED = re.compile(r"[A-Za-z0-9+/@&!,._-]*")
"""What a value is made of."""


def variables(folder: Path, door: str, at: int) -> dict[str, str]:
    """Return what is set on the channel of a call by that door at `at` (s since 1970). Raises LookupError."""
    inside = folder / (folder / "current").read_text().strip()
    *lines, last = (inside / "by" / door).read_text().splitlines()
    end, word = last.split("|")
    begun = [line.split("|") for line in lines if int(line.split("|")[0]) <= at]
    if word != "end" or at >= int(end) or not begun:
        raise LookupError(f"nothing for {at}")
    digest = begun[-1][1]
    text = (inside / "data" / digest).read_text()
    reckoned = ""
    found: dict[str, str] = {}
    for line in text.splitlines(keepends=True):
        assert len(line) <= 3_500
        reckoned = hashlib.sha1((reckoned + line).encode(), usedforsecurity=False).hexdigest()
        names, values, rest = line.split("|")
        assert rest == "\n"
        found |= zip(names.split(","), _parted(values), strict=True)
    assert reckoned == digest
    return found


def _parted(values: str) -> list[str]:
    return [part.replace("\\,", ",") for part in re.split(r"(?<!\\),", values)]


def plan_for(found: dict[str, str], digits: str | None, language: str) -> str:
    """Return the plan that the dialplan takes (callrouter-next)."""
    key = digits or "other"
    return found.get(f"CR_PLAN_{key}_{language}") or found[f"CR_PLAN_{key}"]


def said(plan: str) -> tuple[str | None, str | None, int, list[tuple[Any, ...]]]:
    """Return route, category, urgency and steps of a plan, as the naive oracle tells them."""
    head, *steps = plan.split("!")
    _, _, route, urgency, category, _ = head.split(",")
    return route or None, category or None, int(urgency), [_step(step) for step in steps]


def _step(step: str) -> tuple[Any, ...]:
    kind, *parts = step.split(",")
    match kind:
        case "dial":
            targets, ring_s, announce, labels, *limits = parts
            most = limits[0].split("&") if limits else ["0"] * len(targets.split("&"))
            called = zip(targets.split("&"), labels.split("+"), most, strict=True)
            return "dial", [_target(*one) for one in called], int(ring_s), announce == "a"
        case "ring":
            return "ring", parts[0], int(parts[1]), int(parts[2]), False
        case "last":
            return "last", parts[0], int(parts[1])
        case "announce":
            return "announce", parts[0]
        case "challenge":
            return "challenge", int(parts[0]), int(parts[1])
    return kind, int(parts[0])


def _target(text: str, label: str, most: str) -> tuple[str, str, str, str, bool, int]:
    agency, contact = label.split("/")
    asked = re.fullmatch(r"Local/c([^_]*)_(.*)@callrouter-confirm/n", text)
    straight = re.fullmatch(r"PJSIP/(.*)@trunk-(.*)", text)
    found = asked or straight
    assert found is not None
    return agency, contact, found[2], found[1], asked is not None, int(most)
