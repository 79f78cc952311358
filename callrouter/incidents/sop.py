"""Standard operating procedures: lists of questions for a category or an agency, and what is still missing. Pure.

A version of a list is never changed once it is made. What was asked about an incident is the version that was in
force when the incident was first looked at, and stays so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from callrouter.bilingual import Bilingual
from callrouter.incidents.desk import Refused

Value = bool | int | str
Answers = Mapping[str, Value]
"""By the item's key."""

MAX_ITEMS: Final = 60
MAX_CHOICES: Final = 20
MAX_TEXT: Final = 2_000
"""Characters of an answer in words."""
MAX_NUMBER: Final = 1_000_000_000


class SubjectKind(StrEnum):
    """What a list is for."""

    CATEGORY = "categories"
    """Asked by the centre, of every incident of this category."""
    AGENCY = "agencies"
    """Asked of this agency, for every incident that it has."""


class ItemKind(StrEnum):
    """What answers an item."""

    YES_NO = "yes_no"
    CHOICE = "choice"
    """The key of one of its choices."""
    NUMBER = "number"
    """A whole number."""
    TEXT = "text"
    CHECK = "check"
    """A step that is ticked off when it is done."""


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """Which category or agency a list is for."""

    kind: SubjectKind
    key: str

    def __str__(self) -> str:
        """Return it as the audit and the timeline name it: ``agencies/damkar``."""
        return f"{self.kind}/{self.key}"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the answers that can be chosen."""

    key: str
    text: Bilingual


@dataclass(frozen=True, slots=True)
class When:
    """An item is asked only where an earlier one was answered so."""

    item: str
    equals: bool | str


@dataclass(frozen=True, slots=True)
class Item:
    """One question, or one step. least, most: bounds of a number, both included; None: MAX_NUMBER on that side."""

    key: str
    kind: ItemKind
    text: Bilingual
    required: bool = False
    choices: tuple[Choice, ...] = ()
    least: int | None = None
    most: int | None = None
    when: When | None = None


@dataclass(frozen=True, slots=True)
class SopVersion:
    """One version of a list. items: empty for the one that withdraws it: from then on nothing is asked.

    made_at: µs UTC; made_by: "diskominfo-1 (admin)"
    """

    subject: Subject
    version: int
    title: Bilingual
    items: tuple[Item, ...]
    made_at: int = 0
    made_by: str = ""

    @property
    def withdrawn(self) -> bool:
        """Whether nothing is asked by it."""
        return not self.items


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, and who gave it when (µs UTC)."""

    value: Value
    at: int
    by: str


@dataclass(frozen=True, slots=True)
class AskedList:
    """A list as it is asked of one incident.

    sop:      the version that was in force at the first look
    current:  False: the incident has another category now, or the agency declined it or was taken off it
    version:  grows with every change of the answers (If-Match); 0: none was given yet
    attached: False: nobody has looked at the incident yet; it is the version that is in force
    """

    sop: SopVersion
    current: bool = True
    version: int = 0
    answers: Mapping[str, Answered] = field(default_factory=dict)
    attached: bool = True

    @property
    def values(self) -> dict[str, Value]:
        """The bare answers."""
        return {key: answered.value for key, answered in self.answers.items()}

    @property
    def asked(self) -> frozenset[str]:
        """Keys of the items that are asked, as far as the answers go."""
        return asked(self.sop.items, self.values)

    @property
    def missing(self) -> list[str]:
        """Keys of the required items that have no answer; none where the list is not current any more."""
        return missing(self.sop.items, self.values) if self.current else []


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a list or an answer. at: JSON pointer from the list (or the answers) on."""

    at: str
    sentence: Bilingual
    remedy: Bilingual


class NoSuchList(Refused):
    """Nothing is asked of the incident for this category or agency."""

    def __init__(self, subject: Subject) -> None:
        super().__init__(str(subject))
        self.subject = subject


class BadAnswers(Refused):
    """Some answers fit no item."""

    def __init__(self, wrong: Sequence[Wrong]) -> None:
        super().__init__("; ".join(f"{one.at}: {one.sentence.en}" for one in wrong))
        self.wrong = tuple(wrong)


class AnswersMoved(Refused):
    """Somebody else answered meanwhile; `version` is that of the answers now."""

    def __init__(self, incident: UUID, version: int) -> None:
        super().__init__(f"{incident}: version {version}")
        self.version = version


# ------------------------------------------------------------------------------------------------ lists
def faults(items: Sequence[Item]) -> Iterator[Wrong]:
    """Yield what is wrong with a list: keys twice, choices or bounds where none belong, bad conditions."""
    earlier: dict[str, Item] = {}
    for n, item in enumerate(items):
        at = f"/items/{n}"
        if item.key in earlier:
            yield Wrong(f"{at}/key", _TWICE, _OTHER_KEY)
        yield from _shape(item, at)
        if item.when is not None:
            yield from _condition(item.when, earlier, f"{at}/when")
        earlier.setdefault(item.key, item)


def _shape(item: Item, at: str) -> Iterator[Wrong]:
    if (item.kind is ItemKind.CHOICE) != bool(item.choices):
        yield Wrong(f"{at}/choices", _CHOICES, _CHOICES_REMEDY)
    keys = [choice.key for choice in item.choices]
    for n, key in enumerate(keys):
        if key in keys[:n]:
            yield Wrong(f"{at}/choices/{n}/key", _TWICE, _OTHER_KEY)
    if item.kind is not ItemKind.NUMBER and (item.least is not None or item.most is not None):
        yield Wrong(f"{at}/{'least' if item.least is not None else 'most'}", _BOUNDS, _BOUNDS_REMEDY)
    elif item.least is not None and item.most is not None and item.least > item.most:
        yield Wrong(f"{at}/most", _EMPTY_RANGE, _BOUNDS_REMEDY)


def _condition(when: When, earlier: Mapping[str, Item], at: str) -> Iterator[Wrong]:
    on = earlier.get(when.item)
    if on is None:
        yield Wrong(f"{at}/item", _NOT_EARLIER, _NOT_EARLIER_REMEDY)
    elif on.kind in {ItemKind.TEXT, ItemKind.NUMBER}:
        yield Wrong(f"{at}/item", _NOT_ON_FREE, _NOT_ON_FREE_REMEDY)
    elif (why := unfit(on, when.equals)) is not None:
        yield Wrong(f"{at}/equals", why, _FIT_REMEDY)


# ------------------------------------------------------------------------------------------------ answers
def unfit(item: Item, value: object) -> Bilingual | None:
    """Return why `value` is no answer to `item`; None: it is one."""
    match item.kind:
        case ItemKind.YES_NO | ItemKind.CHECK:
            return None if isinstance(value, bool) else _TRUE_OR_FALSE
        case ItemKind.CHOICE:
            keys = [choice.key for choice in item.choices]
            listed = ", ".join(keys)
            told = Bilingual(f"harus salah satu dari {listed}", f"must be one of {listed}")
            return None if isinstance(value, str) and value in keys else told
        case ItemKind.NUMBER:
            least = -MAX_NUMBER if item.least is None else item.least
            most = MAX_NUMBER if item.most is None else item.most
            whole = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
            span = f"{least}..{most}"
            return None if whole else Bilingual(f"harus bilangan bulat {span}", f"must be a whole number {span}")
        case ItemKind.TEXT:
            worded = isinstance(value, str) and 0 < len(value.strip()) <= len(value) <= MAX_TEXT
            return None if worded else _WORDS


def unfit_answers(items: Sequence[Item], given: Mapping[str, object]) -> list[Wrong]:
    """Return what is wrong with these answers; an item that is not asked (see `asked`) may have one."""
    by_key = {item.key: item for item in items}
    wrong: list[Wrong] = []
    for key, value in given.items():
        item = by_key.get(key)
        why = _NO_ITEM if item is None else unfit(item, value)
        if why is not None:
            wrong.append(Wrong(f"/answers/{key}", why, _FIT_REMEDY if item else _NO_ITEM_REMEDY))
    return wrong


def asked(items: Sequence[Item], answers: Answers) -> frozenset[str]:
    """Return the keys of the items that are asked: those without a condition, and those whose condition holds on an
    item that is asked itself.
    """
    found: set[str] = set()
    for item in items:
        on = item.when
        if on is None or (on.item in found and _same(answers.get(on.item), on.equals)):
            found.add(item.key)
    return frozenset(found)


def missing(items: Sequence[Item], answers: Answers) -> list[str]:
    """Return the keys of required items that are asked and have no answer, in the list's order. A step has to be
    ticked.
    """
    are_asked = asked(items, answers)
    return [item.key for item in items if item.required and item.key in are_asked and not _is_done(item, answers)]


def changes(before: Answers, after: Answers) -> dict[str, list[Value | None]]:
    """Return what differs: by key, what the answer was and what it is (None: there is none)."""
    keys = [*before, *(key for key in after if key not in before)]
    return {key: [before.get(key), after.get(key)] for key in keys if not _same(before.get(key), after.get(key))}


def _is_done(item: Item, answers: Answers) -> bool:
    return answers.get(item.key) is True if item.kind is ItemKind.CHECK else item.key in answers


def _same(one: Value | None, other: Value | None) -> bool:
    return type(one) is type(other) and one == other  # True is no 1


# ------------------------------------------------------------------------------------------------ as JSON
def data_of(items: Sequence[Item]) -> list[dict[str, Any]]:
    """Return the items as JSON data."""
    return [
        {
            "key": item.key,
            "kind": str(item.kind),
            "text": _text_data(item.text),
            "required": item.required,
            "choices": [{"key": choice.key, "text": _text_data(choice.text)} for choice in item.choices],
            "least": item.least,
            "most": item.most,
            "when": None if item.when is None else {"item": item.when.item, "equals": item.when.equals},
        }
        for item in items
    ]


def items_of(data: Sequence[Mapping[str, Any]]) -> tuple[Item, ...]:
    """Return what `data_of` made. Raises KeyError, TypeError or ValueError for what it did not make."""
    return tuple(
        Item(
            key=one["key"],
            kind=ItemKind(one["kind"]),
            text=Bilingual(**one["text"]),
            required=one["required"],
            choices=tuple(Choice(choice["key"], Bilingual(**choice["text"])) for choice in one["choices"]),
            least=one["least"],
            most=one["most"],
            when=None if one["when"] is None else When(one["when"]["item"], one["when"]["equals"]),
        )
        for one in data
    )


def _text_data(text: Bilingual) -> dict[str, str]:
    return {"id": text.id, "en": text.en}


_TWICE: Final = Bilingual("kunci ini sudah dipakai", "this key is there already")
_OTHER_KEY: Final = Bilingual("Pakai kunci lain.", "Use another key.")
_CHOICES: Final = Bilingual(
    "pilihan hanya untuk jenis choice, dan wajib di sana", "choices belong to kind choice alone"
)
_CHOICES_REMEDY: Final = Bilingual(
    "Beri choices pada jenis choice, dan hapus pada yang lain.", "Give a choice its choices, and no other kind any."
)
_BOUNDS: Final = Bilingual("batas hanya untuk jenis number", "bounds belong to kind number alone")
_EMPTY_RANGE: Final = Bilingual("most lebih kecil daripada least", "most is less than least")
_BOUNDS_REMEDY: Final = Bilingual("Perbaiki atau hapus batasnya.", "Correct the bounds, or remove them.")
_NOT_EARLIER: Final = Bilingual("tidak ada butir dengan kunci ini sebelumnya", "no earlier item has this key")
_NOT_EARLIER_REMEDY: Final = Bilingual(
    "Sebut butir yang berada di atasnya.", "Name an item that stands above this one."
)
_NOT_ON_FREE: Final = Bilingual(
    "syarat hanya atas yes_no, choice, atau check", "a condition is on yes_no, choice or check alone"
)
_NOT_ON_FREE_REMEDY: Final = Bilingual("Pakai butir jenis itu.", "Use an item of one of these kinds.")
_TRUE_OR_FALSE: Final = Bilingual("harus true atau false", "must be true or false")
_WORDS: Final = Bilingual(f"harus teks, 1 sampai {MAX_TEXT} karakter", f"must be words, 1 to {MAX_TEXT} characters")
_FIT_REMEDY: Final = Bilingual("Perbaiki jawabannya.", "Correct the answer.")
_NO_ITEM: Final = Bilingual("tidak ada butir dengan kunci ini", "no item has this key")
_NO_ITEM_REMEDY: Final = Bilingual("Baca daftarnya lagi: GET …/sop.", "Read the list again: GET …/sop.")
