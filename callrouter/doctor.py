"""`callrouter doctor`: the running PBX examined from outside, with pyst2 and not with our own AMI and AGI code."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final
from uuid import uuid4

from callrouter import mounts
from callrouter.asterisk.render import read_secrets
from callrouter.asterisk.witness import Witness
from callrouter.bilingual import Bilingual
from callrouter.listening import exposed, exposure
from callrouter.prepare import require_rendered
from callrouter.settings import Settings

WAIT_S: Final = 10.0
Say = Callable[[str], None]


def examine(settings: Settings, say: Say) -> bool:
    """Log in as both users, run the AGI self-test on a channel of the PBX, and say what came of each.

    Returns True if all is well. Raises OperatorError if the PBX has no configuration of ours, cannot be reached or
    refuses a login.
    """
    require_rendered(settings)

    def tell(in_indonesian: str, in_english: str) -> None:
        say(Bilingual(in_indonesian, in_english).said(settings.language))

    for part in exposed(settings):
        say(exposure(settings, part).said(settings.language))
    for told in mounts.warnings(settings):
        say(told.said(settings.language))
    keys = read_secrets(settings.secrets_dir)
    ticket = uuid4().hex
    done = threading.Event()
    nodes: list[str] = []

    def on_event(event: Any, _manager: Any) -> None:
        if event.get_header("UserEvent") == "CRSelftest" and event.get_header("Selftest") == ticket:
            nodes.append(event.get_header("Node") or "")
            done.set()

    with Witness(settings.ami_host, settings.ami_port, "keeper", keys.keeper):
        tell("AMI: keeper dapat login", "AMI: keeper may log in")
    with Witness(settings.ami_host, settings.ami_port, "hands", keys.hands) as witness:
        tell("AMI: hands dapat login", "AMI: hands may log in")
        witness.on("UserEvent", on_event)
        witness.originate_selftest(ticket)
        if not done.wait(WAIT_S):
            tell(
                f"AGI: uji mandiri tidak dijawab dalam {WAIT_S:.0f} detik; lihat log PBX di {settings.pbx_dir}",
                f"AGI: no answer of the self-test within {WAIT_S:.0f} s; see the PBX's log in {settings.pbx_dir}",
            )
            return False
    if nodes != [settings.node]:
        tell(
            f"AGI: PBX menyebut dirinya {', '.join(nodes)}, sedangkan layanan ini mengharapkan {settings.node}",
            f"AGI: the PBX says it is {', '.join(nodes)}, this service expects {settings.node}",
        )
        return False
    tell(
        f"AGI: PBX menjalankan uji mandiri dan bernama {settings.node}",
        f"AGI: the PBX ran the self-test and is {settings.node}",
    )
    return True
