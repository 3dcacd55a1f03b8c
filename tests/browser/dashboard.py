"""The whole product for browser tests: `tickdeck` in a process of its own, on a real database."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from types import TracebackType
from typing import IO, Final, Self

from tests.ports import free_port

START_TIMEOUT_S: Final = 120
STOP_TIMEOUT_S: Final = 60


class Dashboard:
    """`with Dashboard(url, "run", …) as dashboard`: serves until the block ends; `stop` and `start` in between."""

    def __init__(
        self, database: str, *arguments: str, port: int = 0, settings: Mapping[str, str] | None = None
    ) -> None:
        self.port = port or free_port()  # the same again after each `stop`
        self._arguments = arguments
        self._environment = {**os.environ, "DATABASE_URL": database, "TICKDECK_LOG_LEVEL": "warning"}
        self._environment["TICKDECK_STANDBY"] = "false"  # no test of a page has a process killed
        self._environment |= settings or {}
        self._log: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the block
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start, and wait until live data are served."""
        process = subprocess.Popen(
            [sys.executable, "-m", "tickdeck.app.cli.child", *self._arguments, "--port", str(self.port)],
            stdout=subprocess.PIPE, stderr=self._log, text=True, env=self._environment,
        )  # fmt: skip
        self._process = process
        watchdog = threading.Timer(START_TIMEOUT_S, process.kill)
        watchdog.start()
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if found := re.search(r"live at http://[\d.]+:(\d+)", line):
                    self.port = int(found[1])
                    return
        finally:
            watchdog.cancel()
        raise AssertionError(f"tickdeck did not become live: {self.log()}")

    def until_fed(self) -> None:
        """Wait until the feed has filled the past and is at work on the present."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.url}/healthz") as answer:  # noqa: S310 - our own server
                    health = json.load(answer)
            except urllib.error.HTTPError as exc:  # a feed that makes up a year of history may miss a beat
                with exc:
                    health = json.load(exc)
            states = {feed["name"]: feed["state"] for feed in health["feeds"]}
            if states == {"random walk": "running", "random walk, past": "ended"} and health["ticks_per_s"]:
                return
            time.sleep(0.2)
        raise AssertionError(f"the feed did not come to the present: {health}")

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """End the process and return its exit code."""
        if self._process is None:
            return 0
        process, self._process = self._process, None
        process.send_signal(number)
        code = process.wait(STOP_TIMEOUT_S)
        if process.stdout is not None:
            process.stdout.close()
        return code

    def pause(self) -> None:
        """Let the process hang: its connections stay open, and nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Go on after `pause`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def log(self) -> str:
        """Everything logged so far."""
        self._log.seek(0)
        return self._log.read()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._log.close()
