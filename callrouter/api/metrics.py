"""What is measured, for Prometheus."""

from __future__ import annotations

from typing import Final

from callrouter.access.model import Right
from callrouter.api.models import MetricsText, NoParameters
from callrouter.api.operation import Answered, Asked, Surface
from callrouter.bilingual import Bilingual

TEXT: Final = "text/plain"

surface = Surface()


@surface.get(
    "/metrics",
    tag="health",
    summary=Bilingual("Angka untuk Prometheus", "Figures for Prometheus"),
    path_model=NoParameters,
    right=Right.SEE_CALLS,
    query=NoParameters,
    response=MetricsText,
    example=lambda: MetricsText('callrouter_calls{stage="talking"} 3.0\n'),
    media_type=TEXT,
)
async def read_metrics(asked: Asked[NoParameters, NoParameters]) -> Answered[MetricsText]:
    """Returns what is measured, in Prometheus' text format: calls by stage, waits, steps by result, what waits to be
    stored, every bound and its use. No caller and no operator can be told from it.
    """
    raw = asked.services.metrics()
    return Answered(MetricsText(raw.decode()), raw=raw)
