"""The shapes of requests and answers. Their descriptions and examples are the documentation of the API.

A text or time that is not known is null. Times are RFC 3339 in UTC with microseconds, as the PBX's clock told them.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, RootModel

from callrouter.api.parameters import Identifier
from callrouter.routing.values import Language

Moment = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$",
        json_schema_extra={"format": "date-time"},
        examples=["2026-11-21T13:40:07.125000Z"],
    ),
]


class Answer(BaseModel):
    """A part of an answer. What checks it is made when the first one is: most are never asked for."""

    # Inputs are hidden, for a failure to build one is logged, and they are people's names and numbers.
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        validate_by_name=True,
        serialize_by_alias=True,
        defer_build=True,
    )


class Parameters(BaseModel):
    """The parameters of a request; one that is not declared is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Sent(BaseModel):
    """The body of a request; a member that is not declared is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)


class NoParameters(Parameters):
    """For a request that takes none."""


class IncidentPath(Parameters):
    """Which incident."""

    id: Identifier = Field(description="Id of the incident.", examples=["8a0f0f6e-5d0c-5f5e-9a86-1f5a2f0f6112"])


class OpenApiDocument(RootModel[dict[str, Any]]):
    """The description of the API (OpenAPI 3.1)."""


class HtmlPage(RootModel[str]):
    """A page to read."""


class MetricsText(RootModel[str]):
    """Figures, in Prometheus' text format."""


class DocsQuery(Parameters):
    """How to show the page."""

    lang: Language | None = Field(
        default=None, description="Language of the page; default: as Accept-Language wants.", examples=["en"]
    )
