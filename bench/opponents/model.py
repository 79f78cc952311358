"""An opponent, as the rounds see it: something that answers 112 on a SIP address, and says what CPU it took."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.stream import Address
from demo.centre import Centre

PBX, SERVICE, DATABASE = "pbx", "service", "database"
"""Parts whose CPU is counted apart."""
DIGIT_S: Final = 5
"""How long a caller has to press a digit after the menu."""
RING_S: Final = 20
"""How long the agency is rung."""


@dataclass(frozen=True)
class Hall:
    """What all opponents share: the carrier's address, the agency's, and the digit that leads to it.

    clips:  the folder of the menu's clips, as the PBX reads them
    menu:   names of the clips, in their order, without extension
    target: what a PBX dials to reach the agency
    """

    carrier_host: str
    agency: Address
    digit: str
    clips: Path
    menu: tuple[str, ...]
    target: str = ""

    @property
    def sounds(self) -> tuple[str, ...]:
        """The clips, as the dialplan names them."""
        return tuple(f"cr/{clip}" for clip in self.menu)


@dataclass(frozen=True)
class Running:
    """One that runs: where it takes calls ("host:port"), and seconds of CPU so far, by part.

    cpu:    counts user and system time of every process of a part, and of those that it began and that have ended;
            raises RuntimeError where one of the parts has ended
    pbx:    runs a command of the PBX's console, and returns what that printed
    centre: where it is callrouter, whose service can be asked
    """

    address: str
    cpu: Callable[[], Mapping[str, float]]
    pbx: Callable[[str], Awaitable[str]] | None = None
    centre: Centre | None = None


@dataclass(frozen=True)
class Opponent:
    """One that can be run. key: in the JSON; title: in the tables; running: takes a folder for its files.

    lacks: what it does not do that callrouter does, as the page tells it
    """

    key: str
    title: str
    running: Callable[[Path], AbstractAsyncContextManager[Running]]
    lacks: str = ""
