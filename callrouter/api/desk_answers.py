"""From what the desk says to what the API shows; and from what it refuses to problems."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from callrouter.api import desk_models as models
from callrouter.api import refusals
from callrouter.api.bodies import told
from callrouter.api.kinds import Kind as ProblemKind
from callrouter.api.language import say
from callrouter.api.operation import Asked
from callrouter.api.preconditions import moved
from callrouter.api.problems import ApiProblem, Fault
from callrouter.api.translate import moment
from callrouter.bilingual import same
from callrouter.publishing import errors
from callrouter.publishing.model import Diff, DraftInfo, Published, VersionInfo
from callrouter.publishing.ports import Desk
from callrouter.routing.directory import Directory
from callrouter.routing.entries import DIRECTORY, Kind
from callrouter.routing.table import Centre, Routing, RoutingTable
from callrouter.routing.values import Language
from callrouter.routing.verify.report import Finding, Report

MAX_USERS = 5
"""Named in the sentence; `uses` has more."""
MAX_USES = 200
"""Listed in one problem; the rest show once these are mended."""
MAX_FINDINGS = 100
"""Listed in one problem; verify lists all."""


@contextmanager
def refusing(
    asked: Asked[Any, Any],
    name: str = "",
    *,
    unknown: ProblemKind = refusals.ENTRY_UNKNOWN,
    at: str = "/path/key",
    in_body: bool = False,
) -> Iterator[None]:
    """Answer what the desk refuses with a problem. `name` is what is worked on, `at` the part that names it."""
    try:
        yield
    except errors.NoSuchEntry:
        raise ApiProblem(Fault(unknown, at, {"name": name}, in_body=in_body)) from None
    except errors.AlreadyThere:
        raise ApiProblem(Fault(refusals.KEY_TAKEN, "/key", {"name": name}, in_body=True)) from None
    except errors.Moved as error:
        raise moved(error.current) from None
    except errors.Invalid as error:
        raise ApiProblem(*told(iter(error.problems))) from None
    except errors.InUse as error:
        raise in_use(error.uses, at) from None
    except errors.NotVerified as error:
        raise not_verified([f for f in error.findings if isinstance(f, Finding)], asked.language) from None
    except errors.NeedsApproval:
        raise ApiProblem(Fault(refusals.NEEDS_APPROVAL, "")) from None
    except errors.PbxRefused as error:
        raise ApiProblem(Fault(refusals.PBX_REFUSED, "", {"why": error.why})) from None


def in_use(uses: Sequence[errors.Use], at: str) -> ApiProblem:
    """Return the answer to a change that would leave names dangling."""
    users = list(dict.fromkeys(f"{use.user} ({use.where})" for use in uses))
    more = [f"+{len(users) - MAX_USERS}"] if len(users) > MAX_USERS else []
    rows = [models.UseRow(where=use.where, user=use.user, pointer=use.pointer) for use in uses[:MAX_USES]]
    fault = Fault(refusals.IN_USE, at, {"users": same(", ".join(users[:MAX_USERS] + more))})
    return ApiProblem(fault, members={"uses": rows})


def not_verified(found: Sequence[Finding], language: Language) -> ApiProblem:
    """Return the answer to a publication that verify stands against."""
    count = {"count": str(sum(finding.error for finding in found))}
    return ApiProblem(
        Fault(refusals.NOT_VERIFIED, "", count), members={"findings": findings(found[:MAX_FINDINGS], language)}
    )


def findings(found: Sequence[Finding], language: Language) -> list[models.FindingRow]:
    """Return what verify found, in `language`."""
    return [
        models.FindingRow(
            rule=finding.rule,
            error=finding.error,
            pointer=finding.pointer,
            sentence=say(finding.sentence, language),
            remedy=say(finding.remedy, language),
            example=None
            if finding.example is None
            else models.CounterExample(
                facts=finding.example.facts, at=finding.example.at, outcomes=list(finding.example.outcomes)
            ),
        )
        for finding in found
    ]


def report(found: Report, language: Language) -> models.VerifyReport:
    """Return verify's answer."""
    return models.VerifyReport(
        verified=found.verified,
        findings=findings(found.findings, language),
        vectors=found.vectors,
        cells=found.cells,
        until=found.until,
    )


def draft_state(info: DraftInfo) -> models.DraftState:
    """Return the draft without its content."""
    return models.DraftState(
        sha256=info.sha256, based_on=info.based_on, changed=info.changed, approved_by=info.approved_by
    )


def whole(centre: Centre, directory: Directory, routing: Routing) -> RoutingTable:
    """Return a table of parts that fit together; that they do is not looked at again."""
    return RoutingTable.model_construct(schema_version=1, centre=centre, directory=directory, routing=routing)


def directory_of(desk: Desk) -> Directory:
    """Return the directory as it is now."""
    held: dict[str, Any] = {kind.value: tuple(entry.value for entry in desk.entries(kind)) for kind in DIRECTORY}
    return Directory.model_construct(**held)


def differences(found: Diff, language: Language) -> models.Differences:
    """Return in what two tables differ."""
    return models.Differences(
        a=say(found.a, language),
        b=say(found.b, language),
        items=[
            models.Difference(
                kind=one.kind,
                key=one.key,
                change=one.changed,
                before=None if one.before is None else dict(one.before),
                after=None if one.after is None else dict(one.after),
            )
            for one in found.differences
        ],
        text=say(found.text, language),
    )


def version_row(info: VersionInfo) -> models.VersionRow:
    """Return a version without its content."""
    return models.VersionRow(
        number=info.number,
        sha256=info.sha256,
        published_at=moment(info.at),
        who=info.who,
        why=info.why,
        in_force=info.in_force,
    )


def published(done: Published) -> models.PublishedVersion:
    """Return a publication that went through."""
    return models.PublishedVersion(number=done.number, sha256=done.sha256, live_ms=max(0.0, done.live_ms))


def named(kind: Kind, key: str) -> str:
    """Return how an entry is called in a sentence: ``routes/fire``."""
    return f"{kind.value}/{key}"
