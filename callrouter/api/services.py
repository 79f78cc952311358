"""What the API reads from and works on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from callrouter.api.models import HtmlPage, OpenApiDocument
from callrouter.api.ports import Management
from callrouter.calls.live import Health, LiveCalls
from callrouter.calls.refused import RefusedReader
from callrouter.calls.setaside import SetAsideReader
from callrouter.incidents.callbacks import CallbackReader
from callrouter.incidents.views import IncidentReader
from callrouter.routing.values import Language


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
    """

    incidents: IncidentReader
    refused_calls: RefusedReader
    callbacks: CallbackReader
    set_aside: SetAsideReader
    live: LiveCalls
    health: Health
    description: Callable[[], Awaitable[Description]]
    metrics: Callable[[], bytes]
    management: Management | None = None
