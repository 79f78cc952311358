"""Routing tables from YAML files: what is taken, and what is told of each that is not."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callrouter.errors import OperatorError
from callrouter.publishing import yamltree
from callrouter.publishing.importing import MAX_TOLD, TableError, TableProblem, parse_table, read_table
from callrouter.publishing.yamltree import MAX_BYTES, MAX_DEPTH, read
from callrouter.resources import resource
from callrouter.routing.table import MAX_ROUTES

HERE = Path("table.yaml")
EXAMPLE = resource("examples") / "kab-malang.yaml"


def example() -> str:
    return EXAMPLE.read_text(encoding="utf-8")


def edited(old: str, new: str) -> str:
    """Return the example with the first `old` replaced."""
    text = example()
    assert old in text
    return text.replace(old, new, 1)


def refused(content: str | bytes) -> tuple[TableProblem, ...]:
    with pytest.raises(TableError) as caught:
        parse_table(content if isinstance(content, bytes) else content.encode(), HERE)
    assert all(p.sentence and p.remedy for p in caught.value.problems)
    return caught.value.problems


def only(content: str | bytes) -> TableProblem:
    (problem,) = refused(content)
    return problem


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def first_difference(text: str) -> int:
    pairs = zip(example().splitlines(), text.splitlines(), strict=False)
    return next(n for n, (old, new) in enumerate(pairs, 1) if old != new)


def test_example_of_kabupaten_malang_is_read() -> None:
    table = read_table(EXAMPLE)
    assert table.centre.timezone == "Asia/Jakarta"
    assert table.routing.main is not None
    assert {o.digit: o.category for o in table.routing.main.options}["1"] == "fire"
    assert all(trunk.host.startswith("127.0.112.") for trunk in table.directory.trunks)


def test_json_is_yaml_too() -> None:
    text = json.dumps(read_table(EXAMPLE).model_dump(mode="json"))
    assert parse_table(text.encode(), HERE) == read_table(EXAMPLE)


def test_table_is_the_same_with_a_byte_order_mark_and_other_line_ends() -> None:
    content = b"\xef\xbb\xbf" + example().replace("\n", "\r\n").encode()
    assert parse_table(content, HERE) == read_table(EXAMPLE)


# ---------------------------------------------------------------- fields and values


@pytest.mark.parametrize(
    ("old", "new", "pointer", "says"),
    [
        (
            'number: "101"',
            "number: 0101",
            "/directory/agencies/0/contacts/0/number",
            "0101 is no text without quotes",
        ),
        ('number: "101"', "number: yes", "/directory/agencies/0/contacts/0/number", "'yes' is not a number to dial"),
        ('number: "101"', "number: [1]", "/directory/agencies/0/contacts/0/number", "a list stands where a text"),
        ('number: "101"', "number: ", "/directory/agencies/0/contacts/0/number", "nothing stands where a text"),
        (
            "max_waiting: 10",
            'max_waiting: "60"',
            "/routing/ring_groups/0/max_waiting",
            "'60' stands where a whole number is due",
        ),
        (
            "max_waiting: 10",
            "max_waiting: 6.5",
            "/routing/ring_groups/0/max_waiting",
            "6.5 stands where a whole number is due",
        ),
        ("max_waiting: 10", "max_waiting: 0", "/routing/ring_groups/0/max_waiting", "0 is too small"),
        ("max_waiting: 10", "max_waiting: 9999", "/routing/ring_groups/0/max_waiting", "9999 is too large"),
        (
            "max_waiting: 10",
            "max_waiting: 99999999999999999999",
            "/routing/ring_groups/0/max_waiting",
            "stands where a whole number",
        ),
        (
            "kind: carrier",
            "kind: carrier\n      early_media: yes",
            "/directory/trunks/0/early_media",
            "'yes' stands where true or false",
        ),
        ("kind: carrier", "kind: carrier\n      prt: 60", "/directory/trunks/0/prt", "there is no field 'prt' here"),
        ("kind: carrier", "kind: karrier", "/directory/trunks/0/kind", "'karrier' cannot be here"),
        ("host: 127.0.112.1\n", "host: sip.example.org\n", "/directory/trunks/0/host", "a name could resolve"),
        ('digit: "1"', 'digit: "0"', "/routing/menus/0/options/0/digit", "'0' is not a menu digit"),
        ("urn:service:sos.fire", "sos.fire", "/routing/categories/0/urn", "'sos.fire' is not a service"),
        ("key: fire\n      urn", "key: fi,re\n      urn", "/routing/categories/0/key", "'fi,re' is not a key"),
        (
            "targets: [damkar/posko]",
            "targets: [damkar]",
            "/routing/routes/1/steps/0/targets/0",
            "does not name a contact",
        ),
        ("targets: [damkar/posko]", "targets: []", "/routing/routes/1/steps/0/targets", "'targets' is empty"),
        ("kind: dial, ", "", "/routing/routes/1/steps/0", "this step has no kind"),
        ("kind: dial", "kind: dail", "/routing/routes/1/steps/0", "a step of kind 'dail' does not exist"),
        ("kind: dial", "kind: dial, ring: 5", "/routing/routes/1/steps/0/ring", "there is no field 'ring' here"),
        ("timezone: Asia/Jakarta", "timezone: WIB", "/centre/timezone", "'WIB' is not a time zone"),
        ("schema_version: 1", "schema_version: 2", "/schema_version", "2 cannot be here"),
        ("seconds: 90", "seconds: .inf", "/routing/last_resort/seconds", "'.inf' stands where a whole number"),
        ("seconds: 90", "seconds: 2026-01-01", "/routing/last_resort/seconds", "'2026-01-01' stands where"),
        (
            "group: operators\n    seconds",
            "group: nobody\n    seconds",
            "/routing/last_resort/group",
            "does not exist",
        ),
    ],
)
def test_wrong_value_is_told_with_pointer_and_line(old: str, new: str, pointer: str, says: str) -> None:
    text = edited(old, new)
    problem = only(text)
    assert problem.pointer == pointer
    assert says in problem.sentence.en
    assert problem.line == first_difference(text)


def test_missing_field_is_told_where_its_group_begins() -> None:
    text = example().replace("      host: 127.0.112.1\n", "")
    problem = only(text)
    assert (problem.pointer, problem.line) == ("/directory/trunks/0/host", line_of(text, "- key: telco"))
    assert "the field 'host' is missing" in problem.sentence.en


def test_line_is_that_of_the_field() -> None:
    text = edited("seconds: 90", "seconds: 900")
    assert only(text).line == line_of(text, "seconds: 900")


def test_everything_that_is_wrong_is_told_in_the_order_of_lines() -> None:
    text = example().replace("ring_s: 20", 'ring_s: "20"').replace("kind: carrier", "kind: karrier")
    problems = refused(text)
    assert len(problems) == text.count("karrier") + text.count('ring_s: "20"')
    assert [p.line for p in problems] == sorted(p.line or 0 for p in problems)


def test_message_names_file_line_pointer_and_remedy() -> None:
    text = edited("targets: [bpbd/piket]", "targets: [bpbd/pikat]")
    with pytest.raises(TableError) as caught:
        parse_table(text.encode(), HERE)
    line = line_of(text, "[bpbd/pikat]")
    assert str(caught.value) == (
        "table.yaml is not a routing table, 1 problem:\n"
        f"  line {line}, /routing/routes/2/steps/1/targets/0: contact 'bpbd/pikat' does not exist."
        " Did you mean 'bpbd/piket'?"
        " Nothing was imported. Correct the file and import it again."
    )
    assert isinstance(caught.value, OperatorError)


def test_long_list_of_problems_is_cut_in_the_message_only() -> None:
    text = "".join(f"field{n}: 1\n" for n in range(500))
    with pytest.raises(TableError) as caught:
        parse_table(text.encode(), HERE)
    assert len(caught.value.problems) == 500 + 1
    assert f"and {500 + 1 - MAX_TOLD} more" in str(caught.value)
    assert len(str(caught.value).splitlines()) < MAX_TOLD + 5


# ---------------------------------------------------------------- hostile values


@pytest.mark.parametrize("name", ["Damkar \U0001f525", "Kantor “Ijen”; no. 1, lantai 2", "消防"])
def test_name_may_have_any_visible_character(name: str) -> None:
    table = parse_table(edited("Pemadam Kebakaran Satpol PP", name).encode(), HERE)
    assert table.directory.agencies[0].name.id == name


def test_escaped_pair_of_surrogates_is_one_character() -> None:
    table = parse_table(edited("Pemadam Kebakaran Satpol PP", r"api \ud83d\udd25").encode(), HERE)
    assert table.directory.agencies[0].name.id == "api \U0001f525"


@pytest.mark.parametrize("name", [r"a\nb", r"a\0", r"\e[2J", r"a\rb", r"a\x85", r"a\u2028", r"\u202etxt"])
def test_control_characters_in_a_name_are_refused_and_not_echoed(name: str) -> None:
    with pytest.raises(TableError) as caught:
        parse_table(edited("Pemadam Kebakaran Satpol PP", name).encode(), HERE)
    assert [p.pointer for p in caught.value.problems] == ["/directory/agencies/0/name/id"]
    assert all(c.isprintable() or c == "\n" for c in str(caught.value))


def test_ten_thousand_characters_are_refused_in_a_short_message() -> None:
    with pytest.raises(TableError) as caught:
        parse_table(edited("Pemadam Kebakaran Satpol PP", "x" * 10_000).encode(), HERE)
    assert "at most 120 characters" in str(caught.value)
    assert len(str(caught.value)) < 400


def test_field_of_ten_thousand_control_characters_is_told_in_a_short_printable_message() -> None:
    with pytest.raises(TableError) as caught:
        parse_table(edited("schema_version: 1", '"' + r"\e" * 10_000 + '": 1').encode(), HERE)
    assert len(str(caught.value)) < 500
    assert all(c.isprintable() or c == "\n" for c in str(caught.value))


@pytest.mark.parametrize("host", [r"fe80::1%x\nmatch=0.0.0.0/0", r"127.0.0.1\n[op1]"])
def test_address_cannot_carry_a_second_line_into_the_configuration(host: str) -> None:
    problem = only(edited("host: 127.0.112.11", f'host: "{host}"'))
    assert problem.pointer == "/directory/trunks/1/host"


# ---------------------------------------------------------------- YAML itself


def test_doubled_field_is_told_with_both_lines() -> None:
    text = edited("  timezone: Asia/Jakarta", "  timezone: Asia/Jakarta\n  timezone: Asia/Makassar")
    problem = only(text)
    first = line_of(text, "  timezone")
    assert (problem.pointer, problem.line) == ("/centre/timezone", first + 1)
    assert f"first on line {first}" in problem.sentence.en


def test_doubled_field_in_a_route_is_told() -> None:
    problem = only(edited("priority: 500", "priority: 500\n      priority: 501"))
    assert problem.pointer == "/routing/routes/1/priority"


def test_anchor_alias_and_tag_are_each_told() -> None:
    problems = refused("a: &x 1\nb: *x\nc: !!python/object/apply:os.system [ls]\nd: !!str 1\n")
    assert [(p.pointer, p.line) for p in problems] == [("/a", 1), ("/b", 2), ("/c", 3), ("/d", 4)]
    assert ["&x" in problems[0].sentence.en, "*x" in problems[1].sentence.en] == [True, True]


def test_bomb_of_aliases_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    before = time.thread_time()
    problems = refused("\n".join(lines))
    assert time.thread_time() - before < 2
    assert all("anchors and aliases" in p.sentence.en for p in problems)


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000, "{a: " * 100_000, "a:\n" + " -" * 100_000])
def test_endless_depth_is_refused_at_once(text: str) -> None:
    before = time.thread_time()
    problem = only(text)
    assert time.thread_time() - before < 5
    assert f"more than {MAX_DEPTH} levels" in problem.sentence.en


def test_endless_breadth_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yamltree, "MAX_EVENTS", 1000)
    problem = only("[" + "1," * 1001)
    assert "more than 1,000 parts" in problem.sentence.en


def test_table_of_the_most_routes_is_read() -> None:
    head, tail = example().split("    # An agency or a neighbouring centre")
    tail = tail[tail.index("\n  # What every plan ends in") :]
    steps = "[{kind: dial, targets: [bpbd/pusdalops]}, {kind: ringgroup, group: operators}]"
    routes = "".join(f"    - {{key: r{n}, priority: {n}, steps: {steps}}}\n" for n in range(MAX_ROUTES))
    table = parse_table((head + routes + tail).encode(), HERE)
    assert len(table.routing.routes) == MAX_ROUTES


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        (b"", None, "the file is empty"),
        (b"# nothing\n", None, "the file is empty"),
        (b"[]", None, "not a group of fields"),
        (b"text", None, "not a group of fields"),
        (b"a: 1\nb: \xff\n", 2, "not UTF-8"),
        ("schema_version: 1".encode("utf-16"), 1, "not UTF-8"),
        (b"a: 1\nb: \x00\n", 2, "U+0000"),
        (b"a: 1\nb: \x1b\n", 2, "U+001B"),
        (b"a: 1\n\tb: 2\n", 2, "this is not YAML"),
        (b"a: 'open\n", 2, "this is not YAML"),
        (b'a: "\\UFFFFFFFF"\n', None, "this is not YAML"),
        (b"a: 1\n---\nb: 2\n", 2, "more than one document"),
        (b"? [a]\n: 1\n", 1, "a key is not a text"),
        (b'a: "\\ud800"\n', 1, "half of a character"),
        (b"a: [1, 2\n", 2, "this is not YAML"),
    ],
)
def test_what_is_no_text_of_a_table_is_told(content: bytes, line: int | None, says: str) -> None:
    problem = only(content)
    assert says in problem.sentence.en
    assert problem.line == line


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(alphabet="ab:-[]{},&*!|>'\"%@`#?\\ \n\t01.~U", max_size=60)))
def test_no_text_makes_the_reader_fail(content: bytes | str) -> None:
    tree = read(content if isinstance(content, bytes) else content.encode())
    json.dumps(tree.data, allow_nan=False)


@settings(max_examples=150, deadline=None)
@given(position=st.integers(0), piece=st.text(max_size=4), length=st.integers(0, 30))
def test_damaged_example_is_read_or_refused_with_reasons(position: int, piece: str, length: int) -> None:
    text = example()
    at = position % len(text)
    damaged = (text[:at] + piece + text[at + length :]).encode("utf-8", "replace")
    try:
        outcome: object = parse_table(damaged, HERE).routing.routes
    except TableError as error:
        outcome = error.problems
    assert outcome


# ---------------------------------------------------------------- files


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"gone\.yaml is not there"):
        read_table(tmp_path / "gone.yaml")


def test_folder_is_not_a_table(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="is a folder"):
        read_table(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_permission_is_named(tmp_path: Path) -> None:
    path = tmp_path / "table.yaml"
    path.write_text(example())
    path.chmod(0)
    with pytest.raises(OperatorError, match="cannot be read"):
        read_table(path)


def test_path_that_no_system_has_is_told(tmp_path: Path) -> None:
    with pytest.raises(OperatorError):
        read_table(tmp_path / ("x" * 5000))


def test_file_of_more_than_a_megabyte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    path.write_text("#" * MAX_BYTES + "\n")
    with pytest.raises(TableError, match="more than 1,000,000 bytes"):
        read_table(path)


def test_endless_device_is_not_read() -> None:
    with pytest.raises(OperatorError):
        read_table(Path("/dev/zero"))


def test_file_is_never_changed(tmp_path: Path) -> None:
    path = tmp_path / "table.yaml"
    path.write_text(example())
    before = (path.stat().st_mtime_ns, path.read_bytes())
    read_table(path)
    assert (path.stat().st_mtime_ns, path.read_bytes()) == before
