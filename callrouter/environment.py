"""What can be wrong with the settings in the environment, told to the person who wrote them.

A value is never echoed: it may be a secret.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Collection, Iterator
from typing import Any, Final

from pydantic import ValidationError

from callrouter.bilingual import Bilingual, RefusedValue, same

PREFIX: Final = "CALLROUTER_"
OF_SCRIPTS: Final = frozenset({"DEBIAN_MIRROR", "TABLE"})
"""Names that scripts and containers read; the service leaves them alone."""
_OF_KUBERNETES: Final = re.compile(r"(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP)(_\w+)?)|PORT")
"""What Kubernetes puts into the environment of every pod beside a service that is called callrouter."""


def misnamed(known: Collection[str]) -> Iterator[Bilingual]:
    """Return a sentence for each name of ours in the environment that is no setting, and for each empty value."""
    for full, value in sorted(os.environ.items()):
        name = full.upper().removeprefix(PREFIX)
        if name == full.upper() or name in OF_SCRIPTS:
            continue
        if name not in known:
            if not _OF_KUBERNETES.fullmatch(name):
                yield _unknown(full, name, known)
        elif not value.strip():
            yield Bilingual(
                f"{full} kosong (isi, atau hapus setelan itu)", f"{full} is empty (fill it in, or unset it)"
            )


def _unknown(full: str, name: str, known: Collection[str]) -> Bilingual:
    near = difflib.get_close_matches(name, known, n=1)
    if not near:
        return Bilingual(f"{full} bukan setelan", f"{full} is not a setting")
    meant = PREFIX + near[0]
    return Bilingual(f"{full} bukan setelan (maksudnya {meant}?)", f"{full} is not a setting (did you mean {meant}?)")


def explained(error: ValidationError, prefix: str) -> Iterator[Bilingual]:
    """Return a sentence for each setting that pydantic refused; `prefix` is that of the class of settings."""
    for detail in error.errors(include_input=False, include_url=False):
        name = prefix + (str(detail["loc"][0]).upper() if detail["loc"] else "…")
        words = _words(detail["type"], detail.get("ctx", {}), detail["msg"])
        yield Bilingual(f"{name} {words.id}", f"{name} {words.en}")


def _words(kind: str, context: dict[str, Any], message: str) -> Bilingual:
    if kind in _RULES:
        return _RULES[kind](context)
    if isinstance(refused := context.get("error"), RefusedValue):
        return refused.reason
    return Bilingual(f"tidak dapat dipakai: {message}", f"cannot be used: {message}")


def _pattern(context: dict[str, Any]) -> Bilingual:
    choices = re.fullmatch(r"\^\(([\w|]+)\)\$", str(context["pattern"]))
    if choices:
        listed = ", ".join(choices[1].split("|"))
        return Bilingual(f"harus salah satu dari: {listed}", f"must be one of: {listed}")
    return Bilingual(
        "harus terdiri atas a sampai z, 0 sampai 9 dan -, diawali huruf, paling banyak 31 karakter",
        "must be of a to z, 0 to 9 and -, beginning with a letter, at most 31 characters",
    )


_WHOLE: Final = Bilingual("harus berupa bilangan bulat", "must be a whole number")
_NUMBER: Final = Bilingual("harus berupa angka", "must be a number")
_FLAG: Final = Bilingual("harus true atau false", "must be true or false")
_RULES: Final[dict[str, Callable[[dict[str, Any]], Bilingual]]] = {
    "int_parsing": lambda _: _WHOLE,
    "int_parsing_size": lambda _: _WHOLE,
    "int_from_float": lambda _: _WHOLE,
    "int_type": lambda _: _WHOLE,
    "float_parsing": lambda _: _NUMBER,
    "float_type": lambda _: _NUMBER,
    "bool_parsing": lambda _: _FLAG,
    "bool_type": lambda _: _FLAG,
    "greater_than": lambda c: Bilingual(f"harus lebih dari {c['gt']:g}", f"must be more than {c['gt']:g}"),
    "greater_than_equal": lambda c: Bilingual(f"paling kecil {c['ge']:g}", f"must be at least {c['ge']:g}"),
    "less_than_equal": lambda c: Bilingual(f"paling besar {c['le']:g}", f"must be at most {c['le']:g}"),
    "string_pattern_mismatch": _pattern,
}


def joined_names(names: Collection[str]) -> Bilingual:
    """Return settings by their full names."""
    full = [PREFIX + name.upper() for name in names]
    return (
        same(full[0])
        if len(full) == 1
        else Bilingual(f"{', '.join(full[:-1])} dan {full[-1]}", f"{', '.join(full[:-1])} and {full[-1]}")
    )
