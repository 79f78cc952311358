"""ETags and what requests say of them (RFC 9110, sections 8.8.3 and 13.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from callrouter.api import refusals
from callrouter.api.problems import ApiProblem, Fault

ANY: Final = "*"
MAX_TAGS: Final = 20
_TAG: Final = re.compile(r'\s*(W/)?"([\x21\x23-\x7e]{0,100})"\s*')


@dataclass(frozen=True, slots=True)
class IfMatch:
    """What a request says it has seen: ETags without their quotes, or ``*`` for whatever is there."""

    tags: frozenset[str]

    def seen(self, current: str) -> str:
        """Return `current` if it was seen. Raises ApiProblem (412) else."""
        if ANY not in self.tags and current not in self.tags:
            raise moved(current)
        return current


def moved(current: str) -> ApiProblem:
    """Return the answer to a change of what has changed meanwhile; `current` is its ETag, without quotes."""
    fault = Fault(refusals.MOVED, "/header/If-Match", {"current": f'"{current}"'})
    return ApiProblem(fault, headers={"ETag": f'"{current}"'})


def if_match(values: Sequence[str]) -> IfMatch:
    """Return what the If-Match headers of a request say. Raises ApiProblem: there are none (428), or no ETags."""
    if not values:
        raise ApiProblem(Fault(refusals.PRECONDITION_REQUIRED, "/header/If-Match"))
    text = ",".join(values)
    if text.strip() == ANY:
        return IfMatch(frozenset((ANY,)))
    # A weak tag never proves that nothing has changed (RFC 9110 13.1.1): it is read, and matches nothing.
    return IfMatch(frozenset(tag for weak, tag in _tags("If-Match", text) if not weak))


def unchanged(values: Sequence[str], current: str) -> bool:
    """Return whether the If-None-Match headers of a GET name `current`. Raises ApiProblem for what are no ETags."""
    if not values:
        return False
    text = ",".join(values)
    return text.strip() == ANY or any(tag == current for _, tag in _tags("If-None-Match", text))


def _tags(name: str, text: str) -> list[tuple[bool, str]]:
    found: list[tuple[bool, str]] = []
    at = 0
    while at <= len(text):
        tag = _TAG.match(text, at)
        if tag is None or len(found) == MAX_TAGS or (tag.end() < len(text) and text[tag.end()] != ","):
            raise ApiProblem(Fault(refusals.HEADER_INVALID, f"/header/{name}", {"name": name}))
        found.append((tag[1] is not None, tag[2]))
        at = tag.end() + 1
    return found
