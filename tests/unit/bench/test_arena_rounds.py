"""The search for the rate that is sustained, the calls' plan, SIPp's logs where packets may not be looked at."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from bench.arena import fight, rounds, shown
from bench.arena.alone import between
from bench.arena.calls import Call, Seen
from bench.arena.capture import CaptureError
from bench.arena.fight import Fighter, held, turned
from bench.arena.judge import judge
from bench.arena.load import DIGIT_FROM_MS, DIGIT_TO_MS, Wave, callers, scenario, seen_in_logs
from bench.arena.plan import QUICK
from bench.arena.rounds import Round
from bench.arena.search import STEPS, Search
from bench.opponents.cpu import UncountableError
from bench.opponents.model import Opponent, Running


def searched(can: float, most: int = 20) -> tuple[Search, list[int]]:
    """Search of somebody who sustains every rate up to `can`."""
    search, tried = Search(most=most), []
    while (rate := search.next) is not None:
        tried.append(rate)
        search.tell(rate, held=rate <= can)
    return search, tried


@pytest.mark.parametrize(
    ("can", "found", "failed"),
    [(1000, 320, None), (130, 120, 140), (145, 140, 160), (40, 40, 60), (25, 20, 30), (9, 5, 10), (3, 0, 5)],
)
def test_highest_rate_that_is_held_is_found(can: int, found: int, failed: int | None) -> None:
    search, tried = searched(can)
    assert (search.held, search.failed) == (found, failed)
    assert len(tried) <= len(STEPS)


def test_search_ends_when_its_attempts_are_used_up() -> None:
    search, tried = searched(1000, most=3)
    assert tried == [40, 80, 120]
    assert (search.held, search.failed) == (120, None)


def test_rate_that_just_failed_gets_a_second_try() -> None:
    search = Search()
    search.tell(40, held=False, near=True)
    assert search.next == 40
    search.tell(40, held=True)
    assert search.next == 80
    search.tell(80, held=False, near=True)
    search.tell(80, held=False, near=True)
    assert search.next == 60


def test_rate_above_one_that_failed_does_not_count() -> None:
    search = Search()
    search.tell(80, held=True)
    search.tell(40, held=False)
    search.tell(20, held=True)
    assert search.held == 20


def round_of(delays_s: list[float], *, calls: int, again: int = 0, rate: float = 10) -> Round:
    seen = Seen(again=again)
    for n in range(calls):
        at = n / rate
        reached = at + 0.7 + delays_s[n] if n < len(delays_s) else None
        seen.calls[str(n)] = Call(at, pressed=at + 0.7, reached=reached)
    return Round("x", 10, calls, 1, seen, {})


def test_rate_is_held_with_all_in_time_and_nothing_sent_again() -> None:
    assert held(round_of([0.01] * 100, calls=100))
    assert not held(round_of([0.01] * 99 + [1.2], calls=100))
    assert not held(round_of([0.01] * 99, calls=100))
    assert not held(round_of([0.01] * 100, calls=100, again=1))
    assert not held(round_of([0.01] * 100, calls=100, rate=9))


def test_late_and_missing_calls_are_counted_apart() -> None:
    late = round_of([0.01, 1.5], calls=3)
    assert (late.in_time, late.missing) == (1, 1)


def test_same_seed_gives_the_same_calls_and_each_wave_its_own_numbers() -> None:
    first, again = (callers(Wave(prefix, 50, 20, 7)).splitlines() for prefix in ("0812001", "0812002"))
    other = callers(Wave("0812001", 50, 20, 8)).splitlines()
    delays = [line.split(";")[1] for line in first[1:]]
    assert first[0] == "SEQUENTIAL"
    assert delays == [line.split(";")[1] for line in again[1:]]
    assert first != other
    assert all(DIGIT_FROM_MS <= int(delay) <= DIGIT_TO_MS for delay in delays)
    assert len({line.split(";")[0] for line in [*first[1:], *again[1:]]}) == 40


@pytest.mark.parametrize("name", ["caller", "agency", "pbx", "dialler"])
def test_every_setting_of_a_scenario_is_filled_in(name: str) -> None:
    settings = {"sound": "s.alaw", "times": 1, "talk_ms": 300, "digit": "1", "talks": "0813", "answer_ms": 200}
    body = scenario(name, settings).partition("<scenario")[2]
    assert "@" not in body.replace("]@[", "")


LOG = """\
----------------------------------------------- 2026-11-22 10:00:00.{at}
UDP message {way} [500] bytes :

{method} sip:112@127.0.0.1:5060 SIP/2.0
From: <sip:{number}@127.0.0.17>;tag=1

"""


def logged(way: str, *messages: tuple[str, str, str]) -> str:
    return "".join(LOG.format(way=way, at=at, method=method, number=number) for at, method, number in messages)


def test_logs_tell_times_and_repetitions_of_one_wave_alone() -> None:
    one, two = "081200100000", "081200100001"
    caller = logged(
        "sent", ("000000", "INVITE", one), ("100000", "INVITE", two), ("700000", "INFO", one), ("900000", "INFO", one)
    )
    agency = logged("received", ("710000", "INVITE", one), ("720000", "INVITE", "081200000000"))
    found = seen_in_logs(caller, agency, "0812001")
    assert list(found.calls) == [one, two]
    assert found.digit_to_invite_s == [pytest.approx(0.01)]
    assert found.again == 1


class Busy:
    """An opponent that takes this much CPU with each look (s), and keeps what its PBX was told."""

    def __init__(self, *takes: float) -> None:
        self.takes = list(takes)
        self.cpu = 0.0
        self.told: list[str] = []

    def running(self) -> Running:
        return Running("127.0.0.1:5060", self._cpu, self._pbx)

    def _cpu(self) -> dict[str, float]:
        self.cpu += self.takes.pop(0) if self.takes else 0.0
        return {"pbx": self.cpu}

    async def _pbx(self, command: str) -> str:
        self.told.append(command)
        return ""


async def test_rest_is_when_nothing_takes_cpu_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "_REST_S", 0.01)
    monkeypatch.setattr(rounds, "FLUSH_S", 0.02)
    busy = Busy(0.0, 5.0, 5.0, 0.0)
    assert await rounds.at_rest(busy.running())
    assert busy.takes == []
    assert busy.told == []


async def test_who_is_never_at_rest_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "_REST_S", 0.01)
    monkeypatch.setattr(rounds, "FLUSH_S", 0.02)
    monkeypatch.setattr(rounds, "_REST_MOST_S", 0.05)
    assert not await rounds.at_rest(Busy(*[5.0] * 100).running())


async def test_calls_that_did_not_end_are_hung_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "_REST_S", 0.01)
    monkeypatch.setattr(rounds, "FLUSH_S", 0.02)
    busy = Busy()
    await rounds.at_rest(busy.running(), ended=False)
    assert busy.told == ["channel request hangup all"]


@asynccontextmanager
async def _never(_folder: Path) -> AsyncIterator[Running]:
    raise AssertionError("it is not to run")
    yield Busy().running()


def fighter(key: str, **more: Any) -> Fighter:
    found = Fighter(Opponent(key, key.upper(), _never), Busy().running(), idle_cpu={"pbx": 0.004}, **more)
    one = round_of([0.01, 0.02, 0.03], calls=4)
    found.judged = [dataclasses.replace(one, cpu_s={"pbx": 0.04, "service": 0.02}), one]
    found.steps = [one]
    found.search.tell(10, held=False)
    return found


def test_each_turn_another_one_begins_and_none_always_follows_the_same() -> None:
    turns = ["".join(turned("abc", turn)) for turn in range(6)]
    assert turns == ["abc", "bac", "cab", "acb", "bca", "cba"]


def test_calls_that_the_pbx_served_alone_are_not_in_time() -> None:
    one = dataclasses.replace(round_of([0.01] * 4, calls=4), alone=1)
    assert one.in_time == 3
    found = dataclasses.replace(fighter("ours"), judged=[one, one])
    assert (shown.result_of(found).alone, shown.result_of(found).in_time) == (2, 6)
    assert shown.result_of(fighter("bare")).alone is None


def test_service_that_began_anew_in_a_round_tells_nothing_of_it() -> None:
    assert (between(None, None), between(2, 5)) == (None, 3)
    with pytest.raises(RuntimeError, match="anew"):
        between(5, 2)


def test_round_that_was_too_slow_or_began_too_early_is_counted() -> None:
    found = fighter("bare")
    found.judged = [
        round_of([0.01] * 9, calls=9, rate=9.6),
        dataclasses.replace(round_of([0.01], calls=9), fresh=False),
    ]
    assert (shown.result_of(found).slow, shown.result_of(found).early) == (1, 1)


@pytest.mark.parametrize(
    ("errors", "measured", "broken"),
    [
        ([CaptureError("lost")], 1, ""),
        ([UncountableError("too fast")], 1, ""),
        ([CaptureError("lost"), CaptureError("lost")], 0, "BARE could not be measured at 10 calls/s: lost"),
        ([RuntimeError("the PBX has ended")], 0, "BARE broke off at 10 calls/s: the PBX has ended"),
    ],
    ids=["capture", "cpu", "twice", "its-own"],
)
async def test_wave_that_could_not_be_looked_at_is_made_once_more(
    monkeypatch: pytest.MonkeyPatch, errors: list[RuntimeError], measured: int, broken: str
) -> None:
    waves: list[Wave] = []

    async def one_round(_load: Any, _eyes: Any, _key: str, _running: Running, wave: Wave, *, sound: bool) -> Round:
        waves.append(wave)
        if errors:
            raise errors.pop(0)
        return round_of([0.01], calls=1)

    async def at_rest(_running: Running, *, ended: bool = True) -> bool:
        return ended

    monkeypatch.setattr(fight, "one_round", one_round)
    monkeypatch.setattr(fight, "at_rest", at_rest)
    one = dataclasses.replace(fighter("bare"), judged=[])
    plan = dataclasses.replace(
        QUICK, rate=10, talk_rounds=0, idle_seconds=0.01, warm_seconds=0, calm_rate=10, rounds=0, calm_rounds=0
    )
    await fight.Fight(cast("Any", None), cast("Any", None), [one], plan, [].append).run()
    assert (len(one.warm), one.broken) == (measured, broken)
    assert len({wave.prefix for wave in waves}) == len(waves)
    assert len({(wave.rate, wave.calls, wave.seed) for wave in waves}) == 1
    assert all(done.fresh is False for done in one.warm)


def test_section_has_a_column_for_each_opponent_and_no_single_times_in_its_json() -> None:
    fighters = [fighter("bare"), fighter("ours", incidents=(4, 4))]
    results = {one.opponent.key: shown.result_of(one) for one in fighters}
    verdict = judge(results, ("ours",), "bare", ())
    section = shown.section(fighters, QUICK, verdict, shown.Beside(packets=True, limit=(400, None), clocks=None))
    (table,) = section.tables
    assert table.head == ("", "BARE", "OURS")
    assert {len(row) for row in table.rows} == {3}
    assert ("calls with exactly one incident", "-", "4 of 4") in table.rows
    figures = json.loads(json.dumps(section.figures))
    pooled = figures["ours"]["digit_to_invite_ms"]
    assert (pooled["calls"], pooled["median"]) == (6, 30.0)
    assert [one["calls"] for one in pooled["rounds"]] == [3, 3]
    # The slowest of all are those that never came.
    assert pooled["p99"] is None
    assert any("never" in cell for row in table.rows for cell in row)
    assert figures["ours"]["cpu_ms_per_call"] == {"pbx": 6.667, "service": 3.333, "database": 0.0, "total": 10.0}
    assert figures["ours"]["judged"]["missing"] == 2
    assert figures["generator"] == {"sustained_per_s": 400}
    assert "within 1 s: OURS: 6 of 8 calls, 99.9% are promised" in section.wrong
