"""The five example centres as files: each is proven, and each has a story; any other table is walked through."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from callrouter.errors import OperatorError
from callrouter.publishing.importing import read_table
from callrouter.routing.table import RoutingTable
from callrouter.routing.verify import verify
from demo.__main__ import LAST_RESORT_S, RING_S, shortened
from demo.stage import MOST_PHONES
from demo.stories import SHOWS, show_of
from demo.stories.any_table import walk
from tests.pbx.examples import EXAMPLES
from tests.pbx.tables import nested, table

everyone = pytest.mark.parametrize("name", EXAMPLES)


@everyone
def test_example_is_verified_without_a_finding(name: str) -> None:
    report = verify(read_table(EXAMPLES[name]), datetime.now(UTC))
    assert report.findings == ()


@everyone
def test_example_as_the_demo_shortens_it_is_verified_too(name: str) -> None:
    given = RoutingTable.model_validate(shortened(EXAMPLES[name]))
    assert verify(given, datetime.now(UTC)).findings == ()
    rings = [step.ring_s for route in given.routing.routes for step in route.steps if step.kind == "dial"]
    assert max(rings) <= RING_S
    assert given.routing.last_resort.seconds == LAST_RESORT_S


def test_the_five_centres_are_there_and_each_has_its_story() -> None:
    assert EXAMPLES.keys() == SHOWS.keys()
    assert len(EXAMPLES) == 5


@everyone
def test_example_plays_its_own_story(name: str) -> None:
    assert show_of(name, RoutingTable.model_validate(shortened(EXAMPLES[name]))) is SHOWS[name]


def test_table_that_bears_an_examples_name_but_has_not_its_telephones_is_walked_through() -> None:
    show = show_of("kota-batu", RoutingTable.model_validate(table()))
    assert [title for lane in show.phases[0].lanes for title, _ in lane if title.startswith("1")] == ["1: fire"]
    assert show.cast.caller == "telco"


def test_walk_calls_each_digit_of_each_menu_once_and_0() -> None:
    show = walk(RoutingTable.model_validate(nested()))
    titles = sorted(title for phase in show.phases for lane in phase.lanes for title, _ in lane)
    assert titles == [
        "0: an operator", "1: fire", "2: flood", "31: village", "32: village", "33: village",
    ]  # fmt: skip


def test_walk_where_operators_come_first_has_a_call_for_each_digit_and_none_for_0() -> None:
    show = walk(RoutingTable.model_validate(nested(mode="operator_first")))
    titles = sorted(title for phase in show.phases for lane in phase.lanes for title, _ in lane)
    assert titles == ["1: fire", "2: flood", "31: village", "32: village", "33: village"]


def test_walk_takes_no_more_telephones_than_can_be_told_apart() -> None:
    given = table()
    directory, routes = given["directory"], given["routing"]["routes"]
    for n in range(30):
        key = f"more-{n}"
        directory["trunks"].append({"key": key, "kind": "agency", "host": f"127.0.1.{n + 1}"})
        contacts = [{"key": "posko", "trunk": key, "number": "100"}]
        directory["agencies"].append({"key": key, "name": {"id": key, "en": key}, "contacts": contacts})
        dial: dict[str, Any] = {"kind": "dial", "targets": [f"{key}/posko"]}
        routes.append({"key": key, "priority": 1000 + n, "steps": [dial]})
    cast = walk(RoutingTable.model_validate(given)).cast
    assert len(cast.agencies) + len(cast.operators) == MOST_PHONES
    assert cast.operators.keys() == {"op1", "op2"}
    assert "more-29" in cast.agencies


def test_walk_of_a_table_without_a_carrier_says_what_is_missing() -> None:
    given = table()
    for trunk in given["directory"]["trunks"]:
        trunk["kind"] = "agency"
    with pytest.raises(OperatorError, match="no trunk of a carrier"):
        walk(RoutingTable.model_validate(given))


def test_shortened_table_speaks_as_the_telephones_do(tmp_path: Path) -> None:
    text = EXAMPLES["kota-batu"].read_text(encoding="utf-8")
    line = "{key: telco, kind: carrier, host: 127.0.114.1}"
    assert line in text
    file = tmp_path / "table.yaml"
    file.write_text(text.replace(line, line[:-1] + ", transport: tcp, presented_number: '112'}"), encoding="utf-8")
    (trunk,) = [trunk for trunk in shortened(file)["directory"]["trunks"] if trunk["key"] == "telco"]
    assert trunk == {"key": "telco", "kind": "carrier", "host": "127.0.114.1"}
