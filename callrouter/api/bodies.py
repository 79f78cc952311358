"""Bodies of requests: read within bounds, JSON without surprises, then the model's own rules.

What is wrong is told as in a table from a file (callrouter.publishing.explaining), with pointers into what was sent.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, TypeVar

from aiohttp import web
from pydantic import BaseModel, RootModel, ValidationError

from callrouter.api import problems, refusals
from callrouter.api.problems import MAX_FAULTS, ApiProblem, Fault
from callrouter.bilingual import Bilingual, same
from callrouter.publishing.explaining import explained
from callrouter.publishing.yamltree import Data, Tree, escaped
from callrouter.routing.consistency import Problem

BODY_BYTES: Final = 64 * 1024
TABLE_BYTES: Final = 2 * 1024 * 1024
"""A table of 2,000 routes has 0.5 MB."""
MAX_LEVELS: Final = 20
"""A table has 8 levels."""
MAX_PARTS: Final = 250_000
MAX_ERRORS: Final = 1_000
"""A document with more of them is not told one by one: that alone would take too long."""
INLINE_BYTES: Final = BODY_BYTES
"""A greater document is parsed beside the loop that serves the calls."""

M = TypeVar("M", bound=BaseModel)
_CLOSE: Final = {"Connection": "close"}


async def read(request: web.Request, media_type: str, limit: int, seconds: float) -> bytes:
    """Return the body of `request`: at most `limit` bytes of that type, whole within `seconds`. Raises ApiProblem."""
    if not request.can_read_body:
        raise ApiProblem(Fault(refusals.BODY_MISSING, "/body"))
    _require_type(request, media_type)
    if (request.content_length or 0) > limit:
        raise ApiProblem(Fault(problems.BODY_TOO_LARGE, "/body"), headers=_CLOSE)
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # or a failure would be taken for one in the middle of an answer
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            while chunk := await request.content.readany():
                body += chunk
                if len(body) > limit:
                    raise ApiProblem(Fault(problems.BODY_TOO_LARGE, "/body"), headers=_CLOSE)
    except TimeoutError:
        raise ApiProblem(Fault(refusals.BODY_TOO_SLOW, "/body"), headers=_CLOSE) from None
    except (web.RequestPayloadError, ConnectionError):  # broken on its way, or its sender has gone
        raise ApiProblem(Fault(problems.REQUEST_MALFORMED, "/body"), headers=_CLOSE) from None
    if not body:
        raise ApiProblem(Fault(refusals.BODY_MISSING, "/body"))
    return bytes(body)


def _require_type(request: web.Request, media_type: str) -> None:
    plain = request.headers.get("Content-Encoding", "identity").strip().lower() == "identity"
    one = len(request.headers.getall("Content-Type", ())) == 1
    if not plain or not one or request.content_type != media_type or (request.charset or "utf-8").lower() != "utf-8":
        fault = Fault(refusals.MEDIA_TYPE_UNSUPPORTED, "/header/Content-Type", {"expected": media_type})
        raise ApiProblem(fault, headers=_CLOSE)


async def take(raw: bytes, model: type[M], *, secret: bool = False) -> M:
    """Return a body as a `model`. Raises ApiProblem with everything that is wrong.

    secret: what is wrong is told without the value
    """
    if len(raw) <= INLINE_BYTES:
        return _taken(raw, model, secret=secret)
    return await asyncio.to_thread(_taken, raw, model, secret=secret)


def _taken(raw: bytes, model: type[M], *, secret: bool) -> M:
    data = parsed(raw)
    return validated(raw, data, model, secret=secret)


def validated(raw: bytes | str, data: Data, model: type[M], *, secret: bool = False) -> M:
    """Return `data` (JSON: `raw`) as a `model`, strictly. Raises ApiProblem."""
    try:
        if issubclass(model, RootModel):  # any data of that shape: there is nothing to convert
            return model.model_validate(data, strict=True)
        return model.model_validate_json(raw, strict=True)
    except ValidationError as error:
        if error.error_count() > MAX_ERRORS:
            raise _too_deep() from None
        if error.errors(include_input=False)[0]["type"] == "json_invalid":  # such as half a character
            raise _malformed(same("Unicode")) from None
        if secret:
            raise ApiProblem(*told(_without_values(error))) from None
        written = dict(_written(data)) if len(raw) <= INLINE_BYTES else {}
        raise ApiProblem(*told(explained(error, Tree(data=data, written=written)))) from None


def told(found: Iterator[Problem]) -> list[Fault]:
    """Return what is wrong within a body as faults."""
    seen: dict[str, Fault] = {}
    for problem in islice(found, MAX_FAULTS * 4):
        values = {"sentence": problem.sentence, "remedy": problem.remedy}
        # Of an "either … or …" each half complains of the same value: the first is told.
        seen.setdefault(problem.pointer, Fault(refusals.BODY_INVALID, problem.pointer, values, in_body=True))
    return list(seen.values())[:MAX_FAULTS]


def _without_values(error: ValidationError) -> Iterator[Problem]:
    for detail in error.errors(include_url=False, include_input=False):
        at = "".join(f"/{escaped(part)}" for part in detail["loc"])
        yield Problem(
            at,
            Bilingual("isian ini tidak dapat diterima", "this member cannot be taken"),
            Bilingual("Bandingkan dengan uraian di /docs.", "Compare it with the description in /docs."),
        )


# ------------------------------------------------------------------------------------------------ JSON
class _Repeated(dict[str, Any]):
    """An object in which a name stands twice."""

    name = ""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    repeated = _Repeated(found)
    names: set[str] = set()
    repeated.name = next(name for name, _ in pairs if name in names or names.add(name))  # type: ignore[func-returns-value]
    return repeated


def _no_number(word: str) -> None:
    raise ValueError(word)


def _finite(word: str) -> float:
    """Return a number, unless no float is as great (1e400): it would become Infinity, which no JSON has."""
    number = float(word)
    if not math.isfinite(number):
        raise ValueError(word)
    return number


def parsed(raw: bytes) -> Data:
    """Return JSON data (RFC 8259) from a stranger. Raises ApiProblem: also for names that stand twice (RFC 7493),
    and for more levels or parts than anything that is taken here has.
    """
    try:
        text = raw.decode("utf-8")
        data: Data = json.loads(text, object_pairs_hook=_object, parse_float=_finite, parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise _malformed(Bilingual(f"bukan UTF-8 di byte {error.start}", f"no UTF-8 at byte {error.start}")) from None
    except json.JSONDecodeError as error:
        where = f"{error.lineno}:{error.colno}"
        raise _malformed(Bilingual(f"baris:kolom {where}", f"line:column {where}")) from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:  # NaN, Infinity, 1e400, or a number of thousands of digits
        raise _malformed(Bilingual(f"angka {str(error)[:20]}", f"the number {str(error)[:20]}")) from None
    _look_through(data)
    return data


def _look_through(data: Data) -> None:
    """Count levels and parts, and look for names that stand twice."""
    level: list[Data] = [data]
    parts = 0
    repeated = False
    for _ in range(MAX_LEVELS + 1):
        inner: list[Data] = []
        for value in level:
            if isinstance(value, dict):
                repeated = repeated or isinstance(value, _Repeated)
                inner += value.values()
            elif isinstance(value, list):
                inner += value
        parts += len(inner)
        if parts > MAX_PARTS:
            raise _too_deep()
        if not inner:
            break
        level = inner
    else:
        raise _too_deep()
    if repeated:
        raise ApiProblem(*islice(_repetitions(data), MAX_FAULTS))


def _repetitions(data: Data) -> Iterator[Fault]:
    for at, value in _places(data):
        if isinstance(value, _Repeated):
            name = {"name": same(ascii(value.name[:60]))}
            yield Fault(refusals.BODY_MEMBER_REPEATED, f"{at}/{escaped(value.name)}", name, in_body=True)


def _written(data: Data) -> Iterator[tuple[str, str]]:
    """Yield where a number, truth value or null stands, and how it is written."""
    for at, value in _places(data):
        if not isinstance(value, str | dict | list):
            yield at, json.dumps(value)


def _places(data: Data) -> Iterator[tuple[str, Data]]:
    """Yield every part of a document with its pointer, level by level."""
    level: list[tuple[str, Data]] = [("", data)]
    while level:
        inner: list[tuple[str, Data]] = []
        for at, value in level:
            yield at, value
            if isinstance(value, dict):
                inner += ((f"{at}/{escaped(name)}", one) for name, one in value.items())
            elif isinstance(value, list):
                inner += ((f"{at}/{n}", one) for n, one in enumerate(value))
        level = inner


def patched(value: M, patch: dict[str, Any]) -> M:
    """Return `value` with a merge patch applied to what it is as JSON. Raises ApiProblem with what is wrong then."""
    data = merged(value.model_dump(mode="json"), patch)
    return validated(json.dumps(data), data, type(value))


def merged(target: Data, patch: Data) -> Data:
    """Return `target` with `patch` applied (RFC 7396, section 2)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def _malformed(why: Bilingual) -> ApiProblem:
    return ApiProblem(Fault(refusals.BODY_MALFORMED, "/body", {"why": why}))


def _too_deep() -> ApiProblem:
    values = {"levels": str(MAX_LEVELS), "parts": f"{MAX_PARTS}"}
    return ApiProblem(Fault(refusals.BODY_TOO_DEEP, "/body", values))
