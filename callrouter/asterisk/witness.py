"""An AMI client on pyst2, independent of ours: for `callrouter doctor` and for the tests on a real PBX.

pyst2 has no time-outs of its own and dies on events with ChanVariable, so each of its waits is given a deadline, it
logs in as users without channel variables, and it is never used to serve calls.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

from asterisk.manager import Manager, ManagerAuthException, ManagerException

from callrouter.asterisk.check import login_refused
from callrouter.bilingual import Bilingual, reason
from callrouter.errors import OperatorError

ANSWER_S: Final = 5.0
SELFTEST_CHANNEL = "Local/selftest@callrouter-doctor/n"


class _Manager(Manager):  # type: ignore[misc] # pyst2 has no types
    """pyst2's client; `Witness` closes it, and its own end must not try once more, whenever that comes."""

    def __del__(self) -> None:
        pass


class Witness:
    """A logged-in connection; a context manager."""

    def __init__(self, host: str, port: int, user: str, secret: str) -> None:
        self._where = f"{host}:{port}"
        self._host, self._port, self._user, self._secret = host, port, user, secret
        self._manager: Any = None

    def __enter__(self) -> Self:
        """Log in. Raises OperatorError if the PBX is not there, says nothing, or refuses."""
        self._manager = _Manager()
        try:
            _within(self._log_in)
        except ManagerAuthException:
            self._leave()
            raise login_refused(self._where, self._user) from None
        except (ManagerException, OSError) as error:
            silent = Bilingual(f"tidak ada jawaban dalam {ANSWER_S:.0f} detik", f"no answer within {ANSWER_S:.0f} s")
            why = silent if isinstance(error, TimeoutError) else reason(OSError(*error.args))
            raise OperatorError(
                Bilingual(
                    f"PBX di {self._where} tidak menjawab AMI: {why.id}.",
                    f"The PBX at {self._where} does not answer over AMI: {why.en}.",
                ),
                Bilingual(
                    "Jalankan PBX itu, atau perbaiki CALLROUTER_AMI_HOST dan CALLROUTER_AMI_PORT.",
                    "Start it, or correct CALLROUTER_AMI_HOST and CALLROUTER_AMI_PORT.",
                ),
            ) from None
        return self

    def _log_in(self) -> None:
        self._manager.connect(self._host, self._port)
        self._manager.login(self._user, self._secret)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Log off."""
        self._leave()

    def _leave(self) -> None:
        # pyst2 logs off while another of its threads may just be closing the socket (ValueError); whatever comes of
        # it, what was asked has been answered by now.
        with contextlib.suppress(TimeoutError, ManagerException, OSError, ValueError):
            _within(self._manager.close)

    def on(self, event: str, callback: Callable[[Any, Any], None]) -> None:
        """Call `callback(event, manager)` for each event of that name (``*``: all), on pyst2's own thread."""
        self._manager.register_event(event, callback)

    def action(self, name: str, **fields: str) -> dict[str, str]:
        """Run an action and return the headers of its first answer."""
        response = self._manager.send_action({"Action": name, **fields})
        return {key: str(value) for key, value in response.headers.items()}

    def originate_selftest(self, ticket: str) -> None:
        """Start the self-test on a channel of its own; it answers by the event CRSelftest with this ticket."""
        self.action(
            "Originate",
            Channel=SELFTEST_CHANNEL,
            Application="Wait",
            Data="5",
            Async="true",
            Timeout="5000",
            Variable=f"__CR_SELFTEST_ID={ticket}",
        )


def _within(work: Callable[[], object]) -> None:
    """Run `work`, which may wait for ever, on a thread of its own. Raises what it raises, or TimeoutError."""
    outcome: queue.Queue[Exception | None] = queue.Queue()

    def run() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - it is raised again, where it is waited for
            outcome.put(error)
        else:
            outcome.put(None)

    threading.Thread(target=run, daemon=True).start()
    try:
        error = outcome.get(timeout=ANSWER_S)
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
