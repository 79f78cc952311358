"""`callrouter probe`: a call without a caller goes the way of a call through the running PBX, up to ringing somebody.

Twice: once as the service would have it, once as the failsafe would. The PBX runs both (asterisk-config, contexts
callrouter-probe…) and tells what it finds by events; this process presses the key and judges. It needs the PBX and
nothing else, so a service that is away is a finding and no obstacle.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from time import monotonic, time_ns
from typing import Final
from uuid import uuid4

from callrouter.asterisk import variables as v
from callrouter.asterisk.ami_protocol import AmiConnection, AmiEvent, AmiRefused, AmiUnavailable
from callrouter.asterisk.check import login_refused
from callrouter.asterisk.pbx_secrets import read_secrets
from callrouter.bilingual import Bilingual
from callrouter.errors import OperatorError
from callrouter.listening import own_address
from callrouter.prepare import require_rendered
from callrouter.probe_judge import Seen, cut_short, judged
from callrouter.probe_record import Probed, Result, StageResult
from callrouter.probe_sip import NoSip, ask_options
from callrouter.settings import Settings

CONNECT_S: Final = 5.0
WAY_S: Final = 25.0
"""One way through the PBX: a lease, a greeting that is waited for 10 s at the longest, a digit, and some looking."""
LATE_S: Final = 1.0
"""How long the last words of a way may come after its end."""


@dataclass(slots=True)
class Wanted:
    """What is to be probed. press: keys for the menu (empty: the PBX takes the first that has a plan);
    trunk: key of the trunk by which the call comes in.
    """

    press: str = ""
    trunk: str = ""


async def probe(settings: Settings, wanted: Wanted) -> Probed:
    """Probe the running PBX of these settings and return what was found.

    Raises OperatorError where the PBX's configuration was never written here, or a login is refused. A PBX that
    does not answer is a finding.
    """
    _require_plain(wanted)
    require_rendered(settings)
    at, began = time_ns() // 1000, monotonic()
    try:
        async with _logged_in(settings) as link:
            stages = [_stage("pbx", Result.OK, began, _PBX_ANSWERS), await _sip(settings, began)]
            for way in ("service", "failsafe"):
                stages += await link.go(way, wanted, began)
    except AmiUnavailable as error:
        text = Bilingual(f"PBX tidak menjawab: {error}.", f"The PBX does not answer: {error}.")
        return Probed(at, (_stage("pbx", Result.FAILED, began, text),))
    return Probed(at, tuple(stages))


def _require_plain(wanted: Wanted) -> None:
    """The dialplan takes both as they are."""
    if re.fullmatch(r"[0-9]{0,2}", wanted.press) and re.fullmatch(r"[a-z0-9-]{0,31}", wanted.trunk):
        return
    raise OperatorError(
        Bilingual("Tombol atau trunk itu tidak mungkin ada.", "There can be no such keys, or no such trunk."),
        Bilingual(
            "Beri satu atau dua angka menu, dan kunci trunk dari tabel.",
            "Give one or two digits of the menu, and a trunk's key of the table.",
        ),
    )


async def _sip(settings: Settings, began: float) -> StageResult:
    host, port = own_address(settings.sip_host), settings.sip_port
    try:
        status, took_ms = await ask_options(host, port)
    except NoSip as error:
        text = Bilingual(f"SIP di {host} port {port}: {error.why.id}.", f"SIP at {host} port {port}: {error.why.en}.")
        return _stage("sip", Result.FAILED, began, text)
    text = Bilingual(f"SIP menjawab {status} dalam {took_ms:.0f} ms.", f"SIP answers {status} in {took_ms:.0f} ms.")
    return _stage("sip", Result.OK, began, text)


_PBX_ANSWERS: Final = Bilingual("PBX menjawab.", "The PBX answers.")


def _stage(name: str, result: Result, began: float, detail: Bilingual) -> StageResult:
    return StageResult(name, result, (monotonic() - began) * 1000, detail)


@contextlib.asynccontextmanager
async def _logged_in(settings: Settings) -> AsyncIterator[_Link]:
    host, user = own_address(settings.ami_host), "hands"
    link = _Link()
    link.pbx = AmiConnection(host, settings.ami_port, link.take)
    secret = read_secrets(settings.secrets_dir).hands
    try:
        await link.pbx.open(within_s=CONNECT_S)
        login = {"Username": user, "Secret": secret, "Events": "on"}
        await link.pbx.ask("Login", dict(login), within_s=CONNECT_S)
        yield link
    except AmiRefused as error:
        if link.ways:
            text = str(error)
            raise OperatorError(
                Bilingual(f"PBX menolak panggilan uji: {text}.", f"The PBX refuses the probe's call: {text}."),
                Bilingual("Jalankan `callrouter pbx render` dan mulai ulang PBX.", _RENDER),
            ) from None
        raise login_refused(f"{host}:{settings.ami_port}", user) from None
    finally:
        link.pbx.close()


_RENDER: Final = "Run `callrouter pbx render` and restart the PBX."


@dataclass(slots=True)
class _Link:
    """The connection, and the events of the way that is under way."""

    pbx: AmiConnection = field(init=False)
    ways: int = 0
    ticket: str = ""
    events: asyncio.Queue[Seen] = field(default_factory=asyncio.Queue)

    def take(self, event: AmiEvent) -> None:
        fields = event.fields
        if fields.get("UserEvent") == v.EVENT_PROBE and fields.get("Probe") == self.ticket:
            self.events.put_nowait(
                Seen(
                    fields.get("Seen", ""),
                    fields.get("What", ""),
                    fields.get("Kind", ""),
                    fields.get("Label", ""),
                    monotonic(),
                )
            )

    async def go(self, way: str, wanted: Wanted, began: float) -> list[StageResult]:
        """Send a call one way and return its stages. Raises AmiUnavailable, AmiRefused."""
        self.ways += 1
        self.ticket, self.events = str(uuid4()), asyncio.Queue()
        channel = f"Local/{way}@callrouter-probe/n"
        await self.pbx.ask(
            "Originate",
            {
                "Channel": channel,
                "Context": "callrouter-probe",
                "Exten": "phone",
                "Priority": "1",
                "Timeout": str(int(WAY_S * 1000)),
                "Variable": [
                    f"__CR_PROBE={self.ticket}",
                    f"__CR_PROBE_WAY={way}",
                    f"__CR_PROBE_TRUNK={wanted.trunk}",
                    f"__CR_PROBE_PRESS={wanted.press}",
                ],
            },
            within_s=CONNECT_S,
        )
        under_way = _Way(way, began)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WAY_S):
                while not under_way.over:
                    if keys := under_way.take(await self.events.get()):
                        await self._press(under_way.phone, keys)
        if under_way.failed and under_way.phone:
            with contextlib.suppress(AmiRefused):  # it has gone by itself
                await self.pbx.ask("Hangup", {"Channel": under_way.phone, "Cause": "16"}, within_s=CONNECT_S)
        return under_way.ended()

    async def _press(self, phone: str, keys: str) -> None:
        for key in keys:
            await self.pbx.ask("PlayDTMF", {"Channel": phone, "Digit": key}, within_s=CONNECT_S)


class _Way:
    """One way, as far as it has come."""

    def __init__(self, name: str, began: float) -> None:
        self._name = name
        self._began = began
        self._press = ""
        self._heard = False
        self._stages: list[StageResult] = []
        self._last = False
        self.phone = ""

    @property
    def failed(self) -> bool:
        return any(stage.result is Result.FAILED for stage in self._stages)

    @property
    def over(self) -> bool:
        """True if nothing more is to come, or is of interest."""
        return self._last or (self.failed and self._stages[-1].name.rpartition(".")[2] in _WAITED_FOR)

    def take(self, seen: Seen) -> str:
        """Take one event; return the keys to press now, or nothing."""
        self._stages += judged(self._name, seen, (seen.at - self._began) * 1000, self._press)
        self._last = seen.what == "over"
        if seen.what == "menu":
            self._press = seen.value
        elif seen.what in _PHONE:
            self.phone, self._heard = seen.value, seen.what == "noise"
        if seen.what in {"menu", "noise"} and self._heard and self._press:
            return self._press
        return ""

    def ended(self) -> list[StageResult]:
        """Return its stages."""
        if self._last or self.failed:
            return self._stages
        last = self._stages[-1].name if self._stages else ""
        return [*self._stages, cut_short(self._name, last, (monotonic() - self._began) * 1000)]


_PHONE: Final = frozenset({"noise", "timeout", "hangup"})
"""What the telephone's half tells, with the name of its channel."""
_WAITED_FOR: Final = frozenset({"consultation", "menu"})
"""Stages behind which nothing comes where they fail; a step that fails is followed by others."""
