"""Examples of standard operating procedures."""

from __future__ import annotations

import functools
from typing import Any, Final

from callrouter.api import examples, sop_shapes
from callrouter.api.cursor import encode
from callrouter.api.sop_models import IncidentSop, Sop, SopOrder, SopPage, SopRows
from callrouter.bilingual import Bilingual
from callrouter.incidents.sop import Answered, AskedList, Item, ItemKind, SopVersion, Subject, SubjectKind, When

_AT: Final = 1_795_267_207_125_000
_FIRE: Final = SopVersion(
    Subject(SubjectKind.CATEGORY, "kebakaran"),
    3,
    Bilingual("Kebakaran", "Fire"),
    (
        Item(
            "trapped",
            ItemKind.YES_NO,
            Bilingual("Apakah ada orang di dalam?", "Is anybody inside?"),
            required=True,
        ),
        Item(
            "floors",
            ItemKind.NUMBER,
            Bilingual("Di lantai berapa?", "On which floor?"),
            least=0,
            most=100,
            when=When("trapped", equals=True),
        ),
    ),
    _AT,
    "diskominfo-1 (admin)",
)
ORDER: Final[dict[str, Any]] = SopOrder(
    title=sop_shapes.whole(_FIRE).title, items=tuple(sop_shapes.whole(_FIRE).items)
).model_dump(mode="json")
FILE: Final[dict[str, Any]] = {"sop": [{"kind": "categories", "key": "kebakaran", **ORDER}]}


@functools.cache
def rows() -> SopRows:
    return SopRows(items=[sop_shapes.row(_FIRE)])


@functools.cache
def sop() -> Sop:
    return sop_shapes.whole(_FIRE)


@functools.cache
def page() -> SopPage:
    return SopPage(items=[sop()], next=encode(3))


ANSWERS: Final[dict[str, Any]] = {"answers": {"trapped": True, "floors": 2}}


@functools.cache
def of_incident() -> IncidentSop:
    return sop_shapes.of_incident(
        examples.row().id,
        [AskedList(_FIRE, answers={"trapped": Answered(value=True, at=_AT, by="op1 (operator)")}, version=1)],
    )
