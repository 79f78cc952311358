"""Whether the service lives and is ready, as it is shown."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from callrouter.api.models import Answer
from callrouter.api.problem_models import Problem


class Alive(Answer):
    """The service runs."""

    alive: Literal[True] = Field(description="Always true: a service that does not run does not answer.")


class CheckResult(Answer):
    """Whether one part works."""

    name: str = Field(
        description="database, ami, agi, consultation, journal, disk, table, failsafe or probe.",
        examples=["database"],
    )
    ok: bool = Field(description="True: it works.", examples=[True])
    detail: str = Field(description="Why, or why not, in the language of the answer.", examples=["answers in 2 ms"])


class Readiness(Answer):
    """Whether the service can do its work."""

    ready: bool = Field(description="True: every check is well.", examples=[True])
    checks: list[CheckResult] = Field(description="Every part that was looked at.")


class NotReadyProblem(Problem):
    """Why the service cannot do its work."""

    ready: Literal[False] = Field(description="Always false.")
    checks: list[CheckResult] = Field(description="Every part that was looked at.")
