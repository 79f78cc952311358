"""A PBX alone, without the service: for what is brought to it, and for what it then does on the wire."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import hashlib
import re
import secrets
import wave
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, cast

from callrouter import settings
from callrouter.asterisk.ami import AmiEvent, AmiLink
from callrouter.asterisk.loader import Loaded, PbxLoader
from callrouter.asterisk.pbx import Pbx, find
from callrouter.asterisk.queues import AmiQueues
from callrouter.asterisk.render import Credentials, read_secrets, render
from callrouter.routing.table import RoutingTable
from callrouter.vault import digests, new_operator_secret
from demo.addresses import SIP_PORT, Addresses, free_ports
from demo.softphone import NET_S, Account, Softphone

Document = dict[str, Any]
PBX, TELCO, AGENCY, OTHER, OPERATOR = 1, 10, 11, 12, 100
OPERATORS: Final = ("op1", "op2", "op3")


class Ground:
    """A PBX that runs, links to it, and a table (`document`, version `version`) that it was started with.

    extra: further settings by field name
    """

    def __init__(self, folder: Path, *, extra: dict[str, Any] | None = None) -> None:
        self._folder = folder
        self._extra = extra or {}
        self._links: list[asyncio.Task[None]] = []
        self.secrets = {key: new_operator_secret() for key in OPERATORS}
        self.passwords: dict[str, str] = {}
        self.version = 1
        self.events: list[AmiEvent] = []

    async def __aenter__(self) -> Self:
        self.addresses = Addresses()
        try:
            await self._start()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def _start(self) -> None:
        agi, ami, api = free_ports(3)
        given: dict[str, Any] = {
            "state": self._folder / "state",
            "sip_host": self.host(PBX),
            "sip_port": SIP_PORT,
            "rtp_from": self.addresses.rtp_from,
            "rtp_to": self.addresses.rtp_to,
            "agi_port": agi,
            "ami_port": ami,
            "api_port": api,
            "hep_host": self.host(PBX),
            "timers": settings.Timers(member_ring_s=2),
        }
        self.settings = settings.load(**(given | self._extra))
        for name in ("wait", "stay-on-line"):
            quiet_clip(self.settings.prompts_dir / "id" / f"{name}.wav")
        asterisk = await find(self.settings.pbx_root)
        self.keys = read_secrets(self.settings.secrets_dir)
        self.document = self.small()
        render(self.settings, self.table(), self.version, self.keys, self.credentials, asterisk.files)
        self.pbx = Pbx(asterisk, self.settings.pbx_dir)
        self.hands, self.keeper = self._link("hands"), self._link("keeper")
        self.loader = PbxLoader(self.settings, self.keys, self.keeper, self.hands)
        self.queues = AmiQueues(self.hands)
        await self.pbx.start()
        await self.connect()

    async def _close(self) -> None:
        await self.disconnect()
        if hasattr(self, "pbx"):
            await self.pbx.stop()
        self.addresses.close()

    async def connect(self) -> None:
        """Log in with both users, and wait until that is done."""
        self._links = [asyncio.create_task(link.run()) for link in (self.hands, self.keeper)]
        async with asyncio.timeout(NET_S):
            while not (self.hands.connected and self.keeper.connected):
                await asyncio.sleep(0.02)

    async def disconnect(self) -> None:
        """Cut both links."""
        for task in self._links:
            task.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    def _link(self, user: str) -> AmiLink:
        async def nothing() -> None:
            """Ask for no state."""

        return AmiLink(
            host="127.0.0.1",
            port=self.settings.ami_port,
            username=user,
            secret=getattr(self.keys, user),
            name=user,
            on_event=self.events.append,
            on_login=nothing,
        )

    # ------------------------------------------------------------------ tables
    def host(self, last: int) -> str:
        """Return an address of this ground's network."""
        return self.addresses.host(last)

    def small(self) -> Document:
        """Return a table with one carrier, one agency, three operators and one ring group."""
        return {
            "centre": {"name": "Uji", "timezone": "Asia/Jakarta"},
            "directory": {
                "trunks": [
                    {"key": "telco", "kind": "carrier", "host": self.host(TELCO)},
                    {"key": "damkar", "kind": "agency", "host": self.host(AGENCY)},
                ],
                "operators": [{"key": key, "name": f"Meja {key[-1]}"} for key in OPERATORS],
            },
            "routing": {
                "ring_groups": [{"key": "operators", "members": ["op1", "op2"]}],
                "routes": [],
                "last_resort": {"group": "operators", "seconds": 5},
            },
        }

    def changed(self, change: Callable[[Document], object]) -> Document:
        """Return the small table after `change` of its directory."""
        document = self.small()
        change(document["directory"])
        return document

    def table(self, document: Document | None = None) -> RoutingTable:
        """Return a document as a table."""
        return RoutingTable.model_validate(copy.deepcopy(document or self.document))

    @property
    def credentials(self) -> Credentials:
        """What operators and trunks log in with."""
        known = {key: digests(key, secret) for key, secret in self.secrets.items()}
        return Credentials(known, self.passwords)

    async def load(self, document: Document, **options: Any) -> Loaded:
        """Load a document as the next version; it is the one in force where that succeeds."""
        loaded = await self.loader.load(self.table(document), self.version + 1, self.credentials, **options)
        self.version += 1
        self.document = document
        return loaded

    # ------------------------------------------------------------------ the other side
    @contextlib.asynccontextmanager
    async def phone(self, key: str, tone_hz: int, *, secret: str | None = None) -> AsyncIterator[Softphone]:
        """Yield the phone of an operator, not registered; `secret` instead of his own."""
        registrar = f"{self.settings.sip_host}:{self.settings.sip_port}"
        account = Account(user=key, password=secret or self.secrets[key], registrar=registrar, expires_s=60)
        last = OPERATOR + int(key[-1])
        async with Softphone(key, tone_hz=tone_hz, host=self.host(last), account=account, trace=True) as phone:
            yield phone

    @contextlib.asynccontextmanager
    async def peer(self, last: int, **options: Any) -> AsyncIterator[Peer]:
        """Yield a SIP peer at an address of this network, port 5060."""
        loop = asyncio.get_running_loop()
        transport, peer = await loop.create_datagram_endpoint(
            lambda: Peer(**options), local_addr=(self.host(last), SIP_PORT)
        )
        try:
            yield peer
        finally:
            transport.close()


class Peer(asyncio.DatagramProtocol):
    """The far end of a trunk, on the wire: keeps what it gets, and is a registrar where it has a `password`.

    algorithm: of the digest it asks for (RFC 8760); it checks the proof by itself
    """

    def __init__(self, *, password: str | None = None, algorithm: str = "MD5", answers: bool = False) -> None:
        self._password = password
        self._algorithm = algorithm
        self._answers = answers
        self._nonce = secrets.token_hex(8)
        self.requests: list[str] = []
        self.registered: list[str] = []
        """Users who proved that they know the password."""
        self.refused = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        text = data.decode("utf-8", "replace")
        self.requests.append(text)
        if text.startswith("REGISTER") and self._password is not None:
            self._register(text, addr)
        elif text.startswith(("OPTIONS", "REGISTER")) and self._answers:
            self._say("200 OK", text, addr)

    def of(self, method: str) -> list[str]:
        """Return the requests of a method, each once (retransmissions are left out)."""
        found = [request for request in self.requests if request.startswith(f"{method} ")]
        return list({f"{header(r, 'Call-ID')} {header(r, 'CSeq')}": r for r in found}.values())

    async def until(self, test: Callable[[], object], *, within: float = NET_S) -> None:
        """Wait until `test` holds."""
        async with asyncio.timeout(within):
            while not test():
                await asyncio.sleep(0.02)

    def _register(self, text: str, addr: tuple[str, int]) -> None:
        proof = dict(re.findall(r'(\w+)="?([^",]*)"?', header(text, "Authorization")))
        if not proof:
            asked = f'Digest realm="carrier", nonce="{self._nonce}", algorithm={self._algorithm}, qop="auth"'
            self._say("401 Unauthorized", text, addr, f"WWW-Authenticate: {asked}\r\n")
        elif proof["response"] == self._expected(proof):
            self.registered.append(proof["username"])
            contact = header(text, "Contact")
            self._say("200 OK", text, addr, f"Contact: {contact};expires={header(text, 'Expires')}\r\n")
        else:
            self.refused += 1
            self._say("403 Forbidden", text, addr)

    def _expected(self, proof: dict[str, str]) -> str:
        """RFC 7616, section 3.4."""

        def hashed(value: str) -> str:
            return hashlib.new(self._algorithm.lower().replace("-", ""), value.encode()).hexdigest()

        ours = hashed(f"{proof['username']}:carrier:{self._password}")
        asked = hashed(f"REGISTER:{proof['uri']}")
        return hashed(f"{ours}:{self._nonce}:{proof['nc']}:{proof['cnonce']}:{proof['qop']}:{asked}")

    def _say(self, status: str, request: str, addr: tuple[str, int], more: str = "") -> None:
        kept = "".join(f"{name}: {header(request, name)}\r\n" for name in ("Via", "From", "To", "Call-ID", "CSeq"))
        self._transport.sendto(f"SIP/2.0 {status}\r\n{kept}{more}Content-Length: 0\r\n\r\n".encode(), addr)


def quiet_clip(path: Path) -> None:
    """Write half a second of silence."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(8000))


def header(message: str, name: str) -> str:
    """Return the value of a header of a SIP message, or an empty text."""
    found = re.search(rf"^{name}: *(.*?)\r?$", message, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else ""
