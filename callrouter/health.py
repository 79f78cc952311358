"""Whether the parts of the service work, for readiness and for people."""

from __future__ import annotations

from collections.abc import Callable

from callrouter.agencies.sending import Figures
from callrouter.asterisk.agi import AgiServer
from callrouter.asterisk.ami import AmiLink
from callrouter.asterisk.check import PbxCheck
from callrouter.asterisk.failsafe_keeper import FailsafeKeeper
from callrouter.bilingual import Bilingual, joined
from callrouter.calls.journal import JournalReader
from callrouter.calls.live import Check
from callrouter.disk import DiskWatch, Level
from callrouter.incidents.views import StorageUnavailable
from callrouter.loopwatch import LoopWatch
from callrouter.probe_record import LastProbe
from callrouter.selfcheck import SelfCheck
from callrouter.storage.database import Database
from callrouter.storage.versions import Versions

OK = Bilingual("Berfungsi.", "Works.")
_NEVER = Bilingual("Belum pernah dijawab.", "Never answered yet.")


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
        *,
        failsafe: FailsafeKeeper,
        consultation: SelfCheck,
        probe: LastProbe,
        disk: DiskWatch,
        loop: LoopWatch,
        notices: Callable[[], Figures],
    ) -> None:
        self._versions = Versions(database)
        self._hands = hands
        self._pbx = pbx
        self._agi = agi
        self._journal = journal
        self._version = version
        self._refused = refused
        self._failsafe = failsafe
        self._consultation = consultation
        self._probe = probe
        self._disk = disk
        self._loop = loop
        self._notices = notices

    async def checks(self) -> list[Check]:
        """Return the state of every part."""
        return [
            await self._database(),
            self._ami(),
            self._listener(),
            self._consulted(),
            self._reader(),
            self._room(),
            self._table(),
            self._failsafe.check(),
            self._probe.check(),
            self._loop.check(),
            self._told(),
        ]

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

    def _consulted(self) -> Check:
        asked = self._consultation
        age, why = asked.age_s, asked.why
        if asked.fresh and age is not None:
            took = Bilingual(
                f"Dijawab {age:.1f} detik yang lalu dalam {asked.took_ms:.0f} ms.",
                f"Answered {age:.1f} s ago within {asked.took_ms:.0f} ms.",
            )
            return Check("consultation", True, took)
        said = joined(" ", (_NEVER if age is None else _since(age), *((why,) if why else ())))
        return Check("consultation", False, said)

    def _reader(self) -> Check:
        if self._journal.failing:
            return Check(
                "journal",
                False,
                Bilingual("Jurnal menunggu; tidak ada yang hilang.", "The journal waits; nothing of it is lost."),
            )
        if count := self._journal.set_aside:
            return Check(
                "journal",
                True,
                Bilingual(
                    f"Berfungsi. {count} baris disisihkan sejak layanan mulai: lihat /api/v1/journal/set-aside.",
                    f"Works. Lines set aside since the start: {count}, see /api/v1/journal/set-aside.",
                ),
            )
        return Check("journal", True, OK)

    def _room(self) -> Check:
        return Check("disk", self._disk.level is not Level.CRITICAL, self._disk.in_words())

    def _told(self) -> Check:
        # A hint: calls are served all the same.
        if not (untold := self._notices().untold):
            return Check("notices", True, OK)
        found = Bilingual(
            f"PERINGATAN: {untold} pemberitahuan gagal dan instansinya belum menerima laporan itu: "
            "lihat /api/v1/notices?state=dead, dan hubungi instansinya.",
            f"WARNING: {untold} notices were given up, and their agencies have not acknowledged: "
            "see /api/v1/notices?state=dead, and call these agencies.",
        )
        return Check("notices", True, found)

    def _table(self) -> Check:
        if (why := self._refused()) is not None:
            return Check("table", False, why)
        return Check(
            "table", True, Bilingual(f"Versi {self._version()} berlaku.", f"Version {self._version()} is in force.")
        )


def _since(age: float) -> Bilingual:
    return Bilingual(f"Terakhir dijawab {age:.0f} detik yang lalu.", f"Last answered {age:.0f} s ago.")
