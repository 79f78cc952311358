"""Neighbouring centres: who they are in the directory, and what is handed over to them and taken in. Values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from callrouter.incidents.desk import Actor
from callrouter.incidents.eido import Received
from callrouter.routing.directory import Agency, Directory, TrunkKind, WebhookContact


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A neighbouring centre: an agency of the directory that is rung on a trunk of kind `neighbour`.

    key:   of the agency; trunk: of that trunk
    point: where its system takes incidents (its first webhook that is enabled); None: it has none
    """

    key: str
    trunk: str
    point: WebhookContact | None


@dataclass(frozen=True, slots=True)
class Original:
    """A document as it came; None: it was erased. at: µs UTC."""

    at: int
    neighbour: str
    external: str
    by: str
    document: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class HandedOver:
    """notice: id of what is sent; None: the neighbour's system is not told."""

    notice: UUID | None


class NeighbourRecords(Protocol):
    """Keeps what goes to and comes from neighbours (callrouter.storage.parties). Raises StorageUnavailable."""

    async def take_in(self, received: Received, neighbour: Neighbour, by: Actor) -> tuple[UUID, bool]:
        """Keep a document; return our incident, and whether this opened it. The same sent again changes nothing."""

    async def originals(self, incident: UUID) -> Sequence[Original]:
        """Return the documents by which it came, newest first."""

    async def hand_over(
        self, incident: UUID, neighbour: Neighbour, call: UUID | None, words: str, by: Actor
    ) -> HandedOver:
        """Put it into the outbox and the timeline. call: the one that goes there. Raises NoSuchIncident, Illegal."""

    async def note(self, incident: UUID, text: str, by: Actor) -> None:
        """Add a note to its timeline. Raises NoSuchIncident, Illegal."""


def neighbour_of(directory: Directory, key: str) -> Neighbour | None:
    """Return the neighbouring centre of that key; None: there is none that is enabled."""
    agency = next((one for one in directory.agencies if one.key == key and one.enabled), None)
    if agency is None:
        return None
    trunk = _trunk(directory, agency)
    return None if trunk is None else Neighbour(key, trunk, _point(agency))


def trunks_of(directory: Directory) -> dict[str, str]:
    """Return by the key of each neighbouring centre that of its trunk."""
    found = ((agency.key, _trunk(directory, agency)) for agency in directory.agencies)
    return {key: trunk for key, trunk in found if trunk is not None}


def _trunk(directory: Directory, agency: Agency) -> str | None:
    kinds = {trunk.key: trunk for trunk in directory.trunks if trunk.usable}
    used = [contact.trunk for contact in agency.contacts if contact.enabled]
    return next((key for key in used if key in kinds and kinds[key].kind is TrunkKind.NEIGHBOUR), None)


def _point(agency: Agency) -> WebhookContact | None:
    return next((one for one in agency.notices if isinstance(one, WebhookContact) and one.enabled), None)
