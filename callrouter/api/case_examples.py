"""Examples of answers about dispositions and of what agencies see."""

from __future__ import annotations

import functools

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


@functools.cache
def sub_code() -> SubCodeRow:
    return SubCodeRow(key="anak", name=SubCodeName(id="anak-anak", en="children"), enabled=True, version=1)


@functools.cache
def dispositions() -> DispositionList:
    return DispositionList(
        items=[
            DispositionRow(
                disposition=disposition,
                name=SubCodeName(id=NAMES[disposition].id, en=NAMES[disposition].en),
                sub_codes=[sub_code()] if disposition is Disposition.PRANK else [],
            )
            for disposition in Disposition
        ]
    )


@functools.cache
def agency_incident() -> AgencyIncidentRow:
    return AgencyIncidentRow(
        id=examples.row().id,
        number=examples.row().number,
        state=examples.row().state,
        category=examples.row().category,
        opened_at=examples.row().opened_at,
        area=examples.row().area,
        place="Jl. Merdeka 12",
        description=examples.incident().description,
        people_hurt=0,
        caller_number=examples.row().caller_number,
        caller_name=None,
        part=examples.agency(),
    )


@functools.cache
def agency_page() -> AgencyIncidentPage:
    return AgencyIncidentPage(items=[agency_incident()], next=cursor.encode_place("passed", 1, "a"))
