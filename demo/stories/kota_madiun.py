"""Kota Madiun: street lights in office hours, at night and on a holiday; those on shift ring together.

Whatever the clock says: the story changes the schedules of the running centre, as an admin does, and publishes.
"""

from __future__ import annotations

import asyncio
import re
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from demo.show import Phase, Show, Times
from demo.softphone import Answer, RingOnly
from demo.stage import ANSWERS, Cast, Stage, WentWrong

ALL_DAY: Final = {"opens": "00:00", "closes": "24:00"}
EVERY_DAY: Final = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], **ALL_DAY}
SAID: Final = {"id": "Untuk demo", "en": "For the demo"}
MORNING: Final = ("op1", "op2", "op3", "op4")
QUEUE_S: Final = 5.0


async def in_office_hours(stage: Stage, number: str) -> Times:
    """The office is open: public works."""
    version = await stage.publish(
        "the office is open all day", {"schedules/office-hours": {"exceptions": _days(stage, [ALL_DAY])}}
    )
    call = await stage.ring_112(number, "4")
    works = await stage.rings(stage["dinas-pu"], 5, number)
    await stage.told(works, stage["dinas-pu"])
    human = await stage.talk(call, works, stage["dinas-pu"])
    await call.hangup()
    await stage.incident(
        number,
        category="street-light",
        route="street-light-in-office-hours",
        version=version,
        trying=("dinas-pu/lampu talked",),
    )
    return Times.of(call, human, "Dinas PU")


async def at_night(stage: Stage, number: str) -> Times:
    """The office is shut: the four of the shift ring together, one answers."""
    version = await stage.publish(
        "office hours at another time of day; the morning shift is on",
        {"schedules/office-hours": {"exceptions": _days(stage, [_not_now(stage)])}, **_morning(stage)},
    )
    await _on_shift(stage)
    return await _shift_rings(stage, number, version, "night: four ring, op2 answers")


async def on_a_holiday(stage: Stage, number: str) -> Times:
    """A day on which the office would be open, but for the holiday."""
    _, _, office = await stage.centre.ask("GET", "/api/v1/schedules/office-hours")
    today = [{"date": day.isoformat(), "name": SAID} for day in _around_today(stage)]
    changed = {
        "windows": [EVERY_DAY],
        "exceptions": [],
        "holidays": [*office["holidays"], *(d for d in today if d["date"] not in _dates(office["holidays"]))],
    }
    version = await stage.publish("today is a holiday", {"schedules/office-hours": changed, **_morning(stage)})
    await _on_shift(stage)
    return await _shift_rings(stage, number, version, "holiday: four ring, op2 answers")


async def _shift_rings(stage: Stage, number: str, version: int, note: str) -> Times:
    call = await stage.ring_112(number, "4")
    four = await stage.ring_together([stage[key] for key in MORNING], 8, number)
    human = await stage.talk(call, four[1], stage["op2"])
    await asyncio.gather(*(one.until_ended() for n, one in enumerate(four) if n != 1))
    stage.tell("op1, op3, op4", "ring no more")
    await call.hangup()
    await stage.incident(
        number, category="street-light", route="everything-else", version=version, trying=("operators talked",)
    )
    stage.never_rang(number, stage["dinas-pu"], stage["op5"])
    return Times.of(call, human, note)


async def _on_shift(stage: Stage) -> None:
    """Wait until the PBX rings the four of the shift, and nobody else."""
    members: set[str] = set()
    try:
        async with asyncio.timeout(QUEUE_S):
            while members != set(MORNING):
                members = set(re.findall(r"\bPJSIP/([a-z0-9-]+)", await stage.centre.pbx.rx("queue show operators")))
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise WentWrong(f"the PBX would ring {sorted(members)}, not {', '.join(MORNING)}") from None
    stage.tell("shift", f"{', '.join(MORNING)} are on")


def _morning(stage: Stage) -> dict[str, dict[str, Any]]:
    """Patches after which the morning shift is on around the clock, and the others are off."""
    off = {"exceptions": _days(stage, [])}
    return {"schedules/morning": {"windows": [EVERY_DAY]}, "schedules/evening": off, "schedules/night": off}


def _around_today(stage: Stage) -> list[date]:
    """Yesterday, whose hours may last until now; today; tomorrow, in case midnight is near."""
    today = datetime.now(ZoneInfo(stage.centre.table.centre.timezone)).date()
    return [today + timedelta(days=n) for n in (-1, 0, 1)]


def _days(stage: Stage, hours: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Exceptions for these days with these hours; none: closed."""
    return [{"date": day.isoformat(), "name": SAID, "hours": hours} for day in _around_today(stage)]


def _not_now(stage: Stage) -> dict[str, str]:
    """Hours that are hours away."""
    hour = datetime.now(ZoneInfo(stage.centre.table.centre.timezone)).hour
    return {"opens": "14:00", "closes": "22:00"} if hour < 12 else {"opens": "02:00", "closes": "10:00"}


def _dates(holidays: list[dict[str, Any]]) -> set[str]:
    return {holiday["date"] for holiday in holidays}


SHOW: Final = Show(
    Cast(
        caller="telco",
        agencies={"dinas-pu": ANSWERS},
        # op5 is of another shift: he would answer before all others.
        operators={"op1": RingOnly(), "op2": Answer(1.5), "op3": RingOnly(), "op4": RingOnly(), "op5": Answer(0.1)},
    ),
    (
        Phase("street lights", ((("in office hours", in_office_hours),),)),
        Phase(
            "the office is shut",
            ((("at night", at_night), ("on a holiday", on_a_holiday)),),
            on_duty=("op1", "op2", "op3", "op4", "op5"),
        ),
    ),
)
