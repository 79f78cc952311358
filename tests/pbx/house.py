"""A centre with a hostile table, and a client that sends what no decent one would."""

from __future__ import annotations

import hashlib
import json
import queue
import re
from typing import Any, Final

import aiohttp

from callrouter.asterisk.witness import Witness
from callrouter.routing.directory import Operator
from demo.centre import Centre
from demo.softphone import Softphone
from tests.pbx.nasty import WORDS
from tests.pbx.rig import CALLER, DAMKAR, OP1, talk
from tests.pbx.tables import table

Document = dict[str, Any]
MIXED: Final = (
    'Ibu "Sri" [op9](x) #1; y',
    "${SHELL(id)} $[1+1] {{ x }}",
    "a,b&c|d!e^f~g => h",
    "\\n[op9]\\type = endpoint",
    "-- --phonout=x",
    "🚒 名 Ünïcödé",
    "<sip:1@2> 100%",
    "../../etc/passwd",
)
"""Eight names that have everything."""
OFFERED: Final = (
    '"a" ; [x]',
    "${SHELL(id)}",
    "a,b&c|d!e",
    "\\n[op9]",
    "-- -w x",
    "🚒 名 Ü",
    "<sip:1@2>",
    "#exec $[1]",
)
"""Eight short ones, for what a menu offers."""


def names() -> list[str]:
    """Return the hostile names that an operator may have."""
    found = []
    for text in (*WORDS, *MIXED, "x" * 80, "名" * 80):
        try:
            Operator(key="x", name=text)
        except ValueError:
            continue
        found.append(text)
    return found


NAMES: Final = names()


def shown(name: str) -> str:
    """Return a name as a phone's identity has it: letters, digits, blanks and . ' -, in 70 bytes."""
    kept = " ".join(re.sub(r"[^\w .'-]|_", " ", name).split())
    return kept.encode()[:70].decode("utf-8", "ignore").rstrip() or "operator"


def wide() -> Document:
    """Return a table with an operator for each name."""
    given = table()
    given["directory"]["operators"] += [{"key": f"n{n}", "name": f"Meja {n}"} for n in range(len(NAMES))]
    given["routing"]["menus"][0]["languages"] = ["id"]
    given["routing"]["ring_groups"] += [{"key": key, "members": ["op2"]} for key in ("default", "null", "agents")]
    trunks = {trunk["key"]: trunk for trunk in given["directory"]["trunks"]}
    trunks["seluler"]["login"] = {"username": "centre"}
    return given


class House:
    """The centre, its telephones, and a client that sends what no decent one would."""

    def __init__(self, centre: Centre, http: aiohttp.ClientSession, phones: tuple[Softphone, ...]) -> None:
        self.centre = centre
        self.http = http
        self.caller, self.damkar, self.op1 = phones

    async def ask(
        self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, **headers: str
    ) -> tuple[int, str, Any]:
        """Ask REST; return status, ETag and JSON. raw: a body as it stands."""
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if data is not None:
            headers = {"Content-Type": kind} | headers
        async with self.http.request(method, path, data=data, headers=headers) as answer:
            text = await answer.read()
            assert answer.status < 400 or answer.content_type == "application/problem+json"
            return answer.status, answer.headers.get("ETag", ""), json.loads(text) if text else None

    async def change(self, path: str, change: Document) -> Document:
        """Merge `change` into what is at `path`, and return what REST then shows there."""
        _, etag, _ = await self.ask("GET", path)
        status, _, answer = await self.ask("PATCH", path, change, If_Match=etag)
        assert status == 200, answer
        assert (await self.ask("GET", path))[2] == answer
        return dict(answer)

    async def kept(self) -> Document:
        """Return all that the service keeps: the draft's hash, the whole table."""
        status, etag, draft = await self.ask("GET", "/api/v1/draft")
        assert status == 200
        return {"etag": etag, "draft": draft}

    def files(self) -> dict[str, str]:
        """Return the PBX's files, as hashes."""
        etc = self.centre.settings.pbx_dir / "etc"
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in etc.iterdir()}

    async def pbx(self) -> Document:
        """Return what the PBX itself shows: whom it knows, its queues, its dialplan."""
        rx = self.centre.pbx.rx
        shown_ = {
            kind: sorted(re.findall(rf"^ +{word}: +([^\s/<>]+)", await rx(f"pjsip show {kind}"), re.MULTILINE))
            for kind, word in (
                ("endpoints", "Endpoint"),
                ("auths", "I?n?O?u?t?Auth"),
                ("aors", "Aor"),
                ("identifies", "Identify"),
                ("transports", "Transport"),
            )
        }
        assert len(shown_["endpoints"]) > len(NAMES)
        queues = sorted(re.findall(r"^(\S+) +has \d+ calls", await rx("queue show"), re.MULTILINE))
        dialplan = hashlib.sha256((await rx("dialplan show")).encode()).hexdigest()
        return {**shown_, "queues": queues, "dialplan": dialplan}

    async def parameters(self, what: str) -> dict[str, str]:
        """Return what the PBX's console says of an object: ``endpoint op1``, ``auth trunk-x``."""
        text = await self.centre.pbx.rx(f"pjsip show {what}")
        return dict(re.findall(r"^ (\w+) +: ?(.*?) *$", text, re.MULTILINE))

    def detail(self, endpoint: str) -> dict[str, str]:
        """Return what the PBX tells of an endpoint over AMI, to a client that is not ours."""
        told: queue.Queue[dict[str, str]] = queue.Queue()
        settings, keys = self.centre.settings, self.centre.keys
        with Witness(settings.ami_host, settings.ami_port, "keeper", keys.keeper) as witness:
            witness.on("EndpointDetail", lambda event, _manager: told.put(dict(event.headers)))
            witness.action("PJSIPShowEndpoint", Endpoint=endpoint)
            return told.get(timeout=5)

    async def normal_call(self, number: str) -> None:
        """A citizen rings, presses 1, talks with the fire service; another gets an operator by 0."""
        for digit, phone, tone in (("1", self.damkar, DAMKAR), ("0", self.op1, OP1)):
            phone.forget()
            call = await self.caller.dial(self.centre.number, user=f"{number}{digit}")
            await call.until_answered()
            await call.until_hears_speech()
            await call.digits(digit)
            other = await phone.until_incoming()
            await talk(call, other, CALLER, tone)
            await call.hangup()
            incident = await self.centre.incident_of(f"{number}{digit}")
            assert incident["outcome"] == "talked"
