"""What the kernel says of a process's memory (proc(5)), in units of 1,000,000 bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

KIB: Final = 1024
MB: Final = 1e6


def rss_mb(pid: int | None) -> float:
    """Return its resident memory (VmRSS). RuntimeError where it does not run (None)."""
    if pid is None:
        raise RuntimeError("the process whose memory is asked for does not run")
    return kib_of(_read(pid, "status"), "VmRSS") * KIB / MB


def pss_mb(pid: int) -> float:
    """Return the same with what it shares counted by its part alone (Pss)."""
    return kib_of(_read(pid, "smaps_rollup"), "Pss") * KIB / MB


def peak_mb(pid: int) -> float:
    """Return the most that was resident since its start (VmHWM)."""
    return kib_of(_read(pid, "status"), "VmHWM") * KIB / MB


def kib_of(text: str, name: str) -> int:
    """Return the KiB of a line ``VmRSS:   1234 kB``. Raises ValueError where there is none."""
    for line in text.splitlines():
        key, _, rest = line.partition(":")
        if key == name:
            return int(rest.split()[0])
    raise ValueError(f"there is no {name}")


def _read(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8")
