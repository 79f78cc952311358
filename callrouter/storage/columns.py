"""Column types: the one place where values from outside are made fit for both databases.

PostgreSQL refuses NUL in text, both refuse lone surrogates and integers beyond 64 bits; and a caller's name is
whatever somebody sent. A record must never be lost to that.
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import JSON, BigInteger, Dialect, Integer, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

_UNFIT = re.compile("[\x00\ud800-\udfff]")
_BIGGEST = 2**63 - 1


def clean(text: str, limit: int) -> str:
    """Return `text` as both databases can hold it: U+FFFD for NUL and lone surrogates, at most `limit` characters."""
    return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", text[:limit])


def _clean_tree(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value, CleanText.LONG)
    if isinstance(value, dict):
        return {_clean_tree(k): _clean_tree(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_clean_tree(v) for v in value]
    return value


class CleanText(TypeDecorator[str]):
    """Text of at most `limit` characters, cleaned on its way in (also where it is compared with)."""

    impl = Text
    cache_ok = True
    LONG = 20_000

    def __init__(self, limit: int = 200) -> None:
        super().__init__()
        self.limit = limit

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else clean(value, self.limit)


class CleanJson(TypeDecorator[Any]):
    """JSON whose texts are cleaned on their way in; None is NULL."""

    impl = JSON
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(none_as_null=True)

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(JSONB(none_as_null=True))
        return dialect.type_descriptor(JSON(none_as_null=True))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        return _clean_tree(value)


class Whole(TypeDecorator[int]):
    """A whole number of 64 bits (times are µs since 1970 UTC); what is beyond becomes the nearest that fits."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else max(-_BIGGEST, min(_BIGGEST, value))


# SQLite counts up by itself only in a column declared INTEGER.
Counted = BigInteger().with_variant(Integer(), "sqlite")
