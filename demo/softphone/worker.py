"""The child process of one agent: JSON lines in on stdin, JSON lines out on stdout, logs on stderr.

baresip allows one runtime per process, so each agent is a process. It ends when its parent does, however that
happens: the end of stdin is noticed by a thread of its own, which does not wait for anybody.
"""

import asyncio
import json
import logging
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Final

from baresip import BaresipError

from demo.softphone.agent import Agent, Settings
from demo.softphone.agentcall import AgentCall
from demo.softphone.model import SoftphoneError, behaviour_from_json
from demo.softphone.wire import FOLDER_VARIABLE, Message

_LAST_WORDS_S: Final = 2.5


class Worker:
    """Takes orders one after the other, each with an id, and answers each with that id."""

    def __init__(self, out: int) -> None:
        self._out = out
        self._agent: Agent | None = None
        self._done = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until told to quit or until the parent is gone."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._read_orders, args=(loop,), daemon=True, name="orders").start()
        await self._done.wait()
        if self._agent is not None:
            await self._agent.close()

    def _read_orders(self, loop: asyncio.AbstractEventLoop) -> None:
        for line in sys.stdin.buffer:
            loop.call_soon_threadsafe(self._take, json.loads(line))
        loop.call_soon_threadsafe(self._done.set)
        time.sleep(_LAST_WORDS_S)
        _leave(1)

    def _take(self, order: Message) -> None:
        task = asyncio.get_running_loop().create_task(self._obey(order))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _obey(self, order: Message) -> None:
        answer: Message = {"event": "done", "id": order["id"]}
        try:
            if order["do"] == "dial":
                await self._dial(order)
                return
            answer |= await self._do(order)
        except (BaresipError, SoftphoneError, ValueError, OSError) as error:
            answer["error"] = f"{type(error).__name__}: {error}"
        self.tell(answer)

    async def _do(self, order: Message) -> Message:
        what = order["do"]
        if what == "start":
            agent = Agent(Settings(**order["settings"]), self.tell)
            port = await agent.start()
            self._agent = agent
            return {"port": port}
        agent = self._started()
        orders: dict[str, Callable[[Agent, Message], Awaitable[None]]] = {
            "behave": _behave,
            "register": lambda agent, order: agent.register(order["within_s"]),
            "unregister": lambda agent, order: agent.unregister(order["within_s"]),
        }
        if what in orders:
            await orders[what](agent, order)
            return {}
        call = agent.call(order["call"])
        if call is not None:
            await _with_call(call, order)
        return {}

    def _started(self) -> Agent:
        if self._agent is None:
            raise SoftphoneError("not started")
        return self._agent

    async def _dial(self, order: Message) -> None:
        agent = self._started()
        aor = agent.aor(order["user"], order["display_name"], withheld=order["withheld"])
        headers = order["headers"] | ({"Privacy": "id"} if order["withheld"] else {})
        number, at, replay = await agent.dial(order["uri"], aor, headers)
        self.tell({"event": "done", "id": order["id"], "call": number, "at": at, "uri": order["uri"]})
        replay()

    def tell(self, message: Message) -> None:
        """One line to the parent. A parent that is gone is noticed at stdin."""
        try:
            os.write(self._out, json.dumps(message).encode() + b"\n")
        except OSError:
            self._done.set()


async def _behave(agent: Agent, order: Message) -> None:
    agent.behave([behaviour_from_json(item) for item in order["script"]])


async def _with_call(call: AgentCall, order: Message) -> None:
    match order["do"]:
        case "digits":
            await call.digits(order["keys"], fast=order["fast"])
        case "hangup":
            await call.hangup()
        case "mute":
            call.mute()
        case "answer":
            await call.answer()
        case "reject":
            await call.reject()
        case unknown:
            raise SoftphoneError(f"unknown order {unknown!r}")


def main() -> None:
    """Keeps stdout for the parent alone: whatever the native stack prints goes to stderr."""
    out = os.dup(1)
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(level=logging.DEBUG, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    status = 0
    try:
        asyncio.run(Worker(out).run())
    except Exception:
        logging.getLogger(__name__).exception("the agent broke down")
        status = 1
    # The native stack may abort in the interpreter's own teardown; it is stopped already, so leave at once.
    _leave(status)


def _leave(status: int) -> None:
    """Ends the process now, with its folder."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
