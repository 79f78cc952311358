"""The service asks itself what the PBX asks for a caller: does a consultation get its answer, in time?

A rehearsal goes over a TCP connection of its own through the same server and the same session as a call. Only nothing
is noted of it: there is no caller.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Callable
from time import monotonic, time_ns
from typing import Final
from uuid import uuid4

import structlog

from callrouter.asterisk import variables as v
from callrouter.asterisk.agi import REHEARSAL
from callrouter.asterisk.dialplan import is_last_word
from callrouter.bilingual import Bilingual, reason, same
from callrouter.routing.directory import TrunkKind
from callrouter.routing.facts import Origin
from callrouter.routing.table import RoutingTable

log = structlog.get_logger(__name__)

EVERY_S: Final = 2.0
FRESH_S: Final = 5.0
"""An answer that is older says nothing of the next caller's."""
REMIND_S: Final = 60.0
_CONFIRMED: Final = b"200 result=1\n"
_NO_TEXT: Final = base64.b64encode(b".").decode()
"""A number or a name that was not given, as the dialplan writes it."""


def rehearsed_trunk(table: RoutingTable) -> str:
    """Return the key of the trunk that a rehearsed call comes in by: one of citizens, if there is any."""
    return next((trunk.key for trunk in table.directory.trunks if trunk.kind is TrunkKind.CARRIER), "")


class NotServed(Exception):
    """The consultation got no answer that a caller could be served by; `why` for a person."""

    def __init__(self, why: Bilingual) -> None:
        super().__init__(why.en)
        self.why = why


class SelfCheck:
    """Rehearses every `every_s` seconds.

    host, port: where the service takes the PBX's questions; port is asked each time
    trunk:   gives the key of the trunk that the rehearsed call comes in by
    within_s: a caller's lease, after which he would be with the failsafe
    """

    def __init__(
        self,
        host: str,
        port: Callable[[], int],
        secret: str,
        node: str,
        trunk: Callable[[], str],
        *,
        within_s: float,
        every_s: float = EVERY_S,
        fresh_s: float = FRESH_S,
    ) -> None:
        self._host = host
        self._port = port
        self._secret = secret
        self._node = node
        self._trunk = trunk
        self._within_s = within_s
        self._every_s = every_s
        self._fresh_s = fresh_s
        self._answered: float | None = None
        self._told: float | None = None
        self.took_ms = 0.0
        """Milliseconds that the last answer took."""
        self.failures = 0
        """Rehearsals that got no answer since the start."""
        self.why: Bilingual | None = None
        """Why the last one got none; None if it got one."""

    @property
    def age_s(self) -> float | None:
        """Seconds since the last answer; None before the first."""
        return None if self._answered is None else monotonic() - self._answered

    @property
    def fresh(self) -> bool:
        """True if a caller would be served now, as far as can be known."""
        age = self.age_s
        return age is not None and age <= self._fresh_s

    async def run(self) -> None:
        """Rehearse until cancelled."""
        while True:
            await self.once()
            await asyncio.sleep(self._every_s)

    async def once(self) -> bool:
        """Rehearse one call; return whether it was served."""
        began = monotonic()
        try:
            async with asyncio.timeout(self._within_s):
                await self._consult()
        except TimeoutError:
            late = f"{self._within_s:g}"
            self._failed(Bilingual(f"Tidak selesai dalam {late} detik.", f"Not done within {late} s."))
        except OSError as error:
            self._failed(reason(error))
        except NotServed as error:
            self._failed(error.why)
        else:
            self._answered = monotonic()
            self.took_ms = (self._answered - began) * 1000
            if self.why is not None:
                log.info("consultation.answers_again", took_ms=round(self.took_ms, 1))
            self.why = self._told = None
            return True
        return False

    def _failed(self, why: Bilingual) -> None:
        self.failures += 1
        self.why = why
        now = monotonic()
        if self._told is None or now - self._told >= REMIND_S:
            self._told = now
            log.error(
                "consultation.fails",
                why=why.en,
                age_s=None if self.age_s is None else round(self.age_s, 1),
                remedy="callers are served by the failsafe meanwhile; see the lines before this one, then restart",
            )

    async def _consult(self) -> None:
        """Ask as the PBX does and confirm each command. Raises OSError, NotServed."""
        reader, writer = await asyncio.open_connection(self._host, self._port())
        try:
            writer.write(self._question())
            had_plan, last = False, b""
            while line := await reader.readline():
                if not line.startswith(b"SET VARIABLE "):
                    raise NotServed(_NO_SERVICE)
                last, had_plan = line, had_plan or v.PLAN.encode() in line
                writer.write(_CONFIRMED)
                await writer.drain()
            if not is_last_word(last) or not had_plan:
                raise NotServed(_NOT_WHOLE)
        except ValueError:  # a line without end
            raise NotServed(same("AGI?")) from None
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _question(self) -> bytes:
        second, micro = divmod(time_ns() // 1000, 1_000_000)
        opened = f"{second}_{second % 60:02}.{micro:06}"
        call = (str(uuid4()), opened, self._node, Origin.CITIZEN.value, self._trunk(), _NO_TEXT, _NO_TEXT, "")
        told = {
            "agi_network": "yes",
            "agi_network_script": REHEARSAL,
            "agi_request": f"agi://{self._host}:{self._port()}/{REHEARSAL}",
            "agi_channel": "Local/selfcheck",
            "agi_type": "Local",
            "agi_uniqueid": "selfcheck",
        } | {f"agi_arg_{n}": argument for n, argument in enumerate((self._secret, *call), 1)}
        return "".join(f"{name}: {value}\n" for name, value in told.items()).encode() + b"\n"


_NO_SERVICE: Final = Bilingual(
    "Konsultasi ditolak atau gagal di tengah.", "The consultation was refused, or failed in the middle."
)
_NOT_WHOLE: Final = Bilingual(
    "Konsultasi berakhir sebelum rencana diserahkan.", "The consultation ended before a plan was handed over."
)
