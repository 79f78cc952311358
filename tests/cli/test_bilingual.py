"""Every text for operators and admins is in Indonesian and in English, and names the same things in both."""

from __future__ import annotations

import ast
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from callrouter.bilingual import Bilingual, joined, of_environment, reason, same
from callrouter.errors import OperatorError

PACKAGE = Path(__file__).parents[2] / "callrouter"
_NAMES = re.compile(
    r"CALLROUTER_[A-Z_]+|`[^`]+`|callrouter (?:migrate|prompts|pbx render|routes import)|/routing/[a-z_/]+"
)

_OF_ONE_LANGUAGE = re.compile(r"\.(id|en)\b|\bin_(indonesian|english)\b|\bchoices\b")


def calls(name: str) -> Iterator[tuple[str, ast.Call]]:
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                yield f"{file.relative_to(PACKAGE)}:{node.lineno}", node


def test_no_error_for_a_person_is_in_one_language_only() -> None:
    plain = [
        at
        for at, call in calls("OperatorError")
        if any(isinstance(a, ast.Constant | ast.JoinedStr) for a in call.args)
    ]
    assert plain == []


def literal(node: ast.expr) -> str | None:
    """Return the text of a literal, with `{…}` where a value is put in, the same for both languages."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return None
    parts = []
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            parts.append("{" + _OF_ONE_LANGUAGE.sub("", ast.unparse(part.value)) + "}")
        else:
            assert isinstance(part, ast.Constant)
            parts.append(str(part.value))
    return "".join(parts)


def test_both_languages_name_the_same_settings_commands_and_values() -> None:
    pairs = [(at, [literal(argument) for argument in call.args]) for at, call in calls("Bilingual")]
    texts = [(at, pair[0], pair[1]) for at, pair in pairs if len(pair) == 2 and pair[0] and pair[1]]
    assert len(texts) > 150
    for at, in_indonesian, in_english in texts:
        assert sorted(_NAMES.findall(in_indonesian)) == sorted(_NAMES.findall(in_english)), at
        # A value may be worded apart ("1,000 bytes"): its name must still be there.
        assert {v.split(":")[0] for v in re.findall(r"\{([\w.]+)", in_indonesian)} == {
            v.split(":")[0] for v in re.findall(r"\{([\w.]+)", in_english)
        }, at


def test_message_is_in_the_language_asked_for() -> None:
    error = OperatorError(Bilingual("Salah.", "Wrong."), Bilingual("Perbaiki.", "Correct it."))
    assert error.message("id") == "callrouter: Salah.\n  -> Perbaiki."
    assert error.message("en") == "callrouter: Wrong.\n  -> Correct it."
    assert str(error) == "Wrong. Correct it."


def test_texts_are_joined_in_both_languages() -> None:
    assert joined("; ", [Bilingual("a", "b"), same("c")]) == Bilingual("a; c", "b; c")


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOSPC, errno.EADDRINUSE, errno.EROFS])
def test_reason_of_the_system_is_told_in_both_languages(number: int) -> None:
    told = reason(OSError(number, os.strerror(number), "/secret/path"))
    assert told.en == os.strerror(number)
    assert told.id != told.en
    assert "/secret" not in told.id + told.en


@pytest.mark.parametrize(("given", "language"), [("en", "en"), ("id", "id"), ("EN", "id"), ("", "id")])
def test_language_is_known_before_the_settings_are(
    monkeypatch: pytest.MonkeyPatch, given: str, language: str
) -> None:
    monkeypatch.setenv("CALLROUTER_LANGUAGE", given)
    assert of_environment() == language
