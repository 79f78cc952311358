"""A process that sends what is in the outbox of a database, as the service does, until it is killed.

Run with the database's URL, the network that targets may lie in, and a secret.
"""

from __future__ import annotations

import asyncio
import sys

from callrouter.agencies.notices import Channel
from callrouter.agencies.outbox import Dispatcher, Pace
from callrouter.agencies.webhook import WebhookSender
from callrouter.storage.database import Database
from callrouter.storage.notice_rows import NoticeWriter
from callrouter.storage.notices import Notices


async def run(url: str, network: str, secret: str) -> None:
    async def secret_of(_agency: str, _contact: str) -> str:
        return secret

    database = Database(url)
    outbox = Notices(database, NoticeWriter(lambda _: None, keep_trying_s=3_600))
    sender = WebhookSender((network,), secret_of)
    pace = Pace(look_s=0.05, try_s=30.0, lost_s=1.0)  # lost_s: what a killed one began is soon taken up
    await Dispatcher(outbox, {Channel.WEBHOOK: sender}, pace).run()


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
