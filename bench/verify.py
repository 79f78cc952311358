"""How long verify takes: `python -m bench.verify`.

Two tables. A city's: 60 categories, 60 agencies, 300 routes, with areas, schedules, validity, trunks, kinds of trunk,
languages, postures, suspicion and states among their conditions. And one that has nearly as many vectors as verify
looks through at most.
"""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime
from typing import Any, Final

from callrouter.routing.table import RoutingTable
from callrouter.routing.verify import MAX_VECTORS, Report, verify

AT: Final = datetime(2026, 1, 5, 1, 0, tzinfo=UTC)
CATEGORIES: Final = 60
AGENCIES: Final = 60
ROUTES: Final = 300
RUNS: Final = 5
Document = dict[str, Any]

_ALL_DAYS: Final = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def city() -> RoutingTable:
    """Return the table of a city: five routes for each category, the last ones for all."""
    trunks = [{"key": f"telco{n}", "kind": "carrier", "host": f"127.0.1.{n + 1}"} for n in range(4)] + [
        {"key": f"a{n}", "kind": "agency", "host": f"127.0.2.{n + 1}"} for n in range(AGENCIES)
    ]
    agencies = [
        {
            "key": f"agency{n}",
            "name": {"id": f"Dinas {n}", "en": f"Agency {n}"},
            "contacts": [
                {"key": "posko", "trunk": f"a{n}", "number": "101"},
                {"key": "piket", "trunk": "telco3", "number": f"0811{n:04d}", "confirm": True},
            ],
        }
        for n in range(AGENCIES)
    ]
    routes = [
        *[route for n in range(CATEGORIES) for route in _of_category(n)][: ROUTES - 2],
        {
            "key": "from-agencies",
            "priority": 90_000,
            "when": {"trunk_kind": ["agency"], "language": ["en"]},
            "steps": [{"kind": "ringgroup", "group": "operators", "wait_s": 60}],
        },
        {"key": "rest", "priority": 1, "steps": [{"kind": "ringgroup", "group": "operators", "wait_s": 60}]},
    ]
    return RoutingTable.model_validate(
        {
            "centre": {"name": "Pusat Panggilan 112", "timezone": "Asia/Jakarta"},
            "directory": {
                "trunks": trunks,
                "agencies": agencies,
                "operators": [{"key": f"op{n}", "name": f"Operator {n}"} for n in range(12)],
            },
            "routing": {
                "main_menu": "main",
                "menus": _menus(),
                "categories": [
                    {
                        "key": f"c{n}",
                        "urn": "urn:service:sos",
                        "name": {"id": f"darurat {n}", "en": f"case {n}"},
                        "priority": n % 11,
                    }
                    for n in range(CATEGORIES)
                ],
                "areas": [{"code": f"35.07.{n:02d}", "name": f"Kecamatan {n}"} for n in range(1, 34)],
                "schedules": [_schedule(n) for n in range(12)] + _watches(),
                "shifts": [
                    {
                        "key": f"team{n}",
                        "name": f"Regu {n}",
                        "schedule": f"watch{n}",
                        "operators": [f"op{m}" for m in range(4 * n, 4 * n + 4)],
                    }
                    for n in range(3)
                ],
                "ring_groups": [{"key": "operators", "shifts": ["team0", "team1", "team2"]}],
                "routes": routes,
                "last_resort": {"group": "operators", "seconds": 90},
            },
        }
    )


def _menus() -> list[Document]:
    """A main menu of eight menus with eight categories each."""
    chunks = [range(n, min(n + 8, CATEGORIES)) for n in range(0, CATEGORIES, 8)]
    main = {
        "key": "main",
        "name": {"id": "utama", "en": "main"},
        "options": [{"digit": str(n + 1), "menu": f"m{n}"} for n in range(len(chunks))],
    }
    below = [
        {
            "key": f"m{n}",
            "name": {"id": f"{n}", "en": f"{n}"},
            "options": [{"digit": str(m + 1), "category": f"c{c}"} for m, c in enumerate(chunk)],
        }
        for n, chunk in enumerate(chunks)
    ]
    return [main, *below]


def _schedule(n: int) -> Document:
    """Office hours of its own, with the holidays of a year and some exceptions."""
    hours = {"days": _ALL_DAYS[: 5 + n % 2], "opens": f"{7 + n % 3:02d}:30", "closes": f"{15 + n % 3:02d}:00"}
    return {
        "key": f"office{n}",
        "name": f"Jam kerja {n}",
        "windows": [hours],
        "holidays": [
            {"date": f"2026-{month:02d}-{3 + n % 9:02d}", "name": {"id": "Libur", "en": "Holiday"}}
            for month in range(1, 13)
        ],
        "exceptions": [
            {
                "date": "2026-06-20",
                "name": {"id": "Pasar malam", "en": "Night market"},
                "hours": [{"opens": "10:00", "closes": "13:00"}],
            }
        ],
    }


def _watches() -> list[Document]:
    """Three watches around the clock."""
    return [
        {
            "key": f"watch{n}",
            "name": f"Jaga {n}",
            "windows": [{"days": _ALL_DAYS, "opens": opens, "closes": closes}],
        }
        for n, (opens, closes) in enumerate([("07:00", "15:00"), ("15:00", "23:00"), ("23:00", "07:00")])
    ]


def _of_category(n: int) -> list[Document]:
    """Five routes: at a danger, in one of its areas, on a trunk, in office hours, else."""
    own, other = f"agency{n % AGENCIES}", f"agency{(n + 7) % AGENCIES}"
    then = [
        {"kind": "dial", "targets": [f"{other}/posko"], "ring_s": 20},
        {"kind": "ringgroup", "group": "operators", "wait_s": 25},
    ]
    areas = [f"35.07.{1 + (n + m) % 33:02d}" for m in range(4)]
    conditions: list[Document] = [
        {"posture": ["red"], "state": [{"agency": own, "state": "unavailable"}]},
        {"area": areas[:2], "schedule": [f"office{n % 12}"], "language": ["id"]},
        {"trunk": [f"telco{n % 2}"], "area": areas[2:], "suspicion": {"below": 80}},
        {"schedule": [f"office{n % 12}", f"office{(n + 5) % 12}"]},
        {},
    ]
    return [
        {
            "key": f"r{n}-{m}",
            "priority": 10 * (CATEGORIES - n) * 10 + 10 - m,
            "when": {"category": [f"c{n}"], **when},
            "steps": [{"kind": "dial", "targets": [f"{own}/{'piket' if m % 2 else 'posko'}"], "ring_s": 20}, *then]
            if m % 2 == 0
            else then,
        }
        for m, when in enumerate(conditions)
    ]


def crowded() -> RoutingTable:
    """Return a table of one category whose routes tell 199,600 kinds of call apart."""
    areas = [f"35.07.{n // 100 + 1:02d}.{n % 100:04d}" for n in range(498)]
    steps = [{"kind": "ringgroup", "group": "operators", "wait_s": 60}]
    routes: list[Document] = [
        {"key": f"area{n}", "priority": 10_000 + n, "when": {"category": ["c"], "area": [area]}, "steps": steps}
        for n, area in enumerate(areas)
    ]
    routes += [
        {
            "key": f"score{n}",
            "priority": 20_000 + n,
            "when": {
                "category": ["c"],
                "suspicion": {"at_least": n, "below": n + 1},
                "language": ["en"],
                "posture": ["red"],
            },
            "steps": steps,
        }
        for n in range(99)
    ]
    routes.append({"key": "rest", "priority": 1, "steps": steps})
    return RoutingTable.model_validate(
        {
            "centre": {"name": "Pusat", "timezone": "Asia/Jakarta"},
            "directory": {"operators": [{"key": "op", "name": "Operator"}]},
            "routing": {
                "main_menu": "main",
                "menus": [
                    {
                        "key": "main",
                        "name": {"id": "utama", "en": "main"},
                        "options": [{"digit": "1", "category": "c"}],
                    }
                ],
                "categories": [
                    {"key": "c", "urn": "urn:service:sos", "name": {"id": "darurat", "en": "case"}, "priority": 5}
                ],
                "areas": [{"code": area, "name": f"Desa {n}"} for n, area in enumerate(areas)],
                "ring_groups": [{"key": "operators", "members": ["op"]}],
                "routes": routes,
                "last_resort": {"group": "operators"},
            },
        }
    )


def measure(table: RoutingTable) -> tuple[Report, list[float]]:
    """Return the report and the seconds of each run, sorted."""
    took = []
    for _ in range(RUNS):
        began = time.perf_counter()
        report = verify(table, AT)
        took.append(time.perf_counter() - began)
    return report, sorted(took)


def main() -> None:
    """Print the figures."""
    for name, table in (("a city", city()), ("the most vectors", crowded())):
        report, took = measure(table)
        routing = table.routing
        print(
            f"{name}: {len(routing.categories)} categories, {len(table.directory.agencies)} agencies, "
            f"{len(routing.routes)} routes; {report.vectors:,} vectors (of {MAX_VECTORS:,}), {report.cells} cells; "
            f"verified: {report.verified}, {len(report.findings)} findings"
        )
        middle = statistics.median(took)
        print(f"  {RUNS} runs: min {took[0]:.3f} s, median {middle:.3f} s, max {took[-1]:.3f} s")


if __name__ == "__main__":
    main()
