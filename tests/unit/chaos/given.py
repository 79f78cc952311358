"""Calls, callers and verdicts made up for the tests of the judging code."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import pi, sin
from typing import Any

from chaos.judge import Caller
from demo.softphone import CallReport, Remote, Span
from demo.softphone.hearing import Ear
from demo.softphone.tones import FRAME_S, FRAME_SAMPLES, SAMPLE_RATE_HZ, tone_pcm

ANSWERED_S = 100.0


def sine(hz: int, amplitude: float, seconds: float) -> bytes:
    """A tone that is nobody's: what a telephone network plays."""
    step = 2 * pi * hz / SAMPLE_RATE_HZ
    return array("h", (round(amplitude * sin(step * i)) for i in range(int(seconds * SAMPLE_RATE_HZ)))).tobytes()


def quiet(seconds: float) -> bytes:
    """No sound."""
    return bytes(2 * int(seconds * SAMPLE_RATE_HZ))


def voice(hz: int, seconds: float) -> bytes:
    """An agent's tone."""
    second = tone_pcm(hz)
    return (second * (int(seconds) + 1))[: 2 * int(seconds * SAMPLE_RATE_HZ)]


def heard(*pieces: bytes | float, ended: bool = True) -> CallReport:
    """Return the report of a call that was answered at ANSWERED_S and then received these sounds; a number stands
    for so many seconds without any packet.
    """
    spans: dict[int, list[Span]] = {}
    silences: list[Span] = []

    def take(kind: str, key: int, from_s: float, to_s: float) -> None:
        match kind:
            case "on":
                spans.setdefault(key, []).append(Span(from_s))
            case "off":
                spans[key][-1] = Span(from_s, to_s)
            case "silent":
                silences.append(Span(from_s, to_s))
            case _:
                pass

    ear = Ear(take)
    ear.expect_sound(ANSWERED_S)
    now = ANSWERED_S
    for piece in pieces:
        if not isinstance(piece, bytes):
            now += piece
            ear.tick(now)
            continue
        for at in range(0, len(piece), 2 * FRAME_SAMPLES):
            now += FRAME_S
            ear.hear(piece[at : at + 2 * FRAME_SAMPLES], now)
    if ended:
        ear.close(now)
    return report(spans, silences, ended_s=now if ended else None)


def report(
    spans: dict[int, list[Span]], silences: Sequence[Span], *, ended_s: float | None, answered_s: float | None = 100.0
) -> CallReport:
    """Return a report with these."""
    return CallReport(
        agent="telco",
        direction="out",
        remote=Remote("sip:112@127.0.0.1", "112", ""),
        invited_s=99.0,
        ringing_s=None,
        answered_s=answered_s,
        audio_s=None,
        ended_s=ended_s,
        ended_by=None,
        status=None,
        reason="",
        heard={key: tuple(of) for key, of in spans.items()},
        silences=tuple(silences),
        digits=(),
        wall_offset_s=0.0,
    )


def caller(number: str = "0811", **changes: Any) -> Caller:
    """Return a caller who met somebody soon."""
    given = {"role": "first", "must": True, "human": "damkar", "after_s": 3.0, "dead_air_s": 1.0}
    return Caller(number, **(given | changes))


def incident(number: str = "0811", outcome: str | None = "talked") -> dict[str, Any]:
    """Return an incident as REST gives it, as far as it is judged."""
    return {"caller_number": number, "outcome": outcome}
