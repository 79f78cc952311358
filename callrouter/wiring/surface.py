"""The REST surface: what every other group has for the outside."""

from __future__ import annotations

from callrouter.api.server import ApiServer
from callrouter.api.tls import server_context
from callrouter.metrics import Metrics
from callrouter.settings import Settings
from callrouter.storage.callbacks import Callbacks
from callrouter.storage.database import Database
from callrouter.storage.incidents import Incidents
from callrouter.storage.refused import RefusedInvites
from callrouter.storage.setaside import SetAsideLines
from callrouter.wiring.calls import Calls
from callrouter.wiring.desk import Desk
from callrouter.wiring.events import Events
from callrouter.wiring.figures import Figures
from callrouter.wiring.group import Group
from callrouter.wiring.in_force import InForce
from callrouter.wiring.incidents import IncidentLife
from callrouter.wiring.outgoing import Outgoing
from callrouter.wiring.parties import Neighbours
from callrouter.wiring.privacy import Privacy
from callrouter.wiring.readiness import Readiness
from callrouter.wiring.supervision import Supervision


class Surface(Group):
    """The port of the API, and the readers that only it needs."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        in_force: InForce,
        desk: Desk,
        calls: Calls,
        readiness: Readiness,
        privacy: Privacy,
        incidents: IncidentLife,
        events: Events,
        *,
        outgoing: Outgoing,
        neighbours: Neighbours,
        supervision: Supervision,
        figures: Figures,
        metrics: Metrics,
    ) -> None:
        self.api = ApiServer(
            settings.api_host,
            settings.api_port,
            incidents=Incidents(database),
            refused_calls=RefusedInvites(database),
            callbacks=Callbacks(database, lambda: in_force.snapshot().compiled.urgency),
            set_aside=SetAsideLines(database),
            live=calls.board,
            health=readiness.health,
            measured=metrics.text,
            feed=events.feed,
            callers=events.callers,
            trunks=events.trunks,
            access_log=privacy.access_log,
            recordings=privacy.recordings,
            desk=incidents.desk,
            agencies=incidents.agencies,
            sub_codes=incidents.sub_codes,
            figures=figures.reader,
            sop=incidents.sop,
            sop_answers=incidents.sop_answers,
            related=incidents.related,
            notices=outgoing.notices,
            notice_secrets=outgoing.secrets,
            party_desk=neighbours.parties,
            neighbours=neighbours.desk,
            calling_back=supervision.calling_back,
            banner_desk=supervision.banner_desk,
            posture_desk=supervision.postures,
            management=desk.management,
            language=settings.language,
            tls=server_context(settings.api_tls_cert, settings.api_tls_key) if settings.api_tls_cert else None,
        )

    def show(self, metrics: Metrics) -> None:
        """Show who is connected."""
        metrics.bound("api_connections", lambda: self.api.connections, self.api.limits.connections)
        metrics.bound("api_streams", lambda: self.api.streams, self.api.limits.streams)

    async def listen(self) -> None:
        """Open the port. Raises OperatorError."""
        await self.api.start()

    async def leave(self) -> None:
        """Close it, and let running requests end."""
        await self.api.stop()

    async def close(self) -> None:
        """Close it."""
        await self.api.stop()
