"""The command line."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from callrouter import __version__, prepare, settings, up
from callrouter.app import serve as serve_forever
from callrouter.doctor import examine
from callrouter.errors import OperatorError
from callrouter.logs import configure

T = TypeVar("T")

app = typer.Typer(help="Call routing for emergency call centres (112) on Asterisk.", no_args_is_help=True)
routes = typer.Typer(help="The routing table.", no_args_is_help=True)
pbx = typer.Typer(help="The PBX beside the service.", no_args_is_help=True)
app.add_typer(routes, name="routes")
app.add_typer(pbx, name="pbx")


def main() -> None:
    """Run a command. What a person must put right is one message, with exit code 2."""
    try:
        app(standalone_mode=True)
    except OperatorError as error:
        typer.echo(f"callrouter: {error.what}\n  -> {error.remedy}", err=True)
        sys.exit(2)


def _load() -> settings.Settings:
    loaded = settings.load()
    configure(loaded.log_format, loaded.log_level)
    return loaded


def _run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


@app.command()
def serve() -> None:
    """Serve calls until SIGTERM. Calls that are up outlive it."""
    _run(serve_forever(_load()))


@app.command()
def migrate() -> None:
    """Bring the database to the revision that this version needs."""
    typer.echo(f"database is at revision {_run(prepare.migrate_database(_load()))}")


@routes.command("import")
def routes_import(file: Annotated[Path, typer.Argument(help="A routing table in YAML.")]) -> None:
    """Check a table and publish it. Wrong in anything: all problems are listed and nothing is changed."""
    number = _run(prepare.import_table(_load(), file))
    typer.echo(f"{file} is version {number}")
    typer.echo("It comes into force when the PBX's configuration is rendered and PBX and service are started anew.")


@app.command()
def prompts() -> None:
    """Make the spoken clips of the published table."""
    loaded = _load()
    _, table = _run(prepare.table_in_force(loaded))
    _run(prepare.make_prompts(loaded, table, typer.echo))


@pbx.command("render")
def pbx_render() -> None:
    """Write the complete configuration of the PBX into the state folder."""
    loaded = _load()
    number, table = _run(prepare.table_in_force(loaded))
    asterisk, _ = _run(prepare.render_pbx(loaded, table, number))
    typer.echo(f"for Asterisk {asterisk.version}: {loaded.pbx_dir / 'etc' / 'asterisk.conf'}")


@app.command("up")
def run_up(
    table: Annotated[Path | None, typer.Option(help="A table to publish first.")] = None,
) -> None:
    """Start PBX and service together, and say how to ring 112 with a softphone. Ends with Ctrl-C."""
    _run(up.up(_load(), table, typer.echo))


@app.command()
def doctor() -> None:
    """Examine the running PBX with parts that are not ours: AMI and an AGI script on pyst2."""
    if not examine(_load(), typer.echo):
        raise typer.Exit(1)


if __name__ == "__main__":
    main()
