"""HTTPS for the REST surface, by setting."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

from callrouter.bilingual import Bilingual, reason
from callrouter.errors import OperatorError

_NAMES: Final = "CALLROUTER_API_TLS_CERT, CALLROUTER_API_TLS_KEY"


def server_context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """Return what serves HTTPS (TLS 1.2 and later) by a certificate chain and its private key, both PEM.

    key: None where the certificate's file holds it too. Raises OperatorError naming the setting.
    """
    for setting, path in (("CALLROUTER_API_TLS_CERT", certificate), ("CALLROUTER_API_TLS_KEY", key)):
        if path is not None:
            _require_readable(setting, path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # An encrypted key would else be asked for on the terminal, and the service would stand still.
        context.load_cert_chain(certificate, key, password=lambda: "")
    except (ssl.SSLError, OSError, ValueError) as error:
        shown = f"{certificate}, {key}" if key else f"{certificate}"
        word = getattr(error, "reason", None) or type(error).__name__
        raise OperatorError(
            Bilingual(
                f"Sertifikat dan kunci {shown} ({_NAMES}) tidak dapat dipakai: {word}.",
                f"The certificate and key {shown} ({_NAMES}) cannot be used: {word}.",
            ),
            Bilingual(
                "Berikan sertifikat PEM dan kunci pribadinya, yang cocok dan tanpa kata sandi.",
                "Give a PEM certificate and its private key, which match, the key without a password.",
            ),
        ) from None
    return context


def _require_readable(setting: str, path: Path) -> None:
    try:
        with path.open("rb"):
            return
    except OSError as error:
        why = reason(error)
        raise OperatorError(
            Bilingual(
                f"{setting} menyebut {path}, yang tidak dapat dibaca: {why.id}.",
                f"{setting} names {path}, which cannot be read: {why.en}.",
            ),
            Bilingual("Periksa nama dan izin berkas itu.", "Check its name and permissions."),
        ) from None
