"""Bearer tokens over REST."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from callrouter.access.model import Right, Role
from callrouter.access.ports import TokenRecord
from callrouter.api import access_examples as examples
from callrouter.api import problems, refusals
from callrouter.api.access_models import IssuedToken, TokenList, TokenOrder, TokenPath, TokenRow
from callrouter.api.models import NoParameters
from callrouter.api.operation import Answered, Asked, Body, Sent, Surface
from callrouter.api.problems import ApiProblem, Fault
from callrouter.api.translate import moment
from callrouter.bilingual import Bilingual
from callrouter.publishing.errors import NoSuchEntry
from callrouter.routing.entries import Kind

surface = Surface()

_PROBLEMS = (problems.STORAGE_UNAVAILABLE, problems.OUT_OF_ORDER)
_SUBJECTS = {Role.OPERATOR: Kind.OPERATORS, Role.AGENCY: Kind.AGENCIES}


@surface.get(
    "/api/v1/tokens",
    tag="tokens",
    summary=Bilingual("Daftar token", "Every token"),
    path_model=NoParameters,
    query=NoParameters,
    response=TokenList,
    example=examples.tokens,
    right=Right.TOKENS,
    problems=_PROBLEMS,
)
async def list_tokens(asked: Asked[NoParameters, NoParameters]) -> TokenList:
    """Returns every token, those that ended too, never their secrets."""
    return TokenList(items=[TokenRow(**_fields(record)) for record in await asked.management.tokens.list()])


@surface.send(
    "POST",
    "/api/v1/tokens",
    tag="tokens",
    summary=Bilingual("Buat token", "Give a token"),
    path_model=NoParameters,
    query=NoParameters,
    body=Body(
        TokenOrder,
        examples={
            "viewer": {"name": "diskominfo-2", "role": "viewer", "days": 90},
            "operator": {"name": "op1", "role": "operator", "subject": "op1", "days": 30},
        },
    ),
    response=IssuedToken,
    example=examples.issued,
    right=Right.TOKENS,
    status=HTTPStatus.CREATED,
    problems=_PROBLEMS,
)
async def issue_token(sent: Sent[NoParameters, NoParameters, TokenOrder]) -> Answered[IssuedToken]:
    """Gives a token and shows it, this once; only a hash is kept."""
    order = sent.body
    _require_subject(sent)
    record, token = await sent.management.tokens.issue(order.name, order.role, order.subject, order.days, sent.by)
    return Answered(IssuedToken(**_fields(record), token=token), location=f"/api/v1/tokens/{record.id}")


@surface.do(
    "DELETE",
    "/api/v1/tokens/{id}",
    tag="tokens",
    summary=Bilingual("Cabut token", "Revoke a token"),
    path_model=TokenPath,
    query=NoParameters,
    response=None,
    example=None,
    right=Right.TOKENS,
    status=HTTPStatus.NO_CONTENT,
    problems=(refusals.TOKEN_UNKNOWN, *_PROBLEMS),
)
async def revoke_token(asked: Asked[TokenPath, NoParameters]) -> Answered[TokenRow]:
    """Ends a token at once; 404 where there is none of that id that is alive."""
    if not await asked.management.tokens.revoke(asked.path.id, asked.by):
        raise ApiProblem(Fault(refusals.TOKEN_UNKNOWN, "/path/id"))
    return Answered()


def _require_subject(sent: Sent[Any, Any, TokenOrder]) -> None:
    kind, subject = _SUBJECTS.get(sent.body.role), sent.body.subject
    if kind is None or subject is None:
        return
    try:
        sent.management.publishing.entry(kind, subject)
    except NoSuchEntry:
        values = {
            "sentence": Bilingual(f"{kind.value}/{subject} tidak ada", f"there is no {kind.value}/{subject}"),
            "remedy": Bilingual("Tambahkan dulu, atau sebut yang lain.", "Add it first, or name another."),
        }
        raise ApiProblem(Fault(refusals.BODY_INVALID, "/subject", values, in_body=True)) from None


def _fields(record: TokenRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": record.name,
        "role": record.role,
        "subject": record.subject,
        "created_at": moment(record.created_at),
        "created_by": record.created_by,
        "expires_at": moment(record.expires_at),
        "revoked_at": None if record.revoked_at is None else moment(record.revoked_at),
        "last_used_at": None if record.last_used_at is None else moment(record.last_used_at),
    }
