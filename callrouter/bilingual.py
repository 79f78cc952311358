"""Texts for operators and admins, in Indonesian and in English."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

LANGUAGES: Final = ("id", "en")
DEFAULT_LANGUAGE: Final = "id"


@dataclass(frozen=True, slots=True)
class Bilingual:
    """One text for people, in Indonesian and in English. As a `str` it is the English one, which logs have."""

    id: str
    en: str

    def __str__(self) -> str:
        """Return the English text."""
        return self.en

    def said(self, language: str) -> str:
        """Return the text in ``en``; in Indonesian for any other `language`."""
        return self.en if language == "en" else self.id


class RefusedValue(ValueError):
    """A value that cannot be; `reason` says why, in both languages."""

    def __init__(self, reason: Bilingual) -> None:
        super().__init__(reason.en)
        self.reason = reason


def same(text: object) -> Bilingual:
    """Return what both languages share: a name, or the words of a program that speaks only one."""
    return Bilingual(str(text), str(text))


def joined(separator: str, texts: Iterable[Bilingual]) -> Bilingual:
    """Return all `texts` as one."""
    held = tuple(texts)
    return Bilingual(separator.join(t.id for t in held), separator.join(t.en for t in held))


def reason(error: OSError) -> Bilingual:
    """Return why the system refused, without the path."""
    english = error.strerror or str(error) or type(error).__name__
    return Bilingual(_REASONS_ID.get(error.errno or 0, english), english)


_REASONS_ID: Final = {
    errno.EACCES: "izin ditolak",
    errno.EPERM: "tindakan ini tidak diizinkan",
    errno.ENOENT: "berkas atau folder tidak ada",
    errno.EEXIST: "sudah ada berkas dengan nama itu",
    errno.ENOTDIR: "bagian dari jalurnya bukan folder",
    errno.EISDIR: "itu sebuah folder",
    errno.EROFS: "sistem berkas hanya dapat dibaca",
    errno.ENOSPC: "tidak ada ruang tersisa di disk",
    errno.EDQUOT: "kuota disk habis",
    errno.ENAMETOOLONG: "nama berkas terlalu panjang",
    errno.ENOEXEC: "berkas itu bukan program",
    errno.EADDRINUSE: "port sedang dipakai",
    errno.EADDRNOTAVAIL: "mesin ini tidak memiliki alamat itu",
    errno.ECONNREFUSED: "sambungan ditolak",
    errno.ETIMEDOUT: "tidak ada jawaban",
}


def of_environment() -> str:
    """Return the language that the environment asks for, also where no settings could be read."""
    for name, value in os.environ.items():
        if name.upper() == "CALLROUTER_LANGUAGE" and value in LANGUAGES:
            return value
    return DEFAULT_LANGUAGE
