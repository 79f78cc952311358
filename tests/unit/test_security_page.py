"""The page on security names tests that exist, and leaves out none of what it is to say."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"
ROWS = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if re.match(r"\| (?!Who could|---)", line)]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


@cache
def functions_of(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("row", ROWS, ids=range(len(ROWS)))
def test_each_row_says_who_what_stops_him_and_which_test_tries_it(row: str) -> None:
    who, what, tried = (cell.strip() for cell in row.strip("|").split(" | "))
    assert who
    assert what
    named = NAMED.findall(tried)
    assert named
    assert NAMED.sub("", tried).strip(", ") == ""
    for file, test in named:
        assert test in functions_of(file), f"{file} has no {test}"


def test_the_page_has_the_rows_it_is_to_have() -> None:
    page = "\n".join(ROWS)
    for subject in (
        "AGI",
        "AMI",
        "HEP",
        "REST",
        "REGISTER",
        "REFER",
        "302",
        "Replaces",
        "Hops",
        "guess",
        "strictrtp",
    ):
        assert subject in page, subject
    assert len(ROWS) >= 20


def test_every_test_of_an_attack_stands_on_the_page() -> None:
    named = {test for _, test in NAMED.findall("\n".join(ROWS))}
    for path in sorted((ROOT / "tests" / "pbx").glob("test_attack_*.py")):
        kept = {test for test in functions_of(str(path.relative_to(ROOT))) if test.startswith("test_")}
        allowed = {
            test
            for test in kept
            if test.startswith(("test_operator_transfers", "test_operator_asks", "test_caller_goes"))
        }
        assert kept - named == allowed
