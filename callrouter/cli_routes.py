"""The command line of the routing table: callrouter routes …

What only reads works on the database itself. What changes goes through the running service, which has the PBX; where
none runs, straight to the database, and whatever starts later finds it there. Each says which way it went.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from callrouter import settings
from callrouter.bilingual import Bilingual, reason
from callrouter.cli_calls import call_of, call_of_json, told_explanation
from callrouter.cli_common import LANGUAGE, load, run
from callrouter.cli_common import said as _
from callrouter.client import Service, running_service
from callrouter.desk_access import opened, verified_file
from callrouter.errors import OperatorError
from callrouter.person import this_user
from callrouter.publishing.exporting import exported
from callrouter.publishing.importing import table_content
from callrouter.publishing.model import Side
from callrouter.publishing.publication import PublishingOffice
from callrouter.routing.table import RoutingTable
from callrouter.routing.values import Language

if TYPE_CHECKING:
    from callrouter.routing.explain import Explanation
    from callrouter.routing.verify import Report

T = TypeVar("T")


routes = typer.Typer(no_args_is_help=True)

_Version = Annotated[
    int | None, typer.Option("--version", min=1, help=_("Versi nomor ini.", "The version of that number."))
]
_Draft = Annotated[bool, typer.Option("--draft", help=_("Draf (baku).", "The draft (the default)."))]
_Why = Annotated[
    str, typer.Option("--why", help=_("Alasannya, untuk riwayat dan audit.", "Why, for history and audit."))
]
_File = Annotated[Path, typer.Argument(help=_("Tabel perutean dalam YAML.", "A routing table in YAML."))]


def _tell(text: str) -> None:
    """What is not the answer itself goes to standard error, so that the answer can be piped."""
    typer.echo(text, err=True)


def _tell_way(service: Service | None) -> None:
    if service is None:
        _tell(_("Layanan tidak berjalan: langsung ke basis data.", "No service runs: straight to the database."))
    else:
        _tell(_(f"Melalui layanan di {service.base}.", f"Through the service at {service.base}."))


def _side(version: int | None, draft: bool) -> Side:
    if version is not None and draft:
        raise _wrong(_("Sebut --version atau --draft, salah satu.", "Give --version or --draft, one of them."))
    return "draft" if version is None else version


def _named_side(text: str) -> Side:
    if text == "draft":
        return "draft"
    if text.replace("-", "_") == "in_force":
        return "in_force"
    if text.isascii() and text.isdigit() and int(text):
        return int(text)
    raise _wrong(
        _(
            f"{text!r} bukan draft, in-force, atau nomor versi.",
            f"{text!r} is no version: draft, in-force or a number.",
        )
    )


def _wrong(text: str) -> typer.BadParameter:
    return typer.BadParameter(text)


# ---------------------------------------------------------------------------------------------- export, diff, verify
@routes.command(
    "export",
    help=_(
        "Tulis seluruh tabel sebagai YAML, ke berkas atau ke layar.",
        "Write the whole table as YAML, to a file or to the screen.",
    ),
)
def export(
    file: Annotated[
        Path | None, typer.Argument(help=_("Berkas; tanpa ini ke layar.", "A file; without it, the screen."))
    ] = None,
    version: _Version = None,
    draft: _Draft = False,
) -> None:
    """Write the whole table as YAML."""

    async def work() -> str:
        async with opened(load()) as office:
            return exported(await office.table(_side(version, draft)))

    text = run(work())
    if file is None:
        typer.echo(text, nl=False)
    else:
        _write(file, text)
        _tell(_(f"{file} ditulis.", f"{file} is written."))


def _write(file: Path, text: str) -> None:
    """The whole file or nothing: one that is there already stays until the new one is complete."""
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, delete=False) as new:
            new.write(text)
        Path(new.name).chmod(0o640)
        Path(new.name).replace(file)
    except OSError as error:
        why = reason(error)
        raise OperatorError(
            Bilingual(f"{file} tidak dapat ditulis: {why.id}.", f"{file} cannot be written: {why.en}."),
            Bilingual("Periksa nama dan izinnya.", "Check its name and its permissions."),
        ) from None


@routes.command(
    "diff",
    help=_(
        "Tunjukkan perbedaan dua tabel: versi yang berlaku dan draf, atau yang disebut (draft, in-force, nomor).",
        "Show in what two tables differ: the one in force and the draft, or those named (draft, in-force, a number).",
    ),
)
def diff(
    a: Annotated[str, typer.Argument(help=_("Yang sebelum.", "The one before."))] = "in-force",
    b: Annotated[str, typer.Argument(help=_("Yang sesudah.", "The one after."))] = "draft",
) -> None:
    """Show in what two tables differ."""

    async def work() -> str:
        async with opened(load()) as office:
            return (await office.diff(_named_side(a), _named_side(b))).text.said(LANGUAGE)

    typer.echo(run(work()), nl=False)


@routes.command(
    "verify",
    help=_(
        "Buktikan bahwa tabel tidak menelantarkan penelepon: draf, sebuah versi, atau sebuah berkas.",
        "Prove that a table strands no caller: the draft, a version, or a file.",
    ),
)
def verify(
    file: Annotated[Path | None, typer.Argument(help=_("Tabel dalam YAML.", "A table in YAML."))] = None,
    version: _Version = None,
) -> None:
    """Verify a table; exit code 1 where it is not verified."""

    async def work() -> Report:
        loaded = load()
        if file is None:
            async with opened(loaded) as office:
                return await office.verify(_side(version, draft=False))
        if version is not None:
            raise _wrong(_("Sebut sebuah berkas atau --version.", "Give a file or --version."))
        return await verified_file(file)

    report = run(work())
    _print_report(report)
    if not report.verified:
        raise typer.Exit(1)


def _print_report(report: Report) -> None:
    for finding in report.findings:
        kind = _("salah", "error") if finding.error else _("peringatan", "warning")
        typer.echo(f"{finding.rule} {kind} {finding.pointer}: {finding.sentence.said(LANGUAGE)}")
        typer.echo(f"  -> {finding.remedy.said(LANGUAGE)}")
        if finding.example is not None:
            example = {
                "facts": finding.example.facts.model_dump(mode="json", exclude_defaults=True),
                "at": finding.example.at.isoformat(),
                "outcomes": list(finding.example.outcomes),
            }
            typer.echo(f"  callrouter routes explain --json '{json.dumps(example)}'")
    until = report.until.date().isoformat()
    if report.verified:
        told = _(
            f"Terbukti: {report.vectors} macam panggilan, sampai {until}.",
            f"Verified: {report.vectors} kinds of call, until {until}.",
        )
    else:
        errors = sum(finding.error for finding in report.findings)
        told = _(f"Tidak terbukti: {errors} masalah.", f"Not verified: {errors} problems.")
    typer.echo(told)


# ------------------------------------------------------------------------------------------------ explain
@routes.command(
    help=_(
        "Jelaskan ke mana sebuah panggilan akan pergi, dan mengapa.",
        "Explain where a call would go, and why.",
    )
)
def explain(
    category: Annotated[
        str | None,
        typer.Option(help=_("Kategori yang dipilih; tanpa ini, tidak ada.", "What is chosen; else nothing.")),
    ] = None,
    trunk: Annotated[
        str | None,
        typer.Option(help=_("Trunk masuknya; tanpa ini, telepon operator.", "It comes in by; else a phone.")),
    ] = None,
    area: Annotated[str | None, typer.Option(help=_("Kode wilayahnya, jika diketahui.", "Code of its area."))] = None,
    language: Annotated[Language, typer.Option(help=_("Bahasanya.", "Its language."))] = Language.ID,
    at: Annotated[
        str | None,
        typer.Option(
            help=_("Waktunya, 2026-08-17T20:00; tanpa zona, zona pusat.", "When; without a zone, the centre's.")
        ),
    ] = None,
    example: Annotated[
        str | None,
        typer.Option("--json", help=_("Fakta, waktu dan hasil sebagai JSON.", "Facts, time and outcomes as JSON.")),
    ] = None,
    version: _Version = None,
    draft: _Draft = False,
) -> None:
    """Explain where a call would go."""

    async def work() -> Explanation:
        side = _side(version, draft)
        async with opened(load()) as office:
            table = await office.table(side)
            if example is not None:
                call = call_of_json(example)
            else:
                call = call_of(table, category, trunk, area, language, at)
            return await office.explain(side, call)

    for line in told_explanation(run(work())):
        typer.echo(line.said(LANGUAGE))


# ------------------------------------------------------------------------------------------------ import, publish
@routes.command(
    "import",
    help=_(
        "Ganti direktori dan draf dengan tabel dari sebuah berkas: semuanya atau tidak sama sekali. Perbedaannya "
        "ditunjukkan dulu.",
        "Replace directory and draft by the table of a file: all of it or nothing. What differs is shown first.",
    ),
)
def import_(
    file: _File,
    yes: Annotated[bool, typer.Option("--yes", help=_("Jangan bertanya.", "Do not ask."))] = False,
    publish_too: Annotated[
        bool, typer.Option("--publish", help=_("Terbitkan sekaligus.", "Publish it at once."))
    ] = False,
    why: Annotated[str, typer.Option("--why", help=_("Alasan menerbitkan.", "Why it is published."))] = "",
) -> None:
    """Replace directory and draft by the table of a file."""
    if publish_too and not why.strip():
        raise _wrong(_("--publish memerlukan --why.", "--publish needs --why."))
    run(_import(load(), file, yes, why if publish_too else None))


async def _import(loaded: settings.Settings, file: Path, yes: bool, why: str | None) -> None:
    service = await running_service(loaded)
    async with opened(loaded, mending=why is not None) as office:
        table = await office.read_table(table_content(file), file)
        seen = office.draft().sha256
        differences = await office.diff_of(table)
        typer.echo(differences.text.said(LANGUAGE), nl=False)
        if not differences.differences and why is None:
            return
        if why is not None:
            _require_verified(await office.verify_table(table))
        if not yes:
            typer.confirm(_("Impor ini?", "Import this?"), abort=True)
        _tell_way(service)
        if service is None:
            number = await _imported_here(office, table, seen, why)
        else:
            number = await _imported_there(service, table, seen, why)
    if number is None:
        _tell(_(f"{file} adalah draf sekarang.", f"{file} is the draft now."))
    else:
        _tell_published(number, service)


def _require_verified(report: Report) -> None:
    """Before anything is changed: the service would take the draft, and then not publish it."""
    if not report.verified:
        _print_report(report)
        raise typer.Exit(1)


async def _imported_here(office: PublishingOffice, table: RoutingTable, seen: str, why: str | None) -> int | None:
    if why is None:
        await office.import_table(table, seen, this_user())
        return None
    return (await office.import_and_publish(table, seen, why, this_user())).number


async def _imported_there(service: Service, table: RoutingTable, seen: str, why: str | None) -> int | None:
    document = table.model_dump(mode="json")
    if why is None:
        await service.put_draft(document, seen)
        return None
    return int((await service.publish_table(document, seen, why)).body["number"])


@routes.command(
    help=_(
        "Terbitkan draf: mulai sekarang panggilan mengikutinya.", "Publish the draft: calls follow it from now on."
    )
)
def publish(why: _Why) -> None:
    """Publish the draft."""

    async def work(loaded: settings.Settings) -> None:
        service = await running_service(loaded)
        async with opened(loaded) as office:
            sha256 = office.draft().sha256
            _tell_way(service)
            if service is None:
                number = (await office.publish(sha256, why, this_user())).number
            else:
                number = int((await service.publish(sha256, why)).body["number"])
        _tell_published(number, service)

    run(work(load()))


@routes.command(
    help=_(
        "Terbitkan lagi versi lama sebagai versi baru, dengan direktori hari ini. Draf tidak berubah.",
        "Publish an older version as a new one, with the directory of today. The draft stays.",
    )
)
def rollback(
    number: Annotated[int, typer.Argument(min=1, help=_("Nomor versi.", "Number of the version."))], why: _Why
) -> None:
    """Publish an older version as a new one."""

    async def work(loaded: settings.Settings) -> None:
        service = await running_service(loaded)
        _tell_way(service)
        if service is None:
            async with opened(loaded) as office:
                new = (await office.rollback(number, why, this_user())).number
        else:
            new = int((await service.rollback(number, why)).body["number"])
        _tell_published(new, service)

    run(work(load()))


def _tell_published(number: int, service: Service | None) -> None:
    if service is None:
        told = _(
            f"Versi {number} tersimpan; berlaku saat PBX dan layanan dimulai.",
            f"Version {number} is stored; it is in force when PBX and service start.",
        )
    else:
        told = _(f"Versi {number} berlaku.", f"Version {number} is in force.")
    _tell(told)
