"""What changes, for those who listen: incidents, calls, duty, trunks; and who calls, for the one who picks up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from uuid import UUID

from callrouter.asterisk.ami import AmiEvent
from callrouter.asterisk.trunk_watch import TrunkWatch
from callrouter.calls.caller import CARDS, Callers, Card, Judge
from callrouter.calls.live import LiveCall
from callrouter.calls.trunks import MAX_TRUNKS, Trunks
from callrouter.clock import now_us
from callrouter.duty.service import Duty
from callrouter.incidents import numbers
from callrouter.metrics import Metrics
from callrouter.routing.table import RoutingTable
from callrouter.storage.callers import CallerRows
from callrouter.storage.database import Database
from callrouter.storage.incidents import Incidents
from callrouter.stream.duty import DutyNews
from callrouter.stream.feed import Feed, Kind
from callrouter.stream.incidents import IncidentNews
from callrouter.wiring.calls import Calls
from callrouter.wiring.group import Group, Task
from callrouter.wiring.in_force import InForce
from callrouter.wiring.links import Links


class Events(Group):
    """The feed and its sources. `news.changed` takes the ids of incidents that changed, after their commit.

    judge: says how suspect a caller is
    """

    def __init__(
        self,
        database: Database,
        links: Links,
        in_force: InForce,
        duty: Duty,
        calls: Calls,
        judge: Judge | None = None,
    ) -> None:
        self._links = links
        self.feed = Feed()
        self.news = IncidentNews(self.feed, Incidents(database))
        self.trunks = Trunks(partial(self.feed.tell, Kind.TRUNK))
        self._trunk_watch = TrunkWatch(self.trunks, now_us)
        self._duty = DutyNews(self.feed, duty.overview)
        self._operators: frozenset[str] = frozenset()
        self._asked: list[str] = []
        self.callers = Callers(CallerRows(database), self._rings, lambda: self._operators, judge)
        self.follow(in_force.table())
        calls.board.follow(self)
        calls.board.follow(self.callers)
        calls.watch.follow(self.callers)
        duty.follow(self._duty.changed)

    def moved(self, live: LiveCall) -> None:
        """A call is new, or something of it is another."""
        self.feed.tell(Kind.CALL, str(live.call), live)

    def gone(self, call: UUID) -> None:
        """A call has left the PBX."""
        self.feed.tell(Kind.CALL, str(call), None)

    def _rings(self, operator: str, card: Card | None) -> None:
        self.feed.tell(Kind.PICKUP, operator, card)

    def follow(self, table: RoutingTable) -> None:
        """Another table is in force."""
        self._operators = frozenset(one.key for one in table.directory.operators)
        self._asked = [trunk.key for trunk in table.directory.trunks if trunk.enabled and trunk.qualify_s]
        self.trunks.only(self._asked)

    def heard(self, event: AmiEvent) -> None:
        """Something happened in the PBX."""
        self._trunk_watch.heard(event)

    async def keeper_login(self) -> None:
        """Learn how the trunks are."""
        await self._trunk_watch.look(self._links.keeper, self._asked)

    def tasks(self) -> Sequence[Task]:
        """Read what changed, and look callers up."""
        return (
            ("incident-news", self.news.run()),
            ("duty-news", self._duty.run()),
            ("callers", self.callers.run()),
            ("numbers", asyncio.to_thread(numbers.load)),
        )

    def show(self, metrics: Metrics) -> None:
        """Show who listens, and what waits to be told."""
        feed, news = self.feed, self.news
        metrics.counter("events_told", "Changes that were told to the feed.", lambda: feed.told)
        metrics.counter("listeners_refused", "Listeners for whom there was no room.", lambda: feed.refused)
        metrics.counter("listeners_reset", "Listeners told to fetch everything.", feed.resets.total)
        metrics.counter("events_begun_anew", "The feed was begun anew.", lambda: news.given_up)
        metrics.bound("listeners", lambda: feed.listening, feed.most)
        metrics.bound("events_kept", lambda: len(feed), feed.limit)
        metrics.bound("incident_news", lambda: news.waiting, news.limit)
        metrics.bound("caller_cards", lambda: len(self.callers), CARDS)
        metrics.bound("trunk_states", lambda: len(self.trunks), MAX_TRUNKS)
