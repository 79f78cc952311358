"""Addresses and ports that the service and the PBX listen on: are they to be had, and what to say if not."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Iterable
from typing import Final, Literal

import structlog

from callrouter.bilingual import Bilingual, reason
from callrouter.errors import OperatorError
from callrouter.settings import Settings

log = structlog.get_logger(__name__)

Part = Literal["sip", "ami", "agi", "api", "hep"]
"""What listens, as its settings are called: ``CALLROUTER_<PART>_HOST`` and ``_PORT``."""
SERVICE: Final[tuple[Part, ...]] = ("agi", "api", "hep")
PBX: Final[tuple[Part, ...]] = ("sip", "ami")
_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where something listens on all, ask it here
_KINDS: Final[dict[Part, tuple[socket.SocketKind, ...]]] = {
    "sip": (socket.SOCK_DGRAM, socket.SOCK_STREAM),
    "hep": (socket.SOCK_DGRAM,),
}
"""What else than TCP is taken there."""
_WHO: Final[dict[Part, Bilingual]] = {
    "sip": Bilingual("SIP (PBX)", "SIP (the PBX)"),
    "ami": Bilingual("AMI (PBX)", "AMI (the PBX)"),
    "agi": Bilingual("AGI", "AGI"),
    "api": Bilingual("Antarmuka REST", "The REST surface"),
    "hep": Bilingual("HEP (penghitung panggilan yang ditolak)", "HEP (the count of refused calls)"),
}


def own_address(host: str) -> str:
    """Return where this machine reaches what listens on `host`: loopback, where that is every address."""
    return _ANY.get(host, host)


def exposed(settings: Settings) -> tuple[Part, ...]:
    """Return what listens on more than this machine though it is meant for it alone (`allow_public_bind`)."""
    inside: tuple[Part, ...] = ("agi", "ami", "api", "hep")
    return tuple(part for part in inside if not ipaddress.ip_address(getattr(settings, f"{part}_host")).is_loopback)


def exposure(settings: Settings, part: Part) -> Bilingual:
    """Return the warning for a part of `exposed`."""
    who, where = _WHO[part], f"{getattr(settings, f'{part}_host')} port {getattr(settings, f'{part}_port')}"
    return Bilingual(
        f"PERINGATAN: {who.id} dapat dijangkau dari luar mesin ini, di {where}. Jaringan itu harus tertutup bagi "
        f"pihak lain; jika tidak, atur CALLROUTER_{part.upper()}_HOST=127.0.0.1.",
        f"WARNING: {who.en} can be reached from outside this machine, at {where}. That network must be closed to "
        f"others; if it is not, set CALLROUTER_{part.upper()}_HOST=127.0.0.1.",
    )


def require_free(settings: Settings, parts: Iterable[Part]) -> None:
    """Raise OperatorError for the first of `parts` whose address cannot be had now. Leaves nothing open.

    Warns in the log of each that can be reached from outside this machine and is not meant to be.
    """
    wanted = tuple(parts)
    for part in exposed(settings):
        if part in wanted:
            log.warning("listening.exposed", part=part, note=exposure(settings, part).en)
    for part in wanted:
        host, port = getattr(settings, f"{part}_host"), getattr(settings, f"{part}_port")
        for kind in _KINDS.get(part, (socket.SOCK_STREAM,)):
            try:
                _try(host, port, kind)
            except OSError as error:
                raise cannot_listen(part, host, port, error) from None


def _try(host: str, port: int, kind: socket.SocketKind) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind is socket.SOCK_STREAM:  # as every listener does, so that connections that are closing do not count
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        if kind is socket.SOCK_STREAM:
            probe.listen(1)


def cannot_listen(part: Part, host: str, port: int, error: OSError) -> OperatorError:
    """Return the error for an address that is refused: which setting names it, why, and what to do."""
    by_host, by_port = f"CALLROUTER_{part.upper()}_HOST", f"CALLROUTER_{part.upper()}_PORT"
    named, why, remedy = f"{by_host}, {by_port}", reason(error), _CORRECT
    match error.errno:
        case errno.EADDRINUSE:
            named, why, remedy = by_port, Bilingual("port itu sedang dipakai", "the port is in use"), _in_use(part)
        case errno.EADDRNOTAVAIL:
            named, remedy = by_host, _OWN_ADDRESS
            why = Bilingual("mesin ini tidak memiliki alamat itu", "this machine has no such address")
        case errno.EACCES:
            named, remedy = by_port, _PRIVILEGE
            why = Bilingual("port di bawah 1024 memerlukan hak khusus", "ports below 1024 need a privilege")
        case _:
            pass
    who = _WHO[part]
    return OperatorError(
        Bilingual(
            f"{who.id} tidak dapat menerima sambungan di {host} port {port} ({named}): {why.id}.",
            f"{who.en} cannot listen on {host} port {port} ({named}): {why.en}.",
        ),
        remedy,
    )


def _in_use(part: Part) -> Bilingual:
    ss = "ss -lunp" if part in _KINDS else "ss -ltnp"
    if part == "api":
        return Bilingual(
            f"Hentikan program yang memakainya (`{ss}` menunjukkan yang mana), atau atur port lain.",
            f"Stop the program that uses it (`{ss}` shows which), or set another port.",
        )
    return Bilingual(
        f"Hentikan program yang memakainya (`{ss}` menunjukkan yang mana); atau atur port lain, jalankan "
        "`callrouter pbx render`, lalu mulai ulang PBX.",
        f"Stop the program that uses it (`{ss}` shows which); or set another port, run `callrouter pbx render` and "
        "restart the PBX.",
    )


_CORRECT: Final = Bilingual("Perbaiki setelan itu.", "Correct the setting.")
_OWN_ADDRESS: Final = Bilingual(
    "Atur alamat milik mesin ini, misalnya 127.0.0.1.", "Set an address of this machine, such as 127.0.0.1."
)
_PRIVILEGE: Final = Bilingual(
    "Atur port 1024 atau lebih, atau berikan hak itu.", "Set a port of 1024 or above, or grant the privilege."
)
