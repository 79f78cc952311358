"""What the parts of the benchmark about live calls and load find wrong, and what they show."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.curves import pictures
from bench.live import load, memory
from bench.live.listener import Lateness
from bench.live.process import kib_of
from bench.live.ramp import Level, Ramp
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
        (replace(GOOD, levels=[replace(LEVEL, rss_mb=150.1)]), "150 MB at 2,000"),
        (replace(GOOD, levels=[replace(LEVEL, board=1_999)]), "shows 1,999 of 2,000"),
        (replace(GOOD, told=Lateness(9, 5, 1, [0.05] * 14)), "1 events were lost"),
        (replace(GOOD, told=Lateness(3, 0, 0, [0.3] * 3)), "300 ms late"),
        (replace(GOOD, told=Lateness(0, 0, 0, [])), "nothing was heard"),
        (replace(GOOD, relinked_mb=151.0), "asked for anew"),
        (replace(GOOD, wrong=["the PBX asked in vain: x"]), "asked in vain"),
    ],
    ids=["memory", "board", "lost", "late", "nothing", "anew", "ramp"],
)
def test_a_ramp_beyond_a_limit_says_which(ramp: Ramp, told: str) -> None:
    (wrong,) = judged(ramp).wrong
    assert told in wrong


def test_a_ramp_above_its_memory_misses_the_target() -> None:
    assert [one.held for one in judged(replace(GOOD, levels=[replace(LEVEL, rss_mb=151.0)])).targets] == [False]


def test_what_grows_with_live_calls_is_drawn() -> None:
    shown = pictures("live", judged(GOOD).figures)
    memory_of = next(one for one in shown if one.y_title.startswith("memory"))
    assert memory_of.series == {"SQLite": [(0.0, 110.0), (2_000.0, 149.0)]}


def seen(**changed: object) -> load.Load:
    late = Lateness(2, 0, 0, [0.05, 0.06])
    found = load.Load(
        rest_s={load.BOARD: [0.01]}, calls=2, reached=2, opened=late, rang=late, cpu_ms={"service": 9.0}
    )
    return replace(found, **changed)  # type: ignore[arg-type]


def wrong_of(found: load.Load) -> list[str]:
    section = Section("load", "Under load")
    load.judge(section, "SQLite", found)
    return section.wrong


def test_a_load_in_which_all_went_well_is_not_wrong() -> None:
    assert wrong_of(seen()) == []


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (seen(reached=1), "1 of 2 calls reached no agency"),
        (seen(unheard=3), "3 events were not heard"),
        (seen(rang=Lateness(2, 0, 0, [0.3, 0.4])), "the agency's INVITE to the stream took 400 ms"),
        (seen(refused=["live board: TimeoutError"] * 2), "live board: TimeoutError, 2 times"),
        (seen(wrong=["1 of 2 calls have no incident, or more than one"]), "have no incident"),
    ],
    ids=["reached", "unheard", "late", "refused", "incidents"],
)
def test_a_load_in_which_something_went_wrong_says_what(found: load.Load, told: str) -> None:
    (wrong,) = wrong_of(found)
    assert told in wrong


def test_the_figures_of_a_load_hold_how_late_and_how_long() -> None:
    told = load.figures(seen())
    assert (told["opened"]["calls"], told["opened"]["lost"], round(told["opened"]["worst_ms"])) == (2, 0, 60)
    assert round(told["rest_s"][load.BOARD]["worst_ms"]) == 10


def test_memory_is_read_from_what_the_kernel_says() -> None:
    assert kib_of("Name:\tpython\nVmRSS:\t  131072 kB\n", "VmRSS") == 131_072
    with pytest.raises(ValueError, match="VmHWM"):
        kib_of("Name:\tpython\n", "VmHWM")
