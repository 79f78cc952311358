"""The running service, asked over its own REST surface by the command line on the same machine."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from callrouter.bilingual import Bilingual, reason, same
from callrouter.errors import OperatorError
from callrouter.listening import own_address
from callrouter.settings import Settings

if TYPE_CHECKING:
    import aiohttp

PROBE_S: Final = 3.0
DEADLINE_S: Final = 180.0
"""Of one request: a publication may have to make clips first."""


class ServiceRefused(OperatorError):
    """The service answered with a problem (RFC 9457). `code` as in its documentation, `status` that of HTTP."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.code = str(problem.get("code", ""))
        told = [str(problem.get("detail") or problem.get("title") or f"HTTP {status}")]
        for fault in problem.get("errors") or ():
            if fault.get("detail") not in told:
                told.append(
                    f"{fault.get('pointer', '')}: {fault.get('detail', '')} {fault.get('remedy', '')}".strip()
                )
        told += [f"{use['where']}: {use['user']} ({use['pointer']})" for use in problem.get("uses") or ()]
        # Already in the language that was asked for.
        super().__init__(same("\n  ".join(told)), same(problem.get("remedy") or "-"))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service answered: its ETag without quotes (empty: none), and the JSON."""

    etag: str
    body: Any


class Service:
    """The service on this machine. Every method raises ServiceRefused, and OperatorError where it does not answer."""

    def __init__(self, base: str, token: str, language: str, tls: ssl.SSLContext | None) -> None:
        self.base = base
        self._headers = {"Authorization": f"Bearer {token}", "Accept-Language": language}
        self._tls = tls

    async def draft(self) -> Answer:
        """Return the draft with its whole table; its ETag is the draft's hash."""
        return await self._ask("GET", "/api/v1/draft")

    async def put_draft(self, table: Mapping[str, Any], etag: str) -> Answer:
        """Replace directory and draft."""
        return await self._ask("PUT", "/api/v1/draft", table, etag)

    async def publish(self, etag: str, why: str) -> Answer:
        """Publish the draft of that hash."""
        return await self._ask("POST", "/api/v1/draft/publish", {"why": why}, etag)

    async def publish_table(self, table: Mapping[str, Any], etag: str, why: str) -> Answer:
        """Replace directory and draft, and publish: all of it or nothing."""
        return await self._ask("POST", f"/api/v1/versions?why={quote(why, safe='')}", table, etag)

    async def rollback(self, number: int, why: str) -> Answer:
        """Publish an older version anew."""
        return await self._ask("POST", f"/api/v1/versions/{quote(str(number))}/rollback", {"why": why})

    async def new_operator_secret(self, operator: str) -> str:
        """Make a new SIP secret for an operator and return it, this once."""
        answer = await self._ask("POST", f"/api/v1/operators/{quote(operator, safe='')}/secret")
        return str(answer.body["secret"])

    async def _ask(self, method: str, path: str, body: object = None, etag: str = "") -> Answer:
        import aiohttp

        headers = self._headers | ({"If-Match": f'"{etag}"'} if etag else {})
        limit = aiohttp.ClientTimeout(total=DEADLINE_S)
        try:
            async with (
                aiohttp.ClientSession(headers=headers, timeout=limit) as session,
                session.request(method, self.base + path, json=body, ssl=self._tls or True) as response,
            ):
                raw = await response.read()
                if response.status >= HTTPStatus.BAD_REQUEST:
                    raise ServiceRefused(response.status, _json(raw, response))
                return Answer(response.headers.get("ETag", "").strip('"'), _json(raw, response) if raw else None)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise OperatorError(
                Bilingual(
                    f"Layanan di {self.base} tidak menjawab {method} {path}: {type(error).__name__}.",
                    f"The service at {self.base} did not answer {method} {path}: {type(error).__name__}.",
                ),
                Bilingual(
                    "Lihat apakah perubahan itu sudah jadi (callrouter routes diff), lalu coba lagi.",
                    "See whether the change was made (callrouter routes diff), then try again.",
                ),
            ) from None


def _json(raw: bytes, response: aiohttp.ClientResponse) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        raise OperatorError(
            Bilingual(
                f"Jawaban {response.status} dari {response.url} bukan JSON.",
                f"The answer {response.status} of {response.url} is not JSON.",
            ),
            _FOREIGN,
        ) from None


_FOREIGN: Final = Bilingual(
    "Periksa program apa yang memakai port itu (CALLROUTER_API_PORT).",
    "See which program has that port (CALLROUTER_API_PORT).",
)


async def running_service(settings: Settings) -> Service | None:
    """Return the service that runs on this machine, or None where none does.

    Raises OperatorError where something answers at its address that cannot be used: then nobody may go around it,
    for it may be routing calls.
    """
    host = own_address(settings.api_host)
    tls = _tls(settings.api_tls_cert)
    shown = f"[{host}]" if ipaddress.ip_address(host).version == 6 else host
    base = f"{'https' if tls else 'http'}://{shown}:{settings.api_port}"
    if not await _listens(host, settings.api_port):
        return None
    await _require_ours(base, tls)
    return Service(base, _token(settings.cli_token_file), settings.language, tls)


async def _listens(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(PROBE_S):
            _, writer = await asyncio.open_connection(host, port)
    except ConnectionRefusedError:
        return False
    except (OSError, TimeoutError) as error:
        raise OperatorError(
            Bilingual(
                f"Tidak jelas apakah layanan berjalan: {host}:{port} tidak menjawab ({type(error).__name__}).",
                f"It is not clear whether the service runs: {host}:{port} does not answer ({type(error).__name__}).",
            ),
            Bilingual(
                "Periksa layanan dan jaringan mesin ini.", "Look at the service and at this machine's network."
            ),
        ) from None
    writer.close()
    return True


async def _require_ours(base: str, tls: ssl.SSLContext | None) -> None:
    import aiohttp  # a tenth of a second, which a command is spared where no service runs

    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PROBE_S)) as session,
            session.get(f"{base}/livez", ssl=tls or True) as response,
        ):
            if response.status == HTTPStatus.OK:
                return
            why = f"HTTP {response.status}"
    except (aiohttp.ClientError, TimeoutError) as error:
        why = type(error).__name__
    raise OperatorError(
        Bilingual(
            f"Yang menjawab di {base} bukan layanan yang sehat: {why}.", f"No healthy service at {base}: {why}."
        ),
        _FOREIGN,
    )


def _tls(certificate: Path | None) -> ssl.SSLContext | None:
    """Trust the service's own certificate and no other; its name does not matter, for we ask by address."""
    if certificate is None:
        return None
    try:
        context = ssl.create_default_context(cafile=certificate)
    except OSError as error:
        raise _unreadable(certificate, error) from None
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _token(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(file, error) from None


def _unreadable(file: Path, error: OSError | UnicodeDecodeError) -> OperatorError:
    why = reason(error) if isinstance(error, OSError) else same("ASCII")
    return OperatorError(
        Bilingual(
            f"Layanan berjalan, tetapi {file} tidak dapat dibaca: {why.id}.",
            f"The service runs, but {file} cannot be read: {why.en}.",
        ),
        Bilingual(
            "Jalankan perintah ini sebagai pengguna layanan, dengan CALLROUTER_STATE yang sama.",
            "Run this as the service's user, with the same CALLROUTER_STATE.",
        ),
    )
