"""Threads of a service share one heap."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

GROWN: str = """
import ctypes, sys, threading
from callrouter import heap
if sys.argv[1] == "shared":
    assert heap.share()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
found = []
thread = threading.Thread(target=lambda: found.append(libc.malloc(ctypes.c_size_t(1000))))
thread.start(); thread.join()
begin, end = (int(x, 16) for x in next(l for l in open("/proc/self/maps") if "[heap]" in l).split()[0].split("-"))
print(begin <= found[0] < end)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
@pytest.mark.parametrize(("how", "in_heap"), [("shared", "True"), ("apart", "False")])
def test_what_a_thread_allocates_is_in_the_one_heap_when_it_is_shared(how: str, in_heap: str) -> None:
    done = subprocess.run((sys.executable, "-c", GROWN, how), capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == [in_heap]
