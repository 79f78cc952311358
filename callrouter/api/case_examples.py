"""Examples of answers about dispositions and of what agencies see."""

from __future__ import annotations

from callrouter.api import cursor, examples
from callrouter.api.case_models import (
    AgencyIncidentPage,
    AgencyIncidentRow,
    DispositionList,
    DispositionRow,
    SubCodeName,
    SubCodeRow,
)
from callrouter.incidents.dispositions import NAMES
from callrouter.incidents.model import Disposition

SUB_CODE = SubCodeRow(key="anak", name=SubCodeName(id="anak-anak", en="children"), enabled=True, version=1)

DISPOSITIONS = DispositionList(
    items=[
        DispositionRow(
            disposition=disposition,
            name=SubCodeName(id=NAMES[disposition].id, en=NAMES[disposition].en),
            sub_codes=[SUB_CODE] if disposition is Disposition.PRANK else [],
        )
        for disposition in Disposition
    ]
)

AGENCY_INCIDENT = AgencyIncidentRow(
    id=examples.ROW.id,
    number=examples.ROW.number,
    state=examples.ROW.state,
    category=examples.ROW.category,
    opened_at=examples.ROW.opened_at,
    area=examples.ROW.area,
    place="Jl. Merdeka 12",
    description=examples.INCIDENT.description,
    people_hurt=0,
    caller_number=examples.ROW.caller_number,
    caller_name=None,
    part=examples.AGENCY,
)

AGENCY_PAGE = AgencyIncidentPage(items=[AGENCY_INCIDENT], next=cursor.encode_place("passed", 1, "a"))
