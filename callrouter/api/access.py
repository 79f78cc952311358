"""Who may ask: everything under /api/v1 takes a bearer token (RFC 6750), but for what is open to all."""

from __future__ import annotations

import math

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from callrouter.access.model import Principal
from callrouter.access.tokens import Throttled, Unauthenticated
from callrouter.api import refusals
from callrouter.api.operation import AnyOperation, operation_of
from callrouter.api.ports import Authenticator
from callrouter.api.problems import ApiProblem, Fault

PRINCIPAL = web.RequestKey("callrouter.principal", Principal)

GUARDED = "/api/"
"""What begins so is not even said to be unknown to who has no token."""


class Nobody:
    """Knows no token: nothing is open but what is open to all."""

    async def authenticate(self, authorization: str | None, source: str) -> Principal:  # noqa: ARG002
        """Raise Unauthenticated."""
        raise Unauthenticated("no token is known here")


def access(authenticator: Authenticator) -> Middleware:
    """Return the middleware that finds out who asks, and whether his role has the right that the operation takes."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        operation = operation_of(request)
        if request.path.startswith(GUARDED) if operation is None else operation.right is not None:
            principal = await _asking(authenticator, request)
            if operation is not None:
                _authorise(operation, principal)
            request[PRINCIPAL] = principal
        return await handler(request)

    return middleware


async def _asking(authenticator: Authenticator, request: web.Request) -> Principal:
    try:
        return await authenticator.authenticate(request.headers.get("Authorization"), request.remote or "")
    except Unauthenticated:
        headers = {"WWW-Authenticate": 'Bearer realm="callrouter"'}
        raise ApiProblem(Fault(refusals.UNAUTHENTICATED, "/header/Authorization"), headers=headers) from None
    except Throttled as throttled:
        headers = {"Retry-After": str(max(1, math.ceil(throttled.retry_after_s)))}
        raise ApiProblem(Fault(refusals.THROTTLED, "/header/Authorization"), headers=headers) from None


def _authorise(operation: AnyOperation, principal: Principal) -> None:
    if operation.right is not None and not principal.may(operation.right):
        values = {"right": operation.right.value, "role": principal.role.value}
        raise ApiProblem(Fault(refusals.FORBIDDEN, "/header/Authorization", values))
