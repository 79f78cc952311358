"""The machine's clock, as the one part that may be replaced in tests."""

import time
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def now_us() -> int:
    """Return microseconds since 1970 UTC."""
    return time.time_ns() // 1000


def moment(us: int) -> str:
    """Return µs since 1970 as RFC 3339 in UTC, to the microsecond and without rounding."""
    when = _EPOCH + timedelta(microseconds=us)
    return when.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


class SystemClock:
    """Implements callrouter.calls.ports.Clock."""

    def now_us(self) -> int:
        """Return microseconds since 1970 UTC."""
        return now_us()
