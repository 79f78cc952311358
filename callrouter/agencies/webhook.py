"""Sends notices to agencies' systems: signed, to allowed networks alone, and with nothing believed of the answer."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from callrouter.agencies.notices import Job
from callrouter.agencies.sending import NotSent, Shown, unnoted
from callrouter.agencies.signing import signed
from callrouter.agencies.wording import payload
from callrouter.bilingual import RefusedValue
from callrouter.clock import now_us
from callrouter.errors import OperatorError

KEPT_BYTES: Final = 1_024
"""Of an answer, before the connection is closed."""
MAX_HEADER: Final = 8_190
_NUMERIC: Final = re.compile(r":|(^|\.)([0-9]+|0[xX][0-9a-fA-F]*)\.?$", re.ASCII)
"""A host that is, or that somebody could take for, an address: 127.0.0.1, 127.1, 2130706433, 0x7f000001."""
RESOLVERS: Final = 4
"""Threads that look up names: a name server that hangs keeps only these."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""Takes a host and a port, gives its addresses. Raises OSError."""
SecretOf = Callable[[str, str], Awaitable[str | None]]
"""Gives the secret of an agency's contact point; None where it has none."""


class NotAllowed(OSError):
    """A host none of whose addresses lies in a network that is allowed."""


class AllowedResolver(AbstractResolver):
    """Gives of a host's addresses those in allowed networks, and so the address that is checked is the one that is
    connected to: the name is not looked up again.
    """

    def __init__(self, networks: Sequence[Network], lookup: Lookup) -> None:
        self._networks = networks
        self._lookup = lookup

    def allows(self, address: str) -> bool:
        """Return whether an address lies in an allowed network."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        if ip.version == 6 and ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        return any(ip in network for network in self._networks if network.version == ip.version)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Look a host up. Raises OSError."""
        found = [address for address in await self._lookup(host, port) if self.allows(address)]
        if not found:
            raise NotAllowed("no address in an allowed network")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
            if family in {socket.AF_UNSPEC, socket.AF_INET6 if ":" in address else socket.AF_INET}
        ]

    async def close(self) -> None:
        """Nothing is open."""


class WebhookSender:
    """Implements callrouter.agencies.sending.Sender for webhooks.

    networks: in which a target may lie; lookup: looks names up (None: as the host does)
    shown:    told of each try before anything of it goes out
    """

    def __init__(
        self,
        networks: Sequence[str],
        secret_of: SecretOf,
        *,
        lookup: Lookup | None = None,
        now_us: Callable[[], int] = now_us,
        shown: Shown = unnoted,
    ) -> None:
        self._threads = ThreadPoolExecutor(RESOLVERS, "notice-names")
        self._resolver = AllowedResolver([ipaddress.ip_network(one) for one in networks], lookup or self._look_up)
        self._secret_of = secret_of
        self._now_us = now_us
        self._shown = shown
        self._session: aiohttp.ClientSession | None = None

    async def send(self, job: Job) -> None:
        """Send it; 2xx is delivered, whatever else the answer says. Raises NotSent, StorageUnavailable."""
        notice = job.notice
        host = urlsplit(notice.target).hostname or ""
        if _NUMERIC.search(host) and not self._resolver.allows(host):  # aiohttp asks no resolver for these
            raise NotSent("its address lies in no allowed network", certain=True)
        try:
            secret = await self._secret_of(notice.agency, notice.contact)
            if secret is None:
                raise NotSent("it has no secret to sign with", certain=True)
            body, more = await self.made(job)
            headers = signed(secret, str(notice.id), self._now_us() // 1_000_000, body) | more
        except (RefusedValue, OperatorError):
            raise NotSent("its secret cannot be used", certain=True) from None
        await self._shown(job)
        status = await self._post(notice.target, headers, body)
        if status == HTTPStatus.GONE:
            raise NotSent("it answered 410: it wants no more notices", final=True)
        if not 200 <= status < 300:
            raise NotSent(f"it answered {status}")

    async def made(self, job: Job) -> tuple[bytes, dict[str, str]]:
        """Return what is sent, and headers beside those of the signature. Raises NotSent."""
        return payload(job), {}

    async def _post(self, url: str, headers: dict[str, str], body: bytes) -> int:
        try:
            async with self._client().post(
                url, data=body, headers=headers | {"Content-Type": "application/json"}, allow_redirects=False
            ) as answer:
                if 200 <= answer.status < 300:  # an answer that breaks off is none
                    await answer.content.read(KEPT_BYTES)
                return answer.status
        except NotAllowed:
            raise NotSent("its name leads to no allowed network", certain=True) from None
        except aiohttp.ClientConnectorCertificateError:
            raise NotSent("its certificate is not trusted") from None
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, NotAllowed):
                raise NotSent("its name leads to no allowed network", certain=True) from None
            raise NotSent("it cannot be reached") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NotSent(f"its answer is none ({type(error).__name__})") from None

    async def close(self) -> None:
        """Close what is open."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            # Nothing is kept open, and no proxy of the environment comes between.
            connector = aiohttp.TCPConnector(
                resolver=self._resolver, use_dns_cache=False, force_close=True, limit_per_host=0
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                max_line_size=MAX_HEADER,
                max_field_size=MAX_HEADER,
                headers={"User-Agent": "callrouter"},
            )
        return self._session

    async def _look_up(self, host: str, port: int) -> Sequence[str]:
        def ask() -> list[Any]:
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)

        found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        return list(dict.fromkeys(str(one[4][0]) for one in found))
