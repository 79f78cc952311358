"""Whether the other side of each trunk answers, as far as the PBX asks it (`qualify_s`). Shown; decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, Protocol

MAX_TRUNKS: Final = 1_000


@dataclass(frozen=True, slots=True)
class TrunkState:
    """One trunk. reachable: None: it is not asked. since: when the state was first seen, µs UTC."""

    trunk: str
    reachable: bool | None
    since: int


class TrunkStates(Protocol):
    """Knows them."""

    def states(self) -> list[TrunkState]:
        """Return what is known of each trunk, by key. Reads memory only."""


class Trunks:
    """Implements TrunkStates. `tell` takes a trunk's key and its new state, None: it is gone."""

    def __init__(self, tell: Callable[[str, TrunkState | None], None] = lambda _key, _state: None) -> None:
        self._tell = tell
        self._states: dict[str, TrunkState] = {}

    def states(self) -> list[TrunkState]:
        """Return what is known of each trunk, by key."""
        return [self._states[key] for key in sorted(self._states)]

    def seen(self, trunk: str, reachable: bool | None, at: int) -> None:
        """The PBX says how a trunk is."""
        known = self._states.get(trunk)
        if (known is not None and known.reachable is reachable) or (known is None and len(self) >= MAX_TRUNKS):
            return
        self._states[trunk] = state = TrunkState(trunk, reachable, at)
        self._tell(trunk, state)

    def only(self, trunks: Collection[str]) -> None:
        """Forget every other trunk."""
        for key in self._states.keys() - set(trunks):
            del self._states[key]
            self._tell(key, None)

    def __len__(self) -> int:
        """Return of how many something is known."""
        return len(self._states)
