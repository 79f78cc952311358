"""The person at this machine's command line."""

from __future__ import annotations

import getpass
import os

from callrouter.access.model import Principal, Role


def this_user() -> Principal:
    """Return who runs this command on this machine, as the audit shows him."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number that has no name
        name = f"uid {os.getuid()}"
    return Principal(f"cli:{name}", Role.ADMIN)
