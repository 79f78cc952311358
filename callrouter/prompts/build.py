"""Making the clips that a routing table needs, and finding out which are missing."""

from __future__ import annotations

import difflib
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from callrouter.errors import OperatorError
from callrouter.prompts import audio, espeak
from callrouter.prompts.catalogue import load
from callrouter.prompts.sounds import FORMAT, SPEECH_DBM0, beep, wait_loop
from callrouter.prompts.texts import MENU_MAX_S, Clip, Kind, menu_clips, needed
from callrouter.routing.table import Language, RoutingTable

MANIFEST = ".made.json"
_SHORTEST_S = 0.1
_BEFORE_S, _AFTER_S = 0.05, 0.2
"""Silence around each clip: joined ones must not run into each other."""
_LARGEST = 2_000_000
_EVERY = 25


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What a build did: clips spoken now, taken from recordings, and kept from before; seconds of each menu."""

    made: int
    recorded: int
    kept: int
    menu_s: dict[Language, float]


def build(
    table: RoutingTable, out: Path, *, pbx_root: Path | None, recorded: Path, report: Callable[[str], None]
) -> BuildResult:
    """Write ``out/<language>/<name>.wav`` for every clip that `table` needs.

    pbx_root: the folder of an unpacked PBX, where espeak-ng is looked for first; None: the system's own
    recorded: ``recorded/<language>/<name>.wav`` replaces the clip of that name
    report:   takes progress, one line at a time

    Clips are made anew only where their text, voice or recording changed, and each file is replaced whole, so
    that a clip may be playing meanwhile. Everything is made and measured before the first file is written.
    Raises OperatorError with everything that is wrong: a recording that the PBX cannot play, a clip or a menu
    that is too long, no espeak-ng, a folder that cannot be written.
    """
    clips = needed(table)
    replaced = _recordings(clips, recorded, report)
    known = _manifest(out)
    fresh = [c for c in clips if not _is_current(c, _source(c, replaced), out, known)]
    files = _make(fresh, replaced, pbx_root, report)
    menu_s = _measured(table, files, out)
    _write(out, files, {str(c.file): _source(c, replaced) for c in clips}, known)
    recordings = sum(1 for c in fresh if c.file in replaced)
    return BuildResult(len(fresh) - recordings, len(replaced), len(clips) - len(fresh), menu_s)


def check(table: RoutingTable, out: Path) -> list[str]:
    """Return the clips of `table` that are missing in `out` or cannot be played, as ``id/menu-greeting``."""
    return [f"{c.language.value}/{c.name}" for c in needed(table) if not _playable(out / c.file)]


def _playable(path: Path) -> bool:
    try:
        return audio.seconds_of(path) >= _SHORTEST_S
    except (audio.NotTelephone, OSError):
        return False


def _recordings(clips: list[Clip], recorded: Path, report: Callable[[str], None]) -> dict[Path, bytes]:
    """The recordings that replace clips, checked."""
    wrong: list[str] = []
    found: dict[Path, bytes] = {}
    for clip in clips:
        path = recorded / clip.file
        if not path.exists():
            if clip.kind is Kind.RECORDED:
                wrong.append(f"{path} is not there, and {clip.source} names it; the catalogue has no such clip")
            continue
        try:
            content = _content(path, clip)
        except audio.NotTelephone as error:
            wrong.append(f"{path}: {error}")
        except OSError as error:
            wrong.append(f"{path} cannot be read: {error.strerror}")
        else:
            found[clip.file] = content
    if wrong:
        raise OperatorError(
            f"Recorded prompts: {'; '.join(wrong)}.",
            "Give each as WAV, PCM 16 bit, 8,000 samples a second, mono, within its length; or take the file away.",
        )
    _tell_strangers(clips, recorded, report)
    return found


def _content(path: Path, clip: Clip) -> bytes:
    if not path.is_file():
        raise audio.NotTelephone("it is not a file")
    if path.stat().st_size > _LARGEST:
        raise audio.NotTelephone(f"it is larger than {_LARGEST:,} bytes")
    seconds = audio.seconds_of(path)
    if seconds < _SHORTEST_S:
        raise audio.NotTelephone(f"it has only {seconds:.2f} s of sound")
    if seconds > clip.max_s:
        raise audio.NotTelephone(f"it takes {seconds:.1f} s; {clip.name} may take {clip.max_s:g} s")
    return path.read_bytes()


def _tell_strangers(clips: list[Clip], recorded: Path, report: Callable[[str], None]) -> None:
    """A misspelt name would leave the made clip in place, unnoticed."""
    names = {str(c.file) for c in clips}
    for language in Language:
        for path in sorted((recorded / language.value).glob("*")):
            name = f"{language.value}/{path.name}"
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                report(f"{path} is not used: no clip has that name" + (f"; did you mean {near[0]}?" if near else "."))


def _source(clip: Clip, replaced: dict[Path, bytes]) -> str:
    """What a clip is made from, as a fingerprint."""
    if clip.file in replaced:
        return "recorded " + hashlib.sha256(replaced[clip.file]).hexdigest()
    made_of = [FORMAT, clip.kind.value, _spoken(clip), clip.voice.value, espeak.SPEED[clip.voice]]
    return "made " + hashlib.sha256(json.dumps(made_of).encode()).hexdigest()


def _spoken(clip: Clip) -> str:
    return load().phonetic(clip.text, clip.voice)


def _manifest(out: Path) -> dict[str, list[str]]:
    """What was made before: file to source and content. An unreadable one only costs time."""
    try:
        known = json.loads((out / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _is_current(clip: Clip, source: str, out: Path, known: dict[str, list[str]]) -> bool:
    try:
        content = hashlib.sha256((out / clip.file).read_bytes()).hexdigest()
    except OSError:
        return False
    return known.get(str(clip.file)) == [source, content]


def _make(
    fresh: list[Clip], replaced: dict[Path, bytes], pbx_root: Path | None, report: Callable[[str], None]
) -> dict[Path, bytes]:
    files = {c.file: replaced[c.file] for c in fresh if c.file in replaced}
    spoken = [c for c in fresh if c.file not in replaced]
    if not spoken:
        return files
    voice = espeak.find(pbx_root)
    began = time.monotonic()
    wrong: list[str] = []
    for done, clip in enumerate(spoken, 1):
        samples = _samples(clip, voice)
        seconds = len(samples) / audio.RATE
        if not samples:
            wrong.append(f"{clip.file} ({clip.source}): nothing in {clip.text[:60]!r} can be spoken")
        elif seconds > clip.max_s:
            wrong.append(f"{clip.file} ({clip.source}): takes {seconds:.1f} s and may take {clip.max_s:g} s")
        files[clip.file] = audio.wav_bytes(samples)
        if done % _EVERY == 0 and done < len(spoken):
            report(f"Prompts: {done} of {len(spoken)} made.")
    if wrong:
        raise OperatorError(
            f"Prompts cannot be made: {'; '.join(wrong)}.",
            "Shorten or correct the name in the table, or record the clip.",
        )
    report(f"Prompts: {len(spoken)} made in {time.monotonic() - began:.1f} s.")
    return files


def _samples(clip: Clip, voice: espeak.Voice) -> list[float]:
    if clip.kind is Kind.BEEP:
        return beep()
    said = audio.trimmed(voice.say(_spoken(clip), clip.voice), _BEFORE_S, _AFTER_S)
    if clip.kind is Kind.WAIT and said:
        return wait_loop(said)
    return audio.at_level(said, SPEECH_DBM0)


def _measured(table: RoutingTable, files: dict[Path, bytes], out: Path) -> dict[Language, float]:
    """Seconds of each language's menu, from the new clips and those kept."""
    seconds: dict[Language, float] = {}
    for language in table.routing.menu.languages:
        total = 0.0
        for name in menu_clips(table, language):
            path = Path(language.value) / f"{name}.wav"
            total += audio.seconds_of(files.get(path) or out / path)
        seconds[language] = total
    long = [f"{found:.1f} s in {language.value!r}" for language, found in seconds.items() if found > MENU_MAX_S]
    if long:
        raise OperatorError(
            f"The menu takes {' and '.join(long)}; it may take {MENU_MAX_S:.0f} s.",
            "Shorten the names of the categories, or have fewer of them.",
        )
    return seconds


def _write(out: Path, files: dict[Path, bytes], sources: dict[str, str], known: dict[str, list[str]]) -> None:
    made = {str(path): [sources[str(path)], hashlib.sha256(content).hexdigest()] for path, content in files.items()}
    try:
        for path, content in files.items():
            _replace(out / path, content)
        if files:
            _replace(out / MANIFEST, json.dumps(known | made, indent=0, sort_keys=True).encode())
    except OSError as error:
        raise OperatorError(
            f"Prompts cannot be written: {error.filename or out}: {error.strerror}.",
            "Make room or allow writing there, or set CALLROUTER_STATE to another folder.",
        ) from None


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(content)
    new.replace(path)
