"""Tables, folders and clips that are not as they must be: told by their names, and nothing half done."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import EXAMPLE
from tests.cli.site import Site


def damaged_table(folder: Path) -> Path:
    """Return a table with two mistakes, on lines 4 and further."""
    text = EXAMPLE.read_text(encoding="utf-8")
    file = folder / "damaged.yaml"
    file.write_text(text.replace("kind: carrier", "kind: karrier", 1).replace("seconds: 90", "seconds: 9000"))
    return file


def test_bad_table_is_told_with_every_line_and_none_of_it_is_published(ready: Site, tmp_path: Path) -> None:
    before = ready.everything()
    table = damaged_table(tmp_path)
    done = ready.run("routes", "import", str(table))
    remedy = done.refused(
        str(table), "2 problems", "/directory/trunks/0/kind", "/routing/last_resort/seconds", "line "
    )
    assert remedy.startswith("Nothing was imported.")
    assert ready.everything() == before


def test_bad_table_is_told_in_indonesian_too(ready: Site, tmp_path: Path) -> None:
    table = damaged_table(tmp_path)
    done = ready.run("routes", "import", str(table), LANGUAGE="id")
    told = "bukan tabel perutean, 2 masalah", "baris ", "'karrier' tidak dapat dipakai di sini. Pakai 'carrier', "
    remedy = done.refused(str(table), *told, "9000 terlalu besar. Pakai 300 atau kurang.")
    assert remedy == "Tidak ada yang diimpor. Perbaiki berkas itu, lalu impor lagi."


def test_bad_table_for_up_is_told_before_anything_is_made(empty: Site, tmp_path: Path) -> None:
    empty.run("up", "--table", str(damaged_table(tmp_path))).refused("is not a routing table, 2 problems")
    assert not empty.folder.exists()


@pytest.mark.parametrize(("name", "says"), [("gone.yaml", "is not there"), (".", "is a folder")])
def test_table_that_is_no_file_is_told(ready: Site, tmp_path: Path, name: str, says: str) -> None:
    ready.run("routes", "import", str(tmp_path / name)).refused(str(tmp_path / name), says)


@pytest.mark.parametrize("command", ["migrate", "up"])
def test_state_folder_that_cannot_be_made_is_told(empty: Site, tmp_path: Path, command: str) -> None:
    (tmp_path / "file").write_text("")
    state = tmp_path / "file" / "state"
    remedy = empty.run(command, STATE=state).refused(str(state), "Not a directory")
    assert "CALLROUTER_STATE" in remedy
    assert (tmp_path / "file").read_text() == ""


def test_state_folder_that_is_a_file_is_told_in_indonesian(empty: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = empty.run("migrate", STATE=tmp_path / "file", LANGUAGE="id")
    assert "CALLROUTER_STATE" in done.refused(f"Folder data {tmp_path / 'file'} tidak dapat dibuat: sudah ada berkas")


@pytest.mark.parametrize(
    ("command", "folder"),
    [
        ("serve", "journal"),
        ("prompts", "prompts"),
        ("pbx render", "asterisk"),
        ("pbx render", "secrets"),
        ("pbx render", "asterisk/agi-bin/selftest/in-the-way"),
    ],
)
def test_folder_that_cannot_be_written_is_told(ready: Site, command: str, folder: str) -> None:
    """A file stands where the folder must be (or a folder where a file must be): no right of root's helps."""
    path = ready.state / folder
    if folder.endswith("in-the-way"):
        path = path.parent
        path.unlink()
        path.mkdir()
    else:
        shutil.rmtree(path)
        path.write_text("")
    ready.run(*command.split()).refused(str(path))
    assert path.is_dir() == folder.endswith("in-the-way")


def test_state_folder_that_the_pbx_would_misread_is_told(made: Site, tmp_path: Path) -> None:
    site = made.copy(tmp_path / "call centre")
    site.run("pbx", "render").refused(str(site.state), "character")


def test_missing_and_damaged_prompts_are_told_by_name(ready: Site) -> None:
    (ready.state / "prompts" / "en" / "menu-greeting.wav").unlink()
    (ready.state / "prompts" / "id" / "goodbye.wav").write_bytes(b"RIFF")
    before = ready.everything()
    remedy = ready.run("serve").refused(str(ready.state / "prompts"), "en/menu-greeting", "id/goodbye")
    assert "callrouter prompts" in remedy
    assert ready.everything() == before


def test_prompts_that_nothing_can_speak_are_told(ready: Site, tmp_path: Path) -> None:
    shutil.rmtree(ready.state / "prompts")
    shutil.rmtree(ready.state / "recorded")
    before = ready.everything()
    (tmp_path / "bin").mkdir()
    ready.run("prompts", path=tmp_path / "bin", PBX_ROOT=None).refused("espeak-ng is not on this system", "Install")
    assert ready.everything() == before


def test_recording_that_the_pbx_cannot_play_is_told(ready: Site) -> None:
    recorded = ready.state / "recorded" / "id" / "goodbye.wav"
    recorded.write_bytes(b"MP3")
    before = ready.everything()
    ready.run("prompts").refused(str(recorded), "not a WAV file", "8,000 samples a second")
    ready.run("prompts", LANGUAGE="id").refused(str(recorded), "bukan berkas WAV", "8.000 sampel per detik")
    assert ready.everything() == before


def test_damaged_secret_is_told(ready: Site) -> None:
    (ready.state / "secrets" / "agi").write_text("short\n")
    before = ready.everything()
    ready.run("serve").refused(str(ready.state / "secrets" / "agi"), "Remove the file")
    assert ready.everything() == before
