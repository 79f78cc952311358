"""HTTPS by setting: certificates that serve, and those that are refused at the start with a remedy."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from callrouter.api.tls import server_context
from callrouter.errors import OperatorError
from tests.api.conftest import Start
from tests.api.support import until
from tests.api.test_server import everything


def given_pair(folder: Path, name: str = "api", *, password: bytes | None = None) -> tuple[Path, Path]:
    """Write a certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "callrouter")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        encryption = serialization.BestAvailableEncryption(password)
    cert_file, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))
    return cert_file, key_file


async def test_what_is_served_over_tls_is_what_is_served_without(
    start: Start, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    certificate, key = given_pair(tmp_path)
    server = await start(tls=server_context(certificate, key))
    trusted = ssl.create_default_context(cafile=str(certificate))
    for path, method in (("/livez", "GET"), ("/api/v1/trunks", "GET"), ("/api/v1/draft/verify", "POST")):
        url = f"https://127.0.0.1:{server.port}{path}"
        async with session.request(method, url, ssl=trusted) as reply:
            assert reply.status == 200
            assert reply.headers["Server"] == "callrouter"


async def test_a_great_answer_comes_whole_over_tls(
    start: Start, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    certificate, key = given_pair(tmp_path)
    server = await start(tls=server_context(certificate, key))
    trusted = ssl.create_default_context(cafile=str(certificate))
    async with session.get(f"https://127.0.0.1:{server.port}/api/v1/openapi.json", ssl=trusted) as reply:
        assert (await reply.json())["openapi"].startswith("3.1")


async def test_plain_http_is_not_answered_where_tls_is_served(start: Start, tmp_path: Path) -> None:
    server = await start(tls=server_context(*given_pair(tmp_path)))
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"HTTP/1.1 200" not in await everything(reader)
    writer.close()
    await until(lambda: server.connections == 0)


def test_old_tls_is_not_offered(tmp_path: Path) -> None:
    assert server_context(*given_pair(tmp_path)).minimum_version == ssl.TLSVersion.TLSv1_2


def test_certificate_and_key_may_stand_in_one_file(tmp_path: Path) -> None:
    certificate, key = given_pair(tmp_path)
    certificate.write_bytes(certificate.read_bytes() + key.read_bytes())
    server_context(certificate, None)


def test_a_file_that_is_not_there_names_its_setting(tmp_path: Path) -> None:
    certificate, key = given_pair(tmp_path)
    with pytest.raises(OperatorError, match="CALLROUTER_API_TLS_CERT"):
        server_context(tmp_path / "none.pem", key)
    with pytest.raises(OperatorError, match="CALLROUTER_API_TLS_KEY"):
        server_context(certificate, tmp_path / "none.key")
    with pytest.raises(OperatorError, match="CALLROUTER_API_TLS_CERT"):
        server_context(tmp_path, key)


@pytest.mark.parametrize("broken", ["garbage", "empty", "another key", "no key", "encrypted"])
def test_a_pair_that_cannot_serve_is_an_error_a_person_can_act_on(tmp_path: Path, broken: str) -> None:
    certificate, key = given_pair(tmp_path)
    match broken:
        case "garbage":
            certificate.write_bytes(b"\xff\x00garbage")
        case "empty":
            key.write_bytes(b"")
        case "another key":
            key = given_pair(tmp_path, "other")[1]
        case "no key":
            key = certificate
        case _:
            certificate, key = given_pair(tmp_path, "locked", password=b"secret")
    with pytest.raises(OperatorError) as refused:
        server_context(certificate, key)
    assert "CALLROUTER_API_TLS_KEY" in refused.value.what
    assert refused.value.remedy
