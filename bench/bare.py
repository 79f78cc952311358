"""The yardstick: a second Asterisk of the same build, configured as ours is, with a dialplan that does the least.

It answers, plays the same clips with the same ``Read``, takes one digit and dials the same agency. No service, no
journal, no events: the difference between the two is all that callrouter adds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from callrouter import prepare
from callrouter.asterisk.pbx import Pbx
from callrouter.calls.menu import menu_data
from callrouter.routing.decide import compile_table, decide
from callrouter.routing.directory import TrunkKind
from callrouter.routing.facts import Choice, Facts, Origin
from callrouter.routing.plan import Dial, Target
from callrouter.routing.table import RoutingTable
from demo.addresses import Addresses, free_port
from demo.centre import Centre

DIGIT_S: Final = 5
RING_S: Final = 20
_DIALPLAN: Final = """\
[general]
static=yes
writeprotect=yes

[callrouter-from-carrier]
exten => 112,1,Answer()
 same => n,Read(DIGIT,{clips},1,n,1,{digit_s})
 same => n,GotoIf($["${{DIGIT}}"="{digit}"]?dial)
 same => n,Hangup()
 same => n(dial),Dial({target},{ring_s})
 same => n,Hangup()
"""


@asynccontextmanager
async def bare_pbx(folder: Path, centre: Centre, digit: str) -> AsyncIterator[str]:
    """Run the bare PBX beside `centre`; yields its SIP address ("host:port").

    It takes calls from the same carrier and dials what the table's route for `digit` dials first. ValueError where
    that is not a single contact.
    """
    addresses = Addresses()
    try:
        settings = centre.settings.model_copy(
            update={
                "state": folder,
                "sip_host": addresses.host(1),
                "rtp_from": addresses.rtp_from,
                "rtp_to": addresses.rtp_to,
                "agi_port": free_port(),
                "ami_port": free_port(),
                # Its operators have the secrets that ours have.
                "database_url": SecretStr(centre.settings.database),
                "key_file": centre.settings.key_path,
            }
        )
        folder.mkdir(parents=True)
        settings.prompts_dir.symlink_to(centre.settings.prompts_dir)
        asterisk, _ = await prepare.render_pbx(settings, centre.table, 1)
        (settings.pbx_dir / "etc" / "extensions.conf").write_text(_dialplan(centre.table, digit))
        pbx = Pbx(asterisk, settings.pbx_dir, settings.asterisk_timezone)
        try:
            await pbx.start()
            yield f"{settings.sip_host}:{settings.sip_port}"
        finally:
            await pbx.stop()
    finally:
        addresses.close()


def _dialplan(table: RoutingTable, digit: str) -> str:
    menu = menu_data(table)
    clips = "&".join(f"cr/{clip}" for clip in menu.clips[""])
    target = first_target(table, digit)
    dialled = f"PJSIP/{target.number}@trunk-{target.trunk}"
    return _DIALPLAN.format(clips=clips, digit=digit, digit_s=DIGIT_S, target=dialled, ring_s=RING_S)


def first_target(table: RoutingTable, digit: str) -> Target:
    """Return whom a citizen who presses `digit` is put through to first. ValueError where that is not one contact."""
    category = menu_data(table).meaning[digit]
    carrier = next(trunk for trunk in table.directory.trunks if trunk.kind is TrunkKind.CARRIER)
    facts = Facts(
        origin=Origin.CITIZEN, choice=Choice.NONE, category=category, trunk=carrier.key, trunk_kind=carrier.kind
    )
    step = decide(compile_table(table, 1), facts, datetime.now(UTC)).steps[0]
    if not isinstance(step, Dial) or len(step.targets) != 1:
        raise ValueError(f"{category} is not put through to one contact first")
    return step.targets[0]
