"""What a capture of tcpdump's holds: SIP messages and RTP packets, in the order in which the kernel saw them."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import dpkt  # type: ignore[import-untyped]

from bench.stream import Address
from demo.addresses import SIP_PORT

_USER: Final = re.compile(r"sips?:([^@>;]+)@")
_AUDIO: Final = re.compile(rb"^m=audio (\d+) ", re.MULTILINE)
_HOST: Final = re.compile(rb"^c=IN IP4 (\S+)", re.MULTILINE)
_RTP_HEADER: Final = 12


@dataclass(frozen=True)
class Sip:
    """One SIP message. at: s since 1970 UTC; status: None of a request; method: of CSeq; user: of From.

    sound: where its SDP wants RTP, None without SDP
    """

    at: float
    source: Address
    target: Address
    status: int | None
    method: str
    call_id: str
    cseq: str
    user: str
    sound: Address | None = None

    @property
    def same(self) -> tuple[object, ...]:
        """What two messages share of which the second is the first one, sent again."""
        return (self.source, self.target, self.status, self.method, self.call_id, self.cseq)


@dataclass(frozen=True)
class Rtp:
    """One RTP packet. payload: its A-law"""

    at: float
    source: Address
    target: Address
    payload: bytes


def read(file: Path) -> Iterator[Sip | Rtp]:
    """Yield what a capture holds; what is neither SIP nor RTP is left out. ValueError if it is no capture."""
    with file.open("rb") as stream:
        for at, frame in dpkt.pcap.Reader(stream):
            found = parse(float(at), frame)
            if found is not None:
                yield found


def parse(at: float, frame: bytes) -> Sip | Rtp | None:
    """Return what an Ethernet frame of loopback holds; None if it is neither SIP nor RTP, or was cut off."""
    try:
        packet = dpkt.ethernet.Ethernet(frame).data
    except dpkt.UnpackError:
        return None
    if not isinstance(packet, dpkt.ip.IP) or not isinstance(packet.data, dpkt.udp.UDP):
        return None
    datagram = packet.data
    source = (socket.inet_ntoa(packet.src), int(datagram.sport))
    target = (socket.inet_ntoa(packet.dst), int(datagram.dport))
    data = bytes(datagram.data)
    if SIP_PORT in (source[1], target[1]):
        return _sip(at, source, target, data)
    if len(data) <= _RTP_HEADER or data[0] >> 6 != dpkt.rtp.VERSION or 200 <= data[1] <= 204:  # RTCP: RFC 5761, 4
        return None
    return Rtp(at, source, target, bytes(dpkt.rtp.RTP(data).data))


def _sip(at: float, source: Address, target: Address, data: bytes) -> Sip | None:
    status = None
    try:
        if data.startswith(b"SIP/2.0 "):
            message = dpkt.sip.Response(data)
            status = int(message.status)
        else:
            message = dpkt.sip.Request(data)
    except (dpkt.UnpackError, ValueError):
        return None
    headers = message.headers
    user = _USER.search(str(headers.get("from", headers.get("f", ""))))
    cseq = str(headers.get("cseq", ""))
    if not cseq:
        return None
    method = cseq.rsplit(maxsplit=1)[-1]
    call_id = str(headers.get("call-id", headers.get("i", "")))
    return Sip(at, source, target, status, method, call_id, cseq, user[1] if user else "", _sound(data))


def _sound(data: bytes) -> Address | None:
    port, host = _AUDIO.search(data), _HOST.search(data)
    return (host[1].decode(), int(port[1])) if port and host else None
