"""One centre that is broken on purpose: PBX, service, database, telephones, and a hand on every wire between them."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from chaos.citizen import Citizen
from chaos.clock import FakeClock
from chaos.lag import Late, on_time
from chaos.link import Link
from chaos.matrix import Need
from chaos.observer import Observer
from chaos.peer import Peer
from chaos.postgres import Postgres
from chaos.table import AGENCIES, BAD_AGENCY, CALLERS, OPERATORS, table
from demo.addresses import SIP_PORT, free_port
from demo.centre import Centre
from demo.softphone import Answer, Softphone, SoftphoneError

READY_S: Final = 40.0
LEFT_S: Final = 3.0
"""So long the PBX may take to hang up whose caller has gone."""
AGENCY_ANSWERS: Final = Answer(1.0)
_ROOT: Final = Path(__file__).resolve().parents[1]
_SERVE: Final = ("-m", "chaos.serve")
_RIGHT_S: Final = 60
"""A clock that is off by less is right."""
_STEPPED: Final = re.compile(r'"by_s": (-?[\d.]+)[^\n]*"clock\.stepped"')


class NotReady(Exception):
    """The centre does not come back to what it was before a fault."""


class House:
    """An async context manager. `kinds`: what faults it is made for.

    n: which one, of those that run side by side; the callers' numbers begin with it
    late: by how much the machine was late, where callers are not to be said to have waited for that
    """

    def __init__(self, folder: Path, n: int, kinds: frozenset[Need], *, python: str, late: Late = on_time) -> None:
        self.kinds = kinds
        self.late = late
        self._folder = folder
        self._n = n
        self._python = python
        self._stack = AsyncExitStack()
        self._numbers = count(1)
        self.postgres: Postgres | None = None
        self.clock: FakeClock | None = None
        self._clock_off_s = 0
        self._put_right: tuple[int, int] | None = None
        self.callers: list[Softphone] = []
        self.agencies: dict[str, Softphone] = {}
        self.operators: dict[str, Softphone] = {}

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    # ------------------------------------------------------------------ set-up
    async def _start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        ami_port = free_port()
        extra: dict[str, Any] = {"ami_port": ami_port, "record": ("operator", "agency")}
        if Need.POSTGRESQL in self.kinds:
            self.postgres = Postgres()
            self._stack.callback(self.postgres.close)
            extra["database_url"] = await asyncio.to_thread(self.postgres.start)
        environment: dict[str, str] = {}
        if Need.CLOCK in self.kinds:
            self.clock = FakeClock(self._folder)
            environment = self.clock.environment
        self.link = Link(("127.0.0.1", ami_port))
        service = {**environment, "CALLROUTER_AMI_PORT": str(await self.link.start()), "PYTHONPATH": str(_ROOT)}
        self._stack.push_async_callback(self.link.close)
        self.centre = await self._stack.enter_async_context(
            Centre(
                self._folder,
                table(),
                extra=extra,
                serve=(self._python, *_SERVE),
                service_env=service,
                pbx_prefix=("env", *(f"{k}={v}" for k, v in environment.items())) if environment else (),
            )
        )
        await self._watch()
        await self._people()

    async def _watch(self) -> None:
        self.observer = Observer("127.0.0.1", self.centre.settings.ami_port, "hands", self.centre.keys.hands)
        self._stack.push_async_callback(self.observer.close)
        await self.observer.start()

    async def _people(self) -> None:
        centre = self.centre
        made = await asyncio.gather(
            *(centre.phone(key, hz) for key, hz in (CALLERS | AGENCIES).items()),
            *(centre.operator(key, hz, register=False) for key, hz in OPERATORS.items()),
        )
        self.callers = made[: len(CALLERS)]
        self.agencies = dict(zip(AGENCIES, made[len(CALLERS) :], strict=False))
        self.operators = dict(zip(OPERATORS, made[len(CALLERS) + len(AGENCIES) :], strict=True))
        self.peer = await self._stack.enter_async_context(Peer(centre.trunk_hosts[BAD_AGENCY], SIP_PORT))
        for phone in self.operators.values():
            await phone.register()

    # ------------------------------------------------------------------ people
    @property
    def humans(self) -> dict[str, Softphone]:
        """Whoever can help a caller."""
        return {**self.agencies, **self.operators}

    def citizen(self, n: int, digit: str) -> Citizen:
        """Return the n-th caller (0 to 2), with a number that is his alone."""
        number = f"08{self._n}{os.getpid() % 10_000:04d}{next(self._numbers):05d}"
        return Citizen(self.callers[n], number, digit, self.observer, self.humans)

    async def as_ever(self) -> None:
        """Everybody answers soon; an operator each a little later than the one before."""
        for phone in self.agencies.values():
            await phone.behave(AGENCY_ANSWERS)
        for n, phone in enumerate(self.operators.values(), 1):
            await phone.behave(Answer(0.7 * n))

    async def replace_operator(self, key: str) -> None:
        """A new telephone for an operator whose old one is gone."""
        with suppress(SoftphoneError):
            await self.operators[key].close()
        self.operators[key] = await self.centre.operator(key, OPERATORS[key])

    async def hang_up(self) -> None:
        """End every call of every telephone; nobody remembers the calls before.

        The callers leave first: an operator whose end the PBX sees before theirs would be one who left them, after
        a talk that may be too short to be one.
        """
        await _hang_up(self.callers)
        humans = list(self.humans.values())
        with suppress(TimeoutError):
            async with asyncio.timeout(LEFT_S):
                while self.centre.pbx.pid is not None and any(not call.ended for one in humans for call in one.calls):
                    await asyncio.sleep(0.05)
        await _hang_up(humans)

    # ------------------------------------------------------------------ as it was
    async def ready(self) -> None:
        """Bring everything to how it was, and wait for it. Raises NotReady."""
        what = "nothing"
        try:
            async with asyncio.timeout(2 * READY_S):
                what = "calls do not end"
                await self.hang_up()
                await self._until_no_channel()
                what = "the service"
                if self.centre.service_pid is None:
                    await self.centre.start_service()
                await self.until_service_ready()
                what = "the clock is not seen to be right again"
                await self.until_clock_right()
                what = "the operators are not rung"
                await self._until_operators()
                await self.as_ever()
        except (TimeoutError, RuntimeError, SoftphoneError, aiohttp.ClientError) as error:
            raise NotReady(f"{what}: {str(error)[-2000:]}") from None
        self.peer.clear()
        for phone in (*self.callers, *self.humans.values()):
            phone.calls.clear()
            phone.forget()

    async def until_service_ready(self) -> None:
        """Wait until it says so itself. Raises TimeoutError with what it says instead."""
        told: Any = "it does not answer"
        try:
            async with asyncio.timeout(READY_S):
                while True:
                    with suppress(aiohttp.ClientError):
                        status, told = await self.centre.get("/readyz")
                        if status == 200:
                            return
                    await asyncio.sleep(0.1)
        except TimeoutError:
            checks = told.get("checks", []) if isinstance(told, dict) else []
            failing = [check for check in checks if not check.get("ok")] or told
            raise TimeoutError(f"the service is not ready after {READY_S:g} s: {failing}") from None

    def set_clock(self, off_s: int) -> None:
        """From now on (within a second) the clock of PBX and service is that much off."""
        assert self.clock is not None
        if off_s == 0 and self._clock_off_s:
            self._put_right = (-self._clock_off_s, self.log_mark())
        self._clock_off_s = off_s
        self.clock.shift(off_s)

    async def until_clock_right(self) -> None:
        """Wait until service and PBX have seen that a clock that was off is right again. Raises TimeoutError.

        Either looks once in a while: a step back to right that only the PBX sees before the next one leaves the
        service without any step, and whoever was waiting without help.
        """
        if self._put_right is None or self._clock_off_s:
            return
        by_s, mark = self._put_right
        async with asyncio.timeout(READY_S):
            while not any(abs(float(seen) - by_s) < _RIGHT_S for seen in _STEPPED.findall(self.log_since(mark))):
                await asyncio.sleep(0.1)
            while abs(await self._time_of_pbx() - time.time()) > _RIGHT_S:
                await asyncio.sleep(0.1)
        self._put_right = None

    async def _time_of_pbx(self) -> float:
        told = await self.centre.pbx.rx("dialplan eval function STRFTIME(,UTC,%FT%T)")
        found = re.search(r"Result: (\S+)", told)
        return datetime.fromisoformat(found[1]).replace(tzinfo=UTC).timestamp() if found else 0.0

    async def _until_no_channel(self) -> None:
        while "0 active channels" not in await self.centre.pbx.rx("core show channels count"):
            await asyncio.sleep(0.2)
            await self.hang_up()

    async def _until_operators(self) -> None:
        shown = ""
        try:
            async with asyncio.timeout(READY_S):
                for n in count():
                    shown = await self.centre.pbx.rx("queue show operators")
                    if len(re.findall(r"Not in use", shown)) == len(OPERATORS) and "paused" not in shown:
                        return
                    if n % 10 == 5:
                        await self._back_to_their_telephones()
                    await asyncio.sleep(0.3)
        except TimeoutError:
            contacts = await self.centre.pbx.rx("pjsip show contacts")
            raise TimeoutError(f"{shown} {contacts}") from None

    async def _back_to_their_telephones(self) -> None:
        """As people do who find that they are not rung: who let two calls ring is paused."""
        for key, phone in self.operators.items():
            await phone.register()
            await self.centre.ask("POST", f"/api/v1/duty/{key}", {"act": "resume"})

    # ------------------------------------------------------------------ what is kept of a call
    async def incidents_of(self, numbers: set[str]) -> list[dict[str, Any]]:
        """Return the incidents of these callers, each whole. Raises ClientError where one cannot be had now."""
        _, page = await self.centre.get("/api/v1/incidents", limit="200")
        found = []
        for id_ in [item["id"] for item in page["items"] if item["caller_number"] in numbers]:
            status, incident = await self.centre.get(f"/api/v1/incidents/{id_}")
            if status != 200:
                raise aiohttp.ClientError(f"{status}: {str(incident)[:300]}")
            found.append(incident)
        return found

    def journal_of(self, calls: set[str]) -> list[str]:
        """Return the lines that the PBX wrote of these calls."""
        files = sorted(self.centre.settings.journal_dir.glob("*.log"))
        lines = [line for file in files for line in file.read_text(errors="replace").splitlines()]
        return [line[:600] for line in lines if any(call in line for call in calls if call)]

    def log_mark(self) -> int:
        """Return where the service's log ends now."""
        log = self.centre.service_log
        return log.stat().st_size if log.exists() else 0

    def log_since(self, mark: int) -> str:
        """Return what the service has written since then."""
        with self.centre.service_log.open("rb") as file:
            file.seek(mark)
            return file.read(200_000).decode(errors="replace")


async def _hang_up(phones: Iterable[Softphone]) -> None:
    for phone in phones:
        for call in phone.calls:
            if not call.ended:
                with suppress(SoftphoneError):
                    await call.hangup()
