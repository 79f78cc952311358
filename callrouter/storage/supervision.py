"""Banners and the posture, as rows: each act of a person with a note in the audit, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.access.model import AuditNote, Principal
from callrouter.access.tokens import actor
from callrouter.calls.bannerdesk import MAX_SHOWN, TooManyBanners
from callrouter.calls.banners import MAX_ACTIVE, Banner, Scope
from callrouter.clock import now_us
from callrouter.incidents.posture import ByHand, ByRate, Usual, usual_of
from callrouter.routing.values import Posture
from callrouter.storage import tables as t
from callrouter.storage.audit import append
from callrouter.storage.database import Database
from callrouter.storage.tables_supervision import banner, posture_change

SYSTEM: Final = "system"
RATE, HAND = "rate", "hand"
_HOUR_US: Final = 3_600_000_000
_b, _p = banner.c, posture_change.c


class BannerRows:
    """Keeps banners (callrouter.calls.bannerdesk.BannerStore). Raises StorageUnavailable.

    key: of the audit's chain
    """

    def __init__(self, database: Database, key: bytes, now_us: Callable[[], int] = now_us) -> None:
        self._database = database
        self._key = key
        self._now_us = now_us

    async def running(self) -> list[Banner]:
        """Return those that are not over, the oldest first."""
        now = self._now_us()
        return await self._read(
            select(banner)
            .where(_b.until > now, _b.withdrawn_at.is_(None))
            .order_by(_b.made_at, _b.id)
            .limit(MAX_ACTIVE)
        )

    async def newest(self) -> list[Banner]:
        """Return the newest MAX_SHOWN, over or not."""
        return await self._read(select(banner).order_by(_b.made_at.desc(), _b.id).limit(MAX_SHOWN))

    async def get(self, id_: UUID) -> Banner | None:
        """Return it, over or not; None: there is none of this id."""
        found = await self._read(select(banner).where(_b.id == id_))
        return found[0] if found else None

    async def add(self, new: Banner, by: Principal) -> Banner:
        """Keep it; return it as it was kept. One of this id is kept as it was. Raises TooManyBanners."""
        made = replace(new, made_by=actor(by))

        async def work(connection: AsyncConnection) -> Banner:
            now = self._now_us()
            active = await connection.scalar(
                select(func.count()).select_from(banner).where(_b.until > now, _b.withdrawn_at.is_(None))
            )
            if (active or 0) >= MAX_ACTIVE:
                raise TooManyBanners
            await connection.execute(insert(banner).values(_banner_row(made)))
            await self._note(connection, "create", made, {"after": _shown(made)}, by)
            return made

        return await self._database.write(work)

    async def withdraw(self, id_: UUID, by: Principal) -> Banner | None:
        """End it now; None: there is none of this id. One that is over stays as it is."""

        async def work(connection: AsyncConnection) -> Banner | None:
            row = (await connection.execute(select(banner).where(_b.id == id_).with_for_update())).one_or_none()
            if row is None:
                return None
            before, now = _banner(row), self._now_us()
            if not before.runs(now):
                return before
            after = replace(before, withdrawn_at=now, withdrawn_by=actor(by))
            await connection.execute(
                update(banner).where(_b.id == id_).values(withdrawn_at=now, withdrawn_by=after.withdrawn_by)
            )
            await self._note(connection, "delete", after, {"before": _shown(before)}, by)
            return after

        return await self._database.write(work)

    async def _note(
        self, connection: AsyncConnection, action: str, one: Banner, payload: dict[str, object], by: Principal
    ) -> None:
        note = AuditNote(actor(by), action, f"banners/{one.id}", payload)
        await append(connection, self._key, note, self._now_us())

    async def _read(self, statement: Any) -> list[Banner]:
        async def ask(connection: AsyncConnection) -> list[Banner]:
            return [_banner(row) for row in await connection.execute(statement)]

        return await self._database.read(ask)


class PostureRows:
    """Keeps the posture (callrouter.calls.posture.PostureStore). Raises StorageUnavailable.

    key: of the audit's chain
    """

    def __init__(self, database: Database, key: bytes, now_us: Callable[[], int] = now_us) -> None:
        self._database = database
        self._key = key
        self._now_us = now_us

    async def load(self) -> tuple[ByRate, ByHand | None]:
        """Return what the rate said last, and what a person said last, where that holds."""
        now = self._now_us()

        async def ask(connection: AsyncConnection) -> tuple[ByRate, ByHand | None]:
            rate, hand = [
                (
                    await connection.execute(
                        select(posture_change).where(_p.source == source).order_by(_p.id.desc()).limit(1)
                    )
                ).one_or_none()
                for source in (RATE, HAND)
            ]
            by_rate = ByRate() if rate is None else ByRate(Posture(rate.posture))
            return by_rate, None if hand is None else _hand(hand, now)

        return await self._database.read(ask)

    async def by_rate(self, posture: Posture, calls: int, usual: float) -> None:
        """Keep what the rate says now, with a note in the audit."""
        seen: dict[str, object] = {"posture": posture.value, "calls": calls, "usual": round(usual, 2)}
        await self._keep(
            {"posture": posture.value, "source": RATE, "until": None, "reason": "", "by": SYSTEM},
            AuditNote(SYSTEM, "replace", "posture", {"source": RATE, "after": seen}),
        )

    async def by_hand(self, posture: Posture, until: int, reason: str, by: Principal) -> ByHand:
        """Keep what a person says, with a note in the audit; return it."""
        who = actor(by)
        payload: dict[str, object] = {"posture": posture.value, "until": until, "reason": reason}
        at = await self._keep(
            {"posture": posture.value, "source": HAND, "until": until, "reason": reason, "by": who},
            AuditNote(who, "replace", "posture", {"source": HAND, "after": payload}),
        )
        return ByHand(posture, at, until, reason, who)

    async def withdraw(self, by: Principal) -> None:
        """Keep that what was set by hand does not hold any more, with a note in the audit."""
        who = actor(by)
        await self._keep(
            {"posture": "", "source": HAND, "until": None, "reason": "", "by": who},
            AuditNote(who, "delete", "posture", {"source": HAND}),
        )

    async def usual(self, weeks: int) -> Usual:
        """Return how many citizens called in each hour of the week, of the last `weeks` weeks."""
        end = self._now_us() // _HOUR_US
        begin = end - weeks * 7 * 24
        call = t.call.c
        hour = t.incident.c.opened_at // _HOUR_US
        counted = (
            select(hour.label("hour"), func.count().label("calls"))
            .join_from(t.incident, t.call, call.id == t.incident.c.opening_call)
            .where(t.incident.c.opened_at >= begin * _HOUR_US, t.incident.c.opened_at < end * _HOUR_US)
            .where(call.origin == "citizen")
            .group_by(hour)
        )

        async def ask(connection: AsyncConnection) -> Usual:
            rows = await connection.execute(counted)
            return usual_of({int(row.hour): row.calls for row in rows}, weeks)

        return await self._database.read(ask)

    async def _keep(self, values: dict[str, Any], note: AuditNote) -> int:
        now = self._now_us()

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(insert(posture_change).values(at=now, **values))
            await append(connection, self._key, note, now)

        await self._database.write(work)
        return now


def _hand(row: Row[Any], now: int) -> ByHand | None:
    if not row.posture or row.until is None or row.until <= now:
        return None
    return ByHand(Posture(row.posture), row.at, row.until, row.reason, row.by)


def _banner(row: Row[Any]) -> Banner:
    values = {name: row._mapping[name] for name in Banner.__slots__}
    return Banner(**values | {"scope": Scope(row.scope)})


def _banner_row(one: Banner) -> dict[str, Any]:
    return asdict(one) | {"scope": str(one.scope)}


def _shown(one: Banner) -> dict[str, object]:
    names: Sequence[str] = ("scope", "key", "clip", "text_id", "text_en", "reason", "until")
    return {name: str(value) if name == "scope" else value for name in names for value in [getattr(one, name)]}
