"""Folders on other machines are known by what the kernel tells of its mounts, without asking them."""

from __future__ import annotations

from pathlib import Path

import pytest

from callrouter import mounts
from callrouter.mounts import network_file_system
from callrouter.settings import load

TOLD = r"""/dev/sda1 / ext4 rw 0 0
server:/a /var/lib/callrouter/recordings nfs4 rw,hard 0 0
//nas/b /srv/with\040blank cifs rw 0 0
overlay /var/lib/containers overlay rw 0 0
sshfs /home/x fuse.sshfs rw 0 0
lxcfs /var/lib/lxcfs fuse.lxcfs rw 0 0
server:/c /twice nfs rw 0 0
/dev/sdb1 /twice xfs rw 0 0
broken
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """What the kernel tells."""
    path = tmp_path / "mounts"
    path.write_text(TOLD)
    return path


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/var/lib/callrouter/recordings", "nfs4"),
        ("/var/lib/callrouter/recordings/2026-11-22", "nfs4"),
        ("/var/lib/callrouter/recordings/../journal", ""),
        ("/var/lib/callrouter/recordings2", ""),
        ("/srv/with blank/x", "cifs"),
        ("/var/lib/containers/x", ""),
        ("/home/x/y", "fuse.sshfs"),
        ("/var/lib/lxcfs/y", ""),
        ("/twice/y", ""),
        ("/", ""),
    ],
)
def test_folder_is_another_machines_or_not(file: Path, folder: str, kind: str) -> None:
    assert network_file_system(Path(folder), file) == kind


def test_mounts_that_cannot_be_read_tell_nothing(tmp_path: Path) -> None:
    assert network_file_system(Path("/"), tmp_path / "none") == ""


def test_each_folder_that_callers_wait_for_is_warned_of(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load(state=tmp_path)
    file.write_text(f"/dev/sda1 / ext4 rw 0 0\nserver:/ {settings.recordings_dir} nfs rw 0 0\n")
    seen = network_file_system
    monkeypatch.setattr(mounts, "network_file_system", lambda folder: seen(folder, file))
    (told,) = mounts.warnings(settings)
    assert str(settings.recordings_dir) in told.en
    assert "(nfs)" in told.id
    file.write_text(f"/dev/sda1 / ext4 rw 0 0\nserver:/ {settings.state.resolve()} cifs rw 0 0\n")
    assert len(mounts.warnings(settings)) == 4
