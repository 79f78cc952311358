"""The folder of one running PBX: its parts, and files that are written whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from callrouter.bilingual import Bilingual, reason
from callrouter.errors import OperatorError
from callrouter.routing.values import Language
from callrouter.settings import Settings


@dataclass(frozen=True, slots=True)
class AsteriskFiles:
    """Where an installed or unpacked Asterisk keeps what it brings."""

    modules: Path
    documentation: Path


def cannot_write(where: object, error: OSError) -> OperatorError:
    """Return the error for a part of the PBX's configuration that the system refuses to write."""
    why = reason(error)
    return OperatorError(
        Bilingual(
            f"Konfigurasi PBX tidak dapat ditulis ke {where}: {why.id}.",
            f"The PBX's configuration cannot be written to {where}: {why.en}.",
        ),
        Bilingual(
            "Kosongkan sebagian disk, atau berikan hak atas folder itu kepada pengguna ini.",
            "Free disk space, or give this user the folder.",
        ),
    )


def lay_out(settings: Settings, files: AsteriskFiles) -> None:
    """Make the folders of the PBX, with every language's clips where it looks for them. Raises OSError.

    Every language, also one that the table does not speak yet: a running PBX finds them when it does.
    """
    pbx = settings.pbx_dir
    for part in ("etc", "var", "var/keys", "agi-bin", "spool", "run", "log", "data/sounds", "data/moh"):
        (pbx / part).mkdir(parents=True, exist_ok=True, mode=0o700)
    (pbx / "etc").chmod(0o700)
    for folder in (settings.journal_dir, settings.recordings_dir):
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    _link(pbx / "data" / "documentation", files.documentation)
    for language in Language:
        prompts = settings.prompts_dir / language.value
        sounds = pbx / "data" / "sounds" / language.value
        sounds.mkdir(parents=True, exist_ok=True)
        _link(sounds / "cr", prompts)
    lay_music(settings)


def lay_music(settings: Settings) -> bool:
    """Give each language its waiting clip; return whether that changed anything. Raises OSError.

    A language whose clips are not made yet has another's: the PBX complains of a folder without sound.
    """
    made = [clip for clip in map(_waiting(settings), Language) if clip.exists()]
    changed = False
    for language in Language:
        folder = settings.pbx_dir / "data" / "moh" / language.value
        own = _waiting(settings)(language)
        clip = own if own.exists() or not made else made[0]
        if not (folder / "wait.wav").is_symlink() or (folder / "wait.wav").readlink() != clip:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            (folder / "wait.wav").symlink_to(clip)
            changed = True
    return changed


def _waiting(settings: Settings) -> Callable[[Language], Path]:
    return lambda language: settings.prompts_dir / language.value / "wait.wav"


def write(folder: Path, texts: Mapping[str, str]) -> None:
    """Write these files of `folder`, each whole and then renamed, mode 0600. Raises OSError.

    All are on the disk before the first takes its name: a full disk leaves every old one.
    """
    whole: list[tuple[Path, Path]] = []
    for name, text in texts.items():
        draft = folder / f"{name}.new"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.fchmod(descriptor, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        whole.append((draft, folder / name))
    for draft, path in whole:
        draft.replace(path)


def read(folder: Path, names: tuple[str, ...]) -> dict[str, str]:
    """Return what these files of `folder` hold; one that is not there, or is no text, is left out."""
    found: dict[str, str] = {}
    for name in names:
        try:
            found[name] = (folder / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
    return found


def _link(path: Path, target: Path) -> None:
    if path.is_symlink():
        path.unlink()
    path.symlink_to(target)
