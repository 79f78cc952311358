"""Agencies in a talk: asked of the PBX, and followed by what it tells (dialplan/party.conf).

The PBX needs the service to begin with it, and for nothing more: who is being rung, is joined, and stays when this
process is gone. What is kept here is a picture for people, made anew from the PBX's own list at each login.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final
from uuid import UUID, uuid4

import structlog

from callrouter.asterisk.ami import AmiAnswer, AmiEvent, AmiRefused, AmiUnavailable
from callrouter.asterisk.party_legs import Hands, Leg, dialled, digits, listed, target_of
from callrouter.asterisk.plan_codec import dial_step
from callrouter.asterisk.variables import EVENT_PARTY, TRUNK_PREFIX
from callrouter.calls.board import Board
from callrouter.calls.live import LiveCall, Stage
from callrouter.calls.parties import (
    MAX_PARTIES,
    Asker,
    NoSuchCall,
    NoSuchParty,
    NoSuchTarget,
    NotTalking,
    NotYours,
    Party,
    PartyState,
    PartyThere,
    PbxAway,
    StillOthers,
    TooManyParties,
)
from callrouter.calls.ports import CallJoined, Clock, Writer
from callrouter.routing.directory import Directory
from callrouter.routing.plan import Dial, Target

log = structlog.get_logger(__name__)

MAX_CALLS: Final = 500
"""Calls whose parties are followed at once."""
BEGUN_S: Final = 3.0
"""The PBX tells within this that it begins to ring (3 ms, measured)."""


class Parties:
    """Implements callrouter.calls.parties.PartyDesk.

    directory: gives the one in force; ring_s: how long an agency or an operator is rung
    """

    def __init__(
        self,
        hands: Hands,
        board: Board,
        directory: Callable[[], Directory],
        writer: Writer,
        clock: Clock,
        ring_s: int,
    ) -> None:
        self._hands = hands
        self._board = board
        self._directory = directory
        self._writer = writer
        self._clock = clock
        self._ring_s = ring_s
        self._calls: dict[UUID, dict[UUID, Party]] = {}
        self._legs: dict[UUID, str] = {}
        """The channel of each party that is to be hung up."""
        self._begun: dict[UUID, asyncio.Event] = {}
        self._one: dict[UUID, asyncio.Lock] = {}
        self._newer: set[UUID] | None = None
        """While the PBX's list is read: parties that events told of meanwhile."""
        board.follow(self)

    def __len__(self) -> int:
        """Return in how many calls there are parties."""
        return len(self._calls)

    # ------------------------------------------------------------------ what is asked
    def of(self, call: UUID) -> list[Party]:
        """Return the parties of a call, in the order in which they were added."""
        self._live(call)
        return list(self._calls.get(call, {}).values())

    async def add(self, call: UUID, agency: str, contact: str | None, by: Asker) -> Party:
        """Have an agency rung and, when it answers, brought into the talk."""
        self._talk(call, by)
        target = target_of(self._directory(), agency, contact)
        lock = self._one.setdefault(call, asyncio.Lock())
        async with lock:  # the dialplan numbers the parties of a call: one at a time
            live = self._talk(call, by)
            there = self._calls.get(call, {})
            if any(one.agency == agency for one in there.values()):
                raise PartyThere(agency)
            if len(there) >= MAX_PARTIES or (not there and len(self._calls) >= MAX_CALLS):
                raise TooManyParties
            return await self._ring(live, target)

    async def remove(self, call: UUID, party: UUID, by: Asker) -> None:
        """Take it out again; the others talk on."""
        self._may(self._live(call), by)
        leg = self._legs.get(party, "")
        if party not in self._calls.get(call, {}) or not leg:
            raise NoSuchParty(party)
        await self._tell("Hangup", Channel=leg, Cause="16")
        log.info("party.taken_out", call=str(call), party=str(party))

    async def pass_on(self, call: UUID, by: Asker, *, agency: str = "", operator: str = "") -> None:
        """Take the caller from who has him to an agency or an operator."""
        self._talk(call, by)
        if operator:
            if not any(one.key == operator and one.enabled for one in self._directory().operators):
                raise NoSuchTarget(operator)
            step = f"operator,{operator},{self._ring_s}"
        else:
            step = dial_step(Dial((target_of(self._directory(), agency, None),), self._ring_s, announce=False))
        await self.send(call, by, {"CR_STEP_TO": step}, "callrouter-transferred", "s")
        log.info("call.passed_on_by_rest", call=str(call), to=agency or operator)

    async def send(self, call: UUID, by: Asker, variables: dict[str, str], context: str, extension: str) -> None:
        """Set these on the caller's channel and send him there, away from who talks with him."""
        self.may_send(call, by)
        async with self._one.setdefault(call, asyncio.Lock()):  # nobody is added while he goes
            self.may_send(call, by)
            channel = self._board.channel_of(call)
            for name, value in variables.items():
                await self._tell("Setvar", Channel=channel, Variable=name, Value=value)
            await self._tell("Redirect", Channel=channel, Context=context, Exten=extension, Priority="1")

    def may_send(self, call: UUID, by: Asker) -> None:
        """Raise PartyRefused where `send` would."""
        self._talk(call, by)
        if self._calls.get(call):
            raise StillOthers(call)

    # ------------------------------------------------------------------ what the PBX tells
    def heard(self, event: AmiEvent) -> None:
        """Take an event of the PBX. What is not understood is logged and changes nothing."""
        fields = event.fields
        if event.name != "UserEvent" or fields.get("UserEvent") != EVENT_PARTY:
            return
        try:
            call, party = UUID(fields["Call"]), UUID(fields["Party"])
            self._take(call, party, fields)
        except (KeyError, ValueError) as error:
            log.warning("party.not_understood", error=str(error))

    def _take(self, call: UUID, party: UUID, fields: dict[str, str]) -> None:
        state = fields["State"]
        if self._newer is not None:
            self._newer.add(party)
        if state not in set(PartyState):
            self._gone(call, party)
            log.info("party.gone", call=str(call), to=fields["To"], result=state)
            return
        self._keep(call, party, fields["To"], PartyState(state), fields["Leg"])
        if state == PartyState.TALKING:
            by = fields.get("By", "")
            self._writer.put(CallJoined(call, self._clock.now_us(), by, by.startswith(TRUNK_PREFIX)))
            self._board.takes_part(call, str(party), by)
        if begun := self._begun.get(party):
            begun.set()

    async def hands_login(self) -> None:
        """Learn which parties there are. Raises AmiUnavailable, AmiRefused."""
        newer = self._newer = set()
        try:
            found = await listed(self._hands)
        finally:
            self._newer = None
        for leg in found.values():
            if leg.party not in newer:
                self._learn(leg)
        for call, there in list(self._calls.items()):
            for party in set(there) - set(found) - newer:
                self._gone(call, party)

    def _learn(self, leg: Leg) -> None:
        state = PartyState.RINGING if leg.rings else PartyState.TALKING
        self._keep(leg.call, leg.party, leg.to, state, leg.channel)
        if not leg.rings:
            self._board.takes_part(leg.call, str(leg.party), leg.channel.partition("/")[2].rsplit("-", 1)[0])

    # the board's follower
    def moved(self, live: LiveCall) -> None:
        """Nothing: parties have events of their own."""

    def gone(self, call: UUID) -> None:
        """The call has ended, and all its parties with it."""
        for party in list(self._calls.get(call, {})):
            self._gone(call, party)
        self._one.pop(call, None)

    # ------------------------------------------------------------------ how
    async def _ring(self, live: LiveCall, target: Target) -> Party:
        party, channel = uuid4(), self._board.channel_of(live.call)
        hops = await self._tell("Getvar", Channel=channel, Variable="CR_HOPS")
        begun = self._begun[party] = asyncio.Event()
        try:
            await self._tell(
                "Originate",
                Channel="Local/ring@callrouter-party",
                Context="callrouter-party",
                Exten="join",
                Priority="1",
                Timeout=str((self._ring_s + 30) * 1000),
                CallerID=f"<{dialled(live.number)}>",
                Variable=[
                    f"__CR_PARTY_ID={party}",
                    f"__CR_PARTY_OF={channel}",
                    f"__CR_PARTY_CALL={live.call}",
                    f"__CR_PARTY_TO={target.agency}/{target.contact}",
                    f"CR_PARTY_AT=PJSIP/{target.number}@{TRUNK_PREFIX}{target.trunk}",
                    f"CR_PARTY_S={self._ring_s}",
                    f"CR_PARTY_MAX={target.max_calls}",
                    f"__CR_PARTY_ABOUT={live.category}",
                    f"__CR_HOPS={digits(hops.fields.get('Value', ''))}",
                ],
            )
            async with asyncio.timeout(BEGUN_S):
                await begun.wait()
        except TimeoutError:
            raise PbxAway("the PBX did not begin to ring") from None
        finally:
            self._begun.pop(party, None)
        found = self._calls.get(live.call, {}).get(party)
        if found is None:
            raise NotTalking(live.call)
        return found

    async def _tell(self, action: str, **fields: Any) -> AmiAnswer:
        try:
            return await self._hands.action(action, **fields)
        except AmiUnavailable as error:
            raise PbxAway(str(error)) from None
        except AmiRefused as error:
            # "No such channel": it ended in this moment.
            raise PbxAway(str(error)) from None

    def _live(self, call: UUID) -> LiveCall:
        live = self._board.one(call)
        if live is None:
            raise NoSuchCall(call)
        return live

    def _talk(self, call: UUID, by: Asker) -> LiveCall:
        live = self._live(call)
        self._may(live, by)
        if live.stage is not Stage.TALKING:
            raise NotTalking(call)
        return live

    def _may(self, live: LiveCall, by: Asker) -> None:
        if not by.supervises and not (by.operator and by.operator in live.with_whom):
            raise NotYours(live.call)

    def _keep(self, call: UUID, party: UUID, to: str, state: PartyState, leg: str) -> None:
        there = self._calls.get(call, {})
        known = there.get(party)
        self._legs[party] = leg
        if known is None:
            agency, _, contact = to.partition("/")
            known = Party(party, call, agency, contact, state, self._clock.now_us())
        elif known.state is not state:
            known = replace(known, state=state, since=self._clock.now_us())
        self._calls[call] = there | {party: known}

    def _gone(self, call: UUID, party: UUID) -> None:
        self._legs.pop(party, None)
        self._board.takes_part_no_more(call, str(party))
        there = {id_: one for id_, one in self._calls.get(call, {}).items() if id_ != party}
        if there:
            self._calls[call] = there
        else:
            self._calls.pop(call, None)
        if begun := self._begun.get(party):
            begun.set()
