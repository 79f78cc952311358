"""Public holidays, proposed: an admin puts what counts into a schedule."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

import callrouter
from callrouter.access.model import Right
from callrouter.api import desk_examples as examples
from callrouter.api.desk_models import HolidayProposal, HolidaysQuery, ProposedHoliday
from callrouter.api.models import NoParameters
from callrouter.api.operation import Asked, Surface
from callrouter.bilingual import Bilingual

surface = Surface()

MAX_KEPT: Final = 20
_JOB: Final = "callrouter.api.holidays_job"
_LIST: Final = TypeAdapter(list[ProposedHoliday])
_known: Final[dict[int, HolidayProposal]] = {}


@surface.get(
    "/api/v1/holidays",
    tag="schedules",
    summary=Bilingual("Usulan hari libur", "Holidays, as a proposal"),
    path_model=NoParameters,
    query=HolidaysQuery,
    response=HolidayProposal,
    example=examples.holidays,
    right=Right.SEE_ROUTING,
    slow=True,
)
async def propose_holidays(asked: Asked[NoParameters, HolidaysQuery]) -> HolidayProposal:
    """Returns the public holidays of Indonesia in a year, by the `holidays` library. What counts for calls are the
    dates that a schedule lists: the library proposes, the table decides. Days of the Islamic calendar of years that
    the government has not announced yet are estimated.
    """
    year = asked.query.year
    if year not in _known:
        if len(_known) >= MAX_KEPT:
            _known.clear()
        _known[year] = HolidayProposal(year=year, items=_LIST.validate_json(await _asked(year)))
    return _known[year]


async def _asked(year: int) -> bytes:
    """Return what the program answers. Cancelled at the deadline of the request, it ends the program."""
    found = str(Path(callrouter.__file__).parents[1])
    path = os.pathsep.join(filter(None, (found, os.environ.get("PYTHONPATH"))))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CALLROUTER_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", _JOB, str(year), stdin=DEVNULL, stdout=PIPE, env=environment | {"PYTHONPATH": path}
    )
    try:
        answer, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        raise RuntimeError(f"{_JOB} ended with {process.returncode}")
    return answer
