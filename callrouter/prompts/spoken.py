"""Clips that belong to no table: a banner's words, spoken when it is set."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from callrouter.bilingual import Bilingual, reason
from callrouter.calls.bannerdesk import NoSuchClip, NothingSaid
from callrouter.calls.banners import Banner
from callrouter.errors import OperatorError
from callrouter.prompts import audio, espeak
from callrouter.prompts.catalogue import load
from callrouter.prompts.sounds import SPEECH_DBM0
from callrouter.routing.values import Language

_BEFORE_S: Final = 0.05
_AFTER_S: Final = 0.3
"""A menu may follow."""


class Speaker:
    """Makes the clips of banners (callrouter.calls.bannerdesk.Say), in threads: one at a time.

    out:      the prompts' folder, ``out/<language>/<clip>.wav``
    pbx_root: the folder of an unpacked PBX, where espeak-ng is looked for first; None: the system's own
    """

    def __init__(self, out: Path, pbx_root: Path | None) -> None:
        self._out = out
        self._pbx_root = pbx_root
        self._one = asyncio.Lock()

    async def say(self, banner: Banner) -> float:
        """Make its clips where they are not there, and return how long (s) the longest is.

        Raises NoSuchClip, NothingSaid, OperatorError where there is no voice or no room.
        """
        async with self._one:
            return await asyncio.to_thread(self._say, banner)

    async def there(self, banner: Banner) -> bool:
        """Return whether its clips are there in all languages."""
        return await asyncio.to_thread(self._there, banner)

    def _there(self, banner: Banner) -> bool:
        try:
            for language in Language:
                audio.seconds_of(self._file(banner, language))
        except (OSError, audio.NotTelephone):
            return False
        return True

    def _file(self, banner: Banner, language: Language) -> Path:
        return self._out / language.value / f"{banner.plays}.wav"

    def _say(self, banner: Banner) -> float:
        return max(self._seconds(banner, language) for language in Language)

    def _seconds(self, banner: Banner, language: Language) -> float:
        file = self._file(banner, language)
        try:
            return audio.seconds_of(file)
        except (OSError, audio.NotTelephone):
            if banner.clip:
                raise NoSuchClip(banner.clip) from None
        text, voice = _words(banner, language)
        texts = load()
        plain = texts.phonetic(texts.said(text, voice), voice)
        said = audio.trimmed(espeak.find(self._pbx_root).say(plain, voice), _BEFORE_S, _AFTER_S) if plain else []
        if not said:
            raise NothingSaid(text)
        _write(file, audio.wav_bytes(audio.at_level(said, SPEECH_DBM0)))
        return len(said) / audio.RATE


def _write(file: Path, content: bytes) -> None:
    new = file.with_name(f".{file.name}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        new.write_bytes(content)
        new.replace(file)
    except OSError as error:
        why = reason(error)
        raise OperatorError(
            Bilingual(
                f"Klip suara tidak dapat ditulis: {file}: {why.id}.", f"A prompt cannot be written: {file}: {why.en}."
            ),
            Bilingual("Sediakan ruang atau izin menulis di sana.", "Make room or allow writing there."),
        ) from None


def _words(banner: Banner, language: Language) -> tuple[str, Language]:
    """What is said to who speaks that language, and by which voice."""
    texts = {Language.ID: banner.text_id, Language.EN: banner.text_en}
    other = Language.EN if language is Language.ID else Language.ID
    return (texts[language], language) if texts[language] else (texts[other], other)
