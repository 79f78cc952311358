"""The rules about plans: V1 to V4."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from callrouter.bilingual import Bilingual
from callrouter.routing import plan as p
from callrouter.routing.run import worst_s
from callrouter.routing.table import (
    MAX_STEPS,
    MAX_TARGETS,
    ChallengeStep,
    DialStep,
    LastResort,
    RecordStep,
    RingGroupStep,
)
from callrouter.routing.verify.report import BOUND_END_S, BOUND_HUMAN_S


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule that a plan breaks: what is wrong with it (a part of a sentence), and the remedy.

    last: the last resort is to blame, not the route
    """

    rule: str
    what: Bilingual
    remedy: Bilingual
    last: bool = False


DISAGREE: Final = Breach(
    "V1",
    Bilingual(
        "mendapat rencana lain dari decide daripada dari pemeriksaan ini; ini kesalahan program",
        "gets another plan from decide than from this check; that is a defect of the program",
    ),
    Bilingual("Laporkan kesalahan ini beserta tabelnya.", "Report it, with the table."),
)


def before_last(plan: p.Plan) -> tuple[p.Step, ...]:
    """Return the steps before the last resort, which is its ring step (where a group is named) and a message."""
    ends = 2 if len(plan.steps) > 1 and isinstance(plan.steps[-2], p.Ring) and plan.steps[-2].last else 1
    return plan.steps[:-ends]


def in_time(plan: p.Plan) -> Iterator[Breach]:
    """V2: when every step fails at its slowest, the last resort comes in time, and so does the end.

    No other failures take longer: steps are sequential, and what becomes of one means only stop or next.
    """
    reached = sum(worst_s(step) for step in before_last(plan))
    ended = sum(worst_s(step) for step in plan.steps)
    if reached > BOUND_HUMAN_S:
        what = Bilingual(
            f"baru sampai ke upaya terakhir setelah {reached} detik bila semua langkah gagal; "
            f"paling lama {BOUND_HUMAN_S} detik",
            f"reaches the last resort only after {reached} s when every step fails; {BOUND_HUMAN_S} s at most",
        )
        yield Breach(
            "V2", what, Bilingual("Persingkat atau kurangi langkahnya.", "Shorten its steps, or have fewer.")
        )
    elif ended > BOUND_END_S:
        what = Bilingual(
            f"berakhir setelah {ended} detik bila semua langkah gagal; paling lama {BOUND_END_S} detik",
            f"ends after {ended} s when every step fails; {BOUND_END_S} s at most",
        )
        remedy = Bilingual("Kurangi `seconds` dari last_resort.", "Give last_resort fewer `seconds`.")
        yield Breach("V2", what, remedy, last=True)


def offered(plan: p.Plan, staffable: frozenset[str]) -> Iterator[Breach]:
    """V3: somebody is rung before the last resort, unless the plan is information; and behind each challenge.

    Targets of a plan are enabled and on a usable trunk (`decide` leaves the others out). staffable: the groups that
    have an enabled operator at one time or another
    """
    steps = before_last(plan)
    asked = max((n for n, step in enumerate(steps, 1) if isinstance(step, p.Challenge)), default=0)
    if plan.information and not asked:
        return
    for step in steps[asked:]:
        if isinstance(step, p.Dial) and step.targets:
            return
        if isinstance(step, p.Ring) and step.group in staffable:
            return
    if asked:
        yield _NOBODY_BEHIND
        return
    what = Bilingual(
        "tidak menawarkan panggilan kepada siapa pun sebelum upaya terakhir",
        "offers the call to nobody before the last resort",
    )
    remedy = Bilingual(
        "Tambahkan langkah yang mendering kelompok operator atau kontak yang aktif di trunk lain; atau tandai rute "
        "itu `information`.",
        "Add a step that rings a group of operators, or a contact that is enabled and on another trunk; or mark the "
        "route as `information`.",
    )
    yield Breach("V3", what, remedy)


_NOBODY_BEHIND: Final = Breach(
    "V3",
    Bilingual(
        "meminta pemanggil menekan satu, tetapi setelah itu tidak mendering siapa pun sebelum upaya terakhir",
        "asks the caller to press one, and behind that rings nobody before the last resort",
    ),
    Bilingual(
        "Tambahkan langkah yang mendering kelompok operator setelah langkah challenge itu.",
        "Add a step behind the challenge that rings a group of operators.",
    ),
)


def sound(plan: p.Plan, came_by: str | None) -> Iterator[Breach]:
    """V4: limits of every step; no phone and no group twice before the last resort; never back on the trunk."""
    yield from _limits(plan)
    steps = before_last(plan)
    dialled = [t for step in steps if isinstance(step, p.Dial) for t in step.targets]
    yield from _twice([(f"{t.agency}/{t.contact}", (t.trunk, t.number)) for t in dialled])
    yield from _twice([(f"group/{step.group}", step.group) for step in steps if isinstance(step, p.Ring)])
    for target in dialled:
        if target.trunk == came_by:
            what = Bilingual(
                f"mengirim panggilan kembali ke trunk asalnya, {came_by}",
                f"sends the call back out on the trunk that it came in by, {came_by}",
            )
            yield Breach("V4", what, Bilingual("Pakai kontak di trunk lain.", "Use a contact on another trunk."))
            return


def _twice(rung: list[tuple[str, object]]) -> Iterator[Breach]:
    first: dict[object, str] = {}
    for name, phone in rung:
        if phone in first:
            same = "" if first[phone] == name else f" ({first[phone]})"
            what = Bilingual(f"mendering {name}{same} dua kali", f"rings {name}{same} twice")
            remedy = Bilingual("Hapus salah satunya, atau pakai nomor lain.", "Remove one, or use another number.")
            yield Breach("V4", what, remedy)
            return
        first[phone] = name


def through_groups(pair: tuple[str, str], operators: set[str]) -> Breach:
    """V4: nobody is reached a second time through a group."""
    who = ", ".join(sorted(operators)[:3])
    return Breach(
        "V4",
        Bilingual(
            f"mendering {who} dua kali: lewat kelompok {pair[0]} dan {pair[1]}",
            f"rings {who} twice: through the groups {pair[0]} and {pair[1]}",
        ),
        Bilingual(
            "Pisahkan anggota kedua kelompok itu, atau pakai satu saja.",
            "Let no operator be in both groups, or ring only one.",
        ),
    )


def _bounds(model: type[BaseModel], name: str) -> tuple[int, int]:
    """The least and the most that a field may be."""
    given = model.model_fields[name].metadata
    least = next(limit.ge for limit in given if hasattr(limit, "ge"))
    most = next(limit.le for limit in given if hasattr(limit, "le"))
    return least, most


_RING = _bounds(DialStep, "ring_s")
_WAIT = _bounds(RingGroupStep, "wait_s")
_LAST = _bounds(LastResort, "seconds")
_CHALLENGE = _bounds(ChallengeStep, "wait_s")
_RECORD = _bounds(RecordStep, "max_s")
_LAST_STEPS: Final = 2


def _limits(plan: p.Plan) -> Iterator[Breach]:
    steps = ("steps", len(plan.steps), (1, MAX_STEPS + _LAST_STEPS), False)
    for name, value, (least, most), last in (steps, *(limit for step in plan.steps for limit in _limited(step))):
        if not least <= value <= most:
            what = Bilingual(
                f"memiliki {name} {value}, di luar {least} sampai {most}",
                f"has {name} {value}, outside of {least} to {most}",
            )
            yield Breach("V4", what, Bilingual(f"Pakai {least} sampai {most}.", f"Use {least} to {most}."), last)
            return


def _limited(step: p.Step) -> list[tuple[str, int, tuple[int, int], bool]]:
    match step:
        case p.Dial():
            return [("ring_s", step.ring_s, _RING, False), ("targets", len(step.targets), (1, MAX_TARGETS), False)]
        case p.Ring():
            return [("wait_s", step.wait_s, _LAST, True) if step.last else ("wait_s", step.wait_s, _WAIT, False)]
        case p.Challenge():
            return [("wait_s", step.wait_s, _CHALLENGE, False)]
        case p.Record():
            return [("max_s", step.max_s, _RECORD, False)]
        case p.Announce():
            return []
