"""What the members of a table are, in words: the descriptions of the routing models in the API's documentation."""

from __future__ import annotations

from typing import Any, Final

_KEY: Final = "What names it among its kind; a to z, 0 to 9 and -, at most 31 characters. Never changes."
_NAME: Final = "What people call it; one line."
_POINT: Final = {
    "key": f"{_KEY} The timeline names it so.",
    "enabled": "False: it is passed over.",
    "ack_within_s": "How long the agency's acknowledgement is waited for before the next one is told (s).",
}

MEMBERS: Final[dict[str, dict[str, str]]] = {
    "Trunk": {
        "key": _KEY,
        "kind": "Who is at the other end.",
        "host": "IP address of the other side, within the networks that the service allows. Calls from it are known "
        "by it, so no two trunks share one.",
        "port": "Its SIP port.",
        "transport": "What carries SIP (RFC 3261, section 18).",
        "enabled": "False: no call is offered on it, and calls from it are not let in.",
        "channels": "Calls that it carries at once, both ways. A call that comes in is never refused for it; none "
        "goes out above it. 0: none goes out.",
        "codecs": "Codecs that are offered, the best one first.",
        "dtmf": "How digits come.",
        "qualify_s": "How often the other side is asked whether it lives (s); 0: never.",
        "login": "How we prove ourselves there; null: by our address.",
        "trusted_identity": "True: what the other side says of its caller is believed: his number in "
        "P-Asserted-Identity (RFC 3325) and his area by the location in the INVITE (RFC 6442).",
        "presented_number": "The number that calls going out on it show; null: the caller's own.",
        "early_media": "True: the menu plays before the call is answered (183).",
        "area": "The area that its calls come from, where the line serves but one.",
    },
    "Login": {
        "username": "Name that we log in by. The password is set by PUT /api/v1/trunks/{key}/password.",
        "register_here": "True: also register there (RFC 3261, section 10).",
        "expires_s": "How long a registration lasts (s).",
    },
    "Contact": {
        "key": "What names it within its agency; routes say agency/contact.",
        "trunk": "Key of the trunk that it is dialled on.",
        "number": "What is dialled.",
        "confirm": "True: whoever answers presses 1 before the caller is joined.",
        "enabled": "False: it takes no calls now.",
        "max_calls": "Calls that it is given at once; 0: as many as its trunk carries.",
    },
    "Agency": {
        "key": _KEY,
        "name": _NAME,
        "contacts": "How it is reached.",
        "enabled": "False: it takes no calls now; plans leave it out.",
        "notices": "Where it is told of incidents that are passed to it without a call, in order: the next one where "
        "nobody acknowledges in time, and at last the supervisor.",
    },
    "WebhookContact": _POINT
    | {
        "channel": "webhook: the agency's own system is told by signed HTTP requests.",
        "url": "http or https, without a user's name. The deployment sets in which networks it may lie.",
    },
    "EmailContact": _POINT | {"channel": "email.", "address": "The one address that is written to."},
    "PhoneContact": _POINT
    | {
        "channel": "phone: a call speaks the incident, and whoever answers presses 1 to accept it.",
        "trunk": "Key of the trunk that it is dialled on. One of its channels at least stays free for callers.",
        "number": "What is dialled.",
    },
    "Operator": {
        "key": f"{_KEY} It is the name of his SIP phone too.",
        "name": _NAME,
        "enabled": "False: his phone is not let in, and he is on no duty.",
    },
    "Category": {
        "key": _KEY,
        "urn": "The service (RFC 5031).",
        "name": "What callers hear.",
        "priority": "Urgency, 0 to 10: higher waits less.",
        "sop": "Link to the procedure that whoever takes the call follows.",
    },
    "Option": {
        "digit": "The digit, 1 to 9; 0 is always an operator.",
        "category": "Key of the category that it chooses; else `menu`.",
        "area": "Code of the area that it says as well.",
        "menu": "Key of the menu that it leads to; else `category`.",
    },
    "Menu": {
        "key": _KEY,
        "name": "What the option that leads to it is called.",
        "mode": "How calls begin (of the main menu).",
        "languages": "Languages it is spoken in, the first one first (of the main menu).",
        "switch_digit": "Replays it in the next language; null: none does (to set null, use PUT).",
        "options": "What each digit means.",
    },
    "Area": {
        "code": "Code of the Ministry of Home Affairs (Kemendagri), with its dots; its beginnings are its parents.",
        "name": _NAME,
    },
    "Shift": {
        "key": _KEY,
        "name": _NAME,
        "schedule": "Key of the schedule; the shift is on while it is open.",
        "operators": "Keys of the operators.",
    },
    "RingGroup": {
        "key": _KEY,
        "members": "Keys of operators who are in it always.",
        "shifts": "Keys of shifts; their operators are in it while the shift is on.",
        "may_be_unstaffed": "True: hours without anybody are meant.",
        "max_waiting": "Callers who may wait; then a call goes on to its next step.",
        "urgent_from": "From this priority on, urgent_reserve more may wait.",
        "urgent_reserve": "How many more (count).",
    },
    "DialStep": {
        "kind": "Ring contacts, all at once.",
        "targets": "Who is rung, each agency/contact.",
        "ring_s": "How long (s).",
        "announce": "True: whoever answers hears the category first.",
    },
    "RingGroupStep": {
        "kind": "Ring a group of operators; the caller waits.",
        "group": "Key of the ring group.",
        "wait_s": "How long (s).",
    },
    "AnnounceStep": {"kind": "Say a clip to the caller.", "prompt": "Key of the clip."},
    "ChallengeStep": {
        "kind": "Ask the caller to press 1 to be connected; whatever he does, the next step follows.",
        "wait_s": "How long he is waited for (s).",
        "urgency": "His place in the queues where he does not press 1; never a better one than he has.",
    },
    "RecordStep": {"kind": "Take a message.", "max_s": "How long it may be (s)."},
    "SuspicionRange": {
        "at_least": "The least score that fits.",
        "below": "The first score that does not fit any more.",
    },
    "StateCondition": {
        "agency": "Key of the agency; else `group`.",
        "group": "Key of the ring group; else `agency`.",
        "state": "The state it must be in.",
    },
    "When": {
        "category": "Keys of categories.",
        "area": "Codes of areas, with all that lies in them; unknown: the call's is not known.",
        "schedule": "Keys of schedules that must be open.",
        "trunk": "Keys of trunks that the call came in by.",
        "trunk_kind": "Kinds of trunks that it came in by.",
        "language": "Languages of the caller.",
        "suspicion": "The caller's suspicion score, 0 to 100.",
        "posture": "How threatened the centre is (NENA-STA-010.3).",
        "state": "States of agencies and groups; all of them.",
    },
    "Route": {
        "key": _KEY,
        "priority": "Of the routes that fit, the highest wins; no two have the same.",
        "when": "Its conditions: all must hold; of a list, any. An empty one holds for every call.",
        "steps": "What is tried, in order; then comes the last resort.",
        "locked": "True: skipped, as if it were not there.",
        "valid_from": "First instant at which it applies, with its offset.",
        "valid_until": "First instant at which it does not apply any more, with its offset.",
        "information": "True: it only tells something; nobody need be rung before the last resort.",
        "urgency": "Place in the queues, 0 to 10, in place of the category's; null: the category's.",
    },
    "LastResort": {
        "group": "Key of the ring group that every plan ends in; null: the message alone.",
        "seconds": "How long it is rung before the message (s).",
    },
    "StaticNumber": {"trunk": "Key of the trunk.", "number": "What is dialled."},
    "Centre": {"name": "Name of the call centre.", "timezone": "Its time zone, by IANA name."},
    "Directory": {
        "trunks": "SIP lines.",
        "agencies": "Agencies and their contacts.",
        "operators": "Call takers.",
    },
    "Routing": {
        "main_menu": "Key of the menu that citizens hear first.",
        "menus": "Menus.",
        "categories": "What callers can choose.",
        "areas": "Places that routes name.",
        "schedules": "When something is open.",
        "shifts": "Who is on duty when.",
        "ring_groups": "Operators rung together.",
        "routes": "Where calls go.",
        "last_resort": "What every plan ends in.",
        "static_numbers": "What the PBX dials alone when the service is away and no operator answers.",
    },
    "RoutingTable": {
        "schema_version": "Always 1.",
        "centre": "Whose table it is.",
        "directory": "Who and what there is.",
        "routing": "Where calls go.",
    },
    "DraftSettings": {
        "centre": "Whose table it is.",
        "main_menu": "Key of the menu that citizens hear first.",
        "last_resort": "What every plan ends in.",
        "static_numbers": "What the PBX dials alone when the service is away and no operator answers.",
    },
    "Hours": {"opens": "From then on, local time.", "closes": "Until then; at or before `opens`: on the next day."},
    "Window": {
        "opens": "From then on, local time.",
        "closes": "Until then; at or before `opens`: on the next day.",
        "days": "Days of the week on which it opens.",
    },
    "Holiday": {"date": "The day on which no window opens.", "name": _NAME},
    "DayException": {
        "date": "The day.",
        "name": _NAME,
        "hours": "When it is open that day, whatever windows and holidays say; none: closed.",
    },
    "Schedule": {
        "key": _KEY,
        "name": _NAME,
        "timezone": "Its time zone, by IANA name; null: the centre's.",
        "windows": "When it is open, week by week.",
        "holidays": "Days on which no window opens.",
        "exceptions": "Days with hours of their own.",
    },
    "Text": {"id": "In Indonesian.", "en": "In English."},
    "Facts": {
        "origin": "Who sent the INVITE.",
        "choice": "How the menu ended, where not in a category.",
        "category": "Key of the category that the caller chose; `choice` is then none.",
        "area": "Code of the call's area; null: not known.",
        "area_source": "How the area is known.",
        "trunk": "Key of the trunk it came in by; null for an operator's phone.",
        "trunk_kind": "Kind of that trunk.",
        "language": "Language of the caller.",
        "suspicion": "Suspicion score of the caller, 0 to 100.",
        "posture": "How threatened the centre is.",
        "unavailable": "Agencies and groups that cannot be offered a call: agency/bpbd, group/operators.",
    },
}
"""By schema and member."""

FORMATS: Final[dict[tuple[str, str], dict[str, Any]]] = {
    ("Trunk", "host"): {"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}], "examples": ["10.112.0.11"]},
}
"""What a schema does not say by itself."""


def describe(name: str, schema: dict[str, Any]) -> None:
    """Write into a schema what its members are."""
    members = schema.get("properties", {})
    for member, text in MEMBERS.get(name, {}).items():
        members[member].setdefault("description", text)
    for (of, member), more in FORMATS.items():
        if of == name:
            members[member] |= more
