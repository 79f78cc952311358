"""verify and a naive verifier, which shares no code with it, agree on random tables."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given, settings

from callrouter.routing.table import RoutingTable
from callrouter.routing.verify import Finding, verify
from tests.unit.routing.verify.naive import AT, broken, everything_broken
from tests.unit.routing.verify.small import tables

BY_NAIVE = ("V1", "V2", "V3", "V4", "V5", "V6")


def named(table: dict[str, Any], finding: Finding) -> tuple[str, str]:
    """Return a finding as the naive verifier names it."""
    collection, _, n = finding.pointer.removeprefix("/routing/").partition("/")
    if collection == "last_resort":
        return finding.rule, "last"
    return finding.rule, table["routing"][collection][int(n)]["key"] if n else "none"


def test_same_rules_are_broken_by_the_same_routes() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=100, deadline=None, derandomize=True, database=None)
    @given(table=tables())
    def agree(table: RoutingTable) -> None:
        document = table.model_dump(mode="json")
        findings = [f for f in verify(table, AT).findings if f.rule in BY_NAIVE]
        found = [named(document, f) for f in findings]
        assert len(found) == len(set(found)), "one finding for each rule and route"
        assert set(found) == everything_broken(document)
        seen.update(f.rule for f in findings)
        for finding in findings:
            if finding.rule in {"V1", "V2", "V3", "V4"}:
                assert finding.example is not None
                call = finding.example.facts.model_dump(mode="json")
                assert named(document, finding) in broken(document, call, finding.example.at)

    agree()
    assert set(seen) == set(BY_NAIVE), "the random tables do not break every rule"
