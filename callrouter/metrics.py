"""What is measured, for Prometheus: numbers of the moment are read when somebody asks, events counted as they come.

Names follow the rules of Prometheus (base units, ``_total`` for what only grows). Nothing here says who called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from callrouter.calls.ports import JournalStore
from callrouter.calls.records import Ended, JournalBatch, Record

log = structlog.get_logger(__name__)

PREFIX: Final = "callrouter_"
CONSULTATION_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)
"""Up to the lease: later than that the PBX has gone on alone."""
HUMAN_S: Final = (2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0, 90.0, 120.0, 180.0, 300.0)
"""10, 15, 20, 40 and 60 s are what centres are measured by (NENA-STA-020.1: 90 % within 15 s, 95 % within 20 s)."""

Read = Callable[[], float | None]
"""Returns the number of the moment; None where there is none."""
ReadAll = Callable[[], Mapping[str, float]]
"""Returns the numbers of the moment, by the value of their label."""
T = TypeVar("T")


@dataclass(slots=True)
class _Family:
    kind: Literal["gauge", "counter"]
    told: str
    labels: tuple[str, ...]
    readings: list[tuple[tuple[str, ...], Read]] = field(default_factory=list)
    whole: ReadAll | None = None

    def metric(self, name: str) -> Metric:
        of_kind = GaugeMetricFamily if self.kind == "gauge" else CounterMetricFamily
        metric = of_kind(name, self.told, labels=self.labels)
        for labels, read in self.readings:
            value = _value(name, read)
            if value is not None:
                metric.add_metric(labels, float(value))
        for label, value in ((self.whole and _value(name, self.whole)) or {}).items():
            metric.add_metric((label,), float(value))
        return metric


class _Readings(Collector):
    """Reads every number anew each time."""

    def __init__(self) -> None:
        self.families: dict[str, _Family] = {}

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        for name, family in self.families.items():
            yield family.metric(name)


def _value(name: str, read: Callable[[], T]) -> T | None:
    """A number that cannot be read is left out: the others are wanted all the more."""
    try:
        return read()
    except Exception:
        log.exception("metrics.not_read", name=name)
        return None


class Metrics:
    """All that is measured of one service.

    ended:      calls that have left the PBX, by outcome, and by path (service, or failsafe: the PBX alone)
    attempts:   steps of plans that were tried, by kind and result
    to_human:   from the PBX's answer to the first human who was joined (s); calls that had one and were answered
    consulted:  how long the PBX waited for a call's plans (s), of consultations that ended well
    """

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry(auto_describe=False)
        self._readings = _Readings()
        registry.register(self._readings)
        self.ended = Counter(
            f"{PREFIX}calls_ended", "Calls that have left the PBX.", ("outcome", "path"), registry=registry
        )
        self.attempts = Counter(
            f"{PREFIX}attempts", "Steps of plans that were tried.", ("kind", "result"), registry=registry
        )
        self.to_human = Histogram(
            f"{PREFIX}answer_to_human_seconds",
            "From the answer of the PBX to the first human.",
            buckets=HUMAN_S,
            registry=registry,
        )
        self.consulted = Histogram(
            f"{PREFIX}consultation_seconds",
            "How long the PBX waited for the plans of a call.",
            buckets=CONSULTATION_S,
            registry=registry,
        )

    def gauge(self, name: str, told: str, read: Read, labels: Mapping[str, str] | None = None) -> None:
        """Show what `read` returns as ``callrouter_<name>``. The same name may come again with other label values."""
        self._add("gauge", name, told, read, labels)

    def gauges(self, name: str, told: str, label: str, read: ReadAll) -> None:
        """Show all that `read` returns, which looks once for all of them, as ``callrouter_<name>``."""
        self._readings.families[PREFIX + name] = _Family("gauge", told, (label,), whole=read)

    def counter(self, name: str, told: str, read: Read, labels: Mapping[str, str] | None = None) -> None:
        """Show what `read` returns, which only grows, as ``callrouter_<name>_total``."""
        self._add("counter", name, told, read, labels)

    def bound(self, name: str, used: Read, limit: float) -> None:
        """Show how far a bound is used, and what it is. Nothing of ours grows without one."""
        labels = {"bound": name}
        self.gauge("bound_used", "How much of a bound is in use.", used, labels)
        self.gauge("bound_limit", "The bound.", lambda: limit, labels)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format (0.0.4)."""
        return generate_latest(self._registry)

    def take(self, records: Iterable[Record]) -> None:
        """Count records of the journal; each is to be given once."""
        for record in records:
            if isinstance(record, Ended):
                self._ended(record)

    def _ended(self, ended: Ended) -> None:
        self.ended.labels(ended.outcome.value, ended.path).inc()
        for attempt in ended.attempts:
            self.attempts.labels(attempt.kind, attempt.result).inc()
        if ended.human is not None and ended.answered is not None and ended.human >= ended.answered:
            self.to_human.observe((ended.human - ended.answered) / 1_000_000)

    def _add(
        self,
        kind: Literal["gauge", "counter"],
        name: str,
        told: str,
        read: Read,
        labels: Mapping[str, str] | None,
    ) -> None:
        labels = labels or {}
        family = self._readings.families.setdefault(PREFIX + name, _Family(kind, told, tuple(labels)))
        if (family.kind, family.labels) != (kind, tuple(labels)):
            raise ValueError(f"{name} is shown already, as another kind or with other labels")
        family.readings.append((tuple(labels.values()), read))


class CountedJournal:
    """A journal store whose records are counted as they are stored. Implements callrouter.calls.ports.JournalStore.

    They count when the store has said that it has them: a batch whose answer was lost comes again, and counts then.
    """

    def __init__(self, store: JournalStore, metrics: Metrics) -> None:
        self._store = store
        self._metrics = metrics

    async def offsets(self, node: str) -> dict[str, int]:
        """Return how far each of the newest files of `node` has been taken, in bytes."""
        return await self._store.offsets(node)

    async def offsets_of(self, node: str, files: Sequence[str]) -> dict[str, int]:
        """Return the same of these files."""
        return await self._store.offsets_of(node, files)

    async def apply(self, batch: JournalBatch) -> None:
        """Store it, then count it."""
        await self._store.apply(batch)
        self._metrics.take(batch.records)
