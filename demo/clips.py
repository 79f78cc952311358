"""Clips that take no time: a hum in place of what would be spoken."""

from __future__ import annotations

import functools
import math
import struct
import wave
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from callrouter.prompts.texts import needed
from callrouter.routing.table import RoutingTable

HUM_S = 0.25
HUM_HZ = 330


def write_hum(path: Path, *, seconds: float = HUM_S, hz: int = HUM_HZ) -> None:
    """Write a hum, as the PBX plays it. hz: a tone of ``demo.softphone.tones`` is known by telephones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(_hum(seconds, hz))


def quick_clips(folder: Path, *tables: Mapping[str, Any]) -> None:
    """Record every clip of these tables as a short hum: nothing need be spoken, and no menu takes long."""
    for given in tables:
        for clip in needed(RoutingTable.model_validate(given)):
            write_hum(folder / clip.language.value / f"{clip.plain}.wav")


@functools.cache
def _hum(seconds: float, hz: int) -> bytes:
    samples = (int(6000 * math.sin(2 * math.pi * hz * n / 8000)) for n in range(int(8000 * seconds)))
    return b"".join(struct.pack("<h", sample) for sample in samples)
