"""Trunks by TCP and TLS: a PBX of its own for each, for its certificate is read at its start."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.pbx.ground import OTHER, Ground, header
from tests.pbx.provisioning import add

DAY = timedelta(days=1)


@pytest.mark.parametrize("transport", ["tcp", "tls"])
async def test_trunk_by_a_stream_gets_its_calls_on_it(tmp_path: Path, transport: str) -> None:
    certificate, key = self_signed(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    came: asyncio.Queue[bytes] = asyncio.Queue()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.put_nowait(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    extra = {"sip_tls_cert": certificate, "sip_tls_key": key}
    async with Ground(tmp_path, extra=extra) as secure:
        server = await asyncio.start_server(
            take, secure.host(OTHER), 5061, ssl=context if transport == "tls" else None
        )
        async with server:
            await secure.load(secure.changed(add(host=secure.host(OTHER), port=5061, transport=transport)))
            await secure.hands.action(
                "Originate", Channel="PJSIP/100@trunk-new", Application="Wait", Data="1", Timeout=500
            )
            invite = (await asyncio.wait_for(came.get(), 5)).decode()
    assert invite.startswith(f"INVITE sip:100@{secure.host(OTHER)}:5061;transport={transport} ")
    assert f"SIP/2.0/{transport.upper()} " in header(invite, "Via")


def self_signed(folder: Path) -> tuple[Path, Path]:
    """Write a certificate and its key as PEM; return both files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pbx.test")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + DAY)
    certificate = builder.sign(key, hashes.SHA256())
    files = (folder / "cert.pem", folder / "key.pem")
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files
