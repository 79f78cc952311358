"""Logs of these tests: plain lines, for a pretty traceback takes longer than the deadlines that are tested."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

# A busy machine is no finding.
settings.register_profile("protocol", deadline=None)
settings.load_profile("protocol")


@pytest.fixture(autouse=True)
def plain_logs() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(),
        ],
        cache_logger_on_first_use=False,
    )
    yield
    structlog.configure(**before)
