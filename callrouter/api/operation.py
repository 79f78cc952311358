"""The typed layer: an operation is declared once, and both served and described from that declaration.

    surface = Surface()

    @surface.get("/api/v1/things/{id}", tag=…, summary=…, path_model=ThingPath, query=NoParameters,
                 response=Thing, example=…, problems=(THING_UNKNOWN,))
    async def read_thing(asked: Asked[ThingPath, NoParameters]) -> Thing:
        '''The description.'''

The function's name is the operation's id and its docstring the description.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from aiohttp import web
from pydantic import BaseModel
from pydantic_core import ErrorDetails

from callrouter.api import problems
from callrouter.api.parameters import OUT_OF_RANGE, BadParameters, bind, rule
from callrouter.api.problems import ApiProblem, Fault, Kind
from callrouter.api.services import Services
from callrouter.bilingual import Bilingual
from callrouter.routing.table import Language

P = TypeVar("P", bound=BaseModel)
Q = TypeVar("Q", bound=BaseModel)
R = TypeVar("R", bound=BaseModel)

JSON = "application/json"
HTML = "text/html"


@dataclass(frozen=True, slots=True)
class Asked(Generic[P, Q]):
    """A request whose parameters are right. `language` is the one its sender wants."""

    path: P
    query: Q
    language: Language
    services: Services


@dataclass(frozen=True, slots=True)
class Operation(Generic[P, Q, R]):
    """One thing that can be asked. `problems` are those beyond the ones that every request may meet."""

    name: str
    method: str
    path: str
    tag: str
    summary: Bilingual
    description: str
    path_model: type[P]
    query_model: type[Q]
    response: type[R]
    example: R | None
    problems: tuple[Kind, ...]
    media_type: str
    handle: Callable[[Asked[P, Q]], Awaitable[R]]


AnyOperation = Operation[Any, Any, Any]


class Surface:
    """Operations that belong together, in the order of their declaration."""

    def __init__(self) -> None:
        self.operations: list[AnyOperation] = []

    def get(
        self,
        path: str,
        *,
        tag: str,
        summary: Bilingual,
        path_model: type[P],
        query: type[Q],
        response: type[R],
        example: R | None,
        problems: tuple[Kind, ...] = (),
        media_type: str = JSON,
    ) -> Callable[[Callable[[Asked[P, Q]], Awaitable[R]]], Callable[[Asked[P, Q]], Awaitable[R]]]:
        """Declare a function that answers GET (and HEAD) of `path` with 200 and `response`."""

        def declare(handle: Callable[[Asked[P, Q]], Awaitable[R]]) -> Callable[[Asked[P, Q]], Awaitable[R]]:
            operation = Operation(
                name=handle.__name__,
                method="GET",
                path=path,
                tag=tag,
                summary=summary,
                description=inspect.cleandoc(handle.__doc__ or ""),
                path_model=path_model,
                query_model=query,
                response=response,
                example=example,
                problems=problems,
                media_type=media_type,
                handle=handle,
            )
            self.operations.append(operation)
            return handle

        return declare


async def serve(
    operation: AnyOperation, services: Services, request: web.Request, language: Language
) -> web.Response:
    """Answer `request` by `operation`. Raises ApiProblem, or whatever the handler raises."""
    if request.can_read_body:
        # The rest of a body that nobody reads would be taken for the next request.
        raise ApiProblem(Fault(problems.BODY_UNEXPECTED, "/body"), headers={"Connection": "close"})
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
    answer = await operation.handle(Asked(bound[0], bound[1], language, services))
    return _response(operation, answer)


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


def _response(operation: AnyOperation, answer: BaseModel) -> web.Response:
    headers = {"Vary": "Accept-Language"}
    if operation.media_type == JSON:
        return web.Response(body=answer.model_dump_json().encode(), content_type=JSON, headers=headers)
    return web.Response(
        text=str(answer.model_dump()), content_type=operation.media_type, charset="utf-8", headers=headers
    )
