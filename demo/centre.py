"""A whole call centre on loopback: PBX, service, database, telephones. For the demo and the PBX tests."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
from ruamel.yaml import YAML

from callrouter import prepare, settings
from callrouter.asterisk.pbx import Pbx, find
from demo.addresses import SIP_PORT, Addresses, free_ports
from demo.softphone import NET_S, Account, Softphone

READY_S: Final = 60.0
STOP_S: Final = NET_S
_PBX_HOST: Final = 1
_FIRST_TRUNK: Final = 10
_FIRST_OPERATOR: Final = 100


class Centre:
    """One centre with the routing table `table` (as read from YAML; trunks get loopback addresses of their own).

    folder:  where everything is written
    timers:  settings of ``callrouter.settings.Timers`` that differ from the default
    extra:   further ``CALLROUTER_…`` settings, by field name
    serve:   the words that run the service; None: as it is installed
    service_env: variables that the service alone has, over those of the centre
    pbx_prefix: words before the PBX's own command
    trunk_hosts: addresses of trunks, by key, that it shares with another centre; None: of its own
    """

    def __init__(
        self,
        folder: Path,
        table: Mapping[str, Any],
        *,
        timers: Mapping[str, float] | None = None,
        extra: Mapping[str, Any] | None = None,
        say: prepare.Say = lambda _line: None,
        serve: Sequence[str] | None = None,
        service_env: Mapping[str, str] | None = None,
        pbx_prefix: Sequence[str] = (),
        trunk_hosts: Mapping[str, str] | None = None,
    ) -> None:
        self._serve = tuple(serve or (sys.executable, "-m", "callrouter", "serve"))
        self._service_env = dict(service_env or {})
        self._pbx_prefix = tuple(pbx_prefix)
        self._folder = folder
        self._given = dict(table)
        self._timers = dict(timers or {})
        self._extra = dict(extra or {})
        self._say = say
        self._service: asyncio.subprocess.Process | None = None
        self._http: aiohttp.ClientSession | None = None
        self._phones = contextlib.AsyncExitStack()
        self.trunk_hosts: dict[str, str] = dict(trunk_hosts or {})

    async def __aenter__(self) -> Self:
        """Prepare and start everything; on failure what was started is stopped again."""
        self.addresses = Addresses()
        try:
            self._write_table()
            self.settings = settings.load(**self._overrides())
            ready = await prepare.prepare(self.settings, self.table_file, self._say)
            self.pbx, self.table, self.keys, self.accounts = ready.pbx, ready.table, ready.keys, ready.accounts
            if self._pbx_prefix:
                self.pbx = await self._prefixed_pbx()
            await self.pbx.start()
            self._http = aiohttp.ClientSession(
                f"http://127.0.0.1:{self.settings.api_port}", timeout=aiohttp.ClientTimeout(total=NET_S)
            )
            await self.start_service()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop telephones, service and PBX."""
        await self._close()

    async def _close(self) -> None:
        # Pushed in the order of their start: the telephones end first, and whatever one end fails, the others follow.
        async with contextlib.AsyncExitStack() as ends:
            ends.callback(self.addresses.close)
            if hasattr(self, "pbx"):
                ends.push_async_callback(self.pbx.stop)
            if self._http is not None:
                ends.push_async_callback(self._http.close)
            ends.push_async_callback(self.stop_service)
            ends.push_async_callback(self._phones.aclose)

    # ------------------------------------------------------------------ set-up
    def _write_table(self) -> None:
        table = dict(self._given)
        directory = dict(table["directory"])
        trunks = []
        for n, trunk in enumerate(directory["trunks"]):
            host = self.trunk_hosts.setdefault(trunk["key"], self.addresses.host(_FIRST_TRUNK + n))
            trunks.append({**trunk, "host": host, "port": SIP_PORT})
        directory["trunks"] = trunks
        table["directory"] = directory
        self._folder.mkdir(parents=True, exist_ok=True)
        self.table_file = self._folder / "table.yaml"
        with self.table_file.open("w", encoding="utf-8") as file:
            YAML(typ="safe").dump(table, file)

    def _overrides(self) -> dict[str, Any]:
        agi, ami, api = free_ports(3)
        return {
            "state": self._folder / "state",
            "sip_host": self.addresses.host(_PBX_HOST),
            "sip_port": SIP_PORT,
            "rtp_from": self.addresses.rtp_from,
            "rtp_to": self.addresses.rtp_to,
            "agi_port": agi,
            "ami_port": ami,
            "api_port": api,
            "hep_host": self.addresses.host(_PBX_HOST),
            "timers": settings.Timers.model_validate(self._timers),
            **self._extra,
        }

    async def _prefixed_pbx(self) -> Pbx:
        asterisk = await find(self.settings.pbx_root)
        command = (*self._pbx_prefix, *asterisk.command)
        return Pbx(
            dataclasses.replace(asterisk, command=command), self.settings.pbx_dir, self.settings.asterisk_timezone
        )

    # ------------------------------------------------------------------ the service
    @property
    def environment(self) -> dict[str, str]:
        """The environment in which the service (or any command of callrouter) is of this centre."""
        values = {
            f"CALLROUTER_{name.upper()}": _as_text(getattr(self.settings, name))
            for name in type(self.settings).model_fields
            if name not in {"timers", "database_url", "agi_peers", "ami_peers"}
            and getattr(self.settings, name) not in (None, ())
        }
        values["CALLROUTER_DATABASE_URL"] = self.settings.database
        for name in settings.Timers.model_fields:
            values[f"CALLROUTER_TIMER_{name.upper()}"] = _as_text(getattr(self.settings.timers, name))
        kept = {k: v for k, v in os.environ.items() if not k.startswith("CALLROUTER_")}
        return kept | values

    @property
    def service_log(self) -> Path:
        """What the service wrote."""
        return self._folder / "service.log"

    @property
    def service_pid(self) -> int | None:
        """The service's process id while it runs."""
        return self._service.pid if self._service and self._service.returncode is None else None

    async def start_service(self, *, wait: bool = True) -> None:
        """Start the service, unless it runs, and wait until it is ready; RuntimeError with its last lines if not."""
        if self.service_pid is not None:
            return
        with self.service_log.open("ab") as log:
            self._service = await asyncio.create_subprocess_exec(
                *self._serve,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment | self._service_env,
                start_new_session=True,
            )
        if wait:
            await self.until_ready()

    async def until_ready(self) -> None:
        """Wait until the service says that it is ready."""
        try:
            async with asyncio.timeout(READY_S):
                while not await self._is_ready():
                    if self.service_pid is None:
                        raise TimeoutError
                    await asyncio.sleep(0.05)
        except TimeoutError:
            tail = self.service_log.read_text(errors="replace")[-3000:]
            raise RuntimeError(f"the service did not become ready:\n{tail}") from None

    async def _is_ready(self) -> bool:
        try:
            status, _ = await self.get("/readyz")
        except aiohttp.ClientError:
            return False
        return status == 200

    async def stop_service(self) -> int | None:
        """Stop the service with SIGTERM and return its exit code; None where it did not run."""
        return await self.signal_service(signal.SIGTERM)

    async def kill_service(self) -> None:
        """Kill the service with SIGKILL."""
        await self.signal_service(signal.SIGKILL)

    async def signal_service(self, number: signal.Signals) -> int | None:
        """Send it a signal that ends it, and wait for the end."""
        process = self._service
        if process is None or process.returncode is not None:
            return None
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        try:
            async with asyncio.timeout(STOP_S):
                return await process.wait()
        except TimeoutError:
            process.kill()
            return await process.wait()

    def pause_service(self) -> None:
        """SIGSTOP: the service hangs, its sockets stay open."""
        if self._service is not None:
            self._service.send_signal(signal.SIGSTOP)

    def resume_service(self) -> None:
        """SIGCONT."""
        if self._service is not None:
            self._service.send_signal(signal.SIGCONT)

    # ------------------------------------------------------------------ telephones
    @property
    def number(self) -> str:
        """What a telephone dials to ring 112."""
        return f"sip:112@{self.settings.sip_host}:{self.settings.sip_port}"

    async def phone(self, trunk: str, tone_hz: int, **options: Any) -> Softphone:
        """Return a telephone at the other end of a trunk; it ends with the centre."""
        return await self._phones.enter_async_context(
            Softphone(trunk, tone_hz=tone_hz, host=self.trunk_hosts[trunk], port=SIP_PORT, **options)
        )

    async def operator(self, key: str, tone_hz: int, *, register: bool = True) -> Softphone:
        """Return an operator's telephone, registered unless told otherwise."""
        keys = [o.key for o in self.table.directory.operators]
        account = Account(
            user=key,
            password=self.accounts[key],
            registrar=f"{self.settings.sip_host}:{self.settings.sip_port}",
        )
        phone = await self._phones.enter_async_context(
            Softphone(
                key, tone_hz=tone_hz, host=self.addresses.host(_FIRST_OPERATOR + keys.index(key)), account=account
            )
        )
        if register:
            await phone.register()
            await self.until_reachable(key)
        return phone

    async def until_reachable(self, *operators: str, reachable: bool = True) -> None:
        """Wait until the PBX's queues hold these operators' telephones for such as can be rung (or cannot).

        The PBX confirms a registration first and tells its queues a moment later; a telephone that answered its first
        question too late is asked again after half a minute. Raises TimeoutError.
        """
        async with asyncio.timeout(2 * NET_S):
            while await self._can_be_rung(operators) != [{reachable}] * len(operators):
                await asyncio.sleep(0.05)

    async def _can_be_rung(self, operators: Sequence[str]) -> list[set[bool]]:
        """Return what is said of each telephone: by the queues that its operator is in, by itself where in none."""
        shown = await self.pbx.rx("queue show")
        for key in operators:
            if f"(PJSIP/{key})" not in shown:
                shown += await self.pbx.rx(f"pjsip show endpoint {key}")
        told = [
            re.findall(rf"^.*(?:Endpoint: +{key}\b|\(PJSIP/{key}\)).*$", shown, re.MULTILINE) for key in operators
        ]
        return [{not re.search("Unavailable|Invalid|Unknown", line) for line in lines} for lines in told]

    # ------------------------------------------------------------------ what the service says
    async def get(self, path: str, **query: str) -> tuple[int, Any]:
        """GET a path of the REST surface as this machine's admin; return status and JSON."""
        status, _, body = await self.ask("GET", path, params=query)
        return status, body

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        etag: str | None = None,
        params: Mapping[str, str] | None = None,
        token: str | None = None,
    ) -> tuple[int, str, Any]:
        """Ask the REST surface; return status, ETag and JSON (None: no body).

        etag: sent as If-Match; token: another than that of this machine's command line
        """
        assert self._http is not None
        file = self.settings.cli_token_file
        known = token or (file.read_text() if file.exists() else "")
        headers = {"Authorization": f"Bearer {known}"} if known else {}
        headers |= {"If-Match": etag} if etag else {}
        if method == "PATCH":
            headers["Content-Type"] = "application/merge-patch+json"
        data = None if body is None else json.dumps(body)
        if data is not None:
            headers.setdefault("Content-Type", "application/json")
        async with self._http.request(method, path, params=params, data=data, headers=headers) as answer:
            raw = await answer.read()
            return answer.status, answer.headers.get("ETag", ""), json.loads(raw) if raw else None

    async def incidents(self, *numbers: str | None) -> list[dict[str, Any]]:
        """Return the incidents of these callers (none: all) among the newest 200, newest first, each whole."""
        async with asyncio.timeout(NET_S):
            while True:
                status, page = await self.get("/api/v1/incidents", limit="200")
                if status != 503:  # a busy machine's database may be late
                    break
                await asyncio.sleep(0.1)
        assert status == 200, page
        wanted = [item for item in page["items"] if not numbers or item["caller_number"] in numbers]
        return [(await self.get(f"/api/v1/incidents/{item['id']}"))[1] for item in wanted]

    async def incident_of(self, number: str | None, *, within: float = NET_S, ended: bool = True) -> dict[str, Any]:
        """Return the newest incident of a caller's number, once its call has ended (or at once)."""
        seen: list[dict[str, Any]] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while True:
                    seen = [i for i in await self.incidents(number) if i["calls"]]
                    if seen and (not ended or seen[0]["calls"][0]["ended_at"] is not None):
                        return seen[0]
                    await asyncio.sleep(0.05)
        raise AssertionError(
            f"no {'ended ' if ended else ''}incident of {number} within {within:g} s; there is {seen}"
        )

    async def live(self) -> list[dict[str, Any]]:
        """Return the live board."""
        _, answer = await self.get("/api/v1/calls/live")
        items: list[dict[str, Any]] = answer["items"]
        return items


def _as_text(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(str(one) for one in value)
    if isinstance(value, dict):
        return ",".join(f"{name}={one}" for name, one in value.items())
    return str(value).lower() if isinstance(value, bool) else str(value)
