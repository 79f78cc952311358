"""What is played with a table: phases of lanes of scenarios, each a call as its caller meets it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from demo.softphone import PhoneCall
from demo.stage import Cast, Stage


@dataclass(frozen=True)
class Times:
    """What a scenario's caller saw. Seconds after his INVITE; None where it does not belong to the scenario."""

    menu_s: float | None
    human_s: float | None
    note: str

    @classmethod
    def of(cls, call: PhoneCall, human: float | None, note: str) -> Times:
        """Take them from the caller's own SIP and RTP."""
        report = call.report()
        sounds = [span.from_s for spans in report.heard.values() for span in spans]
        menu = min(sounds) - report.invited_s if sounds else None
        return cls(menu, None if human is None else human - report.invited_s, note)


Scenario = Callable[[Stage, str], Awaitable[Times]]
"""Plays with the caller's number that it is given, which no other scenario has."""
Lane = tuple[tuple[str, Scenario], ...]


@dataclass(frozen=True)
class Phase:
    """Lanes that run side by side; the scenarios of a lane run one after the other, each with its title.

    on_duty: operators whose telephones register before it begins
    """

    title: str
    lanes: tuple[Lane, ...]
    on_duty: tuple[str, ...] = ()


@dataclass(frozen=True)
class Show:
    """The telephones that are needed, and what is played. The service is not started again between phases."""

    cast: Cast
    phases: tuple[Phase, ...]
