"""Plain data from YAML text of a stranger, with the line of everything in it.

Read from the parser's events, not by a loader: it shows every doubled key, every anchor and every line, and nothing
is ever built from a tag. Scalars are those of JSON; all else (dates, `yes`, .inf) stays text, which the table's own
types then accept or refuse.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from callrouter.bilingual import Bilingual
from callrouter.routing.consistency import Problem

MAX_BYTES = 1_000_000
MAX_EVENTS = 250_000
"""A table of 2,000 routes with three steps each has 90,000."""
MAX_DEPTH = 20
"""A table has 8 levels. The parser's time grows with the square of the depth."""

Data = dict[str, "Data"] | list["Data"] | str | int | float | bool | None

_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?([0-9]{1,18}\.[0-9]{0,18}|\.[0-9]{1,18}|[0-9]{1,18}(?=[eE]))([eE][-+]?[0-9]{1,2})?")
_WORDS = {"": None, "~": None} | {
    written: value
    for word, value in {"null": None, "true": True, "false": False}.items()
    for written in (word, word.capitalize(), word.upper())
}


@dataclass
class Tree:
    """What was read.

    data:     the document
    lines:    JSON pointer to line, from 1; a mapping's entry has the line of its key
    written:  JSON pointer to how a number, truth value or null was written
    problems: what makes it no table's text, each with its line
    """

    data: Data = None
    lines: dict[str, int] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    problems: list[tuple[int | None, Problem]] = field(default_factory=list)

    def line(self, pointer: str) -> int | None:
        """Return the line of what `pointer` names, or of the nearest thing around it."""
        while pointer and pointer not in self.lines:
            pointer = pointer.rpartition("/")[0]
        return self.lines.get(pointer)


def escaped(part: str | int) -> str:
    """Return one part of a JSON pointer (RFC 6901)."""
    return str(part).replace("~", "~0").replace("/", "~1")


_STRANGE_BREAKS: Final = "\x85\u2028\u2029"


def _strange_break(text: str) -> int | None:
    """Where a break stands that YAML folds into a blank, so that another name would be taken than was written."""
    return next((at for at, char in enumerate(text) if char in _STRANGE_BREAKS), None)


def read(content: bytes) -> Tree:
    """Read one YAML document. Never raises: what is wrong is in the tree's problems, as far as reading came."""
    tree = Tree()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        sentence = Bilingual("berkas itu bukan teks UTF-8", "the file is not UTF-8 text")
        tree.problems.append((line, Problem("", sentence, Bilingual("Simpan sebagai UTF-8.", "Save it as UTF-8."))))
        return tree
    if (at := _strange_break(text)) is not None:
        line = text.count("\n", 0, at) + 1
        sentence = Bilingual(
            f"karakter U+{ord(text[at]):04X} tidak diizinkan dalam YAML",
            f"the character U+{ord(text[at]):04X} is not allowed in YAML",
        )
        tree.problems.append((line, Problem("", sentence, _REMOVE)))
        return tree
    try:
        _Builder(tree).build(text)
    except _Refused as refused:
        tree.problems.append((refused.line, refused.problem))
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        character = f"U+{ord(text[error.position]):04X}"
        sentence = Bilingual(
            f"karakter {character} tidak diizinkan dalam YAML", f"the character {character} is not allowed in YAML"
        )
        tree.problems.append((line, Problem("", sentence, _REMOVE)))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        sentence = _not_yaml(error.problem or error.context)
        remedy = Bilingual(
            "Cari indentasi yang salah, titik dua yang hilang, atau tanda kutip yang belum ditutup di sana.",
            "Look for a wrong indent, a missing colon or an open quote there.",
        )
        tree.problems.append((mark.line + 1 if mark else None, Problem("", sentence, remedy)))
    except YAMLError as error:
        tree.problems.append((None, Problem("", _not_yaml(error), Bilingual("Tulis ulang.", "Write it anew."))))
    return tree


_REMOVE = Bilingual("Hapus.", "Remove it.")


def _not_yaml(why: object) -> Bilingual:
    """The parser's own words are English."""
    return Bilingual(f"ini bukan YAML: {why}", f"this is not YAML: {why}")


class _Refused(Exception):
    def __init__(self, event: Any, pointer: str, sentence: Bilingual, remedy: Bilingual) -> None:
        super().__init__(sentence.en)
        self.line = event.start_mark.line + 1
        self.problem = Problem(pointer, sentence, remedy)


@dataclass
class _Open:
    """A mapping or a list whose end has not been read."""

    pointer: str
    value: dict[str, Data] | list[Data]
    key: str | None = None
    key_pointer: str = ""


class _Builder:
    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.open: list[_Open] = []
        self.documents = 0

    def build(self, text: str) -> None:
        for count, event in enumerate(_events(text)):
            if count >= MAX_EVENTS:
                sentence = Bilingual(
                    f"berkas itu memiliki lebih dari {MAX_EVENTS} bagian",
                    f"the file has more than {MAX_EVENTS:,} parts",
                )
                raise _Refused(event, "", sentence, Bilingual("Pecah tabel itu.", "Split the table."))
            self.take(event)

    def take(self, event: Any) -> None:
        match event:
            case DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    self.tree.lines[""] = event.start_mark.line + 1
                    raise _Refused(
                        event,
                        "",
                        Bilingual("berkas itu berisi lebih dari satu dokumen", "the file has more than one document"),
                        Bilingual(
                            "Hapus baris `---` dan semua sesudahnya.", "Remove the line `---` and what follows."
                        ),
                    )
            case MappingEndEvent() | SequenceEndEvent():
                self.open.pop()
            case AliasEvent():
                self.place(event, None)
            case MappingStartEvent():
                self.enter(event, {})
            case SequenceStartEvent():
                self.enter(event, [])
            case ScalarEvent():
                self.scalar(event)
            case _:
                pass

    def enter(self, event: Any, value: dict[str, Data] | list[Data]) -> None:
        if len(self.open) >= MAX_DEPTH:
            sentence = Bilingual(f"lebih dari {MAX_DEPTH} tingkat", f"more than {MAX_DEPTH} levels")
            remedy = Bilingual("Sebuah tabel memiliki 8 tingkat.", "A table has 8 levels.")
            raise _Refused(event, self.open[-1].pointer, sentence, remedy)
        self.open.append(_Open(self.place(event, value), value))

    def scalar(self, event: Any) -> None:
        around = self.open[-1] if self.open else None
        if around and isinstance(around.value, dict) and around.key is None:
            self.key(event, around)
            return
        plain = event.style is None
        value = _plain(event.value) if plain else event.value
        pointer = self.place(event, _whole(value) if isinstance(value, str) else value)
        if isinstance(value, str) and _whole(value).count(_MENDED) > value.count(_MENDED):
            self.wrong(
                event,
                pointer,
                Bilingual(
                    "di sini hanya separuh karakter yang ditulis sebagai kode", "half of a character is escaped here"
                ),
                Bilingual("Tulis karakternya.", "Write the character."),
            )
        if not isinstance(value, str):
            self.tree.written[pointer] = event.value

    def key(self, event: Any, around: _Open) -> None:
        self.plainly(event, around.pointer)
        line = event.start_mark.line + 1
        around.key = _whole(event.value)
        around.key_pointer = f"{around.pointer}/{escaped(around.key)}"
        if around.key in around.value:
            first = self.tree.lines[around.key_pointer]
            name = shown(event.value)
            sentence = Bilingual(
                f"isian {name} diberikan dua kali, yang pertama di baris {first}",
                f"the field {name} is given twice, first on line {first}",
            )
            remedy = Bilingual("Sisakan salah satunya.", "Keep one of them.")
            self.wrong(event, around.key_pointer, sentence, remedy)
        self.tree.lines[around.key_pointer] = line

    def place(self, event: Any, value: Data) -> str:
        """Put a value where it belongs; returns its pointer."""
        if not self.open:
            pointer = ""
            self.tree.data = value
        else:
            around = self.open[-1]
            if isinstance(around.value, list):
                pointer = f"{around.pointer}/{len(around.value)}"
                around.value.append(value)
            elif around.key is None:
                sentence = Bilingual("sebuah kunci bukan teks", "a key is not a text")
                remedy = Bilingual("Tulis nama biasa sebelum titik dua.", "Write a plain name before the colon.")
                raise _Refused(event, around.pointer, sentence, remedy)
            else:
                pointer = around.key_pointer
                around.value[around.key] = value
                around.key = None
        self.tree.lines.setdefault(pointer, event.start_mark.line + 1)
        self.plainly(event, pointer)
        return pointer

    def plainly(self, event: Any, pointer: str) -> None:
        """Refuse anchors and aliases (a few lines of them can stand for gigabytes) and tags."""
        if event.anchor is not None:
            mark = "*" if isinstance(event, AliasEvent) else "&"
            name = f"{mark}{shown(event.anchor, quoted=False)}"
            sentence = Bilingual(
                f"anchor dan alias ({name}) tidak diizinkan", f"anchors and aliases ({name}) are not allowed"
            )
            self.wrong(event, pointer, sentence, Bilingual("Tulis nilainya lengkap.", "Write the value out."))
        if getattr(event, "tag", None) is not None:
            name = shown(event.tag, quoted=False)
            sentence = Bilingual(f"tag ({name}) tidak diizinkan", f"tags ({name}) are not allowed")
            remedy = Bilingual("Hapus; tulis teks dalam tanda kutip.", "Remove it; put a text in quotes.")
            self.wrong(event, pointer, sentence, remedy)

    def wrong(self, event: Any, pointer: str, sentence: Bilingual, remedy: Bilingual) -> None:
        self.tree.problems.append((event.start_mark.line + 1, Problem(pointer, sentence, remedy)))


_NOT_YAML_EITHER = (ArithmeticError, LookupError, ValueError, TypeError, AttributeError, AssertionError)
"""What the parser raises, beside its own errors, over text made to harm it, such as an escape beyond Unicode."""


def _events(text: str) -> Iterator[Any]:
    events = YAML(typ="safe", pure=True).parse(text)
    while True:
        try:
            event = next(events)
        except StopIteration:
            return
        except _NOT_YAML_EITHER as error:
            raise YAMLError(f"{type(error).__name__} in the parser") from None
        yield event


_MENDED = "\ufffd"


def _whole(text: str) -> str:
    """Text where an escaped pair of surrogates is one character, and a lone one, which nothing can carry, is gone."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _plain(text: str) -> Data:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def shown(value: object, *, quoted: bool = True) -> str:
    """Return a value for a message: in quotes, at most 80 characters, nothing that a terminal would obey."""
    text = ascii(value) if not isinstance(value, str) else repr(value)
    text = text if quoted or not isinstance(value, str) else text[1:-1]
    return text if len(text) <= 80 else f"{text[:79]}…"
