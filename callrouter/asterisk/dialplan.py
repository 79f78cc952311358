"""What a session says, as the dialplan's variables and subroutines."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from callrouter.asterisk import variables as v
from callrouter.asterisk.plan_codec import encode
from callrouter.calls.lines import BadLine, decoded, microseconds
from callrouter.calls.menu import MenuData
from callrouter.calls.ports import Arrival, Line, LineFailed, MenuResult
from callrouter.calls.records import Opened
from callrouter.routing.plan import Plan

MENU_DEADLINE_S: Final = 240.0
"""The menu ends by itself long before: tries x (clips of at most 25 s + silence), and four changes of language."""


class Dialplan:
    """Implements callrouter.calls.ports.DialplanTalk over one AGI session."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def menu(self, data: MenuData) -> MenuResult:
        """Set the menu's data, run it, and read what it ended in."""
        values = {v.MENU_SWITCH: data.switch}
        for language in data.languages:
            values[v.MENU_TEXT + language] = "&".join(f"cr/{clip}" for clip in data.clips[language])
            values[v.NEXT_LANGUAGE + language] = data.next_language(language).value
        values |= {v.MENU_CATEGORY + digit: category for digit, category in data.meaning.items()}
        await self._line.set_variables(values)
        await self._line.gosub(v.CONTEXT_MENU, within_s=MENU_DEADLINE_S)
        return MenuResult(
            choice=await self._line.get_variable(v.CHOICE),
            language=await self._line.get_variable(v.LANGUAGE),
        )

    async def hand_over(self, plan: Plan) -> str:
        """Set the plan: one variable, so that the PBX has all of it or nothing."""
        try:
            text = encode(plan)
        except ValueError as error:
            raise LineFailed(str(error)) from error
        await self._line.set_variables({v.PLAN: text})
        return text


def arrival(args: tuple[str, ...], channel: str, uniqueid: str) -> Arrival:
    """Return what the PBX said of a call. `args` are those of AGI() in callrouter-112, without the secret.

    Raises LineFailed for anything that our dialplan does not send.
    """
    try:
        call, at, node, origin, trunk, language, number, name = args
        opened = Opened(
            UUID(call), microseconds(at), node, origin, trunk, decoded(number), decoded(name), channel, uniqueid
        )
    except (ValueError, BadLine) as error:
        raise LineFailed(f"the PBX asked in words that are not ours: {error}") from error
    return Arrival(opened, language)
