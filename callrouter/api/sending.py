"""A file as an answer, whole or in part (RFC 9110, section 14)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from aiohttp import hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.web_request import BaseRequest
from multidict import CIMultiDict

from callrouter.api.operation import SentFile

_ONE_RANGE: Final = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))")


async def send(
    request: web.Request, sent: SentFile, media_type: str, headers: Mapping[str, str]
) -> web.StreamResponse:
    """Return `sent` as the answer to `request`. Raises what `sent.begun` raises: then nothing is sent.

    Of ranges one alone is served. What is none, of another unit, or several, is answered with the whole file, as a
    server may (section 14.2).
    """
    if request.method != hdrs.METH_HEAD:
        await sent.begun(first_byte(request.headers.get(hdrs.RANGE), sent.path.stat().st_size))
    response = _File(sent.path, headers={**headers, **sent.headers})
    response.content_type = media_type
    return response


def first_byte(wanted: str | None, size: int) -> int:
    """Return the first byte of a file of `size` that a Range header asks for."""
    found = _ONE_RANGE.fullmatch(wanted or "")
    if found is None:
        return 0
    return int(found[1]) if found[1] else max(0, size - int(found[3]))


class _File(web.FileResponse):
    """Leaves a Range aside that is not one range of bytes; aiohttp answers it with 416."""

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        """Send it."""
        wanted = request.headers.get(hdrs.RANGE)
        if wanted is not None and _ONE_RANGE.fullmatch(wanted) is None:
            left = CIMultiDict(request.headers)
            del left[hdrs.RANGE]
            request = request.clone(headers=left)
        return await super().prepare(request)
