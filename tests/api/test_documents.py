"""What docs/*.md tell people to send is what the service takes: every request in commands and prose.

Nothing is run here: commands are read as a shell reads them, and held against the operations and their models.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import dropwhile, pairwise
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import pytest

from callrouter.api.bodies import parsed, validated
from callrouter.api.operation import AnyOperation
from callrouter.api.parameters import BadParameters, bind
from callrouter.api.problems import ApiProblem
from callrouter.api.server import OPERATIONS
from tests.api.support import DOCUMENT, validate

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = sorted((ROOT / "docs").glob("*.md"))
WITH_COMMANDS: Final = ("admin", "callbacks", "handover", "incidents")
BASE: Final = "/api/v1/"
TIME: Final = "2026-11-21T18:00:00Z"
VALUES: Final = {"PMI_HOST": "127.0.0.9", "UNTIL": TIME, "FROM": TIME, "TO": TIME}
"""Variables of the pages' shell that stand within what is sent."""
SENDS: Final = {"get": "GET", "etag": "GET", "post": "POST", "change": "PATCH"}
"""Commands that docs/admin.md makes, which take a path and a body."""
_BLOCK: Final = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PROSE: Final = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE) (/api/v1|…)(/[^\s`?]*)")
_NAME: Final = re.compile(r"\$(\w+)")


# ---------------------------------------------------------------- reading a shell's commands
class Commands:
    """The simple commands of a script, each as its words, those within `$(…)` too."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self.found: list[list[str]] = []
        while self._at < len(text):
            self._list()

    def _list(self) -> None:
        """Read commands up to the `)` that nothing here opened."""
        words: list[str] = []
        while self._at < len(self._text):
            one = self._text[self._at]
            if self._text.startswith("\\\n", self._at):
                self._at += 2
            elif one in "\n;|&()":
                self._at += 1
                if words:
                    self.found.append(words)
                words = []
                if one == ")":
                    return
            elif one in " \t":
                self._at += 1
            elif one == "#":
                self._at = self._text.index("\n", self._at)
            else:
                words.append(self._word())
        if words:
            self.found.append(words)

    def _word(self) -> str:
        said = ""
        while self._at < len(self._text) and (one := self._text[self._at]) not in " \t\n;|&()":
            if one == "'":
                end = self._text.index("'", self._at + 1)
                said += self._text[self._at + 1 : end]
                self._at = end + 1
            elif one == '"':
                self._at += 1
                while self._text[self._at] != '"':
                    said += self._piece()
                self._at += 1
            else:
                said += self._piece()
        return said

    def _piece(self) -> str:
        """Read one character, or what stands for a variable's or another command's words."""
        if self._text.startswith("$(", self._at):
            self._at += 2
            before = len(self.found)
            self._list()
            return TIME if self.found[before][0] == "date" else "$()"
        if name := _NAME.match(self._text, self._at):
            self._at = name.end()
            return VALUES.get(name[1], name[0])
        self._at += 1
        if self._text[self._at - 1] == "\\" and self._text[self._at] in '"\\$\n':
            self._at += 1
        return self._text[self._at - 1]


@dataclass(frozen=True)
class Request:
    """What a command sends. body: None where there is none; refused: the page shows how it is refused."""

    method: str
    path: str
    query: str
    body: str | None
    headers: dict[str, str]
    refused: bool = False


def requests(script: str) -> Iterator[Request]:
    """Give the requests of a script in order."""
    for said in Commands(script).found:
        words = list(dropwhile(_before_the_command, said))
        if len(words) < 2:
            continue
        if words[0] in SENDS and not words[1].startswith("$"):  # else docs/admin.md makes a command of it
            yield _short(words)
        elif words[0] in {"ask", "refused", "curl"}:
            yield from _long(words)


def _before_the_command(word: str) -> bool:
    return word == "{" or re.match(r"\w+=", word) is not None


def _short(words: list[str]) -> Request:
    at = urlsplit(words[1])
    headers = {"content-type": "application/json"}
    if words[0] == "change":
        headers = {"content-type": "application/merge-patch+json", "if-match": "*"}
    return Request(SENDS[words[0]], BASE + at.path, at.query, words[2] if len(words) > 2 else None, headers)


def _long(words: list[str]) -> Iterator[Request]:
    options: dict[str, str] = {}
    headers: dict[str, str] = {}
    url = ""
    for option, value in pairwise([*words[1:], ""]):
        if option == "-H":
            name, _, rest = value.partition(":")
            headers[name.lower()] = rest.strip()
        elif option in {"-X", "-d", "--data-binary"}:
            options["body" if option != "-X" else "method"] = value
        elif option.startswith("$API/"):
            url = option.removeprefix("$API/")
    if url and not url.startswith("$"):  # as above
        at, body = urlsplit(url), options.get("body")
        method = options.get("method", "GET" if body is None else "POST")
        yield Request(method, BASE + at.path, at.query, body, headers, words[0] == "refused")


# ---------------------------------------------------------------- holding them against the service
def operation_of(method: str, path: str) -> AnyOperation | None:
    """Return what answers there; a `{…}`, or a variable, of the path stands for any one name."""
    wanted = path.strip("/").split("/")
    fitting = [one for one in OPERATIONS if one.method == method and _fits(wanted, one.path.strip("/").split("/"))]
    return min(fitting, key=lambda one: one.path.count("{"), default=None)


def _fits(wanted: list[str], known: list[str]) -> bool:
    return len(wanted) == len(known) and all(
        there.startswith("{") or name == there for name, there in zip(wanted, known, strict=True)
    )


def wrongs(text: str) -> list[str]:
    """Return what a page says that the service does not know or take."""
    found = [
        f"{request.method} {request.path}: {wrong}"
        for kind, script in _BLOCK.findall(text)
        if kind == "sh"
        for request in requests(script)
        for wrong in _wrong(request)
    ]
    for method, start, path in _PROSE.findall(_BLOCK.sub("", text)):
        if not (_known_end(method, path) if start == "…" else operation_of(method, f"/api/v1{path}")):
            found.append(f"{method} {start}{path}: there is none")
    return found


def _known_end(method: str, path: str) -> bool:
    wanted = path.strip("/").split("/")
    ends = [one.path.strip("/").split("/")[-len(wanted) :] for one in OPERATIONS if one.method == method]
    return any(_fits(wanted, end) and not set(wanted).isdisjoint(end) for end in ends)


def _wrong(request: Request) -> Iterator[str]:
    operation = operation_of(request.method, request.path)
    if operation is None:
        yield "there is none"
        return
    try:
        bind(operation.query_model, parse_qsl(request.query, keep_blank_values=True))
    except BadParameters as bad:
        yield f"?{request.query}: {bad.errors} {bad.repeated}"
    if request.refused:
        return
    if operation.guarded and "if-match" not in request.headers:
        yield "If-Match is missing"
    if (operation.body is None) is not (request.body is None):
        yield "a body too many, or none"
    elif request.body is not None:
        yield from _wrong_body(operation, request, request.body)


def _wrong_body(operation: AnyOperation, request: Request, text: str) -> Iterator[str]:
    assert operation.body is not None
    if request.headers.get("content-type") != operation.body.media_type:
        yield f"its media type is {operation.body.media_type}"
    if text in {"@-", "$()"} or _NAME.fullmatch(text):
        return  # made by another command
    raw = (ROOT / text[1:]).read_bytes() if text.startswith("@") else text.encode()
    schema = DOCUMENT["paths"][operation.path][operation.method.lower()]["requestBody"]["content"]
    try:
        validated(raw, parsed(raw), operation.body.model)
        validate(schema[operation.body.media_type]["schema"], json.loads(raw))
    except (ApiProblem, AssertionError) as error:
        yield f"{text}: {getattr(error, 'faults', error)}"


# ---------------------------------------------------------------- the pages
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.stem))
def test_every_request_of_a_page_is_one_that_the_service_takes(page: Path) -> None:
    assert wrongs(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("name", WITH_COMMANDS)
def test_page_with_commands_has_requests_in_them(name: str) -> None:
    text = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    scripts = [script for kind, script in _BLOCK.findall(text) if kind == "sh"]
    assert sum(1 for script in scripts for _ in requests(script)) >= 5


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("get nowhere", "there is none"),
        ("get 'incidents?limit=9999'", "limit"),
        ("get 'incidents?colour=red'", "colour"),
        ('ask -X PUT "$API/callbacks/$ID/done"', "there is none"),
        ('ask -X POST "$API/callbacks/$ID/done"', "a body"),
        ('post callbacks/$ID/done \'{"why": "x"}\'', "why"),
        ('[ -z "$ID" ] || post callbacks/$ID/done \'{"reason": 1}\' | jq .', "reason"),
        ('ask -X DELETE "$API/routes/ambulance"', "If-Match"),
        ('A=$(ask "$API/callbacks/$ID/done" -d \'{"reason": "x"}\' | jq .)', "media type"),
        ('change routes/x "$(get nothing | jq \'{a: "b"}\')"', "nothing: there is none"),
    ],
)
def test_what_is_wrong_in_a_command_is_found(command: str, wrong: str) -> None:
    (found,) = wrongs(f"```sh\n{command}\n```\n")
    assert wrong in found


@pytest.mark.parametrize(
    "prose", ["`GET /api/v1/nothing`", "`PATCH /api/v1/callbacks`", "`POST …/nothing`", "`GET …/{id}/handover`"]
)
def test_what_is_wrong_in_prose_is_found(prose: str) -> None:
    assert len(wrongs(prose)) == 1


def test_what_is_within_quotes_is_read_as_a_shell_does() -> None:
    script = (
        '# it\'s a remark\npost a \'{"$id": "\'"$UNTIL"\'", "n": "\\u00e9"}\' |'
        " jq -r '.x; .y' # done\nget \"b/$ID\" \\\n  c"
    )
    found = Commands(script).found
    assert found[0] == ["post", "a", f'{{"$id": "{TIME}", "n": "\\u00e9"}}']
    assert found[1] == ["jq", "-r", ".x; .y"]
    assert found[2] == ["get", "b/$ID", "c"]


def test_page_for_operators_names_the_same_in_both_languages() -> None:
    text = (ROOT / "docs" / "operator.md").read_text(encoding="utf-8")
    halves = [named_in(part) for part in text.split("## Bahasa Indonesia")[1].split("## English")]
    assert len(halves[0]) > 15
    assert halves[0] == halves[1]


def named_in(half: str) -> list[list[str]]:
    """Return what stands as code in each item of a list, and which pages it names."""
    items = re.split(r"^- ", half, flags=re.MULTILINE)[1:]
    found = [re.findall(r"`[^`]+`|[a-z]+\.md", item.split("\n\n")[0]) for item in items]
    return [[re.sub(r"\{\w+\}", "{}", one) for one in item] for item in found]
