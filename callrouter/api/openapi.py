"""The description of the API (OpenAPI 3.1), made from the same declarations that serve it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from callrouter import __version__
from callrouter.api import problems
from callrouter.api.language import say
from callrouter.api.operation import AnyOperation
from callrouter.api.problems import ApiProblem, Fault, Kind, problem_model
from callrouter.bilingual import Bilingual
from callrouter.calls.live import CHECKS
from callrouter.routing.table import Language

_REFS = "#/components/schemas/{model}"
_DESCRIPTION = """\
Incidents and calls of an emergency call centre (112), and the health of the service.

Times are RFC 3339 in UTC with microseconds. What is not known is null. Lists are read page by page: hand the `next`
of a page back as `after`. Everything that goes wrong is answered as a problem (RFC 9457) with a stable `code`, what
is wrong and what to do in Indonesian or English (`Accept-Language`), and a pointer to the part of the request.
"""

ALWAYS: tuple[Kind, ...] = (problems.BODY_UNEXPECTED, problems.INTERNAL_ERROR, problems.DEADLINE_EXCEEDED)
"""Problems that every operation may answer with."""
_OF_PARAMETERS = (
    problems.PARAMETER_UNKNOWN,
    problems.PARAMETER_REPEATED,
    problems.PARAMETER_INVALID,
    problems.PARAMETER_OUT_OF_RANGE,
    problems.CURSOR_INVALID,
)


def build(operations: Sequence[AnyOperation]) -> dict[str, Any]:
    """Return the whole description as JSON values."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "callrouter",
            "version": __version__,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [],
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.tag for operation in operations)],
        "paths": paths,
        "components": {
            "schemas": _schemas(operations),
            "parameters": {"AcceptLanguage": _ACCEPT_LANGUAGE},
            "headers": {"RetryAfter": _RETRY_AFTER},
        },
        "x-problems": [_catalogued(kind) for kind in problems.CATALOGUE],
    }


_ACCEPT_LANGUAGE = {
    "name": "Accept-Language",
    "in": "header",
    "required": False,
    "description": "Language of texts for people: id or en. Default: the service's setting.",
    "schema": {"type": "string"},
    "example": "en",
}
_RETRY_AFTER = {
    "description": "Seconds after which to try again.",
    "schema": {"type": "integer", "minimum": 1},
    "example": 5,
}


def _schemas(operations: Sequence[AnyOperation]) -> dict[str, Any]:
    shown: dict[type[BaseModel], None] = dict.fromkeys(operation.response for operation in operations)
    shown |= dict.fromkeys(kind.model for kind in problems.CATALOGUE)
    _, answers = models_json_schema([(model, "serialization") for model in shown], ref_template=_REFS)
    asked = [model for operation in operations for model in (operation.path_model, operation.query_model)]
    _, parameters = models_json_schema([(model, "validation") for model in asked], ref_template=_REFS)
    own = {model.__name__ for model in asked}
    # Parameters are listed one by one, so only what they refer to (enumerations) is a schema of its own.
    used = {name: schema for name, schema in parameters["$defs"].items() if name not in own}
    return {**used, **answers["$defs"]}


def _operation(operation: AnyOperation) -> dict[str, Any]:
    success: dict[str, Any] = {"schema": {"$ref": _REFS.format(model=operation.response.__name__)}}
    if operation.example is not None:
        success["examples"] = {"example": {"value": operation.example.model_dump(mode="json")}}
    return {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary.en,
        "x-summary": {"id": operation.summary.id, "en": operation.summary.en},
        "description": operation.description,
        "parameters": [
            *_parameters("path", operation.path_model),
            *_parameters("query", operation.query_model),
            {"$ref": "#/components/parameters/AcceptLanguage"},
        ],
        "responses": {
            "200": {"description": operation.summary.en, "content": {operation.media_type: success}},
            **_problem_responses(_kinds(operation)),
        },
    }


def _kinds(operation: AnyOperation) -> list[Kind]:
    # A query parameter that nobody declared can be sent to any operation.
    of_parameters: Iterable[Kind] = (problems.PARAMETER_UNKNOWN, problems.PARAMETER_REPEATED)
    if operation.path_model.model_fields or operation.query_model.model_fields:
        of_parameters = _OF_PARAMETERS
    return list(dict.fromkeys((*of_parameters, *operation.problems, *ALWAYS)))


def _parameters(where: str, model: type[BaseModel]) -> list[dict[str, Any]]:
    schema = model.model_json_schema(mode="validation", ref_template=_REFS)
    found = []
    for name, described in schema.get("properties", {}).items():
        value = _never_null(described)
        parameter: dict[str, Any] = {
            "name": name,
            "in": where,
            "required": where == "path" or name in schema.get("required", ()),
            "description": value.pop("description"),
        }
        examples = value.pop("examples", None)
        if examples:
            parameter["example"] = _as_typed(examples[0], value)
        found.append(parameter | {"schema": value})
    return found


def _never_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter that is left out is absent; the text of a request has no null."""
    kept = {name: value for name, value in schema.items() if name not in {"anyOf", "title"}}
    if kept.get("default", ...) is None:
        del kept["default"]
    for option in schema.get("anyOf", ()):
        if option != {"type": "null"}:
            kept |= option
    return kept


def _as_typed(example: object, schema: dict[str, Any]) -> object:
    match schema.get("type"):
        case "boolean":
            return example == "true"
        case "integer":
            return int(str(example))
        case _:
            return example


def _problem_responses(kinds: Iterable[Kind]) -> dict[str, Any]:
    by_status: dict[HTTPStatus, list[Kind]] = {}
    for kind in kinds:
        by_status.setdefault(kind.status, []).append(kind)
    return {str(int(status)): _problem_response(status, alike) for status, alike in sorted(by_status.items())}


def _problem_response(status: HTTPStatus, kinds: Sequence[Kind]) -> dict[str, Any]:
    refs = list(dict.fromkeys(_REFS.format(model=kind.model.__name__) for kind in kinds))
    schema = {"$ref": refs[0]} if len(refs) == 1 else {"anyOf": [{"$ref": ref} for ref in refs]}
    response: dict[str, Any] = {
        "description": f"{status.phrase}: " + ", ".join(kind.code for kind in kinds),
        "content": {
            problems.MEDIA_TYPE: {
                "schema": schema,
                "examples": {kind.code: {"summary": kind.title.en, "value": example(kind)} for kind in kinds},
            }
        },
    }
    if any(kind.retry_after_s for kind in kinds):
        response["headers"] = {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}}
    return response


_POINTERS = {
    problems.PARAMETER_UNKNOWN: "/query/foo",
    problems.PARAMETER_REPEATED: "/query/limit",
    problems.PARAMETER_MISSING: "/query/limit",
    problems.PARAMETER_INVALID: "/query/callback",
    problems.PARAMETER_OUT_OF_RANGE: "/query/limit",
    problems.CURSOR_INVALID: "/query/after",
    problems.BODY_UNEXPECTED: "/body",
    problems.BODY_TOO_LARGE: "/body",
    problems.PATH_UNKNOWN: "/path",
    problems.INCIDENT_UNKNOWN: "/path/id",
    problems.METHOD_NOT_ALLOWED: "/method",
}
_RULES = {
    problems.PARAMETER_INVALID: Bilingual("true atau false", "true or false"),
    problems.PARAMETER_OUT_OF_RANGE: Bilingual("paling besar 200", "at most 200"),
}


def example(kind: Kind, language: Language = Language.EN) -> dict[str, Any]:
    """Return an example of a problem of `kind`, made as the real ones are."""
    at = _POINTERS.get(kind, "")
    values: dict[str, str | Bilingual] = {
        "name": at.rpartition("/")[2],
        "rule": _RULES.get(kind, Bilingual("", "")),
        "known": "limit, after",
        "allowed": "GET, HEAD",
        "reference": "4f1c2a9be07d5566",
        "failed": "ami",
    }
    members: dict[str, Any] = {}
    if kind is problems.NOT_READY:
        checks = [
            {"name": name, "ok": name != "ami", "detail": "well" if name != "ami" else "no answer for 12 s"}
            for name in CHECKS
        ]
        members = {"ready": False, "checks": checks}
    reference = "4f1c2a9be07d5566" if kind is problems.INTERNAL_ERROR else None
    problem = ApiProblem(Fault(kind, at, values), members=members)
    return problem_model(problem, language, reference).model_dump(mode="json", exclude_none=True)


def _catalogued(kind: Kind) -> dict[str, Any]:
    return {
        "code": kind.code,
        "status": int(kind.status),
        "title": {"id": say(kind.title, Language.ID), "en": say(kind.title, Language.EN)},
        "example": {str(language): example(kind, language) for language in Language},
    }
