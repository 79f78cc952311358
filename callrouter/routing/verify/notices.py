"""V8: whom an agency is told by telephone can be rung."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from callrouter.bilingual import Bilingual
from callrouter.routing.directory import Directory, PhoneContact, Trunk
from callrouter.routing.verify.report import Finding

LEAST_CHANNELS: Final = 2
"""A call that speaks a notice leaves one of its trunk's channels to callers (dialplan/notice.conf)."""


def notices(directory: Directory) -> Iterator[Finding]:
    """Yield a warning for each contact point of an agency whose telephone is never rung: the next one is told."""
    trunks = {trunk.key: trunk for trunk in directory.trunks}
    for n, agency in enumerate(directory.agencies):
        for m, point in enumerate(agency.notices):
            if not isinstance(point, PhoneContact) or not (agency.enabled and point.enabled):
                continue
            trunk = trunks.get(point.trunk)
            if trunk is None or (why := _never(trunk)) is None:
                continue
            yield Finding(
                "V8",
                error=False,
                pointer=f"/directory/agencies/{n}/notices/{m}",
                sentence=Bilingual(
                    f"pemberitahuan {agency.key}/{point.key} lewat telepon tidak pernah berdering: {why.id}",
                    f"the notice {agency.key}/{point.key} by telephone never rings: {why.en}",
                ),
                remedy=Bilingual(
                    f"Beri trunk {trunk.key} setidaknya {LEAST_CHANNELS} saluran, atau pakai trunk lain yang aktif.",
                    f"Give the trunk {trunk.key} {LEAST_CHANNELS} channels or more, or use another that is enabled.",
                ),
            )


def _never(trunk: Trunk) -> Bilingual | None:
    if not trunk.enabled:
        return Bilingual(f"trunk {trunk.key} tidak aktif", f"the trunk {trunk.key} is not enabled")
    if trunk.channels < LEAST_CHANNELS:
        return Bilingual(
            f"trunk {trunk.key} punya {trunk.channels} saluran, dan satu selalu disisakan untuk penelepon",
            f"the trunk {trunk.key} has channels: {trunk.channels}, and one is always left to callers",
        )
    return None
