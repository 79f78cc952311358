"""The SIP side of an agent, inside its child process: one baresip runtime and the calls on it."""

import asyncio
import os
import socket
import stat
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from baresip import BaresipError, Call, Config, Event, Runtime, StackEvent, UserAgent

from demo.softphone.agentcall import AgentCall
from demo.softphone.model import Behaviour, RingOnly, SoftphoneError
from demo.softphone.relay import LOOPBACK, AddressRelay
from demo.softphone.tones import tone_pcm
from demo.softphone.wire import WITHHELD_AOR, Message, checked, quoted_name, read_from, split_uri

Dialled = tuple[int, float, Callable[[], None]]

_PUMP_S: Final = 0.04
_BYE_S: Final = 1.0
_HEADERS: Final = ("From", "To", "P-Asserted-Identity", "Privacy", "Diversion", "X-Callrouter-Call")

# Calls must not hold one another; RTP is decoded as it comes, so that times are those of arrival; ports lie below
# those that the kernel and tests choose freely.
_STACK: Final = """
sip_transports udp
call_hold_other_calls no
call_local_timeout 600
audio_jitter_buffer_type off
video_jitter_buffer_type off
audio_telev_pt 101
rtp_ports 22000-31998
"""


@dataclass(frozen=True)
class Settings:
    """What the parent says at start. early: None, or answer ringing with 183 and media, "silence" or "tone"."""

    name: str
    host: str
    port: int
    tone_hz: int
    early: str | None
    account: dict[str, Any] | None
    trace: bool


class Agent:
    """Dials, answers, registers. Everything it learns goes to `tell` as a message."""

    def __init__(self, settings: Settings, tell: Callable[[Message], None]) -> None:
        self._settings = settings
        self._tell = tell
        self._tone = tone_pcm(settings.tone_hz)
        self._runtime = Runtime()
        self._relay: AddressRelay | None = None
        self._identities: dict[str, UserAgent] = {}
        self._calls: dict[int, AgentCall] = {}
        self._counter = 0
        self._script: list[Behaviour] = [RingOnly()]
        self._pump: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Brings the stack up; returns the port that peers reach it at."""
        where = self._settings
        plain = where.host == LOOPBACK
        if not plain:
            self._relay = AddressRelay(where.host, where.port)
        listen = f"sip_listen {LOOPBACK}:{where.port if plain else 0}\n"
        config = Config(
            net_interface=LOOPBACK,
            max_concurrent_calls=None,
            expose_headers=_HEADERS,
            native_log_level="info" if where.trace else "warning",
            sip_trace=where.trace,
            extra_config_text=_STACK + listen,
        )
        await self._runtime.start(config)
        own = _udp_port(LOOPBACK)
        if self._relay is not None:
            self._relay.inside = (LOOPBACK, own)
        await self._identity(self._main_aor())
        return own if self._relay is None else self._relay.address[1]

    def behave(self, script: Sequence[Behaviour]) -> None:
        """The next INVITE gets the first, the one after it the second; the last is for all that follow."""
        self._script = list(script) or [RingOnly()]

    async def register(self, within_s: float) -> None:
        """Registers the account; baresip renews it by itself.

        Where it is registered, baresip takes the old login back beside the new one, of the same address: whichever
        the registrar takes last would count. So that one is taken back first.
        """
        identity = self._identities[self._main_aor()]
        await identity.unregister(timeout=within_s)
        await identity.register(timeout=within_s)

    async def unregister(self, within_s: float) -> None:
        """Takes the registration back."""
        await self._identities[self._main_aor()].unregister(timeout=within_s)

    async def dial(self, uri: str, aor: str | None, headers: dict[str, str]) -> Dialled:
        """Sends an INVITE; returns the number of the call, when, and what to run once the parent knows the call."""
        agent = await self._identity(aor or self._main_aor())
        # The stack's events of the new call may overtake the answer to dial(): they are kept for it.
        early: list[StackEvent] = []
        self._runtime.subscribe(early.append)
        try:
            at = time.monotonic()
            call = await agent.dial(self._reached_by(uri), headers)
        finally:
            self._runtime.unsubscribe(early.append)
        ours = self._adopt(call)
        return ours.number, at, lambda: ours.replay(event for event in early if event.call == call.handle)

    def call(self, number: int) -> AgentCall | None:
        """The call of that number, while it lasts."""
        return self._calls.get(number)

    async def close(self) -> None:
        """Hangs up what is left and stops the stack."""
        for call in list(self._calls.values()):
            await call.hangup()
        if self._pump is not None:
            await asyncio.wait({self._pump}, timeout=_BYE_S)
            self._pump.cancel()
        with suppress(BaresipError):
            await self._runtime.close()
        if self._relay is not None:
            self._relay.close()

    def aor(self, user: str | None, display_name: str | None, *, withheld: bool) -> str | None:
        """The identity to call as; None is the agent's own."""
        if withheld:
            return self._with_parameters(WITHHELD_AOR, 0)
        if user is None and display_name is None:
            return None
        name = "" if display_name is None else quoted_name(display_name)
        user = checked("user", user or self._settings.name)
        return self._with_parameters(f"{name}<sip:{user}@{self._settings.host};transport=udp>", 0)

    def _main_aor(self) -> str:
        account = self._settings.account
        if account is None:
            uri = f"<sip:{self._settings.name}@{self._settings.host};transport=udp>"
            return self._with_parameters(uri, 0) + ";catchall=yes"
        host, _, port = str(account["registrar"]).partition(":")
        host, number = self._through_relay(host, int(port or 5060))
        user = checked("user", str(account["user"]))
        password = checked("password", str(account["password"]), '"\\')
        uri = f"<sip:{user}@{host}:{number};transport=udp>"
        return self._with_parameters(uri, int(account["expires_s"])) + f';catchall=yes;auth_pass="{password}"'

    def _with_parameters(self, uri: str, expires_s: int) -> str:
        mode = "early" if self._settings.early else "manual"
        return f"{uri};regint={expires_s};answermode={mode};audio_codecs=pcma;dtmfmode=rtpevent"

    async def _identity(self, aor: str) -> UserAgent:
        if aor not in self._identities:
            agent = await UserAgent.create(self._runtime, aor, transfer_policy="reject")
            agent.on_incoming(self._on_incoming)
            agent.on(self._on_agent_event)
            self._identities[aor] = agent
        return self._identities[aor]

    def _reached_by(self, uri: str) -> str:
        user, host, port, rest = split_uri(uri)
        host, port = self._through_relay(host, port)
        return f"sip:{user}@{host}:{port}{rest}" if user else f"sip:{host}:{port}{rest}"

    def _through_relay(self, host: str, port: int) -> tuple[str, int]:
        return (host, port) if self._relay is None else self._relay.door((socket.gethostbyname(host), port))

    def _on_incoming(self, call: Call) -> None:
        behaviour = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        name, uri = read_from(call.headers.get("From", ""))
        ours = self._adopt(call)
        remote = {
            "uri": call.peer or uri,
            "number": uri.removeprefix("sip:").partition("@")[0],
            "display_name": name,
            "from_header": call.headers.get("From", ""),
            "headers": call.headers,
        }
        self._tell({"event": "incoming", "call": ours.number, "at": time.monotonic(), "remote": remote})
        ours.follow(behaviour)

    def _on_agent_event(self, event: StackEvent) -> None:
        if event.event in (Event.REGISTER_OK, Event.REGISTER_FAIL):
            self._tell({"event": "registration", "ok": event.event is Event.REGISTER_OK, "text": event.text or ""})

    def _adopt(self, call: Call) -> AgentCall:
        self._counter += 1
        ours = AgentCall(self._counter, call, self._tone, self._tell, early_tone=self._settings.early != "silence")
        self._calls[ours.number] = ours
        if self._pump is None or self._pump.done():
            self._pump = asyncio.get_running_loop().create_task(self._pump_audio())
        return ours

    async def _pump_audio(self) -> None:
        """Runs only while there are calls: an idle agent has no timer."""
        while self._calls:
            now = time.monotonic()
            for number, call in list(self._calls.items()):
                if call.closed:
                    del self._calls[number]
                else:
                    call.pump(now)
            await asyncio.sleep(_PUMP_S)


def _udp_port(host: str) -> int:
    """The UDP port that the stack listens at: it was told to take any, and does not tell which it took."""
    for entry in Path("/proc/self/fd").iterdir():
        number = int(entry.name)
        with suppress(OSError):
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue
            with socket.socket(fileno=os.dup(number)) as sock:
                if sock.type == socket.SOCK_DGRAM and sock.family == socket.AF_INET and sock.getsockname()[0] == host:
                    return int(sock.getsockname()[1])
    raise SoftphoneError("the SIP stack listens nowhere: is the port in use?")
