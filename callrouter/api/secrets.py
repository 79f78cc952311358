"""What operators' phones and trunks log in with: it goes in or out once, and is never shown again."""

from __future__ import annotations

from http import HTTPStatus

from callrouter.access.model import Right
from callrouter.api import desk_examples as examples
from callrouter.api import problems, refusals
from callrouter.api.desk_answers import named, refusing
from callrouter.api.desk_models import OperatorLogin, PasswordOrder
from callrouter.api.models import NoParameters
from callrouter.api.operation import Answered, Asked, Body, Sent, Surface
from callrouter.api.problems import ApiProblem, Fault
from callrouter.api.resources import SPECS, EntryPath, path_model
from callrouter.bilingual import Bilingual
from callrouter.routing.entries import Kind

surface = Surface()

_OPERATOR = path_model(next(spec for spec in SPECS if spec.kind is Kind.OPERATORS))
_TRUNK = path_model(next(spec for spec in SPECS if spec.kind is Kind.TRUNKS))
_PROBLEMS = (refusals.ENTRY_UNKNOWN, refusals.PBX_REFUSED, problems.STORAGE_UNAVAILABLE, problems.OUT_OF_ORDER)


@surface.do(
    "POST",
    "/api/v1/operators/{key}/secret",
    tag="operators",
    summary=Bilingual("Buat rahasia baru untuk telepon operator", "Make a new secret for an operator's phone"),
    path_model=_OPERATOR,
    query=NoParameters,
    response=OperatorLogin,
    example=examples.login,
    right=Right.EDIT,
    slow=True,
    problems=_PROBLEMS,
)
async def make_operator_secret(asked: Asked[EntryPath, NoParameters]) -> OperatorLogin:
    """Makes the secret that his phone logs in with and shows it, this once; only a digest is kept. The one before is
    void at the phone's next login.
    """
    key = asked.path.key
    _require(asked, Kind.OPERATORS)
    with refusing(asked, named(Kind.OPERATORS, key)):
        secret = await asked.management.secrets.new_operator_secret(key, asked.by)
    return OperatorLogin(operator=key, username=key, secret=secret)


@surface.send(
    "PUT",
    "/api/v1/trunks/{key}/password",
    tag="trunks",
    summary=Bilingual("Atur kata sandi trunk", "Set a trunk's password"),
    path_model=_TRUNK,
    query=NoParameters,
    body=Body(PasswordOrder, examples={"example": {"password": "correct-horse-battery"}}, secret=True),
    response=None,
    example=None,
    right=Right.EDIT,
    status=HTTPStatus.NO_CONTENT,
    slow=True,
    problems=_PROBLEMS,
)
async def set_trunk_password(sent: Sent[EntryPath, NoParameters, PasswordOrder]) -> None:
    """Keeps the password of a trunk's login, encrypted, and tells the PBX. It cannot be read again."""
    _require(sent, Kind.TRUNKS)
    with refusing(sent, named(Kind.TRUNKS, sent.path.key)):
        await sent.management.secrets.set_trunk_password(sent.path.key, sent.body.password, sent.by)


@surface.do(
    "DELETE",
    "/api/v1/trunks/{key}/password",
    tag="trunks",
    summary=Bilingual("Hapus kata sandi trunk", "Remove a trunk's password"),
    path_model=_TRUNK,
    query=NoParameters,
    response=None,
    example=None,
    right=Right.EDIT,
    status=HTTPStatus.NO_CONTENT,
    slow=True,
    problems=_PROBLEMS,
)
async def clear_trunk_password(asked: Asked[EntryPath, NoParameters]) -> Answered[OperatorLogin]:
    """Removes the password of a trunk's login; 404 where there is none."""
    name = f"{named(Kind.TRUNKS, asked.path.key)}/password"
    _require(asked, Kind.TRUNKS)
    with refusing(asked, name):
        if not await asked.management.secrets.clear_trunk_password(asked.path.key, asked.by):
            raise ApiProblem(Fault(refusals.ENTRY_UNKNOWN, "/path/key", {"name": name}))
    return Answered()


def _require(asked: Asked[EntryPath, NoParameters], kind: Kind) -> None:
    """Raise ApiProblem where the directory has no such entry."""
    with refusing(asked, named(kind, asked.path.key)):
        asked.management.publishing.entry(kind, asked.path.key)
