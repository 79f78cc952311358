"""The cases by which the PBX is held to `run`: what provokes each outcome of each kind of step, as a routing table.

Each case has a category and a route of its own: the step that is looked at, then one that talks ("akhir"), then the
last resort. The caller reaches it by two digits: the round in which it is called, and its place there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from callrouter.routing.plan import Announce, Challenge, Dial, Record, Ring, Step
from demo.softphone import Answer, Reject, RingOnly
from demo.softphone.model import Behaviour
from tests.pbx.rig import SHORT_TIMERS, TOLD_S

Document = dict[str, Any]
CALLER, AKHIR, P1, P2, P3, OP1, OP2, OP3 = 600, 1000, 1150, 1300, 1550, 1800, 2150, 2300
TONES: Final = {"akhir": AKHIR, "p1": P1, "p2": P2, "p3": P3, "op1": OP1, "op2": OP2, "op3": OP3}
TIMERS: Final = SHORT_TIMERS | {"short_talk_s": 2}
WAIT_S: Final = 3

MEANS: Final[dict[str, dict[str, str]]] = {
    "dial": {
        "talked": "talk",
        "busy": "busy",
        "congestion": "refused",
        "full": "refused",
        "unavailable": "no-progress",
        "noanswer": "rang-out",
        "declined": "confirm-refused",
        "dropped": "dropped-early",
        "mute": "dropped-early",
        "short": "dropped-early",
    },
    "ringgroup": {
        "talked": "talk",
        "nobody": "nobody",
        "full": "nobody",
        "dropped": "nobody",
        "short": "nobody",
        "timeout": "timed-out",
    },
    "announce": {"done": "done"},
    "challenge": {"pressed": "pressed", "not-pressed": "not-pressed"},
    "record": {"recorded": "recorded", "nothing": "nothing-said"},
}
"""What a word that the dialplan writes of an attempt is in `run`. Not here: what a caller did who left meanwhile."""


def meaning(attempt: Document) -> str:
    """Return the outcome that an attempt (as REST shows it) is. A peer that has answered at all has refused."""
    word = attempt["result"]
    if (attempt["kind"], word) == ("dial", "unavailable") and attempt["cause"]:
        return "refused"
    return MEANS[attempt["kind"]][word]


def label(step: Step) -> str:
    """Return what the dialplan calls whom it tries in `step`."""
    match step:
        case Dial():
            return "+".join(f"{t.agency}/{t.contact}" for t in step.targets)
        case Ring():
            return step.group
        case Announce():
            return step.prompt
        case Challenge():
            return "press-1-to-connect"
        case Record():
            return "message"


@dataclass(frozen=True)
class Case:
    """One call. `outcomes`: of every step that it takes; the first is the one that this case is for, unless `of` is
    another place.

    step:    the step in question, as the table has it; none: the plan is but a busy agency and the last resort
    by:      who does it: phones by name with what they do; what else there is always does the same
    word:    the dialplan's own word for it; cause: how the SIP status begins that it noted
    presses: what the caller presses besides, before he is asked for it
    muted:   the caller says nothing; stops: he speaks until there is a message, and then no more
    """

    name: str
    wave: int
    kind: str
    outcomes: tuple[str, ...]
    word: str
    step: Document | None = None
    by: tuple[tuple[str, Behaviour], ...] = ()
    cause: str = ""
    of: int = 0
    presses: str = ""
    muted: bool = False
    stops: bool = False

    @property
    def outcome(self) -> str:
        """The outcome that it is for."""
        return self.outcomes[self.of]


def _dial(*targets: str, ring_s: int = WAIT_S, announce: bool = True) -> Document:
    return {"kind": "dial", "targets": list(targets), "ring_s": ring_s, "announce": announce}


def _ring(group: str) -> Document:
    return {"kind": "ringgroup", "group": group, "wait_s": WAIT_S}


_RECORD: Final = {"kind": "record", "max_s": 5}
_ASKS: Final = {"kind": "challenge", "wait_s": WAIT_S}
_WAITS: Final = RingOnly()

CASES: Final = (
    # ------------------------------------------------------------------ dial
    Case("answers and talks", 1, "dial", ("talk",), "talked", _dial("p1/piket"), (("p1", Answer(0.1)),)),
    Case("busy", 2, "dial", ("busy", "talk"), "busy", _dial("p1/piket"), (("p1", Reject()),), "SIP 486"),
    Case("redirects", 1, "dial", ("busy", "talk"), "busy", _dial("alih/piket")),
    Case("out of service", 1, "dial", ("refused", "talk"), "congestion", _dial("sibuk/piket"), (), "SIP 503"),
    Case("declines", 1, "dial", ("refused", "talk"), "unavailable", _dial("tolak/piket"), (), "SIP 603"),
    Case("says nothing at all", 1, "dial", ("no-progress", "talk"), "unavailable", _dial("mati/piket")),
    Case("rings without end", 2, "dial", ("rang-out", "talk"), "noanswer", _dial("p2/piket"), (("p2", _WAITS),)),
    Case("progress without ringing", 3, "dial", ("rang-out", "talk"), "noanswer", _dial("sunyi/piket")),
    Case("two ring without end", 3, "dial", ("rang-out", "talk"), "noanswer", _dial("p1/piket", "p2/piket"),
         (("p1", _WAITS), ("p2", _WAITS))),
    Case("nobody presses 1", 1, "dial", ("confirm-refused", "talk"), "declined", _dial("p2/hp"),
         (("p2", Answer(0.1)),)),
    Case("must press 1 and rings without end", 3, "dial", ("rang-out", "talk"), "noanswer", _dial("sunyi/hp")),
    Case("presses 1", 2, "dial", ("talk",), "talked", _dial("p3/hp"), (("p3", Answer(0.1, digits=((2.5, "1"),))),)),
    Case("gone while told", 1, "dial", ("dropped-early", "talk"), "dropped", _dial("p3/piket", ring_s=10),
         (("p3", Answer(0.1, hangup_after_s=TOLD_S / 3)),)),
    Case("gone when joined", 3, "dial", ("dropped-early", "talk"), "short", _dial("p3/piket", ring_s=10),
         (("p3", Answer(0.1, hangup_after_s=TOLD_S + 1)),)),
    Case("presses nothing after a long ringing", 4, "dial", ("confirm-refused", "talk"), "declined",
         _dial("p2/hp"), (("p2", Answer(WAIT_S - 0.6)),)),
    Case("gone when joined after a long ringing", 4, "dial", ("dropped-early", "talk"), "short", _dial("p3/piket"),
         (("p3", Answer(WAIT_S - 0.6, hangup_after_s=TOLD_S + 1)),)),
    # ------------------------------------------------------------------ ringgroup
    Case("an operator talks", 2, "ringgroup", ("talk",), "talked", _ring("siap"), (("op1", Answer(0.1)),)),
    Case("no operator's phone is there", 1, "ringgroup", ("nobody", "talk"), "nobody", _ring("kosong")),
    Case("an operator hangs up at once", 3, "ringgroup", ("nobody", "talk"), "short", _ring("siap"),
         (("op1", Answer(0.1, hangup_after_s=0.5)),)),
    Case("operators let it ring", 2, "ringgroup", ("timed-out", "talk"), "timeout", _ring("diam"),
         (("op2", _WAITS),)),
    # ------------------------------------------------------------------ announce, record
    Case("a clip is said", 3, "announce", ("done", "talk"), "done", {"kind": "announce", "prompt": "trying-next"}),
    Case("presses 1 when asked", 4, "challenge", ("pressed", "talk"), "pressed", _ASKS, presses="1"),
    Case("presses nothing when asked", 4, "challenge", ("not-pressed", "talk"), "not-pressed", _ASKS),
    Case("a message", 3, "record", ("recorded",), "recorded", _RECORD),
    Case("a caller who says nothing", 3, "record", ("nothing-said", "talk"), "nothing", _RECORD, muted=True),
    # ------------------------------------------------------------------ the last resort
    Case("nobody at the last resort, nothing said", 1, "ringgroup", ("busy", "nobody", "nothing-said"), "nobody",
         of=1, muted=True),
    Case("last resort rings without end, a message", 2, "ringgroup", ("busy", "timed-out", "recorded"), "timeout",
         by=(("op3", _WAITS),), of=1, stops=True),
    Case("last resort talks", 3, "ringgroup", ("busy", "talk"), "talked", by=(("op3", Answer(0.1)),), of=1),
)  # fmt: skip
WAVES: Final = sorted({case.wave for case in CASES})
BUSY: Final = "menolak"
"""The agency of those plans that are only about the last resort: it always refuses."""
SCENARIOS: Final = {
    "alih": "uas_302.xml",
    "sibuk": "uas_503.xml",
    "tolak": "uas_603.xml",
    "sunyi": "uas_progress_silent.xml",
    BUSY: "uas_busy.xml",
}
DEAD: Final = "mati"
PHONES: Final = ("akhir", "p1", "p2", "p3")
OPERATORS: Final = {"siap": "op1", "diam": "op2", "terakhir": "op3", "kosong": "op4"}
"""The ring groups, each with its one operator. The last one has no telephone."""


def in_wave(number: int) -> tuple[Case, ...]:
    """Return the cases that are called side by side in that round."""
    return tuple(case for case in CASES if case.wave == number)


def digits(case: Case) -> str:
    """Return what the caller presses."""
    return f"{case.wave}{in_wave(case.wave).index(case) + 1}"


def key(case: Case) -> str:
    """Return the key of its category, and of its route."""
    return f"c{digits(case)}"


def table() -> Document:
    """Return the table of all cases. Trunks get their addresses from the centre."""
    far = (*PHONES, *SCENARIOS, DEAD)
    return {
        "centre": {"name": "Kabupaten Uji", "timezone": "Asia/Jakarta"},
        "directory": {
            "trunks": [
                {"key": "telco", "kind": "carrier", "host": "127.0.0.2"},
                *({"key": name, "kind": "agency", "host": f"127.0.0.{n}"} for n, name in enumerate(far, 3)),
            ],
            "agencies": [
                {
                    "key": name,
                    "name": {"id": name, "en": name},
                    "contacts": [
                        {"key": "piket", "trunk": name, "number": "100"},
                        {"key": "hp", "trunk": name, "number": "200", "confirm": True},
                    ],
                }
                for name in far
            ],
            "operators": [{"key": name, "name": f"Meja {name}"} for name in OPERATORS.values()],
        },
        "routing": {
            "main_menu": "main",
            "menus": [
                _menu("main", [{"digit": str(wave), "menu": f"m{wave}"} for wave in WAVES]),
                *(
                    _menu(f"m{w}", [{"digit": digits(case)[1], "category": key(case)} for case in in_wave(w)])
                    for w in WAVES
                ),
            ],
            "categories": [
                {"key": key(case), "urn": "urn:service:sos", "name": {"id": "uji", "en": "trial"}, "priority": 5}
                for case in CASES
            ],
            "ring_groups": [{"key": group, "members": [operator]} for group, operator in OPERATORS.items()],
            "routes": [
                *(
                    {
                        "key": key(case),
                        "priority": 1000 - n,
                        "when": {"category": [key(case)], "trunk_kind": ["carrier"]},
                        "steps": [dict(case.step), _dial("akhir/piket", announce=False)]
                        if case.step
                        else [_dial(f"{BUSY}/piket")],
                    }
                    for n, case in enumerate(CASES)
                ),
                {"key": "others", "priority": 1, "when": {}, "steps": [_ring("siap")]},
            ],
            "last_resort": {"group": "terakhir", "seconds": WAIT_S},
        },
    }


def _menu(name: str, options: list[Document]) -> Document:
    return {"key": name, "name": {"id": "uji", "en": "trial"}, "languages": ["id"], "options": options}
