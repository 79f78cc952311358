"""What is compared, and how the CPU of its parts is counted."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest

from bench.opponents import cpu, ours
from bench.opponents.everyone import KEYS, all_opponents, everyone
from bench.opponents.model import Hall
from demo.centre import Centre

BURNT_S = 0.1
"""CPU that a program of these tests takes at least: many of the system's ticks."""
_BURN = f"import time\nwhile time.process_time() < {BURNT_S}: pass\n"
_SAY_AND_WAIT = "print('done', flush=True)\ninput()\n"
HALL = Hall("127.0.0.2", ("127.0.0.4", 5060), "1", Path("clips"), ("menu-greeting", "choice-1"), "PJSIP/1@trunk-a")


@contextmanager
def running(text: str) -> Iterator[int]:
    """Run a program until it says that it is done, and let it live meanwhile; give its process id."""
    command = (sys.executable, "-c", text)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"done\n"
        yield process.pid
        process.stdin.write(b"\n")
        process.stdin.close()


def test_own_time_of_a_process_is_counted_and_grows() -> None:
    with running(_BURN + _SAY_AND_WAIT) as pid:
        taken = cpu.taken(pid, "program")
    assert taken.own >= BURNT_S - 0.02
    assert taken.begun == 0
    assert taken.all == taken.own


def test_time_of_children_that_have_ended_is_counted_apart() -> None:
    child = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {_BURN!r}])\n"
    with running(child + _SAY_AND_WAIT) as pid:
        taken = cpu.taken(pid, "program")
    assert taken.begun >= BURNT_S - 0.02
    assert taken.all == taken.own + taken.begun


def test_time_of_children_that_live_is_counted_and_of_theirs() -> None:
    inner = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {_BURN!r}])\n" + _SAY_AND_WAIT
    outer = (
        "import subprocess, sys\n"
        "from subprocess import PIPE\n"
        f"child = subprocess.Popen([sys.executable, '-c', {inner!r}], stdin=PIPE, stdout=PIPE)\n"
        "child.stdout.readline()\n"
    )
    with running(outer + _SAY_AND_WAIT + "child.communicate(b'\\n')\n") as pid:
        taken = cpu.taken(pid, "program")
    assert taken.begun >= BURNT_S - 0.02


def test_process_that_has_ended_is_named() -> None:
    with running(_SAY_AND_WAIT) as pid:
        pass
    with pytest.raises(RuntimeError, match="the gone one has ended"):
        cpu.taken(pid, "gone one")


def test_name_of_a_program_may_hold_anything() -> None:
    own, children = cpu.parse("7 (a) b (c) S 1 7 7 0 -1 0 0 0 0 0 150 50 30 20 20 0 1 0")
    assert own == pytest.approx(200 / cpu.TICKS)
    assert children == pytest.approx(50 / cpu.TICKS)


def test_opponents_come_in_their_order_and_say_what_they_lack() -> None:
    found = all_opponents(cast("Centre", None), HALL, {}, lambda _line: None)
    assert tuple(one.key for one in found) == KEYS
    assert len({one.title for one in found}) == len(KEYS)
    assert {one.key for one in found if not one.lacks} == {ours.SQLITE, ours.POSTGRESQL}


async def test_opponent_that_there_is_not_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no worse; there are bare, sqlite, "):
        async with everyone(tmp_path, {}, lambda _line: None, only=("bare", "worse")):
            raise AssertionError("it began")
    assert list(tmp_path.iterdir()) == []


def test_clips_are_named_as_the_dialplan_names_them() -> None:
    assert HALL.sounds == ("cr/menu-greeting", "cr/choice-1")
