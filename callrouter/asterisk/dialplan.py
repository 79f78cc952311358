"""What a session says, as the dialplan's variables and subroutines."""

from __future__ import annotations

from uuid import UUID

from callrouter.asterisk import variables as v
from callrouter.asterisk.plan_codec import encode
from callrouter.calls.lines import BadLine, caller_number, decoded, microseconds
from callrouter.calls.menu import MenuData
from callrouter.calls.ports import Arrival, Line, LineFailed, Plans
from callrouter.calls.records import Opened


class Dialplan:
    """Implements callrouter.calls.ports.DialplanTalk over one AGI session."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def hand_over(self, menu: MenuData | None, plans: Plans) -> None:
        """Set everything as variables of the channel, and last the word that it is all there."""
        values = _menu(menu) if menu else {}
        try:
            values[v.PLAN + v.OTHER] = encode(plans.other)
            values |= {v.PLAN + digit: encode(plan) for digit, plan in plans.by_digit.items()}
            values |= {
                f"{v.PLAN}{digit or v.OTHER}_{language}": encode(plan)
                for (language, digit), plan in plans.in_language.items()
            }
        except ValueError as error:
            raise LineFailed(str(error)) from error
        await self._line.set_variables(values | {v.READY: "yes"})


def _menu(data: MenuData) -> dict[str, str]:
    values = {v.MENU_SWITCH: data.switch}
    for language in data.languages:
        values[v.MENU_TEXT + language] = "&".join(f"cr/{clip}" for clip in data.clips[language])
        if data.switch:
            values[v.NEXT_LANGUAGE + language] = data.next_language(language).value
    return values


def arrival(args: tuple[str, ...], channel: str, uniqueid: str) -> Arrival:
    """Return what the PBX said of a call. `args` are those of AGI() in callrouter-112, without the secret.

    Raises LineFailed for anything that our dialplan does not send.
    """
    try:
        call, at, node, origin, trunk, language, number, name = args
        opened = Opened(
            UUID(call), microseconds(at), node, origin, trunk, caller_number(number), decoded(name), channel, uniqueid
        )
    except (ValueError, BadLine) as error:
        raise LineFailed(f"the PBX asked in words that are not ours: {error}") from error
    return Arrival(opened, language)
