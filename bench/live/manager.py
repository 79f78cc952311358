"""Asterisk's side of the manager interface: logs the service's two users in, answers what they ask, tells events."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from bench.live.shown import Shown
from bench.live.words import Call, Headers, packet

HANDS, KEEPER = "hands", "keeper"
GREETING: Final = b"Asterisk Call Manager/11.0.0\r\n"
MAY: Final[Mapping[str, frozenset[str]]] = {
    HANDS: frozenset(
        {"Ping", "Status", "Hangup", "Setvar", "Getvar", "QueueStatus", "QueueAdd", "QueueRemove", "QueuePause"}
    ),
    KEEPER: frozenset(
        {
            *("Ping", "Reload", "ModuleCheck", "ShowDialPlan", "DBGet", "DBPut", "PJSIPShowContacts"),
            *("PJSIPShowEndpoint", "PJSIPShowEndpoints", "PJSIPShowRegistrationsOutbound"),
        }
    ),
}
"""What each of them may ask here; the rest is refused, as a PBX does that does not know it, and counted."""
Action = dict[str, str]
Answer = Iterator[Headers]
Members = dict[str, str]


class Manager:
    """One port. secrets: by user; shown: what the PBX has; calls: those that are up.

    For the figures: `logins` of each user, and `refused` actions by name.
    """

    def __init__(self, secrets: Mapping[str, str], shown: Shown, calls: Callable[[], Iterable[Call]]) -> None:
        self.logins: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self._secrets = secrets
        self._calls = calls
        self._globals: dict[str, str] = dict(shown["globals"])
        self._endpoints: dict[str, list[dict[str, str]]] = shown["endpoints"]
        self._queues: dict[str, Members] = {name: {} for name in shown["queues"]}
        self._store: dict[str, str] = {}
        self._writers: dict[asyncio.StreamWriter, str] = {}
        self._server: asyncio.Server | None = None

    async def listen(self, host: str, port: int) -> None:
        """Take logins. Raises OSError."""
        self._server = await asyncio.start_server(self._serve, host, port)

    def close(self) -> None:
        """Cut everything."""
        if self._server is not None:
            self._server.close()
        self.cut()

    def cut(self) -> None:
        """Cut every connection; new ones are taken."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def tell(self, events: bytes) -> bool:
        """Tell who hears events of calls; False: nobody does."""
        told = False
        for writer, user in self._writers.items():
            if user == HANDS:
                writer.write(events)
                told = True
        return told

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GREETING)
        user = ""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                block = (await reader.readuntil(b"\r\n\r\n")).decode()
                action = {key: text for key, _, text in (one.partition(": ") for one in block.split("\r\n")) if key}
                user = user or self._login(action, writer)
                # As Asterisk, which writes each answer at once.
                writer.write(b"".join(packet(one) for one in self._answer(user, action)))
                await writer.drain()
        self._writers.pop(writer, None)
        writer.close()

    def _login(self, action: Action, writer: asyncio.StreamWriter) -> str:
        user = action.get("Username", "")
        known = self._secrets.get(user, "")
        if action["Action"] != "Login" or not hmac.compare_digest(known, action.get("Secret", "") or "-"):
            return ""
        self._writers[writer] = user
        self.logins[user] += 1
        return user

    # ------------------------------------------------------------------ answers
    def _answer(self, user: str, action: Action) -> Answer:
        name = action["Action"]
        if name == "Login":
            yield from self._logged_in(user, action)
        elif name not in MAY.get(user, frozenset()):
            self.refused[name] += 1
            yield _error(action, "Permission denied")
        elif name in _LISTS:
            yield from _LISTS[name](self, action)
        else:
            yield _ONE[name](self, action)

    def _logged_in(self, user: str, action: Action) -> Answer:
        if not user:
            yield _error(action, "Authentication failed")
            return
        yield _success(action, Message="Authentication accepted")
        booted = {"Privilege": "system,all", "Uptime": "60", "LastReload": "60", "Status": "Fully Booted"}
        yield [("Event", "FullyBooted"), *booted.items()]

    def _done(self, action: Action) -> Headers:
        return _success(action, Message="done")

    def _ping(self, action: Action) -> Headers:
        return _success(action, Ping="Pong", Timestamp="1.000001")

    def _getvar(self, action: Action) -> Headers:
        name = action["Variable"]
        return _success(action, Variable=name, Value=self._globals.get(name, ""))

    def _setvar(self, action: Action) -> Headers:
        self._globals[action["Variable"]] = action.get("Value", "")
        return _success(action, Message="Variable Set")

    def _put(self, action: Action) -> Headers:
        self._store[f"{action['Family']}/{action['Key']}"] = action.get("Val", "")
        return _success(action, Message="Updated database successfully")

    def _contacts(self, action: Action) -> Headers:
        return _error(action, "No Contacts found")

    def _registrations(self, action: Action) -> Headers:
        return _error(action, "No outbound registrations found")

    def _member(self, action: Action) -> Headers:
        queue = self._queues.get(action["Queue"])
        if queue is None:
            return _error(action, "Unable to find the queue")
        interface, paused = action["Interface"], "1" if action.get("Paused") == "true" else "0"
        if action["Action"] == "QueueRemove":
            queue.pop(interface, None)
        else:
            queue[interface] = paused
        return _success(action, Message="done")

    def _get(self, action: Action) -> Answer:
        place = f"{action['Family']}/{action['Key']}"
        if place not in self._store:
            yield _error(action, "Database entry not found")
            return
        found = [("Event", "DBGetResponse"), ("Family", action["Family"]), ("Key", action["Key"])]
        yield from _list(action, "DBGetComplete", [[*found, ("Val", self._store[place])]])

    def _status(self, action: Action) -> Answer:
        names = [name for name in action.get("Variables", "").split(",") if name]
        one = action.get("Channel")
        calls = [call for call in self._calls() if one in {None, call.channel}]
        channels = [channel for call in calls for channel in call.status(names)][: 1 if one else None]
        if one and not channels:
            yield _error(action, "No such channel")
            return
        yield from _list(action, "StatusComplete", channels)

    def _queue_status(self, action: Action) -> Answer:
        found: list[Headers] = []
        for name, members in self._queues.items():
            found.append([("Event", "QueueParams"), ("Queue", name), ("Max", "0"), ("Calls", "0")])
            found += [_queue_member(name, interface, paused) for interface, paused in members.items()]
        yield from _list(action, "QueueStatusComplete", found)

    def _dialplan(self, action: Action) -> Answer:
        found = [[("Event", "ListDialplan"), ("Context", action["Context"]), ("Extension", "s"), ("Priority", "1")]]
        yield from _list(action, "ShowDialPlanComplete", found)

    def _endpoint_list(self, action: Action) -> Answer:
        found = [[("Event", "EndpointList"), ("ObjectName", name)] for name in self._endpoints]
        yield from _list(action, "EndpointListComplete", found)

    def _endpoint(self, action: Action) -> Answer:
        parts = self._endpoints.get(action["Endpoint"])
        if parts is None:
            yield _error(action, f"Unable to retrieve endpoint {action['Endpoint']}")
            return
        yield from _list(action, "EndpointDetailComplete", [list(part.items()) for part in parts])


_LISTS: Final[Mapping[str, Callable[[Manager, Action], Answer]]] = {
    "DBGet": Manager._get,
    "Status": Manager._status,
    "QueueStatus": Manager._queue_status,
    "ShowDialPlan": Manager._dialplan,
    "PJSIPShowEndpoints": Manager._endpoint_list,
    "PJSIPShowEndpoint": Manager._endpoint,
}
_ONE: Final[Mapping[str, Callable[[Manager, Action], Headers]]] = {
    "Ping": Manager._ping,
    "Hangup": Manager._done,
    "Reload": Manager._done,
    "ModuleCheck": Manager._done,
    "Getvar": Manager._getvar,
    "Setvar": Manager._setvar,
    "DBPut": Manager._put,
    "QueueAdd": Manager._member,
    "QueueRemove": Manager._member,
    "QueuePause": Manager._member,
    "PJSIPShowContacts": Manager._contacts,
    "PJSIPShowRegistrationsOutbound": Manager._registrations,
}


def _queue_member(queue: str, interface: str, paused: str) -> Headers:
    return [
        ("Event", "QueueMember"),
        ("Queue", queue),
        ("Name", interface.partition("/")[2]),
        ("Location", interface),
        ("StateInterface", interface),
        ("Membership", "dynamic"),
        ("Status", "1"),
        ("Paused", paused),
    ]


def _number(action: Action) -> Headers:
    return [("ActionID", action["ActionID"])] if "ActionID" in action else []


def _success(action: Action, **fields: str) -> Headers:
    return [("Response", "Success"), *_number(action), *fields.items()]


def _error(action: Action, why: str) -> Headers:
    return [("Response", "Error"), *_number(action), ("Message", why)]


def _list(action: Action, end: str, found: Iterable[Headers]) -> Answer:
    yield _success(action, EventList="start", Message="a list will follow")
    n = 0
    for one in found:
        n += 1
        yield [*one, *_number(action)]
    yield [("Event", end), *_number(action), ("EventList", "Complete"), ("ListItems", str(n))]
