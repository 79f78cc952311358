"""What a validation error means to the person who wrote the table."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from callrouter.bilingual import Bilingual, RefusedValue, same
from callrouter.mailaddress import EMAIL_PATTERN
from callrouter.publishing.yamltree import Data, Tree, escaped, shown
from callrouter.routing import directory, table, times, values
from callrouter.routing.consistency import Problem

_Told = tuple[Bilingual, Bilingual]
"""What is wrong, and what to do."""

_PATTERNS: dict[str, _Told] = {
    values.KEY_PATTERN: (
        Bilingual("bukan kunci", "is not a key"),
        Bilingual(
            "Pakai a sampai z, 0 sampai 9 dan -, diawali huruf, paling banyak 31 karakter.",
            "Use a to z, 0 to 9 and -, beginning with a letter, at most 31 characters.",
        ),
    ),
    values.TARGET_PATTERN: (
        Bilingual("tidak menyebut kontak", "does not name a contact"),
        Bilingual("Tulis instansi/kontak, misalnya damkar/posko.", "Write agency/contact, for example damkar/posko."),
    ),
    values.NUMBER_PATTERN: (
        Bilingual("bukan nomor yang dapat dihubungi", "is not a number to dial"),
        Bilingual(
            "Pakai 1 sampai 20 angka, dengan + di depannya bila perlu.",
            "Use 1 to 20 digits, with + before them where it is needed.",
        ),
    ),
    values.DIGIT_PATTERN: (
        Bilingual("bukan angka menu", "is not a menu digit"),
        Bilingual(
            "Pakai satu angka dari 1 sampai 9; 0 selalu untuk operator.",
            "Use one digit from 1 to 9; 0 is always an operator.",
        ),
    ),
    values.URN_PATTERN: (
        Bilingual("bukan layanan", "is not a service"),
        Bilingual(
            "Pakai nama dari RFC 5031, misalnya urn:service:sos.fire.",
            "Use a name of RFC 5031, for example urn:service:sos.fire.",
        ),
    ),
    values.AREA_PATTERN: (
        Bilingual("bukan kode wilayah", "is not the code of an area"),
        Bilingual(
            "Pakai kode Kemendagri dengan titik, misalnya 35.07.13.2001.",
            "Use the code of the Ministry of Home Affairs with its dots, for example 35.07.13.2001.",
        ),
    ),
    times.TIME_PATTERN: (
        Bilingual("bukan jam", "is not a time of day"),
        Bilingual("Tulis jam dan menit, 00:00 sampai 23:59.", "Write hours and minutes, 00:00 to 23:59."),
    ),
    times.END_TIME_PATTERN: (
        Bilingual("bukan jam", "is not a time of day"),
        Bilingual("Tulis jam dan menit, 00:00 sampai 24:00.", "Write hours and minutes, 00:00 to 24:00."),
    ),
    directory.USERNAME_PATTERN: (
        Bilingual("bukan nama untuk masuk", "is not a name to log in by"),
        Bilingual(
            "Pakai huruf tanpa aksen, angka dan . _ + -, paling banyak 64 karakter.",
            "Use letters without accents, digits and . _ + -, at most 64 characters.",
        ),
    ),
    EMAIL_PATTERN: (
        Bilingual("bukan alamat surel", "is not an e-mail address"),
        Bilingual(
            "Tulis alamat seperti posko@damkar.example, tanpa nama di depannya.",
            "Write an address like desk@brigade.example, without a name before it.",
        ),
    ),
    table.LINK_PATTERN: (
        Bilingual("bukan tautan", "is not a link"),
        Bilingual(
            "Tulis tautan tanpa spasi, diawali http:// atau https://, paling banyak 300 karakter sesudahnya.",
            "Write a link without blanks that begins with http:// or https://, and has at most 300 characters more.",
        ),
    ),
}
_WHOLE = Bilingual("bilangan bulat", "a whole number")
_FLAG = Bilingual("true atau false", "true or false")
_LIST = Bilingual("daftar", "a list")
_GROUP = Bilingual("kelompok isian", "a group of fields")
_EXPECTED = {
    "int_type": _WHOLE,
    "int_from_float": _WHOLE,
    "bool_type": _FLAG,
    "tuple_type": _LIST,
    "model_type": _GROUP,
    "model_attributes_type": _GROUP,
    "dict_type": _GROUP,
}
_TAGS: Final[Mapping[int | str, str]] = {"steps": "kind", "notices": "channel"}
"""Lists whose entries are of several models, and the field that tells which."""
_CORRECT = Bilingual("Perbaiki.", "Correct it.")
_FIELDS = sorted(
    {
        name
        for model in (*vars(table).values(), *vars(directory).values(), *vars(times).values())
        if isinstance(model, type) and issubclass(model, BaseModel)
        for name in model.model_fields
    }
)


def explained(error: ValidationError, tree: Tree) -> Iterator[Problem]:
    """Return a problem for each thing that `error` found in the tree's data."""
    for detail in error.errors(include_url=False):
        if detail["type"] == "inconsistent":
            yield from detail["ctx"]["problems"]
        elif not _follows(detail):
            pointer = _pointer(detail["loc"], tree.data)
            yield Problem(pointer, *_sentence(_Case(detail, tree.written.get(pointer))))


def _follows(detail: ErrorDetails) -> bool:
    """True for a list called empty only because its entries are wrong, which are told themselves."""
    return detail["type"] == "too_short" and isinstance(detail["input"], list) and bool(detail["input"])


def _pointer(loc: tuple[int | str, ...], data: Data) -> str:
    """A JSON pointer. Pydantic names more than the document has: the kind of a step, which half of an alternative."""
    pointer, here = "", data
    for n, part in enumerate(loc):
        tag = _TAGS.get(loc[n - 2]) if n >= 2 and isinstance(loc[n - 1], int) else None
        if tag is not None and isinstance(here, dict) and here.get(tag) == part:
            continue
        if here is not None and not isinstance(here, dict | list):
            break
        pointer += f"/{escaped(part)}"
        if isinstance(here, dict):
            here = here.get(str(part))
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
        else:
            here = None
    return pointer


@dataclass(frozen=True, slots=True)
class _Case:
    """A validation error; `written` is how a number, a truth value or null stood in the file."""

    detail: ErrorDetails
    written: str | None

    @property
    def name(self) -> Bilingual:
        loc = self.detail["loc"]
        return same(shown(str(loc[-1]))) if loc else Bilingual("tabel itu", "the table")

    @property
    def of_notices(self) -> bool:
        """Whether it is about a contact point for notices as a whole."""
        return "notices" in self.detail["loc"][-2:-1]

    @property
    def value(self) -> str:
        return shown(self.detail["input"]) if self.written is None else shown(self.written, quoted=False)

    @property
    def context(self) -> dict[str, Any]:
        return self.detail.get("ctx", {})


def _sentence(case: _Case) -> _Told:
    kind = case.detail["type"]
    if kind in _SENTENCES:
        return _SENTENCES[kind](case)
    if kind in _EXPECTED:
        quoted = isinstance(case.detail["input"], str) and kind in {"int_type", "bool_type"}
        return _misplaced(case, _EXPECTED[kind], quoted=quoted)
    return same(_cut(case.detail["msg"])), _CORRECT


def _misplaced(case: _Case, due: Bilingual, *, quoted: bool) -> _Told:
    found = _kind_of(case)
    sentence = Bilingual(
        f"{found.id} tertulis di tempat yang seharusnya {due.id}", f"{found.en} stands where {due.en} is due"
    )
    if quoted:
        return sentence, Bilingual(f"Tulis {due.id}, tanpa tanda kutip.", f"Write {due.en}, without quotes.")
    return sentence, Bilingual(f"Tulis {due.id}.", f"Write {due.en}.")


def _extra(case: _Case) -> _Told:
    near = difflib.get_close_matches(str(case.detail["loc"][-1])[:40], _FIELDS, n=1)
    name = case.name
    return (
        Bilingual(f"tidak ada isian {name.id} di sini", f"there is no field {name.en} here"),
        Bilingual(f"Maksudnya {near[0]!r}?", f"Did you mean {near[0]!r}?")
        if near
        else Bilingual("Hapus isian itu.", "Remove it."),
    )


def _no_match(case: _Case) -> _Told:
    message = case.detail["msg"]
    not_allowed = Bilingual("tidak diizinkan di sini", "is not allowed here")
    what, remedy = _PATTERNS.get(str(case.context["pattern"]), (not_allowed, same(f"{message}.")))
    return Bilingual(f"{case.value} {what.id}", f"{case.value} {what.en}"), remedy


def _no_text(case: _Case) -> _Told:
    if case.written:
        text = f'"{case.written[:60]}"'
        return (
            Bilingual(f"{case.value} bukan teks jika tanpa tanda kutip", f"{case.value} is no text without quotes"),
            Bilingual(f"Tulis {text}.", f"Write {text}."),
        )
    return _misplaced(case, Bilingual("teks", "a text"), quoted=False)


def _absent(case: _Case) -> _Told:
    name = case.name
    sentence = Bilingual(f"isian {name.id} tidak ada", f"the field {name.en} is missing")
    return sentence, Bilingual("Tambahkan.", "Add it.")


def _not_offered(case: _Case) -> _Told:
    return _about(case.value, "tidak dapat dipakai di sini", "cannot be here"), _use(case.context["expected"])


def _unknown_step(case: _Case) -> _Told:
    if case.of_notices:
        channel = shown(case.context["tag"])
        sentence = _about(channel, "bukan saluran pemberitahuan", "is no channel for notices")
        return sentence, _use(case.context["expected_tags"])
    kind = shown(case.context["tag"])
    sentence = Bilingual(f"langkah jenis {kind} tidak ada", f"a step of kind {kind} does not exist")
    return sentence, _use(case.context["expected_tags"])


def _step_without_kind(case: _Case) -> _Told:
    if case.of_notices:
        return (
            Bilingual("titik kontak ini tidak memiliki saluran (channel)", "this contact point has no channel"),
            Bilingual("Tambahkan channel: webhook atau email.", "Add channel: webhook or email."),
        )
    kinds = "dial, ringgroup, announce"
    return (
        Bilingual("langkah ini tidak memiliki jenis (kind)", "this step has no kind"),
        Bilingual(f"Tambahkan kind: {kinds} atau record.", f"Add kind: {kinds} or record."),
    )


def _too_small(case: _Case) -> _Told:
    least = case.context["ge"]
    remedy = Bilingual(f"Pakai {least} atau lebih.", f"Use {least} or more.")
    return _about(case.value, "terlalu kecil", "is too small"), remedy


def _too_large(case: _Case) -> _Told:
    most = case.context["le"]
    remedy = Bilingual(f"Pakai {most} atau kurang.", f"Use {most} or less.")
    return _about(case.value, "terlalu besar", "is too large"), remedy


def _no_entries(case: _Case) -> _Told:
    least = case.context["min_length"]
    remedy = Bilingual(f"Berikan paling sedikit {least}.", f"Give at least {least}.")
    return _about(case.name, "kosong", "is empty"), remedy


def _too_many(case: _Case) -> _Told:
    most = case.context["max_length"]
    sentence = _about(case.name, f"memiliki lebih dari {most} butir", f"has more than {most} entries")
    return sentence, Bilingual("Hapus sebagian.", "Remove some.")


def _too_long(case: _Case) -> _Told:
    most = case.context["max_length"]
    remedy = Bilingual(f"Pakai paling banyak {most} karakter.", f"Use at most {most} characters.")
    return _about(case.value, "terlalu panjang", "is too long"), remedy


def _refused(case: _Case) -> _Told:
    error = case.context["error"]
    why = error.reason if isinstance(error, RefusedValue) else same(error)
    return Bilingual(_cut(why.id), _cut(why.en)), _CORRECT


_SENTENCES: dict[str, Callable[[_Case], _Told]] = {
    "missing": _absent,
    "extra_forbidden": _extra,
    "string_pattern_mismatch": _no_match,
    "string_type": _no_text,
    "literal_error": _not_offered,
    "enum": _not_offered,
    "union_tag_invalid": _unknown_step,
    "union_tag_not_found": _step_without_kind,
    "greater_than_equal": _too_small,
    "less_than_equal": _too_large,
    "too_short": _no_entries,
    "string_too_short": lambda c: (_about(c.name, "kosong", "is empty"), Bilingual("Isilah.", "Write it.")),
    "too_long": _too_many,
    "string_too_long": _too_long,
    "value_error": _refused,
}


def _about(what: Bilingual | str, in_indonesian: str, in_english: str) -> Bilingual:
    named = same(what) if isinstance(what, str) else what
    return Bilingual(f"{named.id} {in_indonesian}", f"{named.en} {in_english}")


def _use(choices: str) -> Bilingual:
    """Pydantic lists them as ``'a', 'b' or 'c'``."""
    in_indonesian = choices.replace(" or ", " atau ")
    return Bilingual(f"Pakai {in_indonesian}.", f"Use {choices}.")


def _kind_of(case: _Case) -> Bilingual:
    match case.detail["input"]:
        case dict():
            return _GROUP
        case list():
            return _LIST
        case None:
            return Bilingual("isian kosong", "nothing")
        case _:
            return same(case.value)


def _cut(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:199]}…"
