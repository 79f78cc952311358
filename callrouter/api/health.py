"""Whether the service runs, and whether it can do its work."""

from __future__ import annotations

from callrouter.api import examples, problems, translate
from callrouter.api.health_models import Alive, Readiness
from callrouter.api.models import NoParameters
from callrouter.api.operation import Asked, Surface
from callrouter.api.problems import ApiProblem, Fault
from callrouter.bilingual import Bilingual

surface = Surface()


@surface.get(
    "/livez",
    tag="health",
    summary=Bilingual("Layanan berjalan", "The service runs"),
    path_model=NoParameters,
    right=None,
    query=NoParameters,
    response=Alive,
    example=examples.alive,
)
async def read_liveness(_asked: Asked[NoParameters, NoParameters]) -> Alive:
    """Answers as long as the service's loop runs, whatever else is broken. For a supervisor that restarts it."""
    return Alive(alive=True)


@surface.get(
    "/readyz",
    tag="health",
    summary=Bilingual("Layanan siap bekerja", "The service can do its work"),
    path_model=NoParameters,
    right=None,
    query=NoParameters,
    response=Readiness,
    example=examples.ready,
    problems=(problems.NOT_READY, problems.STORAGE_UNAVAILABLE),
)
async def read_readiness(asked: Asked[NoParameters, NoParameters]) -> Readiness:
    """Looks at every part: the database, the two links to the PBX (ami, agi), whether the service answered its own
    consultation within the last 5 s, the journal and the routing table.
    When one does not work the answer is 503, with the same `ready` and `checks`; calls go on meanwhile by the PBX.
    What `callrouter probe` found last is shown, too, and only warns.
    """
    results = translate.check_results(await asked.services.health.checks(), asked.language)
    failed = [result.name for result in results if not result.ok]
    if failed:
        raise ApiProblem(
            Fault(problems.NOT_READY, "", {"failed": ", ".join(failed)}),
            members={"ready": False, "checks": results},
        )
    return Readiness(ready=True, checks=results)
