"""What notices say: as JSON for agencies' systems, as an e-mail for people."""

from __future__ import annotations

import json
from typing import Any, Final

from callrouter.agencies.notices import Channel, Job, Told
from callrouter.clock import moment
from callrouter.routing.values import Language

TYPE: Final = "incident.passed"
_SHORT: Final = 80
_MOST: Final = {"place": 120, "description": 240, "words": 120}
"""Characters of each that are spoken: whoever listens on a telephone cannot read it again."""
_SPOKEN: Final = {
    Language.ID: {
        "number": "Laporan nomor",
        "area": "Wilayah",
        "place": "Tempat",
        "people_hurt": "Jumlah korban",
        "description": "Uraian",
        "words": "Pesan",
    },
    Language.EN: {
        "number": "Incident number",
        "area": "Area",
        "place": "Place",
        "people_hurt": "People hurt",
        "description": "Description",
        "words": "Message",
    },
}


def payload(job: Job) -> bytes:
    """Return the body of a webhook: `type`, `timestamp` and `data`, as the Standard Webhooks specification has it."""
    notice, told = job.notice, job.told
    data: dict[str, Any] = {
        "notice": str(notice.id),
        "incident": str(notice.incident),
        "number": told.number,
        "agency": notice.agency,
        "contact": notice.contact,
        "category": told.category or None,
        "area": told.area or None,
        "place": told.place or None,
        "description": told.description or None,
        "people_hurt": told.people_hurt,
        "opened_at": moment(told.opened_at),
        "caller_number": told.caller_number or None,
        "caller_name": told.caller_name or None,
        "words": told.words or None,
        "passed_by": told.passed_by or None,
        "passed_at": moment(notice.passed_at),
        "acknowledge_by": None if told.acknowledge_by is None else moment(told.acknowledge_by),
    }
    return json.dumps(
        {"type": TYPE, "timestamp": moment(notice.passed_at), "data": data}, ensure_ascii=False
    ).encode()


def subject(job: Job) -> str:
    """Return the subject of an e-mail: one line."""
    told = job.told
    head = "BELUM DITERIMA / NOT ACKNOWLEDGED" if job.notice.channel is Channel.SUPERVISOR else "Laporan / Incident"
    parts = [f"[112] {head} {told.number}", told.category, told.area, told.place[:_SHORT]]
    return one_line(" - ".join(part for part in parts if part))


def letter(job: Job) -> str:
    """Return the text of an e-mail, in Indonesian and English."""
    notice, told = job.notice, job.told
    if notice.channel is Channel.SUPERVISOR:
        head = [
            f"Instansi {notice.agency} belum menyatakan menerima laporan {told.number}.",
            f"The agency {notice.agency} has not acknowledged incident {told.number}.",
        ]
    else:
        head = [
            f"Laporan {told.number} diteruskan kepada instansi {notice.agency}. Nyatakan diterima lewat callrouter.",
            f"Incident {told.number} was passed to the agency {notice.agency}. Acknowledge it in callrouter.",
        ]
    due = None if told.acknowledge_by is None else moment(told.acknowledge_by)
    facts = (
        ("Kategori / category", told.category),
        ("Wilayah / area", told.area),
        ("Tempat / place", told.place),
        ("Uraian / description", told.description),
        ("Korban / people hurt", "" if told.people_hurt is None else str(told.people_hurt)),
        ("Pelapor / caller", " ".join(filter(None, (told.caller_number, told.caller_name)))),
        ("Dibuka / opened", moment(told.opened_at)),
        ("Diteruskan / passed", " ".join(filter(None, (moment(notice.passed_at), told.passed_by)))),
        ("Pesan / words", told.words),
        ("Terima sebelum / acknowledge by", due or ""),
    )
    return "\n".join([*head, "", *(f"{name}: {value}" for name, value in facts if value), ""])


def spoken(told: Told, area: str, language: Language) -> list[str]:
    """Return what a call says, sentence by sentence; `area`: its name. Texts that persons wrote are cut and cleaned
    of what cannot be seen, and the number is told digit by digit.
    """
    said = {
        "number": " ".join(str(told.number)),
        "area": one_line(area),
        "place": one_line(told.place)[: _MOST["place"]],
        "people_hurt": "" if told.people_hurt is None else str(told.people_hurt),
        "description": one_line(told.description)[: _MOST["description"]],
        "words": one_line(told.words)[: _MOST["words"]],
    }
    return [f"{name}: {said[key]}." for key, name in _SPOKEN[language].items() if said[key]]


def one_line(text: str) -> str:
    """Return `text` without anything that could end a line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
