"""As much of a SIP message (RFC 3261) as tells what became of an INVITE.

The PBX has parsed these messages already, but what it copies is what the network sent: anything may be in it. Nothing
here raises, and the work for one message is bounded.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

MAX_HEAD: Final = 16_384
"""Bytes of a message that are looked at."""
MAX_LINES: Final = 200
MAX_NUMBER: Final = 64
MAX_REASON: Final = 100

_COMPACT: Final = {b"v": b"via", b"f": b"from", b"t": b"to", b"i": b"call-id"}
"""Section 7.3.3."""
_PROOFS: Final = (b"authorization", b"proxy-authorization")
_CHALLENGES: Final = (b"www-authenticate", b"proxy-authenticate")
_NEEDED: Final = {name: name for name in (*_COMPACT.values(), b"cseq", *_PROOFS, *_CHALLENGES)} | _COMPACT
_LINE_END: Final = re.compile(rb"\r?\n")
_STATUS: Final = re.compile(rb"SIP/2\.0 ([1-6][0-9][0-9]) ?(.*)", re.DOTALL)
_CSEQ: Final = re.compile(rb"([0-9]{1,10})[ \t]+([A-Z]+)")
_OF_INVITE: Final = re.compile(rb"\n[Cc][Ss][Ee][Qq]\s*:\s*[0-9]+\s+INVITE")
_BRANCH: Final = re.compile(rb";[ \t]*branch[ \t]*=[ \t]*([^;, \t]+)", re.IGNORECASE)
_TAG: Final = re.compile(rb";[ \t]*tag[ \t]*=", re.IGNORECASE)
_STALE: Final = re.compile(rb"\bstale[ \t]*=[ \t]*\"?true", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Invite:
    """An INVITE: `key` names its transaction, `number` is the user part of From; `in_dialog` if its call is up.

    call:   names the call, which goes on with another INVITE after a challenge
    proven: it claims to prove who sends it (RFC 8760)
    """

    key: bytes
    number: str
    in_dialog: bool
    call: bytes = b""
    proven: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """A response to an INVITE, with the same `key` as that. stale: the proof was right, and only too old."""

    key: bytes
    status: int
    reason: str
    stale: bool = False


def tells_of_invite(message: bytes) -> bool:
    """Return False for a message of which `read` makes nothing, or a Trying: at a glance, for most are such."""
    start = message.lstrip(b"\r\n") if message[:1] in {b"\r", b"\n"} else message
    if start.startswith(b"SIP/2.0 "):
        return not start.startswith(b"SIP/2.0 100") and _OF_INVITE.search(start) is not None
    return start.startswith(b"INVITE ")


def read(message: bytes) -> Invite | Reply | None:
    """Return what the message says of an INVITE; None where it speaks of none, or cannot be read."""
    start = message.lstrip(b"\r\n") if message[:1] in {b"\r", b"\n"} else message
    if not start.startswith((b"INVITE ", b"SIP/2.0 ")):
        return None
    first, *lines = _LINE_END.split(start[:MAX_HEAD], MAX_LINES)
    told = headers(lines, _NEEDED)
    cseq = _CSEQ.match(told.get(b"cseq", b""))
    if cseq is None or cseq[2] != b"INVITE" or not told.get(b"call-id"):
        return None
    # The top Via is a request's own (section 17.2.3). A response has it back, with parameters added behind.
    branch = _BRANCH.search(told.get(b"via", b""))
    parts = (told[b"call-id"], b"%d" % int(cseq[1]), branch[1] if branch else b"")
    key = hashlib.blake2b(b"\n".join(parts), digest_size=16).digest()
    if first.startswith(b"INVITE "):
        call = hashlib.blake2b(told[b"call-id"], digest_size=16).digest()
        proven = any(name in told for name in _PROOFS)
        return Invite(key, number_of(told.get(b"from", b"")), _has_tag(told.get(b"to", b"")), call, proven)
    status = _STATUS.fullmatch(first)
    stale = any(_STALE.search(told.get(name, b"")) for name in _CHALLENGES)
    return None if status is None else Reply(key, int(status[1]), _text(status[2], MAX_REASON), stale)


def headers(lines: Sequence[bytes], names: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Return the first of each header in `names`, unfolded (section 7.3.1). An empty line ends them.

    names: what each header is to be called, by its name and by its compact form, in lower case
    """
    found: dict[bytes, bytes] = {}
    folded: list[bytes] = []
    name: bytes | None = None
    for line in [*lines, b""]:
        if line[:1] in {b" ", b"\t"}:
            folded.append(line.strip())
            continue
        if name is not None:
            found[name] = b" ".join(folded)
        if not line:
            break
        before, _, value = line.partition(b":")
        name = names.get(before.strip().lower())
        if name in found:
            name = None
        folded = [value.strip()]
    return found


def number_of(header: bytes) -> str:
    """Return the user part of the address in a From header, as text; empty where there is none."""
    # A display name may hold anything, but what it holds stands before the address.
    _, bracket, address = header.rpartition(b"<")
    uri = address.partition(b">")[0] if bracket else header.partition(b";")[0]
    scheme, _, rest = uri.strip().partition(b":")
    match scheme.lower():
        case b"sip" | b"sips":
            user, at, _ = rest.partition(b"@")
            user = user if at else b""
        case b"tel":
            user = rest
        case _:
            return ""
    return _text(unquote_to_bytes(re.split(rb"[;:]", user, maxsplit=1)[0][: 3 * MAX_NUMBER]), MAX_NUMBER)


def _has_tag(header: bytes) -> bool:
    return _TAG.search(header.rpartition(b">")[2]) is not None


def _text(value: bytes, limit: int) -> str:
    return value.decode("utf-8", "replace").strip()[:limit]
