"""What the API's tests stand on: parts that can be told what to say, and a client that distrusts every answer."""

from __future__ import annotations

import asyncio
import copy
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import aiohttp
from openapi_schema_validator import OAS31Validator
from yarl import URL

from callrouter.api.openapi import build
from callrouter.api.server import OPERATIONS
from callrouter.bilingual import Bilingual
from callrouter.calls.live import CHECKS, Check, LiveCall
from callrouter.calls.refused import RefusedCalls
from callrouter.calls.setaside import SetAsides
from callrouter.incidents.callbacks import Callback, CallbackFilter, Place
from callrouter.incidents.model import Attempt, incident_id
from callrouter.incidents.views import (
    CallView,
    EventView,
    IncidentDetail,
    IncidentFilter,
    IncidentSummary,
)

DOCUMENT = build(OPERATIONS)
BEGIN = 1_795_267_207_125_001


def call_id(n: int) -> UUID:
    """Return the id of the n-th call."""
    return UUID(int=(4 << 76) | (8 << 60) | n)


def given_summary(n: int = 1, **changes: Any) -> IncidentSummary:
    """Return the summary of an incident with the number `n`."""
    values: dict[str, Any] = {
        "id": incident_id(call_id(n)),
        "number": n,
        "state": "with_agency",
        "category": "kebakaran",
        "opened": BEGIN + n,
        "callback": False,
        "caller_number": "+622000000112",
        "outcome": "talked",
    }
    return IncidentSummary(**values | changes)


def given_attempt(n: int = 1, **changes: Any) -> Attempt:
    """Return an attempt that talked."""
    values: dict[str, Any] = {
        "n": n,
        "kind": "dial",
        "label": "damkar/posko",
        "begun": BEGIN + 10,
        "pickup": BEGIN + 20,
        "human": BEGIN + 30,
        "ended": BEGIN + 40,
        "by": "damkar",
        "result": "talked",
        "cause": "",
    }
    return Attempt(**values | changes)


def given_call(n: int = 1, **changes: Any) -> CallView:
    """Return a finished call."""
    values: dict[str, Any] = {
        "id": call_id(n),
        "node": "pbx1",
        "origin": "citizen",
        "trunk": "telkom",
        "number": "+622000000112",
        "name": "",
        "opened": BEGIN,
        "answered": BEGIN + 1,
        "chosen": BEGIN + 2,
        "human": BEGIN + 30,
        "ended": BEGIN + 40,
        "choice": "1",
        "category": "kebakaran",
        "language": "id",
        "stage": "talking",
        "path": "service",
        "route": "kebakaran",
        "version": 1,
        "outcome": "talked",
        "recording": "",
        "cause": "16",
        "facts": {"origin": "citizen", "choice": "none"},
        "plan": "dial:damkar/posko",
        "attempts": (given_attempt(),),
    }
    return CallView(**values | changes)


def given_detail(n: int = 1, **changes: Any) -> IncidentDetail:
    """Return an incident whole."""
    values: dict[str, Any] = {
        "summary": given_summary(n),
        "calls": (given_call(n),),
        "timeline": (EventView(BEGIN, "opened", "pbx1", {"node": "pbx1"}),),
    }
    return IncidentDetail(**values | changes)


def well() -> list[Check]:
    """Return checks that are all well."""
    return [Check(name, ok=True, detail=Bilingual("baik", "well")) for name in CHECKS]


@dataclass
class FakeIncidents:
    """Incidents in memory. `before_answer` may raise, or wait for ever."""

    details: dict[UUID, IncidentDetail] = field(default_factory=dict)
    before_answer: Callable[[], Awaitable[None]] | None = None
    asked: list[IncidentFilter] = field(default_factory=list)

    def add(self, detail: IncidentDetail) -> IncidentDetail:
        """Keep `detail`, and return it."""
        self.details[detail.summary.id] = detail
        return detail

    async def page(self, wanted: IncidentFilter) -> list[IncidentSummary]:
        """Return what the filter lets through, as a database would."""
        self.asked.append(wanted)
        if self.before_answer is not None:
            await self.before_answer()
        rows = sorted((d.summary for d in self.details.values()), key=lambda s: (-s.opened, -s.number))
        return [
            row
            for row in rows
            if (wanted.state is None or row.state == wanted.state)
            and (wanted.category is None or row.category == wanted.category)
            and (wanted.callback is None or row.callback is wanted.callback)
            and (wanted.cannot_speak is None or row.cannot_speak is wanted.cannot_speak)
            and (wanted.after is None or (row.opened, row.number) < (wanted.after.opened, wanted.after.number))
        ][: wanted.limit]

    async def detail(self, incident: UUID) -> IncidentDetail | None:
        """Return the incident, or None."""
        if self.before_answer is not None:
            await self.before_answer()
        return self.details.get(incident)


@dataclass
class FakeRefused:
    """Refused calls as they are told. `before_answer` may raise."""

    found: RefusedCalls = field(default_factory=lambda: RefusedCalls(0, (), ()))
    before_answer: Callable[[], Awaitable[None]] | None = None
    asked: list[int | None] = field(default_factory=list)

    async def since(self, at: int | None) -> RefusedCalls:
        """Return them, whatever is asked."""
        self.asked.append(at)
        if self.before_answer is not None:
            await self.before_answer()
        return self.found


@dataclass
class FakeCallbacks:
    """A list of callers to call back. `before_answer` may raise."""

    entries: list[Callback] = field(default_factory=list)
    before_answer: Callable[[], Awaitable[None]] | None = None
    asked: list[CallbackFilter] = field(default_factory=list)

    async def page(self, wanted: CallbackFilter) -> list[Callback]:
        """Return the entries after the place that is asked for, be there one at it or not, in the order given."""
        self.asked.append(wanted)
        if self.before_answer is not None:
            await self.before_answer()
        rest = [one for one in self.entries if wanted.after is None or _place(one) > _place(wanted.after)]
        return rest[: wanted.limit]


def _place(of: Callback | Place) -> tuple[int, int, int]:
    return -of.urgency, of.first, of.number_for_people


@dataclass
class FakeSetAside:
    """Lines that were set aside, as they are told. `before_answer` may raise."""

    found: SetAsides = field(default_factory=lambda: SetAsides(0, ()))
    before_answer: Callable[[], Awaitable[None]] | None = None
    asked: list[int | None] = field(default_factory=list)

    async def since(self, at: int | None) -> SetAsides:
        """Return them, whatever is asked."""
        self.asked.append(at)
        if self.before_answer is not None:
            await self.before_answer()
        return self.found


@dataclass
class FakeBoard:
    """A live board that shows what it is told."""

    calls: list[LiveCall] = field(default_factory=list)

    def live(self) -> list[LiveCall]:
        """Return the calls."""
        return self.calls


@dataclass
class FakeHealth:
    """A health that says what it is told."""

    state: list[Check] = field(default_factory=well)
    before_answer: Callable[[], Awaitable[None]] | None = None

    async def checks(self) -> list[Check]:
        """Return the state."""
        if self.before_answer is not None:
            await self.before_answer()
        return self.state


@dataclass(frozen=True)
class Reply:
    """An answer that fits the description."""

    status: int
    headers: Any
    text: str

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.text)


class Client:
    """Asks the API, and fails a test whose answer the description does not allow."""

    def __init__(self, session: aiohttp.ClientSession, port: int) -> None:
        self.session = session
        self.base = f"http://127.0.0.1:{port}"

    async def ask(self, path: str, *, method: str = "GET", **options: Any) -> Reply:
        """Send a request for `path` (taken as it is, not encoded again) and return the checked answer."""
        async with self.session.request(method, URL(self.base + path, encoded=True), **options) as response:
            reply = Reply(response.status, response.headers, await response.text())
        if method != "HEAD":
            check(path.partition("?")[0], method, reply)
        return reply


def check(path: str, method: str, reply: Reply) -> None:
    """Assert that the description allows this answer, and nothing in it is undescribed."""
    operation = _operation(path, method)
    if operation is None:
        media_type = reply.headers["Content-Type"].partition(";")[0]
        assert media_type == "application/problem+json", reply
        validate({"$ref": "#/components/schemas/Problem"}, reply.json)
        return
    assert str(reply.status) in operation["responses"], f"{reply.status} is not described for {path}"
    described = operation["responses"][str(reply.status)]
    assert [h for h in described.get("headers", ()) if h not in reply.headers and h != "Retry-After"] == []
    if "content" not in described:
        assert reply.text == ""
        return
    media_type = reply.headers["Content-Type"].partition(";")[0]
    assert media_type in described["content"], f"{media_type} is not described for {path} {reply.status}"
    body: Any = reply.json if media_type.endswith("json") else reply.text
    validate(described["content"][media_type]["schema"], body)
    if reply.status >= 400:
        assert body["status"] == reply.status
        assert body["code"] in described["content"][media_type]["examples"], body["code"]


def check_row(schema: str, value: Any) -> None:
    """Assert that `value` is what the description calls by this name."""
    validate({"$ref": f"#/components/schemas/{schema}"}, value)


def validate(schema: dict[str, Any], value: Any) -> None:
    """Assert that `value` fits `schema`; a member that the schema does not name is an error."""
    strict = _strict(schema) | {"components": _STRICT}
    errors = [f"{'/'.join(map(str, e.absolute_path))}: {e.message}" for e in _validator(strict).iter_errors(value)]
    assert not errors, errors


def _validator(schema: dict[str, Any]) -> Any:
    return OAS31Validator(schema, format_checker=OAS31Validator.FORMAT_CHECKER)


def _strict(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {name: _strict(part) for name, part in schema.items()}
    if isinstance(schema.get("properties"), dict):
        strict["additionalProperties"] = False
    return strict


_STRICT = _strict(copy.deepcopy({"schemas": DOCUMENT["components"]["schemas"]}))


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """Return what `part` of the description refers to."""
    while "$ref" in part:
        target: Any = DOCUMENT
        for step in part["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        part = target
    return part


def _operation(path: str, method: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = DOCUMENT["paths"].get(path, {}).get(method.lower())
    if found is not None:
        return found
    for template, methods in sorted(DOCUMENT["paths"].items(), key=lambda path: path[0].count("{")):
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            return methods.get(method.lower())  # type: ignore[no-any-return]
    return None


async def until(condition: Callable[[], bool], *, within_s: float = 30) -> None:
    """Wait until `condition` holds, looking again at every turn of the loop; TimeoutError after `within_s`."""
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.005)
