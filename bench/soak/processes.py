"""The processes of one `tickdeck run`: finding them, hurting them, and what they hold of memory and files."""

from __future__ import annotations

import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from tickdeck.db.embedded import EmbeddedServer

STOPPED_S: Final = (1.0, 3.0)
LIVE_WITHIN_S: Final = 180.0
END_WITHIN_S: Final = 20.0
GROWTH_MB: Final = 60.0
GROWTH_FILES: Final = 20
TARGETS: Final = ("feed", "dashboard", "postmaster", "backend", "checkpointer", "standby")
"""Each process that `run` has, and of the server's own one that takes all backends with it."""
OF_THE_SERVER: Final = {
    "postmaster": "",
    "backend": "postgres: tickdeck",
    "checkpointer": "postgres: checkpointer",
}
"""Processes of PostgreSQL, by a part of their command lines."""


@dataclass(slots=True)
class Running:
    """`tickdeck run` on a data folder of its own, with its log in a file."""

    process: subprocess.Popen[bytes]
    server: EmbeddedServer
    log: Path
    page: str = ""

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def pid_of(self, target: str) -> int | None:
        """The process that plays this part now."""
        if target == "run":
            return self.process.pid
        if target in OF_THE_SERVER:
            return self._of_the_server(target)
        words = {"feed": "feed csv", "dashboard": "serve", "standby": ""}[target]
        found = _children(self.process.pid, waiting=target == "standby")
        return next((pid for pid, line in found if words in line), None)

    def _of_the_server(self, target: str) -> int | None:
        try:
            said = (self.server.data_dir / "postgresql-17" / "postmaster.pid").read_text()
            postmaster = int(said.split()[0])
        except (OSError, ValueError, IndexError):
            return None
        if target == "postmaster":
            return postmaster if Path(f"/proc/{postmaster}").exists() else None
        found = [pid for pid, line in _children(postmaster) if OF_THE_SERVER[target] in line]
        return random.choice(found) if found else None

    def end(self) -> int:
        """Its exit code after SIGTERM."""
        self.process.terminate()
        return self.process.wait(END_WITHIN_S)


@contextmanager
def running(market: Path) -> Iterator[Running]:
    """Play the file at `market` through the whole of Tickdeck, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="tickdeck-soak-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # as root the database's programs run as somebody else
        log = folder / "log"
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("TICKDECK_", "DATABASE_"))
        }
        with log.open("wb") as output:
            process = _start(market, kept | {"TICKDECK_DATA_DIR": str(folder / "data")}, folder, output)
        tickdeck = Running(process, EmbeddedServer(folder / "data"), log)
        try:
            until = time.monotonic() + LIVE_WITHIN_S
            while "live at http" not in tickdeck.said():
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"tickdeck run did not start:\n{tickdeck.said()}")
                time.sleep(0.1)
            tickdeck.page = tickdeck.said().partition("live at ")[2].split()[0]
            yield tickdeck
        finally:
            if process.poll() is None:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(END_WITHIN_S)
                process.kill()
            tickdeck.server.down()


def _start(
    market: Path, environment: dict[str, str], folder: Path, output: IO[bytes]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tickdeck.app.cli.child", "run", "--port", "0", "--csv", str(market), "--shift-to-now"],
        env=environment | {"PYTHONUNBUFFERED": "1"}, cwd=folder, stdin=subprocess.DEVNULL, stdout=output,
        stderr=subprocess.STDOUT,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """`how` (kill or stop) befell `target`; `over_us`: the moment from which all may be right again."""

    target: str
    how: str
    over_us: int


def hurt(tickdeck: Running, chance: random.Random, *, only_kill: bool) -> Fault | None:
    """Kill or stop a process by chance; None where that one does not run just now."""
    target = chance.choice(TARGETS)
    how = "kill" if only_kill else chance.choice(("kill", "stop"))
    pid = tickdeck.pid_of(target)
    if pid is None:
        return None
    try:
        os.kill(pid, signal.SIGKILL if how == "kill" else signal.SIGSTOP)
    except ProcessLookupError:
        return None
    if how == "stop":
        time.sleep(chance.uniform(*STOPPED_S))
        with suppress(ProcessLookupError):  # its keeper has killed it meanwhile
            os.kill(pid, signal.SIGCONT)
    return Fault(target, how, time.time_ns() // 1000)


@dataclass(slots=True)
class Held:
    """Memory (MB, proportional) and open files of each part, sample by sample."""

    memory: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    files: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def look(self, tickdeck: Running) -> None:
        """Take a sample."""
        for part in ("run", "dashboard", "feed", "postmaster"):
            pid = tickdeck.pid_of(part)
            with suppress(OSError, ValueError, IndexError):
                if pid is not None:
                    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
                    files = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
                    self.memory[part].append(int(rollup.partition("Pss:")[2].split()[0]) / 1024)
                    self.files[part].append(files)

    def rows(self) -> list[dict[str, object]]:
        """Of each part: the middle of the first half of its samples, of the second, and the most."""
        return [
            {
                "process": part, "MB_first_half": _middle(memory, 0), "MB_second_half": _middle(memory, 1),
                "MB_most": max(memory), "files_first_half": _middle(self.files[part], 0),
                "files_second_half": _middle(self.files[part], 1), "files_most": float(max(self.files[part])),
            }
            for part, memory in self.memory.items()
        ]  # fmt: skip

    def grown(self) -> list[str]:
        """What is not flat."""
        return [
            f"{part} grew from {_middle(values, 0):.0f} to {_middle(values, 1):.0f} {unit}"
            for kept, unit, most in ((self.memory, "MB", GROWTH_MB), (self.files, "files", GROWTH_FILES))
            for part, values in kept.items()
            if _middle(values, 1) - _middle(values, 0) > most
        ]


def _middle(values: list[float] | list[int], half: int) -> float:
    cut = len(values) // 2
    return float(statistics.median(values[cut:] if half or not cut else values[:cut]))


def _children(parent: int, *, waiting: bool = False) -> Iterator[tuple[int, str]]:
    """The processes of `parent` with their command lines; those that wait to take another's place, or all others."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                waits = (entry / "comm").read_text().strip() == "td-standby"
                if (
                    waits == waiting
                    and int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == parent
                ):
                    yield int(entry.name), (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
