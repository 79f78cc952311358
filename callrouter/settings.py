"""Settings, from the environment: every name below with the prefix ``CALLROUTER_``.

Lists are written with commas. A name that is none of ours, or a value that is empty, is an error: a misspelt
``CALLROUTER_DATABASE_URL`` would otherwise put the calls into another database than was meant.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from callrouter.bilingual import Bilingual, RefusedValue, joined, reason
from callrouter.environment import PREFIX, explained, joined_names, misnamed
from callrouter.errors import OperatorError
from callrouter.mailaddress import EMAIL_PATTERN

Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=600)]
Digits = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
SmtpSecurity = Literal["starttls", "tls", "none"]
RecordedSide = Literal["operator", "agency"]


class Timers(BaseSettings):
    """How long things may take, in seconds, as the dialplan and the service use them.

    The defaults are what a caller should meet; tests use shorter ones.
    """

    model_config = SettingsConfigDict(
        env_prefix="CALLROUTER_TIMER_", use_attribute_docstrings=True, frozen=True, extra="forbid"
    )

    lease_s: Seconds = 2
    """The service's time to answer a waiting call; then the PBX goes on alone."""
    digit_s: Seconds = 5
    """Silence after the menu before it is repeated."""
    menu_tries: Annotated[int, Field(ge=1, le=5)] = 3
    """How often the menu is played to a caller who says nothing or presses a wrong digit."""
    no_progress_s: Annotated[int, Field(ge=1, le=15)] = 5
    """A trunk that gives no sign of ringing is given up after this."""
    confirm_s: Annotated[int, Field(ge=1, le=15)] = 4
    """Time for the 1 after the announcement."""
    short_talk_s: Seconds = 3
    """A callee who vanishes within this is taken as no answer."""
    member_ring_s: Annotated[int, Field(ge=1, le=60)] = 15
    """How long an operator's phone rings before the group is rung anew."""
    first_media_s: Annotated[int, Field(ge=1, le=10)] = 3
    """An agency's line that answers and sends no sound within this is taken as no answer."""
    static_ring_s: Annotated[int, Field(ge=1, le=60)] = 25
    """How long the static numbers ring."""
    after_s: Annotated[int, Field(ge=1, le=10)] = 4
    """After a talk that the callee ended: time to press 0 for an operator."""
    message_silence_s: Annotated[int, Field(ge=1, le=30)] = 5
    """Silence that ends a message."""


class Settings(BaseSettings):
    """Everything that can be set. Paths are created where missing; see `load` for errors."""

    model_config = SettingsConfigDict(
        env_prefix="CALLROUTER_", use_attribute_docstrings=True, frozen=True, extra="ignore"
    )

    state: Path = Path(".state")
    """Folder for everything that is written: database, journal, rendered PBX configuration, prompts."""
    node: Digits = "pbx1"
    """Name of the PBX beside this service."""
    database_url: SecretStr | None = None
    """SQLAlchemy URL, ``sqlite:///file`` or ``postgresql://user:password@host/name``; default: SQLite in `state`."""
    database_url_file: Path | None = None
    """File that holds the URL, so that no password is in the environment; counts where `database_url` is unset."""
    niceness: Annotated[int, Field(ge=0, le=19)] = 10
    """How far `serve` stands back where there is too little CPU (nice(2)): at 10 the PBX has nine times its share,
    for callers hear the PBX. A service that comes too late is no silence: the PBX goes on alone."""
    language: Annotated[str, Field(pattern="^(id|en)$")] = "id"
    """Language of messages to operators and admins."""

    sip_host: str = "127.0.0.1"
    """Address on which the PBX takes SIP."""
    sip_port: Port = 5060
    """Its port (UDP)."""
    rtp_from: Port = 20000
    """First port of the PBX for sound."""
    rtp_to: Port = 29999
    """Last port of the PBX for sound."""
    agi_host: str = "127.0.0.1"
    """Address on which the service takes the PBX's questions."""
    agi_port: Port = 4573
    """Its port."""
    agi_peers: Annotated[tuple[str, ...], NoDecode] = ("127.0.0.1",)
    """Addresses that may ask over AGI: the PBX's."""
    ami_host: str = "127.0.0.1"
    """Address of the PBX's manager interface."""
    ami_port: Port = 5038
    """Its port."""
    ami_peers: Annotated[tuple[str, ...], NoDecode] = ("127.0.0.0/255.0.0.0",)
    """Networks from which the PBX takes AMI logins: the service's."""
    api_host: str = "127.0.0.1"
    """Address of the REST surface."""
    api_port: Port = 8112
    """Its port."""
    hep_host: str = "127.0.0.1"
    """Address on which the service takes the PBX's copies of SIP messages."""
    hep_port: Port = 9060
    """Its port (UDP); senders are those of `agi_peers`. Refused calls are counted from the copies."""
    trunk_networks: Annotated[tuple[str, ...], NoDecode] = (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
    )
    """Networks in which the host of a trunk may lie; another is refused, whoever enters it."""
    sip_tls_port: Port = 5061
    """Port on which the PBX takes SIP over TLS, where `sip_tls_cert` is set."""
    sip_tls_cert: Path | None = None
    """Certificate (PEM) of the PBX for SIP over TLS; unset: there is none, and trunks cannot ask for it."""
    sip_tls_key: Path | None = None
    """Its private key (PEM)."""
    api_tls_cert: Path | None = None
    """Certificate (PEM) of the REST surface; unset: plain HTTP."""
    api_tls_key: Path | None = None
    """Its private key (PEM)."""
    acknowledge_within_s: Annotated[int, Field(ge=10, le=86_400)] = 300
    """How long an agency has to acknowledge an incident that was passed to it (s)."""
    notice_networks: Annotated[tuple[str, ...], NoDecode] = (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
    )
    """Networks in which the systems of agencies that are told of incidents (webhooks) may lie; nothing is sent to
    another, whoever enters it."""
    notice_keep_trying_h: Annotated[int, Field(ge=1, le=168)] = 24
    """How long a notice to an agency that cannot be delivered is tried again (hours); then a supervisor can send it
    anew."""
    notice_supervisor: Annotated[str, Field(pattern=EMAIL_PATTERN, max_length=200)] | None = None
    """E-mail address that is told when an agency does not acknowledge in time; unset: the timeline and the stream of
    events tell it alone."""
    smtp_host: str | None = None
    """Mail server for notices by e-mail; unset: none are sent."""
    smtp_port: Port = 587
    """Its port."""
    smtp_security: SmtpSecurity = "starttls"
    """``starttls``, ``tls`` from the first byte, or ``none``, for a server on this machine alone."""
    smtp_sender: Annotated[str, Field(pattern=EMAIL_PATTERN, max_length=200)] | None = None
    """Address that notices by e-mail come from; needed where `smtp_host` is set."""
    smtp_user: str | None = None
    """Name to log in with at the mail server; unset: no login."""
    smtp_password_file: Path | None = None
    """File that holds the password of that login."""
    close_quiet_after_h: Annotated[int, Field(ge=0, le=8_760)] = 24
    """After how many hours without any change an abandoned or silent incident closes itself; 0: never. Its caller is
    then on the list of calls back no more."""
    two_person: bool = False
    """True: a draft is published only after someone else than who publishes it has approved it."""
    key_file: Path | None = None
    """File of the key that trunk passwords are encrypted with and the audit is signed with; unset: made in `state`.
    Keep a copy apart from the database's backups: without it neither can be read again."""
    allow_public_bind: bool = False
    """Must be true before AGI, AMI, HEP or REST may listen on anything but loopback."""

    pbx_root: Path | None = None
    """Folder of an unpacked Asterisk; unset: the system's own."""
    asterisk_timezone: str | None = None
    """TZ of the PBX process; unset: the host's. The centre's zone is the table's, whatever this says."""

    log_format: Annotated[str, Field(pattern="^(json|text)$")] = "json"
    """One JSON object a line, or text for a terminal."""
    log_level: Annotated[str, Field(pattern="^(DEBUG|INFO|WARNING|ERROR)$")] = "INFO"
    """The least that is logged."""

    max_sessions: Annotated[int, Field(ge=1, le=10_000)] = 500
    """AGI sessions at once; one more is refused, and the PBX serves that caller alone."""
    writer_queue: Annotated[int, Field(ge=10, le=1_000_000)] = 10_000
    """Notes for the database that may wait; more are left to the journal."""
    journal_keep_days: Annotated[int, Field(ge=7, le=3_650)] = 90
    """How long a file of the journal is kept whose every line is stored (days); any other stays for ever."""
    record: Annotated[tuple[RecordedSide, ...], NoDecode] = ()
    """Whose talks with callers are recorded, from the moment the human is there: ``operator``, ``agency``, both with
    a comma between, or none. The PBX is told when the service starts."""
    record_except: Annotated[tuple[str, ...], NoDecode] = ()
    """Keys of categories whose talks are not recorded all the same."""
    record_announce: bool = False
    """True: callers are told before the menu that the call is recorded."""
    recording_keep_days: Annotated[dict[str, Annotated[int, Field(ge=1, le=3_650)]], NoDecode] = Field(
        default={"default": 90, "emergency": 365}
    )
    """How long recordings are kept (days), by the incident's disposition: ``emergency=365,prank=90,default=90``.
    ``default`` counts for whatever is not named."""
    personal_keep_days: Annotated[int, Field(ge=30, le=3_650)] = 730
    """How long callers' numbers and names, and what was written of them, are kept (days). Calls and incidents stay
    without them, for the figures."""
    refused_keep_days: Annotated[int, Field(ge=7, le=3_650)] = 90
    """How long calls that the PBX refused are kept (days)."""
    access_log_keep_days: Annotated[int, Field(ge=365, le=3_650)] = 1_825
    """How long it is kept who saw or heard what (days)."""
    timers: Timers = Field(default_factory=Timers)
    """How long things may take: each is a setting of its own, CALLROUTER_TIMER_…"""

    @field_validator("sip_host", "agi_host", "ami_host", "api_host", "hep_host")
    @classmethod
    def _address(cls, host: str) -> str:
        try:
            return str(ipaddress.ip_address(host))
        except ValueError:
            raise RefusedValue(
                Bilingual("harus berupa alamat IP berupa angka", "must be a numeric IP address")
            ) from None

    @field_validator(
        "agi_peers", "ami_peers", "trunk_networks", "notice_networks", "record", "record_except", mode="before"
    )
    @classmethod
    def _list(cls, peers: object) -> object:
        return tuple(peer.strip() for peer in peers.split(",")) if isinstance(peers, str) else peers

    @field_validator("record_except")
    @classmethod
    def _keys(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(r"[a-z0-9-]{1,31}", key) for key in keys):
            raise RefusedValue(
                Bilingual("harus berupa kunci kategori seperti kebakaran", "must be keys of categories such as fire")
            )
        return keys

    @field_validator("recording_keep_days", mode="before")
    @classmethod
    def _days(cls, days: object) -> object:
        if not isinstance(days, str):
            return days
        pairs = [part.strip().partition("=") for part in days.split(",")]
        if not all(re.fullmatch(r"[a-z0-9_-]{1,64}", name) and number.isdecimal() for name, _, number in pairs):
            raise RefusedValue(
                Bilingual(
                    "harus berupa pasangan seperti emergency=365,default=90",
                    "must be pairs such as emergency=365,default=90",
                )
            )
        return {"default": 90} | {name: int(number) for name, _, number in pairs}

    @field_validator("agi_peers")
    @classmethod
    def _addresses(cls, peers: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(cls._address(peer) for peer in peers)

    @field_validator("trunk_networks", "notice_networks")
    @classmethod
    def _trunk_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(str(ipaddress.ip_network(network)) for network in networks)
        except ValueError:
            raise RefusedValue(
                Bilingual("harus berupa jaringan seperti 10.0.0.0/8", "must be networks such as 10.0.0.0/8")
            ) from None

    @field_validator("ami_peers")
    @classmethod
    def _networks(cls, peers: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(ipaddress.ip_network(peer).with_netmask for peer in peers)
        except ValueError:
            raise RefusedValue(
                Bilingual("harus berupa jaringan seperti 127.0.0.0/8", "must be networks such as 127.0.0.0/8")
            ) from None

    @property
    def database(self) -> str:
        """The database's URL, credentials included: never log it."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        from sqlalchemy import URL  # slow to import: a command with a wrong setting is spared it

        file = str(self.state.resolve() / "callrouter.db")
        return URL.create("sqlite", database=file).render_as_string(hide_password=False)

    @property
    def pbx_dir(self) -> Path:
        """Folder of the running PBX's files."""
        return self.state.resolve() / "asterisk"

    @property
    def journal_dir(self) -> Path:
        """Folder of the journal that the PBX writes and the service reads."""
        return self.state.resolve() / "journal"

    @property
    def failsafe_dir(self) -> Path:
        """Folder of what the PBX goes on by while the service is away."""
        return self.state.resolve() / "failsafe"

    @property
    def prompts_dir(self) -> Path:
        """Folder of the made and recorded clips."""
        return self.state.resolve() / "prompts"

    @property
    def recordings_dir(self) -> Path:
        """Folder of callers' messages, and of recorded talks, these by their day in UTC."""
        return self.state.resolve() / "recordings"

    @property
    def secrets_dir(self) -> Path:
        """Folder of generated secrets."""
        return self.state.resolve() / "secrets"

    @property
    def key_path(self) -> Path:
        """File of the key that encrypts trunk passwords and signs the audit."""
        return self.key_file or self.secrets_dir / "key"

    @property
    def cli_token_file(self) -> Path:
        """File of the token by which the command line of this machine speaks to the running service."""
        return self.secrets_dir / "cli-token"

    @property
    def probe_file(self) -> Path:
        """What the last `callrouter probe` found."""
        return self.state.resolve() / "probe.json"

    @property
    def audit_heads(self) -> Path:
        """File outside the database that the newest row of the audit is written to each hour."""
        return self.state.resolve() / "audit-heads"


_LISTENERS = ("agi", "ami", "api", "hep")
_DATAGRAMS = ("sip", "hep")
_NOT_FROM_ENVIRONMENT = {"timers"}


def load(**overrides: Any) -> Settings:
    """Read the settings. Raises OperatorError naming each bad one (never echoing a secret)."""
    wrong = list(misnamed(_names()))
    timers = overrides.pop("timers", None)
    try:
        timers = timers or Timers()
    except ValidationError as error:
        wrong += explained(error, "CALLROUTER_TIMER_")
    settings = None
    try:
        settings = Settings(timers=timers or Timers.model_construct(), **overrides)
    except ValidationError as error:
        wrong += explained(error, PREFIX)
    if settings is not None:
        wrong += _inconsistencies(settings)
    if settings is None or wrong:
        told = joined("; ", wrong)
        raise OperatorError(
            Bilingual(f"Setelan salah: {told.id}.", f"Bad setting: {told.en}."),
            Bilingual(
                "Perbaiki di lingkungan (environment) proses ini, lalu jalankan lagi. Belum ada yang diubah.",
                "Correct it in the environment and start again. Nothing was changed.",
            ),
        )
    return _with_database_file(settings)


def _names() -> set[str]:
    own = {name.upper() for name in Settings.model_fields if name not in _NOT_FROM_ENVIRONMENT}
    return own | {f"TIMER_{name.upper()}" for name in Timers.model_fields}


def _inconsistencies(settings: Settings) -> Iterator[Bilingual]:
    if settings.rtp_from >= settings.rtp_to:
        yield Bilingual(
            "CALLROUTER_RTP_FROM harus lebih kecil daripada CALLROUTER_RTP_TO",
            "CALLROUTER_RTP_FROM is not below CALLROUTER_RTP_TO",
        )
    yield from _mail_inconsistencies(settings)
    taken: dict[tuple[bool, str, int], list[str]] = {}
    for part in (*_LISTENERS, "sip"):
        place = (part in _DATAGRAMS, getattr(settings, f"{part}_host"), getattr(settings, f"{part}_port"))
        taken.setdefault(place, []).append(f"{part}_port")
    for same_port in (names for names in taken.values() if len(names) > 1):
        names = joined_names(same_port)
        yield Bilingual(f"{names.id} menyebut port yang sama", f"{names.en} name the same port")
    if not settings.allow_public_bind:
        for part in _LISTENERS:
            if not ipaddress.ip_address(getattr(settings, f"{part}_host")).is_loopback:
                name = f"{PREFIX}{part.upper()}_HOST"
                yield Bilingual(
                    f"{name} bukan alamat loopback (pakai 127.0.0.1; atau, jika jaringan itu tertutup bagi pihak "
                    "lain, atur CALLROUTER_ALLOW_PUBLIC_BIND=true)",
                    f"{name} is not a loopback address (use 127.0.0.1; or, if the network is closed to others, set "
                    "CALLROUTER_ALLOW_PUBLIC_BIND=true)",
                )


def _mail_inconsistencies(settings: Settings) -> Iterator[Bilingual]:
    if settings.smtp_host is not None and settings.smtp_sender is None:
        yield Bilingual(
            "CALLROUTER_SMTP_HOST diatur, tetapi CALLROUTER_SMTP_SENDER tidak",
            "CALLROUTER_SMTP_HOST is set, but CALLROUTER_SMTP_SENDER is not",
        )
    if settings.notice_supervisor is not None and settings.smtp_host is None:
        yield Bilingual(
            "CALLROUTER_NOTICE_SUPERVISOR diatur, tetapi CALLROUTER_SMTP_HOST tidak",
            "CALLROUTER_NOTICE_SUPERVISOR is set, but CALLROUTER_SMTP_HOST is not",
        )
    if (settings.smtp_user is None) != (settings.smtp_password_file is None):
        yield Bilingual(
            "CALLROUTER_SMTP_USER dan CALLROUTER_SMTP_PASSWORD_FILE diatur bersama, atau tidak sama sekali",
            "CALLROUTER_SMTP_USER and CALLROUTER_SMTP_PASSWORD_FILE are set together, or not at all",
        )
    if settings.smtp_user is not None and settings.smtp_security == "none":
        yield Bilingual(
            "CALLROUTER_SMTP_SECURITY=none akan mengirim kata sandi tanpa enkripsi",
            "CALLROUTER_SMTP_SECURITY=none would send the password in the clear",
        )


def _with_database_file(settings: Settings) -> Settings:
    path = settings.database_url_file
    if path is None or settings.database_url is not None:
        return settings
    try:
        url = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = reason(error) if isinstance(error, OSError) else Bilingual("bukan teks UTF-8", "it is not UTF-8 text")
        raise OperatorError(
            Bilingual(
                f"CALLROUTER_DATABASE_URL_FILE menyebut {path}, yang tidak dapat dibaca: {why.id}.",
                f"CALLROUTER_DATABASE_URL_FILE names {path}, which cannot be read: {why.en}.",
            ),
            Bilingual(
                "Periksa nama dan izin berkas itu; isinya harus URL basis data.",
                "Check its name and permissions; it must hold the database's URL.",
            ),
        ) from None
    return settings.model_copy(update={"database_url": SecretStr(url)})
