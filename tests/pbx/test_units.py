"""The units of systemd under a real systemd, installed as docs/install.md says: what they shut out, nobody misses."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final, Self

import aiohttp
import pytest
import pytest_asyncio
from ruamel.yaml import YAML

from callrouter import settings
from demo.addresses import Addresses
from demo.centre import Centre
from demo.softphone import NET_S, Answer
from tests.pbx.booted import PBX, UID, USER, Booted, Unbootable, booted
from tests.pbx.rig import CALLER, DAMKAR, SHORT_TIMERS, short_clips, talk
from tests.pbx.tables import table

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

STATE: Final = "/var/lib/callrouter"
TMP: Final = "/tmp"  # noqa: S108 - the folder itself is what is asked about
TABLE: Final = "/etc/callrouter/table.yaml"
SERVICE: Final = "callrouter.service"
PBX_UNIT: Final = "callrouter-pbx.service"
WATCHDOG_S: Final = 10.0


class Installed(Centre):
    """A centre whose processes are units; addresses and telephones are this machine's."""

    def __init__(self, box: Booted, folder: Path) -> None:
        super().__init__(folder, table(), timers=SHORT_TIMERS)
        self.box = box

    async def __aenter__(self) -> Self:
        """Do what docs/install.md says."""
        self.addresses = Addresses()
        try:
            self._write_table()
            given = self._overrides()
            self.settings = settings.load(**{**given, "state": Path(STATE)})
            await asyncio.to_thread(self.install, given)
            await asyncio.to_thread(self.box.run, "systemctl", "start", PBX_UNIT, SERVICE)
            self._http = aiohttp.ClientSession(
                f"http://127.0.0.1:{self.settings.api_port}", timeout=aiohttp.ClientTimeout(total=NET_S)
            )
            await self.until_ready()
        except BaseException:
            await self._close()
            raise
        return self

    def install(self, given: dict[str, object]) -> None:
        """Write settings, table and recorded clips, and run the commands as the user."""
        self.variables = {
            f"CALLROUTER_{name.upper()}": str(value)
            for name, value in given.items()
            if name not in {"state", "timers"}
        }
        self.variables |= {f"CALLROUTER_TIMER_{name.upper()}": str(value) for name, value in SHORT_TIMERS.items()}
        if self.settings.pbx_root:
            self.variables["CALLROUTER_PBX_ROOT"] = PBX
        lines = "".join(f"{name}={value}\n" for name, value in self.variables.items())
        (self.box.root / "etc/callrouter/callrouter.env").write_text(lines)
        (self.box.root / TABLE[1:]).write_bytes(self.table_file.read_bytes())
        self.box.run("install", "-d", "-o", USER, "-g", USER, "-m", "0750", STATE)
        short_clips(self.box.root / STATE[1:] / "recorded", YAML(typ="safe").load(self.table_file))
        self.box.run("chown", "-R", f"{USER}:{USER}", STATE)
        self.command("migrate")
        self.command("routes", "import", TABLE, "--yes", "--publish", "--why", "first table")
        self.command("prompts")
        self.command("pbx", "render")

    def command(self, *words: str) -> str:
        """Run a command of callrouter as its user."""
        return self.box.callrouter(*words, environment={**self.variables, "CALLROUTER_STATE": STATE})

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
        """Ask as the command line in there would."""
        file = self.box.root / str(self.settings.cli_token_file)[1:]
        known = token or (file.read_text() if file.exists() else None)
        return await super().ask(method, path, body, etag=etag, params=params, token=known)

    @property
    def service_log(self) -> Path:
        """What the service wrote."""
        return self.box.root / "run/said/callrouter"

    @property
    def service_pid(self) -> int | None:
        """The service's process id in there."""
        return int(self.box.asked(SERVICE, "MainPID")) or None


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def centre(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installed]:
    root = os.environ.get("CALLROUTER_PBX_ROOT")
    try:
        with booted(Path(root) if root else None) as box:
            async with Installed(box, tmp_path_factory.mktemp("installed")) as running:
                yield running
    except Unbootable as why:
        pytest.skip(str(why))


async def call(centre: Installed, number: str) -> None:
    """A citizen rings 112 and presses 1; the fire service and he hear each other; the incident says so."""
    phones = {name: await centre.phone(name, tone) for name, tone in (("telco", CALLER), ("damkar", DAMKAR))}
    try:
        await phones["damkar"].behave(Answer(0.1))
        rung = await phones["telco"].dial(centre.number, user=number)
        await rung.until_answered()
        await rung.until_hears_speech()
        await rung.digits("1")
        agency = await phones["damkar"].until_incoming()
        await talk(rung, agency, CALLER, DAMKAR)
        await asyncio.sleep(centre.settings.timers.short_talk_s)
        await rung.hangup()
        incident = await centre.incident_of(number)
        assert (incident["category"], incident["outcome"]) == ("fire", "talked"), incident
    finally:
        await centre._phones.aclose()


def outside(centre: Installed, unit: str) -> int:
    """Return the process id of a unit's main process as this machine counts it."""
    inside = centre.box.asked(unit, "MainPID")
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            spaces = re.search(r"^NSpid:(.*)$", status.read_text(), re.MULTILINE)
            same = (status.parent / "ns/pid").readlink() == Path(f"/proc/{centre.box.pid}/ns/pid").readlink()
        except OSError:  # gone, or none that may be looked at
            continue
        if spaces and same and spaces[1].split()[-1] == inside:
            return int(status.parent.name)
    raise AssertionError(f"{unit} does not run: {inside}\n{centre.box.logs()}")


async def until_active_anew(centre: Installed, unit: str, before: str, within: float) -> None:
    """Wait until the unit runs with another process than `before`."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        now = await asyncio.to_thread(centre.box.asked, unit, "MainPID")
        if now not in {"0", before} and await asyncio.to_thread(centre.box.asked, unit, "ActiveState") == "active":
            return
        await asyncio.sleep(0.2)
    raise AssertionError(f"{unit} was not started again\n{centre.box.logs()}")


async def test_call_is_served_by_the_units(centre: Installed) -> None:
    await call(centre, "08120001")
    assert "Melayani" in centre.box.asked(SERVICE, "StatusText")


@pytest.mark.parametrize("unit", [SERVICE, PBX_UNIT])
async def test_processes_have_no_privilege_and_may_write_their_state_alone(centre: Installed, unit: str) -> None:
    pid = outside(centre, unit)
    told = dict(re.findall(r"^(\w+):\s*(.*)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE))
    assert set(told["Uid"].split()) == {str(UID)}
    assert {told[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (told["NoNewPrivs"], told["Seccomp"]) == ("1", "2")
    (centre.box.root / "tmp/everybodys").touch()

    def may_write(path: str) -> bool:
        # By root in the unit's own mounts: what is refused here is refused by them, and not by rights of files.
        words = ("nsenter", "-t", centre.box.asked(unit, "MainPID"), "-m", "touch", path)
        return centre.box.run(*words, check=False).returncode == 0

    tried = {path: may_write(f"{path}/tried") for path in (STATE, TMP, "/", "/etc", "/usr", "/opt", "/var/log")}
    assert {path for path, written in tried.items() if written} == {STATE, TMP}
    assert not (centre.box.root / "tmp/tried").exists(), "its /tmp is its own"
    assert not Path(f"/proc/{pid}/root/tmp/everybodys").exists()


async def test_probe_unit_finds_everything_well(centre: Installed) -> None:
    await asyncio.to_thread(centre.box.run, "systemctl", "start", "callrouter-probe.service")
    assert centre.box.asked("callrouter-probe.service", "Result") == "success"


async def test_table_is_published_from_within_the_sandbox(centre: Installed) -> None:
    before = (await centre.get("/api/v1/versions"))[1]["items"][0]["number"]
    await asyncio.to_thread(centre.command, "routes", "import", TABLE, "--yes", "--publish", "--why", "once more")
    _, versions = await centre.get("/api/v1/versions")
    assert (versions["items"][0]["number"], versions["items"][0]["in_force"]) == (before + 1, True)
    await call(centre, "08120002")


async def test_service_that_hangs_is_started_again_by_the_watchdog(centre: Installed) -> None:
    before = centre.box.asked(SERVICE, "MainPID")
    os.kill(outside(centre, SERVICE), signal.SIGSTOP)
    await until_active_anew(centre, SERVICE, before, WATCHDOG_S + NET_S + 30)
    assert centre.box.asked(SERVICE, "NRestarts") == "1"
    await centre.until_ready()
    await call(centre, "08120003")


async def test_pbx_that_dies_is_started_again_and_the_service_stays(centre: Installed) -> None:
    service, pbx = (centre.box.asked(unit, "MainPID") for unit in (SERVICE, PBX_UNIT))
    os.kill(outside(centre, PBX_UNIT), signal.SIGKILL)
    await until_active_anew(centre, PBX_UNIT, pbx, NET_S + 30)
    await centre.until_ready()
    await call(centre, "08120004")
    assert centre.box.asked(SERVICE, "MainPID") == service


async def test_told_to_stop_the_service_ends_well(centre: Installed) -> None:
    await asyncio.to_thread(centre.box.run, "systemctl", "stop", SERVICE)
    assert (centre.box.asked(SERVICE, "Result"), centre.box.asked(SERVICE, "ActiveState")) == ("success", "inactive")
    await asyncio.to_thread(centre.box.run, "systemctl", "start", SERVICE)
    await centre.until_ready()
