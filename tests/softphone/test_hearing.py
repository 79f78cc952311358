"""What the ear makes of audio that is made up here, sample by sample."""

import random
from array import array
from itertools import combinations
from math import pi, sin

import pytest

from demo.softphone.hearing import SPEECH, Ear
from demo.softphone.tones import FRAME_BYTES, FRAME_S, TONES, check_tone, tone_pcm

_DTMF = (697, 770, 852, 941, 1209, 1336, 1477, 1633)
_START_S = 100.0


class Notes:
    """Collects what an ear reports, and plays audio to it in pieces of 40 ms."""

    def __init__(self) -> None:
        self.reports: list[tuple[str, int, float, float]] = []
        self.ear = Ear(lambda *report: self.reports.append(report))
        self.now = _START_S

    def play(self, pcm: bytes) -> None:
        for at in range(0, len(pcm), 2 * FRAME_BYTES):
            self.now += len(pcm[at : at + 2 * FRAME_BYTES]) / FRAME_BYTES * FRAME_S
            self.ear.hear(pcm[at : at + 2 * FRAME_BYTES], self.now)

    def wait(self, seconds: float) -> None:
        """No packet comes."""
        self.now += seconds
        self.ear.tick(self.now)

    def of(self, kind: str) -> list[tuple[int, float, float]]:
        return [(key, from_s, to_s) for what, key, from_s, to_s in self.reports if what == kind]

    @property
    def heard(self) -> set[int]:
        return {key for key, _, _ in self.of("on")}


def sine(hz: float, seconds: float, amplitude: float = 3000, phase: float = 0.3) -> bytes:
    return array(
        "h", (round(amplitude * sin(phase + 2 * pi * hz * i / 8000)) for i in range(int(seconds * 8000)))
    ).tobytes()


def mixed(*sounds: bytes) -> bytes:
    parts = [array("h", sound) for sound in sounds]
    return array("h", (sum(samples) for samples in zip(*parts, strict=True))).tobytes()


def vowel(seconds: float, seed: int) -> bytes:
    """A voice that wavers: 30 harmonics of a pitch that wanders, as in speech."""
    chance = random.Random(seed)
    pitch, phase, samples = chance.uniform(95, 240), 0.0, array("h")
    for i in range(int(seconds * 8000)):
        if i % 80 == 0:
            pitch *= 1 + chance.uniform(-0.01, 0.01)
        phase += 2 * pi * pitch / 8000
        samples.append(round(900 * sum(sin(k * phase) / k for k in range(1, 12))))
    return samples.tobytes()


def test_each_tone_is_heard_as_itself_only() -> None:
    for tone in TONES:
        notes = Notes()
        notes.play(tone_pcm(tone))
        assert notes.heard == {tone}


def test_two_talking_at_once_are_both_heard_and_nothing_else() -> None:
    for one, other in combinations(TONES, 2):
        notes = Notes()
        notes.play(mixed(tone_pcm(one)[:8000], tone_pcm(other)[:8000]))
        assert notes.heard == {one, other}


def test_a_conference_of_four_is_heard_whole() -> None:
    notes = Notes()
    notes.play(mixed(*(tone_pcm(tone) for tone in TONES[:4])))
    assert notes.heard == set(TONES[:4])


def test_the_beginning_and_the_end_of_a_tone_are_told_to_the_frame() -> None:
    notes = Notes()
    notes.play(bytes(8000))
    notes.play(tone_pcm(1150))
    notes.play(bytes(8000))
    ((_, from_s, to_s),) = notes.of("off")
    assert from_s == pytest.approx(_START_S + 0.5 + FRAME_S, abs=FRAME_S)
    assert to_s == pytest.approx(_START_S + 1.5, abs=FRAME_S)


def test_a_tone_ends_when_packets_stop() -> None:
    notes = Notes()
    notes.play(tone_pcm(1150))
    notes.wait(0.2)
    assert [key for key, _, _ in notes.of("off")] == [1150]


def test_a_lost_packet_does_not_interrupt_a_tone() -> None:
    notes = Notes()
    tone = tone_pcm(2050)
    notes.play(tone[:9600])
    notes.wait(0.02)
    notes.play(tone[9600 + FRAME_BYTES + 34 :])
    assert notes.of("off") == []


def test_a_change_of_speakers_is_no_speech() -> None:
    notes = Notes()
    for tone in TONES:
        notes.play(tone_pcm(tone)[:9634])
    assert notes.heard == set(TONES)


@pytest.mark.parametrize("hz", [425, 440, 850, 1004, 1046.5, 1275, 2125])
def test_ringing_and_other_steady_sounds_are_no_agents_tone(hz: float) -> None:
    notes = Notes()
    notes.play(sine(hz, 1.0))
    assert notes.heard == {SPEECH}


@pytest.mark.parametrize("low", _DTMF[:4])
@pytest.mark.parametrize("high", _DTMF[4:])
def test_a_dtmf_digit_is_no_agents_tone(low: int, high: int) -> None:
    notes = Notes()
    notes.play(mixed(sine(low, 0.4), sine(high, 0.4)))
    assert notes.heard == {SPEECH}


@pytest.mark.parametrize("seed", range(12))
def test_a_voice_is_no_agents_tone(seed: int) -> None:
    notes = Notes()
    notes.play(vowel(2.0, seed))
    assert notes.heard == {SPEECH}


def test_noise_below_45_dbm0_is_silence() -> None:
    chance = random.Random(1)
    notes = Notes()
    notes.ear.expect_sound(notes.now)
    notes.play(array("h", (chance.randint(-60, 60) for _ in range(8000))).tobytes())
    notes.play(tone_pcm(1000))
    assert notes.heard == {1000}
    ((_, from_s, to_s),) = notes.of("silent")
    assert to_s - from_s == pytest.approx(1.0, abs=2 * FRAME_S)


def test_silence_counts_from_the_answer_though_no_packet_ever_came() -> None:
    notes = Notes()
    notes.ear.expect_sound(notes.now)
    notes.wait(3.0)
    notes.ear.close(notes.now)
    assert notes.of("silent") == [(0, _START_S, _START_S + 3.0)]


def test_the_grid_keeps_away_from_what_networks_play() -> None:
    for tone in TONES:
        assert tone % 50 == 0
        assert min(abs(tone - other) for other in (*_DTMF, 425, 1275, 2125)) >= 20
    with pytest.raises(ValueError, match="700 Hz"):
        check_tone(700)
