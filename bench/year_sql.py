"""The statements that make a year (bench.year) in a PostgreSQL, which draws the chances itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

from sqlalchemy import Boolean, Column, Table, Text, Uuid

from bench import year_kinds as y
from callrouter.storage import tables as t
from callrouter.storage.tables_figures import call_ring
from callrouter.storage.tables_search import incident_text

S: Final = 1_000_000
TABLES: Final = (t.incident, t.call, t.attempt, t.incident_agency, t.incident_event, incident_text, call_ring)
_EMERGENCY: Final = "kind = 'emergency'"
_BY: Final = "operator || ' (operator)'"
_BEFORE_HANDED_US: Final = 150_000


def statements(seed: int, incidents: int) -> Iterator[str]:
    """Yield what makes the rows, in order. Drawn are the courses of calls; all rows follow from them."""
    yield f"SELECT setseed({seed / 1000})"
    yield _courses(incidents)
    yield _parts()
    yield from (_incidents(), _calls(), _rings(), *_attempts(), _agencies(), *_timeline(), _texts())
    yield "DROP TABLE year_course, year_part"


# ------------------------------------------------------------------------------------------------ chance
def _words(values: Sequence[str]) -> str:
    return "ARRAY[" + ", ".join(f"'{one}'" for one in values) + "]"


def _one_of(values: Sequence[str], chance: str = "random()") -> str:
    return f"({_words(values)})[1 + floor({chance} * {len(values)})::int]"


def _weighed(shares: Sequence[float]) -> str:
    edges = ", ".join(f"{edge / sum(shares):.9f}" for edge in list(accumulate(shares))[:-1])
    return f"1 + width_bucket(random(), ARRAY[{edges}]::float8[])"


def _us(seconds: str) -> str:
    return f"(({seconds}) * {S})::bigint"


def _between(low: float, high: float) -> str:
    return _us(f"{low} + random() * {high - low}")


def _lognormal(mu: str, sigma: float) -> str:
    # Two even chances make a normal one (Box and Muller).
    return f"exp({mu} + {sigma} * sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()))"


def _case(*whens: tuple[str, str], otherwise: str = "NULL") -> str:
    return "CASE " + " ".join(f"WHEN {when} THEN {then}" for when, then in whens) + f" ELSE {otherwise} END"


def _with(rows: str, **columns: str) -> str:
    """Return `rows` with more columns, each made of those before."""
    more = ", ".join(f"{made} AS {name}" for name, made in columns.items())
    return f"SELECT *, {more} FROM ({rows}) AS rows"  # noqa: S608 (ours)


# ------------------------------------------------------------------------------------------------ courses
def _courses(incidents: int) -> str:
    """How each call goes, step by step: each step needs the one before."""
    hour = f"({_weighed(y.HOURS)} - 1)"
    day = f"{y.BEGIN_US} + floor(random() * {y.DAYS})::bigint * {y.DAY_US}"
    rows = _with(f"SELECT generate_series(1, {incidents})", at=f"{day} + {hour} * {3600 * S} + {_between(0, 3600)}")
    rows = f"SELECT at, row_number() OVER (ORDER BY at) AS number FROM ({rows}) AS drawn"  # noqa: S608 (ours)
    category = f"({_words(tuple(y.CATEGORIES))})[{_weighed([share for share, _ in y.CATEGORIES.values()])}]"
    rows = _with(
        rows,
        call="md5('c' || number)::uuid",
        incident="md5('i' || number)::uuid",
        kind=f"({_words(tuple(y.KINDS))})[{_weighed(tuple(y.KINDS.values()))}]",
        operator=_one_of(y.OPERATORS),
        die="random()",
    )
    chosen = f"at + {_between(3, 14)}"
    rows = _with(
        rows,
        chosen=_case(("kind <> 'dropped' OR random() < 0.3", chosen)),
        heard="kind NOT IN ('dropped', 'ghost') AND random() < 0.93",
        described=f"{_EMERGENCY} OR (kind = 'information' AND random() < 0.5)",
    )
    taken = _us(_lognormal("1.9", 0.6))
    rows = _with(
        rows,
        human=_case(("heard", f"coalesce(chosen, at) + {taken}")),
        knows=f"{_EMERGENCY} OR (chosen IS NOT NULL AND random() < 0.25)",
    )
    talked = _us(_lognormal("CASE kind WHEN 'prank' THEN 2.5 ELSE 4.2 END", 0.7))
    unheard = f"({_words(y.UNHEARD)})[{_weighed((97.0, 2.0, 0.9, 0.1))}]"
    rows = _with(
        rows,
        ended="coalesce(human, chosen, at) + " + _case(("heard", talked), otherwise=_between(1, 20)),
        category=_case(("knows", category), otherwise="''"),
        area=_case(("kind IN ('emergency', 'information')", _one_of(y.AREAS)), otherwise="''"),
        outcome=_case(("heard", "'talked'"), otherwise=unheard),
        caller=_case(("random() < 0.04", "''"), ("kind = 'prank'", _joker()), otherwise=_citizen()),
        place=_case(("described", _place()), otherwise="''"),
        told=_case(("described", _told()), otherwise="''"),
        name=_case(("described", f"{_one_of(y.NAMES)} || ' ' || {_one_of(y.NAMES)}"), otherwise="''"),
    )
    return f"CREATE UNLOGGED TABLE year_course AS {rows}"


def _joker() -> str:
    # A few of them call all the time.
    return "'0857' || lpad((floor(1500 * power(random(), 3))::int * 66601 % 100000000)::text, 8, '0')"


def _citizen() -> str:
    return "'0812' || lpad((floor(50000 * random())::int * 1999 % 100000000)::text, 8, '0')"


def _place() -> str:
    return f"{_one_of(y.PLACES)} || ', Jl. ' || {_one_of(y.STREETS)} || ' ' || (1 + floor(random() * 199))::int"


def _told() -> str:
    return f"{_one_of(y.SEEN)} || ', ' || {_one_of(y.SEEN)} || ' dekat ' || {_one_of(y.PLACES)}"


def _parts() -> str:
    """What agencies did: of each category the first always, the others sometimes."""
    helps = ", ".join(f"('{key}', {_words(agencies)})" for key, (_, agencies) in y.CATEGORIES.items())
    slow = _case(*((f"agency = '{key}'", str(factor)) for key, factor in y.SLOW.items()), otherwise="1.0")
    rows = (
        "SELECT c.incident, c.at, c.human, c.operator, h.agency "  # noqa: S608 (ours)
        f"FROM year_course c JOIN (VALUES {helps}) AS k (category, agencies) USING (category), "
        f"unnest(k.agencies) WITH ORDINALITY AS h (agency, n) WHERE c.{_EMERGENCY} AND (h.n = 1 OR random() < 0.35)"
    )
    passed = f"coalesce(human, at) + {_between(20, 90)}"
    rows = _with(rows, passed=passed, came="random()", how="random()", slow=slow)
    acknowledged = f"passed + (slow * {_us(_lognormal('3.4', 0.8))})::bigint"
    rows = _with(rows, acknowledged=_case(("came < 0.96", acknowledged)))
    en_route = f"acknowledged + (slow * {_between(30, 200)})::bigint"
    rows = _with(rows, en_route=_case(("came < 0.9", en_route)))
    rows = _with(rows, on_scene=f"en_route + (slow * {_us(_lognormal('6.2', 0.5))})::bigint")
    rows = _with(rows, resolved=f"on_scene + {_us(_lognormal('7.5', 0.6))}")
    return f"CREATE UNLOGGED TABLE year_part AS {rows}"


# ------------------------------------------------------------------------------------------------ rows
def _insert(table: Table, source: str, **values: str) -> str:
    """Fill a table; what is not named is as empty as the column can be."""
    columns = [c for c in table.columns if c.name in values or c.autoincrement is not True]
    names = ", ".join(f'"{column.name}"' for column in columns)
    shown = ", ".join(values.get(column.name, _empty(column)) for column in columns)
    return f'INSERT INTO "{table.name}" ({names}) SELECT {shown} FROM {source}'  # noqa: S608 (ours)


def _empty(column: Column[object]) -> str:
    if column.nullable or isinstance(column.type, Uuid):
        return "NULL"
    if isinstance(column.type, Boolean):
        return "false"
    return "''" if isinstance(getattr(column.type, "impl_instance", column.type), Text) else "0"


def _incidents() -> str:
    of_parts = (
        "SELECT incident, min(acknowledged) AS acknowledged, min(en_route) AS en_route, min(on_scene) AS on_scene, "
        "max(resolved) AS resolved, max(greatest(passed, acknowledged, en_route, on_scene, resolved)) AS last "
        "FROM year_part GROUP BY incident"
    )
    joined = (
        "SELECT c.*, p.acknowledged, p.en_route, p.on_scene, p.resolved, greatest(c.ended, p.last) AS last "  # noqa: S608 (ours)
        f"FROM year_course c LEFT JOIN ({of_parts}) p ON p.incident = c.incident"
    )
    rows = _with(joined, closed=_case(("random() < 0.995", f"last + {_between(60, 7200)}")))
    return _insert(
        t.incident,
        f"({rows}) AS c ORDER BY number",
        number="number",
        id="incident",
        opening_call="call",
        origin="'call'",
        state=_case(
            ("closed IS NOT NULL", "'closed'"), ("human IS NULL", "'abandoned'"), otherwise="'with_operator'"
        ),
        category="category",
        opened_at="at",
        callback="human IS NULL AND random() < 0.02",
        callback_reason=_case(("human IS NULL", "outcome"), otherwise="''"),
        state_by_person="human IS NOT NULL",
        reporter_number=_case(("described", "caller"), otherwise="''"),
        reporter_name="name",
        area="area",
        area_source=_case(("area <> ''", "'operator'"), otherwise="''"),
        place="place",
        description="told",
        people_hurt=_case((_EMERGENCY, "floor(random() * 4)::int")),
        disposition="CASE kind WHEN 'dropped' THEN 'abandoned' ELSE kind END",
        disposition_by_person="human IS NOT NULL",
        taken_at="human",
        taken_by=_case(("human IS NOT NULL", _BY), otherwise="''"),
        acknowledged_at="acknowledged",
        en_route_at="en_route",
        on_scene_at="on_scene",
        resolved_at="resolved",
        closed_at="closed",
        closed_reason=_case(("closed IS NULL", "''"), ("human IS NULL", "'quiet'"), otherwise="'person'"),
        updated_at="coalesce(closed, last)",
        version="3",
    )


def _calls() -> str:
    chosen, heard = "chosen IS NOT NULL", "human IS NOT NULL"
    facts = '\'{"origin": "citizen", "choice": "none", "trunk": "telco", "language": "id"}\''
    route = _case((chosen, "CASE category WHEN '' THEN 'rest' ELSE category END"), otherwise="''")
    plan = _case((chosen, "'ringgroup:operators:60'"), otherwise="''")
    with_whom = _case((heard, "'operator'"), otherwise="''")
    with_facts = _case((chosen, f"{facts}::jsonb || jsonb_build_object('category', nullif(category, ''))"))
    return _insert(
        t.call,
        "year_course ORDER BY number",
        id="call",
        incident="incident",
        direction="'in'",
        node="'pbx1'",
        opened_source="3",
        opened_at="at",
        origin="'citizen'",
        trunk="CASE at % 3 WHEN 0 THEN 'telkomsel' ELSE 'telco' END",
        number="caller",
        channel="'PJSIP/trunk-telco-' || lpad(to_hex(at % 4294967296), 8, '0')",
        uniqueid=f"at / {S} || '.' || at % 1000",
        routed_at="chosen",
        facts=with_facts,
        decided_route=route,
        decided_version=_case((chosen, "1")),
        decided_plan=plan,
        joined_at="human",
        joined_by=_case((heard, "operator"), otherwise="''"),
        joined_with=with_whom,
        ended_at="ended",
        answered_at="at + 40000",
        chosen_at="chosen",
        human_at="human",
        choice="CASE category WHEN '' THEN 'operator' ELSE '1' END",
        category="category",
        language="'id'",
        stage=_case((heard, "'talking'"), (chosen, "'operator'"), otherwise="'menu'"),
        path="'service'",
        version=_case((chosen, "1")),
        route=route,
        plan=plan,
        outcome="outcome",
        cause="'16'",
        talked_with=with_whom,
    )


def _rings() -> str:
    return _insert(call_ring, "year_course WHERE chosen IS NOT NULL", call="call", at=f"chosen + {_BEFORE_HANDED_US}")


_DIALLED: Final = "chosen IS NOT NULL AND category <> '' AND die < 0.4"
"""Calls that first ring the agency itself, by its line."""
_LINE_FAILED: Final = "die < 0.06"
_AGENCY_TOOK: Final = "die >= 0.12 AND human IS NOT NULL"
_ONLY_DIALLED: Final = f"({_AGENCY_TOOK} OR die < 0.02)"


def _attempts() -> Iterator[str]:
    agency = _case(*((f"category = '{key}'", f"'{helps[0]}'") for key, (_, helps) in y.CATEGORIES.items()))
    result = _case(
        (_AGENCY_TOOK, "'talked'"),
        (_LINE_FAILED, "CASE number % 3 WHEN 0 THEN 'full' WHEN 1 THEN 'congestion' ELSE 'unavailable' END"),
        otherwise="'noanswer'",
    )
    took = _case((_AGENCY_TOOK, "human"))
    yield _insert(
        t.attempt,
        f"({_with('TABLE year_course', agency=agency)}) AS c WHERE {_DIALLED}",
        call="call",
        n="1",
        kind="'dial'",
        label="agency || '/posko'",
        begun_at="chosen + 100000",
        pickup_at=took,
        human_at=took,
        ended_at=_case((_AGENCY_TOOK, "ended"), otherwise="chosen + 200000"),
        by=_case((_AGENCY_TOOK, "'trunk-' || agency"), otherwise="''"),
        result=result,
        cause=_case((_AGENCY_TOOK, "''"), otherwise="'SIP 480 Temporarily Unavailable'"),
    )
    heard = "human IS NOT NULL"
    yield _insert(
        t.attempt,
        f"year_course WHERE chosen IS NOT NULL AND NOT ({_DIALLED} AND {_ONLY_DIALLED})",
        call="call",
        n="2",
        kind="'ringgroup'",
        label="'operators'",
        begun_at="chosen + 200000",
        pickup_at="human",
        human_at="human",
        ended_at="ended",
        by=_case((heard, "operator"), otherwise="''"),
        result=_case((heard, "'talked'"), ("random() < 0.1", "'congestion'"), otherwise="'noanswer'"),
        cause=_case((heard, "''"), otherwise="'SIP 480 Temporarily Unavailable'"),
    )


def _agencies() -> str:
    by_call = "how < 0.5 AND human IS NOT NULL"
    states = ("resolved", "on_scene", "en_route", "acknowledged")
    came = " + ".join(f"({name} IS NOT NULL)::int" for name in states)
    return _insert(
        t.incident_agency,
        "year_part",
        id="gen_random_uuid()",
        incident="incident",
        agency="agency",
        state=_case(
            *((f"{name} IS NOT NULL", f"'{name}'") for name in states),
            ("came < 0.99", "'passed'"),
            otherwise="'declined'",
        ),
        how=_case((by_call, "'call'"), otherwise="'notice'"),
        opened_at="at",
        passed_at="passed",
        passed_by=_case((by_call, "''"), otherwise=_BY),
        answered_at=_case((by_call, "human")),
        acknowledged_at="acknowledged",
        acknowledged_by=_case(("acknowledged IS NOT NULL", "agency || ' (agency)'"), otherwise="''"),
        en_route_at="en_route",
        on_scene_at="on_scene",
        resolved_at="resolved",
        due_at=f"passed + {120 * S}",
        updated_at="greatest(passed, acknowledged, en_route, on_scene, resolved)",
        version=f"1 + {came}",
    )


def _timeline() -> Iterator[str]:
    """What the timeline says of a call."""
    for kind, at, data in (
        ("opened", "at", "jsonb_build_object('node', 'pbx1')"),
        ("routed", "chosen", "jsonb_build_object('route', CASE category WHEN '' THEN 'rest' ELSE category END)"),
        ("joined", "human", "jsonb_build_object('by', operator)"),
        ("ended", "ended", "jsonb_build_object('outcome', outcome)"),
    ):
        yield _insert(
            t.incident_event,
            f"year_course WHERE {at} IS NOT NULL ORDER BY number",
            incident="incident",
            call="call",
            kind=f"'{kind}'",
            at=at,
            actor="'pbx1'",
            data=data,
        )


def _texts() -> str:
    said = "btrim(regexp_replace(lower(told || ' ' || place || ' ' || name), '[^a-z0-9]+', ' ', 'g'))"
    return _insert(incident_text, "year_course WHERE described", incident="incident", opened_at="at", words=said)
