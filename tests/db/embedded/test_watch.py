"""The embedded database ends again and again: it is started with growing pauses, and each reason is said once."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

import pytest

from tickdeck.db.embedded import watch
from tickdeck.db.embedded.errors import EmbeddedUnavailable


@pytest.mark.fault(
    "the embedded database does not start again, or ends again at once",
    "it is tried with pauses that double up to 5 s; each new reason is a line of the log",
)
def test_a_crash_loop_backs_off_and_says_why(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "LOOK_S", 0.1)
    monkeypatch.setattr(
        watch, "WELL_AFTER_S", 600.0
    )  # whatever the machine does meanwhile, it ends "at once"
    tries: list[float] = []
    runs = threading.Event()
    over = threading.Event()

    def start() -> None:
        tries.append(time.monotonic())
        if len(tries) <= 3:
            raise EmbeddedUnavailable("the disk is full" if len(tries) < 3 else "the port is used")
        runs.set()
        if len(tries) == 5:
            over.set()

    def is_missing() -> bool:
        ended = runs.is_set()
        if ended and len(tries) == 4:
            runs.clear()  # it ends again, at once
            return True
        return not ended

    watching = watch.Watch(is_missing=is_missing, why_ended=lambda: "killed", start_again=start)
    try:
        assert over.wait(60)
    finally:
        watching.stop()
    pauses = [later - earlier for earlier, later in pairwise(tries)]
    assert [pause >= least for pause, least in zip(pauses, (0.1, 0.2, 0.4, 0.8), strict=True)] == [True] * 4
    said = [message.removeprefix("the embedded database ") for message in caplog.messages]
    assert said[:4] == [
        "has ended and is started again: killed",
        "does not start, it is tried again: the disk is full",
        "does not start, it is tried again: the port is used",
        "is up again",
    ]
    assert said[4] == "has ended and is started again: killed"
