"""A background task that dies is said and started again."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from tickdeck.app import supervision
from tickdeck.app.supervision import Supervisor
from tickdeck.db.backoff import FIRST_S


async def test_a_task_that_dies_is_said_and_runs_again() -> None:
    runs = 0
    running = asyncio.Event()

    async def loop() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise KeyError("gone")
        if runs == 2:
            return
        running.set()
        await asyncio.Event().wait()

    with capture_logs() as said:
        async with Supervisor() as tasks:
            tasks.start("upkeep", loop)
            async with asyncio.timeout(60):
                await running.wait()
    assert [(each["event"], each["task"]) for each in said] == [
        ("background_task_failed", "upkeep"),
        ("background_task_ended", "upkeep"),
    ]
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "upkeep"]


async def test_pauses_grow_and_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    enough = asyncio.Event()

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2_000:
            enough.set()
            await asyncio.Event().wait()

    async def loop() -> None:
        raise OSError

    monkeypatch.setattr("asyncio.sleep", sleep)
    with capture_logs():
        async with Supervisor() as tasks:
            tasks.start("upkeep", loop)
            await enough.wait()
    assert pauses[0] <= FIRST_S
    assert max(pauses) <= supervision.LONGEST_PAUSE_S
    assert min(pauses[20:]) >= supervision.LONGEST_PAUSE_S / 2


async def test_a_task_that_loses_its_cancellation_is_cancelled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a transaction cannot be rolled back: the driver's error takes the cancellation's place."""
    monkeypatch.setattr(supervision, "CANCEL_AGAIN_S", 0.01)
    lost = 0

    async def loop() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                lost += 1
                if lost == 3:
                    raise

    async with asyncio.timeout(60), Supervisor() as tasks:
        tasks.start("reading", loop)
        await asyncio.sleep(0)  # it has begun to wait
    assert lost == 3
