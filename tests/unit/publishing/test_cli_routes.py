"""callrouter routes …: straight to the database where no service runs, through the service where one does."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from click.testing import Result
from sqlalchemy.engine import make_url
from typer.testing import CliRunner

from callrouter import settings as all_settings
from callrouter.cli_routes import routes
from callrouter.client import ServiceRefused
from callrouter.errors import OperatorError
from callrouter.publishing.exporting import exported
from callrouter.publishing.importing import TableError, read_table
from callrouter.resources import resource
from callrouter.routing.table import RoutingTable
from tests.databases import migrated_sqlite  # noqa: F401 - a fixture
from tests.unit.publishing.fakes import changed, table

EXAMPLE = resource("examples") / "kab-malang.yaml"


class Service:
    """A REST surface that notes what it is asked, on a loop of its own."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked: list[tuple[str, str, str | None, str | None, Any]] = []
        self.refuses: dict[str, Any] | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._runner: web.AppRunner | None = None

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)

    def stop(self) -> None:
        assert self._runner is not None
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _start(self) -> None:
        application = web.Application(client_max_size=10_000_000)
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def _answer(self, request: web.Request) -> web.Response:
        if request.path == "/livez":
            return web.json_response({"status": "ok"})
        body = json.loads(await request.read() or b"null")
        headers = request.headers
        self.asked.append(
            (request.method, request.path_qs, headers.get("Authorization"), headers.get("If-Match"), body)
        )
        if self.refuses is not None:
            return web.json_response(self.refuses, status=self.refuses["status"])
        return web.json_response({"number": 41, "sha256": "0" * 64, "live_ms": 1.0}, headers={"ETag": '"beef"'})


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number: int = taken.getsockname()[1]
        return number


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, migrated_sqlite: Path) -> int:  # noqa: F811
    found = free_port()
    monkeypatch.setenv("CALLROUTER_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("CALLROUTER_API_PORT", str(found))
    monkeypatch.setenv("CALLROUTER_LOG_LEVEL", "ERROR")
    (tmp_path / "state").mkdir()
    shutil.copy(migrated_sqlite, make_url(all_settings.load().database).database or "")
    return found


@pytest.fixture
def service(port: int, tmp_path: Path) -> Iterator[Service]:
    secrets = tmp_path / "state" / "secrets"
    secrets.mkdir(exist_ok=True)
    (secrets / "cli-token").write_text("s3cret\n")
    running = Service(port)
    running.start()
    yield running
    running.stop()


def run(*words: str, given: str | None = None) -> Result:
    return CliRunner().invoke(routes, [str(word) for word in words], input=given)


def done(*words: str, given: str | None = None) -> Result:
    result = run(*words, given=given)
    assert result.exit_code == 0, (result.output, result.exception)
    return result


def yaml(tmp_path: Path, **routing: Any) -> str:
    file = tmp_path / "city.yaml"
    file.write_text(exported(table(changed(lambda d: d["routing"].update(routing)))))
    return str(file)


@pytest.mark.usefixtures("port")
def test_city_is_set_up_published_changed_and_rolled_back_before_anything_runs(tmp_path: Path) -> None:
    shown = done("import", str(EXAMPLE), "--yes", "--publish", "--why", "the first")
    assert "damkar" in shown.stdout
    assert "basis data" in shown.stderr
    assert "Versi 1" in shown.stderr
    file = tmp_path / "out.yaml"
    done("export", str(file))
    assert exported(read_table(file)) == exported(read_table(EXAMPLE)) == done("export", "--version", "1").stdout
    file.write_text(file.read_text().replace("wait_s: 60", "wait_s: 55"))
    done("import", str(file), given="y\n")
    difference = done("diff").stdout
    assert "-  wait_s: 60" in difference
    assert "+  wait_s: 55" in difference
    assert "Terbukti" in done("verify").stdout
    done("publish", "--why", "shorter")
    assert done("diff", "in-force", "draft").stdout == done("diff", "2", "draft").stdout == "Tidak ada perbedaan.\n"
    done("rollback", "1", "--why", "it was better")
    assert done("diff", "1", "3").stdout == "Tidak ada perbedaan.\n"
    assert done("diff", "1", "draft").stdout == difference.replace("versi 2", "versi 1")


@pytest.mark.usefixtures("port")
def test_import_that_is_not_wanted_after_all_changes_nothing(tmp_path: Path) -> None:
    assert run("import", yaml(tmp_path), given="n\n").exit_code == 1
    assert run("import", yaml(tmp_path)).exit_code == 1
    assert done("export").stdout.count("key:") == 0


@pytest.mark.usefixtures("port")
def test_table_that_is_not_verified_is_not_imported_for_publishing(tmp_path: Path) -> None:
    result = run("import", yaml(tmp_path, routes=[]), "--yes", "--publish", "--why", "x")
    assert result.exit_code == 1
    assert "V1" in result.stdout
    assert done("export").stdout.count("key:") == 0


@pytest.mark.usefixtures("port")
def test_file_that_is_no_table_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("x: 1\nx: 2\n")
    for words in (("import", str(file), "--yes"), ("verify", str(file))):
        assert isinstance(run(*words).exception, TableError)
    file.write_bytes(b"#" * 50_000_000)
    assert isinstance(run("import", str(file), "--yes").exception, TableError)
    assert done("export").stdout.count("key:") == 0


@pytest.mark.usefixtures("port")
def test_unverified_table_ends_with_one_and_its_example_can_be_explained(tmp_path: Path) -> None:
    file = yaml(tmp_path, routes=[])
    result = run("verify", file)
    assert result.exit_code == 1
    done("import", file, "--yes")
    examples = [line.partition(" --json ")[2].strip("'") for line in result.stdout.splitlines() if "--json" in line]
    assert examples
    for example in examples:
        assert "pilihan terakhir" in done("explain", "--json", example).stdout


@pytest.mark.usefixtures("port")
def test_call_is_explained_by_what_is_known_of_it(tmp_path: Path) -> None:
    done("import", yaml(tmp_path), "--yes")
    said = done("explain", "--category", "fire", "--trunk", "telco", "--at", "2026-03-02T08:00").stdout
    assert "=> fire menang" in said
    assert "damkar/posko" in said
    for words in (("--trunk", "nowhere"), ("--at", "noon"), ("--area", "Malang"), ("--json", "{")):
        assert isinstance(run("explain", *words).exception, OperatorError)


@pytest.mark.usefixtures("port")
def test_what_is_not_there_is_one_message() -> None:
    for words in (("export", "--version", "9"), ("diff", "9"), ("rollback", "9", "--why", "x")):
        assert isinstance(run(*words).exception, OperatorError)
    assert run("diff", "yesterday").exit_code == 2
    assert run("export", "--version", "1", "--draft").exit_code == 2
    assert run("import", str(EXAMPLE), "--publish").exit_code == 2


def test_changes_go_through_the_service_that_runs(service: Service) -> None:
    shown = done("import", str(EXAMPLE), "--yes", "--publish", "--why", "the first")
    assert f"127.0.0.1:{service.port}" in shown.stderr
    assert "Versi 41" in shown.stderr
    done("publish", "--why", "again")
    done("rollback", "3", "--why", "back")
    empty = service.asked[0][3]
    assert [(m, p, match) for m, p, _, match, _ in service.asked[:1]] == [
        ("POST", "/api/v1/versions?why=the%20first", empty)
    ]
    assert [(m, p, match, body) for m, p, _, match, body in service.asked[1:]] == [
        ("POST", "/api/v1/draft/publish", empty, {"why": "again"}),
        ("POST", "/api/v1/versions/3/rollback", None, {"why": "back"}),
    ]
    assert {token for _, _, token, _, _ in service.asked} == {"Bearer s3cret"}
    assert exported(RoutingTable.model_validate(service.asked[0][4])) == exported(read_table(EXAMPLE))
    assert done("export").stdout.count("key:") == 0


def test_what_the_service_refuses_is_told_with_all_its_reasons(service: Service) -> None:
    service.refuses = {
        "status": 409,
        "code": "in_use",
        "detail": "Masih dipakai.",
        "remedy": "Ganti dulu.",
        "uses": [{"where": "draft", "user": "routes/fire", "pointer": "/routing/routes/0"}],
    }
    error = run("publish", "--why", "x").exception
    assert isinstance(error, ServiceRefused)
    assert (error.status, error.code) == (409, "in_use")
    assert "routes/fire" in error.message("id")
    assert "Ganti dulu." in error.message("id")


def test_service_whose_token_cannot_be_read_is_not_gone_around(service: Service, tmp_path: Path) -> None:
    (tmp_path / "state" / "secrets" / "cli-token").unlink()
    error = run("publish", "--why", "x").exception
    assert isinstance(error, OperatorError)
    assert "cli-token" in error.what
    assert service.asked == []


def test_stranger_on_the_port_of_the_service_is_not_gone_around(port: int) -> None:
    with socket.create_server(("127.0.0.1", port)) as stranger:
        stranger.settimeout(0.1)
        error = run("publish", "--why", "x").exception
    assert isinstance(error, OperatorError)
    assert "CALLROUTER_API_PORT" in error.remedy
