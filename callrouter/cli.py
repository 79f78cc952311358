"""The command line."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from callrouter import __version__
from callrouter.cli_common import LANGUAGE, load, on_demand, run
from callrouter.cli_common import said as _
from callrouter.errors import OperatorError

app = typer.Typer(
    help=_(
        "Perutean panggilan untuk pusat panggilan darurat (112) di atas Asterisk.",
        "Call routing for emergency call centres (112) on Asterisk.",
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a defect's traceback goes to a log; and locals may hold secrets
)
pbx = typer.Typer(help=_("PBX di samping layanan.", "The PBX beside the service."), no_args_is_help=True)


def _add(name: str, module: str, told: str) -> None:
    group = typer.Typer(cls=on_demand(f"callrouter.{module}", name), help=told, no_args_is_help=True)
    app.add_typer(group, name=name)


_add("routes", "cli_routes", _("Tabel perutean.", "The routing table."))
_add("operators", "cli_access", _("Akun telepon operator.", "Accounts of operators' phones."))
_add("tokens", "cli_access", _("Token akses REST.", "Tokens for the REST surface."))
_add("audit", "cli_access", _("Jejak audit.", "The audit trail."))
_add("person", "cli_person", _("Data pribadi seorang penelepon.", "A caller's personal data."))
app.add_typer(pbx, name="pbx")


def main() -> None:
    """Run a command. What a person must put right is one message, with exit code 2.

    Files of this process and of a PBX that it starts are for its user and group only: they hold callers' numbers.
    """
    os.umask(0o027)
    try:
        app(standalone_mode=True)
    except OperatorError as error:
        typer.echo(error.message(LANGUAGE), err=True)
        sys.exit(2)


@app.command(help=_("Cetak versi.", "Print the version."))
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


@app.command("settings", help=_("Cetak halaman semua pengaturan.", "Print the page of all settings."))
def print_settings() -> None:
    """Print the page of all settings."""
    from callrouter.settings_page import page

    typer.echo(page(), nl=False)


@app.command(
    help=_(
        "Layani panggilan sampai SIGTERM. Panggilan yang sedang berlangsung tidak terputus olehnya.",
        "Serve calls until SIGTERM. Calls that are up outlive it.",
    )
)
def serve() -> None:
    """Serve calls until SIGTERM."""
    settings = load()
    os.nice(settings.niceness)
    from callrouter.app import serve as serve_forever

    run(serve_forever(settings))


@app.command(
    help=_(
        "Bawa basis data ke revisi yang diperlukan versi ini.",
        "Bring the database to the revision that this version needs.",
    )
)
def migrate() -> None:
    """Bring the database to the revision that this version needs."""
    settings = load()
    from callrouter.state import migrate_database

    revision = run(migrate_database(settings))
    typer.echo(_(f"basis data ada di revisi {revision}", f"database is at revision {revision}"))


@app.command(help=_("Buat klip suara untuk tabel yang diterbitkan.", "Make the spoken clips of the published table."))
def prompts() -> None:
    """Make the spoken clips of the published table."""
    loaded = load()
    from callrouter import prepare

    _number, table = run(prepare.table_in_force(loaded))
    run(prepare.make_prompts(loaded, table, typer.echo))


@pbx.command(
    "render",
    help=_(
        "Tulis konfigurasi lengkap PBX ke folder data.",
        "Write the complete configuration of the PBX into the state folder.",
    ),
)
def pbx_render() -> None:
    """Write the complete configuration of the PBX into the state folder."""
    loaded = load()
    from callrouter import prepare

    number, table = run(prepare.table_in_force(loaded))
    asterisk, _keys = run(prepare.render_pbx(loaded, table, number))
    main_file = loaded.pbx_dir / "etc" / "asterisk.conf"
    typer.echo(_(f"untuk Asterisk {asterisk.version}: {main_file}", f"for Asterisk {asterisk.version}: {main_file}"))


@pbx.command(
    "run",
    help=_(
        "Jalankan PBX di latar depan dengan konfigurasi yang sudah dibuat.",
        "Run the PBX in the foreground with the rendered configuration.",
    ),
)
def pbx_run() -> None:
    """Become the PBX with the rendered configuration."""
    loaded = load()
    from callrouter.asterisk.astdb import set_aside_if_broken
    from callrouter.asterisk.pbx import find
    from callrouter.prepare import require_rendered

    require_rendered(loaded)
    asterisk = run(find(loaded.pbx_root))
    set_aside_if_broken(loaded.pbx_dir)
    environment = dict(os.environ) | ({"TZ": loaded.asterisk_timezone} if loaded.asterisk_timezone else {})
    words = [*asterisk.command, "-f", "-C", str(loaded.pbx_dir / "etc" / "asterisk.conf")]
    os.execve(words[0], words, environment)  # noqa: S606 - an argument list of ours, and no shell


@app.command(
    "up",
    help=_(
        "Jalankan PBX dan layanan bersama, dan tunjukkan cara menelepon 112 dengan softphone. Ctrl-C mengakhirinya.",
        "Start PBX and service together, and say how to ring 112 with a softphone. Ends with Ctrl-C.",
    ),
)
def run_up(
    table: Annotated[
        Path | None,
        typer.Option(
            help=_(
                "Tabel yang diterbitkan lebih dahulu; tanpa ini, contoh jika belum ada tabel.",
                "A table to publish first; without it, the example where no table is published yet.",
            )
        ),
    ] = None,
) -> None:
    """Start PBX and service together."""
    settings = load()
    from callrouter.up import up

    run(up(settings, table, typer.echo))


@app.command(
    help=_(
        "Periksa PBX yang berjalan dengan bagian yang bukan milik kita: AMI dan skrip AGI pada pyst2.",
        "Examine the running PBX with parts that are not ours: AMI and an AGI script on pyst2.",
    )
)
def doctor() -> None:
    """Examine the running PBX."""
    settings = load()
    from callrouter.doctor import examine

    if not examine(settings, typer.echo):
        raise typer.Exit(1)


@app.command(
    help=_(
        "Telepon uji ke 112 melalui menu, rencana, dan failsafe PBX yang berjalan. Tidak ada telepon yang berdering, "
        "dan tidak tercatat sebagai panggilan. Kode keluar 0: baik; 1: ada tahap yang gagal; 2: tidak dapat diuji.",
        "Make a test call to 112 through menu, plan and failsafe of the running PBX. Nobody's telephone rings, and "
        "it is counted nowhere. Exit code 0: well; 1: a stage failed; 2: it could not be tried.",
    )
)
def probe(
    press: Annotated[
        str, typer.Option(help=_("Tombol yang ditekan di menu.", "Keys that are pressed in the menu."))
    ] = "",
    trunk: Annotated[
        str | None,
        typer.Option(help=_("Trunk asal panggilan uji.", "The trunk that the call comes in by.")),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=_("Keluaran JSON.", "JSON output."))] = False,
) -> None:
    """Make a test call through the running PBX."""
    settings = load()
    from callrouter.cli_probe import run_probe

    if not run(run_probe(settings, press, trunk, as_json, typer.echo, LANGUAGE)):
        raise typer.Exit(1)


if __name__ == "__main__":
    main()
