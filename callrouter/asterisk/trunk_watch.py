"""What the PBX tells of trunks that it asks (`qualify_s`): whether their other side answers OPTIONS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import structlog

from callrouter.asterisk.ami import AmiEvent, AmiLink, AmiRefused, AmiUnavailable
from callrouter.asterisk.provisioned import WATCHED
from callrouter.asterisk.variables import TRUNK_PREFIX
from callrouter.calls.trunks import Trunks

log = structlog.get_logger(__name__)

_REACHABLE: Final[Mapping[str, bool | None]] = {"Reachable": True, "Unreachable": False, "NonQualified": None}
"""Asterisk 22, res/res_pjsip/pjsip_options.c: what a contact's status can be, beside that it came or went."""


class TrunkWatch:
    """Follows them: by events, and by a look at each login. now_us: the wall clock, µs UTC."""

    def __init__(self, trunks: Trunks, now_us: Callable[[], int]) -> None:
        self._trunks = trunks
        self._now_us = now_us

    def heard(self, event: AmiEvent) -> None:
        """Take one event; others than ContactStatus are not looked at."""
        if event.name == "ContactStatus":
            self._seen(event.fields.get("AOR", ""), event.fields.get("ContactStatus", ""))

    async def look(self, hands: AmiLink) -> None:
        """Ask for all of them. What the PBX does not tell is left as it was: nothing is decided by it."""
        try:
            answer = await hands.action("PJSIPShowContacts", listing="ContactListComplete")
        except (AmiRefused, AmiUnavailable) as error:
            # "No Contacts found" is a refusal, too.
            log.info("trunks.not_shown", why=str(error))
            return
        for event in answer.events:
            if event.name == "ContactList":
                self._seen(event.fields.get("Aor", ""), event.fields.get("Status", ""))

    def _seen(self, aor: str, status: str) -> None:
        if aor.startswith(TRUNK_PREFIX) and aor.endswith(WATCHED) and status in _REACHABLE:
            key = aor[len(TRUNK_PREFIX) : -len(WATCHED)]
            self._trunks.seen(key, _REACHABLE[status], self._now_us())
