"""The command line of personal data: what is held of a person, and its blanking.

Both work on the database itself, so that a request is answered in time also where the service does not run.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

import typer

from callrouter import settings
from callrouter.access.model import AuditNote, Principal
from callrouter.bilingual import Bilingual, reason
from callrouter.cli_common import load, run
from callrouter.cli_common import said as _
from callrouter.clock import now_us
from callrouter.errors import OperatorError
from callrouter.person import this_user
from callrouter.privacy.access_log import Access, Seen
from callrouter.privacy.journal_lines import Kept, lines_about
from callrouter.privacy.keeper import RecordingKeeper
from callrouter.privacy.numbers import NoNumber, spellings
from callrouter.storage.access_log import AccessEntries
from callrouter.storage.database import Database
from callrouter.storage.privacy import Blanked, Held, PersonalData
from callrouter.storage.recordings import Recordings
from callrouter.vault import Vault

T = TypeVar("T")
person = typer.Typer(no_args_is_help=True)

Number = Annotated[
    str,
    typer.Argument(
        help=_("Nomor telepon orang itu, dalam bentuk apa pun.", "His telephone number, however written.")
    ),
]
SEARCH_S: Final = 600
"""A search for his number reads everything that was ever written."""
_DAY_US: Final = 86_400_000_000


@person.command(
    "export",
    help=_(
        "Tulis semua data yang disimpan tentang seseorang sebagai JSON. Tercatat di log akses.",
        "Write all that is held of a person as JSON. It is noted in the access log.",
    ),
)
def export(
    number: Number,
    out: Annotated[
        Path | None, typer.Option(help=_("Berkas tujuan; tanpa ini, ke layar.", "File to write; else to the screen."))
    ] = None,
    why: Annotated[str, typer.Option(help=_("Alasannya, untuk log akses.", "Why, for the access log."))] = "",
) -> None:
    """Write all that is held of a person."""
    loaded = load()
    text = json.dumps(run(_exported(loaded, number, why)), indent=2, ensure_ascii=False, default=_plain)
    if out is None:
        typer.echo(text)
        return
    try:
        out.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise OperatorError(
            Bilingual(f"{out} tidak dapat ditulis: {reason(error).id}.", f"{out}: {reason(error).en}."),
            Bilingual("Pilih berkas lain.", "Choose another file."),
        ) from None


@person.command(
    "erase",
    help=_(
        "Kosongkan data pribadi seseorang dan hapus rekamannya. Tercatat di audit; tidak dapat dibatalkan.",
        "Blank a person's data and erase his recordings. It is in the audit, and cannot be undone.",
    ),
)
def erase(
    number: Number,
    why: Annotated[
        str, typer.Option(help=_("Alasannya, untuk audit (tanpa nama dan nomor).", "Why, for the audit (no names)."))
    ],
    yes: Annotated[bool, typer.Option("--yes", help=_("Jangan bertanya dahulu.", "Do not ask first."))] = False,
) -> None:
    """Blank a person's data."""
    loaded = load()
    numbers = _spellings(number)
    if not why.strip():
        raise OperatorError(
            Bilingual("Alasannya kosong.", "The reason is empty."),
            Bilingual('Tulis --why "permintaan tertulis 12/2026".', 'Write --why "written request 12/2026".'),
        )
    held = run(_with_data(loaded, lambda data: data.held(numbers)))
    told = _(
        f"{len(held.calls)} panggilan, {len(held.incidents)} laporan, {len(held.recordings)} rekaman; "
        f"nomornya ada di {len(held.mentioned)} tulisan lain.",
        f"{len(held.calls)} calls, {len(held.incidents)} incidents, {len(held.recordings)} recordings; "
        f"the number is in {len(held.mentioned)} other texts.",
    )
    typer.echo(told)
    if not yes:
        typer.confirm(_("Kosongkan semuanya?", "Blank all of them?"), abort=True)
    blanked, files = run(_erased(loaded, numbers, why, this_user()))
    for line in _explained(loaded, blanked, files):
        typer.echo(line)


async def _exported(loaded: settings.Settings, number: str, why: str) -> dict[str, Any]:
    numbers = _spellings(number)
    by = this_user()

    async def work(data: PersonalData, database: Database) -> dict[str, Any]:
        # Noted first: what cannot be noted is not given away.
        entry = _access(loaded, numbers, by, Seen.EXPORT, why)
        await AccessEntries(database).add([entry])
        held = await data.held(numbers)
        kept = await _journal(loaded, numbers, held)
        return _document(numbers, held, kept)

    return await _with(loaded, work)


async def _erased(
    loaded: settings.Settings, numbers: Sequence[str], why: str, by: Principal
) -> tuple[Blanked, list[Kept]]:
    async def work(data: PersonalData, database: Database) -> tuple[Blanked, list[Kept]]:
        held = await data.held(numbers)
        note = AuditNote(f"{by.name} ({by.role})", "erase", f"persons/{_stands_for(loaded, numbers)}", {"why": why})
        blanked = await data.blank(numbers, note, _access(loaded, numbers, by, Seen.ERASE, why))
        store = Recordings(database, loaded.recording_keep_days)
        keeper = RecordingKeeper(loaded.recordings_dir, store, loaded.recording_keep_days, now_us)
        for recording in blanked.recordings:
            await keeper.erase(recording, "erased at the request of the person")
        return blanked, await _journal(loaded, numbers, held)

    return await _with(loaded, work)


async def _journal(loaded: settings.Settings, numbers: Sequence[str], held: Held) -> list[Kept]:
    days = loaded.journal_keep_days
    return await asyncio.to_thread(lines_about, loaded.journal_dir, numbers, held.call_ids, days)


def _document(numbers: Sequence[str], held: Held, journal: Sequence[Kept]) -> dict[str, Any]:
    return {
        "made_at": now_us(),
        "times": "µs since 1970 UTC",
        "numbers": list(numbers),
        "calls": held.calls,
        "attempts": held.attempts,
        "incidents": held.incidents,
        "incident_agencies": held.incident_agencies,
        "timeline": held.timeline,
        "sop_answers": held.answers,
        "refused_calls": held.refused,
        "set_aside_lines": held.set_aside,
        "recordings": held.recordings,
        "judgements": held.judgements,
        "called_back": held.called_back,
        "documents": held.documents,
        "mentioned": held.mentioned,
        "access_log": held.access_log,
        "journal": [{"file": one.file, "removed_at": one.until, "lines": one.lines} for one in journal],
    }


def _explained(loaded: settings.Settings, blanked: Blanked, journal: Sequence[Kept]) -> list[str]:
    lines = [
        _(
            f"Dikosongkan: {blanked.calls} panggilan, {blanked.incidents} laporan, {blanked.timeline} catatan waktu, "
            f"{blanked.refused} panggilan yang ditolak; {len(blanked.recordings)} rekaman dihapus.",
            f"Blanked: {blanked.calls} calls, {blanked.incidents} incidents, {blanked.timeline} timeline entries, "
            f"{blanked.refused} refused calls; {len(blanked.recordings)} recordings erased.",
        ),
        _(
            f"Nomornya diambil dari {blanked.mentioned} tulisan tentang orang lain.",
            f"The number was taken out of {blanked.mentioned} texts about others.",
        ),
        _(
            "Tetap ada untuk statistik dan pertanggungjawaban: waktu, kategori, kecamatan, instansi, hasil, dan "
            "baris audit tentang penghapusan ini.",
            "What stays, for figures and accounts: times, category, district, agencies, outcome, and the audit's row "
            "of this erasure.",
        ),
    ]
    if journal:
        day = datetime.fromtimestamp(max(one.until for one in journal) / 1e6, UTC).strftime("%Y-%m-%d")
        lines.append(
            _(
                f"Berkas jurnal PBX tidak diubah: {len(journal)} berkas masih memuat nomor itu, paling lama sampai "
                f"{day} ({loaded.journal_keep_days} hari).",
                f"The PBX's journal is not rewritten: {len(journal)} files still hold the number, at the longest "
                f"until {day} ({loaded.journal_keep_days} days).",
            )
        )
    lines.append(
        _(
            "Cadangan basis data yang lebih lama masih memuatnya: ulangi perintah ini setelah memulihkan cadangan.",
            "Older backups of the database still hold it: repeat this command after a restore.",
        )
    )
    return lines


def _access(loaded: settings.Settings, numbers: Sequence[str], by: Principal, what: Seen, why: str) -> Access:
    at = now_us()
    return Access(at, at, by.name, str(by.role), str(what), _stands_for(loaded, numbers), why)


def _stands_for(loaded: settings.Settings, numbers: Sequence[str]) -> str:
    """Return what stands for a number where it must not stand itself: keyed, or it could be guessed from it."""
    key = Vault(loaded.key_path).chain_key()
    return hmac.digest(key, b"person\n" + min(numbers).encode(), hashlib.sha256).hex()[:32]


def _spellings(number: str) -> tuple[str, ...]:
    try:
        return spellings(number)
    except NoNumber:
        raise OperatorError(
            Bilingual(f"{number!r} bukan nomor telepon.", f"{number!r} is no telephone number."),
            Bilingual(
                "Tulis seperti 081234567890 atau +6281234567890.", "Write it as 081234567890 or +6281234567890."
            ),
        ) from None


async def _with_data(loaded: settings.Settings, work: Callable[[PersonalData], Awaitable[T]]) -> T:
    return await _with(loaded, lambda data, _database: work(data))


async def _with(loaded: settings.Settings, work: Callable[[PersonalData, Database], Awaitable[T]]) -> T:
    database = Database(loaded.database, read_s=SEARCH_S, write_s=60)
    try:
        await database.check_revision()
        stored = Recordings(database, loaded.recording_keep_days)
        return await work(PersonalData(database, stored, Vault(loaded.key_path).chain_key(), now_us), database)
    finally:
        await database.close()


def _plain(value: object) -> str:
    if isinstance(value, UUID):
        return str(value)
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
