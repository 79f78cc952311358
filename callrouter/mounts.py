"""Which folders lie on another machine: one that hangs there holds up whoever writes to it.

The PBX makes a recording's folder in the thread of the human who is just being joined to the caller, and writes the
journal in the caller's own: while such a file system hangs, they hear nothing (app_mixmonitor.c, filename_parse).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from callrouter.bilingual import Bilingual
from callrouter.settings import Settings

MOUNTS: Final = Path("/proc/self/mounts")
_NETWORK: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "coda", "gfs", "gfs2", "glusterfs", "lustre"}
    | {"ocfs2", "orangefs", "pvfs2", "davfs", "fuse"}
)
_LOCAL_FUSE: Final = frozenset({"fuse.fuse-overlayfs", "fuse.lxcfs", "fuse.portal"})
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


def network_file_system(folder: Path, mounts: Path = MOUNTS) -> str:
    """Return the type of the file system that `folder` lies on where that is another machine's; empty where not.

    Nothing is asked of the file system itself, which may hang. Where the mounts cannot be read it is empty.
    """
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    path = os.path.abspath(folder)  # noqa: PTH100 - resolve() would ask the file system
    found, kind = "", ""
    for line in lines:
        words = line.split(" ")
        if len(words) < 3:
            continue
        point = _ESCAPED.sub(lambda match: chr(int(match[1], 8)), words[1])
        # Of two on the same point the later one is what is seen.
        if len(point) >= len(found) and (path == point or path.startswith(f"{point.rstrip('/')}/")):
            found, kind = point, words[2]
    if kind in _NETWORK or (kind.startswith("fuse.") and kind not in _LOCAL_FUSE):
        return kind
    return ""


def warnings(settings: Settings) -> list[Bilingual]:
    """Return what is to be said of folders that the PBX writes to, or reads, while callers wait."""
    folders = (settings.journal_dir, settings.recordings_dir, settings.failsafe_dir, settings.prompts_dir)
    return [warning(folder, kind) for folder in folders if (kind := network_file_system(folder))]


def warning(folder: Path, kind: str) -> Bilingual:
    """Return what is to be said of one."""
    return Bilingual(
        f"{folder} ada di sistem berkas jaringan ({kind}): jika server itu macet, penelepon dan petugas tidak saling "
        "mendengar. Pakai disk lokal, dan salin rekaman ke sana setelahnya.",
        f"{folder} is on a network file system ({kind}): while its server hangs, callers and those who answer do not "
        "hear each other. Use a local disk, and copy recordings there afterwards.",
    )
