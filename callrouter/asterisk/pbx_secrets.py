"""What the PBX and those who speak with it prove themselves with."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from callrouter.bilingual import Bilingual, reason
from callrouter.errors import OperatorError
from callrouter.vault import Digests


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the directory's operators and trunks log in with.

    operators: by key; who is not named cannot log in
    trunks:    passwords in clear, by key; a trunk with a login that is not named is used without one
    """

    operators: Mapping[str, Digests] = field(default_factory=dict, repr=False)
    trunks: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class PbxSecrets:
    """Secrets shared with the PBX, kept as files of mode 0600 in the secrets folder."""

    agi: str = field(repr=False)
    hep: str = field(repr=False)
    hands: str = field(repr=False)
    keeper: str = field(repr=False)


def read_secrets(folder: Path) -> PbxSecrets:
    """Return the secrets, making those that do not exist yet. Raises OperatorError if the folder is not writable."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return PbxSecrets(
            agi=_secret(folder / "agi"),
            hep=_secret(folder / "hep"),
            hands=_secret(folder / "ami-hands"),
            keeper=_secret(folder / "ami-keeper"),
        )
    except OSError as error:
        raise OperatorError(
            Bilingual(
                f"Rahasia di {folder} tidak dapat dibaca atau dibuat: {reason(error).id}.",
                f"The secrets in {folder} cannot be read or made: {reason(error).en}.",
            ),
            Bilingual("Berikan hak atas folder itu kepada pengguna ini.", "Give this user the folder."),
        ) from error


def _secret(path: Path) -> str:
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(20))
    value = path.read_text().strip()
    if not re.fullmatch(r"[A-Za-z0-9]{16,80}", value):
        raise OperatorError(
            Bilingual(
                f"Rahasia di {path} bukan 16 sampai 80 huruf dan angka.",
                f"The secret in {path} is not 16 to 80 letters and digits.",
            ),
            Bilingual(
                "Hapus berkas itu, jalankan `callrouter pbx render` (rahasia baru akan dibuat), lalu mulai ulang "
                "PBX.",
                "Remove the file, run `callrouter pbx render` (a new one is made), and restart the PBX.",
            ),
        )
    return value
