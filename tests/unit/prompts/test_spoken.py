"""A banner's words become clips: for each language, once, and never as an argument of a program."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest

from callrouter.calls.bannerdesk import NoSuchClip, NothingSaid
from callrouter.calls.banners import Banner, Scope
from callrouter.errors import OperatorError
from callrouter.prompts import audio, espeak
from callrouter.prompts.spoken import Speaker
from callrouter.routing.values import Language


@dataclass
class Mouth:
    """A voice that hums for a second, or has nothing to say."""

    mute: bool = False
    said: list[tuple[str, Language]] = field(default_factory=list)

    def say(self, text: str, language: Language) -> list[float]:
        self.said.append((text, language))
        return [] if self.mute else audio.tone((440.0,), 1.0, 0.01)


@pytest.fixture
def mouth(monkeypatch: pytest.MonkeyPatch) -> Mouth:
    made = Mouth()
    monkeypatch.setattr(espeak, "find", lambda _root: made)
    return made


def banner(text_id: str = "", text_en: str = "", clip: str = "") -> Banner:
    return Banner(uuid4(), Scope.ALL, "", clip, text_id, text_en, "why", 0, "", 1)


async def test_words_are_spoken_once_for_each_language_and_the_longest_counts(tmp_path: Path, mouth: Mouth) -> None:
    speaker, one = Speaker(tmp_path, None), banner("Banjir.", "Flood.")
    seconds = await speaker.say(one)
    assert 1.0 <= seconds < 1.5
    assert sorted(mouth.said) == [("Banjir", Language.ID), ("Flood", Language.EN)]
    for language in Language:
        assert audio.seconds_of(tmp_path / language.value / f"{one.plays}.wav") == pytest.approx(seconds, abs=0.01)
    assert await speaker.say(one) == pytest.approx(seconds, abs=0.01)
    assert len(mouth.said) == 2
    (tmp_path / "id" / f"{one.plays}.wav").unlink()
    await speaker.say(one)
    assert len(mouth.said) == 3


async def test_words_that_are_missing_are_said_in_those_of_the_other_language(tmp_path: Path, mouth: Mouth) -> None:
    await Speaker(tmp_path, None).say(banner("Banjir."))
    assert mouth.said == [("Banjir", Language.ID)] * 2


@pytest.mark.parametrize(
    "text", ["-w /etc/passwd", "--help", "$(id)", "[[h@l'oU]]", "<b>x", "\N{ZERO WIDTH JOINER}x"]
)
async def test_hostile_words_are_words_and_name_no_file(tmp_path: Path, mouth: Mouth, text: str) -> None:
    await Speaker(tmp_path, None).say(banner(text, text))
    assert {said for said, _ in mouth.said} == {re.sub(r"[\[\]<>]+", " ", text).strip()}, "no mark-up, no phonemes"
    assert all(path.name.startswith("banner-") for path in tmp_path.rglob("*.wav"))


@pytest.mark.parametrize(("text", "mute"), [("…", True), ("[[]]", False)])
async def test_nothing_that_can_be_spoken_is_told(tmp_path: Path, mouth: Mouth, text: str, mute: bool) -> None:
    mouth.mute = mute
    with pytest.raises(NothingSaid):
        await Speaker(tmp_path, None).say(banner(text))
    assert list(tmp_path.rglob("*.wav")) == []


async def test_folder_that_cannot_be_written_is_told(tmp_path: Path, mouth: Mouth) -> None:
    (tmp_path / "id").write_text("a file")
    with pytest.raises(OperatorError) as told:
        await Speaker(tmp_path, None).say(banner("Banjir."))
    assert str(tmp_path) in told.value.what
    assert mouth.said


async def test_clip_must_be_there_in_each_language(tmp_path: Path, mouth: Mouth) -> None:
    (tmp_path / "id").mkdir()
    (tmp_path / "id" / "gempa.wav").write_bytes(audio.wav_bytes(audio.tone((440.0,), 2.0, 0.01)))
    with pytest.raises(NoSuchClip):
        await Speaker(tmp_path, None).say(banner(clip="gempa"))
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "gempa.wav").write_bytes(audio.wav_bytes(audio.tone((440.0,), 3.0, 0.01)))
    assert await Speaker(tmp_path, None).say(banner(clip="gempa")) == pytest.approx(3.0)
    assert mouth.said == []


@pytest.mark.usefixtures("mouth")
async def test_clips_are_there_once_they_were_spoken_in_all_languages(tmp_path: Path) -> None:
    speaker, one = Speaker(tmp_path, None), banner("Banjir.")
    assert not await speaker.there(one)
    await speaker.say(one)
    assert await speaker.there(one)
    (tmp_path / "en" / f"{one.plays}.wav").write_bytes(b"no sound")
    assert not await speaker.there(one)
