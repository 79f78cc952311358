"""Making the clips of a table, with recordings, and finding those that are missing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from callrouter.calls.menu import menu_data
from callrouter.errors import OperatorError
from callrouter.prompts import audio, build, espeak
from callrouter.prompts.build import BuildResult
from callrouter.prompts.sounds import SPEECH_DBM0, beep, wait_loop
from callrouter.prompts.texts import menu_seconds, needed
from callrouter.publishing.importing import read_table
from callrouter.resources import resource
from callrouter.routing.table import RoutingTable
from callrouter.routing.values import Language
from tests.unit.routing.tables import Document, small

PERIODS_A_LETTER = 20


class FakeVoice:
    """Says every text as a rough tone of 1 kHz; each letter takes 20 ms, or `slower` times that."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        self.slower = 1

    def say(self, text: str, language: Language) -> list[float]:
        self.said.append((language.value, text))
        letters = sum(c.isalpha() for c in text)
        return [9000.0, 9000.0, 9000.0, 9000.0, -9000.0, -9000.0, -9000.0, -9000.0] * (
            self.slower * PERIODS_A_LETTER * letters
        )


@pytest.fixture
def voice(monkeypatch: pytest.MonkeyPatch) -> FakeVoice:
    made = FakeVoice()
    monkeypatch.setattr(espeak, "find", lambda _root: made)
    return made


class Prompts:
    """Folders of prompts, and what was reported."""

    def __init__(self, folder: Path) -> None:
        self.out = folder / "prompts"
        self.recorded = folder / "recorded"
        self.told: list[str] = []

    def build(self, table: RoutingTable) -> BuildResult:
        return build.build(
            table, self.out, pbx_root=None, recorded=self.recorded, report=lambda line: self.told.append(line.en)
        )

    def record(self, name: str, content: bytes) -> Path:
        path = self.recorded / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def clip(self, plain: str, table: RoutingTable | None = None) -> Path:
        """The clip ``id/choice-1`` of a table."""
        language, _, name = plain.partition("/")
        (found,) = [c for c in needed(table or small()) if (c.language.value, c.plain) == (language, name)]
        return self.out / found.file


@pytest.fixture
def prompts(tmp_path: Path) -> Prompts:
    return Prompts(tmp_path)


def sound(seconds: float, hz: float = 300.0) -> bytes:
    return audio.wav_bytes(audio.tone((hz,), seconds, 0.01))


def named(name: str, value: str) -> Callable[[Document], None]:
    def change(table: Document) -> None:
        table["routing"]["categories"][0]["name"][name] = value

    return change


# ---------------------------------------------------------------- making


def test_every_clip_is_made_and_none_is_missing(prompts: Prompts, voice: FakeVoice) -> None:
    table = small()
    assert len(build.check(table, prompts.out)) == len(needed(table))
    result = prompts.build(table)
    assert build.check(table, prompts.out) == []
    assert (result.made, result.recorded, result.kept) == (len(needed(table)), 0, 0)
    assert ("en", "For English, press nine.") in voice.said


def test_clips_have_the_level_of_the_line(prompts: Prompts, voice: FakeVoice) -> None:
    prompts.build(small())
    samples, rate = audio.read_wav(prompts.clip("id/choice-1"))
    loud = [v for v in audio.frame_levels(samples) if v > -45]
    assert rate == audio.RATE
    assert max(loud) == pytest.approx(SPEECH_DBM0, abs=2)


def test_second_build_makes_nothing(prompts: Prompts, voice: FakeVoice) -> None:
    prompts.build(small())
    before = {p: p.stat().st_mtime_ns for p in prompts.out.rglob("*.wav")}
    voice.said.clear()
    result = prompts.build(small())
    assert (result.made, result.kept) == (0, len(needed(small())))
    assert not voice.said
    assert {p: p.stat().st_mtime_ns for p in prompts.out.rglob("*.wav")} == before


def test_second_build_needs_no_espeak(prompts: Prompts, voice: FakeVoice, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts.build(small())

    def none(_root: Path | None) -> espeak.Voice:
        raise AssertionError("espeak-ng was looked for")

    monkeypatch.setattr(espeak, "find", none)
    assert prompts.build(small()).made == 0


def test_only_clips_of_a_changed_name_are_made_anew(prompts: Prompts, voice: FakeVoice) -> None:
    prompts.build(small())
    voice.said.clear()
    result = prompts.build(small(named("id", "api")))
    assert sorted(text for language, text in voice.said if language == "id") == [
        "Panggilan darurat satu satu dua: api.",
        "Untuk api, [[t@k'an]] satu.",
        "api.",
    ]
    # In the other language too: a clip has one name in both, and its digest is of both texts.
    assert result.made == 6


def test_clips_of_the_table_before_stay_as_they_are(prompts: Prompts, voice: FakeVoice) -> None:
    prompts.build(small())
    before = {p: p.read_bytes() for p in prompts.out.rglob("*.wav")}
    prompts.build(small(named("id", "api")))
    assert {p: p.read_bytes() for p in before} == before
    assert prompts.clip("id/choice-1") in before
    assert prompts.clip("id/choice-1", small(named("id", "api"))) not in before
    assert build.check(small(), prompts.out) == build.check(small(named("id", "api")), prompts.out) == []


@pytest.mark.parametrize("damage", [b"", b"noise"])
def test_damaged_clip_is_missing_and_is_made_anew(damage: bytes, prompts: Prompts, voice: FakeVoice) -> None:
    prompts.build(small())
    prompts.clip("en/wait").write_bytes(damage)
    prompts.clip("id/goodbye").unlink()
    assert build.check(small(), prompts.out) == ["id/goodbye", "en/wait"]
    assert prompts.build(small()).made == 2
    assert build.check(small(), prompts.out) == []


def test_damaged_notes_of_the_last_build_only_cost_time(prompts: Prompts, voice: FakeVoice) -> None:
    prompts.build(small())
    for content in (b"{", b"[]", b"\xff"):
        (prompts.out / build.MANIFEST).write_bytes(content)
        assert prompts.build(small()).made == len(needed(small()))


def test_other_speed_makes_all_speech_anew(
    prompts: Prompts, voice: FakeVoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts.build(small())
    monkeypatch.setitem(espeak.SPEED, Language.EN, 120)
    voice.said.clear()
    prompts.build(small())
    assert {language for language, _ in voice.said} == {"en"}


def test_progress_is_reported(prompts: Prompts, voice: FakeVoice) -> None:
    prompts.build(small())
    assert prompts.told[0].startswith("Prompts: 25 of ")
    assert f"Prompts: {len(needed(small()))} made in " in prompts.told[-1]


# ---------------------------------------------------------------- limits


def test_clip_that_is_too_long_is_told_with_its_place_and_nothing_is_written(
    prompts: Prompts, voice: FakeVoice
) -> None:
    voice.slower = 3
    with pytest.raises(OperatorError, match=r"/routing/categories/0/name/id.*may take 5 s") as caught:
        prompts.build(small(named("id", "kebakaran " * 11)))
    assert "Shorten" in caught.value.remedy
    assert not prompts.out.exists()


def test_name_that_cannot_be_spoken_is_told(prompts: Prompts, voice: FakeVoice) -> None:
    with pytest.raises(OperatorError, match=r"en/category-fire-[0-9a-f]{8}\.wav .*nothing in '…\.' can be spoken"):
        prompts.build(small(named("en", "…")))


@pytest.mark.parametrize(("behind", "which"), [(False, r";"), (True, r", the menu behind 3;")])
def test_menu_that_is_too_long_is_told(prompts: Prompts, voice: FakeVoice, behind: bool, which: str) -> None:
    def nine(table: Document) -> None:
        table["routing"]["menus"][0]["switch_digit"] = None
        table["routing"]["categories"] += [
            {
                "key": f"c{n}",
                "urn": "urn:service:sos",
                "name": {"id": "keadaan darurat yang panjang", "en": "an emergency"},
                "priority": 1,
            }
            for n in range(3, 10)
        ]
        options = [{"digit": str(n), "category": f"c{n}"} for n in range(3, 10)]
        if behind:
            table["routing"]["menus"][0]["options"].append({"digit": "3", "menu": "more"})
            name = {"id": "lainnya", "en": "more"}
            table["routing"]["menus"].append({"key": "more", "name": name, "options": options})
        else:
            table["routing"]["menus"][0]["options"] += options

    voice.slower = 4
    with pytest.raises(OperatorError, match=rf"The menu takes \d+\.\d s in 'id'{which} it may take 25 s") as caught:
        prompts.build(small(nine))
    assert "Shorten" in caught.value.remedy
    assert not prompts.out.exists()


def test_menu_that_nobody_listens_to_may_be_as_long_as_it_likes(prompts: Prompts, voice: FakeVoice) -> None:
    def operators_first(table: Document) -> None:
        table["routing"]["menus"][0] |= {"mode": "operator_first", "switch_digit": None}
        table["routing"]["categories"][0]["name"] = {"id": "keadaan darurat yang panjang", "en": "an emergency here"}
        options = [{"digit": str(digit), "category": "fire"} for digit in range(3, 10)]
        table["routing"]["menus"][0]["options"] += options

    voice.slower = 4
    assert max(prompts.build(small(operators_first)).menu_s.values()) > 25


def test_length_of_the_menu_is_measured_from_the_files(prompts: Prompts, voice: FakeVoice) -> None:
    result = prompts.build(small())
    for language in Language:
        clips = [prompts.out / language.value / f"{name}.wav" for name in menu_data(small()).clips[""]]
        total = sum(audio.seconds_of(path) for path in clips)
        assert result.menu_s[language, ""] == pytest.approx(total)
    assert menu_seconds(small(), prompts.out) == {"main": pytest.approx(max(result.menu_s.values()))}


# ---------------------------------------------------------------- recordings


def test_recording_replaces_the_made_clip(prompts: Prompts, voice: FakeVoice) -> None:
    content = sound(1.0)
    prompts.record("id/menu-greeting", content)
    result = prompts.build(small())
    assert prompts.clip("id/menu-greeting").read_bytes() == content
    assert prompts.clip("en/menu-greeting").read_bytes() != content
    assert (result.recorded, result.made) == (1, len(needed(small())) - 1)


def test_new_recording_is_taken_and_an_old_one_taken_away(prompts: Prompts, voice: FakeVoice) -> None:
    path = prompts.record("id/goodbye", sound(1.0))
    prompts.build(small())
    prompts.record("id/goodbye", sound(1.0, hz=500.0))
    assert prompts.build(small()).kept == len(needed(small())) - 1
    assert prompts.clip("id/goodbye").read_bytes() == path.read_bytes()
    path.unlink()
    voice.said.clear()
    assert prompts.build(small()).made == 1
    assert [text for _, text in voice.said] == ["Terima kasih telah menghubungi satu satu dua."]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"ID3 an mp3", "not a WAV file"),
        (sound(5.0), "takes 5.0 s; menu-greeting may take 4 s"),
        (sound(1.0)[:-10], "shorter than its header"),
        (sound(0.01), "only 0.01 s of sound"),
        (b"\0" * 2_000_001, "larger than 2,000,000 bytes"),
    ],
)
def test_recording_that_cannot_be_played_is_named_and_nothing_is_written(
    content: bytes, says: str, prompts: Prompts, voice: FakeVoice
) -> None:
    path = prompts.record("id/menu-greeting", content)
    prompts.record("en/goodbye", b"neither")
    with pytest.raises(OperatorError) as caught:
        prompts.build(small())
    assert str(path) in caught.value.what
    assert says in caught.value.what
    assert "en/goodbye.wav" in caught.value.what
    assert "8,000 samples a second" in caught.value.remedy
    assert not voice.said
    assert not prompts.out.exists()


def test_folder_in_place_of_a_recording_is_told(prompts: Prompts, voice: FakeVoice) -> None:
    (prompts.recorded / "id" / "goodbye.wav").mkdir(parents=True)
    with pytest.raises(OperatorError, match="it is not a file"):
        prompts.build(small())


def test_recording_replaces_a_clip_of_the_table_by_its_plain_name_whatever_the_table_says(
    prompts: Prompts, voice: FakeVoice
) -> None:
    content = sound(1.0)
    prompts.record("id/choice-1", content)
    prompts.build(small())
    assert prompts.clip("id/choice-1").read_bytes() == content
    other = small(named("id", "api"))
    prompts.build(other)
    assert prompts.clip("id/choice-1", other).read_bytes() == content
    assert not [told for told in prompts.told if "is not used" in told]


def test_recording_of_one_text_goes_before_the_plain_one_and_serves_no_other_text(
    prompts: Prompts, voice: FakeVoice
) -> None:
    exact, plain = sound(1.0, hz=500.0), sound(1.0)
    prompts.record("id/choice-1", plain)
    prompts.record(f"id/{prompts.clip('id/choice-1').stem}", exact)
    prompts.build(small())
    assert prompts.clip("id/choice-1").read_bytes() == exact
    other = small(named("id", "api"))
    prompts.build(other)
    assert prompts.clip("id/choice-1", other).read_bytes() == plain


def test_misspelt_recording_is_reported(prompts: Prompts, voice: FakeVoice) -> None:
    prompts.record("id/menu-greting", sound(1.0))
    prompts.build(small())
    (note,) = [told for told in prompts.told if "is not used" in told]
    assert "did you mean id/menu-greeting.wav?" in note


def announcing(table: Document) -> None:
    table["routing"]["routes"][1]["steps"] = [{"kind": "announce", "prompt": "gempa-susulan"}]


def test_announced_clip_nobody_recorded_is_told(prompts: Prompts, voice: FakeVoice) -> None:
    with pytest.raises(OperatorError, match=r"gempa-susulan\.wav is not there"):
        prompts.build(small(announcing))
    assert "id/gempa-susulan" in build.check(small(announcing), prompts.out)


def test_announced_clip_may_be_recorded_only(prompts: Prompts, voice: FakeVoice) -> None:
    prompts.record("id/gempa-susulan", sound(3.0))
    prompts.record("en/gempa-susulan", sound(3.0))
    prompts.build(small(announcing))
    assert build.check(small(announcing), prompts.out) == []


def test_folder_that_cannot_be_written_is_told(prompts: Prompts, voice: FakeVoice) -> None:
    prompts.out.parent.mkdir(exist_ok=True)
    prompts.out.write_text("a file stands in the way")
    with pytest.raises(OperatorError, match=r"Prompts cannot be written: .*prompts"):
        prompts.build(small())


# ---------------------------------------------------------------- sounds


def longest_gap(samples: list[float], under_dbm0: float) -> float:
    """Return the longest time in s under a level, where the sound is played in a loop."""
    gap = longest = 0
    for found in audio.frame_levels([*samples, *samples]):
        gap = gap + 1 if found < under_dbm0 else 0
        longest = max(longest, gap)
    return longest / 100


def test_waiting_caller_never_hears_two_seconds_of_silence() -> None:
    said = audio.tone((440.0,), 1.0, 0.01)
    loop = wait_loop(said)
    assert 8 <= len(loop) / audio.RATE <= 10
    assert 0 < longest_gap(loop, -45) <= 1.5
    loud = [v for v in audio.frame_levels(loop) if v > -30]
    assert sum(loud) / len(loud) == pytest.approx(SPEECH_DBM0, abs=3)


def test_beep_is_short_and_heard() -> None:
    assert len(beep()) / audio.RATE < 0.6
    assert audio.level(beep()[:2400]) == pytest.approx(SPEECH_DBM0, abs=2)


# ---------------------------------------------------------------- with the real voice

ROOT = os.environ.get("CALLROUTER_PBX_ROOT")


@pytest.mark.skipif(not ROOT and not shutil.which("espeak-ng"), reason="no espeak-ng on this machine")
def test_clips_of_kabupaten_malang_are_spoken_within_their_limits(prompts: Prompts) -> None:
    table = read_table(resource("examples") / "kab-malang.yaml")
    root = Path(ROOT) if ROOT else None
    build.build(
        table, prompts.out, pbx_root=root, recorded=prompts.recorded, report=lambda line: prompts.told.append(line.en)
    )
    assert build.check(table, prompts.out) == []
    for seconds in menu_seconds(table, prompts.out).values():
        assert 5 < seconds < 25
    for language in Language:
        samples, _ = audio.read_wav(prompts.clip(f"{language.value}/wait"))
        assert longest_gap([float(s) for s in samples], -45) <= 1.5
    assert prompts.clip("id/menu-switch").read_bytes() != prompts.clip("en/menu-switch").read_bytes()
