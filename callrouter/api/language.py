"""The language of an answer's texts (RFC 9110 section 12.5.4, lookup of RFC 4647 section 3.4)."""

from __future__ import annotations

import re

from callrouter.bilingual import Bilingual
from callrouter.routing.values import Language

MAX_RANGES = 20
"""Language ranges read of one header; no browser sends more."""

_RANGE = re.compile(r"\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9-]{1,40})?\s*(?:;\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?")
_PRIMARY = {"id": Language.ID, "in": Language.ID, "en": Language.EN}  # "in" is what older Java still sends for id


def negotiate(accept_language: str, default: Language) -> Language:
    """Return the language that the header wants most, else `default`. Malformed parts are skipped."""
    best, best_q = default, 0.0
    for part in accept_language.split(",", MAX_RANGES)[:MAX_RANGES]:
        found = _RANGE.fullmatch(part)
        if found is None:
            continue
        language = default if found[1] == "*" else _PRIMARY.get(found[1].lower())
        q = float(found[2] or 1)
        if language is not None and q > best_q:
            best, best_q = language, q
    return best


def say(text: Bilingual, language: Language) -> str:
    """Return `text` in `language`."""
    return text.id if language is Language.ID else text.en
