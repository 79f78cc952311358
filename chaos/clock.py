"""A clock in the test's hand for PBX and service: libfaketime, of which one file tells how far it is off."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).resolve().parents[1]
_CACHE: Final = _ROOT / "build" / "faketime"
_FETCH_S: Final = 60


class NoFaketime(Exception):
    """libfaketime is not there and could not be fetched."""


class FakeClock:
    """`environment` for who shall live by it. It must be loadable by this machine's own programs, and then is by the
    PBX's, which are newer.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "faketime"
        self._library = _library()
        self.shift(0)

    def shift(self, seconds: int) -> None:
        """From now on (within a second) the clock is that much off."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}s\n")
        new.replace(self._file)

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }


def _library() -> Path:
    for _ in range(2):
        for place in (Path("/"), _CACHE):
            for library in sorted(place.glob("usr/lib/*/faketime/libfaketime.so.1")):
                if _loads(library):
                    return library
        _fetch()
    raise NoFaketime("libfaketime is not installed, and apt-get cannot fetch it: install the package libfaketime")


def _loads(library: Path) -> bool:
    done = subprocess.run(
        [sys.executable, "-c", "pass"],
        env={"LD_PRELOAD": str(library)},
        capture_output=True,
        timeout=20,
        check=False,
    )
    return done.returncode == 0 and not done.stderr


def _fetch() -> None:
    """Fetch the package of this machine's own release, as an ordinary user."""
    _CACHE.mkdir(parents=True, exist_ok=True)
    try:
        for command in (["apt-get", "download", "libfaketime"], ["sh", "-c", "dpkg-deb -x libfaketime_*.deb ."]):
            subprocess.run(command, cwd=_CACHE, capture_output=True, timeout=_FETCH_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return
