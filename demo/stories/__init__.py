"""The stories: what is played with each of the five example centres, and with any other table."""

from __future__ import annotations

from typing import Final

from callrouter.routing.table import RoutingTable
from demo.show import Show
from demo.stories import kab_malang, kota_batu, kota_madiun, kota_malang, kutai_timur
from demo.stories.any_table import walk

SHOWS: Final = {
    "kab-malang": kab_malang.SHOW,
    "kota-malang": kota_malang.SHOW,
    "kota-batu": kota_batu.SHOW,
    "kutai-timur": kutai_timur.SHOW,
    "kota-madiun": kota_madiun.SHOW,
}
"""By the name of the example's file, without its suffix."""


def show_of(name: str, table: RoutingTable) -> Show:
    """Return what is played with `table`, whose file is called `name` (without suffix).

    A centre that has a story, and whom its story needs, plays it; any other table has each of its digits called once.
    Raises OperatorError for a table that nobody can call.
    """
    show = SHOWS.get(name)
    if show is None or not _fits(show, table):
        return walk(table)
    return show


def _fits(show: Show, table: RoutingTable) -> bool:
    trunks = {trunk.key for trunk in table.directory.trunks}
    operators = {operator.key for operator in table.directory.operators}
    return {show.cast.caller, *show.cast.agencies} <= trunks and show.cast.operators.keys() <= operators
