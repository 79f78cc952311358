"""Telephones' logins, kept beside the PBX: one that has lost its own database is told of them again.

A login counts for 12 hours (render.LOGIN_S), so a PBX whose AstDB was lost would ring no operator until each
telephone logs in anew by itself. Each change is written down here; whether the PBX lost anything is told by a mark
that is put into AstDB after it:

- the mark is there, and not older than what was written: who is missing has logged out, and stays so;
- it is not, or an older one: what was written and is missing is put back, by the PBX's own registrar.

Whether a telephone is there is asked by the PBX, as always: who does not answer OPTIONS is not rung.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Container, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

import structlog

from callrouter.asterisk import files
from callrouter.asterisk.ami import AmiAnswer, AmiEvent, AmiRefused, AmiUnavailable
from callrouter.asterisk.registering import NoRegistrar, NotRegistered, Registration, may_be_sent
from callrouter.asterisk.render import LOGIN_S
from callrouter.bilingual import reason
from callrouter.vault import Digests

log = structlog.get_logger(__name__)

EVERY_S: Final = 300.0
"""A login that is renewed is no event; so often is looked anyway."""
SETTLED_S: Final = 0.5
"""After an event: one login is told in three of them. After a login was put back: a telephone may have been first."""
DEAF_S: Final = 1.0
"""Until it is looked again, while nobody tells us of telephones that come and go."""
ROUNDS: Final = 8
LONGEST_PAUSE_S: Final = 30.0
MAX_LOGINS: Final = 1_000
MAX_BYTES: Final = 1_000_000
_FAMILY: Final = "callrouter"
_KEY: Final = "logins"
RENEWED_S: Final = 10
"""A login that was put back and ends so much later than that gives it was renewed by its telephone since."""
_OURS: Final = re.compile(r"put-back-([0-9]{1,12})-([0-9]{1,12})-[0-9a-f]+")
"""Call-ID of a login that was put back: until when its telephone's own login counts, and when that was done. The PBX
keeps the Call-ID of the first of all renewals.
"""


@dataclass(frozen=True, slots=True)
class Login:
    """A telephone. until: when its login ends, s since 1970 UTC."""

    operator: str
    uri: str
    until: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What is written down. Of two with the same `name` the one with the higher `serial` is newer."""

    name: str
    serial: int
    logins: tuple[Login, ...] = ()

    @property
    def mark(self) -> str:
        """What AstDB holds after this was written."""
        return f"{self.name}.{self.serial}"

    def lost_by(self, mark: str) -> bool:
        """Return whether a database that holds this mark has lost something of it."""
        name, _, serial = mark.partition(".")
        return name != self.name or not serial.isdecimal() or int(serial) < self.serial


class Keeper(Protocol):
    """What is needed of AmiLink, of the user that may read and write AstDB."""

    async def action(
        self, name: str, *, within_s: float = 5.0, listing: str | None = None, **fields: object
    ) -> AmiAnswer:
        """Run an action. Raises AmiUnavailable, AmiRefused."""


class Contacts:
    """Keeps the logins of the operators' telephones, and puts back those that the PBX has lost.

    file:      where they are written
    operators: who may log in, by key, with the digests of his secret: those of the table in force alone
    register:  logs a telephone in. Raises NotRegistered, NoRegistrar
    hears:     whether `heard` is told now of telephones that come and go
    now_s:     the time of day, which the PBX reckons logins by
    """

    def __init__(
        self,
        file: Path,
        keeper: Keeper,
        operators: Callable[[], Mapping[str, Digests]],
        register: Callable[[Registration], Awaitable[None]],
        hears: Callable[[], bool],
        *,
        now_s: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._file = file
        self._keeper = keeper
        self._operators = operators
        self._register = register
        self._hears = hears
        self._now_s = now_s
        self._sleep = sleep
        self._kept = Kept(secrets.token_hex(8), 0)
        self._wake = asyncio.Event()
        self._unsure = True
        self._connection = 0
        self._rounds = 0
        self._again_s = EVERY_S
        self._spoke: set[str] = set()
        self._putting: dict[str, str] = {}
        self._displaced: dict[str, str] = {}
        self._written = True
        self.put_back = 0
        """How many logins the PBX was given back."""

    def __len__(self) -> int:
        """Logins that are kept."""
        return len(self._kept.logins)

    @property
    def unsure(self) -> bool:
        """Whether it is still to be looked what a PBX has lost that was logged in to."""
        return self._unsure

    def heard(self, event: AmiEvent) -> None:
        """Take one event of `hands`; others than ContactStatus are not looked at."""
        if event.name != "ContactStatus" or (who := event.fields.get("AOR", "")) not in self._operators():
            return
        uri, status = event.fields.get("URI", ""), event.fields.get("ContactStatus")
        if who not in self._putting:
            self._spoke.add(who)
        elif uri != self._putting[who]:
            self._spoke.add(who)
            if status == "Removed":
                self._displaced[who] = uri
        self._wake.set()

    def logged_in(self, connection: int) -> None:
        """The PBX was logged in to, or has just started: what it still knows has to be looked at.

        connection: its number. Who has spoken since it was made has, also where its state is asked once more.
        """
        self._unsure, self._rounds = True, 0
        if connection != self._connection:
            self._connection = connection
            self._spoke.clear()
        self._wake.set()

    async def run(self) -> None:
        """Keep them until cancelled."""
        self._kept = await asyncio.to_thread(read, self._file, self._kept)
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._again_s):
                    await self._wake.wait()
            self._wake.clear()
            if not self._unsure:
                await self._sleep(SETTLED_S)
            self._again_s = LONGEST_PAUSE_S
            try:
                await self.look()
            except AmiUnavailable as error:
                log.info("telephones.not_seen", why=str(error))
            except AmiRefused as error:
                log.warning("telephones.not_kept", why=str(error), remedy="is the PBX's own database sound?")
            except Exception:
                # Calls are served without it: a defect here must not end the service.
                log.exception("telephones.error")

    async def look(self) -> None:
        """Put back what the PBX has lost, and write down what it has now. Raises AmiUnavailable, AmiRefused."""
        there = await self._there()
        lost = self._unsure and self._kept.lost_by(await self._mark())
        if lost and (missing := self._missing(there)):
            if not self._hears():
                # Who logs out meanwhile would not be noticed, nor who is pushed out.
                self._again_s = DEAF_S
                return
            await self._put_back(missing)
            there = await self._there()
            _tell_of_moved(missing, there)
            if left := [one.operator for one in self._missing(there)]:
                self._rounds += 1
                if self._rounds < ROUNDS:
                    self._again_s = min(2.0 ** (self._rounds - 1), LONGEST_PAUSE_S)
                    return
                log.error("telephones.not_put_back", operators=left, remedy="restart these telephones")
        self._unsure, self._rounds = False, 0
        await self._keep(there.values(), anew=lost)
        self._again_s = EVERY_S

    # ------------------------------------------------------------------ putting back
    def _missing(self, there: Container[str]) -> list[Login]:
        """Return who is to be put back: not who is there, or has spoken since, or whose login is over by now."""
        may, now = self._operators(), self._now_s()
        return [
            one
            for one in self._kept.logins
            if one.operator in may
            and one.operator not in there
            and one.operator not in self._spoke
            and one.until > now
        ]

    async def _put_back(self, missing: Iterable[Login]) -> None:
        self._putting.clear()
        self._displaced.clear()
        try:
            for one in missing:
                if one.operator in self._spoke:
                    continue  # it has logged in by itself meanwhile
                self._putting[one.operator] = one.uri
                if await self._registered(one):
                    self.put_back += 1
                    log.warning("telephone.put_back", operator=one.operator, until=one.until)
            await self._sleep(SETTLED_S)
            # One that logged in by itself in that very moment was pushed out: its own word counts.
            for who, uri in self._displaced.items():
                self._putting[who] = uri
                if may_be_sent(uri):
                    await self._registered(Login(who, uri, round(self._now_s()) + LOGIN_S))
        except NoRegistrar as error:
            log.warning("telephones.no_registrar", why=str(error))
        finally:
            self._putting.clear()

    async def _registered(self, one: Login) -> bool:
        """Log one in; return whether the PBX took it. Raises NoRegistrar."""
        digests = self._operators().get(one.operator)
        if digests is None:
            return False
        call_id = f"put-back-{one.until}-{round(self._now_s())}-{secrets.token_hex(8)}"
        try:
            await self._register(Registration(one.operator, digests, one.uri, call_id, LOGIN_S))
        except NoRegistrar:
            raise
        except NotRegistered as error:
            log.warning("telephone.not_put_back", operator=one.operator, why=str(error))
            return False
        return True

    # ------------------------------------------------------------------ writing down
    async def _keep(self, there: Iterable[Login | None], *, anew: bool) -> None:
        named = [one for one in there if one is not None]
        logins = tuple(sorted(named, key=lambda one: one.operator)[:MAX_LOGINS])
        if logins == self._kept.logins and not anew and self._written:
            return
        kept = replace(self._kept, serial=self._kept.serial + 1, logins=logins)
        # The mark first: one in AstDB that is newer than what is written tells that nothing was lost.
        await self._keeper.action("DBPut", Family=_FAMILY, Key=_KEY, Val=kept.mark)
        self._kept = kept
        try:
            await asyncio.to_thread(write, self._file, kept)
        except OSError as error:
            if self._written:
                log.warning("telephones.not_written", file=str(self._file), why=reason(error).en)
            self._written = False
        else:
            self._written = True

    # ------------------------------------------------------------------ what the PBX has
    async def _mark(self) -> str:
        try:
            answer = await self._keeper.action("DBGet", listing="DBGetComplete", Family=_FAMILY, Key=_KEY)
        except AmiRefused:
            return ""  # there is none
        return next((event.fields.get("Val", "") for event in answer.events), "")

    async def _there(self) -> dict[str, Login | None]:
        """Return who is logged in; with None where that is not to be kept."""
        try:
            answer = await self._keeper.action("PJSIPShowContacts", listing="ContactListComplete")
        except AmiRefused as error:
            if "No Contacts" in str(error):
                return {}
            raise
        may = self._operators()
        listed = [event.fields for event in answer.events if event.name == "ContactList"]
        return {who: _login(who, fields) for fields in listed if (who := _of(fields)) in may}


def _tell_of_moved(put_back: Iterable[Login], there: Mapping[str, Login | None]) -> None:
    """Somebody who was put back has another address now: he logged in from elsewhere in that very moment."""
    for one in put_back:
        if one.operator in there and ((now := there[one.operator]) is None or now.uri != one.uri):
            log.warning(
                "telephone.came_from_elsewhere",
                operator=one.operator,
                written=one.uri,
                now="" if now is None else now.uri,
                remedy="is it rung? else restart it",
            )


def _of(fields: Mapping[str, str]) -> str:
    return fields.get("ObjectName", "").partition(";")[0]


def _login(who: str, fields: Mapping[str, str]) -> Login | None:
    """Return a contact that a restart of the PBX survives, and that can be sent back."""
    uri, until = fields.get("Uri", ""), fields.get("ExpirationTime", "")
    if fields.get("PruneOnBoot") == "yes" or not until.isdecimal() or not may_be_sent(uri):
        return None
    ours = _OURS.fullmatch(fields.get("CallId", ""))
    if ours is not None and int(until) <= int(ours[2]) + LOGIN_S + RENEWED_S:
        until = ours[1]
    return Login(who, uri, int(until))


def write(file: Path, kept: Kept) -> None:
    """Write them down, whole or not at all, mode 0600. Raises OSError."""
    said = {
        "name": kept.name,
        "serial": kept.serial,
        "logins": [{"operator": one.operator, "uri": one.uri, "until": one.until} for one in kept.logins],
    }
    files.write(file.parent, {file.name: json.dumps(said, indent=1)})


def read(file: Path, otherwise: Kept) -> Kept:
    """Return what is written; the other where that is nothing, or cannot be read."""
    try:
        if file.stat().st_size > MAX_BYTES:
            raise ValueError("it is too large")
        said: Any = json.loads(file.read_bytes())
        logins = tuple(Login(str(one["operator"]), str(one["uri"]), int(one["until"])) for one in said["logins"])
        return Kept(str(said["name"]), int(said["serial"]), logins[:MAX_LOGINS])
    except FileNotFoundError:
        return otherwise
    except (OSError, ValueError, TypeError, KeyError) as error:
        log.warning("telephones.not_read", file=str(file), why=str(error)[:200])
        return otherwise
