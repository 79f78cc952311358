"""What the API reads from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from callrouter.api.models import HtmlPage, OpenApiDocument
from callrouter.calls.live import Health, LiveCalls
from callrouter.calls.refused import RefusedReader
from callrouter.incidents.views import IncidentReader
from callrouter.routing.table import Language


@dataclass(frozen=True, slots=True)
class Services:
    """The parts that handlers may ask. `document` and `pages` are the API's own description, made once."""

    incidents: IncidentReader
    refused_calls: RefusedReader
    live: LiveCalls
    health: Health
    document: OpenApiDocument
    pages: Mapping[Language, HtmlPage]
