"""A small file system over one folder, for those alone who are started in its mount namespace."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

MOUNT_S: Final = 10.0
_MOUNT: Final = """
mount --make-rprivate / && mount -t tmpfs -o "size=$2,mode=755" small "$1" && echo mounted && exec sleep 86400
"""
_BALLAST: Final = "others/ballast"
"""Beside the journal's own files: what somebody else has put there."""


class NoSmallDisk(Exception):
    """None can be mounted here; why, for the one who reads which tests were skipped."""


class SmallDisk:
    """A file system of a fixed size. prefix: words before a command that is to see it."""

    def __init__(self, holder: int, folder: Path, user: tuple[str, ...]) -> None:
        self.prefix = ("nsenter", f"--target={holder}", *user, "--mount")
        self.folder = Path(f"/proc/{holder}/root{folder}")

    @property
    def free(self) -> int:
        """Bytes that may still be written."""
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def leave(self, free: int) -> None:
        """Fill it until so many bytes are free."""
        ballast = self.folder / _BALLAST
        ballast.parent.mkdir(exist_ok=True)
        with ballast.open("ab") as file:
            end = file.seek(0, os.SEEK_END)
            os.posix_fallocate(file.fileno(), end, self.free - free)

    def empty(self) -> None:
        """Take away what `leave` has put there."""
        (self.folder / _BALLAST).unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Iterator[SmallDisk]:
    """Mount one of `size` bytes over `folder`. Raises NoSmallDisk."""
    if missing := [word for word in ("unshare", "nsenter") if shutil.which(word) is None]:
        raise NoSmallDisk(f"not on this machine: {', '.join(missing)}")
    root = os.geteuid() == 0
    spaces = ("--mount",) if root else ("--user", "--map-root-user", "--mount")
    holder = subprocess.Popen(
        ("unshare", *spaces, "sh", "-c", _MOUNT, "sh", str(folder), str(size)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stderr is not None
    try:
        ready, _, _ = select.select([holder.stdout], [], [], MOUNT_S)
        if not ready or holder.stdout.readline() != "mounted\n":
            holder.kill()
            raise NoSmallDisk(f"mount namespaces are refused: {holder.stderr.read().strip()}")
        yield SmallDisk(holder.pid, folder, () if root else ("--user", "--preserve-credentials"))
    finally:
        holder.kill()
        holder.wait(MOUNT_S)
        holder.stdout.close()
        holder.stderr.close()
