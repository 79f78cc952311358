"""The typed layer: an operation is declared once, and both served and described from that declaration.

    surface = Surface()

    @surface.get("/api/v1/things/{id}", tag=…, summary=…, path_model=ThingPath, query=NoParameters,
                 response=Thing, example=…, problems=(THING_UNKNOWN,), right=Right.SEE_THINGS)
    async def read_thing(asked: Asked[ThingPath, NoParameters]) -> Thing:
        '''The description.'''

    @surface.send("PUT", …, body=Body(Thing, examples={…}), guarded=True)
    async def replace_thing(sent: Sent[ThingPath, NoParameters, Thing]) -> Answered[Thing]:
        '''The description.'''

The function's name is the operation's id and its docstring the description, where none is given.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from aiohttp import web
from pydantic import BaseModel

from callrouter.access.model import Principal, Right
from callrouter.api import bodies
from callrouter.api.kinds import Kind
from callrouter.api.ports import Management
from callrouter.api.preconditions import IfMatch
from callrouter.api.services import Services
from callrouter.bilingual import Bilingual
from callrouter.privacy.access_log import Seen
from callrouter.routing.values import Language

P = TypeVar("P", bound=BaseModel)
Q = TypeVar("Q", bound=BaseModel)
R = TypeVar("R", bound=BaseModel)
B = TypeVar("B", bound=BaseModel)

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
HTML = "text/html"
EVENTS = "text/event-stream"
AUDIO = "audio/wav"
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class Asked(Generic[P, Q]):
    """A request whose parameters are right. `language` is the one its sender wants.

    principal: who asks; None where the operation is open to all
    if_match:  what he has seen; None where the operation does not ask for it
    resume:    the Last-Event-ID of who was listening before; None where he names none, or nothing is streamed
    """

    path: P
    query: Q
    language: Language
    services: Services
    principal: Principal | None
    if_match: IfMatch | None
    resume: str | None

    @property
    def by(self) -> Principal:
        """Who asks an operation that takes a right."""
        assert self.principal is not None  # noqa: S101 (the middleware lets nobody else through)
        return self.principal

    @property
    def seen(self) -> IfMatch:
        """What who asks a guarded operation has seen."""
        assert self.if_match is not None  # noqa: S101 (`serve` sees to it)
        return self.if_match

    @property
    def management(self) -> Management:
        """What admins and operators work on."""
        assert self.services.management is not None  # noqa: S101 (without it nobody is known, so nobody comes here)
        return self.services.management


@dataclass(frozen=True, slots=True)
class Sent(Asked[P, Q], Generic[P, Q, B]):
    """A request whose body is right too. `raw`: the body as it came."""

    body: B
    raw: bytes


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file that is an answer.

    begun:   called with the first byte that is wanted, before any is sent; it may raise
    headers: of the answer
    """

    path: Path
    begun: Callable[[int], Awaitable[None]]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answered(Generic[R]):
    """An answer with more than a value.

    raw:      the value as it is sent, where it was made before
    etag:     without its quotes
    location: the path of what was made
    stream:   what is sent piece by piece, for as long as there is anything; closed at the end, however it comes
    file:     a file that is sent, or the part of it that was asked for (callrouter.api.sending)
    """

    value: R | None = None
    raw: bytes | None = None
    etag: str | None = None
    location: str | None = None
    stream: AsyncGenerator[bytes, None] | None = None
    file: SentFile | None = None


@dataclass(frozen=True, slots=True)
class Body(Generic[B]):
    """The body that an operation takes.

    examples:  by name, JSON values
    limit:     bytes
    patches:   for a merge patch: the model of what it changes
    described: the model that the description shows, where it is another (the handler looks at the body by itself)
    secret:    no answer about it repeats a value
    """

    model: type[B]
    examples: Mapping[str, Any]
    media_type: str = JSON
    limit: int = bodies.BODY_BYTES
    patches: type[BaseModel] | None = None
    described: type[BaseModel] | None = None
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Operation(Generic[P, Q, R]):
    """One thing that can be asked. `problems` are those beyond the ones that every such request may meet.

    right:    what who asks needs; None: open to all
    response: None: the answer has no content
    example:  makes a response for the description; the service, which hardly ever describes itself, makes none
    tagged:   the answer has an ETag (and a GET takes If-None-Match)
    guarded:  If-Match is required
    slow:     it may take Limits.slow_deadline_s
    streams:  its answer goes on for as long as the client wants (Limits.streams of them at once)
    shows:    what of persons it shows: who asks is noted in the access log before he is answered
    """

    name: str
    method: Method
    path: str
    tag: str
    summary: Bilingual
    description: str
    path_model: type[P]
    query_model: type[Q]
    response: type[R] | None
    example: Callable[[], R] | None
    problems: tuple[Kind, ...]
    media_type: str
    handle: Callable[[Any], Awaitable[R | Answered[R] | None]]
    right: Right | None = None
    status: HTTPStatus = HTTPStatus.OK
    body: Body[Any] | None = None
    tagged: bool = False
    guarded: bool = False
    slow: bool = False
    streams: bool = False
    shows: Seen | None = None


AnyOperation = Operation[Any, Any, Any]
OPERATION_OF: web.AppKey[dict[web.AbstractRoute, AnyOperation]] = web.AppKey("callrouter.operations")


def operation_of(request: web.Request) -> AnyOperation | None:
    """Return what `request` asks for; None for a path or method that is unknown."""
    return request.app[OPERATION_OF].get(request.match_info.route)


@dataclass(frozen=True, slots=True)
class Surface:
    """Operations that belong together, in the order of their declaration."""

    operations: list[AnyOperation] = field(default_factory=list)

    def get(
        self,
        path: str,
        *,
        tag: str,
        summary: Bilingual,
        path_model: type[P],
        query: type[Q],
        response: type[R],
        example: Callable[[], R] | None,
        right: Right | None,
        problems: tuple[Kind, ...] = (),
        media_type: str = JSON,
        tagged: bool = False,
        slow: bool = False,
        shows: Seen | None = None,
        streams: bool = False,
        name: str = "",
        description: str = "",
    ) -> Callable[[Callable[[Asked[P, Q]], Awaitable[Any]]], Callable[[Asked[P, Q]], Awaitable[Any]]]:
        """Declare a function that answers GET (and HEAD) of `path` with 200 and `response`."""
        return self._declare(
            "GET",
            path,
            tag,
            summary,
            path_model,
            query,
            response,
            example,
            right,
            problems,
            name=name,
            description=description,
            media_type=media_type,
            tagged=tagged,
            slow=slow,
            shows=shows,
            streams=streams,
        )

    def do(
        self,
        method: Method,
        path: str,
        *,
        tag: str,
        summary: Bilingual,
        path_model: type[P],
        query: type[Q],
        response: type[R] | None,
        example: Callable[[], R] | None,
        right: Right,
        problems: tuple[Kind, ...] = (),
        status: HTTPStatus = HTTPStatus.OK,
        tagged: bool = False,
        guarded: bool = False,
        slow: bool = False,
        shows: Seen | None = None,
        name: str = "",
        description: str = "",
    ) -> Callable[[Callable[[Asked[P, Q]], Awaitable[Any]]], Callable[[Asked[P, Q]], Awaitable[Any]]]:
        """Declare a function that carries out a request without a body."""
        return self._declare(
            method,
            path,
            tag,
            summary,
            path_model,
            query,
            response,
            example,
            right,
            problems,
            name=name,
            description=description,
            status=status,
            tagged=tagged,
            guarded=guarded,
            slow=slow,
            shows=shows,
        )

    def send(
        self,
        method: Method,
        path: str,
        *,
        tag: str,
        summary: Bilingual,
        path_model: type[P],
        query: type[Q],
        body: Body[B],
        response: type[R] | None,
        example: Callable[[], R] | None,
        right: Right,
        problems: tuple[Kind, ...] = (),
        status: HTTPStatus = HTTPStatus.OK,
        tagged: bool = False,
        guarded: bool = False,
        slow: bool = False,
        shows: Seen | None = None,
        name: str = "",
        description: str = "",
    ) -> Callable[[Callable[[Sent[P, Q, B]], Awaitable[Any]]], Callable[[Sent[P, Q, B]], Awaitable[Any]]]:
        """Declare a function that carries out a request with a body."""
        return self._declare(
            method,
            path,
            tag,
            summary,
            path_model,
            query,
            response,
            example,
            right,
            problems,
            name=name,
            description=description,
            status=status,
            body=body,
            tagged=tagged,
            guarded=guarded,
            slow=slow,
            shows=shows,
        )

    def _declare(
        self, method: Method, path: str, tag: str, summary: Bilingual, path_model: type[P], query: type[Q],
        response: type[R] | None, example: Callable[[], R] | None, right: Right | None, problems: tuple[Kind, ...],
        *, name: str, description: str, media_type: str = JSON, **more: Any,
    ) -> Callable[[Callable[[Any], Awaitable[Any]]], Callable[[Any], Awaitable[Any]]]:  # fmt: skip
        def declare(handle: Callable[[Any], Awaitable[Any]]) -> Callable[[Any], Awaitable[Any]]:
            operation = Operation(
                name=name or handle.__name__,
                method=method,
                path=path,
                tag=tag,
                summary=summary,
                description=description or inspect.cleandoc(handle.__doc__ or ""),
                path_model=path_model,
                query_model=query,
                response=response,
                example=example,
                right=right,
                problems=problems,
                media_type=media_type,
                handle=handle,
                **more,
            )
            self.operations.append(operation)
            return handle

        return declare
