"""espeak-ng: where it is, and what it says."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from callrouter.bilingual import Bilingual
from callrouter.errors import OperatorError
from callrouter.prompts import audio
from callrouter.routing.values import Language

SPEED = {Language.ID: 165, Language.EN: 160}
"""Words a minute: calmer than the voice's 175, for people in distress on a bad line."""

_DEADLINE_S = 20.0
_REMEDY = Bilingual(
    "Pasang paket espeak-ng, atau letakkan rekaman semua klip di folder `recorded` dalam CALLROUTER_STATE.",
    "Install the package espeak-ng, or put recordings of all clips into the folder `recorded` of CALLROUTER_STATE.",
)


@dataclass(frozen=True, slots=True)
class Voice:
    """A program that speaks: `command` and its fixed arguments."""

    command: tuple[str, ...]

    def say(self, text: str, language: Language) -> list[float]:
        """Return `text` as sound at 8,000 samples a second; [] where nothing of it can be spoken.

        `text` goes by standard input, so that no name of a table is ever an argument.
        Raises OperatorError where espeak-ng fails or takes longer than 20 s.
        """
        with tempfile.TemporaryDirectory(prefix="callrouter-") as folder:
            file = Path(folder) / "said.wav"
            options = ("-v", language.value, "-s", str(SPEED[language]), "-b", "1", "-z", "--stdin", "-w", str(file))
            try:
                done = subprocess.run(
                    (*self.command, *options),
                    input=text.encode(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    timeout=_DEADLINE_S,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                late = Bilingual(
                    f"espeak-ng tidak selesai dalam {_DEADLINE_S:.0f} detik.",
                    f"espeak-ng did not end within {_DEADLINE_S:.0f} s.",
                )
                raise OperatorError(late, _REMEDY) from None
            except OSError as error:
                dead = Bilingual(f"espeak-ng tidak dapat dijalankan: {error}.", f"espeak-ng does not start: {error}.")
                raise OperatorError(dead, _REMEDY) from None
            said = done.stderr.decode(errors="replace").strip()
            if done.returncode:
                what = f"({done.returncode}): {said[-300:]}."
                raise OperatorError(Bilingual(f"espeak-ng gagal {what}", f"espeak-ng failed {what}"), _REMEDY)
            if not file.exists():
                return []
            try:
                samples, rate = audio.read_wav(file)
            except audio.NotTelephone as error:
                bad = Bilingual(
                    f"espeak-ng menulis berkas yang tidak dapat dibaca: {error.text.id}.",
                    f"espeak-ng wrote a file that cannot be read: {error.text.en}.",
                )
                raise OperatorError(bad, _REMEDY) from None
        return audio.resampled(samples, rate)


def find(pbx_root: Path | None) -> Voice:
    """Return espeak-ng of the folder `pbx_root`, run by that folder's own loader; else the system's.

    Raises OperatorError where there is none.
    """
    unpacked = _unpacked(pbx_root.resolve()) if pbx_root else None
    if unpacked:
        return unpacked
    system = shutil.which("espeak-ng")
    if system:
        return Voice((system,))
    where = (
        Bilingual(f"di {pbx_root} maupun di sistem ini", f"neither in {pbx_root} nor on this system")
        if pbx_root
        else Bilingual("di sistem ini", "not on this system")
    )
    raise OperatorError(
        Bilingual(
            f"Klip suara tidak dapat dibuat: espeak-ng tidak ada {where.id}.",
            f"Prompts cannot be made: espeak-ng is {where.en}.",
        ),
        _REMEDY,
    )


def _unpacked(root: Path) -> Voice | None:
    program = root / "usr" / "bin" / "espeak-ng"
    # Debian's loaders: usr/lib64 on amd64, usr/lib on arm64 and others.
    loaders = [*sorted(root.glob("usr/lib64/ld-linux*.so.*")), *sorted(root.glob("usr/lib/ld-linux*.so.*"))]
    data = sorted(root.glob("usr/lib/*/espeak-ng-data"))
    if not (program.is_file() and loaders and data):
        return None
    libraries = data[0].parent
    # Some libraries sit one folder deeper and are found by an absolute path, which the folder does not have.
    deeper = sorted({found.parent for found in libraries.glob("*/lib*.so*")})
    return Voice(
        (
            str(loaders[0]),
            "--library-path",
            ":".join(map(str, (libraries, *deeper))),
            str(program),
            f"--path={libraries}",
        )
    )
