"""The processes of `tickdeck run`: one that dies again and again is started with growing pauses, and it is said why."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from tickdeck.app.children import FIRST_PAUSE_S, LONGEST_PAUSE_S, Children, Program
from tickdeck.db.backoff import Backoff

TIMES = 4


@pytest.mark.fault(
    "a feed or page dies again and again",
    "it is started again with pauses that double up to 30 s, each time with the cause in the log",
)
async def test_a_crash_loop_backs_off_and_says_why() -> None:
    with capture_logs() as said:
        async with Children() as children, asyncio.timeout(200):
            children.start(Program("feed broken", ["no-such-command"]))
            while (  # noqa: ASYNC110 - the log is a list
                len(failed := [each for each in said if each["event"] == "program_failed"]) < TIMES
            ):
                await asyncio.sleep(0.05)
    assert {each["program"] for each in said} == {"feed broken"}
    assert {each["cause"] for each in failed} == {"exit code 2, it has said why"}
    for number, each in enumerate(failed):
        longest = FIRST_PAUSE_S * 2**number
        assert longest / 2 - 0.05 <= each["again_in_s"] <= longest + 0.05
    at_last = Backoff(first_s=FIRST_PAUSE_S, longest_s=LONGEST_PAUSE_S, failures=1_000)
    assert LONGEST_PAUSE_S / 2 <= at_last.next_pause_s() <= LONGEST_PAUSE_S
