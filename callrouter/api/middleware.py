"""What happens around every request: language, deadline, errors become problems, headers.

Order, outermost first: `errors` (so that whatever is inside ends in a problem), the deadline, then what the
composition adds (access control), then the operation.
"""

from __future__ import annotations

import asyncio
import secrets

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from callrouter.api import docs, problems
from callrouter.api.language import negotiate
from callrouter.api.operation import operation_of
from callrouter.api.problems import ApiProblem, Fault, problem_response
from callrouter.bilingual import LANGUAGES, Bilingual
from callrouter.errors import OperatorError
from callrouter.incidents.views import StorageUnavailable
from callrouter.routing.values import Language

LANGUAGE = web.RequestKey("callrouter.language", Language)
DEADLINE = web.RequestKey("callrouter.deadline", asyncio.Timeout)
"""Until when a request is to be answered; an answer that is streamed takes it off once it has begun."""

_log = structlog.get_logger(__name__)


def errors(default: Language) -> Middleware:
    """Return the middleware that settles the language and answers every failure with a problem."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        language = negotiate(request.headers.get("Accept-Language", ""), default)
        request[LANGUAGE] = language
        try:
            return await handler(request)
        except ApiProblem as problem:
            return problem_response(problem, language)
        except StorageUnavailable as error:
            _log.warning("api.storage_unavailable", reason=str(error))
            return problem_response(ApiProblem(Fault(problems.STORAGE_UNAVAILABLE, "")), language)
        except web.HTTPException as refused:
            return _refused(refused, language)
        except OperatorError as error:
            _log.warning("api.out_of_order", reason=str(error), method=request.method, path=_route(request))
            return problem_response(out_of_order(error), language)
        except Exception:  # noqa: BLE001 (logged with its reference)
            reference = secrets.token_hex(8)
            _log.exception("api.failed", reference=reference, method=request.method, path=_route(request))
            return internal_error(reference, language)

    return middleware


def deadline(usual_s: float, slow_s: float) -> Middleware:
    """Return the middleware that gives up a request after `usual_s`, one of a slow operation after `slow_s`."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        operation = operation_of(request)
        seconds = slow_s if operation is not None and operation.slow else usual_s
        try:
            async with asyncio.timeout(seconds) as limit:
                request[DEADLINE] = limit
                return await handler(request)
        except TimeoutError:
            if not limit.expired():
                raise
            _log.warning("api.deadline_exceeded", method=request.method, path=_route(request), seconds=seconds)
            raise ApiProblem(Fault(problems.DEADLINE_EXCEEDED, "")) from None

    return middleware


def out_of_order(error: OperatorError) -> ApiProblem:
    """Return the answer to a request that met something a person must put right."""
    said = {name: error.message(name).removeprefix("callrouter: ").replace("\n  -> ", " ") for name in LANGUAGES}
    return ApiProblem(Fault(problems.OUT_OF_ORDER, "", {"what": Bilingual(**said)}))


def internal_error(reference: str, language: Language) -> web.Response:
    """Return the answer to a request that met a defect of ours; `reference` finds it in the log."""
    fault = Fault(problems.INTERNAL_ERROR, "", {"reference": reference})
    return problem_response(ApiProblem(fault), language, reference)


def secure(response: web.StreamResponse) -> None:
    """Set the headers that every answer carries."""
    headers = response.headers
    headers["Server"] = "callrouter"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Content-Security-Policy"] = docs.POLICY
    headers["Cache-Control"] = "no-store"  # nearly every answer holds personal data; the others are cheap


async def on_prepare(_request: web.Request, response: web.StreamResponse) -> None:
    """Set the headers, as aiohttp's signal wants it."""
    secure(response)


def _refused(refused: web.HTTPException, language: Language) -> web.Response:
    if refused.status < 400:
        raise refused
    match refused:
        case web.HTTPNotFound():
            problem = ApiProblem(Fault(problems.PATH_UNKNOWN, "/path"))
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(refused.allowed_methods))
            fault = Fault(problems.METHOD_NOT_ALLOWED, "/method", {"allowed": allowed})
            problem = ApiProblem(fault, headers={"Allow": allowed})
        case web.HTTPRequestEntityTooLarge():
            problem = ApiProblem(Fault(problems.BODY_TOO_LARGE, "/body"), headers={"Connection": "close"})
        case _:
            problem = ApiProblem(Fault(problems.REQUEST_REFUSED, ""))
    return problem_response(problem, language)


def _route(request: web.Request) -> str:
    # The pattern of the path and never the path itself: strangers write the latter.
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"
