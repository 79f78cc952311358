"""What publishing refuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from callrouter.bilingual import Bilingual
from callrouter.routing.consistency import Problem


class DeskError(Exception):
    """What the desk refuses. Nothing was changed."""


class NoSuchEntry(DeskError):
    """There is no such thing (404)."""


class AlreadyThere(DeskError):
    """The key is taken (409)."""


class Moved(DeskError):
    """It has changed since it was read (412). `current` is its ETag now: a revision or a sha256."""

    def __init__(self, current: str) -> None:
        super().__init__(current)
        self.current = current


class Invalid(DeskError):
    """It does not fit the rest of the table (422); pointers lie within the entry that was sent."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(str(p.sentence) for p in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Use:
    """Who uses a name. `where`: "draft" or "version 12"; `user`: "routes/fire"; `pointer` into that table."""

    where: str
    user: str
    pointer: str


class InUse(DeskError):
    """It would leave names dangling (409)."""

    def __init__(self, uses: Sequence[Use]) -> None:
        super().__init__(", ".join(use.user for use in uses))
        self.uses = tuple(uses)


class NotVerified(DeskError):
    """verify found errors (422). `findings` as callrouter.routing.verify has them."""

    def __init__(self, findings: Sequence[object]) -> None:
        super().__init__(f"{len(findings)} findings")
        self.findings = tuple(findings)


class NeedsApproval(DeskError):
    """The two-person rule: someone else must approve this draft first (409)."""


class PbxRefused(DeskError):
    """The PBX did not take it; everything is as before (502). `why` says which part and what it said."""

    def __init__(self, why: Bilingual) -> None:
        super().__init__(why.en)
        self.why = why


class GenerationMoved(Exception):
    """Raised by the store: someone else wrote meanwhile. The desk loads anew and tries again."""
