"""Sounds that are not speech: what a waiting caller hears, and the beep before a message."""

from __future__ import annotations

from callrouter.prompts import audio

FORMAT = 1
"""Raised whenever clips of the same text would sound different, so that kept ones are made anew."""

SPEECH_DBM0 = -16.0
"""Level of all clips where they are not silent; near the mean that telephone networks are planned for."""

# Below the digits' frequencies (697 Hz on), unlike ringing and busy tone (425 Hz), so that nobody takes it for them.
_LOW, _HIGH = (294.0, 349.0), (330.0, 392.0)
_BURST_S, _BETWEEN_S, _PAUSE_S = 1.0, 0.25, 1.1


def wait_loop(said: list[float]) -> list[float]:
    """Return about 9 s to be played in a loop: soft two-tone bursts, and `said` once.

    No silence is longer than 1.5 s, also where the end meets the beginning: a caller who hears nothing hangs up.
    """
    pair = [
        *audio.tone(_LOW, _BURST_S, 0.2),
        *audio.silence(_BETWEEN_S),
        *audio.tone(_HIGH, _BURST_S, 0.2),
        *audio.silence(_PAUSE_S),
    ]
    quiet = audio.at_level(pair, SPEECH_DBM0)
    speech = audio.at_level(said, SPEECH_DBM0)
    return [*quiet, *speech, *audio.silence(_PAUSE_S / 2), *quiet]


def beep() -> list[float]:
    """Return the tone after which a message is taken."""
    return audio.at_level([*audio.tone((1400.0,), 0.4, 0.02), *audio.silence(0.05)], SPEECH_DBM0)
