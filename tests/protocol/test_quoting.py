"""Whatever text is given, the PBX reads exactly it, or it is not sent at all."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from callrouter.asterisk.ami_protocol import make_action
from callrouter.asterisk.quoting import (
    MAX_LINE_BYTES,
    MAX_TOKENS,
    UnsafeArgument,
    agi_line,
    agi_variable,
    ami_field,
    ami_header,
)
from tests.protocol.asterisk_parser import AGI_BUFFER, ARGV, Overflow, agi_commands, ami_actions

NASTY = st.text(st.sampled_from('\\" \t\n\r\0\x1b\x7f\x85\u2028;,&|()${}[]=:aé😀\ud800'), max_size=40)
ANY = st.one_of(NASTY, st.text(max_size=60))
PRINTABLE = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=60)


@given(st.sampled_from(["SET VARIABLE", "GET VARIABLE", "GOSUB", "EXEC"]), st.lists(ANY, max_size=12))
@example("SET VARIABLE", ["X", ""])
@example("SET VARIABLE", ["X", "\\"])
@example("SET VARIABLE", ["X", '\\"'])
@example("EXEC", ["a\nEXEC System"])
def test_asterisk_reads_back_what_was_given_or_it_is_refused(command: str, args: list[str]) -> None:
    try:
        line = agi_line(command, *args)
    except UnsafeArgument:
        assert any(not char.isprintable() for arg in args for char in arg)
        return
    expected = [*command.encode().split(), *(arg.encode() for arg in args)]
    assert agi_commands(line) == [expected]


@given(st.lists(PRINTABLE, max_size=20))
def test_text_without_control_characters_is_always_taken(args: list[str]) -> None:
    assert agi_commands(agi_line("EXEC", *args)) == [[b"EXEC", *(arg.encode() for arg in args)]]


@given(st.integers(0, 400), st.sampled_from(["", "x", '"', "\\", "a b"]))
def test_no_line_fills_asterisks_array(count: int, word: str) -> None:
    try:
        line = agi_line("EXEC", *[word] * count)
    except UnsafeArgument:
        assert count + 1 > MAX_TOKENS
        return
    assert len(agi_commands(line)[0]) <= MAX_TOKENS < ARGV


def test_the_model_knows_the_line_that_kills_the_pbx() -> None:
    with pytest.raises(Overflow):
        agi_commands(b"EXEC " + b'"x" ' * 400 + b"\n")


@given(st.integers(7900, 8200), st.sampled_from(["a", '"', "é"]))
def test_no_line_fills_asterisks_buffer(length: int, char: str) -> None:
    try:
        line = agi_line("SET VARIABLE", "X", char * length)
    except UnsafeArgument:
        return
    assert len(line) <= MAX_LINE_BYTES < AGI_BUFFER
    assert agi_commands(line) == [[b"SET", b"VARIABLE", b"X", char.encode() * length]]


@pytest.mark.parametrize(
    "command", ["", "SET  VARIABLE", "EXEC\n", "failure", "FAILURE x", 'SET "x', "NOOP ", "ÉXEC"]
)
def test_command_is_plain_words(command: str) -> None:
    with pytest.raises(UnsafeArgument):
        agi_line(command)


@pytest.mark.parametrize("char", ["\r", "\n", "\0", "\t", "\x1b", "\x7f", "\x85", "\u2028", "\ud800"])
def test_refusal_never_repeats_the_text(char: str) -> None:
    for send in (lambda text: agi_line("EXEC", text), ami_field, lambda text: ami_header("Channel", text)):
        with pytest.raises(UnsafeArgument) as refused:
            send(f"private{char}")
        assert "private" not in str(refused.value)


@pytest.mark.parametrize("name", ["CR_PLAN", "__CR_CALL", "CHANNEL(language)", "TIMEOUT(absolute)", "CALLERID(num)"])
def test_variable_names_and_plain_functions_are_taken(name: str) -> None:
    assert agi_variable(name) == name


@pytest.mark.parametrize("name", ["", "SHELL(id;reboot)", "${X}", "X Y", "FILE(/etc/passwd)", "A(B(c))", "X\n", "1X"])
def test_names_that_run_other_things_are_refused(name: str) -> None:
    with pytest.raises(UnsafeArgument):
        agi_variable(name)


@given(st.dictionaries(st.sampled_from(["Channel", "Value", "Context"]), ANY), st.lists(ANY, max_size=4))
@example({"Value": "1\r\n\r\nAction: Command\r\nCommand: core stop now"}, [])
@example({"Value": "x" * 995}, [])
async def test_an_action_is_one_action_with_exactly_its_fields(fields: dict[str, str], variables: list[str]) -> None:
    try:
        action = make_action("Setvar", {**fields, "Variable": variables})
    except UnsafeArgument:
        assert any(not char.isprintable() for text in (*fields.values(), *variables) for char in text) or any(
            len(text) > 900 for text in fields.values()
        )
        return
    (lines,) = ami_actions(str(action).encode())
    expected = [
        "Action: Setvar",
        f"ActionID: {action['ActionID']}",
        *(f"{key}: {value}" for key, value in fields.items()),
        *(f"Variable: {value}" for value in variables),
    ]
    assert sorted(lines) == sorted(expected)


@given(st.integers(900, 1100))
def test_no_ami_line_fills_asterisks_buffer(length: int) -> None:
    try:
        text = ami_header("Value", "é" * (length // 2))
    except UnsafeArgument:
        assert length // 2 * 2 + len("Value: \r\n") > 1000
        return
    assert len(f"Value: {text}\r\n".encode()) <= 1000


def test_ami_values_are_spelt_as_asterisk_reads_them() -> None:
    assert [ami_field(True), ami_field(False), ami_field(30000)] == ["true", "false", "30000"]


@pytest.mark.parametrize(
    "fields", [{"ActionID": "mine"}, {"Action": "Other"}, {"Bad Name": "x"}, {"X\r\nAction": "y"}]
)
async def test_header_names_are_ours(fields: dict[str, object]) -> None:
    with pytest.raises(UnsafeArgument):
        make_action("Setvar", fields)


async def test_action_of_too_many_lines_is_refused() -> None:
    with pytest.raises(UnsafeArgument):
        make_action("Originate", {"Variable": ["x=1"] * 120})


@pytest.mark.parametrize("given_value", [{}, {"Async": "false"}, {"async": "0"}])
async def test_originate_is_always_asynchronous(given_value: dict[str, object]) -> None:
    (lines,) = ami_actions(str(make_action("originate", given_value)).encode())
    assert [line for line in lines if line.lower().startswith("async")] == ["Async: true"]
