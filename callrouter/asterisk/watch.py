"""What the PBX tells over AMI, put onto the live board; and what the service does about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol
from uuid import UUID

import structlog

from callrouter.asterisk import variables as v
from callrouter.asterisk.ami import AmiAnswer, AmiEvent
from callrouter.asterisk.dialplan import away_of, known_area
from callrouter.asterisk.living import ringing_legs, variables_in
from callrouter.calls.board import Board, Seen
from callrouter.calls.lines import caller_number, decoded, microseconds
from callrouter.calls.live import Stage
from callrouter.calls.ports import CallJoined, Chosen, Clock, Writer
from callrouter.duty.model import Act
from callrouter.routing.values import Posture

log = structlog.get_logger(__name__)

STATUS_VARIABLES: Final = (
    v.CALL,
    v.STAGE,
    "CR_OPENED",
    "CR_ORIGIN",
    "CR_TRUNK",
    "CR_NUMBER",
    "CR_FROM",
    v.LANGUAGE,
    v.CATEGORY,
    v.SPEECHLESS,
    "CR_BY",
)


TOLD: Final = 100
"""Contradictions of one kind that are logged one by one."""


def _nobody_asks(_operator: str) -> None:
    """For a watch whose owner keeps no duty."""


def _nobody_phones(_operator: str, _act: Act, _at: int) -> None:
    """For a watch whose owner keeps no duty."""


class Choosing(Protocol):
    """Knows what callers chose of whom the PBX did not tell it. Must return at once."""

    def known(self, call: UUID, choice: str, language: str) -> Mapping[str, str] | None:
        """Return what that choice means, as the event of a choice tells it; None: it has to be asked for."""

    def ask(self, call: UUID, channel: str) -> None:
        """Ask for it; `Watch.learned` takes the answer."""

    def over(self, call: UUID) -> None:
        """Nothing of this call is to be known any more."""


class Told:
    """For a watch that is told of every choice."""

    def known(self, _call: UUID, _choice: str, _language: str) -> None:
        """Know nothing."""

    def ask(self, _call: UUID, _channel: str) -> None:
        """Ask nobody."""

    def over(self, _call: UUID) -> None:
        """Keep nothing."""


class Located(Protocol):
    """Wants to know where callers are. Must return at once."""

    def located(self, call: UUID, area: str) -> None:
        """The area (Kemendagri code) of a caller is known."""


class Watch:
    """Translates events.

    chosen:   told what a caller chose, and which plan the PBX took for it
    doorbell: rung when the PBX has written a record
    free:     hangs up a leg
    missed:   told an operator's key when his phone rang and he let it; not where a colleague or the caller was faster
    answered: told an operator's key when he took a call
    least_ring_ms: a ring that was shorter was not his to miss
    phoned:   told what an operator did with a feature code, and when (µs UTC)
    choices:  knows what callers chose of whom the PBX does not tell it
    """

    def __init__(
        self,
        board: Board,
        writer: Writer,
        clock: Clock,
        chosen: Callable[[Chosen], None],
        doorbell: Callable[[], None],
        free: Callable[[str], None],
        missed: Callable[[str], None] = _nobody_asks,
        answered: Callable[[str], None] = _nobody_asks,
        least_ring_ms: float = 0,
        phoned: Callable[[str, Act, int], None] = _nobody_phones,
        *,
        choices: Choosing | None = None,
    ) -> None:
        self._choices = Told() if choices is None else choices
        self._least_ring_ms = least_ring_ms
        self._phoned = phoned
        self._board = board
        self._writer = writer
        self._clock = clock
        self._chosen = chosen
        self._doorbell = doorbell
        self._free = free
        self._missed = missed
        self._answered = answered
        self._located: list[Located] = []
        self.failsafe_calls = 0
        """Calls that the PBX served alone while this service could be told."""

    def follow(self, located: Located) -> None:
        """Tell this one from now on of each caller whose area is known."""
        self._located.append(located)

    def on_event(self, event: AmiEvent) -> None:
        """Take one event. A malformed one is logged and changes nothing."""
        try:
            self._take(event)
        except (KeyError, ValueError) as error:
            log.warning("ami.event_not_understood", kind=event.name, error=str(error))

    def _take(self, event: AmiEvent) -> None:
        fields = event.fields
        match event.name:
            case "UserEvent":
                self._ours(fields)
            case "DialBegin":
                self._dials(fields)
            case "Hangup":
                self._board.leg_gone(fields["Linkedid"], fields["Channel"])
            case "HangupRequest" | "SoftHangupRequest":
                for channel in self._board.legs_to_free(fields["Channel"], fields["Linkedid"]):
                    self._free(channel)
            case "AgentConnect":
                self._answered(_operator(fields))
            case "AgentRingNoAnswer":
                # A ring that was declined, or cut short because the caller's time in the queue was over, is none.
                if int(fields.get("RingTime", "0")) >= self._least_ring_ms:
                    self._missed(_operator(fields))
            case _:
                pass

    def _dials(self, fields: dict[str, str]) -> None:
        link, leg = fields["DestLinkedid"], fields["DestChannel"]
        step = fields.get("Exten", "") if fields.get("Context") == v.STEPS else ""
        ours = step.startswith(v.DIAL)
        call = self._board.rings(link, leg, endpoint_of(leg), caller=fields["Channel"] if ours else "")
        if not ours or call is None or not self._board.wonders(call):
            return
        known = self._choices.known(call, step.removeprefix(v.DIAL), fields.get("Language", ""))
        if known is None:
            self._choices.ask(call, fields["Channel"])
        else:
            self.learned(call, known)

    def _ours(self, fields: dict[str, str]) -> None:
        if fields.get("UserEvent") == v.EVENT_DUTY:
            self._doorbell()
            self._phoned(fields["Op"], Act(fields["Act"]), microseconds(fields["At"]))
        # What goes a call's way without an identity is none: a probe.
        if not fields.get("Call"):
            return
        call = UUID(fields["Call"])
        match fields["UserEvent"]:
            case v.EVENT_STAGE:
                self._board.moved(_seen(call, fields))
                if self._board.wonders(call):
                    self._choices.ask(call, fields["Channel"])
            case v.EVENT_CHOICE:
                if fields["Path"] == "service":
                    self._chosen(_choice(call, fields, decoded(fields["Plan"])))
                self._choices.over(call)
                self._board.chose(call, fields.get("Category", ""), cannot_speak=fields.get("Speechless") == "yes")
                self._note(call, fields)
            case v.EVENT_HUMAN:
                by = fields.get("By", "")
                self._board.joined(call, by)
                self._writer.put(CallJoined(call, self._clock.now_us(), by, by.startswith(v.TRUNK_PREFIX)))
            case v.EVENT_FAILSAFE:
                self.failsafe_calls += 1
                log.error("call.served_by_failsafe", call=str(call))
            case v.EVENT_DOORBELL:
                self._choices.over(call)
                self._board.ended(call)
                self._doorbell()

    def learned(self, call: UUID, fields: Mapping[str, str]) -> None:
        """Take what a caller chose (asking.VARIABLES). Raises KeyError, ValueError where it cannot be understood."""
        if fields["Path"] == "service":
            self._chosen(_choice(call, fields, fields["Plan"]))
        speechless = fields.get("Speechless") == "yes"
        self._board.learned(call, fields["Category"], fields["Lang"], cannot_speak=speechless)
        self._note(call, fields)

    def _note(self, call: UUID, fields: Mapping[str, str]) -> None:
        if fields.get("By"):
            log.info("call.passed_on", call=str(call), by=fields["By"], category=fields.get("Category", ""))
        if (area := known_area(fields.get("Area", ""))) is not None:
            for follower in self._located:
                follower.located(call, area.code)

    def resynchronise(self, status: AmiAnswer) -> None:
        """Take the answer to Status (with STATUS_VARIABLES) as the whole truth; what contradicts it is logged."""
        legs = {
            linkedid: {channel: endpoint_of(channel) for channel in channels}
            for linkedid, channels in ringing_legs(status).items()
        }
        found = self._board.reset((seen for event in status.events if (seen := self._known(event))), legs)
        for seen in found.gone:
            self._choices.over(seen.call)
        if found:
            log.info(
                "board.reconciled",
                unknown_before=len(found.unknown),
                gone_meanwhile=len(found.gone),
                at_another_stage=len(found.moved),
            )
        for seen in found.unknown[:TOLD]:
            log.info("board.call_was_unknown", call=str(seen.call), stage=seen.stage)
        for seen in found.gone[:TOLD]:
            log.info("board.call_was_gone", call=str(seen.call), stage=seen.stage)
        for shown, seen in found.moved[:TOLD]:
            log.info("board.call_was_elsewhere", call=str(seen.call), board=shown.stage, pbx=seen.stage)
        self._doorbell()

    def _known(self, event: AmiEvent) -> Seen | None:
        # One channel that cannot be understood must not hide all the others.
        try:
            return _from_status(event)
        except (KeyError, ValueError) as error:
            log.warning("ami.channel_not_understood", error=str(error))
            return None


def endpoint_of(channel: str) -> str:
    """Return the endpoint in a channel's name: ``PJSIP/trunk-damkar-0000002a`` is of ``trunk-damkar``.

    Empty for a Local channel, behind which the telephone's own channel is.
    """
    technology, _, rest = channel.partition("/")
    return "" if technology == "Local" else rest.rsplit("-", 1)[0]


def _operator(fields: dict[str, str]) -> str:
    """Return the key of a queue's member. Raises ValueError for a member that is no operator's phone."""
    technology, _, key = fields["Interface"].partition("/")
    if technology != "PJSIP" or not key:
        raise ValueError(f"the queue member {fields['Interface'][:80]!r} is no operator's telephone")
    return key


def _choice(call: UUID, fields: Mapping[str, str], plan_text: str) -> Chosen:
    return Chosen(
        call=call,
        origin=fields["Origin"],
        trunk=fields["Trunk"],
        choice=fields["Choice"],
        category=fields.get("Category", ""),
        language=fields["Lang"],
        version=int(fields["Version"]),
        route=fields.get("Route", ""),
        plan_text=plan_text,
        area=known_area(fields.get("Area", "")),
        away=away_of(fields.get("Away", "")),
        suspicion=int(fields.get("Suspicion") or 0),
        posture=Posture(fields.get("Posture") or Posture.GREEN),
        at=microseconds(at) if (at := fields.get("At", "")) else None,
    )


def _seen(call: UUID, fields: dict[str, str]) -> Seen:
    return Seen(
        call=call,
        channel=fields["Channel"],
        linkedid=fields["Linkedid"],
        stage=Stage(fields["Stage"]),
        opened=microseconds(fields["Opened"]),
        origin=fields["Origin"],
        trunk=fields["Trunk"],
        number=caller_number(fields.get("Number", "")),
        language=fields.get("Lang", ""),
        sent_from=decoded(sent) if (sent := fields.get("From", "")) else "",
    )


def _from_status(event: AmiEvent) -> Seen | None:
    values = variables_in(event)
    if not values.get(v.CALL) or not values.get(v.STAGE):
        return None
    stage = Stage(values[v.STAGE])
    return Seen(
        call=UUID(values[v.CALL]),
        channel=event.fields["Channel"],
        linkedid=event.fields["Linkedid"],
        stage=stage,
        opened=microseconds(values["CR_OPENED"]),
        origin=values["CR_ORIGIN"],
        trunk=values["CR_TRUNK"],
        number=caller_number(values["CR_NUMBER"]),
        language=values[v.LANGUAGE],
        category=values.get(v.CATEGORY, ""),
        cannot_speak=values.get(v.SPEECHLESS) == "yes",
        with_whom=values.get("CR_BY", "") if stage is Stage.TALKING else "",
        sent_from=decoded(sent) if (sent := values.get("CR_FROM", "")) else "",
    )
