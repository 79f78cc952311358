"""What a condition wants and what a call has, in words for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from callrouter.bilingual import Bilingual, joined, same
from callrouter.routing.decide import CompiledTable
from callrouter.routing.directory import TrunkKind
from callrouter.routing.facts import Facts
from callrouter.routing.table import UNKNOWN_AREA, Route
from callrouter.routing.times import Schedule
from callrouter.routing.values import Availability, Language, Posture

STATE: Final = "state "
"""What the names of conditions on a state begin with (callrouter.routing.conditions)."""

_LABELS: Final = {
    "category": Bilingual("kategori", "category"),
    "area": Bilingual("wilayah", "area"),
    "schedule": Bilingual("jadwal", "schedule"),
    "trunk": Bilingual("trunk", "trunk"),
    "trunk_kind": Bilingual("jenis trunk", "kind of trunk"),
    "language": Bilingual("bahasa", "language"),
    "suspicion": Bilingual("skor kecurigaan", "suspicion score"),
    "posture": Bilingual("tingkat siaga", "posture"),
    "valid_from": Bilingual("berlaku mulai", "valid from"),
    "valid_until": Bilingual("berlaku hingga", "valid until"),
}
_KINDS: Final[dict[str, Bilingual]] = {
    TrunkKind.CARRIER: Bilingual("penyedia telepon", "carrier"),
    TrunkKind.AGENCY: Bilingual("instansi", "agency"),
    TrunkKind.NEIGHBOUR: Bilingual("pusat tetangga", "neighbouring centre"),
}
_LANGUAGES: Final[dict[str, Bilingual]] = {
    Language.ID: Bilingual("bahasa Indonesia", "Indonesian"),
    Language.EN: Bilingual("bahasa Inggris", "English"),
}
_POSTURES: Final[dict[str, Bilingual]] = {
    Posture.GREEN: Bilingual("hijau", "green"),
    Posture.YELLOW: Bilingual("kuning", "yellow"),
    Posture.ORANGE: Bilingual("oranye", "orange"),
    Posture.RED: Bilingual("merah", "red"),
}
_STATES: Final = {
    Availability.AVAILABLE: Bilingual("dapat dihubungi", "available"),
    Availability.UNAVAILABLE: Bilingual("tidak dapat dihubungi", "unavailable"),
}
_NONE: Final = Bilingual("tidak ada", "none")
_UNKNOWN: Final = Bilingual("tidak diketahui", "unknown")
_DAYS: Final = tuple(
    Bilingual(indonesian, english)
    for indonesian, english in zip(
        ("Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu"),
        ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        strict=True,
    )
)


def label(condition: str) -> Bilingual:
    """Return what the condition of that name is called."""
    if condition.startswith(STATE):
        kind, _, key = condition.removeprefix(STATE).partition("/")
        return Bilingual(
            f"keadaan {'instansi' if kind == 'agency' else 'kelompok dering'} {key}",
            f"state of the {'agency' if kind == 'agency' else 'ring group'} {key}",
        )
    return _LABELS[condition]


class Wording:
    """The words of one table, for one call."""

    def __init__(self, compiled: CompiledTable, facts: Facts, at: datetime) -> None:
        routing = compiled.table.routing
        self._facts = facts
        self._at = at
        self._calendar = compiled.calendar
        self._zone = compiled.table.centre.timezone
        self._schedules = {s.key: s for s in routing.schedules}
        self._words: dict[str, Mapping[str, Bilingual]] = {
            "category": {
                c.key: Bilingual(f"{c.name.id} ({c.key})", f"{c.name.en} ({c.key})") for c in routing.categories
            },
            "area": {a.code: same(f"{a.name} ({a.code})") for a in routing.areas} | {UNKNOWN_AREA: _UNKNOWN},
            "schedule": {s.key: same(f"{s.name} ({s.key})") for s in routing.schedules},
            "trunk_kind": _KINDS,
            "language": _LANGUAGES,
            "posture": _POSTURES,
        }

    def wanted(self, route: Route, condition: str) -> Bilingual:
        """Return what `route` wants of the condition of that name, which it has."""
        when = route.when
        if condition.startswith(STATE):
            states = {c.state: _STATES[c.state] for c in when.state if c.name == condition.removeprefix(STATE)}
            return _listed(states.values(), "dan", "and")
        if condition == "suspicion" and when.suspicion is not None:
            least, below = when.suspicion.at_least, when.suspicion.below
            return Bilingual(f"{least} sampai di bawah {below}", f"{least} to below {below}")
        limit = {"valid_from": route.valid_from, "valid_until": route.valid_until}.get(condition)
        if limit is not None:
            return moment(limit, self._zone)
        return _listed((self._said(condition, value) for value in getattr(when, condition)), "atau", "or")

    def actual(self, route: Route, condition: str) -> Bilingual:
        """Return what the call has there, or the time when it comes."""
        if condition.startswith(STATE):
            away = condition.removeprefix(STATE) in self._facts.unavailable
            return _STATES[Availability.UNAVAILABLE if away else Availability.AVAILABLE]
        if condition == "schedule":
            return joined(", ", (self._schedule(self._schedules[key]) for key in route.when.schedule))
        if condition in {"valid_from", "valid_until"}:
            return moment(self._at, self._zone)
        value = getattr(self._facts, condition)
        if value is None:
            return _UNKNOWN if condition == "area" else _NONE
        return self._said(condition, value)

    def _said(self, condition: str, value: object) -> Bilingual:
        return self._words.get(condition, {}).get(str(value), same(value))

    def _schedule(self, schedule: Schedule) -> Bilingual:
        zone = schedule.timezone or self._zone
        is_open = self._calendar.open_at(schedule.key, self._at.timestamp())
        state = Bilingual("buka", "open") if is_open else Bilingual("tutup", "closed")
        then, special = moment(self._at, zone), _special(schedule, self._at, zone)
        return Bilingual(
            f"{schedule.key} {state.id} pada {then.id}{special.id}",
            f"{schedule.key} {state.en} on {then.en}{special.en}",
        )


def moment(at: datetime, zone: str) -> Bilingual:
    """Return `at` (aware) as the clocks of `zone` show it."""
    local = _local(at, zone)
    clock = f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()}"
    day = _DAYS[local.weekday()]
    return Bilingual(f"{day.id} {clock}", f"{day.en} {clock}")


def _local(at: datetime, zone: str) -> datetime:
    try:
        return at.astimezone(ZoneInfo(zone))
    except OverflowError:  # the first or the last day that there is
        return at


def _special(schedule: Schedule, at: datetime, zone: str) -> Bilingual:
    """What is special about that day; empty where nothing is."""
    day = _local(at, zone).date()
    for exception in schedule.exceptions:
        if exception.date == day:
            name = exception.name
            return Bilingual(f" (jam khusus: {name.id})", f" (hours of their own: {name.en})")
    for holiday in schedule.holidays:
        if holiday.date == day:
            return Bilingual(f" (hari libur: {holiday.name.id})", f" (holiday: {holiday.name.en})")
    return same("")


def _listed(texts: Iterable[Bilingual], in_indonesian: str, in_english: str) -> Bilingual:
    found = tuple(texts)
    return Bilingual(f" {in_indonesian} ".join(t.id for t in found), f" {in_english} ".join(t.en for t in found))
