"""Old clips stay for a week, and no clip goes that a table in force says."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from callrouter.prompts import audio
from callrouter.prompts.texts import needed
from callrouter.prompts.tidy import KEPT_S, UNNEEDED, tidy
from callrouter.routing.table import RoutingTable
from tests.unit.routing.tables import Document, small

NOW = 1_763_760_000.0


def renamed(document: Document) -> None:
    document["routing"]["categories"][0]["name"]["id"] = "api"


OLD, NEW = small(), small(renamed)
GONE = {c.file for c in needed(OLD)} - {c.file for c in needed(NEW)}
CLIP = audio.wav_bytes(audio.tone((440.0,), 0.2, 0.01))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The clips of both tables."""
    for table in (OLD, NEW):
        for clip in needed(table):
            (tmp_path / clip.file).parent.mkdir(exist_ok=True)
            (tmp_path / clip.file).write_bytes(CLIP)
    return tmp_path


def whole(out: Path, table: RoutingTable) -> bool:
    return all((out / clip.file).exists() for clip in needed(table))


def test_clips_of_the_table_before_stay_for_seven_days_and_then_go(out: Path) -> None:
    assert tidy([NEW], out, NOW) == []
    assert tidy([NEW], out, NOW + KEPT_S - 1) == []
    assert whole(out, OLD)
    assert set(tidy([NEW], out, NOW + KEPT_S)) == GONE
    assert len(GONE) == 6
    assert whole(out, NEW)
    assert not any((out / path).exists() for path in GONE)


def test_table_that_was_in_force_for_long_leaves_its_clips_a_week_too(out: Path) -> None:
    tidy([OLD], out, NOW)
    year = NOW + 365 * 86_400
    tidy([NEW], out, year)
    assert whole(out, OLD)
    tidy([NEW], out, year + KEPT_S)
    assert not whole(out, OLD)


def test_roll_back_begins_the_week_anew(out: Path) -> None:
    tidy([NEW], out, NOW)
    tidy([OLD], out, NOW + 1)
    tidy([NEW], out, NOW + KEPT_S)
    assert whole(out, OLD)


def test_clips_of_every_table_in_force_stay(out: Path) -> None:
    for day in range(20):
        assert tidy([OLD, NEW], out, NOW + day * 86_400) == []


def test_clock_that_was_set_back_begins_the_week_anew_and_not_later(out: Path) -> None:
    tidy([NEW], out, NOW + 100 * 86_400)
    tidy([NEW], out, NOW)
    assert set(tidy([NEW], out, NOW + KEPT_S)) == GONE


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"id/x.wav": "never"}'])
def test_damaged_notes_keep_the_clips_for_another_week(out: Path, content: bytes) -> None:
    tidy([NEW], out, NOW)
    (out / UNNEEDED).write_bytes(content)
    assert tidy([NEW], out, NOW + KEPT_S) == []
    assert set(tidy([NEW], out, NOW + 2 * KEPT_S)) == GONE


def test_clip_that_cannot_be_removed_is_left_and_tried_again(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tidy([NEW], out, NOW)
    real = Path.unlink
    monkeypatch.setattr(Path, "unlink", _refuse)
    assert tidy([NEW], out, NOW + KEPT_S) == []
    monkeypatch.setattr(Path, "unlink", real)
    assert set(tidy([NEW], out, NOW + KEPT_S)) == GONE


def _refuse(path: Path) -> None:
    raise PermissionError(stat.S_IWUSR, "Permission denied", str(path))


def test_folder_without_clips_is_no_error(tmp_path: Path) -> None:
    assert tidy([NEW], tmp_path / "prompts", NOW) == []
