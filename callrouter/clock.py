"""The machine's clock, as the one part that may be replaced in tests."""

import time


def now_us() -> int:
    """Return microseconds since 1970 UTC."""
    return time.time_ns() // 1000


class SystemClock:
    """Implements callrouter.calls.ports.Clock."""

    def now_us(self) -> int:
        """Return microseconds since 1970 UTC."""
        return now_us()
