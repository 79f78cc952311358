"""The PBX's configuration, rendered from ``asterisk-config/`` into the folder of one running PBX."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from callrouter.asterisk.fits import require_fits
from callrouter.asterisk.plan_codec import encode
from callrouter.asterisk.variables import MODULES
from callrouter.bilingual import Bilingual, reason
from callrouter.calls.lines import MESSAGE_MIN_BYTES
from callrouter.errors import OperatorError
from callrouter.resources import resource
from callrouter.routing.decide import compile_table
from callrouter.routing.failsafe import static_plan
from callrouter.routing.table import RoutingTable
from callrouter.settings import Settings

MAX_STEPS: Final = 14
MAX_CALLS: Final = 2_000
_SENTINEL: Final = "@sentinel@"
"""Stands for the hash until it is known. No key, secret, path or name of an operator holds an @."""
_PLAIN_PATH: Final = re.compile(r"[A-Za-z0-9/_.+-]+")


@dataclass(frozen=True, slots=True)
class PbxSecrets:
    """Secrets shared with the PBX, kept as files of mode 0640 in the secrets folder."""

    agi: str
    hep: str
    hands: str
    keeper: str
    operators: dict[str, str]


def read_secrets(folder: Path, operators: tuple[str, ...]) -> PbxSecrets:
    """Return the secrets, making those that do not exist yet. Raises OperatorError if the folder is not writable."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        return PbxSecrets(
            agi=_secret(folder / "agi"),
            hep=_secret(folder / "hep"),
            hands=_secret(folder / "ami-hands"),
            keeper=_secret(folder / "ami-keeper"),
            operators={key: _secret(folder / f"operator-{key}") for key in operators},
        )
    except OSError as error:
        raise OperatorError(
            Bilingual(
                f"Rahasia di {folder} tidak dapat dibaca atau dibuat: {reason(error).id}.",
                f"The secrets in {folder} cannot be read or made: {reason(error).en}.",
            ),
            Bilingual("Berikan hak atas folder itu kepada pengguna ini.", "Give this user the folder."),
        ) from error


def _secret(path: Path) -> str:
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(20))
    value = path.read_text().strip()
    if not re.fullmatch(r"[A-Za-z0-9]{16,80}", value):
        raise OperatorError(
            Bilingual(
                f"Rahasia di {path} bukan 16 sampai 80 huruf dan angka.",
                f"The secret in {path} is not 16 to 80 letters and digits.",
            ),
            Bilingual(
                "Hapus berkas itu, jalankan `callrouter pbx render` (rahasia baru akan dibuat), lalu mulai ulang "
                "PBX.",
                "Remove the file, run `callrouter pbx render` (a new one is made), and restart the PBX.",
            ),
        )
    return value


@dataclass(frozen=True, slots=True)
class AsteriskFiles:
    """Where an installed or unpacked Asterisk keeps what it brings."""

    modules: Path
    documentation: Path


def render(
    settings: Settings, table: RoutingTable, version: int, keys: PbxSecrets, files: AsteriskFiles, selftest: str
) -> str:
    """Write the complete configuration of this PBX and return its sentinel (a hash of all of it).

    `selftest` is the command of the doctor's AGI script. Each file is written whole and then renamed, with mode
    0640. Raises OperatorError for a state folder whose path the PBX could misread, or that cannot be written, and for
    a key that already names a part of these files.
    """
    require_fits(table)
    pbx = settings.pbx_dir
    if not _PLAIN_PATH.fullmatch(str(pbx)):
        raise OperatorError(
            Bilingual(
                f"Jalur folder data {settings.state} mengandung karakter yang tidak dapat ditulis dalam berkas "
                "Asterisk.",
                f"The state folder {settings.state} has a character in its path that Asterisk's files cannot carry.",
            ),
            Bilingual(
                "Atur CALLROUTER_STATE ke jalur yang hanya terdiri atas huruf, angka, dan / _ . + -.",
                "Set CALLROUTER_STATE to a path of letters, digits and / _ . + -.",
            ),
        )
    values = _values(settings, table, version, keys, files, selftest)
    environment = Environment(
        loader=FileSystemLoader(resource("asterisk-config")),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - not HTML; the table's alphabets are closed
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["in_uri"] = _in_uri
    texts = {
        name: environment.get_template(name).render(values | {"sentinel": _SENTINEL})
        for name in sorted(environment.list_templates())
    }
    sentinel = hashlib.sha256("\0".join(f"{k}\0{v}" for k, v in texts.items()).encode()).hexdigest()[:16]
    try:
        _lay_out(settings, table, files)
        for name, text in texts.items():
            _write(pbx / "etc" / name, text.replace(_SENTINEL, sentinel))
    except OSError as error:
        raise cannot_write(error.filename or pbx, error) from None
    return sentinel


def cannot_write(where: object, error: OSError) -> OperatorError:
    """Return the error for a part of the PBX's configuration that the system refuses to write."""
    why = reason(error)
    return OperatorError(
        Bilingual(
            f"Konfigurasi PBX tidak dapat ditulis ke {where}: {why.id}.",
            f"The PBX's configuration cannot be written to {where}: {why.en}.",
        ),
        Bilingual(
            "Kosongkan sebagian disk, atau berikan hak atas folder itu kepada pengguna ini.",
            "Free disk space, or give this user the folder.",
        ),
    )


def _values(
    settings: Settings, table: RoutingTable, version: int, keys: PbxSecrets, files: AsteriskFiles, selftest: str
) -> dict[str, Any]:
    pbx = settings.pbx_dir
    compiled = compile_table(table, version)
    ring_s = settings.timers.static_ring_s
    return {
        "node": settings.node,
        "timers": settings.timers,
        "journal_dir": settings.journal_dir,
        "recordings_dir": settings.recordings_dir,
        "etc_dir": pbx / "etc",
        "module_dir": files.modules,
        "var_dir": pbx / "var",
        "data_dir": pbx / "data",
        "agi_dir": pbx / "agi-bin",
        "spool_dir": pbx / "spool",
        "run_dir": pbx / "run",
        "log_dir": pbx / "log",
        "agi_host": settings.agi_host,
        "agi_port": settings.agi_port,
        "agi_secret": keys.agi,
        "ami_host": settings.ami_host,
        "ami_port": settings.ami_port,
        "ami_peers": settings.ami_peers,
        "hands_secret": keys.hands,
        "hep_host": settings.hep_host,
        "hep_port": settings.hep_port,
        "hep_secret": keys.hep,
        "keeper_secret": keys.keeper,
        "sip_host": settings.sip_host,
        "sip_port": settings.sip_port,
        "rtp_from": settings.rtp_from,
        "rtp_to": settings.rtp_to,
        "max_calls": MAX_CALLS,
        "max_steps": MAX_STEPS,
        "message_min_bytes": MESSAGE_MIN_BYTES,
        "modules": MODULES,
        "failsafe_plan": encode(static_plan(compiled, ring_s)),
        "failsafe_plans": {t.key: encode(static_plan(compiled, ring_s, t.key)) for t in table.directory.trunks},
        "first_language": table.routing.menu.languages[0].value,
        "languages": [language.value for language in table.routing.menu.languages],
        "groups": table.routing.ring_groups,
        "trunks": table.directory.trunks,
        "operators": [
            {"key": o.key, "name_id": _plain(o.name), "secret": keys.operators[o.key]}
            for o in table.directory.operators
        ],
        "selftest": selftest,
    }


def _in_uri(host: str) -> str:
    """Return a numeric address as a URI carries it: one of IPv6 in brackets (RFC 3986, section 3.2.2)."""
    return f"[{host}]" if ":" in host else host


def _plain(name: str) -> str:
    """Return a name as a configuration file can carry it: letters of any script, digits, spaces and . ' -."""
    return " ".join("".join(c if c.isalnum() or c in " .'-" else " " for c in name).split()) or "operator"


def _lay_out(settings: Settings, table: RoutingTable, files: AsteriskFiles) -> None:
    pbx = settings.pbx_dir
    for part in ("etc", "var", "var/keys", "agi-bin", "spool", "run", "log", "data/sounds", "data/moh"):
        (pbx / part).mkdir(parents=True, exist_ok=True, mode=0o750)
    for folder in (settings.journal_dir, settings.recordings_dir):
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    _link(pbx / "data" / "documentation", files.documentation)
    for language in table.routing.menu.languages:
        prompts = settings.prompts_dir / language.value
        sounds = pbx / "data" / "sounds" / language.value
        sounds.mkdir(parents=True, exist_ok=True)
        _link(sounds / "cr", prompts)
        music = pbx / "data" / "moh" / language.value
        shutil.rmtree(music, ignore_errors=True)
        music.mkdir(parents=True)
        _link(music / "wait.wav", prompts / "wait.wav")


def _link(path: Path, target: Path) -> None:
    if path.is_symlink():
        path.unlink()
    path.symlink_to(target)


def _write(path: Path, text: str) -> None:
    whole = path.with_name(path.name + ".new")
    descriptor = os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    whole.replace(path)
