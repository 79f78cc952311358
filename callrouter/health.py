"""Whether the parts of the service work, for readiness and for people."""

from __future__ import annotations

from collections.abc import Callable

from callrouter.asterisk.agi import AgiServer
from callrouter.asterisk.ami import AmiLink
from callrouter.asterisk.check import PbxCheck
from callrouter.bilingual import Bilingual
from callrouter.calls.journal import JournalReader
from callrouter.calls.live import Check
from callrouter.incidents.views import StorageUnavailable
from callrouter.storage.database import Database
from callrouter.storage.versions import Versions

OK = Bilingual("Berfungsi.", "Works.")


class ServiceHealth:
    """Implements callrouter.calls.live.Health."""

    def __init__(
        self,
        database: Database,
        hands: AmiLink,
        pbx: PbxCheck,
        agi: AgiServer,
        journal: JournalReader,
        version: Callable[[], int],
        refused: Callable[[], Bilingual | None],
    ) -> None:
        self._versions = Versions(database)
        self._hands = hands
        self._pbx = pbx
        self._agi = agi
        self._journal = journal
        self._version = version
        self._refused = refused

    async def checks(self) -> list[Check]:
        """Return the state of every part."""
        return [await self._database(), self._ami(), self._listener(), self._reader(), self._table()]

    async def _database(self) -> Check:
        try:
            await self._versions.newest_number()
        except StorageUnavailable as error:
            return Check("database", False, Bilingual(f"Basis data tidak menjawab: {error}", f"No answer: {error}"))
        return Check("database", True, OK)

    def _ami(self) -> Check:
        if not self._hands.connected:
            return Check("ami", False, Bilingual("Tidak terhubung ke PBX.", "Not connected to the PBX."))
        if self._pbx.missing:
            what = ", ".join(self._pbx.missing)
            return Check("ami", False, Bilingual(f"PBX tidak lengkap: {what}", f"The PBX lacks: {what}"))
        return Check("ami", True, OK)

    def _listener(self) -> Check:
        if not self._agi.listening:
            return Check("agi", False, Bilingual("Tidak menerima panggilan PBX.", "Not listening for the PBX."))
        return Check("agi", True, OK)

    def _reader(self) -> Check:
        if self._journal.failing:
            return Check(
                "journal",
                False,
                Bilingual("Jurnal menunggu; tidak ada yang hilang.", "The journal waits; nothing of it is lost."),
            )
        return Check("journal", True, OK)

    def _table(self) -> Check:
        if (why := self._refused()) is not None:
            return Check("table", False, why)
        return Check(
            "table", True, Bilingual(f"Versi {self._version()} berlaku.", f"Version {self._version()} is in force.")
        )
