"""An AMI client on pyst2, independent of ours: for `callrouter doctor` and for the tests on a real PBX.

pyst2 has no time-outs of its own and dies on events with ChanVariable, so it is given a socket time-out, logs in as
users without channel variables, and is never used to serve calls.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from asterisk.manager import Manager, ManagerAuthException, ManagerException

from callrouter.errors import OperatorError

SELFTEST_CHANNEL = "Local/selftest@callrouter-doctor/n"


class Witness:
    """A logged-in connection; a context manager."""

    def __init__(self, host: str, port: int, user: str, secret: str) -> None:
        self._where = f"{host}:{port}"
        self._host, self._port, self._user, self._secret = host, port, user, secret
        self._manager: Any = None

    def __enter__(self) -> Self:
        """Log in. Raises OperatorError if the PBX is not there or refuses."""
        self._manager = Manager()
        try:
            self._manager.connect(self._host, self._port)
            self._manager.login(self._user, self._secret)
        except ManagerAuthException:
            self._manager.close()
            raise OperatorError(
                f"The PBX at {self._where} refuses the login of {self._user}.",
                "Render its configuration with the secrets of this state folder and restart it.",
            ) from None
        except (ManagerException, OSError) as error:
            raise OperatorError(
                f"The PBX at {self._where} does not answer: {error}.", "Start it, or correct CALLROUTER_AMI_PORT."
            ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Log off."""
        self._manager.close()

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
