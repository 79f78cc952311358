"""The failsafe's data made in a process of its own: for the table of a city that takes seconds of CPU."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

from callrouter.asterisk.failsafe import failsafe_data
from callrouter.asterisk.failsafe_files import Made, NotWritten, prune, write
from callrouter.publishing.canonical import read_directory, read_routing
from callrouter.publishing.jobs import serve
from callrouter.routing.table import RoutingTable

MODULE: Final = "callrouter.asterisk.failsafe_jobs"


def make(folder: Path, routing: str, directory: str, version: int, now: datetime) -> Made | NotWritten:
    """Write the data of a table, given as the canonical texts of its halves.

    They do not count yet. What counted before and is old is removed.
    """
    centre, half = read_routing(routing)
    table = RoutingTable(centre=centre, directory=read_directory(directory), routing=half)
    data = failsafe_data(table, version, now)
    try:
        write(folder, data)
        prune(folder, (data.name,))
    except OSError as error:
        return NotWritten(error.errno or 0, error.strerror or str(error))
    return Made(data.name, data.ends)


if __name__ == "__main__":
    serve({"make": make})
