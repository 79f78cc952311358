"""Who is sent an incident is noted before anything of it goes out."""

from __future__ import annotations

from typing import Final

from callrouter.access.model import Principal, Role
from callrouter.agencies.notices import Channel, Job
from callrouter.agencies.sending import Shown
from callrouter.privacy.access_log import AccessLog, Seen

SUPERVISORS: Final = "supervisors"
"""As whom the access log has those whom a notice tells that an agency has not acknowledged."""


def noted_in(access: AccessLog) -> Shown:
    """Return what notes that an agency, a neighbouring centre or the supervisors are about to be sent an incident."""

    async def shown(job: Job) -> None:
        notice = job.notice
        what = Seen.HANDOVER if notice.channel is Channel.NEIGHBOUR else Seen.NOTICE
        to = Principal(notice.agency, Role.AGENCY, notice.agency)
        if notice.channel is Channel.SUPERVISOR:
            to = Principal(SUPERVISORS, Role.SUPERVISOR)
        where = f"{notice.channel} {notice.contact}".strip()
        purpose = f"notice {notice.id}" if what is Seen.HANDOVER else f"{where}, notice {notice.id}"
        await access.now(to, what, str(notice.incident), purpose)

    return shown
