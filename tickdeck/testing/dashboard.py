"""A real dashboard for tests: `tickdeck serve` on a free port, in a process of its own."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from tickdeck.db.errors import TickdeckError

_LIVE: Final = re.compile(r"live at (http://\S+)")
_START_TIMEOUT_S: Final = 60


@dataclass(frozen=True, slots=True)
class LiveServer:
    """A running dashboard."""

    url: str
    """Address of the page, such as http://127.0.0.1:43211."""
    database: str
    """Address of its database."""

    @property
    def ws_url(self) -> str:
        """Address of the push."""
        return self.url.replace("http", "ws", 1) + "/ws"


@contextmanager
def serving(url: str) -> Iterator[LiveServer]:
    """Serve the database at `url` until the block ends; raise `TickdeckError` with what it said if it cannot."""
    with tempfile.TemporaryDirectory(prefix="tickdeck-test-dashboard-") as folder:
        command = [sys.executable, "-m", "tickdeck", "serve", "--port", "0"]
        # In an empty folder no .env is read, and the caller's settings of Tickdeck are not this server's.
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TICKDECK_")}
        process = subprocess.Popen(  # noqa: S603 - our own command
            command,
            cwd=folder,
            env=kept | {"DATABASE_URL": url, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield LiveServer(_address(process), url)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _address(process: subprocess.Popen[str]) -> str:
    """Wait for the line that says where the page is; all later output is read and dropped."""
    found: queue.Queue[str | None] = queue.Queue()
    said: list[str] = []

    def read() -> None:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        with process.stdout as lines:
            for line in lines:
                if len(said) < 200:
                    said.append(line)
                if match := _LIVE.search(line):
                    found.put(match[1])
        found.put(None)

    threading.Thread(target=read, daemon=True).start()
    try:
        address = found.get(timeout=_START_TIMEOUT_S)
    except queue.Empty:
        address = None
    if address is None:
        raise TickdeckError("the dashboard did not start:\n" + "".join(said))
    return address
