"""What the browser benchmark runs in: the dashboard, Chromium, and a page whose main thread is metered."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, CDPSession, Page, Playwright

from tickdeck.db.errors import TickdeckError

HERE: Final = Path(__file__).parent

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS: Final = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SIZE: Final = {"width": 1440, "height": 900}

START_TIMEOUT_S: Final = 180


class NoBrowserError(TickdeckError):
    """There is no Chromium; the message says how to get one."""


def script(name: str) -> str:
    """The text of one of the benchmark's scripts."""
    return (HERE / name).read_text(encoding="utf-8")


@asynccontextmanager
async def dashboard(database: str) -> AsyncIterator[str]:
    """`tickdeck serve` in a process of its own; its address."""
    environment = {**os.environ, "DATABASE_URL": database, "TICKDECK_LOG_LEVEL": "warning"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tickdeck.app.cli.child", "serve", "--port", "0",
        stdout=asyncio.subprocess.PIPE, env=environment,
    )  # fmt: skip
    try:
        assert process.stdout is not None  # noqa: S101
        found = None
        async with asyncio.timeout(START_TIMEOUT_S):
            while found is None:
                line = await process.stdout.readline()
                if not line:
                    raise RuntimeError("the dashboard ended before it was live")
                found = re.search(r"live at (http://[\d.]+:\d+)", line.decode())
        yield found[1]
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def launch(playwright: Playwright) -> Browser:
    """The machine's Chromium, else Playwright's own; raises `NoBrowserError`."""
    installed = (shutil.which(name) for name in (*NAMES, playwright.chromium.executable_path))
    path = next(filter(None, installed), None)
    if path is None:
        raise NoBrowserError("no browser: install chromium, or run `playwright install chromium`")
    return await playwright.chromium.launch(executable_path=path, args=FLAGS)


class Metered:
    """A page and the processor time of its main thread."""

    def __init__(self, page: Page, session: CDPSession, address: str) -> None:
        self.page = page
        self.address = address
        self._session = session

    @classmethod
    async def open(cls, browser: Browser, *init: str, address: str = "") -> Metered:
        """An empty page, for the dashboard at `address`; `init` runs first in every document of it."""
        context = await browser.new_context(viewport=SIZE)  # type: ignore[arg-type]
        page = await context.new_page()
        for each in init:
            await page.add_init_script(each)
        session = await context.new_cdp_session(page)
        # Time of the thread, not of the clock: what else the machine does does not count.
        await session.send("Performance.enable", {"timeDomain": "threadTicks"})
        return cls(page, session, address)

    async def busy_ms(self) -> float:
        """Main-thread ms so far."""
        answer = await self._session.send("Performance.getMetrics")
        seconds: float = next(each["value"] for each in answer["metrics"] if each["name"] == "TaskDuration")
        return seconds * 1000

    async def size(self) -> tuple[float, int]:
        """Bytes of the heap after a collection, and how many event listeners there are."""
        await self._session.send("HeapProfiler.collectGarbage")
        answer = await self._session.send("Performance.getMetrics")
        found = {each["name"]: each["value"] for each in answer["metrics"]}
        return found["JSHeapUsedSize"], int(found["JSEventListeners"])

    async def spent_ms(self, expression: str, argument: Any = None) -> float:
        """What the main thread is busy with until the JavaScript `expression` (awaited) is done."""
        before = await self.busy_ms()
        await self.page.evaluate(expression, argument)
        return await self.busy_ms() - before

    async def close(self) -> None:
        await self.page.context.close()
