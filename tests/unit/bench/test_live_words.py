"""What the scripted PBX says is what a service reads as a real one's: its events, its lists, its journal."""

from __future__ import annotations

from uuid import UUID

import pytest

from bench.live.words import Call, Step, encoded, packet, stamp, variables_of
from callrouter.asterisk.ami import AmiAnswer, AmiEvent
from callrouter.asterisk.ami_protocol import MessageReader
from callrouter.asterisk.asking import VARIABLES, known_of
from callrouter.asterisk.living import living_calls, ringing_legs
from callrouter.asterisk.quoting import agi_line
from callrouter.asterisk.watch import STATUS_VARIABLES, Watch
from callrouter.calls.board import Board
from callrouter.calls.lines import decoded, microseconds, parse_line
from callrouter.calls.live import LiveCall
from callrouter.calls.ports import Chosen
from callrouter.calls.records import Ended, Opened
from callrouter.incidents.model import Outcome
from tests.unit.calls.given import Clock, Notes

ID = UUID("6f1c1d8e-7d3f-4b1f-9f5e-0d3b5f0f8a11")
T0 = 1_795_351_394.583462
PLAN = "plan,3,fire,9,fire,told-fire!dial,PJSIP/113@trunk-damkar,60,a,damkar/piket!last,operators,30!record,60"


def given_call() -> Call:
    call = Call(7, ID, "telco", "pbx1", T0, variables={"CR_PLAN_1": PLAN, "CR_LANG": "id"})
    call.answered, call.chosen = T0 + 0.1, T0 + 1
    call.took("1")
    return call


def heard(events: bytes) -> list[AmiEvent]:
    reader = MessageReader()
    reader.feed(b"Asterisk Call Manager/11.0.0\r\n")
    return [AmiEvent(dict(headers)["Event"], dict(headers), headers) for headers in reader.feed(events)]


class Watched:
    """A board that is told by events."""

    def __init__(self) -> None:
        self.board = Board()
        self.chosen: list[Chosen] = []
        self.rung = 0
        self.asked: list[tuple[UUID, str]] = []
        self.watch = Watch(
            self.board,
            Notes(),
            Clock(),
            self.chosen.append,
            self.ring,
            lambda _channel: None,
            choices=self,
        )

    def known(self, _call: UUID, choice: str, language: str) -> None:
        assert (choice, language) == ("1", "id")

    def ask(self, call: UUID, channel: str) -> None:
        self.asked.append((call, channel))

    def over(self, _call: UUID) -> None:
        pass

    def ring(self) -> None:
        self.rung += 1

    def take(self, events: bytes) -> LiveCall | None:
        for event in heard(events):
            self.watch.on_event(event)
        return self.board.one(ID)


def test_each_event_brings_the_board_to_its_step() -> None:
    of, call = Watched(), given_call()
    shown = [
        of.take(call.staged("opened", T0)),
        of.take(call.staged("menu", T0 + 0.2)),
        of.take(call.dials(T0 + 1)),
        of.take(call.talks(T0 + 2)),
        of.take(call.hangs_up(T0 + 3) + call.doorbell(T0 + 3) + call.gone(T0 + 3)),
    ]
    assert [(one.stage.value, one.with_whom) for one in shown if one is not None] == [
        ("opened", ()),
        ("menu", ()),
        ("agency", ("trunk-damkar",)),
        ("talking", ("trunk-damkar",)),
    ]
    assert shown[-1] is None
    assert len(shown) == len(Step)
    assert of.rung == 1


def test_what_it_answers_when_asked_for_the_choice_is_that_of_the_plan() -> None:
    of, call = Watched(), given_call()
    of.take(call.staged("opened", T0) + call.dials(T0 + 1))
    assert of.asked == [(ID, call.channel)]
    of.watch.learned(ID, known_of(heard(b"".join(map(packet, call.status(list(VARIABLES)))))[0]))
    assert [(one.choice, one.category, one.version, one.plan_text) for one in of.chosen] == [("1", "fire", 3, PLAN)]


def test_a_caller_who_hangs_up_while_the_agency_rings_has_a_leg_that_is_freed() -> None:
    of, call, freed = Watched(), given_call(), list[str]()
    of.watch = Watch(of.board, Notes(), Clock(), of.chosen.append, of.ring, freed.append)
    of.take(call.staged("opened", T0) + call.dials(T0 + 1))
    of.take(call.hangs_up(T0 + 2))
    assert freed == [call.callee] * 2, "a real PBX tells of it twice as well"


def test_the_list_of_channels_tells_the_same_as_the_events() -> None:
    of, call = Watched(), given_call()
    of.take(call.staged("opened", T0) + call.dials(T0 + 1))
    of.watch.learned(ID, known_of(heard(b"".join(map(packet, call.status(list(VARIABLES)))))[0]))
    before = of.take(call.talks(T0 + 2))
    listed = heard(b"".join(packet(channel) for channel in call.status(list(STATUS_VARIABLES))))
    status = AmiAnswer({}, (), tuple(listed))
    assert living_calls(status) == {ID}
    assert ringing_legs(status) == {call.uniqueid: (call.callee,)}
    anew = Watched()
    anew.watch.resynchronise(status)
    assert anew.board.live() == [before]


def test_its_lines_of_the_journal_are_a_call_that_talked() -> None:
    call = given_call()
    call.talks(T0 + 2)
    opened, ended = (parse_line(line.rstrip(b"\n")) for line in (call.opened_line(), call.ended_line(T0 + 3)))
    assert isinstance(opened, Opened)
    assert (opened.call, opened.number, opened.trunk, opened.at) == (ID, call.number, "telco", round(T0 * 1e6))
    assert isinstance(ended, Ended)
    assert (ended.outcome, ended.category, ended.version, ended.route) == (Outcome.TALKED, "fire", 3, "fire")
    assert [(one.kind, one.label, one.by, one.result) for one in ended.attempts] == [
        ("dial", "damkar/piket", "trunk-damkar", "talked")
    ]


@pytest.mark.parametrize(
    "values", [{"CR_READY": "yes"}, {"A": "1", "B": "x,y", "C": ""}, {"A": 'say "a\\b"'}], ids=["one", "many", "odd"]
)
def test_what_the_service_sets_is_read_back(values: dict[str, str]) -> None:
    if len(values) == 1:
        ((name, text),) = values.items()
    else:
        name, text = f"ARRAY({','.join(values)})", ",".join(one.replace(",", "\\,") for one in values.values())
    assert variables_of(agi_line("SET VARIABLE", name, text)) == values


def test_what_sets_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="SET VARIABLE"):
        variables_of(b'GET VARIABLE "CR_READY"\n')


def test_texts_and_times_are_written_as_the_dialplan_does() -> None:
    assert decoded(encoded("0812")) == "0812"
    assert microseconds(stamp(T0)) == round(T0 * 1e6)
    assert stamp(1_795_351_394.583462) == "1795351394_14.583462"
