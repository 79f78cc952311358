"""The REST server: puts the surface together, listens, stops."""

from __future__ import annotations

import asyncio
import functools
import json
import re
import ssl
from collections.abc import Callable, Sequence

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from callrouter.api import (
    access_log,
    agency,
    audit,
    banners,
    board,
    callback_acts,
    callbacks,
    callers,
    case,
    dispositions,
    docs,
    draft,
    duty,
    eido,
    events,
    figures,
    health,
    holidays,
    incident_sop,
    incidents,
    journal,
    meta,
    metrics,
    notices,
    openapi,
    parties,
    posture,
    questions,
    recordings,
    refused,
    related,
    resources,
    secrets,
    settings,
    sop,
    tokens,
    trunk_states,
    versions,
)
from callrouter.api.access import PRINCIPAL, Nobody, access
from callrouter.api.connection import BoundedSite, Gate, Limits
from callrouter.api.eido_ports import NeighboursDesk
from callrouter.api.figures_ports import FiguresDesk
from callrouter.api.incident_ports import SubCodeDesk
from callrouter.api.middleware import LANGUAGE, deadline, errors, on_prepare
from callrouter.api.models import OpenApiDocument
from callrouter.api.notice_ports import NoticeDesk, NoticeSecretDesk
from callrouter.api.operation import OPERATION_OF, AnyOperation
from callrouter.api.ports import CallerDesk, Management, NoCallers
from callrouter.api.posture_ports import PostureDesk
from callrouter.api.related_ports import RelatedReader
from callrouter.api.services import Description, Services
from callrouter.api.serving import serve
from callrouter.api.sop_ports import SopAnswers, SopDesk
from callrouter.calls.bannerdesk import BannerDesk
from callrouter.calls.live import Health, LiveCalls
from callrouter.calls.parties import PartyDesk
from callrouter.calls.refused import RefusedReader
from callrouter.calls.setaside import SetAsideReader
from callrouter.calls.trunks import Trunks, TrunkStates
from callrouter.clock import now_us
from callrouter.incidents.callbacks import CallbackDesk, CallbackReader
from callrouter.incidents.desk import IncidentDesk
from callrouter.incidents.views import AgencyReader, IncidentReader
from callrouter.listening import cannot_listen
from callrouter.privacy.access_log import AccessLog, Forgetful
from callrouter.privacy.recordings import RecordingDesk
from callrouter.routing.values import Language
from callrouter.stream.feed import Feed

OPERATIONS: tuple[AnyOperation, ...] = tuple(
    operation
    for part in (
        incidents,
        case,
        incident_sop,
        related,
        notices,
        dispositions,
        sop,
        agency,
        board,
        callers,
        parties,
        eido,
        trunk_states,
        events,
        figures,
        refused,
        callbacks,
        callback_acts,
        banners,
        posture,
        journal,
        duty,
        resources,
        secrets,
        settings,
        draft,
        versions,
        questions,
        holidays,
        tokens,
        audit,
        access_log,
        recordings,
        health,
        metrics,
        meta,
    )
    for operation in part.surface.operations
)
"""Everything that can be asked."""


class ApiServer:
    """Serves the API on one address.

    port:       0 takes any free port (tests); `port` tells which
    measured:   gives the figures for Prometheus
    language:   of texts, where a request does not say (settings.language)
    feed:       what changes, for who listens; its listeners are let go when the server stops
    callers:    who calls; trunks: how the trunks are
    access_log: told who is shown which person's data; None: nobody is (tests)
    recordings: None: there are none
    desk, agencies, sub_codes: where incidents are worked on; None: nowhere (503)
    figures:    reads clocks and scoreboards; None: nobody does (503)
    notices, notice_secrets: what agencies were sent, and what it is signed with; None: nowhere (503)
    sop, sop_answers, related: lists, what incidents are asked, and which belong together; None: nowhere (503)
    party_desk: adds agencies to talks; neighbours: hands incidents over and takes them in; None: nobody does (503)
    calling_back, banner_desk, posture_desk: what supervisors and operators do with the day; None: nobody does (503)
    management: what admins and operators work on, and who knows the tokens; None: nothing is answered but what is
                open to all
    tls:        serve HTTPS by this (callrouter.api.tls); None: plain HTTP
    middleware: further middleware, outermost first, inside of errors, deadline and access
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        incidents: IncidentReader,
        refused_calls: RefusedReader,
        callbacks: CallbackReader,
        set_aside: SetAsideReader,
        live: LiveCalls,
        health: Health,
        measured: Callable[[], bytes] = bytes,
        feed: Feed | None = None,
        callers: CallerDesk | None = None,
        trunks: TrunkStates | None = None,
        access_log: AccessLog | None = None,
        recordings: RecordingDesk | None = None,
        desk: IncidentDesk | None = None,
        agencies: AgencyReader | None = None,
        sub_codes: SubCodeDesk | None = None,
        figures: FiguresDesk | None = None,
        sop: SopDesk | None = None,
        sop_answers: SopAnswers | None = None,
        related: RelatedReader | None = None,
        notices: NoticeDesk | None = None,
        notice_secrets: NoticeSecretDesk | None = None,
        party_desk: PartyDesk | None = None,
        neighbours: NeighboursDesk | None = None,
        calling_back: CallbackDesk | None = None,
        banner_desk: BannerDesk | None = None,
        posture_desk: PostureDesk | None = None,
        management: Management | None = None,
        language: str = Language.ID,
        limits: Limits | None = None,
        tls: ssl.SSLContext | None = None,
        middleware: Sequence[Middleware] = (),
    ) -> None:
        self._host = host
        self._port = port
        self._language = Language(language)
        self.limits = limits or Limits()
        self._tls = tls
        self._middleware = (access(management.tokens if management else Nobody()), *middleware)
        self._services = Services(
            incidents=incidents,
            refused_calls=refused_calls,
            callbacks=callbacks,
            set_aside=set_aside,
            live=live,
            health=health,
            description=_in_a_thread,
            metrics=measured,
            feed=Feed() if feed is None else feed,
            callers=NoCallers() if callers is None else callers,
            trunks=Trunks() if trunks is None else trunks,
            access_log=access_log or AccessLog(Forgetful(), now_us),
            recordings=recordings,
            desk=desk,
            agencies=agencies,
            sub_codes=sub_codes,
            figures=figures,
            sop=sop,
            sop_answers=sop_answers,
            related=related,
            notices=notices,
            notice_secrets=notice_secrets,
            parties=party_desk,
            neighbours=neighbours,
            calling_back=calling_back,
            banners=banner_desk,
            posture=posture_desk,
            management=management,
        )
        self._gate = Gate(self.limits, self._language)
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

    @property
    def streams(self) -> int:
        """Connections whose answer goes on, which do not count among `connections`."""
        return len(self._gate.streams)

    async def start(self) -> None:
        """Listen and serve. Raises OperatorError where the address cannot be had."""
        if self._runner is not None:
            raise RuntimeError("the API is already started")
        runner = web.AppRunner(self._application(), handle_signals=False, shutdown_timeout=self.limits.stop_s)
        try:
            await runner.setup()
            site = BoundedSite(runner, self._gate, self._host, self._port, self._tls)
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
            middlewares=[
                errors(self._language),
                deadline(self.limits.deadline_s, self.limits.slow_deadline_s),
                *self._middleware,
            ],
        )
        application[OPERATION_OF] = {}
        application.on_response_prepare.append(on_prepare)
        application.on_shutdown.append(self._let_go)
        for operation in OPERATIONS:
            handler = _handler(operation, self._services, self.limits.deadline_s)
            # aiohttp's own pattern leaves out braces; a bad id is to be told so, whatever is bad in it.
            resource = application.router.add_resource(re.sub(r"\{(\w+)\}", r"{\1:[^/]+}", operation.path))
            for method in (operation.method, "HEAD") if operation.method == "GET" else (operation.method,):
                route = resource.add_route(method, handler, expect_handler=_expect_nothing)
                application[OPERATION_OF][route] = operation
        return application

    async def _let_go(self, _application: web.Application) -> None:
        # Before running requests are waited for: a stream would not end by itself.
        self._services.feed.close()


async def _in_a_thread() -> Description:
    # Half a second of work, which would keep calls waiting at the start of the service for a page that few read.
    return await asyncio.to_thread(_description)


@functools.cache
def _description() -> Description:
    """Return the API's description: a constant."""
    document = openapi.build(OPERATIONS)
    pages = {language: docs.render(document, language) for language in Language}
    return Description(OpenApiDocument(document), json.dumps(document, ensure_ascii=False).encode(), pages)


def _handler(operation: AnyOperation, services: Services, body_s: float) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        return await serve(operation, services, request, request[LANGUAGE], request.get(PRINCIPAL), body_s)

    return handler


async def _expect_nothing(_request: web.Request) -> None:
    """``100 Continue`` is sent when the body is read: a request that is refused gets its answer at once (RFC 9110
    10.1.1).
    """
