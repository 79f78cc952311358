"""PBX and service together on one machine, to be rung with a softphone."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from callrouter.app import build
from callrouter.bilingual import Bilingual
from callrouter.listening import PBX, SERVICE, require_free
from callrouter.prepare import Say, prepare
from callrouter.resources import resource
from callrouter.routing.table import RoutingTable
from callrouter.settings import Settings

DEFAULT_TABLE = "kab-malang.yaml"
ENDING = (signal.SIGTERM, signal.SIGINT)


async def up(settings: Settings, table_file: Path | None, say: Say) -> None:
    """Run both until SIGINT or SIGTERM; then the service stops, and after it the PBX.

    Ports in use are found before anything is written; whatever goes wrong later, no PBX is left behind.
    """
    require_free(settings, (*PBX, *SERVICE))
    ready = await prepare(settings, table_file, say, otherwise=resource("examples") / DEFAULT_TABLE)
    loop = asyncio.get_running_loop()
    starting = asyncio.current_task()
    assert starting is not None  # noqa: S101
    for number in ENDING:
        loop.add_signal_handler(number, starting.cancel)
    try:
        await ready.pbx.start()
        service = await build(settings)
        for number in ENDING:
            loop.add_signal_handler(number, service.stop)
        for line in how_to_ring(settings, ready.table, ready.accounts):
            say(line)
        await service.run()
    except asyncio.CancelledError:
        say(Bilingual("Dihentikan sebelum siap.", "Stopped before it was ready.").said(settings.language))
    finally:
        await ready.pbx.stop()


def how_to_ring(settings: Settings, table: RoutingTable, accounts: dict[str, str]) -> list[str]:
    """Return what to put into a softphone, line by line."""
    server = f"{settings.sip_host}:{settings.sip_port} (UDP)"
    rest = f"http://{settings.api_host}:{settings.api_port}/docs"
    told = [
        Bilingual(
            f"  operator {o.name}: pengguna {o.key}  kata sandi {accounts[o.key]}  server {server}",
            f"  operator {o.name}: user {o.key}  password {accounts[o.key]}  server {server}",
        )
        for o in table.directory.operators
        if o.key in accounts
    ]
    if not accounts:
        accounts_before = Bilingual(
            f"  {server}: kata sandi operator sudah ditampilkan dahulu; yang baru: callrouter operators secret KUNCI",
            f"  {server}: the operators' passwords were shown before; a new one: callrouter operators secret KEY",
        )
        told.append(accounts_before)
    lines = [
        Bilingual(
            "callrouter berjalan. Masukkan salah satu akun ini ke softphone di mesin ini:",
            "callrouter is up. Put one of these accounts into a softphone on this machine:",
        ),
        Bilingual("", ""),
        *told,
        Bilingual("", ""),
        Bilingual(
            "Operator yang terdaftar (register) sedang bertugas: teleponnya berdering. Untuk menelepon 112 sebagai",
            "A registered operator is on duty: his phone rings. To ring 112 as a citizen, register as a second",
        ),
        Bilingual(
            "warga, daftarkan operator kedua dan hubungi 112; tekan angka menu, atau 0 untuk operator.",
            "operator and dial 112; press a digit of the menu, or 0 for an operator.",
        ),
        Bilingual(
            "Instansi dalam contoh tidak ada di mesin ini: setelah sekitar sepuluh detik operator yang berdering.",
            "The example's agencies do not exist on this machine: after some ten seconds the operators ring.",
        ),
        Bilingual(f"REST: {rest}      Ctrl-C menghentikan keduanya.", f"REST: {rest}      Ctrl-C ends both."),
    ]
    return ["", *(line.said(settings.language) for line in lines), ""]
