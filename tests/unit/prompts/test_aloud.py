"""What is spoken at need: short, harmless whatever somebody wrote, and taken away."""

from __future__ import annotations

import os
import sys
import time
from ast import literal_eval
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callrouter.errors import OperatorError
from callrouter.prompts import audio, espeak
from callrouter.prompts.aloud import MAX_CHARS, MAX_S, STALE_S, Aloud
from callrouter.routing.values import Language

ECHO = """
import sys, wave
said = sys.stdin.buffer.read()
file = sys.argv[sys.argv.index("-w") + 1]
open({log!r}, "ab").write(repr((sys.argv[1:-1], said.decode())).encode() + b"\\n")
with wave.open(file, "wb") as out:
    out.setnchannels(1); out.setsampwidth(2); out.setframerate(8000)
    out.writeframes(b"\\x00\\x40\\x00\\xc0" * {frames})
"""


def voice(folder: Path, frames: int = 4_000) -> espeak.Voice:
    """A voice that writes down what it is told, and hums."""
    program = folder / "voice.py"
    program.write_text(ECHO.format(log=str(folder / "said"), frames=frames))
    return espeak.Voice((sys.executable, str(program)))


def said(folder: Path) -> list[tuple[list[str], str]]:
    return [literal_eval(line) for line in (folder / "said").read_text().splitlines()]


def test_each_language_has_a_file_that_the_pbx_can_play_and_that_is_taken_away(tmp_path: Path) -> None:
    aloud = Aloud(tmp_path / "notices", lambda: voice(tmp_path))
    made = aloud.write("n-1", {Language.ID: ["Laporan nomor: 1 2."], Language.EN: ["Incident number: 1 2."]})
    assert [path.name for path in made.values()] == ["n-1-id.wav", "n-1-en.wav"]
    assert all(audio.seconds_of(path) > 0.5 for path in made.values())
    assert (aloud.folder.stat().st_mode & 0o777) == 0o700
    aloud.remove(list(made.values()))
    aloud.remove(list(made.values()))
    assert list(aloud.folder.iterdir()) == []


def test_nothing_that_was_written_is_an_argument_or_mark_up(tmp_path: Path) -> None:
    text = "-f /etc/passwd [[h@l]] <speak> {x} $(touch /x) 112"
    Aloud(tmp_path / "n", lambda: voice(tmp_path)).write("n", {Language.ID: [text]})
    ((arguments, heard),) = said(tmp_path)
    assert not any("passwd" in word for word in arguments)
    assert not any(sign in heard for sign in "<>{}")
    assert "h@l" in heard
    assert "[[h@l]]" not in heard
    assert "satu satu dua" in heard


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(st.characters(codec="utf-8"), max_size=800), max_size=4))
def test_whatever_is_written_gives_a_file_of_bounded_length(texts: list[str], tmp_path: Path) -> None:
    class Mute(espeak.Voice):
        def say(self, text: str, language: Language) -> list[float]:  # noqa: ARG002
            assert len(text.replace("[[", "").replace("]]", "")) < 4 * MAX_CHARS
            return [9_000.0, -9_000.0] * 400_000

    aloud = Aloud(tmp_path / "n", lambda: Mute(("none",)))
    (file,) = aloud.write("n", {Language.ID: texts}).values()
    assert audio.seconds_of(file) <= MAX_S + 1


def test_a_voice_that_says_nothing_gives_silence_and_no_missing_file(tmp_path: Path) -> None:
    (file,) = Aloud(tmp_path / "n", lambda: voice(tmp_path, 0)).write("n", {Language.ID: ["..."]}).values()
    assert audio.seconds_of(file) > 0


def test_files_of_a_service_that_was_killed_are_taken_away_later(tmp_path: Path) -> None:
    aloud = Aloud(tmp_path / "n", lambda: voice(tmp_path))
    (old,) = aloud.write("old", {Language.ID: ["a"]}).values()
    os.utime(old, (time.time() - STALE_S - 1,) * 2)
    (new,) = aloud.write("new", {Language.ID: ["b"]}).values()
    assert list(aloud.folder.iterdir()) == [new]


def test_where_nothing_speaks_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OperatorError, match="espeak-ng"):
        Aloud(tmp_path / "n", lambda: espeak.find(None)).write("n", {Language.ID: ["a"]})
