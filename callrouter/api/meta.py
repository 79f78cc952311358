"""The API's description of itself."""

from __future__ import annotations

from callrouter.api.models import DocsQuery, HtmlPage, NoParameters, OpenApiDocument
from callrouter.api.operation import HTML, Answered, Asked, Surface
from callrouter.bilingual import Bilingual

surface = Surface()


@surface.get(
    "/api/v1/openapi.json",
    tag="documentation",
    summary=Bilingual("Uraian API untuk mesin", "Description of the API for machines"),
    path_model=NoParameters,
    right=None,
    query=NoParameters,
    response=OpenApiDocument,
    example=lambda: OpenApiDocument(
        {"openapi": "3.1.0", "info": {"title": "callrouter", "version": "0.1.0"}, "paths": {}}
    ),
)
async def read_openapi(asked: Asked[NoParameters, NoParameters]) -> Answered[OpenApiDocument]:
    """Returns this description (OpenAPI 3.1), made from the declarations that serve the requests."""
    description = await asked.services.description()
    return Answered(description.document, raw=description.text)


@surface.get(
    "/docs",
    tag="documentation",
    summary=Bilingual("Uraian API untuk dibaca", "Description of the API to read"),
    path_model=NoParameters,
    right=None,
    query=DocsQuery,
    response=HtmlPage,
    example=lambda: HtmlPage("<!doctype html>"),
    media_type=HTML,
)
async def read_docs(asked: Asked[NoParameters, DocsQuery]) -> Answered[HtmlPage]:
    """Returns this description as a page that needs nothing from the internet."""
    page = (await asked.services.description()).pages[asked.query.lang or asked.language]
    return Answered(page, raw=page.root.encode())
