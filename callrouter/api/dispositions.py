"""Dispositions and their sub-codes over REST."""

from __future__ import annotations

from callrouter.access.model import Right
from callrouter.api import case_examples, case_problems, problems
from callrouter.api.case_answers import versions_of
from callrouter.api.case_models import (
    DispositionList,
    DispositionRow,
    SubCodeName,
    SubCodeOrder,
    SubCodePath,
    SubCodeRow,
)
from callrouter.api.models import NoParameters
from callrouter.api.needed import needed
from callrouter.api.operation import Answered, Asked, Body, Sent, Surface
from callrouter.api.preconditions import moved
from callrouter.api.problems import ApiProblem, Fault
from callrouter.bilingual import Bilingual
from callrouter.incidents.desk import Moved, TooManySubCodes
from callrouter.incidents.dispositions import MAX_SUB_CODES, NAMES, SubCode
from callrouter.incidents.model import Disposition

surface = Surface()


@surface.get(
    "/api/v1/dispositions",
    tag="incidents",
    summary=Bilingual("Jenis laporan dan subkodenya", "Dispositions and their sub-codes"),
    path_model=NoParameters,
    query=NoParameters,
    response=DispositionList,
    example=case_examples.dispositions,
    right=Right.SEE_CALLS,
    problems=(problems.STORAGE_UNAVAILABLE,),
)
async def list_dispositions(asked: Asked[NoParameters, NoParameters]) -> DispositionList:
    """Returns the seven dispositions, each with the sub-codes that this centre has."""
    found = await needed(asked.services.sub_codes).all()
    return DispositionList(
        items=[
            DispositionRow(
                disposition=disposition,
                name=SubCodeName(id=NAMES[disposition].id, en=NAMES[disposition].en),
                sub_codes=[_row(code) for code in found if code.disposition is disposition],
            )
            for disposition in Disposition
        ]
    )


@surface.send(
    "PUT",
    "/api/v1/dispositions/{disposition}/sub-codes/{key}",
    tag="incidents",
    summary=Bilingual("Tambah atau ganti subkode", "Add or replace a sub-code"),
    path_model=SubCodePath,
    query=NoParameters,
    body=Body(SubCodeOrder, examples={"children": {"name": {"id": "anak-anak", "en": "children"}}}),
    response=SubCodeRow,
    example=case_examples.sub_code,
    right=Right.EDIT,
    guarded=True,
    tagged=True,
    problems=(case_problems.TOO_MANY_SUB_CODES, problems.STORAGE_UNAVAILABLE),
)
async def put_sub_code(sent: Sent[SubCodePath, NoParameters, SubCodeOrder]) -> Answered[SubCodeRow]:
    """Adds a sub-code (If-Match: "0", or *) or replaces it. None is deleted, for incidents name it: one that is not
    enabled is not given any more.
    """
    path, order = sent.path, sent.body
    code = SubCode(path.disposition, path.key, Bilingual(order.name.id, order.name.en), order.enabled)
    try:
        put = await needed(sent.services.sub_codes).put(code, versions_of(sent.seen), sent.by)
    except Moved as error:
        raise moved(str(error.version)) from None
    except TooManySubCodes:
        values = {"count": str(MAX_SUB_CODES)}
        raise ApiProblem(Fault(case_problems.TOO_MANY_SUB_CODES, "/path/key", values)) from None
    return Answered(_row(put), etag=str(put.version))


def _row(code: SubCode) -> SubCodeRow:
    name = SubCodeName(id=code.name.id, en=code.name.en)
    return SubCodeRow(key=code.key, name=name, enabled=code.enabled, version=code.version)
