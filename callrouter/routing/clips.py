"""Names of the clips that are spoken from a table's texts.

Such a name ends in a digest of the text, so that a name is said in one way for ever: while a new table is published,
each call hears the words of the table that decided it. Clips of the catalogue keep their plain names.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from callrouter.routing.table import RoutingTable

TOLD_UNKNOWN: Final = "told-unknown"
"""The catalogue's clip for whoever takes a call without a category."""
TOLD_CANNOT_SPEAK: Final = "told-cannot-speak"
"""The catalogue's clip for whoever takes a call whose caller cannot speak."""
_DIGEST_CHARS: Final = 8


def name(plain: str, *texts: str) -> str:
    """Return the name of the clip `plain` where it says `texts` (one for each language)."""
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()
    return f"{plain}-{digest[:_DIGEST_CHARS]}"


def of_table(table: RoutingTable) -> dict[str, str]:
    """Return the clips that a table's names make, by their plain names, as an announce step may call them."""
    said: dict[str, tuple[str, ...]] = {"centre-name": (table.centre.name,)}
    for category in table.routing.categories:
        for prefix in ("category", "told"):
            said[f"{prefix}-{category.key}"] = (category.name.id, category.name.en)
    for agency in table.directory.agencies:
        said[f"agency-{agency.key}"] = (agency.name.id, agency.name.en)
    return {plain: name(plain, *texts) for plain, texts in said.items()}
