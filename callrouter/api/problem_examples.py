"""Examples of problems, made as the real ones are."""

from __future__ import annotations

from typing import Any

from callrouter.api import (
    case_problems,
    eido_problems,
    notice_problems,
    party_problems,
    problems,
    refusals,
    supervision_problems,
)
from callrouter.api.desk_examples import finding
from callrouter.api.kinds import Kind
from callrouter.api.problems import ApiProblem, Fault, problem_model
from callrouter.bilingual import Bilingual
from callrouter.calls.live import CHECKS
from callrouter.routing.values import Language

_POINTERS = {
    problems.PARAMETER_UNKNOWN: "/query/foo",
    problems.PARAMETER_REPEATED: "/query/limit",
    problems.PARAMETER_MISSING: "/query/limit",
    problems.PARAMETER_INVALID: "/query/callback",
    problems.PARAMETER_OUT_OF_RANGE: "/query/limit",
    problems.CURSOR_INVALID: "/query/after",
    problems.BODY_UNEXPECTED: "/body",
    problems.BODY_TOO_LARGE: "/body",
    problems.PATH_UNKNOWN: "/path",
    problems.INCIDENT_UNKNOWN: "/path/id",
    problems.CALL_UNKNOWN: "/path/id",
    problems.RECORDING_UNKNOWN: "/path/id",
    problems.RECORDING_GONE: "/path/id",
    problems.METHOD_NOT_ALLOWED: "/method",
    refusals.UNAUTHENTICATED: "/header/Authorization",
    refusals.FORBIDDEN: "/header/Authorization",
    refusals.THROTTLED: "/header/Authorization",
    refusals.NOT_YOURS: "/path/operator",
    refusals.MEDIA_TYPE_UNSUPPORTED: "/header/Content-Type",
    refusals.BODY_MISSING: "/body",
    refusals.BODY_MALFORMED: "/body",
    refusals.BODY_TOO_DEEP: "/body",
    refusals.BODY_TOO_SLOW: "/body",
    refusals.HEADER_INVALID: "/header/If-Match",
    refusals.PRECONDITION_REQUIRED: "/header/If-Match",
    refusals.MOVED: "/header/If-Match",
    refusals.ENTRY_UNKNOWN: "/path/key",
    refusals.IN_USE: "/path/key",
    refusals.IN_NO_GROUP: "/path/operator",
    refusals.VERSION_UNKNOWN: "/path/number",
    refusals.TOKEN_UNKNOWN: "/path/id",
    notice_problems.NOTICE_UNKNOWN: "/path/id",
    notice_problems.NOTICE_NOT_DEAD: "/path/id",
    eido_problems.NO_NEIGHBOUR: "/header/Authorization",
    party_problems.NOT_TALKING: "/path/id",
    party_problems.NOT_YOUR_CALL: "/path/id",
    party_problems.PARTY_UNKNOWN: "/path/party",
    party_problems.PARTY_THERE: "/path/id",
    party_problems.TOO_MANY_PARTIES: "/path/id",
    party_problems.STILL_OTHERS: "/path/id",
    supervision_problems.CALLBACK_NOT_LISTED: "/path/incident",
    supervision_problems.CALLBACK_NO_NUMBER: "/path/incident",
    supervision_problems.CALLBACK_HELD: "/path/incident",
    supervision_problems.BANNER_UNKNOWN: "/path/id",
    case_problems.ILLEGAL: "/path/id",
    case_problems.NOT_WITH_AGENCY: "/path/agency",
    case_problems.TOO_MANY_SUB_CODES: "/path/key",
}
_IN_BODY = {
    supervision_problems.OPERATOR_NEEDED: "/operator",
    refusals.BODY_MEMBER_REPEATED: "/channels",
    refusals.BODY_INVALID: "/contacts/0/trunk",
    refusals.KEY_MISMATCH: "/key",
    eido_problems.NOTHING_TO_SEND: "/neighbour",
    refusals.KEY_TAKEN: "/key",
    case_problems.ILLEGAL_MOVE: "/state",
    case_problems.INCIDENT_EXISTS: "/id",
    case_problems.ALREADY_PASSED: "/agencies",
    case_problems.TOO_MANY_AGENCIES: "/agencies",
    case_problems.DISPOSITION_MISSING: "/disposition",
    case_problems.CANNOT_MERGE: "/into",
}
_RULES = {
    problems.PARAMETER_INVALID: Bilingual("true atau false", "true or false"),
    problems.PARAMETER_OUT_OF_RANGE: Bilingual("paling besar 200", "at most 200"),
}


_VALUES: dict[str, str | Bilingual] = {
    "known": "limit, after",
    "allowed": "GET, HEAD",
    "reference": "4f1c2a9be07d5566",
    "failed": "ami",
    "right": "edit",
    "role": "viewer",
    "expected": "application/json",
    "why": Bilingual("baris:kolom 3:14", "line:column 3:14"),
    "said": "No such channel",
    "operator": "op1",
    "until": "2026-11-21T13:25:07.125000Z",
    "levels": "20",
    "parts": "250000",
    "sentence": Bilingual("trunk 'damkr' tidak ada", "trunk 'damkr' does not exist"),
    "remedy": Bilingual("Maksudnya 'damkar'?", "Did you mean 'damkar'?"),
    "sent": "'pmi'",
    "path": "'damkar'",
    "current": '"8"',
    "users": "routes/fire (draft)",
    "count": "1",
    "whose": Bilingual("dengan token ini", "with this token"),
    "what": Bilingual("Tidak ada ruang di disk.", "The disk is full."),
    "state": "passed",
    "act": "reopen",
    "to": "withdrawn",
    "legal": "acknowledged, en_route",
    "goes_on": Bilingual("", ""),
    "number": "1024",
}
_NAMES: dict[Kind, str] = {
    refusals.ENTRY_UNKNOWN: "trunks/damkr",
    refusals.KEY_TAKEN: "trunks/damkar",
    refusals.VERSION_UNKNOWN: "99",
    refusals.HEADER_INVALID: "If-Match",
    refusals.IN_NO_GROUP: "operators/op1",
    case_problems.NOT_WITH_AGENCY: "damkar",
    case_problems.ALREADY_PASSED: "damkar",
}


def example(kind: Kind, language: Language = Language.EN) -> dict[str, Any]:
    """Return an example of a problem of `kind`, made as the real ones are."""
    at = _POINTERS.get(kind) or _IN_BODY.get(kind, "")
    name = _NAMES.get(kind) or at.rpartition("/")[2]
    values = _VALUES | {"name": name, "rule": _RULES.get(kind, Bilingual("", ""))}
    reference = "4f1c2a9be07d5566" if kind is problems.INTERNAL_ERROR else None
    problem = ApiProblem(Fault(kind, at, values, in_body=kind in _IN_BODY), members=_members(kind))
    return problem_model(problem, language, reference).model_dump(mode="json")


def _members(kind: Kind) -> dict[str, Any]:
    if kind is problems.NOT_READY:
        checks = [
            {"name": name, "ok": name != "ami", "detail": "well" if name != "ami" else "no answer for 12 s"}
            for name in CHECKS
        ]
        return {"ready": False, "checks": checks}
    if kind is refusals.IN_USE:
        use = {"where": "draft", "user": "routes/fire", "pointer": "/routing/routes/0/steps/0/targets/0"}
        return {"uses": [use]}
    if kind is refusals.NOT_VERIFIED:
        return {"findings": [finding()]}
    return {}
