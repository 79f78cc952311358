"""docs/admin.md does what it says: its commands are run in order, and end in calls in which each hears the other."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import re
import shlex
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pytest

from callrouter.api.server import OPERATIONS
from demo.addresses import SIP_PORT
from demo.centre import Centre
from demo.softphone import Account, Answer, PhoneCall, Softphone
from tests.pbx.rig import short_clips, talk

PAGE: Final = Path(__file__).parents[2] / "docs" / "admin.md"
BLOCK_S: Final = 60.0
"""The longest that the commands of one block may take: a publication may have to make clips first."""
TELCO, DAMKAR, PMI = 600, 1150, 1300
PMI_ADDRESS, NEW_OPERATOR_ADDRESS = 60, 150
MAX_LINES: Final = 250


@dataclass(frozen=True)
class Block:
    """Commands of the page, under which heading they stand."""

    heading: str
    text: str


def blocks() -> list[Block]:
    """Return the shell blocks of the page, in order."""
    found: list[Block] = []
    heading, lines = "", iter(PAGE.read_text(encoding="utf-8").splitlines())
    for line in lines:
        if line.startswith("#"):
            heading = line.lstrip("# ")
        elif line == "```sh":
            found.append(Block(heading, "\n".join(itertools.takewhile(lambda one: one != "```", lines)) + "\n"))
    return found


class Shell:
    """One bash, in which one block after another is run as an admin would paste it; what fails ends it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._number = itertools.count(1)

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *("bash", "--norc", "--noprofile"),
            cwd=self._folder,
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=2**22,
        )
        self._write("set -euo pipefail")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())

    async def run(self, block: Block) -> str:
        """Return what it printed. AssertionError where a command of it failed or took too long."""
        file = self._folder / f"{next(self._number)}.sh"
        file.write_text(block.text, encoding="utf-8")
        done = f"--- {file.name} is done ---"
        self._write(f". ./{file.name} </dev/null; printf '\\n%s\\n' {shlex.quote(done)}")
        assert self._process.stdout is not None
        said: list[str] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BLOCK_S):
                async for line in self._process.stdout:
                    if line.decode().rstrip("\n") == done:
                        return "".join(said)
                    said.append(line.decode())
        raise AssertionError(f"{block.heading}:\n{block.text}\nended with:\n{''.join(said)}")


def table() -> dict[str, Any]:
    """Return the table of a small centre that has not heard of the Red Cross."""
    return {
        "centre": {"name": "Kabupaten Uji", "timezone": "Asia/Jakarta"},
        "directory": {
            "trunks": [
                {"key": "telco", "kind": "carrier", "host": "127.0.0.2"},
                {"key": "damkar", "kind": "agency", "host": "127.0.0.4"},
            ],
            "agencies": [
                {
                    "key": "damkar",
                    "name": {"id": "Pemadam Kebakaran", "en": "Fire brigade"},
                    "contacts": [{"key": "posko", "trunk": "damkar", "number": "113"}],
                }
            ],
            "operators": [{"key": "op1", "name": "Meja 1"}, {"key": "op2", "name": "Meja 2"}],
        },
        "routing": {
            "main_menu": "main",
            "menus": [
                {
                    "key": "main",
                    "name": {"id": "menu utama", "en": "main menu"},
                    "options": [{"digit": "1", "category": "fire"}],
                }
            ],
            "categories": [
                {
                    "key": "fire",
                    "urn": "urn:service:sos.fire",
                    "name": {"id": "kebakaran", "en": "fire"},
                    "priority": 10,
                }
            ],
            "ring_groups": [{"key": "operators", "members": ["op1", "op2"]}],
            "routes": [
                {
                    "key": "fire",
                    "priority": 500,
                    "when": {"category": ["fire"]},
                    "steps": [
                        {"kind": "dial", "targets": ["damkar/posko"], "ring_s": 20},
                        {"kind": "ringgroup", "group": "operators", "wait_s": 30},
                    ],
                },
                {
                    "key": "everything-else",
                    "priority": 100,
                    "steps": [{"kind": "ringgroup", "group": "operators", "wait_s": 60}],
                },
            ],
            "last_resort": {"group": "operators", "seconds": 30},
        },
    }


@dataclass
class Scene:
    """The centre that the page works on, and the telephones of the story."""

    centre: Centre
    citizen: Softphone
    damkar: Softphone
    pmi: Softphone
    pressed: int = 0

    async def rings_for_an_ambulance(self, expected: Softphone, other: Softphone) -> None:
        """A citizen rings 112 and presses 3: he and who is expected hear each other, and nobody else is rung."""
        self.pressed += 1
        number, before = f"081234500{self.pressed:02d}", len(other.calls)
        call = await self.citizen.dial(self.centre.number, user=number)
        await call.until_answered()
        await call.until_hears_speech()
        await call.digits("3")
        agency = await expected.until_incoming()
        await talk(call, agency, TELCO, expected.tone_hz)
        await self._hung_up(call)
        assert len(other.calls) == before
        incident = await self.centre.incident_of(number)
        assert (incident["category"], incident["outcome"]) == ("ambulance", "talked")

    async def _hung_up(self, call: PhoneCall) -> None:
        await call.hangup()
        await call.until_ended()

    async def restarted(self, **settings: Any) -> None:
        """Start the service anew with other settings, as the page says."""
        await self.centre.stop_service()
        self.centre.settings = self.centre.settings.model_copy(update=settings)
        await self.centre.start_service()


@contextlib.asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    short_clips(folder / "centre" / "state" / "recorded", table())
    async with Centre(folder / "centre", table()) as centre, contextlib.AsyncExitStack() as phones:
        citizen, damkar = await asyncio.gather(centre.phone("telco", TELCO), centre.phone("damkar", DAMKAR))
        address = centre.addresses.host(PMI_ADDRESS)
        pmi = await phones.enter_async_context(Softphone("pmi", tone_hz=PMI, host=address, port=SIP_PORT))
        for phone in (damkar, pmi):
            await phone.behave(Answer(0.1))
        yield Scene(centre, citizen, damkar, pmi)


def environment(scene: Scene, folder: Path) -> dict[str, str]:
    """Return what an admin has in his shell: the service's settings, its address, and `callrouter` as a command."""
    commands = folder / "bin"
    commands.mkdir()
    command = commands / "callrouter"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m callrouter "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    own = scene.centre.environment
    return own | {
        "API": f"http://127.0.0.1:{scene.centre.settings.api_port}/api/v1",
        "PMI_HOST": scene.pmi.host,
        "PATH": f"{commands}:{own['PATH']}",
        "CALLROUTER_LANGUAGE": "en",
        "PYTHONPATH": str(PAGE.parents[1]),
    }


@pytest.mark.timeout(400)
async def test_page_from_a_token_to_the_audit_with_calls_that_follow_each_publication(tmp_path: Path) -> None:
    shell_folder = tmp_path / "admin"
    shell_folder.mkdir()
    said: dict[str, str] = {}
    async with scene(tmp_path) as there, Shell(shell_folder, environment(there, shell_folder)) as shell:
        pmi, damkar = there.pmi, there.damkar
        after = {
            'publish "PMI joins"': (pmi, damkar),
            'publish "PMI is away tonight"': (damkar, pmi),
            "/rollback": (pmi, damkar),
            'publish "together"': (pmi, damkar),
        }
        for block in blocks():
            if block.heading == "Two persons" and not there.centre.settings.two_person:
                await there.restarted(two_person=True)
            said[block.heading] = said.get(block.heading, "") + await shell.run(block)
            for mark in [mark for mark in after if mark in block.text]:
                await there.rings_for_an_ambulance(*after.pop(mark))
            if "/secret" in block.text:
                await logs_in(there.centre, json.loads(_last_object(said[block.heading])))
        assert after == {}
        assert await there.centre.pbx.rx("pjsip show endpoint trunk-pmi") != ""
    assert "PMI joins" in said["A change at night, and its roll-back"]
    assert "is whole" in said["Who did what"]
    assert "trunks/pmi" in said["Who did what"]
    assert "/routing/routes/" in said["What is refused, and how it is told"]
    assert "group operators: talk" not in said["What is refused, and how it is told"]


def _last_object(text: str) -> str:
    return text[text.rindex("{") :]


async def logs_in(centre: Centre, login: dict[str, str]) -> None:
    """The phone of the new operator registers with what the page showed."""
    registrar = f"{centre.settings.sip_host}:{centre.settings.sip_port}"
    account = Account(user=login["username"], password=login["secret"], registrar=registrar)
    host = centre.addresses.host(NEW_OPERATOR_ADDRESS)
    async with Softphone(login["username"], tone_hz=2050, host=host, account=account) as phone:
        await phone.register()


# ---------------------------------------------------------------- the page itself
def test_page_is_short_enough_to_be_read() -> None:
    assert len(PAGE.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


def test_page_names_only_requests_that_there_are() -> None:
    known = [re.compile(re.sub(r"\{\w+\}", "[^/]+", operation.path)) for operation in OPERATIONS]
    named = {
        match
        for block in blocks()
        for match in re.findall(r'(?:\$API/|(?:get|post|change|remove|etag) "?)([a-z][a-z0-9_/-]+)', block.text)
    }
    assert len(named) > 15
    for path in named:
        assert any(pattern.match(f"/api/v1/{path.rstrip('/')}") for pattern in known), path
