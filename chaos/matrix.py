"""What is tried: stages of a call, faults, the cells of both, and those that cannot exist, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SERVED_S: Final = 60.0
"""Within this after the fault a caller must hear a human, and be heard by him."""
DEAD_AIR_S: Final = 8.0
DEAD_AIR_DOWN_S: Final = 2.5
"""The same where the service is down or does not answer."""
FIRST_CALL_S: Final = 10.0
"""After a PBX is back: until the first new caller has a human."""
CALL_BACK_S: Final = 30.0
"""After a PBX is back: until the calls that it cut stand on the call-back list."""


class Stage(StrEnum):
    """Where a call is when the fault strikes; each is entered by an event of the PBX."""

    ANSWERED = "just answered"
    MENU = "in the menu"
    DIGIT = "digit pressed"
    AGENCY_RINGS = "agency ringing"
    OPERATOR_RINGS = "operator ringing"
    AGENCY_TALKS = "talking, agency"
    OPERATOR_TALKS = "talking, operator"
    HANGING_UP = "hanging up"


class Side(StrEnum):
    """What breaks."""

    SERVICE = "service"
    AGENCY = "agency"
    PBX = "pbx"


class Need(StrEnum):
    """What a fault needs of the centre it is tried on."""

    ANY = "any"
    POSTGRESQL = "postgresql"
    SQLITE = "sqlite"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault. down: the service answers nobody meanwhile, so that the PBX is on its own."""

    key: str
    title: str
    side: Side
    down: bool = False
    need: Need = Need.ANY


FAULTS: Final = (
    Fault("kill", "service: kill -9, started again after 3 s", Side.SERVICE, down=True),
    Fault("hang", "service: SIGSTOP for 10 s", Side.SERVICE, down=True),
    Fault("blocked", "service: loop blocked for 10 s", Side.SERVICE, down=True),
    Fault("restart", "service: graceful restart", Side.SERVICE, down=True),
    Fault("db-killed", "PostgreSQL: kill -9, started again after 5 s", Side.SERVICE, need=Need.POSTGRESQL),
    Fault("db-stopped", "PostgreSQL: SIGSTOP for 10 s", Side.SERVICE, need=Need.POSTGRESQL),
    Fault("db-full", "SQLite: no byte more for 10 s", Side.SERVICE, need=Need.SQLITE),
    Fault("ami-cut", "AMI: cut and refused for 10 s", Side.SERVICE),
    Fault("ami-stalled", "AMI: nothing passes for 10 s", Side.SERVICE),
    Fault("ami-slow", "AMI: read at 1,000 bytes/s for 10 s", Side.SERVICE),
    Fault("agi-flood", "AGI port: 1,000 probes, 200 silent, 1 MB of garbage", Side.SERVICE),
    Fault(
        "snapshot",
        "stored table and failsafe data corrupted, service killed",
        Side.SERVICE,
        down=True,
        need=Need.SQLITE,
    ),
    Fault("recordings", "no recording can be written", Side.SERVICE),
    Fault("clock-forward", "clock of PBX and service: an hour forward", Side.SERVICE, need=Need.CLOCK),
    Fault("clock-back", "clock of PBX and service: an hour back", Side.SERVICE, need=Need.CLOCK),
    Fault(
        "clock-back-rings",
        "clock of PBX and service: an hour back, and nobody takes what rings",
        Side.SERVICE,
        need=Need.CLOCK,
    ),
    Fault("silent", "agency: no answer to INVITE", Side.AGENCY),
    Fault("busy", "agency: 486", Side.AGENCY),
    Fault("unavailable", "agency: 503", Side.AGENCY),
    Fault("progress", "agency: 183, then nothing", Side.AGENCY),
    Fault("drops", "agency: answers and drops", Side.AGENCY),
    Fault("no-media", "agency: answers without media", Side.AGENCY),
    Fault("phone-gone", "operator: telephone gone in mid-ring", Side.AGENCY),
    Fault("pbx-kill", "PBX: kill -9, started again after 1 s", Side.PBX),
    Fault("pbx-stop", "PBX: stopped, started again after 1 s", Side.PBX),
    Fault("pbx-lost", "PBX: kill -9, and its own database (AstDB) is gone when it starts", Side.PBX),
    Fault("pbx-reload", "PBX: reloaded with calls up", Side.PBX),
)
BY_KEY: Final = {fault.key: fault for fault in FAULTS}
UNTAKEN: Final = "clock-back-rings"
"""Only who is rung anew is answered: a telephone that rang when it struck is not taken."""
LOST: Final = "pbx-lost"
"""What is lost are the logins of telephones: it differs from `pbx-kill` only for who needs an operator."""
RINGS: Final = (Stage.AGENCY_RINGS, Stage.OPERATOR_RINGS)
_NEED_OPERATORS: Final = (Stage.OPERATOR_RINGS, Stage.OPERATOR_TALKS)
_BEFORE_AGENCY: Final = (Stage.ANSWERED, Stage.MENU, Stage.DIGIT, Stage.AGENCY_RINGS)
QUICK: Final = (Stage.MENU, Stage.AGENCY_RINGS, Stage.AGENCY_TALKS)


@dataclass(frozen=True, slots=True)
class Cell:
    """One fault in one stage."""

    fault: Fault
    stage: Stage

    @property
    def name(self) -> str:
        """Return its name, for files and people."""
        return f"{self.fault.key}, {self.stage.value}"

    @property
    def dead_air_s(self) -> float:
        """Return the longest dead air that a caller may meet."""
        return DEAD_AIR_DOWN_S if self.fault.down else DEAD_AIR_S

    @property
    def impossible(self) -> str:
        """Return why it cannot exist; empty where it can."""
        if self.fault.key == UNTAKEN:
            return "" if self.stage in RINGS else "nothing rings yet, or any more"
        if self.fault.key == LOST:
            return "" if self.stage in _NEED_OPERATORS else "no operator is needed: it is `pbx-kill`"
        if self.fault.key == "phone-gone":
            return "" if self.stage is Stage.OPERATOR_RINGS else "no operator's telephone is ringing"
        return self._no_agency() if self.fault.side is Side.AGENCY else ""

    def _no_agency(self) -> str:
        if self.stage in _BEFORE_AGENCY or (self.fault.key, self.stage) == ("drops", Stage.AGENCY_TALKS):
            return ""
        if self.stage in _NEED_OPERATORS:
            return "no agency is in the call"
        if self.stage is Stage.HANGING_UP:
            return "the caller has gone: nothing that the agency does reaches him"
        return "the agency has answered: this is what it does instead"


def cells(
    *, faults: frozenset[str] = frozenset(), stages: frozenset[Stage] = frozenset(), quick: bool = False
) -> list[Cell]:
    """Return the cells of these faults and stages (none named: all); those that cannot exist are among them."""
    chosen = [fault for fault in FAULTS if not faults or fault.key in faults]
    return [
        Cell(fault, stage)
        for fault in chosen
        for stage in Stage
        if (not stages or stage in stages) and (not quick or stage in QUICK)
    ]
