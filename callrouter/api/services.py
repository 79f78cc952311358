"""What the API reads from and works on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from callrouter.api.models import HtmlPage, OpenApiDocument
from callrouter.api.ports import Management
from callrouter.calls.live import Health, LiveCalls
from callrouter.calls.refused import RefusedReader
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
    """The parts that handlers may ask. `description` gives the API's own, made at the first question for it."""

    incidents: IncidentReader
    refused_calls: RefusedReader
    live: LiveCalls
    health: Health
    description: Callable[[], Awaitable[Description]]
    management: Management | None = None
