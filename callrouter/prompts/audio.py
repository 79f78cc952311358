"""Sound of a telephone line: 8,000 samples a second, one channel, 16 bits. Pure Python, no library.

Samples are floats or ints in the range of 16 bits. Levels are in dBm0: on a line with A-law or µ-law a sine at
full scale has +3.14 dBm0 (ITU-T G.711), so that 0 dBm0 is 6.15 dB below the power of a full square wave.
"""

from __future__ import annotations

import math
import sys
import wave
from array import array
from collections.abc import Callable, Sequence
from functools import cache
from io import BytesIO
from operator import mul
from pathlib import Path

from callrouter.bilingual import Bilingual

RATE = 8000
FULL = 32767
_FULL_SCALE_DBM0 = 6.15

TAPS = 64
_PASS_HZ = 3600
_BETA = 6.0
"""Kaiser window: about 60 dB down, which is below the noise of G.711's 8 bits."""

SILENT_DBM0 = -50.0
_FRAME = RATE // 100

_dot: Callable[[Sequence[float], Sequence[float]], float]
if sys.version_info >= (3, 12):
    _dot = math.sumprod
else:

    def _dot(left: Sequence[float], right: Sequence[float]) -> float:
        total: float = sum(map(mul, left, right))
        return total


class NotTelephone(Exception):
    """A file is not what the PBX can play; `text` says how it differs, in Indonesian and English."""

    def __init__(self, in_indonesian: str, in_english: str) -> None:
        super().__init__(in_english)
        self.text = Bilingual(in_indonesian, in_english)


def resampled(samples: Sequence[int], rate: int) -> list[float]:
    """Return `samples`, taken at `rate` a second, at 8,000 a second, free of what lies above 4 kHz."""
    if rate == RATE:
        return [float(s) for s in samples]
    common = math.gcd(rate, RATE)
    up, down = RATE // common, rate // common
    filters = _filters(up, rate)
    padded = [0.0] * (TAPS // 2 - 1) + [float(s) for s in samples] + [0.0] * TAPS
    made = []
    for n in range(len(samples) * up // down):
        start, phase = divmod(n * down, up)
        made.append(_dot(filters[phase], padded[start : start + TAPS]))
    return made


@cache
def _filters(up: int, rate: int) -> tuple[tuple[float, ...], ...]:
    """One windowed-sinc low-pass filter for each position between two samples that an output may have."""
    width = 2 * min(_PASS_HZ, rate / 2) / rate
    half = TAPS / 2
    rows = []
    for phase in range(up):
        row = []
        for k in range(TAPS):
            t = k - (half - 1) - phase / up
            window = _bessel(_BETA * math.sqrt(max(0.0, 1 - (t / half) ** 2)))
            x = math.pi * width * t
            row.append(window * (1.0 if x == 0 else math.sin(x) / x))
        gain = sum(row)
        rows.append(tuple(r / gain for r in row))
    return tuple(rows)


def _bessel(x: float) -> float:
    """The modified Bessel function I0, by its series."""
    total = term = 1.0
    k = 1
    while term > 1e-12 * total:
        term *= (x / 2 / k) ** 2
        total += term
        k += 1
    return total


def level(samples: Sequence[float]) -> float:
    """Return the level in dBm0; -inf for silence."""
    power = sum(s * s for s in samples) / len(samples) if samples else 0.0
    return 10 * math.log10(power / FULL**2) + _FULL_SCALE_DBM0 if power else -math.inf


def frame_levels(samples: Sequence[float]) -> list[float]:
    """Return the level of each 10 ms."""
    return [level(samples[i : i + _FRAME]) for i in range(0, len(samples), _FRAME)]


def trimmed(samples: Sequence[float], before_s: float, after_s: float) -> list[float]:
    """Return the sound without the silence around it, between `before_s` and `after_s` of silence; [] if silent."""
    loud = [i for i, found in enumerate(frame_levels(samples)) if found > SILENT_DBM0]
    if not loud:
        return []
    body = samples[loud[0] * _FRAME : (loud[-1] + 1) * _FRAME]
    return [*silence(before_s), *body, *silence(after_s)]


def at_level(samples: Sequence[float], dbm0: float) -> list[float]:
    """Return the sound at `dbm0`, measured where it is not silent, and never above full scale."""
    loud = [
        s
        for i, found in enumerate(frame_levels(samples))
        if found > SILENT_DBM0
        for s in samples[i * _FRAME : (i + 1) * _FRAME]
    ]
    if not loud:
        return list(samples)
    gain = 10 ** ((dbm0 - level(loud)) / 20)
    gain = min(gain, 0.97 * FULL / max(map(abs, loud)))
    return [s * gain for s in samples]


def silence(seconds: float) -> list[float]:
    """Return silence."""
    return [0.0] * round(seconds * RATE)


def tone(frequencies: Sequence[float], seconds: float, ramp_s: float) -> list[float]:
    """Return a chord of sines of equal strength that swells and fades within `ramp_s`."""
    total = round(seconds * RATE)
    ramp = max(1, round(ramp_s * RATE))
    return [
        FULL / len(frequencies) / 2
        * math.sin(math.pi / 2 * min(1.0, n / ramp, (total - n) / ramp)) ** 2
        * sum(math.sin(2 * math.pi * f * n / RATE) for f in frequencies)
        for n in range(total)
    ]  # fmt: skip


def wav_bytes(samples: Sequence[float]) -> bytes:
    """Return a WAV file of the sound. OverflowError where it goes above full scale; `at_level` prevents that."""
    data = array("h", map(round, samples))
    if sys.byteorder == "big":
        data.byteswap()
    out = BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(data.tobytes())
    return out.getvalue()


def read_wav(path: Path) -> tuple[list[int], int]:
    """Return the samples and the rate of a mono 16-bit WAV file. Raises NotTelephone, OSError."""
    with _opened(path) as file:
        if file.getnchannels() != 1:
            count = file.getnchannels()
            raise NotTelephone(
                f"berkas itu memiliki {count} kanal, bukan satu", f"it has {count} channels instead of one"
            )
        if file.getsampwidth() != 2:
            bits = 8 * file.getsampwidth()
            raise NotTelephone(
                f"sampelnya {bits} bit, bukan 16 bit", f"it has {bits}-bit samples instead of 16-bit ones"
            )
        raw = file.readframes(file.getnframes())
        if len(raw) != 2 * file.getnframes():
            raise NotTelephone(*_SHORT)
        data = array("h", raw)
        if sys.byteorder == "big":
            data.byteswap()
        return data.tolist(), file.getframerate()


def seconds_of(clip: Path | bytes) -> float:
    """Return how long a clip is. Raises NotTelephone where it is not a whole WAV of a telephone line, OSError."""
    with _opened(clip) as file:
        found = (file.getframerate(), file.getnchannels(), 8 * file.getsampwidth())
        if found != (RATE, 1, 16):
            raise NotTelephone(
                f"berkas itu memiliki {found[0]} sampel per detik, {found[1]} kanal, {found[2]} bit",
                f"it has {found[0]} samples a second, {found[1]} channel(s), {found[2]} bits",
            )
        whole = 2 * file.getnframes()
        if len(file.readframes(file.getnframes())) != whole:
            raise NotTelephone(*_SHORT)
    return whole / 2 / RATE


def _opened(clip: Path | bytes) -> wave.Wave_read:
    try:
        return wave.open(BytesIO(clip) if isinstance(clip, bytes) else str(clip), "rb")
    except (wave.Error, EOFError) as error:
        raise NotTelephone(
            f"itu bukan berkas WAV dengan sampel PCM ({str(error) or 'terpotong'})",
            f"it is not a WAV file with PCM samples ({str(error) or 'it ends too early'})",
        ) from None


_SHORT = "berkas itu lebih pendek daripada yang disebut kepalanya", "it is shorter than its header says"
