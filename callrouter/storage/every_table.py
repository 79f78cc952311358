"""All tables, each part's own among them: for migrations and their tests. Each part adds its module here."""

from __future__ import annotations

from callrouter.storage import (
    tables_daily,
    tables_figures,
    tables_judgement,
    tables_notices,
    tables_parties,
    tables_privacy,
    tables_search,
    tables_sop,
    tables_supervision,
)
from callrouter.storage.tables import metadata
from callrouter.storage.tables_search import modelled

__all__ = [
    "metadata",
    "modelled",
    "tables_daily",
    "tables_figures",
    "tables_judgement",
    "tables_notices",
    "tables_parties",
    "tables_privacy",
    "tables_search",
    "tables_sop",
    "tables_supervision",
]
