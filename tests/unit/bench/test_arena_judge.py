"""What is demanded of callrouter beside the others: it fails when it is missed, and says both numbers."""

from __future__ import annotations

import dataclasses

import pytest

from bench.arena.judge import judge
from bench.arena.results import NEVER, Cpu, Result, cpu_ratio, per_call_ms, rank, ratio
from bench.arena.results import median as middle
from bench.section import Target

BARE = Result(
    "bare",
    "bare",
    calls=200,
    in_time=200,
    invite=([0.002] * 100, [0.002] * 100),
    greeting=([0.04] * 100,),
    human=([0.01] * 10,),
    cpu=[Cpu(0.7, 0, 0, 100)] * 2,
    sustained=160,
)
OURS = dataclasses.replace(
    BARE,
    key="ours",
    title="ours",
    invite=([0.0024] * 100, [0.0024] * 100),
    cpu=[Cpu(1.0, 0.7, 0.2, 100)] * 2,
    incidents=(200, 200),
    alone=0,
)
RIVAL = dataclasses.replace(
    BARE,
    key="rival",
    title="rival",
    invite=([0.1] * 100, [0.1] * 100),
    greeting=([0.2] * 100,),
    human=([0.2] * 10,),
    cpu=[Cpu(1.0, 9.0, 0, 100)] * 2,
    sustained=20,
)


def wrong(*results: Result) -> list[str]:
    return judge({one.key: one for one in results}, ("ours",), "bare", ("rival",)).wrong


def test_all_that_is_held_is_not_wrong() -> None:
    verdict = judge({one.key: one for one in (BARE, OURS, RIVAL)}, ("ours",), "bare", ("rival",))
    assert verdict.wrong == []
    assert verdict.figures["digit_to_invite_median:ours/bare"]["pooled"] == 1.2
    assert all(target.held for target in verdict.targets)
    told = "on 7 of 9 measures, both at the best possible on 2"
    assert Target("beats: ours / rival", told, "on all", held=True, origin="issue") in verdict.targets
    assert verdict.rows == [
        ("judged rounds: SIPp made less than the rate that was asked for", "0", "0"),
        ("judged rounds: began before the one before was at rest", "0", "0"),
        ("CPU of service and database for each call: ours / the PBX of the bare", "1.29 (9.00 / 7.00 ms)", ""),
        ("served by the PBX alone: ours", "0", "0"),
        ("SIP messages sent again: ours", "0", "0"),
        ("exactly one incident: ours", "200 of 200 calls", "all"),
    ]


def test_limits_are_those_of_the_issue_but_that_on_cpu_where_it_names_another_database() -> None:
    results = {one.key: one for one in (BARE, OURS, RIVAL)}
    theirs, ours = (judge(results, ("ours",), "bare", ("rival",), alone).targets for alone in ((), ("ours",)))
    assert {target.origin for target in theirs} == {"issue"}
    assert [target.name for target in ours if target.origin == "ours"] == [
        "CPU of service and database / its PBX: ours"
    ]


@pytest.mark.parametrize(
    "lost",
    [{"in_time": 199}, {"invite": ([0.002] * 97 + [NEVER] * 3, [0.002] * 100)}, {"broken": "it broke off"}],
    ids=["late", "never-came", "broke-off"],
)
def test_against_a_yardstick_that_lost_calls_nothing_is_held(lost: dict[str, object]) -> None:
    verdict = judge({"bare": dataclasses.replace(BARE, **lost), "ours": OURS}, ("ours",), "bare", ())  # type: ignore[arg-type]
    against = [target for target in verdict.targets if target.name.startswith("digit to INVITE")]
    assert [target.held for target in against] == [False, False]
    assert {target.measured for target in against} <= {
        "the yardstick lost calls",
        "the yardstick was not measured to its end",
    }
    assert len(verdict.wrong) == 2


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"alone": 3}, "served by the PBX alone: ours: 3"),
        ({"again": 2}, "SIP messages sent again: ours: 2"),
        ({"slow": 1}, "ours, judged rounds: SIPp made less than the rate that was asked for: 1"),
        ({"early": 2}, "ours, judged rounds: began before the one before was at rest: 2"),
    ],
    ids=["alone", "again", "slow", "early"],
)
def test_what_there_may_be_none_of_is_wrong(changed: dict[str, object], line: str) -> None:
    assert wrong(BARE, dataclasses.replace(OURS, **changed)) == [line]  # type: ignore[arg-type]


def test_median_over_its_limit_is_told_with_both_numbers() -> None:
    slow = dataclasses.replace(OURS, invite=([0.0026] * 100, [0.0026] * 100))
    assert wrong(BARE, slow) == ["digit to INVITE, median: ours / bare is 1.30 (2.60 / 2.00 ms), 1.25 is allowed"]


def test_p99_over_its_limit_is_wrong_where_the_median_is_well() -> None:
    slow = dataclasses.replace(OURS, invite=([0.002] * 97 + [0.02] * 3, [0.002] * 100))
    (line,) = wrong(BARE, slow)
    assert line.startswith("digit to INVITE, p99: ours / bare is 10.00")


def test_verdict_is_of_the_rounds_together_and_not_of_one_of_them() -> None:
    noisy = dataclasses.replace(OURS, invite=([0.004] * 40, [0.0022] * 160))
    found = ratio(noisy.invite, BARE.invite, middle)
    assert found is not None
    assert (found.pooled, found.low, found.high) == (pytest.approx(1.1), pytest.approx(1.1), pytest.approx(2.0))
    assert not any("median" in line for line in wrong(BARE, noisy))


def test_service_and_database_may_not_take_more_than_the_pbx_beside_them() -> None:
    heavy = dataclasses.replace(OURS, cpu=[Cpu(1.0, 0.7, 0.4, 100)])
    assert wrong(BARE, heavy) == [
        "CPU of service and database / its PBX: ours is 1.10 (11.00 / 10.00 ms for each call), 1 is allowed"
    ]
    assert cpu_ratio(dataclasses.replace(OURS, cpu=[])) is None


def test_one_call_of_a_thousand_may_be_late_and_no_second_one() -> None:
    assert wrong(BARE, dataclasses.replace(OURS, calls=1000, in_time=999)) == []
    late = wrong(BARE, dataclasses.replace(OURS, calls=1000, in_time=998))
    assert late == ["within 1 s: ours: 998 of 1000 calls, 99.9% are promised"]


def test_call_without_exactly_one_incident_is_wrong() -> None:
    assert wrong(BARE, dataclasses.replace(OURS, incidents=(200, 199))) == [
        "ours: 199 of 200 calls have exactly one incident"
    ]


@pytest.mark.parametrize(
    ("better", "line"),
    [
        ({"human": ([0.005] * 10,)}, "answer to both voices, median 10 against 5 ms"),
        ({"sustained": 160}, "sustained 160 against 160 calls/s"),
        ({"cpu": [Cpu(1.0, 0.5, 0, 100)]}, "CPU for each call 19 against 15 ms"),
        ({"greeting": ([0.03] * 60 + [0.2] * 40,)}, "INVITE to the menu, median 40 against 30 ms"),
    ],
    ids=["both-voices", "as-many", "cpu", "menu"],
)
def test_rival_that_is_as_good_or_better_in_one_measure_is_not_beaten(better: dict[str, object], line: str) -> None:
    rival = dataclasses.replace(RIVAL, **better)  # type: ignore[arg-type]
    assert wrong(BARE, OURS, rival) == [f"beats: ours / rival: {line}"]


def test_rival_that_put_no_call_through_is_beaten() -> None:
    never = ([NEVER] * 100,) * 2
    rival = dataclasses.replace(RIVAL, in_time=0, invite=never, human=([NEVER] * 10,), cpu=[Cpu(1.0, 1.0, 0, 0)])
    assert wrong(BARE, OURS, rival) == []


@pytest.mark.parametrize("whose", ["ours", "rival"])
def test_who_was_given_up_in_the_middle_beats_nobody_and_is_not_beaten(whose: str) -> None:
    results = {
        one.key: dataclasses.replace(one, broken="it broke off" if one.key == whose else "")
        for one in (BARE, OURS, RIVAL)
    }
    verdict = judge(results, ("ours",), "bare", ("rival",))
    beats = Target("beats: ours / rival", "not measured: it broke off", "on all", held=False, origin="issue")
    assert beats in verdict.targets
    assert "beats: ours / rival: not measured: it broke off" in verdict.wrong


def test_rival_is_not_beaten_in_what_he_was_not_measured_in() -> None:
    rival = dataclasses.replace(RIVAL, human=(), sustained=None)
    assert wrong(BARE, OURS, rival) == [
        "beats: ours / rival: answer to both voices, median: not measured of theirs",
        "beats: ours / rival: sustained: not measured of theirs",
    ]


def test_rival_who_loses_his_slow_calls_is_not_the_faster_for_it() -> None:
    rival = dataclasses.replace(RIVAL, invite=([0.001] * 40 + [NEVER] * 60, [0.001] * 40 + [NEVER] * 60))
    assert wrong(BARE, OURS, rival) == []


def test_call_of_ours_that_never_came_counts_as_the_slowest() -> None:
    lost = dataclasses.replace(OURS, invite=([0.002] * 97 + [NEVER] * 3, [0.002] * 100))
    assert wrong(BARE, lost) == ["digit to INVITE, p99: ours / bare is inf (never / 2.00 ms), 1.5 is allowed"]
    found = judge({"bare": BARE, "ours": lost}, ("ours",), "bare", ()).figures["digit_to_invite_p99:ours/bare"]
    assert found == {"pooled": None, "low": 1.0, "median": None, "high": None}


def test_where_none_of_our_calls_came_all_of_it_is_wrong() -> None:
    nothing = dataclasses.replace(OURS, in_time=0, invite=([], []))
    lines = wrong(BARE, nothing, RIVAL)
    assert "digit to INVITE, median: ours / bare: no calls to compare" in lines
    assert "beats: ours / rival: digit to INVITE, p99: not measured of ours" in lines


def test_who_was_not_measured_is_not_looked_at() -> None:
    assert judge({"bare": BARE}, ("ours",), "bare", ("rival",)).targets == []
    assert wrong(OURS) == []


def test_target_that_is_missed_is_shown_as_missed_and_is_wrong() -> None:
    late = dataclasses.replace(OURS, in_time=100, invite=([0.02] * 100, [0.02] * 100), cpu=[Cpu(1.0, 2.0, 0, 100)])
    verdict = judge({one.key: one for one in (BARE, late)}, ("ours",), "bare", ())
    assert [target.held for target in verdict.targets] == [False] * 4
    assert len(verdict.wrong) == 4


def test_cpu_for_each_call_counts_calls_that_were_put_through() -> None:
    assert per_call_ms([Cpu(1.0, 0, 0, 50), Cpu(1.0, 0, 0, 150)], lambda cpu: cpu.pbx) == 10
    assert per_call_ms([Cpu(1.0, 0, 0, 0)], lambda cpu: cpu.pbx) is None


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(n) for n in range(1, 101)]
    assert (rank(values, 0.5), rank(values, 0.99), rank([7.0], 0.99)) == (51.0, 100.0, 7.0)
