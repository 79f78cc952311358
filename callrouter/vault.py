"""Secrets at rest: the key outside the database, what is encrypted with it, and what operators log in with."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import stat
import string
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from callrouter.bilingual import Bilingual, RefusedValue, reason
from callrouter.errors import OperatorError

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

REALM: Final = "callrouter"
"""Realm of every login at the PBX: digests are of no use in another."""
SECRET_CHARS: Final = 24
"""Length of a generated operator's secret: 142 bits, and still typed into a desk phone in a minute."""
MAX_PASSWORD_CHARS: Final = 128
_KEY_BYTES: Final = 32
_ALPHABET: Final = string.ascii_letters + string.digits
_AUDIT_LABEL: Final = b"callrouter audit chain 1"


@dataclass(frozen=True, slots=True)
class Digests:
    """What an operator's secret is kept as: digests of ``key:realm:secret`` (RFC 8760), 32 and 64 hex digits."""

    md5: str = field(repr=False)
    sha256: str = field(repr=False)


def new_operator_secret() -> str:
    """Return a new secret of letters and digits. It is shown once and kept as `digests` alone."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(SECRET_CHARS))


def digests(operator: str, secret: str) -> Digests:
    """Return what is kept of an operator's secret. MD5 too: many desk phones know nothing else."""
    text = f"{operator}:{REALM}:{secret}".encode()
    return Digests(hashlib.md5(text, usedforsecurity=False).hexdigest(), hashlib.sha256(text).hexdigest())


def checked_password(password: str) -> str:
    """Return a trunk's password if the PBX can carry it: 1 to 128 visible ASCII characters, no blank.

    Raises RefusedValue, whose text never repeats it.
    """
    if not 1 <= len(password) <= MAX_PASSWORD_CHARS or not all("!" <= c <= "~" for c in password):
        raise RefusedValue(
            Bilingual(
                f"kata sandi trunk terdiri atas 1 sampai {MAX_PASSWORD_CHARS} karakter ASCII tanpa spasi",
                f"a trunk's password has 1 to {MAX_PASSWORD_CHARS} visible ASCII characters and no blank",
            )
        )
    return password


class Vault:
    """Encrypts with a key from a file outside the database; the file is made, mode 0600, where it is missing.

    Raises OperatorError for a file that cannot be read or made, or that holds no key. What was encrypted with another
    key cannot be read again by anyone.
    """

    def __init__(self, key_file: Path) -> None:
        self._file = key_file
        self._key = _key_of(key_file)

    def encrypt(self, password: str) -> str:
        """Return a trunk's password as it is stored: other text each time. Raises RefusedValue."""
        return self._fernet().encrypt(checked_password(password).encode()).decode()

    def decrypt(self, stored: str) -> str:
        """Return what was encrypted. Raises OperatorError where this key did not encrypt it, or it was changed."""
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet().decrypt(stored.encode()).decode()
        except InvalidToken:
            raise OperatorError(
                Bilingual(
                    f"Kata sandi trunk dalam basis data tidak dapat dibuka dengan kunci di {self._file}.",
                    f"A trunk's password in the database cannot be opened with the key in {self._file}.",
                ),
                Bilingual(
                    "Pulihkan berkas kunci yang asli (CALLROUTER_KEY_FILE), atau masukkan kata sandi itu lagi.",
                    "Bring back the key file that belongs to it (CALLROUTER_KEY_FILE), or enter the password again.",
                ),
            ) from None

    def chain_key(self) -> bytes:
        """Return the key of the audit's chain, 32 bytes: another than the one that encrypts, and made from it."""
        return hmac.new(self._key, _AUDIT_LABEL, hashlib.sha256).digest()

    def _fernet(self) -> Fernet:
        # Where no trunk logs in with a password, nothing is encrypted, and the service is 6 MB smaller without.
        from cryptography.fernet import Fernet

        return Fernet(base64.urlsafe_b64encode(self._key))


def _key_of(path: Path) -> bytes:
    try:
        if not path.exists():
            _make(path)
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_bytes().strip()
    except OSError as error:
        raise OperatorError(
            Bilingual(
                f"Berkas kunci {path} tidak dapat dibaca atau dibuat: {reason(error).id}.",
                f"The key file {path} cannot be read or made: {reason(error).en}.",
            ),
            Bilingual(
                "Berikan berkas itu kepada pengguna ini, atau atur CALLROUTER_KEY_FILE.",
                "Give the file to this user, or set CALLROUTER_KEY_FILE.",
            ),
        ) from None
    if mode & 0o077:
        raise OperatorError(
            Bilingual(
                f"Berkas kunci {path} dapat dibaca pengguna lain (izin {mode:o}).",
                f"The key file {path} is open to other users (mode {mode:o}).",
            ),
            Bilingual(f"Jalankan: chmod 600 {path}", f"Run: chmod 600 {path}"),
        )
    try:
        key = base64.b64decode(text, altchars=b"-_", validate=True)
    except binascii.Error:
        key = b""
    if len(key) != _KEY_BYTES:
        raise OperatorError(
            Bilingual(
                f"Berkas kunci {path} tidak berisi kunci (32 byte dalam base64url).",
                f"The key file {path} holds no key (32 bytes in base64url).",
            ),
            Bilingual(
                "Pulihkan dari salinannya. Tanpa kunci yang asli, kata sandi trunk harus dimasukkan lagi dan "
                "rangkaian audit tidak dapat diperiksa.",
                "Bring it back from its copy. Without it trunk passwords must be entered again, and the chain of the "
                "audit cannot be checked.",
            ),
        )
    return key


def _make(path: Path) -> None:
    """Write a new key, whole or not at all: linked under its name only when it is on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return  # another process was first; its key counts
    finally:
        draft.unlink()
