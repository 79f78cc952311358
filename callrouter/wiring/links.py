"""The two links to the PBX's manager interface, and what goes over them alone: loading, and checking what it has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from functools import partial

from callrouter.asterisk.ami import AmiEvent, AmiLink
from callrouter.asterisk.check import PbxCheck
from callrouter.asterisk.loader import PbxLoader
from callrouter.asterisk.pbx_secrets import PbxSecrets
from callrouter.clocksteps import ClockSteps
from callrouter.metrics import Metrics
from callrouter.settings import Settings
from callrouter.wiring.group import Group, Task

Login = Callable[[], Awaitable[None]]
"""Is awaited after each login, as AmiLink.on_login."""


class Links(Group):
    """`hands` acts on calls and hears of them, `keeper` has the configuration; `clock_steps` tells of a clock set."""

    def __init__(self, settings: Settings, keys: PbxSecrets) -> None:
        self._events: tuple[Callable[[AmiEvent], None], ...] = ()
        self._hands_logins: tuple[Login, ...] = ()
        self._keeper_logins: tuple[Login, ...] = ()
        self.hands = _link(settings, "hands", keys, self._heard, self._hands_login)
        self.keeper = _link(settings, "keeper", keys, lambda _event: None, self._keeper_login)
        self.loader = PbxLoader(settings, keys, self.keeper, self.hands)
        self.clock_steps = ClockSteps()
        self.check = PbxCheck(self.keeper, self.hands, f"{settings.ami_host}:{settings.ami_port}")

    def tell(
        self, *, events: Sequence[Callable[[AmiEvent], None]], hands: Sequence[Login], keeper: Sequence[Login]
    ) -> None:
        """Tell these, in this order, of each event that `hands` hears, and of each login of the two."""
        self._events, self._hands_logins, self._keeper_logins = tuple(events), tuple(hands), tuple(keeper)

    def tasks(self) -> Sequence[Task]:
        """Keep both up; watch the clock."""
        return (
            ("ami-hands", self.hands.run()),
            ("ami-keeper", self.keeper.run()),
            ("clock", self.clock_steps.run()),
        )

    def show(self, metrics: Metrics) -> None:
        """Show both, and how often the clock was set."""
        metrics.counter("clock_steps", "How often the machine's clock was set.", lambda: self.clock_steps.steps)
        for link in (self.hands, self.keeper):
            labels = {"link": link.name}
            metrics.gauge("ami_connected", "1: logged in to the PBX.", partial(getattr, link, "connected"), labels)
            for counted in asdict(link.counters):
                read = partial(getattr, link.counters, counted)
                metrics.counter(f"ami_{counted}", "Of the link to the PBX.", read, labels)
            metrics.bound(f"ami_events_{link.name}", partial(getattr, link, "queued"), link.queue_max)

    def _heard(self, event: AmiEvent) -> None:
        for hear in self._events:
            hear(event)

    async def _hands_login(self) -> None:
        for logged_in in self._hands_logins:
            await logged_in()

    async def _keeper_login(self) -> None:
        for logged_in in self._keeper_logins:
            await logged_in()


def _link(
    settings: Settings,
    name: str,
    keys: PbxSecrets,
    on_event: Callable[[AmiEvent], None],
    on_login: Callable[[], Awaitable[None]],
) -> AmiLink:
    return AmiLink(
        host=settings.ami_host,
        port=settings.ami_port,
        username=name,
        secret=getattr(keys, name),
        name=name,
        on_event=on_event,
        on_login=on_login,
    )
