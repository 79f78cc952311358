"""Examples of the list of callers to call back, and of a line of the journal that was set aside."""

from __future__ import annotations

import functools
from uuid import UUID

from callrouter.api.callback_models import (
    CallbackPage,
    CallbackRow,
    CallbackTry,
    RecoveredFigures,
    RecoveredWithin,
    SetAsideLine,
    SetAsideLines,
    encode_place,
)
from callrouter.api.translate import moment
from callrouter.incidents.callbacks import Place, TryOutcome
from callrouter.incidents.model import incident_id

_CALL = UUID("0f4c8f5e-30c8-4e62-9a86-1f5a2f0f6112")
_BEGIN = 1_795_267_207_125_000
_S = 1_000_000


@functools.cache
def page() -> CallbackPage:
    return CallbackPage(
        items=[
            CallbackRow(
                number="+622000000113",
                incident=incident_id(_CALL),
                incident_number=1025,
                category="medis",
                urgency=10,
                reason="cut",
                stage="agency",
                origin="citizen",
                trunk="telkom",
                language="id",
                recording=None,
                opened_at=moment(_BEGIN),
                human_at=None,
                ended_at=moment(_BEGIN + 11 * _S),
                calls=2,
                first_at=moment(_BEGIN),
                last_at=moment(_BEGIN + 40 * _S),
                callable=True,
                tries=1,
                tried_at=moment(_BEGIN + 90 * _S),
                tried=TryOutcome.BUSY,
                held_by=None,
                held_until=None,
            )
        ],
        next=encode_place(Place(10, _BEGIN, 1025)),
    )


@functools.cache
def attempted() -> CallbackTry:
    return CallbackTry(
        id=UUID("7c0c8f5e-30c8-4e62-9a86-1f5a2f0f6112"),
        incident=incident_id(_CALL),
        number="+622000000113",
        operator="op1",
        by="op1 (operator)",
        asked_at=moment(_BEGIN + 90 * _S),
        operator_at=moment(_BEGIN + 93 * _S),
        answered_at=moment(_BEGIN + 101 * _S),
        ended_at=moment(_BEGIN + 160 * _S),
        trunk="telkom",
        outcome=TryOutcome.TALKED,
        cause=None,
    )


@functools.cache
def figures() -> RecoveredFigures:
    return RecoveredFigures(
        lost=12,
        without_number=1,
        by_callback=4,
        by_calling=5,
        taken_off=1,
        not_reached=1,
        share=75.0,
        within=[
            RecoveredWithin(minutes=5, by_callback=1, by_calling=4),
            RecoveredWithin(minutes=15, by_callback=3, by_calling=5),
            RecoveredWithin(minutes=60, by_callback=4, by_calling=5),
        ],
    )


@functools.cache
def set_aside() -> SetAsideLines:
    return SetAsideLines(
        total=1,
        newest=[
            SetAsideLine(
                at=moment(_BEGIN + 60 * _S),
                node="pbx1",
                file="pbx1-1795267.log",
                position=4096,
                reason="torn: another record begins behind it",
                line="1|opened|0f4c8f5e-30c8",
            )
        ],
    )
