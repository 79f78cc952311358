"""Incidents as persons and agencies work on them, and those that close themselves."""

from __future__ import annotations

from collections.abc import Sequence

from callrouter.metrics import Metrics
from callrouter.quiet import QuietCloser
from callrouter.settings import Settings
from callrouter.storage.agency_incidents import AgencyIncidents
from callrouter.storage.changed import Changes
from callrouter.storage.database import Database
from callrouter.storage.incident_desk import IncidentTables
from callrouter.storage.notice_rows import AgencyOf, NoticeWriter
from callrouter.storage.related import Related
from callrouter.storage.sop import IncidentSops, Sops
from callrouter.storage.sub_codes import SubCodes
from callrouter.vault import Vault
from callrouter.wiring.group import Group, Task


class IncidentLife(Group):
    """Where incidents are worked on. `changes` tells which ones changed, by whomever: calls, persons, the clock."""

    def __init__(self, settings: Settings, database: Database, agency_of: AgencyOf) -> None:
        self.changes = Changes()
        self.notices = NoticeWriter(
            agency_of, settings.notice_keep_trying_h * 3_600, settings.notice_supervisor or ""
        )
        self.desk = IncidentTables(
            database,
            acknowledge_s=settings.acknowledge_within_s,
            notices=self.notices,
            changed=self.changes,
        )
        self.agencies = AgencyIncidents(database)
        self.sub_codes = SubCodes(database, Vault(settings.key_path).chain_key())
        self.sop = Sops(database, Vault(settings.key_path).chain_key())
        self.sop_answers = IncidentSops(database, changed=self.changes)
        self.related = Related(database)
        self.quiet = QuietCloser(self.desk, settings.close_quiet_after_h)

    def tasks(self) -> Sequence[Task]:
        """Close what closes itself."""
        return (("quiet-incidents", self.quiet.run()),)

    def show(self, metrics: Metrics) -> None:
        """Show how many closed themselves."""
        metrics.counter("incidents_closed_themselves", "Incidents closed for quiet.", lambda: self.quiet.closed)
