"""What can be wrong with a request, or with us: RFC 9457 problems with stable codes, in two languages.

A pointer is a JSON pointer (RFC 6901) into the request, seen as ``{"path": …, "query": …, "header": …, "method": …,
"body": …}``; or, for what is wrong within a body, into the document that was sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from aiohttp import web

from callrouter.api import (
    case_problems,
    eido_problems,
    notice_problems,
    party_problems,
    refusals,
    supervision_problems,
)
from callrouter.api.health_models import NotReadyProblem
from callrouter.api.kinds import Kind
from callrouter.api.language import say
from callrouter.api.problem_models import Problem, ProblemFault
from callrouter.bilingual import Bilingual
from callrouter.routing.values import Language

MEDIA_TYPE = "application/problem+json"
MAX_FAULTS = 20
"""Faults listed in one problem; the rest show once these are mended."""


PARAMETER_UNKNOWN = Kind(
    "parameter_unknown",
    HTTPStatus.BAD_REQUEST,
    Bilingual("Parameter tidak dikenal", "Unknown parameter"),
    Bilingual("Parameter {name} tidak dikenal di sini.", "There is no parameter {name} here."),
    Bilingual("Yang dikenal: {known}.", "Known are: {known}."),
)
PARAMETER_REPEATED = Kind(
    "parameter_repeated",
    HTTPStatus.BAD_REQUEST,
    Bilingual("Parameter berulang", "Repeated parameter"),
    Bilingual("Parameter {name} diberikan lebih dari sekali.", "Parameter {name} is given more than once."),
    Bilingual("Berikan satu kali saja.", "Give it once."),
)
PARAMETER_MISSING = Kind(
    "parameter_missing",
    HTTPStatus.BAD_REQUEST,
    Bilingual("Parameter kurang", "Missing parameter"),
    Bilingual("Parameter {name} wajib diberikan.", "Parameter {name} must be given."),
    Bilingual("Tambahkan parameter itu.", "Add the parameter."),
)
PARAMETER_INVALID = Kind(
    "parameter_invalid",
    HTTPStatus.BAD_REQUEST,
    Bilingual("Nilai parameter salah", "Bad parameter value"),
    Bilingual("Parameter {name} harus {rule}.", "Parameter {name} must be {rule}."),
    Bilingual("Perbaiki nilainya.", "Correct its value."),
)
PARAMETER_OUT_OF_RANGE = Kind(
    "parameter_out_of_range",
    HTTPStatus.BAD_REQUEST,
    Bilingual("Nilai parameter di luar batas", "Parameter out of range"),
    Bilingual("Parameter {name} harus {rule}.", "Parameter {name} must be {rule}."),
    Bilingual("Berikan nilai di dalam batas.", "Give a value within the bounds."),
)
CURSOR_INVALID = Kind(
    "cursor_invalid",
    HTTPStatus.BAD_REQUEST,
    Bilingual("Kursor salah", "Bad cursor"),
    Bilingual(
        "Kursor di {name} bukan dari sistem ini atau terpotong.", "The cursor in {name} is not ours, or was cut."
    ),
    Bilingual(
        "Pakai nilai next dari halaman sebelumnya tanpa diubah, atau mulai lagi tanpa kursor.",
        "Use the value of next of the page before as it is, or start again without a cursor.",
    ),
)
BODY_UNEXPECTED = Kind(
    "body_unexpected",
    HTTPStatus.BAD_REQUEST,
    Bilingual("Isi permintaan tidak diharapkan", "Unexpected body"),
    Bilingual("Permintaan ini tidak menerima isi.", "This request takes no body."),
    Bilingual("Kirim tanpa isi.", "Send it without a body."),
)
REQUEST_MALFORMED = Kind(
    "request_malformed",
    HTTPStatus.BAD_REQUEST,
    Bilingual("Permintaan rusak", "Malformed request"),
    Bilingual("Permintaan bukan HTTP yang sah, atau terlalu panjang.", "This is no valid HTTP request, or too long."),
    Bilingual("Periksa klien HTTP yang dipakai.", "Check the HTTP client."),
)
REQUEST_REFUSED = Kind(
    "request_refused",
    HTTPStatus.BAD_REQUEST,
    Bilingual("Permintaan ditolak", "Request refused"),
    Bilingual("Permintaan tidak dapat dilayani seperti ini.", "The request cannot be served like this."),
    Bilingual("Bandingkan dengan dokumentasi di /docs.", "Compare it with the documentation in /docs."),
)
PATH_UNKNOWN = Kind(
    "path_unknown",
    HTTPStatus.NOT_FOUND,
    Bilingual("Alamat tidak dikenal", "Unknown path"),
    Bilingual("Tidak ada apa pun di alamat ini.", "There is nothing at this path."),
    Bilingual("Lihat daftar alamat di /docs.", "See the list of paths in /docs."),
)
INCIDENT_UNKNOWN = Kind(
    "incident_unknown",
    HTTPStatus.NOT_FOUND,
    Bilingual("Laporan tidak ditemukan", "No such incident"),
    Bilingual("Tidak ada laporan dengan id ini.", "There is no incident of this id."),
    Bilingual(
        "Periksa id itu, atau cari laporannya di daftar.", "Check the id, or look the incident up in the list."
    ),
)
CALL_UNKNOWN = Kind(
    "call_unknown",
    HTTPStatus.NOT_FOUND,
    Bilingual("Panggilan tidak ditemukan", "No such call"),
    Bilingual("Tidak ada panggilan dengan id ini.", "There is no call of this id."),
    Bilingual("Periksa id itu; laporannya menyebut panggilannya.", "Check the id; its incident names its calls."),
)
RECORDING_UNKNOWN = Kind(
    "recording_unknown",
    HTTPStatus.NOT_FOUND,
    Bilingual("Rekaman tidak ditemukan", "No such recording"),
    Bilingual("Tidak ada rekaman dengan id ini.", "There is no recording of this id."),
    Bilingual("Lihat rekaman laporannya: /api/v1/recordings?incident=…", "See /api/v1/recordings?incident=…"),
)
RECORDING_GONE = Kind(
    "recording_gone",
    HTTPStatus.GONE,
    Bilingual("Rekaman sudah tidak ada", "The recording is gone"),
    Bilingual("Suara rekaman ini sudah tidak ada: {why}.", "The sound of this recording is not there: {why}."),
    Bilingual("Datanya tetap ada: bacalah tanpa /audio.", "What is known of it stays: read it without /audio."),
)
METHOD_NOT_ALLOWED = Kind(
    "method_not_allowed",
    HTTPStatus.METHOD_NOT_ALLOWED,
    Bilingual("Metode tidak diizinkan", "Method not allowed"),
    Bilingual("Alamat ini hanya menerima {allowed}.", "This path takes {allowed} only."),
    Bilingual("Pakai salah satu metode itu.", "Use one of these methods."),
)
BODY_TOO_LARGE = Kind(
    "body_too_large",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Bilingual("Isi permintaan terlalu besar", "Body too large"),
    Bilingual("Isi permintaan melebihi batas.", "The body is larger than the limit."),
    Bilingual("Kirim lebih sedikit.", "Send less."),
)
INTERNAL_ERROR = Kind(
    "internal_error",
    HTTPStatus.INTERNAL_SERVER_ERROR,
    Bilingual("Kesalahan sistem", "Internal error"),
    Bilingual(
        "Ada kesalahan di sistem ini. Panggilan 112 tidak terpengaruh oleh permintaan ini.",
        "Something is wrong in this system. Calls to 112 are not affected by this request.",
    ),
    Bilingual(
        "Beri tahu admin dan sebutkan nomor rujukan {reference}.",
        "Tell the admin, and quote the reference {reference}.",
    ),
)
STORAGE_UNAVAILABLE = Kind(
    "storage_unavailable",
    HTTPStatus.SERVICE_UNAVAILABLE,
    Bilingual("Basis data tidak menjawab", "Database unavailable"),
    Bilingual(
        "Basis data tidak menjawab. Panggilan tetap dilayani dan dicatat.",
        "The database does not answer. Calls are served and recorded all the same.",
    ),
    Bilingual("Coba lagi sebentar; lihat /readyz.", "Try again shortly; see /readyz."),
    retry_after_s=5,
)
DEADLINE_EXCEEDED = Kind(
    "deadline_exceeded",
    HTTPStatus.SERVICE_UNAVAILABLE,
    Bilingual("Terlalu lama", "Too slow"),
    Bilingual("Jawaban tidak siap pada waktunya.", "The answer was not ready in time."),
    Bilingual("Coba lagi sebentar; lihat /readyz.", "Try again shortly; see /readyz."),
    retry_after_s=5,
)
STREAMS_FULL = Kind(
    "streams_full",
    HTTPStatus.SERVICE_UNAVAILABLE,
    Bilingual("Terlalu banyak pendengar", "Too many listeners"),
    Bilingual("Sudah {count} aliran terbuka: {whose}.", "There are {count} streams already: {whose}."),
    Bilingual("Tutup yang tidak dipakai, lalu coba lagi.", "Close those that nobody needs, then try again."),
    retry_after_s=5,
)
NOT_READY = Kind(
    "not_ready",
    HTTPStatus.SERVICE_UNAVAILABLE,
    Bilingual("Belum siap", "Not ready"),
    Bilingual("Belum siap: {failed}.", "Not ready: {failed}."),
    Bilingual("Perbaiki bagian yang disebut di checks.", "Mend the parts named in checks."),
    retry_after_s=5,
    model=NotReadyProblem,
)

OUT_OF_ORDER = Kind(
    "out_of_order",
    HTTPStatus.SERVICE_UNAVAILABLE,
    Bilingual("Ada yang harus diperbaiki", "Something must be put right"),
    Bilingual("{what}", "{what}"),
    Bilingual(
        "Perbaiki, lalu coba lagi. Belum ada yang diubah.", "Put it right, then try again. Nothing was changed."
    ),
    retry_after_s=60,
)

OF_STORE: tuple[Kind, ...] = (STORAGE_UNAVAILABLE, OUT_OF_ORDER)
"""What can meet every operation that works on directory, draft and versions."""

CATALOGUE: tuple[Kind, ...] = (
    PARAMETER_UNKNOWN,
    PARAMETER_REPEATED,
    PARAMETER_MISSING,
    PARAMETER_INVALID,
    PARAMETER_OUT_OF_RANGE,
    CURSOR_INVALID,
    BODY_UNEXPECTED,
    REQUEST_MALFORMED,
    REQUEST_REFUSED,
    PATH_UNKNOWN,
    INCIDENT_UNKNOWN,
    CALL_UNKNOWN,
    RECORDING_UNKNOWN,
    RECORDING_GONE,
    METHOD_NOT_ALLOWED,
    BODY_TOO_LARGE,
    INTERNAL_ERROR,
    STORAGE_UNAVAILABLE,
    DEADLINE_EXCEEDED,
    STREAMS_FULL,
    NOT_READY,
    OUT_OF_ORDER,
    *case_problems.CATALOGUE,
    *notice_problems.CATALOGUE,
    *party_problems.CATALOGUE,
    *eido_problems.CATALOGUE,
    *refusals.CATALOGUE,
    *supervision_problems.CATALOGUE,
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and where. `values` fill the placeholders; a Bilingual is said in the language.

    in_body: the pointer is into the document that was sent; "" is then the whole of it
    """

    kind: Kind
    pointer: str
    values: Mapping[str, str | Bilingual] = field(default_factory=dict)
    in_body: bool = False


class ApiProblem(Exception):
    """Ends a request with a problem.

    faults:  one or more; the first is the problem's own, all are listed
    headers: for the response; members: further members of the kind's model
    """

    def __init__(
        self, *faults: Fault, headers: Mapping[str, str] | None = None, members: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(", ".join(f"{fault.kind.code} at {fault.pointer}" for fault in faults))
        self.faults = faults
        self.headers = dict(headers or {})
        self.members = dict(members or {})


def problem_model(problem: ApiProblem, language: Language, reference: str | None = None) -> Problem:
    """Return the body of `problem` in `language`."""
    first = problem.faults[0]
    kind, values = first.kind, _values(first, language)
    return kind.model(
        type=f"/docs#problem-{kind.code}",
        title=say(kind.title, language),
        status=int(kind.status),
        code=kind.code,
        detail=say(kind.detail, language).format(**values),
        remedy=say(kind.remedy, language).format(**values),
        pointer=first.pointer if first.in_body else first.pointer or None,
        place="body" if first.in_body else None,
        reference=reference,
        errors=_faults(problem.faults, language),
        **problem.members,
    )


def problem_response(problem: ApiProblem, language: Language, reference: str | None = None) -> web.Response:
    """Return `problem` as the answer to a request."""
    kind = problem.faults[0].kind
    headers = {"Content-Language": str(language), "Vary": "Accept-Language"}
    if kind.retry_after_s is not None:
        headers["Retry-After"] = str(kind.retry_after_s)
    headers |= problem.headers
    body = problem_model(problem, language, reference).model_dump_json().encode()
    return web.Response(status=kind.status, body=body, content_type=MEDIA_TYPE, headers=headers)


def pointer(*parts: str) -> str:
    """Return the JSON pointer to a part of the request."""
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


def _faults(faults: Sequence[Fault], language: Language) -> list[ProblemFault]:
    return [
        ProblemFault(
            code=fault.kind.code,
            pointer=fault.pointer,
            place="body" if fault.in_body else None,
            detail=say(fault.kind.detail, language).format(**_values(fault, language)),
            remedy=say(fault.kind.remedy, language).format(**_values(fault, language)),
        )
        for fault in faults[:MAX_FAULTS]
        if fault.pointer or fault.in_body
    ]


def _values(fault: Fault, language: Language) -> dict[str, str]:
    return {
        name: say(value, language) if isinstance(value, Bilingual) else value for name, value in fault.values.items()
    }
