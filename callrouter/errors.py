"""Errors that a person who runs callrouter can act on."""

from __future__ import annotations

from callrouter.bilingual import Bilingual, same


class OperatorError(Exception):
    """Something outside the code is wrong, and a person can put it right.

    what:   what is wrong, and where (a setting, a file, a line, a port)
    remedy: what to do about it
    Names of settings, files and commands are the same in both languages. The command line prints what and remedy
    as one message, in the language of CALLROUTER_LANGUAGE, and ends with exit code 2; logs have the English text.
    """

    def __init__(self, what: Bilingual | str, remedy: Bilingual | str) -> None:
        self._what = what if isinstance(what, Bilingual) else same(what)
        self._remedy = remedy if isinstance(remedy, Bilingual) else same(remedy)
        super().__init__(f"{self._what.en} {self._remedy.en}")

    @property
    def what(self) -> str:
        """What is wrong, in English."""
        return self._what.en

    @property
    def remedy(self) -> str:
        """What to do, in English."""
        return self._remedy.en

    @property
    def said(self) -> Bilingual:
        """What is wrong, in both languages."""
        return self._what

    @property
    def told(self) -> Bilingual:
        """What to do, in both languages."""
        return self._remedy

    def message(self, language: str) -> str:
        """Return both for a terminal, in ``id`` or ``en``."""
        return f"callrouter: {self._what.said(language)}\n  -> {self._remedy.said(language)}"
