"""Which columns hold personal data, and what is left of them when a person is blanked.

Every column whose name sounds like a person's stands in one of the two lists: a test holds this together with the
tables, so that nobody adds one without deciding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from callrouter.privacy.masking import NAMES, NUMBERS

PERSONAL: Final[Mapping[str, Mapping[str, str]]] = {
    "callback_try": {"number": "", "dialled": ""},
    "call": {"number": "", "name": "", "sent_from": ""},
    "incident": {"reporter_number": "", "reporter_name": "", "place": "", "description": ""},
    "incident_agency": {"remark": ""},
    "refused_invite": {"number": ""},
    "sop_answer": {"words": ""},
}
"""By table and column: what stands there afterwards."""
OTHERWISE: Final[Mapping[str, str]] = {
    "call.facts": "the area is taken out of it",
    "incident.area": "shortened to the district",
    "incident_event.data": "numbers, names and free texts in it are emptied",
    "journal_reject.line": "emptied",
    "audit.payload_hash": "a keyed digest, which tells nothing without the key",
    "audit.payload": "NULL: the chain signs its hash, and holds",
    "attempt.label": "agencies, groups and clips of the table",
    "incident.number": "the number for people of the incident itself",
    "table_version.number": "the version's",
    "operator_secret.operator": "staff",
    "duty.operator": "staff",
    "callback_try.operator": "staff",
    "callback_claim.operator": "staff",
    "callback_claim.number": "the row is removed",
    "token.name": "staff: whose token it is",
    "sub_code.name_id": "a word of the centre",
    "sub_code.name_en": "a word of the centre",
    "agency_remark.text": "what an agency says of its figures of a month",
    "notice.contact": "the key of an agency's contact point",
    "notice_secret.contact": "the key of an agency's contact point",
    "entry.body": "the directory: staff and agencies",
    "judgement.terms": "the row is removed with what identifies its caller",
    "sop_answer.answer": "yes or no, a number or a choice: what happened, and not to whom",
}
"""By table.column: what becomes of it, or why it is nobody's."""
DISTRICT: Final = 3
"""Parts of a code of the Ministry of Home Affairs that are kept: province, city, district. A village is few."""
TEXTS: Final = frozenset({"text", "reason", "note", "place", "description", "remark", "closed_reason"})
"""Members of a timeline's entry that people wrote freely."""


def blanked_data(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry's data without numbers, names and free texts; what changed stays as what changed."""
    return rewritten(data, lambda _text: "")


def rewritten(data: Mapping[str, Any], edit: Callable[[str], str]) -> dict[str, Any]:
    """Return an entry's data with `edit` applied to its numbers, names and free texts, however deep."""
    return {key: _rewritten(key, value, edit) for key, value in data.items()}


def blanked_facts(facts: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what a call was decided by, without where it came from."""
    if facts is None:
        return None
    return {key: None if key in {"area", "area_source"} else value for key, value in facts.items()}


def district_of(area: str) -> str:
    """Return the district of an area."""
    return ".".join(area.split(".")[:DISTRICT])


def _rewritten(key: str, value: Any, edit: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return edit(value) if key in NUMBERS | NAMES | TEXTS else value
    if isinstance(value, Mapping):
        return rewritten(value, edit)
    if isinstance(value, list | tuple):
        return [_rewritten(key, one, edit) for one in value]
    return value
