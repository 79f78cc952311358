"""The description of the API (OpenAPI 3.1), made from the same declarations that serve it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from callrouter import __version__
from callrouter.api import problems, refusals, words
from callrouter.api.kinds import Kind
from callrouter.api.language import say
from callrouter.api.operation import AUDIO, AnyOperation, Body
from callrouter.api.problem_examples import example
from callrouter.routing.values import Language

_REFS = "#/components/schemas/{model}"
_DESCRIPTION = """\
An emergency call centre (112): its calls and incidents, its directory and routing tables, and the health of the
service.

Every request but those for health and documentation carries a bearer token; `x-right` says what its role must have.
Trunks, agencies, operators and duty take effect at once. Categories, menus, areas, schedules, shifts, ring groups,
routes and settings are a draft until published. What is read has an ETag, and a change names it in If-Match.

Times are RFC 3339 in UTC with microseconds. What is not known is null. Lists are read page by page: hand the `next`
of a page back as `after`. Everything that goes wrong is answered as a problem (RFC 9457) with a stable `code`, what
is wrong and what to do in Indonesian or English (`Accept-Language`), and a pointer to the part of the request.
"""

ALWAYS: tuple[Kind, ...] = (problems.REQUEST_MALFORMED, problems.INTERNAL_ERROR, problems.DEADLINE_EXCEEDED)
"""Problems that every operation may answer with."""
_OF_PARAMETERS = (
    problems.PARAMETER_UNKNOWN,
    problems.PARAMETER_REPEATED,
    problems.PARAMETER_INVALID,
    problems.PARAMETER_OUT_OF_RANGE,
    problems.CURSOR_INVALID,
)
_OF_BODY = (
    refusals.MEDIA_TYPE_UNSUPPORTED,
    refusals.BODY_MISSING,
    refusals.BODY_MALFORMED,
    refusals.BODY_MEMBER_REPEATED,
    refusals.BODY_TOO_DEEP,
    refusals.BODY_TOO_SLOW,
    refusals.BODY_INVALID,
    problems.BODY_TOO_LARGE,
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
        "security": [{"bearer": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.tag for operation in operations)],
        "paths": paths,
        "components": {
            "schemas": _schemas(operations),
            "parameters": {
                "AcceptLanguage": _ACCEPT_LANGUAGE,
                "IfMatch": _IF_MATCH,
                "IfNoneMatch": _IF_NONE_MATCH,
                "LastEventId": _LAST_EVENT_ID,
                "Range": _RANGE,
            },
            "headers": {
                "RetryAfter": _RETRY_AFTER,
                "ETag": _ETAG,
                "Location": _LOCATION,
                "WWWAuthenticate": _WWW_AUTHENTICATE,
            },
            "examples": {
                f"problem_{kind.code}": {"summary": kind.title.en, "value": example(kind)}
                for kind in problems.CATALOGUE
            },
            "securitySchemes": {"bearer": _BEARER},
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
_TAG_SCHEMA = {"type": "string", "pattern": '^"[!#-~]{1,100}"$'}
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "ETag of what was read, so that nobody else's change is lost.",
    "schema": _TAG_SCHEMA,
    "example": '"1"',
}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "ETag of what is known already: the answer is 304 while it is so.",
    "schema": _TAG_SCHEMA,
    "example": '"0"',
}
_LAST_EVENT_ID = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "description": "The last id that was received: what came after it is sent (HTML, 9.2.4).",
    "schema": {"type": "string"},
    "example": "5d0c8f5e30c8-1024",
}
_RANGE = {
    "name": "Range",
    "in": "header",
    "required": False,
    "description": "The part that is wanted: one range of bytes (RFC 9110, section 14.2). Several are not served.",
    "schema": {"type": "string"},
    "example": "bytes=0-65535",
}
_ETAG = {"description": "What If-Match names.", "schema": _TAG_SCHEMA, "example": '"1"'}
_LOCATION = {
    "description": "Path of what was made.",
    "schema": {"type": "string", "pattern": "^/api/v1/"},
    "example": "/api/v1/trunks/damkar",
}
_WWW_AUTHENTICATE = {
    "description": "What is wanted.",
    "schema": {"type": "string", "pattern": "^Bearer"},
    "example": 'Bearer realm="callrouter"',
}
_BEARER = {
    "type": "http",
    "scheme": "bearer",
    "description": "A token (RFC 6750). `callrouter tokens create` gives the first; `x-right` says what its role "
    "must have.",
}
_RETRY_AFTER = {
    "description": "Seconds after which to try again.",
    "schema": {"type": "integer", "minimum": 1},
    "example": 5,
}


def _schemas(operations: Sequence[AnyOperation]) -> dict[str, Any]:
    shown: dict[type[BaseModel], None] = dict.fromkeys(o.response for o in operations if o.response is not None)
    shown |= dict.fromkeys(kind.model for kind in problems.CATALOGUE)
    bodies = [o.body for o in operations if o.body is not None]
    sent = dict.fromkeys(body.patches or body.described or body.model for body in bodies)
    asked = [model for operation in operations for model in (operation.path_model, operation.query_model)]
    _, found = models_json_schema(
        [
            *((model, "serialization") for model in shown),
            *((model, "validation") for model in (*sent, *asked)),
        ],
        ref_template=_REFS,
    )
    # Parameters are listed one by one, so only what they refer to (enumerations) is a schema of its own.
    own = {model.__name__ for model in asked}
    schemas = {name: schema for name, schema in found["$defs"].items() if name not in own}
    for name, schema in schemas.items():
        words.describe(name, schema)
    patched = {patch_name(b.patches): b.patches.__name__ for b in bodies if b.patches is not None}
    for name, of in patched.items():
        schemas[name] = _patch(schemas, schemas[of]) | {
            "title": name,
            "description": f"What is to change of a {of} (RFC 7396): null takes a member back to its default.",
        }
    return schemas


def patch_name(model: type[BaseModel]) -> str:
    """Return the name of the schema of a merge patch of `model`."""
    return f"{model.__name__}Patch"


def _patch(schemas: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a merge patch of what `schema` is of: every member may be left out, or be null."""
    properties = {}
    for name, member in schema["properties"].items():
        described = {word: member[word] for word in ("description", "examples") if word in member}
        options = [option for option in member.get("anyOf", [member]) if option != {"type": "null"}]
        properties[name] = described | {
            "anyOf": [*(_patch_of(schemas, option) for option in options), {"type": "null"}]
        }
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _patch_of(schemas: Mapping[str, Any], option: Mapping[str, Any]) -> dict[str, Any]:
    target = schemas.get(option.get("$ref", "").rpartition("/")[2], {})
    if target.get("type") == "object":
        return _patch(schemas, target)
    return {word: value for word, value in option.items() if word not in {"default", "title", "description"}}


def _operation(operation: AnyOperation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary.en,
        "x-summary": {"id": operation.summary.id, "en": operation.summary.en},
        "description": operation.description,
        "security": [{"bearer": []}] if operation.right is not None else [],
        "x-right": None if operation.right is None else operation.right.value,
        "parameters": [
            *_parameters("path", operation.path_model),
            *_parameters("query", operation.query_model),
            *_headers(operation),
        ],
        "responses": {**_success(operation), **_problem_responses(_kinds(operation))},
    }
    if operation.body is not None:
        described["requestBody"] = _body(operation.body)
    return described


def _headers(operation: AnyOperation) -> list[dict[str, str]]:
    names = ["AcceptLanguage"]
    if operation.guarded:
        names.append("IfMatch")
    if operation.tagged and operation.method == "GET":
        names.append("IfNoneMatch")
    if operation.streams:
        names.append("LastEventId")
    if operation.media_type == AUDIO:
        names.append("Range")
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def _body(body: Body[Any]) -> dict[str, Any]:
    name = patch_name(body.patches) if body.patches else (body.described or body.model).__name__
    return {
        "required": True,
        "description": f"At most {body.limit // 1024} KiB.",
        "content": {
            body.media_type: {
                "schema": {"$ref": _REFS.format(model=name)},
                "examples": {name: {"value": value} for name, value in body.examples.items()},
            }
        },
    }


def _success(operation: AnyOperation) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": operation.summary.en}
    headers: dict[str, Any] = {}
    if operation.response is not None:
        content: dict[str, Any] = {"schema": {"$ref": _REFS.format(model=operation.response.__name__)}}
        if operation.example is not None:
            content["examples"] = {"example": {"value": operation.example().model_dump(mode="json")}}
        answer["content"] = {operation.media_type: content}
    if operation.tagged:
        headers["ETag"] = {"$ref": "#/components/headers/ETag"}
    if operation.status is HTTPStatus.CREATED:
        headers["Location"] = {"$ref": "#/components/headers/Location"}
    if headers:
        answer["headers"] = headers
    answers = {str(int(operation.status)): answer}
    if operation.media_type == AUDIO:
        # What a Range leads to (RFC 9110, section 14).
        answers["206"] = {**answer, "description": "The part that was asked for"}
        answers["416"] = {"description": "The file has no such part"}
        answers["304"] = {"description": "Not modified since"}
    if operation.tagged and operation.method == "GET":
        answers["304"] = {"description": "Not modified since", "headers": headers}
    return answers


def _kinds(operation: AnyOperation) -> list[Kind]:
    # A query parameter that nobody declared can be sent to any operation.
    kinds: list[Kind] = [problems.PARAMETER_UNKNOWN, problems.PARAMETER_REPEATED]
    if operation.path_model.model_fields or operation.query_model.model_fields:
        kinds += _OF_PARAMETERS
    if any(field.is_required() for field in operation.query_model.model_fields.values()):
        kinds.append(problems.PARAMETER_MISSING)
    kinds += _OF_BODY if operation.body is not None else (problems.BODY_UNEXPECTED,)
    if operation.right is not None:
        kinds += (refusals.UNAUTHENTICATED, refusals.FORBIDDEN, refusals.THROTTLED, problems.STORAGE_UNAVAILABLE)
    if operation.guarded:
        kinds += (refusals.PRECONDITION_REQUIRED, refusals.MOVED, refusals.HEADER_INVALID)
    if operation.tagged and operation.method == "GET":
        kinds.append(refusals.HEADER_INVALID)
    return list(dict.fromkeys((*kinds, *operation.problems, *ALWAYS)))


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
                "examples": {kind.code: {"$ref": f"#/components/examples/problem_{kind.code}"} for kind in kinds},
            }
        },
    }
    headers = {}
    if any(kind.retry_after_s for kind in kinds):
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = {"$ref": "#/components/headers/WWWAuthenticate"}
    if headers:
        response["headers"] = headers
    return response


def _catalogued(kind: Kind) -> dict[str, Any]:
    return {
        "code": kind.code,
        "status": int(kind.status),
        "title": {"id": say(kind.title, Language.ID), "en": say(kind.title, Language.EN)},
        "example": {str(language): example(kind, language) for language in Language},
    }
