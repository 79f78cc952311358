"""espeak-ng: finding it, and what happens when it does not do its work."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from callrouter.errors import OperatorError
from callrouter.prompts import audio, espeak
from callrouter.routing.values import Language


def unpacked(root: Path, loader: str, triplet: str) -> Path:
    """Lay out a folder as an unpacked Debian has it."""
    for name in (loader, f"usr/lib/{triplet}/espeak-ng-data/phontab", "usr/bin/espeak-ng"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    deeper = root / "usr/lib" / triplet / "pulseaudio"
    deeper.mkdir()
    (deeper / "libpulsecommon-17.0.so").touch()
    return root


@pytest.mark.parametrize(
    ("loader", "triplet"),
    [
        ("usr/lib64/ld-linux-x86-64.so.2", "x86_64-linux-gnu"),
        ("usr/lib/ld-linux-aarch64.so.1", "aarch64-linux-gnu"),
        ("usr/lib/ld-linux-armhf.so.3", "arm-linux-gnueabihf"),
    ],
)
def test_unpacked_espeak_is_run_by_the_loader_beside_it(loader: str, triplet: str, tmp_path: Path) -> None:
    root = unpacked(tmp_path, loader, triplet)
    libraries = root / "usr/lib" / triplet
    assert espeak.find(root).command == (
        str(root / loader),
        "--library-path",
        f"{libraries}:{libraries / 'pulseaudio'}",
        str(root / "usr/bin/espeak-ng"),
        f"--path={libraries}",
    )


def test_folder_without_espeak_leaves_it_to_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = program(tmp_path / "bin" / "espeak-ng", "pass")
    monkeypatch.setenv("PATH", str(system.parent))
    assert espeak.find(tmp_path / "pbx").command == (str(system),)
    assert espeak.find(None).command == (str(system),)


def test_no_espeak_at_all_is_told_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OperatorError, match=r"neither in .* nor on this system.*Install the package espeak-ng"):
        espeak.find(tmp_path)


def program(path: Path, code: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\nimport sys, time, wave\nout = sys.argv[sys.argv.index('-w') + 1]\n{code}\n")
    path.chmod(0o755)
    return path


def voice(path: Path, code: str) -> espeak.Voice:
    return espeak.Voice((str(program(path / "espeak-ng", code)),))


def test_text_goes_by_standard_input_and_never_as_an_argument(tmp_path: Path) -> None:
    argv, text = tmp_path / "argv", tmp_path / "text"
    code = f"open('{argv}', 'w').write(repr(sys.argv)); open('{text}', 'wb').write(sys.stdin.buffer.read())"
    assert voice(tmp_path, code).say("-w /etc/passwd é", Language.ID) == []
    assert "passwd" not in argv.read_text()
    assert text.read_text(encoding="utf-8") == "-w /etc/passwd é"


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("sys.exit('Failed to read voice')", r"failed \(1\): Failed to read voice"),
        ("open(out, 'w').write('no sound')", "cannot be read"),
        ("w = wave.open(out, 'wb'); w.setparams((2, 2, 22050, 0, 'NONE', '')); w.close()", "2 channels"),
    ],
)
def test_espeak_that_fails_is_told(code: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=says):
        voice(tmp_path, code).say("halo", Language.ID)


def test_espeak_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(espeak, "_DEADLINE_S", 0.3)
    with pytest.raises(OperatorError, match="did not end"):
        voice(tmp_path, "time.sleep(60)").say("halo", Language.ID)


def test_espeak_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="does not start"):
        espeak.Voice((str(tmp_path / "gone"),)).say("halo", Language.ID)


ROOT = os.environ.get("CALLROUTER_PBX_ROOT")


@pytest.mark.skipif(not ROOT and not shutil.which("espeak-ng"), reason="no espeak-ng on this machine")
@pytest.mark.parametrize("language", [*Language])
def test_real_voice_speaks_as_long_as_a_person(language: Language) -> None:
    made = espeak.find(Path(ROOT) if ROOT else None)
    text = {"id": "Mohon tunggu, panggilan Anda sedang disambungkan.", "en": "Please wait, you are being connected."}
    said = audio.trimmed(made.say(text[language.value], language), 0, 0)
    assert 1.5 < len(said) / audio.RATE < 5
    assert audio.level(said) > -30
    assert made.say("", language) == [] or audio.trimmed(made.say("", language), 0, 0) == []
