"""Of the PBX's list of channels only what is asked of it is held: it is long where many calls are up."""

from __future__ import annotations

import asyncio

from callrouter.asterisk.ami import AmiAnswer, AmiEvent, AmiLink
from tests.protocol.peers import FakeManager, says, until

CHANNEL = (
    "Event: Status\nPrivilege: Call\nChannel: PJSIP/trunk-telco-0000000e\nChannelState: 6\nChannelStateDesc: Up\n"
    "CallerIDNum: 0812\nConnectedLineNum: <unknown>\nLinkedid: 1795351394.14\nApplication: Dial\n"
    "Variable: CR_CALL=6f1c1d8e-7d3f-4b1f-9f5e-0d3b5f0f8a11\nVariable: CR_P=(null)\nActionID: {id}"
)
STARTS = "Response: Success\nActionID: {id}\nEventList: start\nMessage: Channel status will follow"
ENDS = "Event: StatusComplete\nActionID: {id}\nEventList: Complete\nListItems: 1"
MEMBER = "Event: QueueMember\nQueue: operators\nCallsTaken: 4\nActionID: {id}"


async def asked(name: str, listing: str, *answer: str) -> AmiAnswer:
    """Return what a link says that the PBX answered."""

    async def nothing() -> None:
        pass

    def ignore(_event: AmiEvent) -> None:
        pass

    async with FakeManager() as manager:
        manager.replies[name.lower()] = says(*answer)
        link = AmiLink(
            host="127.0.0.1",
            port=manager.port,
            username="hands",
            secret="secret",
            name="test",
            on_event=ignore,
            on_login=nothing,
        )
        task = asyncio.create_task(link.run())
        try:
            assert await until(lambda: link.connected)
            return await link.action(name, listing=listing)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_channel_of_the_list_keeps_what_tells_of_its_call() -> None:
    (event,) = (await asked("Status", "StatusComplete", STARTS, CHANNEL, ENDS)).events
    assert (event.name, event.all("Variable")) == (
        "Status",
        ("CR_CALL=6f1c1d8e-7d3f-4b1f-9f5e-0d3b5f0f8a11", "CR_P=(null)"),
    )
    kept = {key: text for key, text in event.fields.items() if key != "Variable"}
    assert kept == {
        "Event": "Status",
        "Channel": "PJSIP/trunk-telco-0000000e",
        "ChannelState": "6",
        "ChannelStateDesc": "Up",
        "Linkedid": "1795351394.14",
    }


async def test_entries_of_other_lists_are_kept_whole() -> None:
    ends = ENDS.replace("StatusComplete", "QueueStatusComplete")
    (event,) = (await asked("QueueStatus", "QueueStatusComplete", STARTS, MEMBER, ends)).events
    assert event.fields["CallsTaken"] == "4"
