"""The directory: who and what there is. It takes effect at once and is not versioned; routing names it by key."""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, field_validator

from callrouter.bilingual import Bilingual, RefusedValue
from callrouter.mailaddress import EMAIL_PATTERN
from callrouter.routing.values import AreaCode, Key, Number, Text, Value, one_line

USERNAME_PATTERN: Final = r"^[A-Za-z0-9._+-]{1,64}$"
MAX_CONTACTS: Final = 8
MAX_CHANNELS: Final = 2_000
MAX_TRUNKS: Final = 200
MAX_AGENCIES: Final = 500
MAX_OPERATORS: Final = 500


class TrunkKind(StrEnum):
    """Who is at the other end of a trunk."""

    CARRIER = "carrier"
    AGENCY = "agency"
    NEIGHBOUR = "neighbour"


class Transport(StrEnum):
    """What carries SIP on a trunk (RFC 3261, section 18)."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


class Dtmf(StrEnum):
    """How digits come: as RTP events (RFC 4733), in SIP INFO, as tones, or whichever the other side offers."""

    RFC4733 = "rfc4733"
    INFO = "info"
    INBAND = "inband"
    AUTO = "auto"


class Login(Value):
    """How we prove ourselves to the other side (digest, RFC 8760). Its password is a secret kept elsewhere."""

    username: Annotated[str, StringConstraints(pattern=USERNAME_PATTERN)]
    register_here: bool = False
    """True: also register there (RFC 3261, section 10), as carriers with changing lines ask."""
    expires_s: int = Field(default=600, ge=60, le=7_200)


class Trunk(Value):
    """A SIP line, known by its address alone (RFC 3261; never by a name that anyone may claim)."""

    key: Key
    kind: TrunkKind
    host: str
    port: int = Field(default=5060, ge=1, le=65535)
    transport: Transport = Transport.UDP
    enabled: bool = True
    """False: no call is offered on it, and calls from it are not let in."""
    channels: int = Field(default=30, ge=0, le=MAX_CHANNELS)
    """Calls it carries at once, both ways. A call that comes in is never refused for it; none goes out above it."""
    codecs: tuple[Literal["alaw", "ulaw", "gsm"], ...] = Field(default=("alaw", "ulaw"), min_length=1)
    dtmf: Dtmf = Dtmf.RFC4733
    qualify_s: int = Field(default=0, ge=0, le=3_600)
    """How often the other side is asked whether it lives (OPTIONS); 0: never. A hint, shown to people."""
    login: Login | None = None
    trusted_identity: bool = False
    """True: what the other side says of its caller is believed, where it says something: his number in
    P-Asserted-Identity (RFC 3325), and his area by the location in the INVITE (RFC 6442)."""
    presented_number: Number | None = None
    """The number that calls going out on it show; None: the caller's own."""
    early_media: bool = False
    """True: the menu plays before the call is answered (183), for a carrier that charges or counts by 200."""
    area: AreaCode | None = None
    """The area that its calls come from, where the line serves but one."""

    @field_validator("host")
    @classmethod
    def _address(cls, host: str) -> str:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            raise RefusedValue(
                Bilingual(
                    "host sebuah trunk harus alamat IP (sebuah nama bisa menunjuk ke pihak asing)",
                    "a trunk's host is an IP address (a name could resolve to a stranger)",
                )
            ) from None
        # An IPv4 address in the clothes of IPv6 (RFC 4291, 2.5.5.2) is that machine, whatever its spelling.
        if address.version == 6 and address.ipv4_mapped is not None and "%" not in host:
            address = address.ipv4_mapped
        # A scope ("%…") may hold any character, line breaks too, and would reach the PBX's configuration.
        if "%" in host or address.is_unspecified or address.is_multicast:
            raise RefusedValue(
                Bilingual(
                    "host sebuah trunk harus alamat satu mesin, tanpa scope",
                    "a trunk's host is the address of one machine, without a scope",
                )
            )
        return str(address)

    @property
    def usable(self) -> bool:
        """True where a call can be offered on it."""
        return self.enabled and self.channels > 0


class Contact(Value):
    """One way to reach an agency: a number dialled on a trunk."""

    key: Key
    trunk: Key
    number: Number
    confirm: bool = False
    """True: whoever answers must press 1 before the caller is joined (mobile phones, voicemail)."""
    enabled: bool = True
    max_calls: int = Field(default=0, ge=0, le=MAX_CHANNELS)
    """Calls that we let it have at once; 0: as many as its trunk carries."""


class _Notified(Value):
    key: Key
    enabled: bool = True
    ack_within_s: int = Field(default=120, ge=10, le=3_600)
    """How long its acknowledgement is waited for before the next contact point is told (s)."""


class WebhookContact(_Notified):
    """Where an agency's own system is told of an incident, by HTTP."""

    channel: Literal["webhook"]
    url: str = Field(min_length=8, max_length=500)
    """http or https. In which networks it may lie is a setting of the deployment."""

    @field_validator("url")
    @classmethod
    def _url(cls, url: str) -> str:
        if not is_webhook_url(url):
            raise RefusedValue(
                Bilingual(
                    "url harus seperti https://dinas.example/112, tanpa nama pengguna dan tanpa #",
                    "a url is like https://agency.example/112, without a user's name and without #",
                )
            )
        return url


class EmailContact(_Notified):
    """Where an agency is told of an incident by e-mail."""

    channel: Literal["email"]
    address: Annotated[str, StringConstraints(pattern=EMAIL_PATTERN, max_length=200)]


class PhoneContact(_Notified):
    """Whom an agency has on a telephone: a call speaks the incident to him, and he presses 1 to accept it."""

    channel: Literal["phone"]
    trunk: Key
    """The call leaves at least one of its channels to callers."""
    number: Number


NoticeContact = Annotated[WebhookContact | EmailContact | PhoneContact, Field(discriminator="channel")]
"""One way in which an agency is told of an incident that is passed to it without a call."""


def is_webhook_url(url: str) -> bool:
    """Return whether `url` is one that a notice can be sent to: http or https, a host, nothing that hides another."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return (
        all("!" <= c <= "~" and c not in '"<>\\^`{|}' for c in url)
        and parts.scheme in {"http", "https"}
        and bool(parts.hostname)
        and port != 0
        and "@" not in parts.netloc
        and "#" not in url
    )


class Agency(Value):
    """An agency (instansi) and its contact points in order."""

    key: Key
    name: Text
    contacts: tuple[Contact, ...] = Field(min_length=1, max_length=MAX_CONTACTS)
    notices: tuple[NoticeContact, ...] = Field(default=(), max_length=MAX_CONTACTS)
    """Where it is told of incidents that are passed to it, in order."""
    enabled: bool = True
    """False: it takes no calls now; plans leave it out."""


class Operator(Value):
    """A call taker with a SIP phone."""

    key: Key
    name: str = Field(min_length=1, max_length=80)
    enabled: bool = True
    """False: his phone is not let in, and he is on no duty."""

    _line = field_validator("name")(one_line)


class Directory(Value):
    """Who and what there is."""

    trunks: tuple[Trunk, ...] = Field(default=(), max_length=MAX_TRUNKS)
    agencies: tuple[Agency, ...] = Field(default=(), max_length=MAX_AGENCIES)
    operators: tuple[Operator, ...] = Field(default=(), max_length=MAX_OPERATORS)
