"""Tables, facts and instants made at random: everything that a table can say, and times at its very edges.

What is drawn names all there can be; what the table then has not is taken out of it. So no strategy depends on what
was drawn before, which makes them quick; and of what has few values, all are listed and one is drawn.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from typing import Any

from hypothesis import strategies as st

from callrouter.routing.directory import TrunkKind
from callrouter.routing.facts import AreaSource, Choice, Facts, Origin
from callrouter.routing.table import UNKNOWN_AREA, MenuMode, RoutingTable
from callrouter.routing.times import Day
from callrouter.routing.values import Availability, Language, Posture

Document = dict[str, Any]

CATEGORIES = ["fire", "flood", "health", "light"]
TRUNKS = ["telco", "damkar", "bpbd", "north", "spare"]
GROUPS = ["day", "night"]
AGENCIES = ["damkar", "bpbd", "pmi"]
OPERATORS = ["op1", "op2"]
AREAS = ["35", "35.07", "35.07.13", "35.07.13.2001", "35.73", "64.04"]
OTHER_AREAS = ["35.07.14", "35.07.13.2002", "35.78", "36"]
"""Places that no table here names, some within one that a table may name."""
SCHEDULES = ["office", "nights"]
ZONES = {"Asia/Jakarta": 7, "Asia/Makassar": 8, "Asia/Jayapura": 9}
"""WIB, WITA, WIT: hours before UTC, the year round."""
OPENS = ["00:00", "06:00", "07:30", "12:00", "22:00", "23:59"]
CLOSES = [*OPENS, "24:00"]
FIRST_DAY = date(2026, 2, 26)
DAYS = 10


def _mostly() -> list[bool]:
    return [True, True, True, False]


def _any_of(*values: Any) -> st.SearchStrategy[tuple[Any, ...]]:
    """One of each, in a single draw."""
    return st.sampled_from(list(product(*values)))


def _some(values: list[Any], least: int = 0, most: int | None = None) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), min_size=least, max_size=most, unique=True)


def _name(key: str) -> Document:
    return {"id": key, "en": key}


DATES = [FIRST_DAY + timedelta(days=n) for n in range(DAYS)]
_MOMENTS = st.tuples(
    st.sampled_from(DATES),
    st.sampled_from(OPENS).map(time.fromisoformat) | st.times(),
    _any_of([*ZONES.values()], [timedelta(0), timedelta(microseconds=-1), timedelta(seconds=1)]),
)


def instants() -> st.SearchStrategy[datetime]:
    """Instants in the days that random tables speak of: often just where a window or a day begins, or beside it."""
    return _MOMENTS.map(_instant)


def _instant(drawn: tuple[date, time, tuple[Any, ...]]) -> datetime:
    day, clock, (ahead, beside) = drawn
    found: datetime = datetime.combine(day, clock, tzinfo=UTC) - timedelta(hours=ahead) + beside
    return found


# ---------------------------------------------------------------------------------------------- the directory
CONTACTS = ["posko", "piket", "cadangan"]
TARGETS = [f"{agency}/{contact}" for agency in AGENCIES for contact in CONTACTS]
_TRUNK = _any_of([*TrunkKind], _mostly(), [30, 30, 1, 0]).map(
    lambda t: {"kind": t[0], "enabled": t[1], "channels": t[2]}
)
_CONTACT = st.tuples(
    _any_of(CONTACTS, TRUNKS, [True, False], _mostly(), [0, 0, 3]), st.sampled_from(["101", "0", "0811", "7"])
).map(
    lambda t: {
        "key": t[0][0],
        "trunk": t[0][1],
        "number": t[1],
        "confirm": t[0][2],
        "enabled": t[0][3],
        "max_calls": t[0][4],
    }
)
_AGENCY = st.fixed_dictionaries(
    {
        "contacts": st.lists(_CONTACT, min_size=1, max_size=3, unique_by=lambda c: c["key"]),
        "enabled": st.sampled_from(_mostly()),
    }
)

# ---------------------------------------------------------------------------------------------- times
_HOURS = st.sampled_from([{"opens": o, "closes": c} for o, c in product(OPENS, CLOSES) if o != c])
_WINDOW = st.tuples(_HOURS, st.integers(1, 127)).map(
    lambda drawn: {**drawn[0], "days": [day for n, day in enumerate(Day) if drawn[1] >> n & 1]}
)
_SCHEDULE = st.fixed_dictionaries(
    {
        "timezone": st.sampled_from([None, *ZONES]),
        "windows": st.lists(_WINDOW, min_size=1, max_size=3),
        "holidays": _some(DATES, most=2).map(lambda days: [{"date": day, "name": _name("libur")} for day in days]),
        "exceptions": st.lists(
            st.tuples(st.sampled_from(DATES), st.lists(_HOURS, max_size=2)), max_size=2, unique_by=lambda e: e[0]
        ).map(lambda found: [{"date": day, "name": _name("khusus"), "hours": hours} for day, hours in found]),
    }
)

# ---------------------------------------------------------------------------------------------- routes
_STATES = [
    {kind: key, "state": s}
    for kind, keys in (("agency", AGENCIES), ("group", GROUPS))
    for key in keys
    for s in Availability
]
_WHEN = st.fixed_dictionaries(
    {},
    optional={
        "category": _some(CATEGORIES, most=3),
        "area": _some([*AREAS, UNKNOWN_AREA], most=3),
        "schedule": _some(SCHEDULES),
        "trunk": _some(TRUNKS, most=3),
        "trunk_kind": _some([*TrunkKind], most=2),
        "language": _some([*Language]),
        "suspicion": _any_of([0, 1, 50], [51, 100, 101]).map(lambda s: {"at_least": s[0], "below": s[1]}),
        "posture": _some([*Posture], most=3),
        "state": st.lists(st.sampled_from(_STATES), max_size=2),
    },
)
_STEP = (
    st.fixed_dictionaries(
        {
            "kind": st.just("dial"),
            "targets": _some(TARGETS, least=1, most=4),
            "ring_s": st.integers(1, 60),
            "announce": st.booleans(),
        }
    )
    | st.fixed_dictionaries(
        {"kind": st.just("ringgroup"), "group": st.sampled_from(GROUPS), "wait_s": st.integers(1, 120)}
    )
    | st.sampled_from(["connecting", "told-fire", "centre-name"]).map(lambda c: {"kind": "announce", "prompt": c})
    | _any_of([3, 5, 10], [0, 4, 10]).map(lambda c: {"kind": "challenge", "wait_s": c[0], "urgency": c[1]})
    | st.integers(5, 180).map(lambda seconds: {"kind": "record", "max_s": seconds})
)
_ROUTE = st.fixed_dictionaries(
    {
        "priority": st.integers(0, 100_000),
        "when": _WHEN,
        "steps": st.lists(_STEP, min_size=1, max_size=4),
        "urgency": st.sampled_from([None, None, 0, 7]),
        "flags": _any_of([False, False, False, True], [False, False, False, True]),
        "valid": st.none() | st.lists(instants(), min_size=2, max_size=2, unique=True).map(sorted),
        "ends": _any_of([True, False], [True, False]),
    }
)

# ---------------------------------------------------------------------------------------------- the table
_TABLE = st.fixed_dictionaries(
    {
        "zone": st.sampled_from([*ZONES]),
        "trunks": st.dictionaries(st.sampled_from(TRUNKS), _TRUNK, min_size=1),
        "agencies": st.dictionaries(st.sampled_from(AGENCIES), _AGENCY, min_size=1),
        "categories": st.dictionaries(st.sampled_from(CATEGORIES), st.integers(0, 10), min_size=1),
        "areas": _some(AREAS),
        "schedules": st.dictionaries(st.sampled_from(SCHEDULES), _SCHEDULE),
        "groups": st.dictionaries(
            st.sampled_from(GROUPS),
            st.fixed_dictionaries(
                {
                    "max_waiting": st.integers(1, 500),
                    "urgent_from": st.integers(0, 10),
                    "urgent_reserve": st.integers(0, 500),
                }
            ),
            min_size=1,
        ),
        "shift": st.none() | st.sampled_from(SCHEDULES),
        "behind": st.integers(0, len(CATEGORIES) - 1),
        "digits": st.permutations("12345678"),
        "menu": _any_of([*MenuMode], [["id", "en"], ["en", "id"], ["id"], ["en"]], ["9", None], [None, *AREAS]),
        "routes": st.lists(_ROUTE, max_size=6, unique_by=lambda route: route["priority"]),
        "last": st.tuples(st.none() | st.sampled_from(GROUPS), st.integers(1, 300)),
    }
)


def tables() -> st.SearchStrategy[RoutingTable]:
    """Tables with every kind of step and condition; each is consistent."""
    return _TABLE.map(_table)


def _table(drawn: Document) -> RoutingTable:
    trunks, agencies, groups = drawn["trunks"], _agencies(drawn), drawn["groups"]
    known = {
        "category": drawn["categories"],
        "area": {*drawn["areas"], UNKNOWN_AREA},
        "schedule": drawn["schedules"],
        "trunk": trunks,
        "agency": agencies,
        "group": groups,
        "target": {f"{key}/{c['key']}" for key, agency in agencies.items() for c in agency["contacts"]},
    }
    shift = drawn["shift"] if drawn["shift"] in drawn["schedules"] else None
    group, seconds = drawn["last"]
    document = {
        "centre": {"name": "Pusat", "timezone": drawn["zone"]},
        "directory": {
            "trunks": [{"key": key, "host": f"127.0.112.{n}", **t} for n, (key, t) in enumerate(trunks.items(), 1)],
            "agencies": [{"key": key, "name": _name(key), **agency} for key, agency in agencies.items()],
            "operators": [{"key": key, "name": key} for key in OPERATORS],
        },
        "routing": {
            **_menus(drawn),
            "categories": [
                {"key": key, "urn": "urn:service:sos", "name": _name(key), "priority": priority}
                for key, priority in drawn["categories"].items()
            ],
            "areas": [{"code": code, "name": code} for code in drawn["areas"]],
            "schedules": [{"key": key, "name": key, **found} for key, found in drawn["schedules"].items()],
            "shifts": [{"key": "pagi", "name": "pagi", "schedule": shift, "operators": OPERATORS}] if shift else [],
            "ring_groups": [
                {"key": key, "members": OPERATORS[:1], "shifts": ["pagi"] if shift else [], **found}
                for key, found in groups.items()
            ],
            "routes": [_route(f"r{n}", route, known) for n, route in enumerate(drawn["routes"])],
            "last_resort": {"group": group if group in groups else None, "seconds": seconds},
        },
    }
    return RoutingTable.model_validate(document)


def _agencies(drawn: Document) -> Document:
    """Contacts on a trunk that is not there are on the first that is."""
    first = next(iter(drawn["trunks"]))
    return {
        key: {
            **agency,
            "contacts": [
                {**c, "trunk": c["trunk"] if c["trunk"] in drawn["trunks"] else first} for c in agency["contacts"]
            ],
        }
        for key, agency in drawn["agencies"].items()
    }


def _menus(drawn: Document) -> Document:
    """A main menu that has every category, directly or, some of them, in a menu behind one of its digits."""
    mode, languages, switch_digit, area = drawn["menu"]
    categories, digits = [*drawn["categories"]], list(drawn["digits"])
    behind = min(drawn["behind"], len(categories) - 1)
    options: list[Document] = [{"digit": digits.pop(), "category": key} for key in categories[behind:]]
    if area in drawn["areas"]:
        options[0]["area"] = area
    main = {"mode": mode, "languages": languages, "switch_digit": switch_digit, "options": options}
    menus = [{"key": "main", "name": _name("main"), **main}]
    if behind:
        options.append({"digit": digits.pop(), "menu": "more"})
        more = [{"digit": str(n), "category": key} for n, key in enumerate(categories[:behind], 1)]
        menus.append({"key": "more", "name": _name("more"), "options": more})
    return {"main_menu": "main", "menus": menus}


def _route(key: str, drawn: Document, known: Document) -> Document:
    when = {
        name: [v for v in value if v in known[name]] if name in known else value
        for name, value in drawn["when"].items()
    }
    when["state"] = [
        s
        for s in drawn["when"].get("state", ())
        if all(s[kind] in known[kind] for kind in ("agency", "group") if kind in s)
    ]
    steps = [found for step in drawn["steps"] for found in _step(step, known)]
    starts, ends = drawn["ends"]
    begin, end = drawn["valid"] or (None, None)
    return {
        "key": key,
        "priority": drawn["priority"],
        "when": when,
        "steps": steps or [{"kind": "record"}],
        "urgency": drawn["urgency"],
        "locked": drawn["flags"][0],
        "information": drawn["flags"][1],
        "valid_from": begin if starts else None,
        "valid_until": end if ends else None,
    }


def _step(step: Document, known: Document) -> list[Document]:
    """The step with what there is of its targets; none where nothing is left."""
    if step["kind"] == "dial":
        targets = [name for name in step["targets"] if name in known["target"]]
        return [{**step, "targets": targets}] if targets else []
    return [step] if step["kind"] != "ringgroup" or step["group"] in known["group"] else []


# ---------------------------------------------------------------------------------------------- facts
_STATE_NAMES = [*(f"agency/{key}" for key in AGENCIES), *(f"group/{key}" for key in GROUPS)]
_FACTS = st.builds(
    Facts,
    origin=st.sampled_from([*Origin]),
    choice=st.sampled_from([*Choice]),
    category=st.sampled_from([None, *CATEGORIES, "nowhere"]),
    area=st.sampled_from([None, *AREAS, *OTHER_AREAS]),
    area_source=st.sampled_from([None, *AreaSource]),
    trunk=st.sampled_from([None, *TRUNKS, "stranger"]),
    trunk_kind=st.sampled_from([None, *TrunkKind]),
    language=st.sampled_from([*Language]),
    suspicion=st.sampled_from([0, 0, 1, 49, 50, 51, 99, 100]),
    posture=st.sampled_from([Posture.GREEN, *Posture]),
    unavailable=_some(_STATE_NAMES).map(lambda found: tuple(sorted(found))),
)


def facts() -> st.SearchStrategy[Facts]:
    """Facts of any call, those included that no table knows."""
    return _FACTS
