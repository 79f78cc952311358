"""Brings a table's trunks, operators and ring groups into the running PBX: written, loaded, read back, compared.

Calls go on meanwhile: the dialplan is never reloaded, no queue is removed, and SIP keeps its calls and registrations.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from callrouter.asterisk import files
from callrouter.asterisk.ami import AmiLink, AmiRefused, AmiUnavailable
from callrouter.asterisk.files import cannot_write
from callrouter.asterisk.pbx_secrets import Credentials, PbxSecrets
from callrouter.asterisk.provisioned import without_password
from callrouter.asterisk.readback import Difference, ReadBack, group_of
from callrouter.asterisk.render import LIVE_FILES, Rendered, compose
from callrouter.bilingual import Bilingual, joined, same
from callrouter.publishing.errors import PbxRefused
from callrouter.routing.table import RoutingTable
from callrouter.settings import Settings

RELOAD_S: Final = 15.0
LOG_S: Final = 1.0
"""How long the PBX's log may take to say what it said; its logger writes behind."""
KEPT_S: Final = 3_600.0
"""How long a ring group that no table wants any more keeps its queues, and longer while callers are in them: a call
that was decided before may still be in the menu."""
TOLD: Final = 5
"""Differences that a message names."""
_LOOK_S: Final = 0.01
_SIP: Final = "res_pjsip.so"
_QUEUES: Final = "app_queue.so"
_MUSIC: Final = "res_musiconhold.so"
_MODULES: Final = {
    "queues.conf": (_QUEUES,),
    "pjsip.conf": (_SIP, "res_pjsip_endpoint_identifier_ip.so", "res_pjsip_outbound_registration.so"),
    "extensions.conf": (),  # constant text: its globals are set one by one
}
_SAYS_SO: Final = "sorcery.c: Type 'system' is not reloadable"
"""A notice that each reload of SIP leaves in the log: what was said before it stands there by then."""
_COMPLAINT: Final = re.compile(
    r"\] (?:WARNING|ERROR)\[\d+\] "  # no id of a call after it: then it is not about the configuration
    r"(?:config\.c|config_options\.c|sorcery\.c|res_sorcery_config\.c|app_queue\.c|res_musiconhold\.c|loader\.c|"
    r"res_pjsip/(?:pjsip_configuration|location|config_\w+)\.c|res_pjsip_endpoint_identifier_ip\.c):"
)
"""What the parts that read configuration say; SIP from outside can provoke other warnings at any time."""

_OF_NO_WEIGHT: Final = "Auth object '"
"""A registration that was taken away says good-bye and finds no login any more. Where a login is missing that is
wanted, reading back finds that."""

_LINK_LOST: Final = Bilingual(
    "sambungan pengelolaannya (AMI) tidak ada atau terputus", "its management link (AMI) is down or was lost"
)
_NOT_KNOWN: Final = Bilingual(
    "tidak diketahui apakah PBX yang berjalan sudah dipulihkan", "whether the running PBX was restored is not known"
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of a load.

    live:             the running PBX shows it; False: it is away, and reads the files at its start
    without_password: keys of trunks that are to log in and whose password nobody has entered
    """

    live: bool
    without_password: tuple[str, ...] = ()


class PbxLoader:
    """Loads tables into the PBX beside this service, one at a time.

    keeper, hands: links of those users; a PBX whose links are both down is away, which is no error. One that can be
                   reached by one of them alone runs, and nobody could say what it shows: it is told nothing.
    """

    def __init__(self, settings: Settings, keys: PbxSecrets, keeper: AmiLink, hands: AmiLink) -> None:
        self._settings = settings
        self._keys = keys
        self._keeper = keeper
        self._hands = hands
        self._read_back = ReadBack(keeper, hands)
        self._one_at_a_time = asyncio.Lock()
        self._verified: Rendered | None = None
        self._wanted_at: dict[str, float] = {}
        self._running: set[asyncio.Task[Loaded]] = set()

    @property
    def connected(self) -> bool:
        """True while the PBX can be reached by any link: it runs."""
        return self._keeper.connected or self._hands.connected

    async def load(
        self, table: RoutingTable, version: int, credentials: Credentials, *, retired: Iterable[str] = ()
    ) -> Loaded:
        """Make the PBX show `table`, and its files too; return when it was read back and is as wanted.

        retired: ring groups of older versions that are to have queues; those that the running PBX has stay for an
                 hour anyhow, and for as long as callers are in them
        Raises PbxRefused where the PBX shows something else or complains, or its links are lost: then everything is
        as before, files and PBX, or the error says that this is not known of the PBX. Raises OperatorError for a
        table that it cannot carry or files that cannot be written, with nothing changed. Call it again at each login:
        it is quick where nothing is to be done.
        A load that has begun is carried to its end, whoever stops waiting for it.
        """
        task = asyncio.create_task(self._load(table, version, credentials, retired))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _load(
        self, table: RoutingTable, version: int, credentials: Credentials, retired: Iterable[str]
    ) -> Loaded:
        async with self._one_at_a_time:
            groups = {group.key for group in table.routing.ring_groups}
            runs = self.connected
            there = await self._kept(groups) if runs else frozenset()
            kept = tuple(frozenset(retired) | there)
            wanted = await asyncio.to_thread(
                compose, self._settings, table, version, self._keys, credentials, retired=kept
            )
            variables = await self._variables(wanted) if runs else {}
            before, changed = await self._written(wanted)
            lacking = without_password(table, credentials)
            if lacking:
                log.warning("trunk.without_password", trunks=lacking, note="it does not log in there")
            if not runs:
                self._verified = None
                log.warning("pbx.away", note="its files are written; it reads them at its start", changed=changed)
                return Loaded(False, lacking)
            await self._bring(wanted, changed, before, variables)
            self._verified = wanted
            log.info("pbx.loaded", version=version, changed=changed)
            return Loaded(True, lacking)

    @property
    def _etc(self) -> Path:
        return self._settings.pbx_dir / "etc"

    async def _kept(self, groups: set[str]) -> frozenset[str]:
        """Return the groups whose queues the PBX has and must keep, whether wanted or not. Raises PbxRefused."""
        if not (self._keeper.connected and self._hands.connected):
            raise _link_lost()
        try:
            queues = await self._read_back.queues()
        except AmiUnavailable as error:
            raise _link_lost() from error
        except AmiRefused as error:
            raise PbxRefused(same(error)) from error
        now = asyncio.get_running_loop().time()
        shown = {group for name in queues if (group := group_of(name)) is not None}
        busy = {group for name, callers in queues.items() if callers and (group := group_of(name)) is not None}
        for group in (groups & shown) | busy:
            self._wanted_at[group] = now
        return frozenset(group for group in shown if now - self._wanted_at.setdefault(group, now) < KEPT_S)

    async def _variables(self, wanted: Rendered) -> dict[str, str]:
        """Return what the dialplan's variables are before the load. Raises PbxRefused."""
        try:
            return {name: await self._read_back.variable(name) for name in wanted.globals}
        except AmiUnavailable as error:
            raise _link_lost() from error
        except AmiRefused as error:
            raise PbxRefused(same(error)) from error

    async def _written(self, wanted: Rendered) -> tuple[dict[str, str], list[str]]:
        """Write what differs; return what the files held before, and the names of those that changed."""

        def write() -> tuple[dict[str, str], list[str]]:
            before = files.read(self._etc, LIVE_FILES)
            changed = [name for name, text in wanted.texts.items() if before.get(name) != text]
            files.write(self._etc, {name: wanted.texts[name] for name in changed})
            if files.lay_music(self._settings):
                changed.append("musiconhold.conf")
            return before, changed

        try:
            return await asyncio.to_thread(write)
        except OSError as error:
            raise cannot_write(error.filename or self._etc, error) from None

    async def _bring(
        self, wanted: Rendered, changed: list[str], before: dict[str, str], variables: dict[str, str]
    ) -> None:
        try:
            found = await self._attempt(wanted, changed, wanted.globals)
            if found and self._verified is None:  # it may run with files that are older than those on the disk
                found = await self._attempt(wanted, list(_MODULES), wanted.globals)
        except AmiUnavailable as error:
            log.warning("pbx.link_lost", why=str(error))
            found = [_LINK_LOST]
        if not found:
            return
        log.error("pbx.refused", found=[said.en for said in found])
        left = await self._restored(before, changed, variables)
        raise PbxRefused(_why(found, left))

    async def _restored(
        self, before: dict[str, str], changed: list[str], variables: dict[str, str]
    ) -> list[Bilingual]:
        """Bring the old files back, and load them; return in what the PBX is not as it was."""
        old = {name: before[name] for name in changed if name in before}
        try:
            await asyncio.to_thread(files.write, self._etc, old)
        except OSError as error:
            return [same(str(error))]
        try:
            if self._verified is not None:
                return await self._attempt(self._verified, changed, variables)
            await self._reload(changed)
            await self._set(variables)
        except AmiRefused as error:
            return [same(error)]
        except AmiUnavailable as error:
            self._verified = None
            log.warning("pbx.not_known_to_be_restored", why=str(error))
            return [_NOT_KNOWN]
        return []

    async def _attempt(self, wanted: Rendered, changed: list[str], variables: dict[str, str]) -> list[Bilingual]:
        """Load what changed; return what speaks against it."""
        start = await asyncio.to_thread(self._log_size)
        try:
            times = await self._reload(changed)
            await self._set(variables)
            differences = await self._read_back.differences(wanted)
        except AmiRefused as error:
            return [same(error)]
        said = await self._complaints(start, times) if times else []
        return [same(line) for line in said] + [difference.said() for difference in _worst(differences)]

    async def _reload(self, changed: list[str]) -> int:
        """Reload the modules of these files; return how often SIP was. SIP comes last, and twice: see `_SAYS_SO`."""
        modules = [module for name in _MODULES if name in changed for module in _MODULES[name]]
        modules += [_MUSIC] if "musiconhold.conf" in changed else []
        if not modules:
            return 0
        modules.append(_SIP)
        for module in modules:
            await self._keeper.action("Reload", within_s=RELOAD_S, Module=module)
        return modules.count(_SIP)

    async def _set(self, variables: dict[str, str]) -> None:
        for name, value in variables.items():
            await self._hands.action("Setvar", Variable=name, Value=value)

    def _log_size(self) -> int:
        path = self._log_file
        return path.stat().st_size if path.exists() else 0

    @property
    def _log_file(self) -> Path:
        return self._settings.pbx_dir / "log" / "messages.log"

    async def _complaints(self, start: int, times: int) -> list[str]:
        """Return what the PBX's log says against its configuration since byte `start`, once it has said all of it."""

        def since() -> str:
            try:
                with self._log_file.open("rb") as file:
                    file.seek(start)
                    return file.read().decode(errors="replace")
            except OSError:  # a PBX whose log we may not read: what it shows must do
                return _SAYS_SO * times

        text = await asyncio.to_thread(since)
        try:
            async with asyncio.timeout(LOG_S):
                while text.count(_SAYS_SO) < times:
                    await asyncio.sleep(_LOOK_S)
                    text = await asyncio.to_thread(since)
        except TimeoutError:
            log.warning("pbx.log_is_late", note="what it says of the load may be missed")
        return _told(text.splitlines())


def _told(lines: Iterable[str]) -> list[str]:
    """Return the complaints among the log's lines, each once, without time and thread; never one with a secret."""
    found = [line.partition("] ")[2] for line in lines if _COMPLAINT.search(line) and _OF_NO_WEIGHT not in line]
    texts = [re.sub(r"^(WARNING|ERROR)\[\d+\] ", "", text) for text in found]
    return list(dict.fromkeys("a login is wrong" if "password" in text.lower() else text for text in texts))[:TOLD]


def _worst(found: tuple[Difference, ...]) -> tuple[Difference, ...]:
    if len(found) > TOLD:
        log.error("pbx.differs", differences=len(found))
    return found[:TOLD]


def _link_lost() -> PbxRefused:
    """Return the error for a link that was lost before anything was written."""
    return PbxRefused(_why([_LINK_LOST], []))


def _why(found: list[Bilingual], left: list[Bilingual]) -> Bilingual:
    told = joined("; ", found)
    if _NOT_KNOWN in left:
        return Bilingual(
            f"PBX tidak menerima konfigurasi ini: {told.id}. Berkasnya tetap seperti sebelumnya; {_NOT_KNOWN.id}. "
            "Layanan memulihkannya begitu PBX terhubung lagi.",
            f"The PBX did not take it: {told.en}. Its files are as before; {_NOT_KNOWN.en}. The service puts that "
            "right as soon as the PBX can be reached again.",
        )
    if left:
        lost = joined("; ", left)
        return Bilingual(
            f"PBX tidak menerima konfigurasi ini: {told.id}. Konfigurasi lama pun tidak utuh lagi: {lost.id}. Mulai "
            "ulang PBX.",
            f"The PBX did not take it: {told.en}. The old configuration is not whole either: {lost.en}. Restart the "
            "PBX.",
        )
    return Bilingual(
        f"PBX tidak menerima konfigurasi ini: {told.id}. Semuanya tetap seperti sebelumnya.",
        f"The PBX did not take it: {told.en}. Everything is as before.",
    )
