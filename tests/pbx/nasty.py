"""Values that a stranger, or a slip, may put where a table wants a name, a key or a number."""

from __future__ import annotations

from typing import Final

LONG: Final = "x" * 10_000

BREAKS: Final = (
    "\r\nAction: Originate\r\nChannel: Local/s@callrouter-112\r\n\r\n",
    "\nSET VARIABLE X 1",
    "\n[op9]\ntype = endpoint",
    "\r",
    "\n",
    "\0",
    "\x1b[2J",
    "\x7f",
    "\x0b",
    "\x85",
    "\u2028[op9]",
    "\u2029",
)
"""What would end a line somewhere, or cut it."""

WORDS: Final = (
    '"',
    "'",
    '"quoted"',
    '\\"',
    "\\",
    "\\\\;",
    "\\n[op9]",
    ";",
    "a;b",
    ";--",
    "--;",
    "; comment",
    "#",
    "#include /etc/passwd",
    "#exec touch x",
    "[x]",
    "[general]",
    "](!)",
    "(callrouter-trunk)",
    "=> exten",
    "type = endpoint",
    "+= x",
    "${SHELL(id)}",
    "$[1+1]",
    "${CR_SECRET}",
    "%{SHELL(id)}",
    "{{ hands_secret }}",
    "{% raw %}",
    "{name}",
    "%s%n",
    ",",
    "|",
    "!",
    "^",
    "~",
    "&",
    "a,b&c|d!e^f~g",
    "@",
    "<",
    ">",
    "x <sip:1@2>",
    "PJSIP/1@trunk-x&Local/2@callrouter-112",
    "x!record,1",
    "../../etc/passwd",
    "-- --help",
    "--phonout=x",
    "@sentinel@",
    "🚒",
    "👨\u200d🚒",
    "ك\u0654",
    "e\u0301",
    "\uff11\uff11\uff12",
    "٣",
    "²",
    "İ",
    "ß",
    "名",
    "\ue000",
    "\uffff",
    "\u00a0",
    "\u3164",
)
"""One line of characters that mean something to the PBX, to a template or to a voice; and scripts of the world."""

UNSEEN: Final = (
    "\u202e",
    "\u2066",
    "\u200f",
    "\u061c",
    "\ud800",
    "\udfff x",
)
"""What turns the direction of writing, and half characters."""

WHOLE: Final = (
    "",
    " ",
    "\t",
    "null",
    "true",
    "-1",
    "NaN",
    "unknown",
    "general",
    "static",
    "callrouter-plan",
    "trunk-x",
    "127.1",
    "0x7f000001",
    "0.0.0.0",  # noqa: S104 - an address that must be refused
    "0.0.0.0/0",
    "10.0.0.1/8",
    "10.0.0.1,10.0.0.2",
    "10.0.0.1:5061",
    "10.0.0.1\nmatch = 0.0.0.0/0",
    "[::1]",
    "fe80::1%eth0",
    "fe80::1%x\n[op9]",
    "::",
    "::ffff:10.0.0.1",
    "255.255.255.255",
    "localhost",
    "25:00",
    "24:00",
    "2026-02-30",
    "https://x/\n[op9]",
    "https://x/a b",
    "javascript:alert(1)",
    "urn:service:sos\n",
    "Asia/../../etc/passwd",
    "/etc/localtime",
    LONG,
    "名" * 3_334,
)
"""Values that stand for themselves, some of them right in one place or another."""


def variants(usual: str) -> list[str]:
    """Return hostile values for a place where `usual` stands: alone, and with it."""
    parts = [*BREAKS, *WORDS, *UNSEEN]
    return [
        *WHOLE,
        *parts,
        *(usual + part for part in BREAKS),
        *(part + usual for part in BREAKS),
        *(usual[:1] + part + usual[1:] for part in parts),
    ]
