"""How long, how often and how fast: the whole benchmark, and the quick one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

JUDGED_RATE: Final = 50
"""Calls/s at which callrouter is judged."""
SEED: Final = 112


@dataclass(frozen=True)
class Plan:
    """One run. Seconds are those from a wave's first call to its last.

    rate, rounds, seconds:      the judged rounds
    calm_rate, calm_rounds,
    calm_seconds:               the same, with fewer calls; 0 rounds: none
    talk_rate, talk_seconds:    calls that the agency answers
    talk_rounds:                and how often
    most_steps, step_seconds:   the search for the sustained rate; 0 steps: none
    warm_seconds:               at `calm_rate`, before anything counts
    idle_seconds:               of which the CPU without calls is taken
    compares:                   whether SIPp's clock is compared with the packets', and SIPp's own limit is measured
    """

    rate: int = JUDGED_RATE
    rounds: int = 3
    seconds: float = 6.0
    calm_rate: int = 20
    calm_rounds: int = 1
    calm_seconds: float = 4.0
    talk_rate: int = 4
    talk_seconds: float = 5.0
    talk_rounds: int = 2
    most_steps: int = 4
    step_seconds: float = 2.5
    warm_seconds: float = 1.5
    idle_seconds: float = 4.0
    compares: bool = True
    seed: int = SEED


WHOLE: Final = Plan()
QUICK: Final = Plan(
    rounds=1,
    seconds=2.5,
    calm_rounds=0,
    talk_rate=5,
    talk_seconds=2.0,
    talk_rounds=1,
    most_steps=0,
    warm_seconds=0.5,
    idle_seconds=1.0,
    compares=False,
)
