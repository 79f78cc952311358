"""The REST server: puts the surface together, listens, stops."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from callrouter.api import board, docs, health, incidents, meta, openapi, refused
from callrouter.api.connection import BoundedSite, Gate, Limits
from callrouter.api.middleware import LANGUAGE, deadline, errors, on_prepare
from callrouter.api.models import HtmlPage, OpenApiDocument
from callrouter.api.operation import AnyOperation, serve
from callrouter.api.services import Services
from callrouter.calls.live import Health, LiveCalls
from callrouter.calls.refused import RefusedReader
from callrouter.incidents.views import IncidentReader
from callrouter.listening import cannot_listen
from callrouter.routing.table import Language

OPERATIONS: tuple[AnyOperation, ...] = tuple(
    operation for part in (incidents, board, refused, health, meta) for operation in part.surface.operations
)
"""Everything that can be asked."""


class ApiServer:
    """Serves the API on one address.

    port:       0 takes any free port (tests); `port` tells which
    language:   of texts, where a request does not say (settings.language)
    middleware: further middleware, outermost first, inside of errors and deadline: the place of access control
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        incidents: IncidentReader,
        refused_calls: RefusedReader,
        live: LiveCalls,
        health: Health,
        language: str = Language.ID,
        limits: Limits | None = None,
        middleware: Sequence[Middleware] = (),
    ) -> None:
        self._host = host
        self._port = port
        self._language = Language(language)
        self._limits = limits or Limits()
        self._middleware = tuple(middleware)
        document, pages = _description()
        self._services = Services(
            incidents=incidents,
            refused_calls=refused_calls,
            live=live,
            health=health,
            document=document,
            pages=pages,
        )
        self._gate = Gate(self._limits, self._language)
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._port

    @property
    def connections(self) -> int:
        """Connections that are open."""
        return len(self._gate.open)

    @property
    def refused(self) -> int:
        """Connections turned away since the start, for there were `Limits.connections` already."""
        return self._gate.refused

    async def start(self) -> None:
        """Listen and serve. Raises OperatorError where the address cannot be had."""
        if self._runner is not None:
            raise RuntimeError("the API is already started")
        runner = web.AppRunner(self._application(), handle_signals=False, shutdown_timeout=self._limits.stop_s)
        try:
            await runner.setup()
            site = BoundedSite(runner, self._gate, self._host, self._port)
            await site.start()
        except OSError as error:
            await runner.cleanup()
            raise cannot_listen("api", self._host, self._port, error) from None
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        self._port = site.port

    async def stop(self) -> None:
        """Stop listening, give running requests `Limits.stop_s`, then end them. May be called at any time."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def _application(self) -> web.Application:
        application = web.Application(
            middlewares=[errors(self._language), deadline(self._limits.deadline_s), *self._middleware],
            client_max_size=self._limits.body_bytes,
        )
        application.on_response_prepare.append(on_prepare)
        for operation in OPERATIONS:
            handler = _handler(operation, self._services)
            # aiohttp's own pattern leaves out braces; a bad id is to be told so, whatever is bad in it.
            resource = application.router.add_resource(re.sub(r"\{(\w+)\}", r"{\1:[^/]+}", operation.path))
            for method in (operation.method, "HEAD") if operation.method == "GET" else (operation.method,):
                resource.add_route(method, handler, expect_handler=_expect_nothing)
        return application


@functools.cache
def _description() -> tuple[OpenApiDocument, Mapping[Language, HtmlPage]]:
    """Return the API's description and its pages: constants, but 50 ms of work, so not made at import."""
    document = openapi.build(OPERATIONS)
    return OpenApiDocument(document), {language: docs.render(document, language) for language in Language}


def _handler(operation: AnyOperation, services: Services) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        return await serve(operation, services, request, request[LANGUAGE])

    return handler


async def _expect_nothing(_request: web.Request) -> None:
    """No operation takes a body, so ``Expect: 100-continue`` gets its final answer at once (RFC 9110 10.1.1)."""
