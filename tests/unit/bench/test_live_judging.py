"""What the parts of the benchmark about live calls and load find wrong, and what they show."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import cast

import pytest

from bench.curves import pictures
from bench.live import load, loaded, memory
from bench.live.asks import Asker
from bench.live.held import Held
from bench.live.listener import Lateness
from bench.live.ramp import Level, Ramp
from bench.process import kib_of
from bench.section import Section

LEVEL = Level(2_000, 2_000, 149.0, 120.0, 0.02, 20.0, 12.0, 9.0, 800.0, 3.0, 4.0)
GOOD = Ramp(
    levels=[replace(LEVEL, calls=0, board=0, rss_mb=110.0), LEVEL],
    calls=2_200,
    told=Lateness(10, 5, 0, [0.05] * 15),
    waits_s=[0.004],
)


def judged(ramp: Ramp) -> Section:
    return memory.judged({"SQLite": ramp})


def test_a_ramp_within_its_limits_is_not_wrong() -> None:
    section = judged(GOOD)
    assert section.wrong == []
    assert [(one.held, one.measured) for one in section.targets] == [(True, "149.0 MB")]


@pytest.mark.parametrize(
    ("ramp", "told"),
    [
        (replace(GOOD, levels=[replace(LEVEL, rss_mb=151.1)]), "at 2,000 live calls, SQLite: 151 MB"),
        (replace(GOOD, levels=[replace(LEVEL, board=1_999)]), "shows 1,999 of 2,000"),
        (replace(GOOD, told=Lateness(9, 5, 1, [0.05] * 14)), "1 events were lost"),
        (replace(GOOD, told=Lateness(3, 0, 0, [0.3] * 3)), "300 ms late"),
        (replace(GOOD, told=Lateness(3, 0, 0, [0.1, 0.1, 1.1])), "1100 ms late (p99)"),
        (replace(GOOD, told=Lateness(0, 0, 0, [])), "nothing was heard"),
        (replace(GOOD, relinked_mb=151.0), "asked for anew"),
        (replace(GOOD, wrong=["the PBX asked in vain: x"]), "asked in vain"),
    ],
    ids=["memory", "board", "lost", "late", "p99", "nothing", "anew", "ramp"],
)
def test_a_ramp_beyond_a_limit_says_which(ramp: Ramp, told: str) -> None:
    (wrong,) = judged(ramp).wrong
    assert told in wrong


def test_a_ramp_above_its_memory_misses_the_target() -> None:
    section = judged(replace(GOOD, levels=[replace(LEVEL, rss_mb=151.0)]))
    (target,) = section.targets
    assert (target.held, target.origin) == (False, "issue")
    assert section.wrong[0].startswith(target.name)


def test_the_highest_memory_is_shown_and_not_judged() -> None:
    section = judged(replace(GOOD, top_peak_mb=170.0, peak_mb=175.0))
    (row,) = [row for row in section.rows if "highest until then" in row[0]]
    assert row[1:] == ("170.0; 175.0 MB", "")
    assert section.wrong == []


def test_what_grows_with_live_calls_is_drawn() -> None:
    shown = pictures("live", judged(GOOD).figures)
    memory_of = next(one for one in shown if one.y_title.startswith("memory"))
    assert memory_of.series == {"SQLite": [(0.0, 110.0), (2_000.0, 149.0)]}


def seen(**changed: object) -> loaded.Load:
    late = Lateness(2, 0, 0, [0.05, 0.06])
    found = loaded.Load(
        rest_s={load.BOARD: [0.01]}, calls=2, reached=2, opened=late, rang=late, cpu_ms={"service": 9.0}
    )
    return replace(found, **changed)  # type: ignore[arg-type]


def wrong_of(found: loaded.Load) -> list[str]:
    section = Section("load", "Under load")
    loaded.judge(section, "SQLite", found)
    return section.wrong


def test_a_load_in_which_all_went_well_is_not_wrong() -> None:
    assert wrong_of(seen()) == []


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (seen(reached=1), "1 of 2 calls reached no agency"),
        (seen(unheard=3), "3 events were not heard"),
        (seen(rang=Lateness(2, 0, 0, [0.3, 0.4])), "the agency's INVITE to the stream took 400 ms"),
        (seen(rang=Lateness(3, 0, 0, [0.1, 0.1, 1.4])), "took 1400 ms (p99), 1000 are allowed"),
        (seen(alone=1), "the PBX served 1 of 2 calls alone"),
        (seen(written_s=10.1), "notes waited until 10.1 s"),
        (seen(rest_s={load.BOARD: [0.01] * 9 + [0.6]}), "live board: p99 is 600 ms, 500 ms are allowed"),
        (seen(refused=["live board: TimeoutError"] * 2), "live board: TimeoutError, 2 times"),
        (seen(wrong=["1 of 2 calls have no incident, or more than one"]), "have no incident"),
    ],
    ids=["reached", "unheard", "late", "p99", "alone", "waited", "rest", "refused", "incidents"],
)
def test_a_load_in_which_something_went_wrong_says_what(found: loaded.Load, told: str) -> None:
    (wrong,) = wrong_of(found)
    assert told in wrong


def test_rows_say_of_how_many_requests_and_of_how_many_calls_that_were_held() -> None:
    section = Section("load", "Under load")
    loaded.judge(section, "SQLite", seen(rest_s={load.BOARD: [0.01] * 3}))
    loaded.judge_held(section, Held(250, 241, 100.0, 120.0, 110.0, 300.0))
    names = [name for name, *_ in section.rows]
    assert names[0] == "REST, live board, 3 requests, 50 calls/s, SQLite: median / p99"
    assert names[-1].endswith("250 asked for, 241 held")


class Answers:
    """Plays REST: answers when it is let go."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.asked = 0

    async def get(self, _path: str, **_query: str) -> bytes:
        self.asked += 1
        await self.go.wait()
        return b"{}"

    async def json(self, path: str, **query: str) -> dict[str, list[str]]:
        await self.get(path, **query)
        return {"items": []}


async def test_requests_stop_when_it_is_over_and_those_that_are_open_are_awaited() -> None:
    answers, found, over = Answers(), loaded.Load(), asyncio.Event()
    asking = asyncio.create_task(load.ask(cast("Asker", answers), found, over))
    while answers.asked < 3:
        await asyncio.sleep(0.001)
    over.set()
    await asyncio.sleep(2 / load.REQUESTS)
    asked = answers.asked
    await asyncio.sleep(2 / load.REQUESTS)
    assert answers.asked == asked
    assert not asking.done()
    answers.go.set()
    await asking
    assert sum(len(took) for took in found.rest_s.values()) == asked


def test_the_figures_of_a_load_hold_how_late_and_how_long() -> None:
    told = loaded.figures(seen())
    assert (told["opened"]["calls"], told["opened"]["lost"], round(told["opened"]["worst_ms"])) == (2, 0, 60)
    assert round(told["rest_s"][load.BOARD]["worst_ms"]) == 10


def test_memory_is_read_from_what_the_kernel_says() -> None:
    assert kib_of("Name:\tpython\nVmRSS:\t  131072 kB\n", "VmRSS") == 131_072
    with pytest.raises(ValueError, match="VmHWM"):
        kib_of("Name:\tpython\n", "VmHWM")
