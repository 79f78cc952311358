"""A PBX beside a centre's: the same build, the same configuration, another dialplan."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from callrouter import prepare
from callrouter.asterisk.pbx import Pbx
from callrouter.settings import Settings
from demo.addresses import Addresses, free_port
from demo.centre import Centre

RTP: Final = {"rtp_from": 16_000, "rtp_to": 31_999}
"""For thousands of calls. PBXs may share them: each listens on an address of its own."""
CONTEXT: Final = "callrouter-from-carrier"
_GENERAL: Final = "[general]\nstatic=yes\nwriteprotect=yes\n\n"
_FOR_OURS: Final = ("res_hep_pjsip", "res_hep")
"""They would send this PBX's SIP to the centre's service, which is not to work for it."""


@dataclass(frozen=True)
class Beside:
    """It runs, with these settings."""

    pbx: Pbx
    settings: Settings

    @property
    def address(self) -> str:
        """Where it takes calls ("host:port")."""
        return f"{self.settings.sip_host}:{self.settings.sip_port}"

    @property
    def pid(self) -> int:
        """Process id of the PBX. RuntimeError where it has ended."""
        if self.pbx.pid is None:
            raise RuntimeError("the PBX has ended")
        return self.pbx.pid


def dialplan(steps: str) -> str:
    """Return the whole dialplan, in which a call from a carrier takes these steps: its lines from ``exten`` on."""
    return f"{_GENERAL}[{CONTEXT}]\n{steps}"


@asynccontextmanager
async def pbx_beside(
    centre: Centre,
    folder: Path,
    files: Mapping[str, str],
    *,
    modules: Sequence[str] = (),
    scripts: Mapping[str, str] | None = None,
) -> AsyncIterator[Beside]:
    """Run a PBX beside `centre` that takes calls from the same carriers and reaches the same agencies.

    files:   of its configuration, by name, instead of the centre's
    modules: those that it loads more than the centre's
    scripts: programs that its ``AGI()`` may run, by name
    """
    addresses = Addresses()
    try:
        settings = centre.settings.model_copy(
            update={
                "state": folder,
                "sip_host": addresses.host(1),
                **RTP,
                "agi_port": free_port(),
                "ami_port": free_port(),
                # Its operators have the secrets that ours have.
                "database_url": SecretStr(centre.settings.database),
                "key_file": centre.settings.key_path,
            }
        )
        folder.mkdir(parents=True)
        settings.prompts_dir.symlink_to(centre.settings.prompts_dir)
        asterisk, _ = await prepare.render_pbx(settings, centre.table, 1)
        _write(settings.pbx_dir, files, modules, scripts or {})
        pbx = Pbx(asterisk, settings.pbx_dir, settings.asterisk_timezone)
        try:
            await pbx.start()
            yield Beside(pbx, settings)
        finally:
            await pbx.stop()
    finally:
        addresses.close()


def _write(folder: Path, files: Mapping[str, str], modules: Sequence[str], scripts: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / "etc" / name).write_text(text)
    loaded = folder / "etc" / "modules.conf"
    kept = [line for line in loaded.read_text().splitlines() if not any(f" {m}.so" in line for m in _FOR_OURS)]
    loaded.write_text("\n".join([*kept, *(f"require = {module}.so" for module in modules), ""]))
    for name, text in scripts.items():
        script = folder / "agi-bin" / name
        script.write_text(text)
        script.chmod(0o755)
