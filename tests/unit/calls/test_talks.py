"""What a line of the journal says of recorded talks."""

from __future__ import annotations

import pytest

from callrouter.calls.lines import BadLine, parse_line
from callrouter.calls.records import Ended
from tests.unit.calls.given import ended_line

ONE, OTHER = "1790000010_30.500000", "1790000020_41.000001"


@pytest.mark.parametrize(
    ("told", "talks"), [("", ()), (f"+{ONE}", (ONE,)), (f"+{ONE}+{OTHER}", (ONE, OTHER))], ids=["none", "one", "two"]
)
def test_line_tells_the_stamp_of_each_recorded_talk(told: str, talks: tuple[str, ...]) -> None:
    record = parse_line(ended_line(talks=told))
    assert isinstance(record, Ended)
    assert record.talks == talks


def test_talks_that_no_line_holds_are_not_told_as_if_there_were_none() -> None:
    record = parse_line(ended_line(talks=f"+{ONE}+{OTHER}+more"))
    assert isinstance(record, Ended)
    assert (record.talks, record.more_talks) == ((ONE, OTHER), True)
    whole = parse_line(ended_line(talks=f"+{ONE}"))
    assert isinstance(whole, Ended)
    assert not whole.more_talks


def test_line_of_an_older_pbx_tells_of_none() -> None:
    record = parse_line(ended_line().replace(b"|talks=|", b"|"))
    assert isinstance(record, Ended)
    assert record.talks == ()


@pytest.mark.parametrize("told", ["+x", "+../../etc/passwd", f"+{ONE}/..", "+1_1", "+more+more", f"+more+{ONE}"])
def test_stamp_that_is_none_spoils_the_line(told: str) -> None:
    with pytest.raises(BadLine):
        parse_line(ended_line(talks=told))
