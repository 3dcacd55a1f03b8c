"""What many viewers held goes back to the system once they have left."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import pytest

from tickdeck.app.memory import GivesBack


def resident_mb() -> int:
    found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) // 1024


def test_it_is_time_once_half_of_the_most_have_left_and_not_again() -> None:
    memory = GivesBack()
    assert [memory.look(viewers) for viewers in (10, 0, 200, 101, 100, 90, 60, 49)] == [
        False, False, False, False, True, False, False, True,
    ]  # fmt: skip
    assert [memory.look(viewers) for viewers in (400, 150, 300, 0)] == [False, True, False, True]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library keeps memory as it likes")
def test_what_lay_between_what_stays_is_given_back() -> None:
    memory = GivesBack()
    before = resident_mb()
    buffers = [
        bytearray(b"x" * 60_000) for _ in range(3_000)
    ]  # as much as a viewer may have unsent, below mmap's threshold
    memory.look(3_000)
    most = resident_mb()
    assert most - before > 120
    stays = buffers[::100]
    del buffers
    memory.look(30)
    assert resident_mb() - before < (most - before) / 3
    assert len(stays) == 30
