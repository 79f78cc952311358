"""An ear: turns received audio into "this tone since then", "some other sound since then", "silent from then"."""

from array import array
from collections import deque
from collections.abc import Callable
from math import cos, pi, sin
from operator import mul
from typing import Final

from demo.softphone.tones import FRAME_BYTES, FRAME_S, FRAME_SAMPLES, SAMPLE_RATE_HZ, TONES

SPEECH: Final = 0
"""The key under which every sound that is no agent's tone is reported: prompts, music, ringing."""

QUIET_RMS: Final = 32767 * 10 ** ((-45 - 3.14) / 20) / 2**0.5
"""A frame below -45 dBm0 is silent."""

_WINDOW = 12
"""Frames added up with their phase: 240 ms, so that only a tone within 2 Hz of its place adds up to itself."""
_HEARD_SHARE = 0.2
"""Of the window's energy; four agents of a conference have 0.25 each."""
_PRESENT_SHARE = 0.1
"""Of one frame's energy: enough for a tone that was recognised to go on."""
_STAYS_SHARE = 0.15
_OTHER_FRAMES = 8
"""Of a window, not explained by tones: then it is another sound."""
_ALIKE_FRAMES = 4
"""A tone that was recognised goes on while so many frames add up: 80 ms, so that a lost packet does not cut it."""
_FOREIGN_FRAMES = 14
"""Windows in a row that no tones explain: longer than a change from tone to tone or a slip of phase can last."""
_EXPLAINED_SHARE = 0.6
_ENDS_AFTER_S = 0.12
_SILENCE_S = 0.06
"""Shorter gaps are how packets arrive, not silence."""

_WAVES = [
    (
        [cos(2 * pi * tone * i / SAMPLE_RATE_HZ) for i in range(FRAME_SAMPLES)],
        [sin(2 * pi * tone * i / SAMPLE_RATE_HZ) for i in range(FRAME_SAMPLES)],
    )
    for tone in TONES
]
_NOTHING = [(0.0, 0.0)] * len(TONES)
_FLOOR = QUIET_RMS**2 * FRAME_SAMPLES

Report = Callable[[str, int, float, float], None]


class _Frame:
    """One frame of 20 ms: its energy, what of it lies on each tone, and when it was heard."""

    __slots__ = ("at", "energy", "foreign", "parts", "shares")

    def __init__(self, pcm: bytes, at: float) -> None:
        samples = array("h", pcm).tolist()
        self.at = at
        self.energy = float(sum(map(mul, samples, samples)))
        self.foreign = False
        self.parts = _NOTHING
        self.shares = [0.0] * len(TONES)
        if self.energy >= _FLOOR:
            self.parts = [(sum(map(mul, samples, c)), sum(map(mul, samples, s))) for c, s in _WAVES]
            scale = 2 / (FRAME_SAMPLES * self.energy)
            self.shares = [scale * (c * c + s * s) for c, s in self.parts]

    @property
    def loud(self) -> bool:
        return self.energy >= _FLOOR

    @property
    def other(self) -> bool:
        """Loud, but mostly not of agents' tones."""
        return self.loud and (self.foreign or sum(self.shares) < _EXPLAINED_SHARE)


class Ear:
    """Listens to one call.

    `report(kind, key, from_s, to_s)` is called as things are known, times as given to `hear()`:
    "on" (a tone of `key` Hz or SPEECH is heard since from_s), "off" (it was heard from from_s to to_s),
    "silent" (nothing was heard between the two; key is 0), "first" (the first audio at all).
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._rest = b""
        self._frames: deque[_Frame] = deque(maxlen=_WINDOW)
        self._since: dict[int, float] = {}
        self._last: dict[int, float] = {}
        self._last_loud: float | None = None
        self._heard_any = False
        self._foreign_run = 0

    def hear(self, pcm: bytes, now: float) -> None:
        """Takes the audio received up to `now` (s)."""
        data = self._rest + pcm
        whole = len(data) // FRAME_BYTES
        self._rest = data[whole * FRAME_BYTES :]
        for i in range(whole):
            at = now - (whole - 1 - i) * FRAME_S
            self._frame(_Frame(data[i * FRAME_BYTES : (i + 1) * FRAME_BYTES], at))
        self.tick(now)

    def tick(self, now: float) -> None:
        """Notices what has ended, also when no audio comes any more."""
        for key, last in list(self._last.items()):
            if now - last > _ENDS_AFTER_S:
                self._end(key)

    def expect_sound(self, now: float) -> None:
        """From now on silence counts, even if nothing was ever heard: the call is answered."""
        if self._last_loud is None:
            self._last_loud = now

    def close(self, now: float) -> None:
        """The call is over: everything that was still heard ends, and so does a silence."""
        for key in list(self._last):
            self._end(key)
        if self._last_loud is not None and now - self._last_loud > _SILENCE_S:
            self._report("silent", 0, self._last_loud, now)

    def _frame(self, frame: _Frame) -> None:
        if not self._heard_any:
            self._heard_any = True
            self._report("first", 0, frame.at, frame.at)
        self._frames.append(frame)
        if not frame.loud:
            self._foreign_run = 0
            return
        self._loudness(frame.at)
        present = [i for i in range(len(TONES)) if frame.shares[i] >= _PRESENT_SHARE]
        for i in present:
            known = TONES[i] in self._since
            if self._coherence(i, _ALIKE_FRAMES if known else _WINDOW) >= (_STAYS_SHARE if known else _HEARD_SHARE):
                self._heard(TONES[i], lambda f, i=i: f.shares[i] >= _PRESENT_SHARE)  # type: ignore[misc]
        self._look_for_foreign(present)
        if frame.other and (SPEECH in self._since or sum(f.other for f in self._frames) >= _OTHER_FRAMES):
            self._heard(SPEECH, lambda f: f.other)

    def _look_for_foreign(self, present: list[int]) -> None:
        """A steady sound beside a tone of the grid looks like it in one frame, but does not add up over many."""
        explained = sum(self._coherence(i, _WINDOW, of_loud=True) for i in present)
        self._foreign_run = self._foreign_run + 1 if explained < _EXPLAINED_SHARE else 0
        if self._foreign_run >= _FOREIGN_FRAMES:
            for frame in self._frames:
                frame.foreign = frame.loud

    def _loudness(self, at: float) -> None:
        if self._last_loud is not None and at - self._last_loud > _SILENCE_S:
            self._report("silent", 0, self._last_loud, at)
        self._last_loud = at

    def _coherence(self, i: int, count: int, *, of_loud: bool = False) -> float:
        """The share of the last `count` frames' energy that lies on this tone in one phase; 0 if there are fewer.

        of_loud: the silent frames among them do not count.
        """
        frames = list(self._frames)[-count:]
        if of_loud:
            frames = [frame for frame in frames if frame.loud]
        elif len(frames) < count:
            return 0.0
        energy = sum(frame.energy for frame in frames)
        c = sum(frame.parts[i][0] for frame in frames)
        s = sum(frame.parts[i][1] for frame in frames)
        return 2 * (c * c + s * s) / (len(frames) * FRAME_SAMPLES * energy) if energy else 0.0

    def _heard(self, key: int, present: Callable[[_Frame], bool]) -> None:
        self._last[key] = self._frames[-1].at
        if key in self._since:
            return
        first = self._frames[-1]
        for frame in reversed(self._frames):
            if not present(frame) and key != SPEECH:
                break
            if present(frame):
                first = frame
        self._since[key] = first.at
        self._report("on", key, first.at, first.at)

    def _end(self, key: int) -> None:
        self._report("off", key, self._since.pop(key), self._last.pop(key))
