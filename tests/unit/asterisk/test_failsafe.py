"""What the PBX goes on by alone is, for whatever is chosen and whenever, what the rules say."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callrouter.asterisk import failsafe, failsafe_files
from callrouter.asterisk.dialplan import variables_of
from callrouter.asterisk.failsafe import AHEAD_DAYS, BEHIND_DAYS, FailsafeData, doors, failsafe_data, text_of
from callrouter.calls.handover import hand_over, snapshot_of
from callrouter.calls.records import Opened
from callrouter.publishing.importing import read_table
from callrouter.resources import resource
from callrouter.routing.decide import unavailable
from callrouter.routing.table import RoutingTable
from tests.unit.asterisk.lookup import CLOSED, plan_for, said, variables
from tests.unit.routing.oracle import decision
from tests.unit.routing.tables import Document, instants, small, tables

NOW = datetime(2026, 3, 2, 9, 30, 12, tzinfo=UTC)
EXAMPLES = sorted(resource("examples").glob("*.yaml"))


def written(table: RoutingTable, now: datetime, folder: Path, version: int = 7) -> FailsafeData:
    data = failsafe_data(table, version, now)
    failsafe_files.write(folder, data)
    failsafe_files.switch(folder, data.name)
    return data


def choices(document: Document) -> dict[str, tuple[str, str | None]]:
    """The category of each choice, and the area that it also names: read from the menus as a caller hears them."""
    menus = {menu["key"]: menu for menu in document["routing"]["menus"]}
    main = menus.get(document["routing"]["main_menu"])
    found = {}
    for option in main["options"] if main else []:
        if option.get("menu"):
            for inner in menus[option["menu"]]["options"]:
                if not inner.get("menu"):
                    found[option["digit"] + inner["digit"]] = inner["category"], inner.get("area")
        else:
            found[option["digit"]] = option["category"], option.get("area")
    return found


def away(document: Document) -> list[str]:
    """The agencies that nobody could reach: switched off, or every line to them."""
    usable = {t["key"] for t in document["directory"]["trunks"] if t["enabled"] and t["channels"] > 0}
    return [
        f"agency/{agency['key']}"
        for agency in document["directory"]["agencies"]
        if not agency["enabled"] or not any(c["enabled"] and c["trunk"] in usable for c in agency["contacts"])
    ]


def ways_in(document: Document) -> Iterator[tuple[str, str, str | None, str | None, str | None]]:
    """Who calls, file, trunk, kind of trunk, area of the trunk."""
    for trunk in document["directory"]["trunks"]:
        if trunk["enabled"]:
            origin = {"carrier": "citizen"}.get(trunk["kind"], trunk["kind"])
            yield origin, f"{origin}_{trunk['key']}", trunk["key"], trunk["kind"], trunk.get("area")
    yield "operator", "operator_", None, None, None


def asked(document: Document) -> bool:
    """Whether callers hear the menu, and so may choose another language."""
    routing = document["routing"]
    main = next(menu for menu in routing["menus"] if menu["key"] == routing["main_menu"])
    return bool(main["mode"] != "operator_first")


def disagreements(document: Document, folder: Path, moments: list[int], languages: list[str]) -> list[Any]:
    """Return where a stored plan is not what the oracle says."""
    wrong = []
    for (origin, door, trunk, kind, its_area), at in itertools.product(ways_in(document), moments):
        found = variables(folder, door, at)
        heard = languages if asked(document) and origin in {"citizen", "operator"} else languages[:1]
        meant = [(None, (None, None)), *choices(document).items()]
        if len(heard) == len(languages) and asked(document) and origin in {"citizen", "operator"}:
            meant.append(("silent", (None, None)))
        for (digits, (category, area)), language in itertools.product(meant, heard):
            facts = {
                "category": category,
                "choice": "cannot_speak" if digits == "silent" else "none",
                "area": its_area or area,
                "trunk": trunk,
                "trunk_kind": kind,
                "language": language,
                "posture": "green",
                "suspicion": 0,
                "unavailable": away(document),
            }
            told = decision(document, facts, datetime.fromtimestamp(at, UTC))
            steps = [("last", s[1], s[2]) if s[0] == "ring" and s[4] else s for s in told.steps]
            wanted = told.route, told.category, told.urgency, steps
            if said(plan_for(found, digits, language)) != wanted:
                wrong.append((door, at, digits, language, plan_for(found, digits, language), wanted))
    return wrong


def edges_in(folder: Path) -> list[int]:
    """Every second at which any index turns, and the one before it."""
    inside = folder / failsafe_files.current(folder) / "by"
    turns = {int(line.split("|")[0]) for path in inside.iterdir() for line in path.read_text().splitlines()}
    first, last = min(turns), max(turns)
    return sorted({at for turn in turns for at in (turn - 1, turn) if first <= at < last})


@settings(max_examples=60, deadline=None)
@given(table=tables(), now=instants(), others=st.lists(st.floats(0, 1), max_size=6))
def test_stored_plan_of_every_choice_is_what_the_rules_say_at_any_moment(
    table: RoutingTable, now: datetime, others: list[float]
) -> None:
    document = table.model_dump(mode="json")
    with tempfile.TemporaryDirectory() as name:
        data = written(table, now, Path(name))
        moments = edges_in(Path(name))
        moments += [int(data.begins + part * (data.ends - 1 - data.begins)) for part in others]
        languages = [language.value for language in table.routing.languages]
        assert disagreements(document, Path(name), moments, languages) == []


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_stored_plans_of_an_example_are_what_the_rules_say_in_each_of_its_time_cells(
    file: Path, tmp_path: Path
) -> None:
    table = read_table(file)
    written(table, NOW, tmp_path)
    languages = [language.value for language in table.routing.languages]
    assert disagreements(table.model_dump(mode="json"), tmp_path, edges_in(tmp_path), languages) == []


@settings(max_examples=25, deadline=None)
@given(table=tables(), at=instants())
def test_what_is_stored_is_what_the_service_would_set_on_the_channel(table: RoutingTable, at: datetime) -> None:
    at = at.replace(microsecond=0)
    snapshot = snapshot_of(7, table)
    with tempfile.TemporaryDirectory() as name:
        written(table, at, Path(name))
        for door in doors(table):
            opened = Opened(None, 0, "", door.origin.value, door.trunk, "", "", "", "")  # type: ignore[arg-type]
            neutral = unavailable(snapshot.compiled, lambda _group: True)
            given_by_it = variables_of(hand_over(snapshot, opened, neutral, at))
            stored = variables(Path(name), door.name, int(at.timestamp()))
            assert stored == {name: value for name, value in given_by_it.items() if value}
            assert all(CLOSED.fullmatch(value) for value in stored.values())


def test_data_reach_back_a_day_and_ahead_a_month() -> None:
    data = failsafe_data(small(), 7, NOW)
    assert datetime.fromtimestamp(data.begins, UTC) <= NOW - timedelta(days=BEHIND_DAYS)
    assert datetime.fromtimestamp(data.ends, UTC) >= NOW + timedelta(days=AHEAD_DAYS)
    for index in data.by.values():
        assert index.splitlines()[0].startswith(f"{data.begins}|")
        assert index.splitlines()[-1] == f"{data.ends}|end"


def test_spans_that_say_the_same_are_one() -> None:
    document = small().model_dump(mode="json")
    document["routing"]["routes"] = []
    data = failsafe_data(RoutingTable.model_validate(document), 7, NOW)
    assert {len(index.splitlines()) for index in data.by.values()} == {2}


def test_data_made_again_on_the_same_day_are_the_same_and_another_day_or_version_has_another_name() -> None:
    first = failsafe_data(small(), 7, NOW)
    assert failsafe_data(small(), 7, NOW + timedelta(hours=5)) == first
    others = {failsafe_data(small(), 7, NOW + timedelta(days=1)).name, failsafe_data(small(), 8, NOW).name}
    assert len({first.name, *others}) == 3


def off(document: Document) -> None:
    document["directory"]["trunks"][1]["enabled"] = False


def test_disabled_trunk_has_no_door_and_operators_have_one_for_all() -> None:
    assert [door.name for door in doors(small(off))] == ["citizen_telco", "agency_bpbd", "operator_"]


def test_table_with_more_spans_than_the_dialplan_searches_reaches_less_far(monkeypatch: pytest.MonkeyPatch) -> None:
    def in_turns(document: Document) -> None:
        hours = [{"opens": f"{h:02}:00", "closes": f"{h:02}:30", "days": ["mon", "tue"]} for h in range(24)]
        document["routing"]["schedules"] = [{"key": "turns", "name": "turns", "windows": hours}]
        document["routing"]["routes"][0]["when"]["schedule"] = ["turns"]

    whole = failsafe_data(small(in_turns), 7, NOW)
    monkeypatch.setattr(failsafe, "MAX_CELLS", 64)
    cut = failsafe_data(small(in_turns), 7, NOW)
    assert cut.ends < whole.ends
    for name, index in cut.by.items():
        *lines, last = index.splitlines()
        assert len(index.splitlines()) <= 64
        assert last.endswith("|end")
        assert lines == whole.by[name].splitlines()[: len(lines)]


def test_value_that_the_dialplan_must_not_see_is_refused() -> None:
    with pytest.raises(ValueError, match="must not see"):
        text_of({"CR_PLAN_1": "plan,1,${SHELL(id)}"})
    with pytest.raises(ValueError, match="characters"):
        text_of({"CR_PLAN_1": "a" * 4_000})
    with pytest.raises(ValueError, match="lines"):
        text_of({f"CR_PLAN_{n}": "a" * 3_000 for n in range(400)})
