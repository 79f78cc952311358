"""What a kind of problem is."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from callrouter.api.problem_models import Problem
from callrouter.bilingual import Bilingual


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem. `code` never changes its meaning; texts may hold ``{placeholders}``."""

    code: str
    status: HTTPStatus
    title: Bilingual
    detail: Bilingual
    remedy: Bilingual
    retry_after_s: int | None = None
    model: type[Problem] = Problem
