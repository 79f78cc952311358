"""The command line of access: tokens, operators' accounts, and the proof of the audit trail.

All work on the database itself too, so that they serve before anything runs, and when the service does not.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeVar

import typer

from callrouter import heads, settings
from callrouter.access.model import Role
from callrouter.access.ports import TokenRecord
from callrouter.access.throttle import Throttle
from callrouter.access.tokens import BadRequest, Tokens
from callrouter.bilingual import Bilingual
from callrouter.cli_common import LANGUAGE, load, run
from callrouter.cli_common import said as _
from callrouter.clock import now_us
from callrouter.errors import OperatorError
from callrouter.person import this_user
from callrouter.routing.entries import Kind
from callrouter.storage.audit import AuditTrail
from callrouter.storage.database import Database
from callrouter.storage.tokens import TokenTable
from callrouter.vault import Vault

T = TypeVar("T")
SUBJECTS: Final = {Role.OPERATOR: Kind.OPERATORS, Role.AGENCY: Kind.AGENCIES}
"""Whose keys the subjects of these roles are."""


tokens = typer.Typer(no_args_is_help=True)
operators = typer.Typer(no_args_is_help=True)
audit = typer.Typer(no_args_is_help=True)


async def _with_tokens(loaded: settings.Settings, work: Callable[[Tokens], Awaitable[T]]) -> T:
    database = Database(loaded.database)
    try:
        await database.check_revision()
        store = TokenTable(database, Vault(loaded.key_path).chain_key())
        return await work(Tokens(store, Throttle(time.monotonic), now_us))
    finally:
        await database.close()


@tokens.command(
    "create",
    help=_(
        "Buat token dan tampilkan sekali ini saja.",
        "Make a token and show it, this once.",
    ),
)
def create(
    name: Annotated[
        str, typer.Argument(help=_("Nama pemegang, tampak di audit.", "Its holder, as audits show him."))
    ],
    role: Annotated[Role, typer.Option(help=_("Perannya.", "His role."))],
    subject: Annotated[
        str | None,
        typer.Option(help=_("Kunci operator atau instansinya.", "Key of the operator or agency he is.")),
    ] = None,
    days: Annotated[int, typer.Option(help=_("Berlaku sekian hari.", "Good for so many days."))] = 90,
    quiet: Annotated[bool, typer.Option("--quiet", help=_("Cetak token saja.", "Print the token alone."))] = False,
) -> None:
    """Make a token."""
    record, text = run(_created(load(), name, role, subject, days))
    typer.echo(text)
    if not quiet:
        told = _(
            f"Token {record.id} untuk {name} ({role}) berlaku sampai {_day(record.expires_at)}. Ia tidak ditampilkan "
            "lagi.",
            f"Token {record.id} of {name} ({role}) is good until {_day(record.expires_at)}. It is not shown again.",
        )
        typer.echo(told, err=True)


async def _created(
    loaded: settings.Settings, name: str, role: Role, subject: str | None, days: int
) -> tuple[TokenRecord, str]:
    try:
        if subject is not None and (kind := SUBJECTS.get(role)) is not None:
            from callrouter.desk_access import opened  # only the names of a table need it

            async with opened(loaded) as office:
                office.entry(kind, subject)
        return await _with_tokens(loaded, lambda made: made.issue(name, role, subject, days, this_user()))
    except BadRequest as error:
        raise OperatorError(
            Bilingual(f"Token tidak dibuat: {error.why.id}.", f"No token was made: {error.why.en}."),
            Bilingual("Perbaiki perintahnya.", "Correct the command."),
        ) from None


@tokens.command("list", help=_("Daftar token, yang terbaru dahulu.", "All tokens, the newest first."))
def show() -> None:
    """List the tokens."""
    for record in run(_with_tokens(load(), lambda made: made.list())):
        typer.echo(_line(record))


def _line(record: TokenRecord) -> str:
    whose = f"{record.name} ({record.role}{f': {record.subject}' if record.subject else ''})"
    if record.revoked_at is not None:
        state = _(f"dicabut {_day(record.revoked_at)}", f"revoked {_day(record.revoked_at)}")
    else:
        state = _(f"sampai {_day(record.expires_at)}", f"until {_day(record.expires_at)}")
    return f"{record.id}  {whose:<40} {state}"


@tokens.command("revoke", help=_("Cabut token, seketika.", "End a token at once."))
def revoke(token: Annotated[str, typer.Argument(help=_("Id token itu.", "Its id."))]) -> None:
    """End a token."""
    if not run(_with_tokens(load(), lambda made: made.revoke(token, this_user()))):
        raise OperatorError(
            Bilingual(f"Token {token} tidak ada.", f"There is no token {token}."),
            Bilingual("Lihat daftarnya: callrouter tokens list.", "See the list: callrouter tokens list."),
        )
    typer.echo(_(f"Token {token} dicabut.", f"Token {token} is revoked."))


@operators.command(
    "secret",
    help=_(
        "Buat kata sandi SIP baru untuk seorang operator dan tampilkan sekali ini saja; yang lama batal.",
        "Make a new SIP password for an operator and show it, this once; the old one is void.",
    ),
)
def secret(operator: Annotated[str, typer.Argument(help=_("Kuncinya.", "His key."))]) -> None:
    """Make a new SIP password. Where the service runs, the PBX has it at once."""
    typer.echo(run(_new_secret(load(), operator)))


async def _new_secret(loaded: settings.Settings, operator: str) -> str:
    from callrouter.client import running_service
    from callrouter.prepare import new_account

    service = await running_service(loaded)
    return await service.new_operator_secret(operator) if service else await new_account(loaded, operator)


@audit.command(
    "verify",
    help=_(
        "Periksa apakah jejak audit utuh: tidak ada baris yang diubah, hilang, atau dipotong di ujungnya.",
        "Check that the audit trail is whole: no row changed, missing, or cut off at its end.",
    ),
)
def verify() -> None:
    """Check the audit trail. Ends with 1 where it is not whole."""
    loaded = load()
    rows, known, faults = run(_verified(loaded))
    for fault in faults:
        typer.echo(f"{fault.kind}: {fault.sentence.said(LANGUAGE)}")
    if faults:
        raise typer.Exit(1)
    typer.echo(
        _(
            f"Jejak audit utuh: {rows} baris, dibandingkan dengan {known} catatan di {loaded.audit_heads}.",
            f"The audit trail is whole: {rows} rows, held against {known} notes in {loaded.audit_heads}.",
        )
    )


async def _verified(loaded: settings.Settings) -> tuple[int, int, list[Any]]:
    database = Database(loaded.database)
    try:
        await database.check_revision()
        trail = AuditTrail(database, Vault(loaded.key_path).chain_key())
        noted = heads.read(loaded.audit_heads)
        head = await trail.head()
        return head.seq if head else 0, len(noted), await trail.verify(noted)
    finally:
        await database.close()


def _day(at: int) -> str:
    return datetime.fromtimestamp(at / 1e6, UTC).strftime("%Y-%m-%d %H:%M UTC")
