"""What happened to each call, and when: from packets, or, where nobody may look at them, from SIPp's own logs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from bench.arena import sounds
from bench.arena.packets import Rtp, Sip
from bench.stream import Address


@dataclass
class Call:
    """One call; times are s since 1970 UTC, None: that did not happen (or could not be seen).

    invited:  the caller's INVITE
    greeted:  first RTP to the caller that is not silence
    pressed:  the digit
    reached:  the agency's first INVITE
    human:    the agency's 200
    hears, heard: after it, the agency's sound at the caller, and the caller's at the agency
    """

    invited: float
    greeted: float | None = None
    pressed: float | None = None
    reached: float | None = None
    human: float | None = None
    hears: float | None = None
    heard: float | None = None


@dataclass
class Seen:
    """All calls of a round, by the caller's number, and how many SIP messages were sent again."""

    calls: dict[str, Call] = field(default_factory=dict)
    again: int = 0

    def delays_s(self, since: Callable[[Call], float | None], until: Callable[[Call], float | None]) -> list[float]:
        """Return the times between two moments of those calls that have both."""
        pairs = [(since(call), until(call)) for call in self.calls.values()]
        return [end - begin for begin, end in pairs if begin is not None and end is not None]

    @property
    def digit_to_invite_s(self) -> list[float]:
        """Last digit to the agency's INVITE."""
        return self.delays_s(lambda call: call.pressed, lambda call: call.reached)

    @property
    def invite_to_sound_s(self) -> list[float]:
        """INVITE to the first audio of the menu."""
        return self.delays_s(lambda call: call.invited, lambda call: call.greeted)

    @property
    def human_to_both_s(self) -> list[float]:
        """The agency's 200 to the moment from which each has heard the other."""
        return self.delays_s(lambda call: call.human, _both)

    @property
    def human_to_caller_s(self) -> list[float]:
        """The agency's 200 to its sound at the caller."""
        return self.delays_s(lambda call: call.human, lambda call: call.hears)

    @property
    def human_to_agency_s(self) -> list[float]:
        """The agency's 200 to the caller's sound at it."""
        return self.delays_s(lambda call: call.human, lambda call: call.heard)

    @property
    def rate(self) -> float:
        """Calls that were begun, for each second."""
        times = sorted(call.invited for call in self.calls.values())
        return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0


def _both(call: Call) -> float | None:
    return None if call.hears is None or call.heard is None else max(call.hears, call.heard)


@dataclass(frozen=True)
class Scene:
    """Where the calls of one wave are seen. pbx: its host; prefix: of the wave's callers.

    Others may still send: what an opponent has not ended of an earlier wave is none of this one's.
    """

    caller_host: str
    agency: Address
    pbx: str
    prefix: str


def seen(packets: Iterable[Sip | Rtp], scene: Scene) -> Seen:
    """Return what packets tell, which must be in the order of their time."""
    watch = _Watch(scene)
    for packet in packets:
        if isinstance(packet, Sip):
            watch.sip(packet)
        else:
            watch.rtp(packet)
    return watch.seen


class _Watch:
    """A port belongs to the call that told it last: SIPp takes its ports again."""

    def __init__(self, scene: Scene) -> None:
        self.seen = Seen()
        self._scene = scene
        self._legs: set[str] = set()
        self._known: set[tuple[object, ...]] = set()
        self._at_caller: dict[Address, Call] = {}
        self._at_agency: dict[Address, Call] = {}

    def sip(self, message: Sip) -> None:
        begins = message.status is None and message.method == "INVITE"
        if begins and message.user.startswith(self._scene.prefix):
            self._legs.add(message.call_id)
        if message.call_id not in self._legs:
            return
        if message.same in self._known:
            # A repeated 1xx is no sign of loss: a PBX may tell that it rings more than once.
            self.seen.again += message.status is None or message.status >= 200
            return
        self._known.add(message.same)
        if begins and message.target == self._scene.agency:
            call = self.seen.calls.get(message.user)
            if call is not None and call.reached is None:
                call.reached = message.at
        elif message.status is None and message.source[0] == self._scene.caller_host:
            self._of_caller(message)
        elif message.source == self._scene.agency and message.status == 200 and message.method == "INVITE":
            self._answered(message)

    def _of_caller(self, message: Sip) -> None:
        call = self.seen.calls.get(message.user)
        if message.method == "INVITE" and call is None:
            call = self.seen.calls[message.user] = Call(message.at)
            if message.sound is not None:
                self._at_caller[message.sound] = call
        elif message.method == "INFO" and call is not None and call.pressed is None:
            call.pressed = message.at

    def _answered(self, message: Sip) -> None:
        call = self.seen.calls.get(message.user)
        if call is None or call.human is not None:
            return
        call.human = message.at
        if message.sound is not None:
            self._at_agency[message.sound] = call

    def rtp(self, packet: Rtp) -> None:
        if packet.source[0] != self._scene.pbx:
            return
        if (call := self._at_caller.get(packet.target)) is not None:
            if call.greeted is None and sounds.is_sound(packet.payload):
                call.greeted = packet.at
            if call.human is not None and call.hears is None and sounds.is_agency(packet.payload):
                call.hears = packet.at
            return
        call = self._at_agency.get(packet.target)
        if call is not None and call.heard is None and sounds.is_caller(packet.payload):
            call.heard = packet.at
