"""Signed webhooks after the Standard Webhooks specification 1.0.0 (standard-webhooks/standard-webhooks on GitHub)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import Final

from callrouter.bilingual import Bilingual, RefusedValue

PREFIX: Final = "whsec_"
MIN_BYTES: Final = 24
MAX_BYTES: Final = 64


def new_secret() -> str:
    """Return a new secret of 32 random bytes, as it is exchanged."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def key_of(secret: str) -> bytes:
    """Return the key in a secret (``whsec_``, then base64 of 24 to 64 bytes). Raises RefusedValue without it."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True) if secret.startswith(PREFIX) else b""
    except (binascii.Error, ValueError):
        key = b""
    if not MIN_BYTES <= len(key) <= MAX_BYTES:
        raise RefusedValue(
            Bilingual(
                f"rahasia webhook: {PREFIX} lalu {MIN_BYTES} sampai {MAX_BYTES} byte dalam base64",
                f"a webhook's secret is {PREFIX} and {MIN_BYTES} to {MAX_BYTES} bytes in base64",
            )
        )
    return key


def signed(secret: str, id_: str, at_s: int, body: bytes) -> dict[str, str]:
    """Return the headers that prove that `body` is ours and was sent at `at_s` (s since 1970 UTC)."""
    content = b".".join((id_.encode(), str(at_s).encode(), body))
    digest = hmac.new(key_of(secret), content, hashlib.sha256).digest()
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(at_s),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
