"""What the PBX tells of trunks that it asks (`qualify_s`): whether their other side answers OPTIONS."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
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

    async def look(self, keeper: AmiLink, trunks: Collection[str]) -> None:
        """Ask for these, one after another: no list of the PBX has the contacts that its configuration names.

        What the PBX does not tell is left as it was: nothing is decided by it.
        """
        for trunk in trunks:
            try:
                answer = await keeper.action(
                    "PJSIPShowEndpoint", listing="EndpointDetailComplete", Endpoint=f"{TRUNK_PREFIX}{trunk}"
                )
            except AmiRefused as error:
                # A trunk that the PBX has not been told of yet is a refusal, too.
                log.info("trunks.not_shown", trunk=trunk, why=str(error))
                continue
            except AmiUnavailable as error:
                log.info("trunks.not_shown", trunk=trunk, why=str(error))
                return
            for event in answer.events:
                if event.name == "ContactStatusDetail":
                    self._seen(event.fields.get("AOR", ""), event.fields.get("Status", ""))

    def _seen(self, aor: str, status: str) -> None:
        if aor.startswith(TRUNK_PREFIX) and aor.endswith(WATCHED) and status in _REACHABLE:
            key = aor[len(TRUNK_PREFIX) : -len(WATCHED)]
            self._trunks.seen(key, _REACHABLE[status], self._now_us())
