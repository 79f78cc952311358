"""Nothing is sampled: what is too much is refused with the conditions that multiply."""

from __future__ import annotations

from callrouter.routing.table import RoutingTable
from callrouter.routing.verify import MAX_VECTORS, verify
from tests.unit.routing.verify.given import AT, Document, add_route, good

AREAS = [f"35.07.{n // 90 + 10}.{1000 + n % 90}" for n in range(600)]


def wide(areas: int) -> RoutingTable:
    """Return a table in which calls of one category are of (areas + 1) x 400 kinds, and the others of one."""

    def change(t: Document) -> None:
        t["routing"]["areas"] = [{"code": code, "name": code} for code in AREAS]
        t["routing"]["routes"] = []
        t["routing"]["categories"] = t["routing"]["categories"][:1]
        t["routing"]["menus"] = [t["routing"]["menus"][0] | {"options": [{"digit": "1", "category": "fire"}]}]
        t["routing"]["schedules"] = []
        t["routing"]["shifts"] = []
        t["routing"]["ring_groups"] = [{"key": "desk", "members": ["op5"]}]
        t["routing"]["last_resort"]["group"] = "desk"
        for n, area in enumerate(AREAS[:areas]):
            add_route(t, key=f"area{n}", priority=1000 + n, when={"category": ["fire"], "area": [area]})
        for n in range(99):
            score = {"at_least": n, "below": n + 1}
            add_route(t, key=f"score{n}", priority=5000 + n, when={"category": ["fire"], "suspicion": score})
        for n, when in enumerate(({"language": ["en"]}, {"posture": ["red"]})):
            add_route(t, key=f"first{n}", priority=9000 + n, when={"category": ["fire"], **when})
        add_route(t, key="rest", priority=1)

    return good(change)


def test_one_vector_too_many_is_refused_and_none_is_left_out_below() -> None:
    report = verify(wide(498), AT)
    assert report.vectors == 499 * 100 * 2 * 2 + 1
    assert report.verified

    report = verify(wide(499), AT)
    assert report.vectors == MAX_VECTORS + 1 == 200_001
    assert not report.verified
    assert [(f.rule, f.error, f.pointer) for f in report.findings] == [("too_complex", True, "/routing/routes")]


def test_too_complex_names_the_conditions_that_multiply() -> None:
    (finding,) = verify(wide(499), AT).findings
    assert "200,001 kinds of call" in finding.sentence.en
    assert finding.sentence.en.endswith(
        "category fire: 500 areas x 100 ranges of suspicion x 2 postures x 2 languages"
    )
    assert "500 wilayah x 100 rentang kecurigaan x 2 tingkat siaga x 2 bahasa" in finding.sentence.id


def test_the_one_bad_call_among_two_hundred_thousand_is_found() -> None:
    table = wide(498)
    bad = {
        "key": "needle",
        "priority": 90_000,
        "when": {
            "category": ["fire"],
            "area": [AREAS[497]],
            "suspicion": {"at_least": 98, "below": 99},
            "language": ["en"],
            "posture": ["red"],
        },
        "steps": [{"kind": "announce", "prompt": "wait"}],
    }
    document = table.model_dump(mode="json")
    document["routing"]["routes"].append(bad)
    (finding,) = verify(RoutingTable.model_validate(document), AT).findings
    assert (finding.rule, finding.pointer) == ("V3", "/routing/routes/600")
    assert "; 1 of 199,601 kinds of call" in finding.sentence.en
    assert finding.example is not None
    facts = finding.example.facts
    assert (facts.area, facts.suspicion, facts.language, facts.posture) == (AREAS[497], 98, "en", "red")


def test_every_bad_call_is_counted() -> None:
    document = wide(0).model_dump(mode="json")
    when = {"language": ["en"], "suspicion": {"below": 50}, "posture": ["red"]}
    (rest,) = [r for r in document["routing"]["routes"] if r["key"] == "rest"]
    good_one = rest | {"key": "good", "priority": 2, "when": when}
    bad_one = rest | {"steps": [{"kind": "announce", "prompt": "wait"}]}
    document["routing"]["routes"] = [good_one, bad_one]
    (finding,) = verify(RoutingTable.model_validate(document), AT).findings
    assert finding.rule == "V3"
    assert "; 14 of 16 kinds of call" in finding.sentence.en


def test_states_that_multiply_are_named_by_their_agency() -> None:
    def change(t: Document) -> None:
        t["directory"]["agencies"] = [
            {"key": f"a{n}", "name": {"id": "x", "en": "x"}, "contacts": [{"key": "k", "trunk": "pu", "number": "1"}]}
            for n in range(18)
        ]
        t["routing"]["routes"] = []
        for n in range(18):
            states = [{"agency": f"a{n}", "state": "unavailable"}]
            add_route(t, key=f"r{n}", priority=10 + n, when={"state": states})

    report = verify(good(change), AT)
    assert report.vectors == 5 * 2**18
    (finding,) = report.findings
    assert finding.rule == "too_complex"
    assert "2 states of agency/a9 x" in finding.sentence.en
