"""Sound: what the telephone line gets of it."""

from __future__ import annotations

import math
import struct
import wave
from pathlib import Path

import pytest

from callrouter.prompts import audio


def sine(hz: float, rate: int, seconds: float = 0.5, amplitude: float = 10_000) -> list[int]:
    return [round(amplitude * math.sin(2 * math.pi * hz * n / rate)) for n in range(round(seconds * rate))]


def middle(samples: list[float]) -> list[float]:
    """Return the samples without the ends, where a filter has not seen all it needs."""
    return samples[200:-200]


def strength(samples: list[float], hz: float) -> float:
    """Return the amplitude of the sine of `hz` in the samples."""
    cos = sum(s * math.cos(2 * math.pi * hz * n / audio.RATE) for n, s in enumerate(samples))
    sin = sum(s * math.sin(2 * math.pi * hz * n / audio.RATE) for n, s in enumerate(samples))
    return 2 * math.hypot(cos, sin) / len(samples)


@pytest.mark.parametrize("rate", [22_050, 16_000, 44_100, 11_025])
@pytest.mark.parametrize("hz", [300, 1000, 2500])
def test_tone_of_the_telephone_band_keeps_pitch_and_strength(hz: int, rate: int) -> None:
    made = middle(audio.resampled(sine(hz, rate), rate))
    found = strength(made, hz)
    assert found == pytest.approx(10_000, rel=0.02)
    residue = [s - found * math.sin(2 * math.pi * hz * (n + 200) / audio.RATE) for n, s in enumerate(made)]
    assert audio.level(residue) < audio.level(made) - 40


@pytest.mark.parametrize("hz", [5000, 6500, 8000, 10_000])
def test_tone_above_the_band_does_not_come_back_as_a_lower_one(hz: int) -> None:
    made = middle(audio.resampled(sine(hz, 22_050), 22_050))
    assert audio.level(made) < audio.level(sine(1000, audio.RATE)) - 50


def test_resampled_sound_has_its_length() -> None:
    assert len(audio.resampled([0] * 22_050, 22_050)) == audio.RATE
    assert audio.resampled([], 22_050) == []
    assert audio.resampled([1, -2], audio.RATE) == [1.0, -2.0]


def test_sine_at_full_scale_has_the_level_of_g711() -> None:
    assert audio.level(sine(1000, audio.RATE, amplitude=audio.FULL)) == pytest.approx(3.14, abs=0.01)
    assert audio.level([]) == -math.inf
    assert audio.level([0, 0]) == -math.inf


def test_silence_around_a_sound_is_cut_to_measure() -> None:
    sound = [0.0] * 4000 + [float(s) for s in sine(500, audio.RATE, 0.2)] + [0.0] * 4000
    assert len(audio.trimmed(sound, 0.05, 0.1)) == pytest.approx(0.35 * audio.RATE, abs=80)
    assert audio.trimmed([0.0] * 4000, 0.05, 0.1) == []


def test_level_is_set_by_the_loud_parts_and_never_clips() -> None:
    speech = audio.at_level([*sine(500, audio.RATE), *audio.silence(2)], -16)
    assert audio.level(speech[:4000]) == pytest.approx(-16, abs=0.1)
    spike = audio.at_level([1.0] * 4000 + [30_000.0] + [1.0] * 4000, 0)
    assert max(spike) <= audio.FULL
    assert audio.at_level([0.0] * 100, -16) == [0.0] * 100


def test_tone_swells_and_fades() -> None:
    made = audio.tone((300.0,), 1.0, 0.1)
    assert len(made) == audio.RATE
    levels = audio.frame_levels(made)
    assert levels[0] < levels[5] < levels[20]
    assert levels[-1] < levels[-5] < levels[-20]


def test_file_is_what_the_pbx_plays(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(audio.wav_bytes([0, 1000, -1000, audio.FULL]))
    with wave.open(str(path), "rb") as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth(), file.getnframes()) == (8000, 1, 2, 4)
    assert audio.read_wav(path) == ([0, 1000, -1000, audio.FULL], 8000)
    assert audio.seconds_of(path) == 4 / 8000
    assert audio.seconds_of(path.read_bytes()) == 4 / 8000


def wav(rate: int = 8000, channels: int = 1, width: int = 2, frames: int = 800) -> bytes:
    size = frames * channels * width
    head = struct.pack("<IHHIIHH", 16, 1, channels, rate, rate * channels * width, channels * width, 8 * width)
    return (
        b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt " + head + b"data" + struct.pack("<I", size) + bytes(size)
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (wav(rate=16_000), "16000 samples a second"),
        (wav(channels=2), r"2 channel\(s\)"),
        (wav(width=1), "8 bits"),
        (wav()[:-100], "shorter than its header"),
        (wav()[:20], "not a WAV file"),
        (b"", "not a WAV file"),
        (b"ID3 this is an mp3", "not a WAV file"),
        (wav().replace(struct.pack("<IHH", 16, 1, 1), struct.pack("<IHH", 16, 6, 1)), "not a WAV file"),
    ],
)
def test_other_file_is_refused_with_the_difference(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(audio.NotTelephone, match=says):
        audio.seconds_of(path)
    with pytest.raises(audio.NotTelephone, match=says):
        audio.seconds_of(content)


def test_file_with_chunks_after_the_sound_is_taken() -> None:
    assert audio.seconds_of(wav() + b"LIST\x04\x00\x00\x00abcd") == 0.1
