"""What is measured is shown as Prometheus reads it, and a number that cannot be read hides no other."""

from __future__ import annotations

from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families

from callrouter.calls.records import Attempt, Ended, JournalBatch
from callrouter.incidents.model import Outcome
from callrouter.metrics import CountedJournal, Metrics

Key = tuple[str, tuple[tuple[str, str], ...]]
T0 = 1_772_419_200_000_000


def shown(metrics: Metrics) -> dict[Key, float]:
    """Return every sample, as Prometheus would read it."""
    families = text_string_to_metric_families(metrics.text().decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def ended(**changed: object) -> Ended:
    attempt = Attempt(1, "dial", "damkar/posko", T0, T0 + 1, None, T0 + 2, "", "busy", "SIP 486")
    told: dict[str, object] = {
        "call": uuid4(),
        "at": T0 + 60_000_000,
        "node": "pbx1",
        "answered": T0,
        "chosen": None,
        "human": T0 + 12_000_000,
        "choice": "1",
        "category": "fire",
        "language": "id",
        "stage": "talking",
        "path": "service",
        "version": 1,
        "route": "fire",
        "plan": "",
        "outcome": Outcome.TALKED,
        "recording": "",
        "cause": "16",
        "attempts": (attempt,),
    }
    return Ended(**(told | changed))  # type: ignore[arg-type]


def test_numbers_are_read_when_somebody_asks() -> None:
    metrics, backlog = Metrics(), [3]
    metrics.bound("writer", lambda: backlog[0], 100)
    assert shown(metrics)["callrouter_bound_used", (("bound", "writer"),)] == 3
    backlog[0] = 4
    assert shown(metrics)["callrouter_bound_used", (("bound", "writer"),)] == 4
    assert shown(metrics)["callrouter_bound_limit", (("bound", "writer"),)] == 100


def test_number_that_cannot_be_read_hides_no_other() -> None:
    def broken() -> float:
        raise RuntimeError("gone")

    metrics = Metrics()
    metrics.gauge("broken", "Cannot be read.", broken)
    metrics.gauges("all_broken", "Cannot be read.", "of", broken)  # type: ignore[arg-type]
    metrics.gauge("not_yet", "None so far.", lambda: None)
    metrics.counter("well", "Can be read.", lambda: 7, {"link": "hands"})
    found = {key: value for key, value in shown(metrics).items() if "_seconds" not in key[0]}
    assert found == {("callrouter_well_total", (("link", "hands"),)): 7}


def test_calls_attempts_and_waits_are_counted_from_the_journal() -> None:
    metrics = Metrics()
    metrics.take([ended(), ended(human=None, outcome=Outcome.ABANDONED, path="failsafe"), ended(answered=None)])
    found = shown(metrics)
    assert found["callrouter_calls_ended_total", (("outcome", "talked"), ("path", "service"))] == 2
    assert found["callrouter_calls_ended_total", (("outcome", "abandoned"), ("path", "failsafe"))] == 1
    assert found["callrouter_attempts_total", (("kind", "dial"), ("result", "busy"))] == 3
    assert found["callrouter_answer_to_human_seconds_count", ()] == 1
    assert found["callrouter_answer_to_human_seconds_bucket", (("le", "10.0"),)] == 0
    assert found["callrouter_answer_to_human_seconds_bucket", (("le", "15.0"),)] == 1


def test_name_means_one_thing() -> None:
    metrics = Metrics()
    metrics.gauge("x", "An x.", lambda: 1, {"of": "a"})
    metrics.gauge("x", "An x.", lambda: 2, {"of": "b"})
    with pytest.raises(ValueError, match="x is shown already"):
        metrics.counter("x", "An x.", lambda: 1, {"of": "c"})


class Store:
    """Stores nothing; refuses the first batch."""

    def __init__(self) -> None:
        self.tries = 0

    async def offsets(self, node: str) -> dict[str, int]:
        return {node: 1}

    async def offsets_of(self, node: str, _files: object) -> dict[str, int]:
        return {node: 2}

    async def apply(self, _batch: JournalBatch) -> None:
        self.tries += 1
        if self.tries == 1:
            raise OSError("away")


async def test_records_count_once_they_are_stored() -> None:
    metrics = Metrics()
    journal = CountedJournal(Store(), metrics)
    batch = JournalBatch("pbx1", "f", 10, (ended(),), ())
    with pytest.raises(OSError, match="away"):
        await journal.apply(batch)
    assert not any("calls_ended" in name for name, _ in shown(metrics))
    await journal.apply(batch)
    assert shown(metrics)["callrouter_calls_ended_total", (("outcome", "talked"), ("path", "service"))] == 1
    assert (await journal.offsets("a"), await journal.offsets_of("a", ())) == ({"a": 1}, {"a": 2})
