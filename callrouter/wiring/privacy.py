"""Personal data: recordings are looked after, who saw what is stored, and what is over its time is blanked."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from callrouter.asterisk.recorder import Recorder
from callrouter.clock import now_us
from callrouter.incidents.views import StorageUnavailable
from callrouter.metrics import Metrics
from callrouter.privacy.access_log import MAX_WAITING, AccessLog
from callrouter.privacy.keeper import RecordingKeeper
from callrouter.privacy.retention import Days, Retention
from callrouter.settings import Settings
from callrouter.storage.access_log import AccessEntries
from callrouter.storage.database import Database
from callrouter.storage.privacy import PersonalData
from callrouter.storage.recordings import Recordings
from callrouter.vault import Vault
from callrouter.wiring.group import Group, Task
from callrouter.wiring.links import Links


class Privacy(Group):
    """Recordings, the access log, and retention."""

    def __init__(self, settings: Settings, database: Database, links: Links) -> None:
        self.recorder = Recorder(links.keeper, settings.recordings_dir)
        stored = Recordings(database, settings.recording_keep_days)
        self.access_log = AccessLog(AccessEntries(database), now_us)
        self.recordings = RecordingKeeper(settings.recordings_dir, stored, settings.recording_keep_days, now_us)
        self.retention = Retention(
            PersonalData(database, stored, Vault(settings.key_path).chain_key(), now_us),
            Days(settings.personal_keep_days, settings.refused_keep_days, settings.access_log_keep_days),
            now_us,
        )

    def tasks(self) -> Sequence[Task]:
        """Look after all of it."""
        return (
            ("recordings", self.recordings.run()),
            ("recorder", self.recorder.run()),
            ("access-log", self.access_log.run()),
            ("retention", self.retention.run()),
        )

    def show(self, metrics: Metrics) -> None:
        """Show what was kept and what is gone."""
        recordings, access = self.recordings, self.access_log
        metrics.counter("recordings_kept", "Recordings whose hash was reckoned.", lambda: recordings.kept)
        metrics.counter("recordings_missing", "Recordings that the PBX could not write.", lambda: recordings.missing)
        metrics.counter("recordings_erased", "Recordings that were erased.", lambda: recordings.erased)
        metrics.gauge("recordings_failing", "1: their folder or table does not answer.", lambda: recordings.failing)
        metrics.counter("personal_expired", "Rows blanked or removed by retention.", lambda: self.retention.expired)
        metrics.bound("access_log", lambda: access.waiting, MAX_WAITING)

    async def settle(self) -> None:
        """Store who saw what."""
        with suppress(StorageUnavailable):
            await self.access_log.flush()
