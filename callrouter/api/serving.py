"""How a request becomes an answer of the operation that it asks for."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from aiohttp import web
from pydantic import BaseModel
from pydantic_core import ErrorDetails

from callrouter.access.model import Principal
from callrouter.api import bodies, preconditions, problems, sending, streaming, writing
from callrouter.api.operation import JSON, Answered, AnyOperation, Asked, Body, Sent
from callrouter.api.parameters import OUT_OF_RANGE, BadParameters, bind, rule
from callrouter.api.problems import ApiProblem, Fault
from callrouter.api.services import Services
from callrouter.bilingual import Bilingual
from callrouter.routing.values import Language


async def serve(
    operation: AnyOperation,
    services: Services,
    request: web.Request,
    language: Language,
    principal: Principal | None,
    body_s: float,
) -> web.StreamResponse:
    """Answer `request` by `operation`. Raises ApiProblem, or whatever the handler raises.

    body_s: time for the body (s)
    """
    if operation.body is None and request.can_read_body:
        # The rest of a body that nobody reads would be taken for the next request.
        raise ApiProblem(Fault(problems.BODY_UNEXPECTED, "/body"), headers={"Connection": "close"})
    path, query = _parameters(operation, request)
    seen = preconditions.if_match(request.headers.getall("If-Match", ())) if operation.guarded else None
    resume = streaming.last_event_id(request) if operation.streams else None
    asked = Asked(path, query, language, services, principal, seen, resume)
    if operation.body is not None:
        asked = await _with_body(operation.body, asked, request, body_s)
    await _note(operation, asked)
    answer = await operation.handle(asked)
    return await _response(operation, request, answer)


async def _note(operation: AnyOperation, asked: Asked[Any, Any]) -> None:
    if operation.shows is not None and asked.principal is not None:
        subject = getattr(asked.path, "id", None) or getattr(asked.query, "incident", None) or operation.name
        await asked.services.access_log.saw(asked.principal, operation.shows, str(subject))


def _parameters(operation: AnyOperation, request: web.Request) -> list[BaseModel]:
    faults: list[Fault] = []
    bound: list[BaseModel] = []
    for where, model, pairs in (
        ("path", operation.path_model, request.match_info.items()),
        ("query", operation.query_model, request.query.items()),
    ):
        try:
            bound.append(bind(model, pairs))
        except BadParameters as bad:
            faults.extend(parameter_faults(where, bad))
    if faults:
        raise ApiProblem(*faults)
    return bound


async def _with_body(
    body: Body[Any], asked: Asked[Any, Any], request: web.Request, seconds: float
) -> Sent[Any, Any, Any]:
    raw = await bodies.read(request, body.media_type, body.limit, seconds)
    value = await bodies.take(raw, body.model, secret=body.secret)
    return Sent(
        asked.path, asked.query, asked.language, asked.services, asked.principal, asked.if_match, None, value, raw
    )


def parameter_faults(where: str, bad: BadParameters) -> list[Fault]:
    """Return what is wrong with the parameters in `where` (path or query)."""
    repeated = [
        Fault(problems.PARAMETER_REPEATED, problems.pointer(where, name), {"name": _short(name)})
        for name in bad.repeated
    ]
    return [*(_fault(where, error, bad.model) for error in bad.errors), *repeated]


_KINDS = {
    "extra_forbidden": problems.PARAMETER_UNKNOWN,
    "missing": problems.PARAMETER_MISSING,
    "cursor": problems.CURSOR_INVALID,
    **dict.fromkeys(OUT_OF_RANGE, problems.PARAMETER_OUT_OF_RANGE),
}


def _fault(where: str, error: ErrorDetails, model: type[BaseModel]) -> Fault:
    name = str(error["loc"][0])
    values: dict[str, str | Bilingual] = {"name": _short(name), "rule": rule(error)}
    values["known"] = ", ".join(model.model_fields) or Bilingual("tidak ada", "none")
    return Fault(_KINDS.get(error["type"], problems.PARAMETER_INVALID), problems.pointer(where, name), values)


def _short(name: str) -> str:
    return name if len(name) <= 60 else name[:57] + "..."


async def _response(operation: AnyOperation, request: web.Request, answer: object) -> web.StreamResponse:
    answered: Answered[Any] = answer if isinstance(answer, Answered) else Answered(answer)
    headers = {"Vary": "Accept-Language"}
    if answered.stream is not None:
        return await streaming.send(request, answered.stream, operation.media_type, headers)
    if answered.file is not None:
        return await sending.send(request, answered.file, operation.media_type, headers)
    if answered.location is not None:
        headers["Location"] = answered.location
    if answered.etag is not None:
        headers["ETag"] = f'"{answered.etag}"'
        known = request.headers.getall("If-None-Match", ())
        if operation.method == "GET" and preconditions.unchanged(known, answered.etag):
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    if answered.value is None:
        return web.Response(status=HTTPStatus.NO_CONTENT, headers=headers)
    body = answered.raw
    if body is None and operation.slow:
        body = await asyncio.to_thread(writing.great_text, answered.value)
    elif body is None:
        body = writing.text(answered.value)
    charset = None if operation.media_type == JSON else "utf-8"
    return web.Response(
        body=body, status=operation.status, content_type=operation.media_type, charset=charset, headers=headers
    )
