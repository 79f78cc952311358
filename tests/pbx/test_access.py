"""Who may do what, proven on a running service: tokens, throttling, the audit trail, secrets at rest, TLS."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime as dt
import ipaddress
import itertools
import re
import sqlite3
import ssl
import stat
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from callrouter.access.throttle import FREE_FAILURES
from demo.centre import Centre
from demo.softphone import NET_S, Account, Softphone, SoftphoneError
from tests.pbx.rig import short_clips
from tests.pbx.test_duty import table

pytestmark = pytest.mark.asyncio(loop_scope="module")

REVOKED_S: Final = 10.0
"""So soon a token that was revoked elsewhere opens nothing any more."""
CLI_S: Final = 120.0
PASSWORD: Final = "Hutan-Pinus-4711-Bromo"
_names = itertools.count(1)


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int | None
    out: str
    err: str


async def command(centre: Centre, *words: str) -> Ran:
    """Run `callrouter …` with the settings of the running service, as its admin would."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "callrouter", *words),
        env=centre.environment | {"CALLROUTER_LANGUAGE": "en"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(CLI_S):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        raise
    return Ran(process.returncode, out.decode(), err.decode())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def centre(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Centre]:
    folder: Path = tmp_path_factory.mktemp("access")
    short_clips(folder / "state" / "recorded", table())
    async with Centre(folder, table()) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def auditor(centre: Centre) -> str:
    """An auditor's token."""
    return (await token(centre, "auditor"))[1]


async def token(centre: Centre, role: str, subject: str | None = None) -> tuple[str, str]:
    """Return id and text of a new token, given by REST."""
    order = {"name": f"{role}-{next(_names)}", "role": role, "days": 1} | ({"subject": subject} if subject else {})
    status, _, body = await centre.ask("POST", "/api/v1/tokens", order)
    assert status == 201, body
    return body["id"], body["token"]


# ---------------------------------------------------------------- roles
PUBLISH = ("POST", "/api/v1/draft/publish", {"why": "x"})
ADD = ("POST", "/api/v1/areas", {"code": "35.07", "name": "Kabupaten Malang"})
GIVE = ("POST", "/api/v1/tokens", {"name": "x", "role": "admin", "days": 1})
SECRET = ("POST", "/api/v1/operators/op1/secret", None)
DRAFT = ("GET", "/api/v1/draft", None)
CALLS = ("GET", "/api/v1/calls/live", None)
AUDIT = ("GET", "/api/v1/audit", None)
OWN = ("POST", "/api/v1/duty/op1", {"act": "join"})
OTHER = ("POST", "/api/v1/duty/op2", {"act": "join"})
EVERY = (PUBLISH, ADD, GIVE, SECRET, DRAFT, CALLS, AUDIT, OWN, OTHER)


@pytest.mark.parametrize(
    ("role", "subject", "may"),
    [
        ("viewer", None, (DRAFT, CALLS)),
        ("operator", "op1", (CALLS, OWN)),
        ("supervisor", None, (DRAFT, CALLS, OWN, OTHER)),
        ("auditor", None, (DRAFT, CALLS, AUDIT)),
    ],
)
async def test_role_opens_what_it_is_for_and_nothing_else(
    centre: Centre, role: str, subject: str | None, may: tuple[Any, ...]
) -> None:
    _, text = await token(centre, role, subject)
    for asked in EVERY:
        method, path, body = asked
        status, _, answer = await centre.ask(method, path, body, token=text, etag='"x"')
        if asked in may:
            assert status == 200, (asked, answer)
        else:
            assert (status, answer["code"]) in {(403, "forbidden"), (403, "not_yours")}, (asked, answer)


async def test_nothing_is_open_without_a_token_but_what_is_open_to_all(centre: Centre) -> None:
    for method, path, body in EVERY:
        status, _, answer = await bare(centre, method, path, body)
        assert (status, answer["code"]) == (401, "unauthenticated"), path
    for path in ("/livez", "/readyz", "/api/v1/openapi.json"):
        assert (await bare(centre, "GET", path))[0] == 200


async def bare(
    centre: Centre, method: str, path: str, body: Any = None, *, source: str = "127.0.0.9", token: str = ""
) -> tuple[int, Any, Any]:
    """Ask from an address of its own, with a token or none; return status, headers and JSON."""
    connector = aiohttp.TCPConnector(local_addr=(source, 0))
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    base = f"http://127.0.0.1:{centre.settings.api_port}"
    async with (
        aiohttp.ClientSession(base, connector=connector) as session,
        session.request(method, path, json=body, headers=headers) as answer,
    ):
        return answer.status, answer.headers, await answer.json(content_type=None)


# ---------------------------------------------------------------- tokens
async def test_token_of_the_command_line_works_at_once_and_no_longer_than_until_it_is_revoked(
    centre: Centre,
) -> None:
    made = await command(centre, "tokens", "create", "diskominfo-9", "--role", "viewer", "--quiet")
    text = made.out.strip()
    assert (made.code, made.err) == (0, ""), made
    assert (await centre.ask("GET", "/api/v1/draft", token=text))[0] == 200
    id_ = text.split("_")[1]
    shown = await command(centre, "tokens", "list")
    assert re.search(rf"^{id_}  diskominfo-9 \(viewer\) +until ", shown.out, re.MULTILINE), shown
    assert text not in shown.out
    assert (await command(centre, "tokens", "revoke", id_)).code == 0
    revoked = time.monotonic()
    while (await centre.ask("GET", "/api/v1/draft", token=text))[0] != 401:
        assert time.monotonic() - revoked < REVOKED_S
        await asyncio.sleep(0.1)
    assert "revoked" in (await command(centre, "tokens", "list")).out
    again = await command(centre, "tokens", "revoke", "0badc0de")
    assert (again.code, "There is no token 0badc0de" in again.err) == (2, True), again


async def test_token_revoked_by_rest_opens_nothing_from_then_on(centre: Centre) -> None:
    id_, text = await token(centre, "viewer")
    assert (await centre.ask("GET", "/api/v1/draft", token=text))[0] == 200
    assert (await centre.ask("DELETE", f"/api/v1/tokens/{id_}"))[0] == 204
    assert (await centre.ask("GET", "/api/v1/draft", token=text))[0] == 401


async def test_who_guesses_has_to_wait_and_others_have_not(centre: Centre) -> None:
    _, right = await token(centre, "viewer")
    wrong = f"cr_00000000_{'A' * 43}"
    for _ in range(FREE_FAILURES):
        assert (await bare(centre, "GET", "/api/v1/draft", source="127.0.0.66", token=wrong))[0] == 401
    waits = [await turned_away(centre, wrong)]
    assert (await bare(centre, "GET", "/api/v1/draft", source="127.0.0.67", token=wrong))[0] == 401
    assert (await bare(centre, "GET", "/api/v1/draft", source="127.0.0.66", token=right))[0] == 200
    assert (await bare(centre, "GET", "/livez", source="127.0.0.66"))[0] == 200
    while waits[-1] <= waits[0]:
        assert len(waits) < 5, waits
        await asyncio.sleep(waits[-1])
        assert (await bare(centre, "GET", "/api/v1/draft", source="127.0.0.66", token=wrong))[0] == 401
        waits.append(await turned_away(centre, wrong))


async def turned_away(centre: Centre, wrong: str) -> int:
    """Guess until that is not even looked at; return how long to wait (s). Of a wait, a slow question is a part."""
    for _ in range(5):
        status, headers, answer = await bare(centre, "GET", "/api/v1/draft", source="127.0.0.66", token=wrong)
        if status != 401:
            assert (status, answer["code"]) == (429, "throttled")
            return int(headers["Retry-After"])
    raise AssertionError("whoever guesses is never turned away")


# ---------------------------------------------------------------- the audit trail
def database(centre: Centre) -> Path:
    """Return the file of the database."""
    return centre.settings.state / "callrouter.db"


@contextlib.contextmanager
def tampered(centre: Centre, statement: str, **values: object) -> Iterator[None]:
    """Change the audit behind the service's back; afterwards it is as it was."""
    with contextlib.closing(sqlite3.connect(database(centre), timeout=10)) as connection:
        with connection:
            kept = connection.execute("SELECT * FROM audit ORDER BY seq").fetchall()
            assert connection.execute(statement, values).rowcount > 0
        try:
            yield
        finally:
            with connection:
                connection.execute("DELETE FROM audit")
                marks = ",".join("?" * len(kept[0]))
                connection.executemany(f"INSERT INTO audit VALUES ({marks})", kept)  # noqa: S608 - only marks


def newest(centre: Centre) -> int:
    """Return the number of the newest row."""
    with contextlib.closing(sqlite3.connect(database(centre), timeout=10)) as connection:
        (seq,) = connection.execute("SELECT max(seq) FROM audit").fetchone()
    return int(seq)


@pytest.mark.parametrize("runs", [True, False])
async def test_row_that_was_changed_is_missing_or_was_cut_off_is_named(
    centre: Centre, auditor: str, runs: bool
) -> None:
    for _ in range(3):
        await token(centre, "viewer")
    # The newest row is written outside at the start (and each hour).
    await centre.stop_service()
    await centre.start_service()
    last = newest(centre)
    async with asyncio.timeout(NET_S):
        while not any(line.startswith(f"{last} ") for line in centre.settings.audit_heads.read_text().splitlines()):
            await asyncio.sleep(0.05)
    assert stat.S_IMODE(centre.settings.audit_heads.stat().st_mode) == 0o600
    if not runs:
        await centre.stop_service()
    try:
        whole = await command(centre, "audit", "verify")
        assert (whole.code, "is whole" in whole.out, f"{last} rows" in whole.out) == (0, True, True), whole
        middle = last - 2
        for statement, fault in (
            ("UPDATE audit SET actor = 'somebody (admin)' WHERE seq = :seq", f"changed: Row {middle} was changed"),
            ("UPDATE audit SET payload = '{}' WHERE seq = :seq", f"changed: Row {middle} was changed"),
            ("DELETE FROM audit WHERE seq = :seq", f"missing: Row {middle} is missing"),
            ("DELETE FROM audit WHERE seq > :seq", f"cut_off: The last row is {middle}, but row {last} was noted"),
        ):
            with tampered(centre, statement, seq=middle):
                found = await command(centre, "audit", "verify")
                assert (found.code, fault in found.out) == (1, True), (statement, found)
                if runs:
                    await _told_by_rest_too(centre, auditor, fault.partition(":")[0])
        assert (await command(centre, "audit", "verify")).code == 0
    finally:
        await centre.start_service()


async def _told_by_rest_too(centre: Centre, auditor: str, kind: str) -> None:
    status, _, verdict = await centre.ask("GET", "/api/v1/audit/verify", token=auditor)
    assert (status, verdict["intact"]) == (200, False)
    assert kind in {fault["kind"] for fault in verdict["faults"]}


# ---------------------------------------------------------------- secrets
async def test_operators_new_secret_is_the_one_that_counts_at_once(centre: Centre) -> None:
    registrar = f"{centre.settings.sip_host}:{centre.settings.sip_port}"
    made = await command(centre, "operators", "secret", "op3")
    assert made.code == 0, made

    async def registers(secret: str) -> bool:
        account = Account(user="op3", password=secret, registrar=registrar)
        async with Softphone("op3", tone_hz=1550, host=centre.addresses.host(140), account=account) as phone:
            try:
                await phone.register()
            except SoftphoneError:
                return False
            return True

    assert not await registers(centre.accounts["op3"])
    assert await registers(made.out.strip())


async def test_no_secret_is_in_answers_logs_audit_or_database(centre: Centre, auditor: str) -> None:
    trunk = {"key": "lain", "kind": "agency", "host": centre.addresses.host(90), "login": {"username": "kami"}}
    status, _, answer = await centre.ask("POST", "/api/v1/trunks", trunk)
    assert status == 201, answer
    status, _, answer = await centre.ask("PUT", "/api/v1/trunks/lain/password", {"password": PASSWORD})
    assert (status, answer) == (204, None)
    status, _, answer = await centre.ask("PUT", "/api/v1/trunks/lain/password", {"password": f"{PASSWORD} "})
    assert (status, PASSWORD in str(answer)) == (422, False)
    status, _, login = await centre.ask("POST", "/api/v1/operators/op2/secret")
    assert status == 200
    _, viewer = await token(centre, "viewer")
    assert (await centre.ask("GET", "/api/v1/draft", token=viewer))[0] == 200
    assert (await bare(centre, "GET", "/api/v1/draft", token=f"{viewer}x"))[0] == 401

    settings = centre.settings
    key = settings.key_path.read_text().strip()
    secrets = {
        "trunk": PASSWORD.encode(),
        "operator": login["secret"].encode(),
        "first secret of op1": centre.accounts["op1"].encode(),
        "token": viewer.split("_", 2)[2].encode(),
        "key": key.encode(),
        "key's bytes": base64.urlsafe_b64decode(key),
        "agi": centre.keys.agi.encode(),
        "ami": centre.keys.hands.encode(),
        "cli": settings.cli_token_file.read_bytes(),
    }
    own = {
        "trunk": {"asterisk/etc/pjsip.conf"},
        "key": {"secrets/key"},
        "agi": {"asterisk/etc/extensions.conf", "secrets/agi"},
        "ami": {"asterisk/etc/manager.conf", "secrets/ami-hands"},
        "cli": {"secrets/cli-token"},
    }
    there = {name: files_with(centre, secret) for name, secret in secrets.items()}
    assert there == {name: own.get(name, set()) for name in secrets}
    answers = await everything_said(centre, auditor)
    assert len(answers) > 5_000
    assert [name for name, secret in secrets.items() if secret in answers] == []
    for file in itertools.chain(*(own[name] for name in own)):
        assert stat.S_IMODE((settings.state / file).stat().st_mode) == 0o600, file
    for folder in (settings.pbx_dir / "etc", settings.secrets_dir):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def files_with(centre: Centre, secret: bytes) -> set[str]:
    """Return the files below the state folder, the database's too, that hold these bytes; and the service's log."""
    state = centre.settings.state.resolve()
    found = {
        str(path.relative_to(state))
        for path in state.rglob("*")
        if path.is_file() and not path.is_symlink() and path.suffix != ".wav" and secret in path.read_bytes()
    }
    return found | ({"service.log"} if secret in centre.service_log.read_bytes() else set())


async def everything_said(centre: Centre, auditor: str) -> bytes:
    """Return all that the API shows to an admin and to an auditor, and the table as it is exported."""
    paths = ["trunks", "operators", "agencies", "draft", "settings", "versions", "versions/1", "duty", "tokens"]
    said = [await centre.ask("GET", f"/api/v1/{path}") for path in paths]
    said += [await centre.ask("GET", "/api/v1/audit", params={"limit": "200"}, token=auditor)]
    assert [status for status, _, _ in said] == [200] * len(said)
    exported = await command(centre, "routes", "export")
    assert exported.code == 0
    return f"{said}{exported}".encode()


# ---------------------------------------------------------------- TLS
def certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate of our own for 127.0.0.1, and its key; return both files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "callrouter")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    files = folder / "api.pem", folder / "api.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    unencrypted = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, unencrypted))
    files[1].chmod(0o600)
    return files


async def test_service_with_a_certificate_speaks_https_alone_and_the_command_line_finds_it(
    centre: Centre, tmp_path: Path
) -> None:
    cert, key = certificate(tmp_path)
    plain = centre.settings
    await centre.stop_service()
    centre.settings = plain.model_copy(update={"api_tls_cert": cert, "api_tls_key": key})
    try:
        await centre.start_service(wait=False)
        context = ssl.create_default_context(cafile=cert)
        base = f"https://127.0.0.1:{plain.api_port}"
        async with aiohttp.ClientSession(base, connector=aiohttp.TCPConnector(ssl=context)) as session:
            await _until_ready(centre, session)
            headers = {"Authorization": f"Bearer {plain.cli_token_file.read_text()}"}
            async with session.get("/api/v1/draft", headers=headers) as answer:
                assert answer.status == 200
        with pytest.raises(aiohttp.ClientError):
            await bare(centre, "GET", "/livez")
        made = await command(centre, "operators", "secret", "op1")
        assert (made.code, len(made.out.strip())) == (0, 24), made
        file = tmp_path / "table.yaml"
        assert (await command(centre, "routes", "export", str(file))).code == 0
        file.write_text(file.read_text().replace("seconds: 30", "seconds: 31"))
        done = await command(centre, "routes", "import", str(file), "--yes", "--publish", "--why", "over TLS")
        assert (done.code, f"Through the service at {base}." in done.err) == (0, True), done
        assert "is in force" in done.err
    finally:
        await centre.stop_service()
        centre.settings = plain
        await centre.start_service()


async def _until_ready(centre: Centre, session: aiohttp.ClientSession) -> None:
    async with asyncio.timeout(NET_S):
        while True:
            with contextlib.suppress(aiohttp.ClientConnectionError):
                async with session.get("/readyz") as answer:
                    if answer.status == 200:
                        return
            assert centre.service_pid is not None, centre.service_log.read_text()[-3000:]
            await asyncio.sleep(0.1)
