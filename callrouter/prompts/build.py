"""Making the clips that a routing table needs, and finding out which are missing."""

from __future__ import annotations

import difflib
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from callrouter.bilingual import Bilingual, joined, reason
from callrouter.calls.menu import menu_data
from callrouter.errors import OperatorError
from callrouter.prompts import audio, espeak
from callrouter.prompts.catalogue import load
from callrouter.prompts.sounds import FORMAT, SPEECH_DBM0, beep, wait_loop
from callrouter.prompts.texts import MENU_MAX_S, Clip, Kind, needed
from callrouter.routing.table import RoutingTable
from callrouter.routing.values import Language

MANIFEST = ".made.json"
_SHORTEST_S = 0.1
_BEFORE_S, _AFTER_S = 0.05, 0.2
"""Silence around each clip: joined ones must not run into each other."""
_LARGEST = 2_000_000
_EVERY = 25


Report = Callable[[Bilingual], None]


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What a build did: clips spoken now, taken from recordings, and kept from before.

    menu_s: seconds of each menu, by language and the digits that lead to it ("": the main menu)
    """

    made: int
    recorded: int
    kept: int
    menu_s: dict[tuple[Language, str], float]


def build(table: RoutingTable, out: Path, *, pbx_root: Path | None, recorded: Path, report: Report) -> BuildResult:
    """Write ``out/<language>/<name>.wav`` for every clip that `table` needs.

    pbx_root: the folder of an unpacked PBX, where espeak-ng is looked for first; None: the system's own
    recorded: ``recorded/<language>/<name>.wav`` replaces the clip of that name. Where a table's text is part of the
        name as a digest, the name without it will do (``choice-1``): that recording is played for digit 1 whatever
        the table lets it mean. With the digest it replaces the clip of that text alone, and goes before the other.
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


def _recordings(clips: list[Clip], recorded: Path, report: Report) -> dict[Path, bytes]:
    """The recordings that replace clips, checked."""
    wrong: list[Bilingual] = []
    found: dict[Path, bytes] = {}
    for clip in clips:
        path = next((p for p in _recorded_as(clip, recorded) if p.exists()), recorded / clip.file)
        if not path.exists():
            if clip.kind is Kind.RECORDED:
                wrong.append(
                    Bilingual(
                        f"{path} tidak ada, padahal disebut oleh {clip.source}; katalog tidak memiliki klip itu",
                        f"{path} is not there, and {clip.source} names it; the catalogue has no such clip",
                    )
                )
            continue
        try:
            content = _content(path, clip)
        except audio.NotTelephone as error:
            wrong.append(Bilingual(f"{path}: {error.text.id}", f"{path}: {error.text.en}"))
        except OSError as error:
            why = reason(error)
            wrong.append(Bilingual(f"{path} tidak dapat dibaca: {why.id}", f"{path} cannot be read: {why.en}"))
        else:
            found[clip.file] = content
    if wrong:
        told = joined("; ", wrong)
        raise OperatorError(
            Bilingual(f"Rekaman klip suara: {told.id}.", f"Recorded prompts: {told.en}."),
            Bilingual(
                "Sediakan masing-masing sebagai WAV, PCM 16 bit, 8.000 sampel per detik, mono, dalam batas "
                "panjangnya; atau singkirkan berkas itu.",
                "Give each as WAV, PCM 16 bit, 8,000 samples a second, mono, within its length; or take the file "
                "away.",
            ),
        )
    _tell_strangers(clips, recorded, report)
    return found


def _recorded_as(clip: Clip, recorded: Path) -> tuple[Path, Path]:
    """Where the recording of a clip may be: under its whole name, or under the plain one."""
    folder = recorded / clip.language.value
    return folder / f"{clip.name}.wav", folder / f"{clip.plain}.wav"


def _content(path: Path, clip: Clip) -> bytes:
    if not path.is_file():
        raise audio.NotTelephone("itu bukan berkas", "it is not a file")
    if path.stat().st_size > _LARGEST:
        raise audio.NotTelephone(f"lebih besar dari {_LARGEST} byte", f"it is larger than {_LARGEST:,} bytes")
    seconds = audio.seconds_of(path)
    if seconds < _SHORTEST_S:
        raise audio.NotTelephone(f"suaranya hanya {seconds:.2f} detik", f"it has only {seconds:.2f} s of sound")
    if seconds > clip.max_s:
        raise audio.NotTelephone(
            f"panjangnya {seconds:.1f} detik; {clip.plain} paling lama {clip.max_s:g} detik",
            f"it takes {seconds:.1f} s; {clip.plain} may take {clip.max_s:g} s",
        )
    return path.read_bytes()


def _tell_strangers(clips: list[Clip], recorded: Path, report: Report) -> None:
    """A misspelt name would leave the made clip in place, unnoticed."""
    names = {f"{c.language.value}/{name}.wav" for c in clips for name in (c.name, c.plain)}
    for language in Language:
        for path in sorted((recorded / language.value).glob("*")):
            name = f"{language.value}/{path.name}"
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                report(
                    Bilingual(
                        f"{path} tidak dipakai: tidak ada klip bernama itu"
                        + (f"; maksudnya {near[0]}?" if near else "."),
                        f"{path} is not used: no clip has that name"
                        + (f"; did you mean {near[0]}?" if near else "."),
                    )
                )


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


def _make(fresh: list[Clip], replaced: dict[Path, bytes], pbx_root: Path | None, report: Report) -> dict[Path, bytes]:
    files = {c.file: replaced[c.file] for c in fresh if c.file in replaced}
    spoken = [c for c in fresh if c.file not in replaced]
    if not spoken:
        return files
    voice = espeak.find(pbx_root)
    began = time.monotonic()
    wrong: list[Bilingual] = []
    for done, clip in enumerate(spoken, 1):
        samples = _samples(clip, voice)
        seconds = len(samples) / audio.RATE
        if not samples:
            what, text = f"{clip.file} ({clip.source})", repr(clip.text[:60])
            wrong.append(
                Bilingual(
                    f"{what}: tidak ada yang dapat diucapkan dalam {text}", f"{what}: nothing in {text} can be spoken"
                )
            )
        elif seconds > clip.max_s:
            what = f"{clip.file} ({clip.source})"
            wrong.append(
                Bilingual(
                    f"{what}: panjangnya {seconds:.1f} detik, paling lama {clip.max_s:g} detik",
                    f"{what}: takes {seconds:.1f} s and may take {clip.max_s:g} s",
                )
            )
        files[clip.file] = audio.wav_bytes(samples)
        if done % _EVERY == 0 and done < len(spoken):
            count = len(spoken)
            report(Bilingual(f"Klip suara: {done} dari {count} dibuat.", f"Prompts: {done} of {count} made."))
    if wrong:
        told = joined("; ", wrong)
        raise OperatorError(
            Bilingual(f"Klip suara tidak dapat dibuat: {told.id}.", f"Prompts cannot be made: {told.en}."),
            Bilingual(
                "Persingkat atau perbaiki nama itu di tabel, atau rekam klipnya.",
                "Shorten or correct the name in the table, or record the clip.",
            ),
        )
    count, took = len(spoken), time.monotonic() - began
    report(
        Bilingual(f"Klip suara: {count} dibuat dalam {took:.1f} detik.", f"Prompts: {count} made in {took:.1f} s.")
    )
    return files


def _samples(clip: Clip, voice: espeak.Voice) -> list[float]:
    if clip.kind is Kind.BEEP:
        return beep()
    said = audio.trimmed(voice.say(_spoken(clip), clip.voice), _BEFORE_S, _AFTER_S)
    if clip.kind is Kind.WAIT and said:
        return wait_loop(said)
    return audio.at_level(said, SPEECH_DBM0)


def _measured(table: RoutingTable, files: dict[Path, bytes], out: Path) -> dict[tuple[Language, str], float]:
    """Seconds of each menu in each of its languages, from the new clips and those kept."""
    data = menu_data(table)
    seconds: dict[tuple[Language, str], float] = {}
    for language in data.languages:
        for before, names in data.clips.items():
            paths = (Path(language.value) / f"{name}.wav" for name in names)
            seconds[language, before] = sum(audio.seconds_of(files.get(path) or out / path) for path in paths)
    long = [_too_long(language, before, found) for (language, before), found in seconds.items() if found > MENU_MAX_S]
    if long and data.asks:
        raise OperatorError(
            Bilingual(
                f"Panjang menu {joined(' dan ', long).id}; paling lama {MENU_MAX_S:.0f} detik.",
                f"The menu takes {joined(' and ', long).en}; it may take {MENU_MAX_S:.0f} s.",
            ),
            Bilingual(
                "Persingkat nama kategori, wilayah, atau menu, atau kurangi pilihannya.",
                "Shorten the names of the categories, areas or menus, or have fewer options.",
            ),
        )
    return seconds


def _too_long(language: Language, before: str, seconds: float) -> Bilingual:
    behind = Bilingual(f", menu di balik {before}", f", the menu behind {before}") if before else Bilingual("", "")
    return Bilingual(
        f"{seconds:.1f} detik dalam {language.value!r}{behind.id}",
        f"{seconds:.1f} s in {language.value!r}{behind.en}",
    )


def _write(out: Path, files: dict[Path, bytes], sources: dict[str, str], known: dict[str, list[str]]) -> None:
    made = {str(path): [sources[str(path)], hashlib.sha256(content).hexdigest()] for path, content in files.items()}
    try:
        for path, content in files.items():
            _replace(out / path, content)
        if files:
            _replace(out / MANIFEST, json.dumps(known | made, indent=0, sort_keys=True).encode())
    except OSError as error:
        where, why = error.filename or out, reason(error)
        raise OperatorError(
            Bilingual(
                f"Klip suara tidak dapat ditulis: {where}: {why.id}.",
                f"Prompts cannot be written: {where}: {why.en}.",
            ),
            Bilingual(
                "Sediakan ruang atau izin menulis di sana, atau atur CALLROUTER_STATE ke folder lain.",
                "Make room or allow writing there, or set CALLROUTER_STATE to another folder.",
            ),
        ) from None


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(content)
    new.replace(path)
