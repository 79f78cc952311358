"""Errors that a person who runs callrouter can act on."""


class OperatorError(Exception):
    """Something outside the code is wrong, and a person can put it right.

    what:   what is wrong, and where (a setting, a file, a line, a port)
    remedy: what to do about it
    The command line prints both on one message and ends with exit code 2.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what} {remedy}")
        self.what = what
        self.remedy = remedy
