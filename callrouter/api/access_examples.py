"""Examples of answers about people, as the documentation shows them."""

from __future__ import annotations

import functools

from callrouter.access.model import Role
from callrouter.api import cursor
from callrouter.api.access_models import (
    AuditPage,
    AuditRow,
    DutyBoard,
    DutyRow,
    IssuedToken,
    TokenList,
    TokenRow,
)
from callrouter.api.translate import moment
from callrouter.duty.model import Presence

_AT = 1_795_267_207_125_000
_DAY = 86_400_000_000


@functools.cache
def duty() -> DutyBoard:
    return DutyBoard(
        items=[
            DutyRow(
                operator="op1",
                name="Operator 1",
                groups=["operators"],
                rostered=True,
                on_duty=True,
                rung=True,
                last_of=[],
                presence=Presence.ROSTER,
                until=None,
                paused=None,
                missed=0,
                changed_at=None,
                changed_by=None,
            )
        ]
    )


@functools.cache
def _token() -> TokenRow:
    return TokenRow(
        id="ab12cd34",
        name="diskominfo-2",
        role=Role.VIEWER,
        subject=None,
        created_at=moment(_AT),
        created_by="diskominfo-1",
        expires_at=moment(_AT + 90 * _DAY),
        revoked_at=None,
        last_used_at=None,
    )


@functools.cache
def tokens() -> TokenList:
    return TokenList(items=[_token()])


@functools.cache
def issued() -> IssuedToken:
    return IssuedToken(**dict(_token()), token="cr_ab12cd34_" + "x" * 43)


@functools.cache
def audit() -> AuditPage:
    return AuditPage(
        items=[
            AuditRow(
                seq=17,
                at=moment(_AT),
                actor="diskominfo-1 (admin)",
                action="create",
                subject="trunks/damkar",
                payload={"before": None, "after": {"key": "damkar", "kind": "agency", "host": "10.112.0.11"}},
                mac="5d0c8f5e" * 8,
            )
        ],
        next=cursor.encode(17),
    )
