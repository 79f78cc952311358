"""Real SIP agents for the demo and the PBX tests: callers, agencies, operators' phones.

Each is a process of its own with a baresip stack, speaks by a tone of its own (tones.py) and says what it heard.
"""

from demo.softphone.call import PhoneCall
from demo.softphone.deadpeer import DeadPeer
from demo.softphone.hearing import SPEECH
from demo.softphone.model import (
    NET_S,
    Account,
    Answer,
    Behaviour,
    CallReport,
    NotInTime,
    Reject,
    Remote,
    RingOnly,
    SoftphoneError,
    Span,
)
from demo.softphone.phone import Softphone
from demo.softphone.tones import TONES

__all__ = [
    "NET_S",
    "SPEECH",
    "TONES",
    "Account",
    "Answer",
    "Behaviour",
    "CallReport",
    "DeadPeer",
    "NotInTime",
    "PhoneCall",
    "Reject",
    "Remote",
    "RingOnly",
    "Softphone",
    "SoftphoneError",
    "Span",
]
