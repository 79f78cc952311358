"""What the PBX says of one call: manager events and journal lines, in the form and the order of Asterisk 22.

Taken down from a real centre: the events that the user `hands` hears (manager.conf), and what the dialplan writes
into the journal (dialplan/call.conf, dialplan/end.conf), of a caller who presses 1, talks to an agency and hangs up.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from uuid import UUID

from callrouter.asterisk import variables as v

Headers = list[tuple[str, str]]
_COMMA = re.compile(r"(?<!\\),")
_NOBODY = "<unknown>"


class Step(IntEnum):
    """What the board shows of a call after an event; a later one takes the place of an earlier one."""

    OPENED = 0
    MENU = 1
    RINGS = 2
    TALKING = 3
    GONE = 4


@dataclass
class Call:
    """One call as its PBX has it. n: which one, by which number and channels differ; opened: s since 1970 UTC."""

    n: int
    call: UUID
    trunk: str
    node: str
    opened: float
    stage: str = "opened"
    variables: dict[str, str] = field(default_factory=dict)
    """What the service has set on the caller's channel."""
    choice: str = ""
    plan: str = ""
    answered: float = 0.0
    chosen: float = 0.0
    human: float | None = None

    @property
    def number(self) -> str:
        """The caller's number."""
        return f"0812{self.n:08d}"

    @property
    def channel(self) -> str:
        """The caller's channel."""
        return f"PJSIP/trunk-{self.trunk}-{2 * self.n:08x}"

    @property
    def uniqueid(self) -> str:
        """The caller's channel's id, which is that of all of the call."""
        return f"{int(self.opened)}.{2 * self.n}"

    @property
    def callee(self) -> str:
        """The agency's channel."""
        return f"PJSIP/{self.by}-{2 * self.n + 1:08x}"

    @property
    def by(self) -> str:
        """The endpoint of the agency that the plan rings first."""
        return self._dial[1].partition("@")[2]

    @property
    def language(self) -> str:
        """What the service has set, or the first one."""
        return self.variables.get(v.LANGUAGE, "id")

    @property
    def _begin(self) -> list[str]:
        return self.plan.partition("!")[0].split(",")

    @property
    def _dial(self) -> list[str]:
        return next(step for one in self.plan.split("!") if (step := one.split(","))[0] == "dial")

    def took(self, digit: str) -> None:
        """Take the plan of a digit that the caller has pressed, and its dial step. Raises KeyError: it has none."""
        self.choice, self.plan, self.stage = digit, self.variables[f"{v.PLAN}{digit}"], "agency"

    # ------------------------------------------------------------------ manager events
    def staged(self, stage: str, at: float) -> bytes:
        """Return the event of a new stage, which the channel keeps."""
        self.stage = stage
        return self._user(
            at,
            v.EVENT_STAGE,
            "callrouter-stage",
            {
                "Stage": stage,
                "Opened": stamp(self.opened),
                "Origin": "citizen",
                "Trunk": self.trunk,
                "Number": encoded(self.number),
                "From": "",
                "Lang": self.language,
            },
        )

    def dials(self, at: float) -> bytes:
        """Return the event of the agency's leg."""
        other = {f"Dest{key}": text for key, text in self._of_callee(state="0")}
        told = dict(self._of_caller(v.STEPS, v.DIAL + self.choice)) | other
        return _event("DialBegin", "call", at, [*told.items(), ("DialString", self._dial[1].removeprefix("PJSIP/"))])

    def talks(self, at: float) -> bytes:
        """Return the event of the human who is there."""
        self.human, self.stage = at, "talking"
        said = [("UserEvent", v.EVENT_HUMAN), ("Call", str(self.call)), ("By", self.by)]
        return _event("UserEvent", "user", at, [*self._of_callee(), *said])

    def hangs_up(self, at: float) -> bytes:
        """Return the two events of a caller's BYE."""
        said = [*self._of_caller("callrouter-step"), ("Cause", "16")]
        return b"".join(_event(name, "call", at, said) for name in ("HangupRequest", "SoftHangupRequest"))

    def doorbell(self, at: float) -> bytes:
        """Return the event of the journal's last line."""
        return self._user(at, v.EVENT_DOORBELL, "callrouter-hangup", {})

    def gone(self, at: float) -> bytes:
        """Return the two events of its channels' ends, the agency's first."""
        over = [("Cause", "16"), ("Cause-txt", "Normal Clearing")]
        legs = (self._of_callee(), self._of_caller("callrouter-step"))
        return b"".join(_event("Hangup", "call", at, [*leg, *over]) for leg in legs)

    def status(self, names: list[str]) -> Iterator[Headers]:
        """Yield its channels as AMI's Status lists them, with these variables of each."""
        known = {
            v.CALL: str(self.call),
            v.STAGE: self.stage,
            "CR_OPENED": stamp(self.opened),
            "CR_ORIGIN": "citizen",
            "CR_TRUNK": self.trunk,
            "CR_NUMBER": encoded(self.number),
            "CR_FROM": "",
            v.LANGUAGE: self.language,
            **(self._chosen() if self.plan else {}),
            **({"CR_BY": self.by} if self.human else {}),
        }
        yield self._status(self._of_caller("callrouter-step"), known, names)
        if self.plan:
            yield self._status(self._of_callee(), {}, names)

    def _chosen(self) -> dict[str, str]:
        _, version, route, _, category, *_ = self._begin
        return {
            "CR_PATH": "service",
            "CR_CHOICE": self.choice,
            v.CATEGORY: category,
            "CR_VERSION": version,
            "CR_ROUTE": route,
            "CR_PLAN": self.plan,
        }

    @staticmethod
    def _status(channel: Headers, known: Mapping[str, str], names: list[str]) -> Headers:
        said = [("Variable", f"{name}={known.get(name, '(null)')}") for name in names]
        rest = {
            "Type": "PJSIP",
            "DNID": "112",
            "TimeToHangup": "0",
            "BridgeID": "",
            "Application": "Dial",
            "Data": "",
        }
        return [("Event", "Status"), ("Privilege", "Call"), *channel, *rest.items(), ("Seconds", "1"), *said]

    def _user(self, at: float, name: str, context: str, told: Mapping[str, str]) -> bytes:
        said = [("UserEvent", name), ("Call", str(self.call)), *told.items()]
        return _event("UserEvent", "user", at, [*self._of_caller(context), *said])

    def _of_caller(self, context: str, exten: str = "s") -> Headers:
        where = (context, exten)
        return _channel(self.channel, self.number, where, self.uniqueid, self.uniqueid, self.language)

    def _of_callee(self, state: str = "6") -> Headers:
        mine = f"{int(self.chosen)}.{2 * self.n + 1}"
        where = ("callrouter-from-agency", "s")
        return _channel(self.callee, "dial", where, mine, self.uniqueid, self.language, state)

    # ------------------------------------------------------------------ journal
    def opened_line(self) -> bytes:
        """Return the line of its begin."""
        return _line(
            "opened",
            self.call,
            {
                "t": stamp(self.opened),
                "node": self.node,
                "origin": "citizen",
                "trunk": self.trunk,
                "num": encoded(self.number),
                "name": encoded(""),
                "from": "",
                "chan": self.channel,
                "uid": self.uniqueid,
                "handed": "",
            },
        )

    def ended_line(self, at: float) -> bytes:
        """Return the line of its end, of a caller who hung up while he talked."""
        _, version, route, _, category, *_ = self._begin
        label = self._dial[4]
        return _line(
            "ended",
            self.call,
            {
                "t": stamp(at),
                "node": self.node,
                "answered": stamp(self.answered),
                "chosen": stamp(self.chosen),
                "choice": self.choice,
                "category": category,
                "lang": self.language,
                "stage": self.stage,
                "path": "service",
                "version": version,
                "route": route,
                "pickup": stamp(self.chosen),
                "human": stamp(self.human) if self.human else "",
                "first": "",
                "by": self.by,
                "rec": "",
                "said": "0",
                "talks": "",
                "cause": "16",
                "passed": "",
                "cut": "0",
                "origin": "citizen",
                "trunk": self.trunk,
                **dict.fromkeys(("area", "away", "susp", "mute", "posture", "parties"), ""),
                "plan": self.plan,
                "attempts": f"^dial~{label}~{stamp(self.chosen)}~~~~~began~",
            },
        )


# ---------------------------------------------------------------------- how it is written
def encoded(text: str) -> str:
    """Return what a caller sent as the dialplan writes it."""
    return base64.b64encode(f".{text}".encode()).decode()


def stamp(at: float) -> str:
    """Return a moment as the dialplan writes it: EPOCH, then the second of the minute and its fraction."""
    micro = round(at * 1e6)
    seconds, fraction = divmod(micro, 1_000_000)
    return f"{seconds}_{seconds % 60:02d}.{fraction:06d}"


def packet(headers: Headers) -> bytes:
    """Return one message of the manager interface."""
    return "".join(f"{key}: {text}\r\n" for key, text in headers).encode() + b"\r\n"


def variables_of(command: bytes) -> dict[str, str]:
    r"""Return what a line of the service's sets: ``SET VARIABLE "ARRAY(a,b)" "1,2"``, or one variable alone.

    Asterisk takes a backslash before any character as that character, and ARRAY() splits at commas without one.
    Raises ValueError for any other line.
    """
    words = _words(command.decode().rstrip("\n"))
    if len(words) != 4 or words[:2] != ["SET", "VARIABLE"]:
        raise ValueError(f"not SET VARIABLE: {command[:60]!r}")
    name, text = words[2:]
    if not name.startswith("ARRAY("):
        return {name: text}
    names = name.removeprefix("ARRAY(").removesuffix(")").split(",")
    return dict(zip(names, (one.replace("\\,", ",") for one in _COMMA.split(text)), strict=True))


def _words(line: str) -> list[str]:
    found, word, quoted, begun = [], "", False, False
    characters = iter(line)
    for one in characters:
        if one == "\\":
            word, begun = word + next(characters, ""), True
        elif one == '"':
            quoted, begun = not quoted, True
        elif one == " " and not quoted:
            found += [word] if begun else []
            word, begun = "", False
        else:
            word, begun = word + one, True
    return [*found, word] if begun else found


def _channel(
    name: str, number: str, where: tuple[str, str], uniqueid: str, linkedid: str, language: str, state: str = "6"
) -> Headers:
    context, exten = where
    return [
        ("Channel", name),
        ("ChannelState", state),
        ("ChannelStateDesc", "Up" if state == "6" else "Down"),
        ("CallerIDNum", number),
        ("CallerIDName", _NOBODY),
        ("ConnectedLineNum", _NOBODY),
        ("ConnectedLineName", _NOBODY),
        ("Language", language),
        ("AccountCode", ""),
        ("Context", context),
        ("Exten", exten),
        ("Priority", "2"),
        ("Uniqueid", uniqueid),
        ("Linkedid", linkedid),
    ]


def _event(name: str, kind: str, at: float, headers: Headers) -> bytes:
    return packet([("Event", name), ("Privilege", f"{kind},all"), ("Timestamp", f"{at:.6f}"), *headers])


def _line(kind: str, call: UUID, fields: Mapping[str, str]) -> bytes:
    return "|".join(("1", kind, str(call), *(f"{key}={text}" for key, text in fields.items()))).encode() + b"\n"
