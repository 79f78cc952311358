"""Examples of the list of callers to call back, and of a line of the journal that was set aside."""

from __future__ import annotations

from uuid import UUID

from callrouter.api.callback_models import CallbackPage, CallbackRow, SetAsideLine, SetAsideLines, encode_place
from callrouter.api.translate import moment
from callrouter.incidents.callbacks import Place
from callrouter.incidents.model import incident_id

_CALL = UUID("0f4c8f5e-30c8-4e62-9a86-1f5a2f0f6112")
_BEGIN = 1_795_267_207_125_000
_S = 1_000_000

PAGE = CallbackPage(
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
        )
    ],
    next=encode_place(Place(10, _BEGIN, 1025)),
)

SET_ASIDE = SetAsideLines(
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
