"""Nothing that a table holds can become more than a value: not a line, a section, a function, a step, a command.

Each place of a table where a text stands gets hostile ones. What is refused is refused in both languages; what is
taken stands in the PBX's files as that one value, and everything else is as with a harmless one.
"""

from __future__ import annotations

import ipaddress
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from callrouter.api import bodies
from callrouter.api.problems import ApiProblem, problem_model
from callrouter.asterisk import render
from callrouter.asterisk.dialplan import Dialplan
from callrouter.asterisk.pbx_secrets import Credentials, PbxSecrets
from callrouter.asterisk.plan_codec import encode
from callrouter.asterisk.quoting import agi_line, agi_variable, ami_header
from callrouter.asterisk.render import compose
from callrouter.bilingual import Bilingual, RefusedValue
from callrouter.calls.handover import Snapshot, hand_over, snapshot_of
from callrouter.calls.ports import HandOver
from callrouter.calls.records import Opened
from callrouter.errors import OperatorError
from callrouter.publishing.importing import TableError, parse_table
from callrouter.routing.plan import Announce, Challenge, Dial, Plan, Record, Ring, Step
from callrouter.routing.table import RoutingTable
from callrouter.routing.values import Language
from callrouter.settings import Settings, load
from callrouter.vault import checked_password, digests
from tests.pbx.full_table import HARMLESS, HOSTS, NAMES, SHOWN, Document
from tests.pbx.nasty import BREAKS, variants
from tests.protocol.asterisk_parser import agi_commands, ami_actions
from tests.unit.asterisk.conffile import read
from tests.unit.asterisk.given import Line

Sections = list[tuple[str, str, list[tuple[str, str]]]]
NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
SECRETS: Final = PbxSecrets("a" * 40, "b" * 40, "c" * 40, "d" * 40)
PASSWORD: Final = "qqpassword"


# ---------------------------------------------------------------- every text of every kind
def texts(data: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Yield every text in a document with its place."""
    if isinstance(data, str):
        yield at, data
    elif isinstance(data, dict | list):
        for part, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from texts(value, (*at, part))


def fields_with_text(model: BaseModel) -> Iterator[tuple[str, str]]:
    """Yield the fields of `model`, and of the models in it, that hold a text now."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, BaseModel):
                yield from fields_with_text(part)
            elif part is not None and not isinstance(part, bool | int):
                yield type(model).__name__, name


def takes_text(schema: Document, definitions: Document) -> bool:
    """Return whether a JSON schema allows a text, or a list of texts."""
    if "$ref" in schema:
        return takes_text(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    parts = [*schema.get("anyOf", ()), *([schema["items"]] if isinstance(schema.get("items"), dict) else ())]
    return schema.get("type") == "string" or any(takes_text(part, definitions) for part in parts)


def spelled(at: tuple[Any, ...]) -> str:
    """Return a place as the name of a test."""
    return "/".join(map(str, at))


TEXTS: Final = dict(texts(HARMLESS))
PLACES: Final = list(TEXTS)
NAMED: Final = [at for at in PLACES if "name" in at[-2:]]


def test_every_field_that_can_hold_a_text_has_one_in_the_harmless_table() -> None:
    definitions = RoutingTable.model_json_schema()["$defs"]
    possible = {
        (model, field)
        for model, schema in definitions.items()
        for field, one in schema.get("properties", {}).items()
        if takes_text(one, definitions)
    }
    given = set(fields_with_text(RoutingTable.model_validate_json(json.dumps(HARMLESS), strict=True)))
    assert possible <= given
    assert len(possible) > 50


# ---------------------------------------------------------------- what is made of a table
@dataclass(frozen=True)
class Made:
    """What the PBX is given for a table.

    files: of each file, its sections: name, options, lines; without the hashes that prove that it was read
    told:  the variables of a session, by the call that it is for
    """

    files: dict[str, Sections]
    told: dict[str, dict[str, str]]


def made(table: RoutingTable, password: str = PASSWORD) -> Made:
    """Return what is made of `table`. Raises OperatorError where the PBX cannot carry it."""
    known = Credentials(
        {o.key: digests("x", "y") for o in table.directory.operators},
        {t.key: password for t in table.directory.trunks if t.login},
    )
    whole = compose(used(), table, 3, SECRETS, known)
    files = {name: sections(text.replace(whole.sentinels[name], "sentinel")) for name, text in whole.texts.items()}
    for name, value in whole.globals.items():
        assert one_action(("Variable", name), ("Value", value))
    for group in whole.groups:
        assert one_action(("Queue", f"{group}.last"))
    for operator in whole.operators:
        assert one_action(("Interface", f"PJSIP/{operator.key}"), ("MemberName", operator.key))
    snapshot = snapshot_of(3, table)
    return Made(files, {f"{origin} {trunk}": told(snapshot, origin, trunk) for origin, trunk in callers(table)})


@lru_cache(maxsize=64)
def sections(text: str) -> Sections:
    """Return what Asterisk reads in a file."""
    return [(section.name, section.options, section.lines) for section in read(text)]


@cache
def used() -> Settings:
    """Return settings that let every address in."""
    return load(state=Path("/state"), trunk_networks=("0.0.0.0/0", "::/0"))


@pytest.fixture(autouse=True, scope="module")
def _templates_read_once() -> Iterator[None]:
    """The templates are the same each time; to read them takes longer than all the rest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render, "_environment", cache(render._environment))
        yield


def one_action(*fields: tuple[str, str]) -> bool:
    """Return whether an AMI action with these fields is one, with exactly these."""
    lines = [f"{name}: {ami_header(name, value)}" for name, value in fields]
    return ami_actions(("\r\n".join(lines) + "\r\n\r\n").encode()) == [lines]


def callers(table: RoutingTable) -> Iterator[tuple[str, str]]:
    """Yield an origin for each trunk, and an operator."""
    for trunk in table.directory.trunks:
        yield "citizen" if trunk.kind == "carrier" else trunk.kind.value, trunk.key
    yield "operator", table.directory.operators[0].key


def told(snapshot: Snapshot, origin: str, trunk: str) -> dict[str, str]:
    """Return what a session sets for such a call, as the PBX reads it from the wire."""
    opened = Opened(UUID(int=1), 0, "pbx1", origin, trunk, "0812", "", "PJSIP/x", "1.1")
    given_ = hand_over(snapshot, opened, away_of(snapshot.compiled.table), NOW)
    given_plans = given_.plans
    of_digits = (given_plans.other, *given_plans.by_digit.values(), *given_plans.in_language.values())
    for plan in (*of_digits, *given_plans.cannot_speak.values()):
        assert decoded(encode(plan)) == plain(plan)
    return dict(on_the_wire(given_))


def away_of(table: RoutingTable) -> tuple[str, ...]:
    """Return every agency and group, as those that are away."""
    return (
        *(f"agency/{a.key}" for a in table.directory.agencies),
        *(f"group/{g.key}" for g in table.routing.ring_groups),
    )


def on_the_wire(given_: HandOver) -> Iterator[tuple[str, str]]:
    """Yield the variables that Asterisk would set for the lines that a session sends. Each line is one command."""
    line = Line()
    coroutine = Dialplan(line).hand_over(given_)
    with pytest.raises(StopIteration):
        coroutine.send(None)
    for name, value in line.asked:
        sent = agi_line("SET VARIABLE", agi_variable(name), value)
        ((*command, called, text),) = agi_commands(sent)
        assert command == [b"SET", b"VARIABLE"]
        names = called.decode().removeprefix("ARRAY(").removesuffix(")").split(",")
        values = re.split(r"(?<!\\),", text.decode())
        assert len(names) == len(values)
        assert all(re.fullmatch(r"CR_[A-Z_]+[0-9]*(other|silent)?(_?(id|en))?", name) for name in names), names
        yield from zip(names, (v.replace("\\,", ",") for v in values), strict=True)


# ---------------------------------------------------------------- plans, read as the dialplan reads them
def decoded(text: str) -> list[tuple[Any, ...]]:
    """Return the steps of a plan's text, as CUT() and Gosub() part it."""
    _, *steps = text.split("!")
    return [tuple(step.split(",")) for step in steps]


def plain(plan: Plan) -> list[tuple[Any, ...]]:
    """Return the steps of a plan as the dialplan is to have them."""
    return [_plain(step) for step in plan.steps]


def _plain(step: Step) -> tuple[str, ...]:
    match step:
        case Dial():
            dialled = [
                f"Local/c{t.number}_{t.trunk}@callrouter-confirm/n"
                if t.confirm
                else f"PJSIP/{t.number}@trunk-{t.trunk}"
                for t in step.targets
            ]
            label = "+".join(f"{t.agency}/{t.contact}" for t in step.targets)
            return ("dial", "&".join(dialled), str(step.ring_s), "a" if step.announce else "n", label)
        case Ring(last=True):
            return ("last", step.group, str(step.wait_s))
        case Ring():
            return ("ring", step.group, str(step.wait_s), str(step.max_waiting))
        case Announce():
            return ("announce", step.prompt)
        case Challenge():
            return ("challenge", str(step.wait_s), str(step.urgency))
        case Record():
            return ("record", str(step.max_s))


# ---------------------------------------------------------------- what is expected
@cache
def base() -> Made:
    """Return what is made of the harmless table."""
    return made(RoutingTable.model_validate_json(json.dumps(HARMLESS), strict=True))


def text_at(at: tuple[Any, ...]) -> str:
    """Return the text of the harmless table at that place."""
    return TEXTS[at]


def text_in(table: RoutingTable, at: tuple[Any, ...]) -> str:
    """Return the text of a table at that place."""
    (text,) = (text for place, text in texts(table.model_dump(mode="json")) if place == at)
    return text


_WRITTEN: Final = json.dumps(HARMLESS)


def with_text(at: tuple[Any, ...], value: str) -> Document:
    """Return the harmless table with `value` at that place, and wherever else the same thing is named."""
    document: Document = json.loads(_WRITTEN)
    usual = text_at(at)
    places = [at]
    if usual in NAMES:
        places = [place for place, text in TEXTS.items() if usual in text.split("/")]
    for place in places:
        part: Any = document
        for step in place[:-1]:
            part = part[step]
        if usual in NAMES:
            part[place[-1]] = "/".join(value if one == usual else one for one in part[place[-1]].split("/"))
        else:
            part[place[-1]] = value
    return document


def shown(name: str) -> str:
    """Return an operator's name as his phone's identity has it: letters, digits, blanks and . ' - in 70 bytes."""
    kept = " ".join(re.sub(r"[^\w .'-]|_", " ", name).split())
    return kept.encode()[:70].decode("utf-8", "ignore").rstrip() or "operator"


def put(text: str, usual: str, value: str) -> str:
    """Return a harmless text with `value` in the place of `usual`."""
    if usual not in text:
        return text
    if usual in SHOWN:
        return text.replace(usual, shown(value))
    if usual in HOSTS:
        host = value.lower().removeprefix("::ffff:") if "." in value else str(ipaddress.ip_address(value))
        in_uri = f"[{host}]" if ":" in host else host
        plain = re.escape(usual)
        return re.sub(rf"(?:(?<=sip:)|(?<=@))({plain})|{plain}", lambda m: in_uri if m[1] else host, text)
    if usual.startswith("qq"):
        return text.replace(usual, value)
    return re.sub(rf"(?<![0-9.]){re.escape(usual)}(?![0-9.])", lambda _: value, text)


KEYED: Final = ("CR_TO_", "CR_ROOM_", "CR_ALL_")
"""Variables of the dialplan that end in a name of the table."""


def undigested(text: str) -> str:
    """Return a text without the digests that end the names of spoken clips."""
    return re.sub(r"-[0-9a-f]{8}(?=[,!&]|$)", "-digest", text)


def expected(usual: str, value: str) -> Made:
    """Return what is to be made of the harmless table with `value` for `usual`: that one value is another."""

    def there(text: str) -> str:
        return put(text, usual, value)

    def lines_of(lines: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        named = [(there(key) if key.startswith(KEYED) else key, there(line)) for key, line in lines]
        # A name may be that of a choice, too: one variable, whose last line counts.
        return list(dict(named).items()) if any(key.startswith(KEYED) for key, _ in lines) else named

    files = {
        name: [(there(s), options, lines_of(lines)) for s, options, lines in sections]
        for name, sections in base().files.items()
    }
    told = {there(call): {k: undigested(there(v)) for k, v in values.items()} for call, values in base().told.items()}
    return Made(files, told)


def bare(found: Made) -> Made:
    """Return what was made, without the digests of clips."""
    told = {call: {k: undigested(v) for k, v in values.items()} for call, values in found.told.items()}
    return replace(found, told=told)


# ---------------------------------------------------------------- taken or refused
def taken(document: Document) -> RoutingTable | None:
    """Return the table that REST makes of a document, or None where it refuses it in a way that helps."""
    raw = json.dumps(document).encode()
    try:
        return bodies.validated(raw, bodies.parsed(raw), RoutingTable)
    except ApiProblem as problem:
        indonesian, english = (problem_model(problem, language) for language in (Language.ID, Language.EN))
        assert 400 <= english.status < 500
        assert english.pointer is not None
        assert english.errors
        for one, other in zip(indonesian.errors, english.errors, strict=True):
            helps(Bilingual(one.detail, other.detail))
            helps(Bilingual(one.remedy, other.remedy))
        return None


def helps(sentence: Bilingual) -> None:
    """Fail where a sentence is not in two languages, or carries what no screen should get."""
    assert sentence.id != sentence.en
    for text in (sentence.id, sentence.en):
        assert 0 < len(text) < 1_000
        assert harmless(text), text


@lru_cache(maxsize=1_000)
def harmless(text: str) -> bool:
    """Return whether a text carries nothing that no screen should get. The same sentences come again and again."""
    unseen = any(unicodedata.category(c) in {"Cc", "Zl", "Zp", "Cs"} for c in text)
    return not unseen and not set(text) & set("\u202e\u2066\u200f\u061c")


def look_at(at: tuple[Any, ...], value: str) -> bool:
    """Put a hostile text in one place of the table; return whether it was taken. Fails where it does any harm."""
    usual = text_at(at)
    table = taken(with_text(at, value))
    if table is None:
        return False
    try:
        found = made(table)
    except OperatorError as error:
        helps(error.said)
        return False
    if closed(at):
        same_shape(found)
    else:
        assert bare(found) == expected(usual, value)
    return True


def closed(at: tuple[Any, ...]) -> bool:
    """Return whether the place has but a few values, each of which means something else."""
    return (
        not str(at[-1]).isdigit()
        and at[-1]
        in {
            *("kind", "transport", "dtmf", "mode", "switch_digit", "digit", "state", "channel"),
            *("opens", "closes", "date", "valid_from", "valid_until", "timezone"),
        }
    ) or at[-2] in {"codecs", "languages", "days", "trunk_kind", "language", "posture"}


def same_shape(found: Made) -> None:
    """Fail where a file has other sections or lines than with the harmless table."""
    for name, sections in found.files.items():
        assert [(s, o, [k for k, _ in lines]) for s, o, lines in sections] == [
            (s, o, [k for k, _ in lines]) for s, o, lines in base().files[name]
        ]


@pytest.mark.parametrize("at", PLACES, ids=spelled)
def test_hostile_text_is_refused_in_both_languages_or_is_one_value_and_nothing_else(at: tuple[Any, ...]) -> None:
    usual = text_at(at)
    assert look_at(at, usual)
    for value in variants(usual):
        look_at(at, value)


_TEXTS = st.text(max_size=130) | st.text(st.sampled_from("\r\n\0;#[]()<>{}$\"'\\,|!^~&@%=+-./:_ aZ09"), max_size=60)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PLACES), _TEXTS, st.booleans())
def test_any_text_is_refused_or_is_one_value_and_nothing_else(at: tuple[Any, ...], text: str, beside: bool) -> None:
    look_at(at, text_at(at) + text if beside else text)


@pytest.mark.parametrize(
    "at", [at for at in PLACES if at[-1] == "name" or at[-2] == "name"], ids=lambda at: "/".join(map(str, at))
)
def test_name_may_hold_whatever_can_be_seen(at: tuple[Any, ...]) -> None:
    assert look_at(at, 'Ibu "Sri" ${SHELL(id)}; [x](y) #z \\ $[1+1] 🚒, |!^~&<>{{ x }}')


@pytest.mark.parametrize("name", ["\u200b", "\u00ad\u2060", "\ufeff", " \u00a0 ", "\u0301"])
def test_name_without_anything_to_see_is_refused(name: str) -> None:
    assert not look_at(("directory", "operators", 0, "name"), name)


def test_address_of_either_spelling_is_one_machine() -> None:
    table = taken(with_text(("directory", "trunks", 0, "host"), "::FFFF:10.0.0.1"))
    assert table is not None
    assert table.directory.trunks[0].host == "10.0.0.1"
    assert taken(with_text(("directory", "trunks", 0, "host"), "::ffff:10.99.1.2")) is None  # another trunk's


# ---------------------------------------------------------------- the other ways in
@pytest.mark.parametrize(
    "at", [("centre", "name"), ("directory", "trunks", 0, "host")], ids=lambda at: "/".join(map(str, at))
)
def test_file_is_taken_as_rest_takes_it_or_refused(at: tuple[Any, ...]) -> None:
    for value in variants(text_at(at)):
        document = with_text(at, value)
        written = json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")
        try:
            table = parse_table(written, Path("table.yaml"))
        except TableError as error:
            for problem in error.problems:
                helps(problem.sentence)
                helps(problem.remedy)
        else:
            # What ends a line is a blank in YAML.
            kept = text_in(table, at)
            assert kept in (value, value.removeprefix("::ffff:")) or any(c in value for c in BREAKS)
            assert table == taken(with_text(at, kept))
            assert look_at(at, kept)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_TEXTS | st.sampled_from(variants(PASSWORD)) | st.text(st.characters(min_codepoint=33, max_codepoint=126)))
def test_any_password_is_refused_without_being_told_or_is_one_value(password: str) -> None:
    try:
        checked_password(password)
    except RefusedValue as error:
        helps(error.reason)
        told = len(password) >= 10 and password in error.reason.en + error.reason.id
        assert not told
        return
    table = RoutingTable.model_validate_json(json.dumps(HARMLESS), strict=True)
    found = made(table, password)
    assert found.told == base().told
    # As Asterisk reads it (main/config.c): a backslash before a semicolon is taken away.
    lines = [(key, value.replace("\\;", ";")) for _, _, lines in found.files["pjsip.conf"] for key, value in lines]
    usual = [
        (key, password if key == "password" else value)
        for _, _, lines in base().files["pjsip.conf"]
        for key, value in lines
    ]
    assert lines == usual
