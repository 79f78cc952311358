"""The catalogue of spoken texts that travels with the package."""

from __future__ import annotations

import re
import string
from functools import cache
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from ruamel.yaml import YAML

from callrouter.routing.values import Key, Language

_FILE = Path(__file__).with_name("catalogue.yaml")
_SPOKEN_ONE_BY_ONE = 3
"""From this many digits on a number in a name is a call number (112, 110), never a quantity."""
_LONGEST_SPELLED = 4
"""Letters of the longest name in capitals that is spelled; longer ones are words (BASARNAS)."""


class Phrase(BaseModel):
    """One text in each language, and the longest its clip may be, in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    en: str
    max_s: float = Field(gt=0, le=60)

    def text(self, language: Language) -> str:
        """Return the text in `language`."""
        return self.id if language is Language.ID else self.en


class Templates(BaseModel):
    """The texts that a routing table fills in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    choice: Phrase
    switch: Phrase
    category: Phrase
    told: Phrase
    agency: Phrase
    centre: Phrase


class Catalogue(BaseModel):
    """Every text of the centre that is not in its routing table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    clips: dict[Key, Phrase]
    templates: Templates
    digits: dict[Language, tuple[str, ...]]
    pronounce: dict[Language, dict[str, str]]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for language in Language:
            if len(self.digits[language]) != len(string.digits) or language not in self.pronounce:
                raise ValueError(f"digits and pronounce must be whole for {language.value}")
        return self

    def filled(self, template: Phrase, language: Language, *, name: str = "", digit: str = "0") -> str:
        """Return the template's text with a name of the table, as it is said, and a digit as a word."""
        word = self.digits[language][int(digit)]
        return template.text(language).format(name=self.said(name, language), digit=word)

    def said(self, name: str, language: Language) -> str:
        """Return a name of the table as a voice should get it.

        Brackets are dropped (double ones would be read as phonemes), call numbers are said digit by digit, and
        in Indonesian short names in capitals are spelled: the voice says BPBD letter by letter, but not PMI.
        """
        plain = re.sub(r"[\[\]{}<>\s]+", " ", name).strip(" .")
        shouted = plain == plain.upper() and any(len(word) > _LONGEST_SPELLED for word in plain.split())
        if language is Language.ID and not shouted:
            known = self.pronounce[language]
            plain = re.sub(r"\b[A-Z]{2,4}\b", lambda m: m[0] if m[0].lower() in known else " ".join(m[0]), plain)
        digits = self.digits[language]
        number = re.compile(rf"[0-9]{{{_SPOKEN_ONE_BY_ONE},}}")
        return number.sub(lambda m: " ".join(digits[int(d)] for d in m[0]), plain)

    def phonetic(self, text: str, language: Language) -> str:
        """Return `text` with the words that the voice would say wrong written as its phonemes."""
        known = self.pronounce[language]
        return re.sub(r"[^\W\d_]+", lambda m: f"[[{known[w]}]]" if (w := m[0].lower()) in known else m[0], text)


@cache
def load() -> Catalogue:
    """Return the catalogue. A fault in it is a broken installation: pydantic.ValidationError."""
    return Catalogue.model_validate(YAML(typ="safe", pure=True).load(_FILE))
