"""`tickdeck` as a process whose log is read while it runs, and the processes that it has."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tickdeck.testing.pace import Stopwatch

PATIENCE_S: Final = 120.0


def wait_for(condition: Callable[[], object]) -> float:
    """Wait for `condition`; how long that took, in seconds of a machine that has nothing else to do."""
    deadline = time.monotonic() + PATIENCE_S
    watch = Stopwatch()
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return watch.seconds()


class Running:
    """`with Running(folder, "run", …, DATABASE_URL=…) as tickdeck`: runs until the block ends; `said` is its log so far."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self._command = [sys.executable, "-m", "tickdeck.app.cli.child", *arguments]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TICKDECK_")}
        self._environment: Mapping[str, str] = kept | {"PYTHONUNBUFFERED": "1"} | environment
        self._folder = folder
        self._lines: list[str] = []
        self.page = ""

    @property
    def said(self) -> str:
        return "".join(self._lines)

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait(self) -> int:
        """Its exit code, once it has ended by itself."""
        return self._process.wait(PATIENCE_S)

    def until_live(self) -> Self:
        wait_for(lambda: "live at http" in self.said or self._process.poll() is not None)
        found = re.search(r"live at (http://\S+)", self.said)
        assert found, self.said
        self.page = found[1]
        return self

    def child(self, words: str, *, waits: bool = False) -> int | None:
        """The process that it has with these words on its command line, or the one that `waits` to take its place; None where
        there is none.
        """
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                    waiting = (entry / "comm").read_text().strip() == "td-standby"
                except (OSError, ValueError, IndexError):
                    continue
                if parent == self.pid and words in line and waiting == waits:
                    return int(entry.name)
        return None

    def health(self) -> tuple[int, dict[str, Any]]:
        """What /healthz says: status and facts; (0, {}) where nothing answers."""
        return self._asked("/healthz")

    def ready(self) -> int:
        """The status of /readyz."""
        return self._asked("/readyz")[0]

    def _asked(self, path: str) -> tuple[int, dict[str, Any]]:
        try:
            with urllib.request.urlopen(self.page + path, timeout=10) as answer:  # noqa: S310 - our own server
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code, json.load(exc)
        except OSError:
            return 0, {}

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it; its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        code = self._process.wait(PATIENCE_S)
        self._reading.join(PATIENCE_S)
        return code

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, cwd=self._folder, env=self._environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        )  # fmt: skip
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        finally:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._lines.append(line)
