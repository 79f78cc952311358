"""What the API reads from and works on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from callrouter.api.eido_ports import NeighboursDesk
from callrouter.api.figures_ports import FiguresDesk
from callrouter.api.incident_ports import SubCodeDesk
from callrouter.api.models import HtmlPage, OpenApiDocument
from callrouter.api.notice_ports import NoticeDesk, NoticeSecretDesk
from callrouter.api.ports import CallerDesk, Management
from callrouter.api.posture_ports import PostureDesk
from callrouter.api.related_ports import RelatedReader
from callrouter.api.sop_ports import SopAnswers, SopDesk
from callrouter.api.written import Written
from callrouter.calls.bannerdesk import BannerDesk
from callrouter.calls.live import Health, LiveCalls
from callrouter.calls.parties import PartyDesk
from callrouter.calls.refused import RefusedReader
from callrouter.calls.setaside import SetAsideReader
from callrouter.calls.trunks import TrunkStates
from callrouter.incidents.callbacks import CallbackDesk, CallbackReader
from callrouter.incidents.desk import IncidentDesk
from callrouter.incidents.views import AgencyReader, IncidentReader
from callrouter.privacy.access_log import AccessLog
from callrouter.privacy.recordings import RecordingDesk
from callrouter.routing.values import Language
from callrouter.stream.feed import Feed


@dataclass(frozen=True, slots=True)
class Description:
    """What the API says of itself: for machines, as text too, and as a page in each language."""

    document: OpenApiDocument
    text: bytes
    pages: Mapping[Language, HtmlPage]


@dataclass(frozen=True, slots=True)
class Services:
    """The parts that handlers may ask.

    description: gives the API's own, made at the first question for it
    metrics:     gives what is measured, as text
    access_log:  told who is shown which person's data
    recordings:  None: there are none
    written:     events as they were written out for listeners
    desk, agencies, sub_codes: where incidents are worked on; None: nowhere (503)
    figures:     reads clocks and scoreboards; None: nobody does (503)
    sop, sop_answers, related: lists, what incidents are asked, and which belong together; None: nowhere (503)
    parties: adds agencies to talks; neighbours: hands incidents over and takes them in; None: nobody does (503)
    calling_back, banners, posture: what supervisors and operators do with the day; None: nobody does (503)
    notices, notice_secrets: what agencies were sent, and what it is signed with; None: nowhere (503)
    """

    incidents: IncidentReader
    refused_calls: RefusedReader
    callbacks: CallbackReader
    set_aside: SetAsideReader
    live: LiveCalls
    health: Health
    description: Callable[[], Awaitable[Description]]
    metrics: Callable[[], bytes]
    feed: Feed
    callers: CallerDesk
    trunks: TrunkStates
    access_log: AccessLog
    recordings: RecordingDesk | None
    written: Written = field(default_factory=Written)
    desk: IncidentDesk | None = None
    agencies: AgencyReader | None = None
    sub_codes: SubCodeDesk | None = None
    figures: FiguresDesk | None = None
    sop: SopDesk | None = None
    sop_answers: SopAnswers | None = None
    related: RelatedReader | None = None
    notices: NoticeDesk | None = None
    notice_secrets: NoticeSecretDesk | None = None
    parties: PartyDesk | None = None
    neighbours: NeighboursDesk | None = None
    calling_back: CallbackDesk | None = None
    banners: BannerDesk | None = None
    posture: PostureDesk | None = None
    management: Management | None = None
