"""One line of the journal: whatever a caller called himself, whatever a crash left of it."""

from __future__ import annotations

import contextlib
import string
from dataclasses import replace
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.agencies.calling import Rung
from callrouter.calls.lines import (
    JOINED_MIN_US,
    MAX_ATTEMPTS,
    MAX_LINE,
    MESSAGE_MIN_BYTES,
    BadLine,
    decoded,
    microseconds,
    parse_line,
)
from callrouter.calls.records import DutyActed, Ended, NoticeRung, Opened
from callrouter.duty.model import Act
from callrouter.incidents.callbacks import TryNoted, TryOutcome, TryStep
from callrouter.incidents.model import Outcome
from tests.unit.calls.given import (
    CALL,
    OTHER,
    T0,
    at,
    attempt,
    began,
    callback_line,
    duty_line,
    ended_line,
    notice_line,
    opened_line,
    sent,
    stamp,
    us,
)

HOSTILE = (
    "", ".", "%", "%3A", "%25", "%253A", ":", "):0:1", "x):2:3", "a)b:c", "${SHELL(id)}", "$[1+1]", "a;b|c~d^e!f,g=h",
    "&PJSIP/x", '"quoted" \\', "Srî Rahayu 中文 \U0001f525", "\r\nEvent: Faked", "1|ended|x", "\x7f\x01", " ", "L",
)  # fmt: skip


def ended(line: bytes) -> Ended:
    record = parse_line(line)
    assert isinstance(record, Ended)
    return record


def opened(line: bytes) -> Opened:
    record = parse_line(line)
    assert isinstance(record, Opened)
    return record


# ---------------------------------------------------------------- opened
def test_opened_line_is_read_whole() -> None:
    assert parse_line(opened_line()) == Opened(
        call=CALL,
        at=us(0),
        node="pbx1",
        origin="citizen",
        trunk="telco",
        number="0812345",
        name="Sri Rahayu",
        channel="PJSIP/trunk-telco-00000001",
        uniqueid="1763760000.1",
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_name_and_number_come_back_as_they_were_sent(text: str) -> None:
    record = opened(opened_line(num=sent(text, 64), name=sent(text)))
    assert (record.number, record.name) == (text, text)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=50))
def test_any_name_of_fifty_characters_comes_back_as_it_was_sent(text: str) -> None:
    assert opened(opened_line(name=sent(text))).name == text


@given(st.binary(max_size=300))
def test_any_bytes_for_a_name_make_a_record(name: bytes) -> None:
    assert opened(opened_line(name=sent(name))).name == name[:200].decode("utf-8", "replace")


def test_name_cut_in_the_middle_of_a_character_keeps_what_is_before_it() -> None:
    name = "n" * 199 + "é"
    assert opened(opened_line(name=sent(name))).name == "n" * 199 + "\ufffd"


def test_withheld_number_is_empty() -> None:
    assert opened(opened_line(num=sent(""), name=sent(""))).number == ""


@pytest.mark.parametrize("text", ["", "L", "=", "not base64!", "é", sent("x") + "\n", "c3Jp"])
def test_text_that_is_not_marked_as_a_callers_is_no_text(text: str) -> None:
    with pytest.raises(BadLine):
        decoded(text)


# ---------------------------------------------------------------- what stood in From
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=50))
def test_whatever_stood_in_from_comes_back_as_it_was_sent(text: str) -> None:
    assert opened(opened_line(**{"from": sent(text)})).sent_from == text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_from_comes_back_as_it_was_sent_and_changes_no_other_field(text: str) -> None:
    record = opened(opened_line(**{"from": sent(text)}))
    assert record == replace(opened(opened_line()), sent_from=text)


def test_a_line_of_before_and_one_of_a_trunk_that_is_not_trusted_have_nothing_of_from() -> None:
    before = opened_line().replace(b"|from=|", b"|")
    assert b"from" not in before
    assert opened(before) == opened(opened_line())
    assert opened(before).sent_from == ""


@pytest.mark.parametrize("text", ["L", "=", "not base64!", "c3Jp"])
def test_from_that_is_not_marked_as_a_callers_makes_a_bad_line(text: str) -> None:
    with pytest.raises(BadLine):
        parse_line(opened_line(**{"from": text}))


# ---------------------------------------------------------------- duty
@pytest.mark.parametrize("act", Act)
def test_duty_line_is_read_whole(act: Act) -> None:
    assert parse_line(duty_line(act=act.value)) == DutyActed(OTHER, us(3), "pbx1", "op1", act)


# ---------------------------------------------------------------- notices by telephone
@pytest.mark.parametrize("result", Rung)
def test_notice_line_is_read_whole(result: Rung) -> None:
    assert parse_line(notice_line(result=result.value)) == NoticeRung(OTHER, us(3), "pbx1", 2, result)


@pytest.mark.parametrize("changed", [{"try": "x"}, {"try": ""}, {"result": "yes"}, {"t": "now"}])
def test_notice_line_that_says_something_else_is_bad(changed: dict[str, str]) -> None:
    with pytest.raises(BadLine):
        parse_line(notice_line(**changed))


# ---------------------------------------------------------------- lines that are none
@given(st.integers(0, opened_line().index(b"|uid=") + 4))
def test_line_torn_before_its_last_field_is_bad(length: int) -> None:
    with pytest.raises(BadLine):
        parse_line(opened_line()[:length])


@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_a_bad_line_and_nothing_worse(line: bytes) -> None:
    with pytest.raises(BadLine):
        parse_line(line)


@given(st.data())
def test_line_with_some_bytes_changed_is_read_or_bad_and_nothing_worse(data: st.DataObject) -> None:
    line = bytearray(
        data.draw(st.sampled_from([opened_line(), ended_line(CALL, attempt(), began()), duty_line(), notice_line()]))
    )
    for place in data.draw(st.lists(st.integers(0, len(line) - 1), min_size=1, max_size=5)):
        line[place] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BadLine):
        record = parse_line(bytes(line))
        assert isinstance(record, Opened | Ended | DutyActed | NoticeRung)
        assert 0 <= record.at < 2**63


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"1",
        b"2|opened|" + str(CALL).encode(),
        b"1|closed|" + str(CALL).encode(),
        opened_line().replace(str(CALL).encode(), b"not-a-uuid"),
        opened_line(t=""),
        opened_line(t="yesterday"),
        opened_line(t=f"{T0}"),
        opened_line(t="9" * 400 + ".000000"),
        opened_line(t="\u0661\u0662.000000"),
        opened_line(trunk="telco|a bar that is none of ours"),
        opened_line(name="L"),
        opened_line() + b"\xff",
        ended_line(version="three"),
        ended_line(version="9" * 5000),
        ended_line(said="much"),
        ended_line(attempts="^dial~damkar"),
        ended_line(attempts="^" + "~" * 9),
        ended_line(attempts=f"^dial~damkar/posko~{at(5)}~soon~~{at(6)}~~busy~"),
        ended_line(CALL, *[attempt()] * (MAX_ATTEMPTS + 1))[:MAX_LINE],
        opened_line() + b"x" * MAX_LINE,
        ended_line(cut="some"),
        duty_line(act="sleep"),
        duty_line(act=""),
        duty_line(op=""),
        duty_line(op="op1 and others"),
        duty_line(op="o" * 32),
        duty_line(t=""),
        duty_line().replace(str(OTHER).encode(), b"not-a-uuid"),
        duty_line()[: duty_line().index(b"|act=")],
    ],
)
def test_poison_line_is_bad_with_a_reason(line: bytes) -> None:
    with pytest.raises(BadLine, match=r"."):
        parse_line(line)


def test_longest_line_that_the_pbx_can_write_is_read() -> None:
    line = ended_line(plan="x" * 1500)
    padded = ended_line(plan="x" * (1500 + MAX_LINE - len(line)))
    assert len(padded) == MAX_LINE
    assert ended(padded).plan.startswith("xxx")


@given(st.integers(0, 10**12 - 1), st.integers(0, 999_999))
def test_stamps_are_read_to_the_microsecond(seconds: int, micro: int) -> None:
    moment = seconds * 1_000_000 + micro
    if seconds < 253_402_300_800:
        assert microseconds(stamp(moment)) == moment
    else:
        with pytest.raises(BadLine):
            microseconds(stamp(moment))


@given(st.integers(10**9, 2 * 10**9), st.integers(0, 999_999), st.integers(0, 5))
def test_stamp_whose_two_readings_lie_in_two_seconds_is_the_later_one(seconds: int, micro: int, before: int) -> None:
    moment = seconds * 1_000_000 + micro
    assert microseconds(stamp(moment, read_before=before)) == moment


@pytest.mark.parametrize("before", [6, 30, 59])
def test_stamp_whose_readings_lie_far_apart_is_no_time(before: int) -> None:
    with pytest.raises(BadLine):
        microseconds(stamp(1_763_760_000_123_456, read_before=before))


# ---------------------------------------------------------------- ended
def test_caller_who_was_passed_on_is_told_by_whom_and_what_was_left_out() -> None:
    record = ended(ended_line(CALL, attempt(), passed="op1", cut="3"))
    assert (record.passed_by, record.left_out) == ("op1", 3)


def test_line_of_a_pbx_that_cannot_pass_on_is_read_all_the_same() -> None:
    older = ended_line(CALL, attempt()).replace(b"|passed=|cut=0", b"")
    assert b"passed" not in older
    assert (ended(older).passed_by, ended(older).left_out) == ("", 0)


def test_ended_line_is_read_whole() -> None:
    record = ended(
        ended_line(CALL, attempt(result="busy", pickup=None, human=None, ended=6, by=""), attempt(begun=6))
    )
    assert (record.call, record.at, record.answered, record.chosen, record.human) == (
        CALL,
        us(31),
        us(0.1),
        us(4),
        us(8),
    )
    assert (record.choice, record.category, record.language, record.path) == ("1", "fire", "id", "service")
    assert (record.version, record.route, record.outcome) == (3, "fire", Outcome.TALKED)
    assert [(a.n, a.result, a.by) for a in record.attempts] == [(1, "busy", ""), (2, "talked", "trunk-damkar")]
    assert record.attempts[1].cause == "SIP 200 OK"


def test_first_human_is_the_one_who_talked_and_not_the_one_who_vanished() -> None:
    record = ended(ended_line(CALL, attempt(result="short", human=7, ended=8), attempt(human=12), attempt(human=20)))
    assert record.human == us(12)


def test_call_that_never_was_answered_or_decided_has_no_such_times() -> None:
    record = ended(ended_line(answered="", chosen="", version="", route="", stage="menu", category="", choice="none"))
    assert (record.answered, record.chosen, record.version, record.route) == (None, None, None, "")
    assert record.outcome is Outcome.ABANDONED


def test_caller_who_hangs_up_while_an_agency_rings_left_that_attempt() -> None:
    record = ended(ended_line(CALL, began()))
    assert (record.attempts[0].result, record.attempts[0].ended) == ("left", us(31))
    assert record.outcome is Outcome.ABANDONED


def test_caller_who_hangs_up_first_has_talked_with_whom_the_channel_names() -> None:
    record = ended(ended_line(CALL, began(), pickup=at(6), human=at(8), by="trunk-damkar"))
    (only,) = record.attempts
    assert (only.result, only.pickup, only.human, only.by) == ("talked", us(6), us(8), "trunk-damkar")
    assert (record.outcome, record.human) == (Outcome.TALKED, us(8))


def test_stamps_of_the_channel_are_not_those_of_an_earlier_attempt() -> None:
    record = ended(ended_line(CALL, began(), attempt(result="busy", human=None), human=at(8), by="op1"))
    assert [(a.result, a.human, a.by) for a in record.attempts] == [
        ("began", None, ""),
        ("busy", None, "trunk-damkar"),
    ]
    assert record.human is None


@pytest.mark.parametrize(
    ("after_us", "outcome"),
    [(0, Outcome.ABANDONED), (JOINED_MIN_US - 1, Outcome.ABANDONED), (JOINED_MIN_US, Outcome.TALKED)],
)
def test_callee_told_to_the_end_for_a_caller_who_had_left_is_nobody_he_talked_with(
    after_us: int, outcome: Outcome
) -> None:
    human = stamp(us(31) - after_us)
    record = ended(ended_line(CALL, began(), pickup=at(25), human=human, by="trunk-damkar"))
    assert record.outcome is outcome
    assert record.attempts[0].result == ("talked" if outcome is Outcome.TALKED else "left")
    assert record.attempts[0].by == "trunk-damkar"


def test_clock_set_back_during_a_talk_does_not_undo_the_talk() -> None:
    record = ended(ended_line(CALL, began(), pickup=at(40), human=at(42), by="trunk-damkar"))
    assert (record.outcome, record.human) == (Outcome.TALKED, us(42))


@pytest.mark.parametrize(
    ("said", "outcome", "recording"),
    [
        ("", Outcome.NO_MESSAGE, ""),
        ("44", Outcome.NO_MESSAGE, ""),
        (str(MESSAGE_MIN_BYTES - 1), Outcome.NO_MESSAGE, ""),
        (str(MESSAGE_MIN_BYTES), Outcome.RECORDED, "x.wav"),
    ],
)
def test_message_counts_from_its_least_length(said: str, outcome: Outcome, recording: str) -> None:
    record = ended(ended_line(CALL, began("record", "message"), rec="x.wav", said=said, stage="message"))
    assert (record.outcome, record.recording) == (outcome, recording)


def test_silence_until_record_gives_up_is_no_message() -> None:
    measured_on_asterisk_22 = 16_276
    assert measured_on_asterisk_22 < MESSAGE_MIN_BYTES


def test_call_that_came_to_its_end_without_a_human_is_not_abandoned() -> None:
    nobody = attempt("ringgroup", "operators", human=None, result="nobody", by="")
    assert ended(ended_line(CALL, nobody, stage="after")).outcome is Outcome.NO_MESSAGE
    assert ended(ended_line(CALL, nobody, stage="operator")).outcome is Outcome.ABANDONED


def test_talk_outweighs_a_message() -> None:
    record = ended(ended_line(CALL, attempt(), began("record", "message"), rec="x.wav", said="99999"))
    assert (record.outcome, record.recording) == (Outcome.TALKED, "x.wav")


_KEYS = st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=20)


@given(st.lists(st.tuples(_KEYS, _KEYS, st.sampled_from(["busy", "short", "talked", "noanswer"])), max_size=20))
def test_attempts_keep_their_order_and_numbers(given_attempts: list[tuple[str, str, str]]) -> None:
    record = ended(
        ended_line(
            uuid4(), *(attempt(label=f"{agency}/{contact}", result=r) for agency, contact, r in given_attempts)
        )
    )
    assert [(a.n, a.label, a.result) for a in record.attempts] == [
        (n, f"{agency}/{contact}", result) for n, (agency, contact, result) in enumerate(given_attempts, start=1)
    ]


@pytest.mark.parametrize("number", ["anonymous", "Anonymous", "unavailable", ""])
def test_withheld_number_is_no_number(number: str) -> None:
    assert parse_line(opened_line(num=sent(number))).number == ""  # type: ignore[union-attr]


# ---------------------------------------------------------------- a caller is called back
def test_line_of_a_call_back_is_read_whole() -> None:
    assert parse_line(callback_line()) == TryNoted(
        id=OTHER,
        at=us(40),
        node="pbx1",
        step=TryStep.ENDED,
        incident=CALL,
        number="081234567890",
        operator="op1",
        trunk="telco",
        operator_at=us(3),
        human_at=us(9),
        outcome=TryOutcome.TALKED,
        cause="",
    )
    begun = parse_line(callback_line(what="operator", trunk="", human="", result=""))
    assert isinstance(begun, TryNoted)
    assert (begun.step, begun.human_at, begun.outcome) == (TryStep.OPERATOR, None, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"num": ""},
        {"num": "112"},
        {"num": "0812x"},
        {"op": "../x"},
        {"what": "gone"},
        {"result": "well"},
        {"incident": "x"},
        {"human": "yesterday"},
    ],
)
def test_line_of_a_call_back_that_is_not_ours_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(BadLine):
        parse_line(callback_line(**wrong))


# ---------------------------------------------------------------- who was added to the talk
def test_parties_of_a_talk_are_attempts_behind_those_of_the_plan() -> None:
    first = attempt("ringgroup", "operators", by="op1")
    there = attempt(label="pmi/posko", begun=10, pickup=12, human=12.5, ended=None, by="trunk-pmi", result="began")
    parties = "^".join(("", attempt(label="bpbd/piket", begun=9), there, began(label="damkar/piket", begun=20)))
    record = ended(ended_line(CALL, first, parties=parties))
    assert [(a.n, a.label, a.result) for a in record.attempts] == [
        (1, "operators", "talked"),
        (2, "bpbd/piket", "talked"),
        (3, "pmi/posko", "talked"),
        (4, "damkar/piket", "left"),
    ]
    assert record.attempts[2].ended == record.at
    assert record.human == record.attempts[0].human


def test_party_alone_is_no_answer_to_the_caller() -> None:
    record = ended(ended_line(CALL, attempt(human=None, result="noanswer"), parties=f"^{attempt()}"))
    assert record.human is None


def test_call_of_a_neighbour_names_the_incident_that_it_comes_with() -> None:
    assert opened(opened_line(handed="4711-a")).handed == "4711-a"
    assert opened(opened_line().replace(b"|handed=", b"")).handed == ""
