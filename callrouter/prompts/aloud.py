"""What was written, spoken at need into files that the PBX plays once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from callrouter.prompts import audio, espeak
from callrouter.prompts.catalogue import load
from callrouter.prompts.sounds import SPEECH_DBM0
from callrouter.routing.values import Language

MAX_CHARS: Final = 500
"""Of all sentences together, as they are said (a long number is many words): about half a minute."""
MAX_S: Final = 45.0
STALE_S: Final = 900.0
"""A file this old belongs to no call: it was left by a service that was killed."""
_BETWEEN_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Aloud:
    """Speaks into `folder`. `voice` finds the program; it raises OperatorError where there is none.

    The methods take seconds of CPU, or wait for the disk: they are for a thread.
    """

    folder: Path
    voice: Callable[[], espeak.Voice]

    def write(self, name: str, sentences: Mapping[Language, Sequence[str]]) -> dict[Language, Path]:
        """Write ``<name>-<language>.wav`` for each language; return them.

        The sentences may be anything that anybody wrote: brackets, by which a voice takes phonemes and mark-up, are
        dropped, and they reach the voice by its standard input alone. Raises OperatorError, OSError.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.tidy()
        voice, files = self.voice(), {}
        for language, said in sentences.items():
            path = self.folder / f"{name}-{language.value}.wav"
            path.write_bytes(audio.wav_bytes(_sound(voice, said, language)))
            files[language] = path
        return files

    def remove(self, files: Sequence[Path]) -> None:
        """Take files away that were played."""
        for file in files:
            with suppress(OSError):
                file.unlink(missing_ok=True)

    def tidy(self) -> None:
        """Take away what was left."""
        with suppress(OSError):
            old = time.time() - STALE_S
            self.remove([path for path in self.folder.glob("*.wav") if path.stat().st_mtime < old])


def _sound(voice: espeak.Voice, said: Sequence[str], language: Language) -> list[float]:
    texts, parts, room = load(), [], MAX_CHARS
    for one in said:  # each for itself: a name in capitals is spelled by how the rest of its own sentence is written
        plain = texts.said(one, language)[:room]
        room -= len(plain)
        parts.append(f"{texts.phonetic(plain, language)}.")
    text = " ".join(parts)
    found = audio.trimmed(voice.say(text, language)[: round(MAX_S * audio.RATE)], _BETWEEN_S, _BETWEEN_S)
    return audio.at_level(found, SPEECH_DBM0) if found else audio.silence(_BETWEEN_S)
