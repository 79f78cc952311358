"""The parts of the benchmark, run one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bench import parts, run, year
from bench.outcome import FULL, QUICK, Outcome
from bench.section import Section
from callrouter.errors import OperatorError

Make = Callable[[], Awaitable[Section]]


def _part(key: str, make: Make, whole_s: float = 60.0) -> parts.Part:
    async def measure(folder: Path, say: run.Say, *, quick: bool) -> Section:
        return await make()

    return parts.Part(key, parts.GROWTH, whole_s, whole_s, measure)


async def _well() -> Section:
    return Section("any", "Well")


async def _fails() -> Section:
    raise ValueError("the PBX is gone:\nits log\nits last word")


async def _hangs() -> Section:
    await asyncio.Event().wait()
    return await _well()


async def _cannot() -> Section:
    raise OperatorError("There is no SIPp.", "Install it.")


async def _outcome(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *given: parts.Part, mode: str = FULL) -> Outcome:
    monkeypatch.setattr(run, "PARTS", given)
    monkeypatch.setattr(run, "LEAST_S", 0.0)
    outcome = Outcome("make bench", mode)
    await run.run(outcome, tmp_path, [part.key for part in given], lambda _: None, lambda _: None)
    return outcome


async def test_a_part_that_fails_holds_up_no_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    outcome = await _outcome(monkeypatch, tmp_path, _part("lag", _fails), _part("verify", _well))
    assert outcome.broken == {"lag": "ValueError: the PBX is gone: its last word"}
    assert [section.name for section in outcome.sections] == ["verify"]
    assert outcome.seconds.keys() == {"lag", "verify"}
    assert outcome.wrong


async def test_a_part_that_hangs_is_broken_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    outcome = await _outcome(monkeypatch, tmp_path, _part("lag", _hangs, 0.01), _part("verify", _well))
    assert outcome.broken == {"lag": "not done in time, or a part of it did not come to rest"}
    assert [section.name for section in outcome.sections] == ["verify"]


async def test_nothing_runs_without_what_an_operator_has_to_bring(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(OperatorError, match="no SIPp"):
        await _outcome(monkeypatch, tmp_path, _part("lag", _cannot), _part("verify", _well))


@pytest.mark.parametrize(("mode", "rows"), [(FULL, year.ROWS), (QUICK, year.QUICK_ROWS)])
async def test_parts_of_a_year_share_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: str, rows: int
) -> None:
    made: list[int] = []
    looked: list[str] = []

    @asynccontextmanager
    async def a_year(incidents: int, say: run.Say) -> AsyncIterator[tuple[str, year.Year]]:
        made.append(incidents)
        yield "postgresql://somewhere", year.Year(0, 1, {"incident": incidents})

    async def look(url: str, counts: Mapping[str, int], say: run.Say, *, quick: bool) -> Section:
        looked.append(f"{url} {counts['incident']}")
        return Section("any", "A page")

    monkeypatch.setattr(year, "on_postgresql", a_year)
    of_year = [parts.Part(key, parts.YEAR, 60.0, 60.0, of_year=look) for key in ("pages", "related")]
    outcome = await _outcome(monkeypatch, tmp_path, *of_year, mode=mode)
    assert made == [rows]
    assert looked == [f"postgresql://somewhere {rows}"] * 2
    assert [section.name for section in outcome.sections] == ["pages", "related"]
    assert outcome.seconds.keys() == {run.MADE, "pages", "related"}


def test_each_part_has_one_key_and_one_way_to_be_measured() -> None:
    assert len(set(parts.KEYS)) == len(parts.KEYS)
    for part in parts.PARTS:
        assert (part.measure is None) != (part.of_year is None)
        assert part.quick_s <= part.whole_s


def test_the_quick_mode_is_planned_for_four_minutes() -> None:
    planned = sum(part.quick_s for part in parts.PARTS) + parts.QUICK_YEAR_S
    assert planned <= 240
