"""Who speaks is told by a tone: each agent sends one of its own, and only that one.

The grid is chosen so that no tone is taken for another or for anything a telephone network plays:

* each is a multiple of 50 Hz, hence a whole number of cycles in a frame of 20 ms: in such a frame any two are
  orthogonal, and the same tone has the same phase in every frame;
* none is within 30 Hz of a DTMF frequency (ITU-T Q.23), of Indonesia's 425 Hz call progress tone or of its odd
  harmonics, which A-law makes, and none is closer than 12 Hz to a note of music.
"""

from array import array
from math import pi, sin
from typing import Final

SAMPLE_RATE_HZ: Final = 8000
FRAME_S: Final = 0.020
FRAME_SAMPLES: Final = 160
FRAME_BYTES: Final = 2 * FRAME_SAMPLES

TONES: Final = (600, 1000, 1150, 1300, 1550, 1800, 1900, 2000, 2050, 2150, 2250, 2300, 2400, 2450)
"""Every tone an agent may have, Hz."""

# A full-scale sine is +3.14 dBm0 in A-law (ITU-T G.711): this one is -16 dBm0, the level of normal speech.
_AMPLITUDE: Final = 32767 * 10 ** ((-16 - 3.14) / 20)


def check_tone(tone_hz: int) -> int:
    """The tone itself if the grid has it; ValueError otherwise."""
    if tone_hz not in TONES:
        raise ValueError(
            f"{tone_hz} Hz is not a tone that can be told apart; choose one of {', '.join(map(str, TONES))}"
        )
    return tone_hz


def tone_pcm(tone_hz: int) -> bytes:
    """One second of the tone, 16 bit native order at 8 kHz; it may be repeated without a seam."""
    step = 2 * pi * check_tone(tone_hz) / SAMPLE_RATE_HZ
    return array("h", (round(_AMPLITUDE * sin(step * i)) for i in range(SAMPLE_RATE_HZ))).tobytes()
