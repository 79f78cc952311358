"""What is asked of the PBX for a talk with more than two, and what is made of its answers."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from callrouter.asterisk import party_legs as module
from callrouter.asterisk.ami import AmiAnswer, AmiEvent, AmiRefused, AmiUnavailable
from callrouter.asterisk.parties import Parties
from callrouter.calls.board import Board, Seen
from callrouter.calls.live import Stage
from callrouter.calls.parties import (
    MAX_PARTIES,
    Asker,
    NoSuchTarget,
    NotTalking,
    NotYours,
    PartyState,
    PartyThere,
    PbxAway,
    StillOthers,
    TooManyParties,
)
from callrouter.calls.ports import CallJoined, Note
from callrouter.clock import SystemClock
from callrouter.routing.directory import Agency, Contact, Directory, Operator, Trunk, TrunkKind
from callrouter.routing.values import Text

CALL = UUID("6f1c1d8e-7d3f-4b1f-9f5e-0d3b5f0f8a11")
CALLER = "PJSIP/trunk-telco-00000001"
OP1, SUPERVISOR = Asker("op1", supervises=False), Asker("", supervises=True)


class Pbx:
    """Does what it is told, and says so at once. fails: by action, what it answers instead."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.fails: dict[str, Exception] = {}
        self.parties: Parties | None = None
        self.status: tuple[AmiEvent, ...] = ()
        self.pace: asyncio.Event | None = None

    async def action(self, name: str, **fields: Any) -> AmiAnswer:
        self.told.append((name, fields))
        if name in self.fails:
            raise self.fails[name]
        if self.pace is not None:
            await self.pace.wait()
        if name == "Originate":
            given = dict(one.lstrip("_").partition("=")[::2] for one in fields["Variable"])
            self.says(given["CR_PARTY_ID"], "ringing", to=given["CR_PARTY_TO"], leg="Local/ring@callrouter-party-1;2")
        answer = {"Response": "Success", "Value": "2"}
        return AmiAnswer(answer, tuple(answer.items()), self.status if name == "Status" else ())

    def says(self, party: str, state: str, *, to: str = "damkar/piket", by: str = "", leg: str = "") -> None:
        assert self.parties is not None
        fields = {"UserEvent": "CRParty", "Call": str(CALL), "Party": party, "To": to, "State": state}
        self.parties.heard(_event("UserEvent", fields | {"By": by, "Leg": leg}))


class Notes:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.notes: list[Note] = []

    def put(self, note: Note) -> bool:
        self.notes.append(note)
        return True


def _event(name: str, fields: dict[str, str], *variables: str) -> AmiEvent:
    headers = tuple((fields | {"Event": name}).items()) + tuple(("Variable", one) for one in variables)
    return AmiEvent(name, fields, headers)


def directory() -> Directory:
    def agency(key: str, *contacts: Contact) -> Agency:
        return Agency(key=key, name=Text(id=key, en=key), contacts=contacts)

    closed = Contact(key="tutup", trunk="damkar", number="1", enabled=False)
    away = Contact(key="mati", trunk="mati", number="2")
    desk = Contact(key="piket", trunk="damkar", number="113", max_calls=2)
    return Directory(
        trunks=(
            Trunk(key="damkar", kind=TrunkKind.AGENCY, host="127.0.0.4"),
            Trunk(key="mati", kind=TrunkKind.AGENCY, host="127.0.0.5", enabled=False),
        ),
        agencies=(
            agency("damkar", closed, away, desk),
            *(agency(f"a{n}", Contact(key="x", trunk="damkar", number=str(n))) for n in range(MAX_PARTIES)),
            agency("jauh", away),
        ),
        operators=(Operator(key="op2", name="Meja 2"),),
    )


@pytest.fixture
def pbx() -> Pbx:
    return Pbx()


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def board() -> Board:
    made = Board()
    made.moved(Seen(CALL, CALLER, "1.1", Stage.OPERATOR, 1, "citizen", "telco", "0812", "id", category="fire"))
    made.joined(CALL, "op1")
    return made


@pytest.fixture
def parties(pbx: Pbx, notes: Notes, board: Board) -> Parties:
    pbx.parties = Parties(pbx, board, directory, notes, SystemClock(), 20)
    return pbx.parties


async def test_first_contact_that_can_be_rung_is_rung_by_the_dialplan_alone(parties: Parties, pbx: Pbx) -> None:
    made = await parties.add(CALL, "damkar", None, OP1)
    assert (made.agency, made.contact, made.state) == ("damkar", "piket", PartyState.RINGING)
    (asked,) = [fields for name, fields in pbx.told if name == "Originate"]
    assert (asked["Channel"], asked["Context"]) == ("Local/ring@callrouter-party", "callrouter-party")
    assert not {"Application", "Data"} & set(asked)
    given = dict(one.lstrip("_").partition("=")[::2] for one in asked["Variable"])
    assert given["CR_PARTY_OF"] == CALLER
    assert (given["CR_PARTY_AT"], given["CR_PARTY_MAX"], given["CR_HOPS"]) == ("PJSIP/113@trunk-damkar", "2", "2")


async def test_agency_that_answers_is_on_the_board_and_in_the_incident(
    parties: Parties, pbx: Pbx, notes: Notes, board: Board
) -> None:
    made = await parties.add(CALL, "damkar", None, OP1)
    pbx.says(str(made.id), "talking", by="trunk-damkar", leg="PJSIP/trunk-damkar-00000002")
    assert [one.state for one in parties.of(CALL)] == [PartyState.TALKING]
    (live,) = board.live()
    assert live.with_whom == ("op1", "trunk-damkar")
    (note,) = notes.notes
    assert isinstance(note, CallJoined)
    assert (note.by, note.with_agency) == ("trunk-damkar", True)
    await parties.remove(CALL, made.id, SUPERVISOR)
    assert pbx.told[-1] == ("Hangup", {"Channel": "PJSIP/trunk-damkar-00000002", "Cause": "16"})
    pbx.says(str(made.id), "talked")
    assert parties.of(CALL) == []
    assert len(parties) == 0


async def test_what_cannot_be_is_refused_before_the_pbx_is_told(parties: Parties, pbx: Pbx, board: Board) -> None:
    for agency, contact in (("nobody", None), ("jauh", None), ("damkar", "tutup"), ("damkar", "mati")):
        with pytest.raises(NoSuchTarget):
            await parties.add(CALL, agency, contact, OP1)
    for by in (Asker("op2", supervises=False), Asker("", supervises=False)):
        with pytest.raises(NotYours):
            await parties.add(CALL, "damkar", None, by)
    assert pbx.told == []
    for n in range(MAX_PARTIES):
        await parties.add(CALL, f"a{n}", None, OP1)
    with pytest.raises(PartyThere):
        await parties.add(CALL, "a0", None, OP1)
    with pytest.raises(TooManyParties):
        await parties.add(CALL, "damkar", None, OP1)
    with pytest.raises(StillOthers):
        await parties.pass_on(CALL, OP1, operator="op2")
    board.chose(CALL, "fire")
    with pytest.raises(NotTalking):
        await parties.add(CALL, "damkar", None, SUPERVISOR)
    board.ended(CALL)
    assert len(parties) == 0


@pytest.mark.parametrize("failure", [AmiUnavailable("not logged in"), AmiRefused("No such channel")])
async def test_pbx_that_cannot_be_told_leaves_nothing_behind(parties: Parties, pbx: Pbx, failure: Exception) -> None:
    pbx.fails = {"Originate": failure, "Setvar": failure}
    with pytest.raises(PbxAway):
        await parties.add(CALL, "damkar", None, OP1)
    with pytest.raises(PbxAway):
        await parties.pass_on(CALL, OP1, agency="damkar")
    assert parties.of(CALL) == []
    assert "Redirect" not in {name for name, _ in pbx.told}


async def test_caller_who_is_passed_on_goes_to_steps_of_the_plans_alphabet(parties: Parties, pbx: Pbx) -> None:
    await parties.pass_on(CALL, OP1, agency="damkar")
    await parties.pass_on(CALL, OP1, operator="op2")
    steps = [fields["Value"] for name, fields in pbx.told if name == "Setvar"]
    assert steps == ["dial,PJSIP/113@trunk-damkar,20,n,damkar/piket,2", "operator,op2,20"]
    redirects = [fields for name, fields in pbx.told if name == "Redirect"]
    assert {(one["Channel"], one["Context"]) for one in redirects} == {(CALLER, "callrouter-transferred")}
    with pytest.raises(NoSuchTarget):
        await parties.pass_on(CALL, OP1, operator="op9")


async def test_parties_are_learned_anew_at_a_login(parties: Parties, pbx: Pbx, board: Board) -> None:
    gone = await parties.add(CALL, "a0", None, OP1)
    there, rings = UUID(int=7), UUID(int=8)

    def leg(channel: str, party: UUID, state: str, n: str = "1") -> AmiEvent:
        told = (f"CR_PARTY_ID={party}", f"CR_PARTY_CALL={CALL}", "CR_PARTY_TO=damkar/piket", f"CR_P={n}")
        return _event("Status", {"Channel": channel, "ChannelStateDesc": state}, *told)

    pbx.status = (
        leg("PJSIP/trunk-damkar-00000002", there, "Up"),
        leg("Local/ring@callrouter-party-2;1", rings, "Up", n="(null)"),
        leg("Local/ring@callrouter-party-2;2", rings, "Ring", n="2"),
        leg("PJSIP/trunk-damkar-00000003", rings, "Ringing", n="2"),
        _event("Status", {"Channel": CALLER}, "CR_P=", "CR_PARTY_ID=(null)"),
        leg("PJSIP/x-1", UUID(int=9), "Up", n="x"),
    )
    await parties.hands_login()
    assert {one.id: one.state for one in parties.of(CALL)} == {
        there: PartyState.TALKING,
        rings: PartyState.RINGING,
    }
    assert gone.id not in {one.id for one in parties.of(CALL)}
    (live,) = board.live()
    assert live.with_whom == ("op1", "trunk-damkar")
    parties.heard(_event("UserEvent", {"UserEvent": "CRParty", "Call": "x", "Party": "y", "State": "ringing"}))
    assert len(parties.of(CALL)) == 2


async def test_nobody_is_added_while_the_caller_is_passed_on_and_the_other_way_round(
    parties: Parties, pbx: Pbx, board: Board
) -> None:
    pbx.pace = asyncio.Event()
    adding = asyncio.create_task(parties.add(CALL, "damkar", None, OP1))
    await asyncio.sleep(0)
    passing = asyncio.create_task(parties.pass_on(CALL, OP1, operator="op2"))
    await asyncio.sleep(0)
    pbx.pace.set()
    made, refused = await asyncio.gather(adding, passing, return_exceptions=True)
    assert isinstance(refused, StillOthers)
    assert "Redirect" not in {name for name, _ in pbx.told}

    assert not isinstance(made, BaseException)
    pbx.says(str(made.id), "talked")
    pbx.pace = asyncio.Event()
    passing = asyncio.create_task(parties.pass_on(CALL, OP1, operator="op2"))
    await asyncio.sleep(0)
    adding = asyncio.create_task(parties.add(CALL, "damkar", None, SUPERVISOR))
    await asyncio.sleep(0)
    board.chose(CALL, "fire")  # he has left who talked with him
    pbx.pace.set()
    passed, refused = await asyncio.gather(passing, adding, return_exceptions=True)
    assert passed is None
    assert isinstance(refused, NotTalking)
    assert [name for name, _ in pbx.told].count("Originate") == 1


async def test_what_events_told_while_the_list_was_read_counts_more_than_the_list(
    parties: Parties, pbx: Pbx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READ_AT_ONCE", 1)
    left, came, stays = UUID(int=7), UUID(int=8), UUID(int=9)

    def leg(party: UUID) -> AmiEvent:
        told = (f"CR_PARTY_ID={party}", f"CR_PARTY_CALL={CALL}", "CR_PARTY_TO=damkar/piket", "CR_P=1")
        return _event("Status", {"Channel": f"PJSIP/trunk-damkar-{party.int:08}", "ChannelStateDesc": "Up"}, *told)

    pbx.status = (leg(left), leg(stays))
    pbx.says(str(left), "ringing", leg="Local/ring@callrouter-party-1;2")
    learning = asyncio.create_task(parties.hands_login())
    await asyncio.sleep(0)
    pbx.says(str(left), "noanswer")
    pbx.says(str(came), "ringing", leg="Local/ring@callrouter-party-2;2")
    await learning
    assert {one.id: one.state for one in parties.of(CALL)} == {
        came: PartyState.RINGING,
        stays: PartyState.TALKING,
    }
