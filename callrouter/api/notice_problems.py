"""What can be wrong with what is asked about notices."""

from __future__ import annotations

from http import HTTPStatus

from callrouter.api.kinds import Kind
from callrouter.bilingual import Bilingual

NOTICE_UNKNOWN = Kind(
    "notice_unknown",
    HTTPStatus.NOT_FOUND,
    Bilingual("Pemberitahuan tidak ada", "No such notice"),
    Bilingual("Tidak ada pemberitahuan dengan id ini.", "There is no notice of this id."),
    Bilingual("Cari di /api/v1/notices.", "Look it up in /api/v1/notices."),
)
NOTICE_NOT_DEAD = Kind(
    "notice_not_dead",
    HTTPStatus.CONFLICT,
    Bilingual("Tidak perlu dikirim lagi", "Not to be sent anew"),
    Bilingual(
        "Pemberitahuan ini berstatus {state}; yang dikirim lagi hanya yang dead.",
        "This notice is {state}; only a dead one is sent anew.",
    ),
    Bilingual("Tunggu: yang menunggu dikirim dengan sendirinya.", "Wait: what waits is sent by itself."),
)

CATALOGUE: tuple[Kind, ...] = (NOTICE_UNKNOWN, NOTICE_NOT_DEAD)
