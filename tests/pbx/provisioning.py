"""What the tests of provisioning write into a table, and how they ask the PBX itself what it has of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

from demo.softphone import NET_S
from tests.pbx.ground import Document, Ground

BROKEN = {
    "unknown codec": ("pjsip.conf", "allow = alaw,ulaw", "allow = g7xx"),
    "codec of another trunk": ("pjsip.conf", "allow = gsm", "allow = ulaw"),
    "unknown dtmf mode": ("pjsip.conf", "dtmf_mode = info", "dtmf_mode = smoke"),
    "unknown template": ("pjsip.conf", "[trunk-new](callrouter-trunk)", "[trunk-new](nobody)"),
    "section without end": ("pjsip.conf", "[trunk-new](callrouter-trunk)", "[trunk-new"),
    "file that ends early": ("pjsip.conf", "[op1](callrouter-endpoint)", "; [op1"),
    "address of everybody": ("pjsip.conf", "match = 127.0.0.7", "match = 0.0.0.0/0"),
    "address of nobody": ("pjsip.conf", "match = 127.0.0.7", "match = 300.1.1.1"),
    "login of another": ("pjsip.conf", "username = op2", "username = op1"),
    "queue that is not read": ("queues.conf", "[night](callrouter)", "[night](nobody)"),
    "unknown word in a queue": ("queues.conf", "strategy = ringall", "strategy = ringall\nfoo = 3"),
    "queues cut off": ("queues.conf", "[callrouter-", "; [callrouter-"),
}
"""What is wrong in which file: a text of it, and what stands there instead."""
NAMES = [
    'He said "hi"',
    "a;b",
    "[op9]",
    "x => y",
    "<op9>",
    "a,b&c|d",
    "${SHELL(id)}",
    "{{ keeper_secret }}",
    "#include /etc/passwd",
    "🚒 Pemadam 🚒",
    "\\",
    ";--",
    "名" * 80,
    "e\u0301" * 40,
    "x" * 80,
    "-",
    "null",
]
PASSWORDS = [
    "a;b",
    ";--",
    "\\;",
    "\\",
    "=>x",
    ">x",
    '"q"',
    "[op9]",
    "${X}",
    "{{x}}",
    "#include",
    "x" * 128,
    "a=b",
    "!~",
]


def add(**fields: Any) -> Callable[[Document], object]:
    """Return what adds a trunk to a directory."""
    trunk = {"key": "new", "kind": "neighbour"} | fields
    return lambda directory: directory["trunks"].append(trunk)


async def shown(ground: Ground, name: str) -> dict[str, str]:
    """Return what the PBX's own console says of an endpoint: another witness than what compares."""
    text = await ground.pbx.rx(f"pjsip show endpoint {name}")
    return dict(re.findall(r"^ (\w+) +: ?(.*?) *$", text, re.MULTILINE))


async def variables(ground: Ground) -> dict[str, str]:
    """Return the dialplan's variables; one that is empty is as good as none."""
    said = await ground.pbx.rx("dialplan show globals")
    return {name: value for name, value in re.findall(r"^ *(CR_\w[\w-]*)=(.*)$", said, re.MULTILINE) if value}


async def ring(ground: Ground, *members: str, group: str = "operators") -> None:
    """Let the telephone of op3 be a caller who waits for a ring group, once these members can be rung.

    The PBX confirms a registration first and tells its queues a moment later: a caller between the two is not let in.
    """
    async with asyncio.timeout(NET_S):
        while not set(members) <= await ground.queues.reachable():
            await asyncio.sleep(0.05)
    await ground.hands.action("Originate", Channel="PJSIP/op3", Application="Queue", Data=f"{group},ci,,,30")


async def members(ground: Ground) -> dict[str, dict[str, bool]]:
    """Return the groups that have members: those of other tests are kept for a while, without any."""
    return {group: found for group, found in (await ground.queues.members()).items() if found}


async def contacts(ground: Ground) -> set[str]:
    """Return where the operators' telephones are registered."""
    return set(re.findall(r"Contact: +(op\d/\S+)", await ground.pbx.rx("pjsip show contacts")))
