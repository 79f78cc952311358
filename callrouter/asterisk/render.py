"""The PBX's configuration as texts, rendered from ``asterisk-config/``. Nothing here is written or loaded."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from callrouter.asterisk.failsafe import MAX_CELLS, MAX_LINES
from callrouter.asterisk.files import AsteriskFiles, cannot_write, lay_out, write
from callrouter.asterisk.fits import MAX_STEPS, require_fits
from callrouter.asterisk.pbx_secrets import Credentials, PbxSecrets, read_secrets
from callrouter.asterisk.plan_codec import encode
from callrouter.asterisk.provisioned import (
    OperatorEntry,
    TrunkEntry,
    everybody,
    in_uri,
    operators,
    rooms,
    transfers,
    trunks,
)
from callrouter.asterisk.variables import EVERYBODY, FAILSAFE_PLAN, FIRST_LANGUAGE, MODULES, RECORD, ROOM, TRANSFER_TO
from callrouter.bilingual import Bilingual
from callrouter.calls.lines import MESSAGE_MIN_BYTES
from callrouter.errors import OperatorError
from callrouter.incidents.callbacks import MAX_WAYS
from callrouter.resources import resource
from callrouter.routing.decide import compile_table
from callrouter.routing.failsafe import static_plan
from callrouter.routing.table import RoutingTable
from callrouter.routing.values import Language
from callrouter.settings import Settings
from callrouter.vault import REALM

__all__ = [
    "LIVE_FILES",
    "MAX_STEPS",
    "AsteriskFiles",
    "Credentials",
    "PbxSecrets",
    "Rendered",
    "cannot_write",
    "compose",
    "read_secrets",
    "render",
    "selftest_path",
]

MAX_CALLS: Final = 2_000
MAX_HOPS: Final = 3
"""So many centres may hand a call on before it stays with the operators of the one that has it."""
LOGIN_S: Final = 43_200
"""An operator's telephone is known so long after it logged in. Most do so anew after nine tenths of it at the latest;
what is left then is more than an hour, and by so much a clock may be set forward.
"""
LIVE_FILES: Final = ("extensions.conf", "pjsip.conf", "queues.conf")
"""What changes with a table."""
_SENTINEL: Final = "\0sentinel\0"
"""Stands for the hash until it is known. Nothing that is rendered holds a control character."""
_PLAIN_PATH: Final = re.compile(r"[A-Za-z0-9/_.+-]+")


@dataclass(frozen=True, slots=True)
class Rendered:
    """Files as they are to be written, and what of the dialplan comes from the table.

    texts:     by name of the file; the last section of dialplan and queues names the file's own hash
    sentinels: these hashes, by name of the file
    globals:   the dialplan's global variables that change with a table: a running PBX is told them one by one
    groups:    the ring groups that have queues, those that are kept for their callers included
    language:  the one that citizens hear first
    realm:     in which operators log in
    """

    texts: dict[str, str] = field(repr=False)
    sentinels: dict[str, str]
    globals: dict[str, str]
    groups: tuple[str, ...]
    trunks: tuple[TrunkEntry, ...] = field(repr=False)
    operators: tuple[OperatorEntry, ...] = field(repr=False)
    language: str
    realm: str


def selftest_path(settings: Settings) -> Path:
    """Return where the AGI script of the doctor is called from."""
    return settings.pbx_dir / "agi-bin" / "selftest"


def compose(
    settings: Settings,
    table: RoutingTable,
    version: int,
    keys: PbxSecrets,
    credentials: Credentials,
    *,
    files: AsteriskFiles | None = None,
    retired: tuple[str, ...] = (),
) -> Rendered:
    """Return the PBX's files for `table`: all of them, or without `files` those that change with a table.

    retired: ring groups that the table no longer has and that keep their queues
    Raises OperatorError for a table that this PBX cannot carry, and for a state folder whose path it could misread.
    Takes tens of milliseconds of CPU: not for the loop that serves calls.
    """
    require_fits(table, settings)
    _require_plain_path(settings)
    groups = [g.key for g in table.routing.ring_groups]
    groups += sorted({key for key in retired if key not in groups})
    compiled = compile_table(table, version)
    ring_s = settings.timers.static_ring_s
    plans = {t.key: encode(static_plan(compiled, ring_s, t.key)) for t in table.directory.trunks}
    rendered = Rendered(
        texts={},
        sentinels={},
        globals={
            FIRST_LANGUAGE: table.routing.languages[0].value,
            FAILSAFE_PLAN: encode(static_plan(compiled, ring_s)),
        }
        | transfers(table)
        | rooms(table)
        | everybody(table)
        | recording(settings),
        groups=tuple(groups),
        trunks=trunks(table, credentials, plans),
        operators=operators(table, credentials),
        language=table.routing.languages[0].value,
        realm=REALM,
    )
    values = _constant_values(settings, keys) | _table_values(rendered)
    if files is not None:
        values["module_dir"] = files.modules
    environment = _environment()
    for name in LIVE_FILES if files is None else _files(environment):
        text = environment.get_template(name).render(values | {"sentinel": _SENTINEL})
        rendered.sentinels[name] = hashlib.sha256(f"{name}\0{text}".encode()).hexdigest()[:16]
        rendered.texts[name] = text.replace(_SENTINEL, rendered.sentinels[name])
    return rendered


def render(
    settings: Settings,
    table: RoutingTable,
    version: int,
    keys: PbxSecrets,
    credentials: Credentials,
    files: AsteriskFiles,
    *,
    retired: tuple[str, ...] = (),
) -> Rendered:
    """Write the complete configuration of this PBX, for its next start, and return it.

    Raises OperatorError as `compose` does, and where something cannot be written.
    """
    rendered = compose(settings, table, version, keys, credentials, files=files, retired=retired)
    try:
        lay_out(settings, files)
        write(settings.pbx_dir / "etc", rendered.texts)
    except OSError as error:
        raise cannot_write(error.filename or settings.pbx_dir, error) from None
    return rendered


def _require_plain_path(settings: Settings) -> None:
    odd = [p for p in (settings.pbx_dir, settings.sip_tls_cert, settings.sip_tls_key) if p and not _plain(p)]
    if odd:
        raise OperatorError(
            Bilingual(
                f"Jalur {odd[0]} mengandung karakter yang tidak dapat ditulis dalam berkas Asterisk.",
                f"The path {odd[0]} has a character that Asterisk's files cannot carry.",
            ),
            Bilingual(
                "Atur CALLROUTER_STATE dan CALLROUTER_SIP_TLS_… ke jalur yang hanya terdiri atas huruf, angka, "
                "dan / _ . + -.",
                "Set CALLROUTER_STATE and CALLROUTER_SIP_TLS_… to paths of letters, digits and / _ . + -.",
            ),
        )


def _plain(path: Path) -> bool:
    return _PLAIN_PATH.fullmatch(str(path)) is not None


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(resource("asterisk-config")),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - not HTML; the table's alphabets are closed
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["in_uri"] = in_uri
    environment.filters["in_config"] = _in_config
    return environment


def _files(environment: Environment) -> list[str]:
    """Return the templates of files: not the parts of one, which lie in folders."""
    return [name for name in sorted(environment.list_templates()) if "/" not in name]


def _in_config(text: str) -> str:
    r"""Return a value as a line of a configuration file carries it: ``;`` begins a comment, and ``\;`` does not."""
    return text.replace(";", r"\;")


def recording(settings: Settings) -> dict[str, str]:
    """Return the dialplan's variables of what is recorded. None is empty: an empty one cannot be read back."""
    sides = {f"{RECORD}{side}": "yes" if side in settings.record else "no" for side in ("agency", "operator")}
    said = "yes" if settings.record and settings.record_announce else "no"
    return sides | {f"{RECORD}NOT": ",".join(settings.record_except) or "-", f"{RECORD}SAY": said}


def _table_values(rendered: Rendered) -> dict[str, object]:
    return {
        "first_language": rendered.language,
        "failsafe_plan": rendered.globals[FAILSAFE_PLAN],
        "transfers": {k: v for k, v in rendered.globals.items() if k.startswith(TRANSFER_TO)},
        "rooms": {k: v for k, v in rendered.globals.items() if k.startswith(ROOM)},
        "everybody": {k: v for k, v in rendered.globals.items() if k.startswith(EVERYBODY)},
        "recording": {k: v for k, v in rendered.globals.items() if k.startswith(RECORD)},
        "groups": rendered.groups,
        "trunks": rendered.trunks,
        "operators": rendered.operators,
    }


def _constant_values(settings: Settings, keys: PbxSecrets) -> dict[str, object]:
    pbx = settings.pbx_dir
    return {
        "node": settings.node,
        "realm": REALM,
        "languages": [language.value for language in Language],
        "timers": settings.timers,
        "journal_dir": settings.journal_dir,
        "recordings_dir": settings.recordings_dir,
        "failsafe_dir": settings.failsafe_dir,
        "etc_dir": pbx / "etc",
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
        "tls_port": settings.sip_tls_port,
        "tls_cert": settings.sip_tls_cert if settings.sip_tls_key else None,
        "tls_key": settings.sip_tls_key,
        "rtp_from": settings.rtp_from,
        "rtp_to": settings.rtp_to,
        "max_calls": MAX_CALLS,
        "callback_ways": MAX_WAYS,
        "max_hops": MAX_HOPS,
        "login_s": LOGIN_S,
        "max_steps": MAX_STEPS,
        "failsafe_lines": MAX_LINES,
        "failsafe_cells": MAX_CELLS,
        "message_min_bytes": MESSAGE_MIN_BYTES,
        "modules": MODULES,
        "selftest": selftest_path(settings),
    }
