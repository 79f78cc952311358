"""What a session says, as the dialplan's variables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final
from uuid import UUID

import structlog

from callrouter.asterisk import variables as v
from callrouter.asterisk.plan_codec import encode
from callrouter.asterisk.quoting import MAX_LINE_BYTES
from callrouter.calls.lines import BadLine, caller_number, decoded, microseconds
from callrouter.calls.menu import MenuData
from callrouter.calls.ports import HandOver, KnownArea, Line, LineFailed, Plans
from callrouter.calls.records import Opened
from callrouter.routing.facts import AreaSource
from callrouter.routing.values import Posture

log = structlog.get_logger(__name__)

MAX_AT_ONCE: Final = 90
"""Variables that one ARRAY() is given. The PBX takes 100 and drops the others (func_strings.c, array())."""
MAX_AWAY_CHARS: Final = 2_000
"""Room for the names of who is away, in an event that carries a plan beside them."""
PLAIN: Final = re.compile(r"[A-Za-z0-9+/@&!,._-]*")
"""What values are made of. Nothing in it but the comma means anything to ARRAY()."""
_KEPT: Final = 256
ARRIVAL: Final = 7
"""Arguments that tell of a call. One more tells of its INVITE, if the PBX was started with a dialplan that has it."""


def _nobody_asks(_given: HandOver, _suspicion: int) -> None:
    """For a line of which nobody wants to know later."""


class Dialplan:
    """Implements callrouter.calls.ports.DialplanTalk over one AGI session.

    handed: told what the PBX has now, and the caller's suspicion
    unsure: whether the PBX is still to be told who can be rung
    """

    def __init__(
        self,
        line: Line,
        handed: Callable[[HandOver, int], None] = _nobody_asks,
        unsure: Callable[[], bool] = lambda: False,
    ) -> None:
        self._line = line
        self._handed = handed
        self._unsure = unsure

    async def hand_over(self, given: HandOver, suspicion: int = 0) -> None:
        """Set everything as variables of the channel, and last the word that it is all there."""
        of_his = {v.SUSPICION: str(suspicion)} if suspicion else {}
        if self._unsure():
            of_his[v.UNSURE] = "yes"
        try:
            values = _commands(given)
        except ValueError as error:
            raise LineFailed(str(error)) from error
        await self._line.set_variables({**of_his, **values})
        self._handed(given, suspicion)


@lru_cache(maxsize=_KEPT)
def _commands(given: HandOver) -> dict[str, str]:
    # The PBX sets them one after the other, in this order: the word is true when it is there.
    return dict(_joined({**variables_of(given), v.READY: "yes"}))


def variables_of(given: HandOver) -> dict[str, str]:
    """Return what is set on the channel of a call, by name; `v.READY` goes after it."""
    values = {
        v.LANGUAGE: given.language.value,
        v.AWAY: _away(given.away),
        v.POSTURE: "" if given.posture is Posture.GREEN else given.posture.value,
        v.BANNER: given.banner,
        **(_menus(given.menu) if given.menu else {}),
        **_plans(given.plans),
        **{f"{v.WHERE_OF}{digits}": _area(area) for digits, area in given.areas.items()},
    }
    if given.area is not None:
        values[v.WHERE] = _area(given.area)
    return values


def _plans(plans: Plans) -> dict[str, str]:
    values = {v.PLAN + v.OTHER: encode(plans.other)}
    values |= {v.PLAN + digits: encode(plan) for digits, plan in plans.by_digit.items()}
    values |= {
        f"{v.PLAN}{digits or v.OTHER}_{language}": encode(plan)
        for (language, digits), plan in plans.in_language.items()
    }
    for n, (language, plan) in enumerate(plans.cannot_speak.items()):
        values[f"{v.PLAN}{v.CANNOT_SPEAK}{f'_{language}' if n else ''}"] = encode(plan)
    return values


def _menus(data: MenuData) -> dict[str, str]:
    values = {v.MENU_SWITCH: data.switch}
    for language in data.languages:
        for before, clips in data.clips.items():
            values[f"{v.MENU_TEXT}{before}_{language}"] = "&".join(f"cr/{clip}" for clip in clips)
        if data.switch:
            values[v.NEXT_LANGUAGE + language] = data.next_language(language).value
    return values


def _area(area: KnownArea) -> str:
    return f"{area.source}/{area.code}"


def known_area(text: str) -> KnownArea | None:
    """Return what `_area` wrote; None for nothing. Raises ValueError for words that are not ours."""
    if not text:
        return None
    source, _, code = text.partition("/")
    return KnownArea(code, AreaSource(source))


def _away(names: tuple[str, ...]) -> str:
    text = "+".join(names)
    if len(text) <= MAX_AWAY_CHARS:
        return text
    # Only what is noted of the call is cut; it was decided with all of them.
    log.warning("call.away_cut", names=len(names))
    return text[: text.rindex("+", 0, MAX_AWAY_CHARS)]


def away_of(text: str) -> tuple[str, ...]:
    """Return what `_away` wrote."""
    return tuple(text.split("+")) if text else ()


def _joined(values: dict[str, str]) -> Iterator[tuple[str, str]]:
    r"""Yield the same variables, as many as fit into each ``SET VARIABLE ARRAY(a,b) one,two``.

    Each command is a question and an answer between two processes; a table of sixty categories sets a hundred
    variables. On the line the backslash before a comma is itself written twice.
    """
    for names, texts in packed(values, MAX_LINE_BYTES - _FRAME, of_a_comma=2):
        yield _array(names), ",".join(texts)


def packed(values: dict[str, str], room: int, *, of_a_comma: int = 1) -> Iterator[tuple[list[str], list[str]]]:
    r"""Yield the names and values of as many variables as one ARRAY() is given at once, in their order.

    room:       characters for both, with a separator for each
    of_a_comma: characters that one within a value takes besides itself; it is written ``\,``
    What is empty is left out: it is as good as not set. Raises ValueError for what the dialplan must not see.
    """
    names: list[str] = []
    texts: list[str] = []
    size = 0
    for name, value in values.items():
        if not PLAIN.fullmatch(value):
            raise ValueError(f"the value of {name} has a character that the dialplan must not see")
        if not value:
            continue
        more = len(name) + len(value) + of_a_comma * value.count(",") + len(",,")
        if names and (size + more > room or len(names) == MAX_AT_ONCE):
            yield names, texts
            names, texts, size = [], [], 0
        names.append(name)
        texts.append(value.replace(",", "\\,"))
        size += more
    if names:
        yield names, texts


_FRAME: Final = len('SET VARIABLE "ARRAY()" ""\n')


def _array(names: list[str]) -> str:
    return f"ARRAY({','.join(names)})"


def is_last_word(line: bytes) -> bool:
    """Return whether this line of an AGI session is one of ours that says, as the last it sets, that all is there."""
    return _LAST_WORD.fullmatch(line) is not None


_LAST_WORD: Final = re.compile(rf'SET VARIABLE "ARRAY\([A-Za-z0-9_,]*\b{v.READY}\)" "[^"]*\byes"\n'.encode())


def arrival(args: tuple[str, ...], channel: str, uniqueid: str) -> Opened:
    """Return what the PBX said of a call. `args` are those of AGI() in callrouter-112, without the secret.

    Raises LineFailed for anything that our dialplan does not send.
    """
    try:
        call, at, node, origin, trunk, number, name = args[:ARRIVAL]
        return Opened(
            UUID(call), microseconds(at), node, origin, trunk, caller_number(number), decoded(name), channel, uniqueid
        )
    except (ValueError, BadLine) as error:
        raise LineFailed(f"the PBX asked in words that are not ours: {error}") from error


def invite_with_location(args: tuple[str, ...]) -> str:
    """Return the Call-ID of the INVITE, where a location came with it that may be believed; else an empty text.

    Raises LineFailed for anything that our dialplan does not send.
    """
    told = args[ARRIVAL:]
    if not any(told):
        return ""
    try:
        (call_id,) = told
        return decoded(call_id)
    except (ValueError, BadLine) as error:
        raise LineFailed(f"the PBX asked in words that are not ours: {error}") from error
