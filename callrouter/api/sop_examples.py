"""Examples of standard operating procedures."""

from __future__ import annotations

from typing import Any, Final

from callrouter.api import examples, sop_shapes
from callrouter.api.cursor import encode
from callrouter.api.sop_models import IncidentSop, SopOrder, SopPage, SopRows
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
ROWS: Final = SopRows(items=[sop_shapes.row(_FIRE)])
SOP: Final = sop_shapes.whole(_FIRE)
PAGE: Final = SopPage(items=[SOP], next=encode(3))
ANSWERS: Final[dict[str, Any]] = {"answers": {"trapped": True, "floors": 2}}
OF_INCIDENT: Final[IncidentSop] = sop_shapes.of_incident(
    examples.ROW.id,
    [AskedList(_FIRE, answers={"trapped": Answered(value=True, at=_AT, by="op1 (operator)")}, version=1)],
)
