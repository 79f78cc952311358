"""The command line."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from callrouter import __version__, prepare, settings_page, up
from callrouter.app import serve as serve_forever
from callrouter.asterisk.pbx import find
from callrouter.cli_access import audit, operators, tokens
from callrouter.cli_common import LANGUAGE, load, run
from callrouter.cli_common import said as _
from callrouter.cli_routes import routes
from callrouter.doctor import examine
from callrouter.errors import OperatorError
from callrouter.incidents.views import StorageUnavailable
from callrouter.storage.revisions import unavailable

T = TypeVar("T")


app = typer.Typer(
    help=_(
        "Perutean panggilan untuk pusat panggilan darurat (112) di atas Asterisk.",
        "Call routing for emergency call centres (112) on Asterisk.",
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a defect's traceback goes to a log; and locals may hold secrets
)
pbx = typer.Typer(help=_("PBX di samping layanan.", "The PBX beside the service."), no_args_is_help=True)
app.add_typer(routes, name="routes")
app.add_typer(operators, name="operators")
app.add_typer(tokens, name="tokens")
app.add_typer(audit, name="audit")
app.add_typer(pbx, name="pbx")


def main() -> None:
    """Run a command. What a person must put right is one message, with exit code 2.

    Files of this process and of a PBX that it starts are for its user and group only: they hold callers' numbers.
    """
    os.umask(0o027)
    try:
        app(standalone_mode=True)
    except OperatorError as error:
        _end(error)
    except StorageUnavailable as error:
        _end(unavailable(error))


def _end(error: OperatorError) -> None:
    typer.echo(error.message(LANGUAGE), err=True)
    sys.exit(2)


@app.command(help=_("Cetak versi.", "Print the version."))
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


@app.command("settings", help=_("Cetak halaman semua pengaturan.", "Print the page of all settings."))
def print_settings() -> None:
    """Print the page of all settings."""
    typer.echo(settings_page.page(), nl=False)


@app.command(
    help=_(
        "Layani panggilan sampai SIGTERM. Panggilan yang sedang berlangsung tidak terputus olehnya.",
        "Serve calls until SIGTERM. Calls that are up outlive it.",
    )
)
def serve() -> None:
    """Serve calls until SIGTERM."""
    run(serve_forever(load()))


@app.command(
    help=_(
        "Bawa basis data ke revisi yang diperlukan versi ini.",
        "Bring the database to the revision that this version needs.",
    )
)
def migrate() -> None:
    """Bring the database to the revision that this version needs."""
    revision = run(prepare.migrate_database(load()))
    typer.echo(_(f"basis data ada di revisi {revision}", f"database is at revision {revision}"))


@app.command(help=_("Buat klip suara untuk tabel yang diterbitkan.", "Make the spoken clips of the published table."))
def prompts() -> None:
    """Make the spoken clips of the published table."""
    loaded = load()
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
    prepare.require_rendered(loaded)
    asterisk = run(find(loaded.pbx_root))
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
    run(up.up(load(), table, typer.echo))


@app.command(
    help=_(
        "Periksa PBX yang berjalan dengan bagian yang bukan milik kita: AMI dan skrip AGI pada pyst2.",
        "Examine the running PBX with parts that are not ours: AMI and an AGI script on pyst2.",
    )
)
def doctor() -> None:
    """Examine the running PBX."""
    if not examine(load(), typer.echo):
        raise typer.Exit(1)


if __name__ == "__main__":
    main()
