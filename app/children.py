"""The processes that `tickdeck run` has run: each is a `tickdeck` of its own, and is started again where it dies."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import structlog

from tickdeck.db.backoff import Backoff

LOOK_S: Final = 0.5
STOPPED_LOOKS: Final = 4
"""Looks in a row at which a process was stopped (SIGSTOP), until it is taken for dead."""
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 30.0
STARTS_WITHIN_S: Final = 300.0
"""A program that refuses to start has done so by then, also on a busy machine."""
RUNS_AFTER_S: Final = 10.0
"""One that was started again and lives for so long is said to run again; to load takes half of it on a busy machine.

It has got over what ended it before, and is started at once the next time.
"""
STOP_TIMEOUT_S: Final = 8.0
STANDBY_AFTER_S: Final = 5.0
"""One that has lived for so long gets another beside it that waits to take its place."""
STANDBY_LONGEST_PAUSE_S: Final = 300.0
STANDBY: Final = "--standby"
"""Before the arguments of one that waits; app.cli.child knows it."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Program:
    """`tickdeck ARGUMENTS`, called `name` in the log.

    `done`: exit codes by which it has done what it was to do, and is not run again.  `fatal`: those by which it refuses to
    start at all (it has said why), so that nothing else is of use.  `environment` is that of this process but for
    these variables (None: without it), `restarts_in` one that tells it how often it was started again.  `quiet`: what it
    says on standard output is for nobody.  `descriptors` are inherited.  `standby`: a second process waits beside it, with
    all that it needs in memory, and takes its place at once where it dies; to load that takes seconds.
    """

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str | None] = field(default_factory=dict)
    done: frozenset[int] = frozenset()
    fatal: frozenset[int] = frozenset()
    quiet: bool = False
    restarts_in: str | None = None
    descriptors: tuple[int, ...] = ()
    standby: bool = False


class Children:
    """`async with Children()`: the programs that `start` is given run until the block ends.

    One that dies, or is stopped and does not go on, is said in the log with the cause and started again, at once at first
    and with pauses that double up to half a minute where that goes on.  All end with the block, and also where this
    process is killed, those that only stand by too.
    """

    def __init__(self) -> None:
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._standbys: dict[str, asyncio.subprocess.Process] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def start(self, program: Program) -> None:
        """Have it run."""
        task = asyncio.get_running_loop().create_task(self._keep(program), name=program.name)
        task.add_done_callback(self._left)
        self._tasks.add(task)

    async def wait(self) -> int:
        """Wait until a program that is needed refuses to start, or `end` is called; the exit code.

        What the system has against starting one is raised.
        """
        return await self._ended

    def _left(self, task: asyncio.Task[None]) -> None:
        """A program is kept no more: nobody would know why."""
        if not task.cancelled() and (exc := task.exception()) is not None and not self._ended.done():
            self._ended.set_exception(exc)

    def end(self) -> None:
        """Let `wait` return; a second call hurries the children on."""
        if self._ended.done():
            self._signal(signal.SIGTERM)
        else:
            self._ended.set_result(0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)
        everybody = (*self._processes.values(), *self._standbys.values())
        living = [asyncio.ensure_future(each.wait()) for each in everybody]
        if living:
            await asyncio.wait(living, timeout=STOP_TIMEOUT_S)
            self._signal(signal.SIGKILL)
            await asyncio.wait(living)

    def _signal(self, number: signal.Signals) -> None:
        for process in (*self._processes.values(), *self._standbys.values()):
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(number)

    async def _keep(self, program: Program) -> None:
        clock = asyncio.get_running_loop().time
        backoff = Backoff(first_s=FIRST_PAUSE_S, longest_s=LONGEST_PAUSE_S)
        restarts = 0
        while True:
            began = clock()
            process = await self._taking_over(program, restarts) or await _spawn(program, restarts)
            self._processes[program.name] = process
            standing_by = asyncio.create_task(self._stand_by(program))
            try:
                stopped = await _end_of(process, program.name if restarts else None)
            finally:
                standing_by.cancel()
            code = process.returncode
            if not stopped and code in program.done:
                log.info("program_ended", program=program.name)
                return
            if code in program.fatal and not restarts and clock() - began < STARTS_WITHIN_S:
                if not self._ended.done():
                    self._ended.set_result(code)
                return
            if clock() - began > RUNS_AFTER_S:
                backoff.reset()
            pause_s = backoff.next_pause_s()
            log.error(
                "program_failed",
                program=program.name,
                cause="it was stopped and did not go on" if stopped else _cause(code),
                again_in_s=round(pause_s, 1),
            )
            await asyncio.sleep(pause_s)
            restarts += 1

    async def _stand_by(self, program: Program) -> None:
        """Have a process wait beside the program, once that has got over its start; until cancelled."""
        pause_s = STANDBY_AFTER_S
        while program.standby:
            await asyncio.sleep(pause_s)
            waiting = self._standbys.get(program.name)
            if waiting is not None and waiting.returncode is None:
                pause_s = STANDBY_AFTER_S
                continue
            pause_s = min(2 * pause_s, STANDBY_LONGEST_PAUSE_S)  # one that cannot load will not soon
            try:
                self._standbys[program.name] = await _spawn(program, 0, standby=True)
            except OSError as exc:  # no memory, no more processes: it goes without
                log.warning("nothing_stands_by", program=program.name, reason=str(exc))

    async def _taking_over(self, program: Program, restarts: int) -> asyncio.subprocess.Process | None:
        """The process that waited, told to begin; None where there is none that can."""
        waiting = self._standbys.pop(program.name, None)
        if waiting is None or waiting.returncode is not None or waiting.stdin is None:
            return None
        try:
            waiting.stdin.write(json.dumps(_told(program, restarts)).encode() + b"\n")
            await waiting.stdin.drain()
            waiting.stdin.close()
        except ConnectionError:  # it died just now
            return None
        return waiting


def _told(program: Program, restarts: int) -> dict[str, str]:
    return {} if program.restarts_in is None else {program.restarts_in: str(restarts)}


async def _spawn(program: Program, restarts: int, *, standby: bool = False) -> asyncio.subprocess.Process:
    environment = {**os.environ, **program.environment, **_told(program, restarts)}
    return await asyncio.create_subprocess_exec(
        # -P: what lies in the current folder, somebody's own queue.py say, is not imported.
        sys.executable, "-P", "-m", "tickdeck.app.cli.child", *([STANDBY] if standby else []), *program.arguments,
        env={name: value for name, value in environment.items() if value is not None},
        stdin=asyncio.subprocess.PIPE if standby else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL if program.quiet else None,
        pass_fds=program.descriptors,
        process_group=0,  # a Ctrl-C is for us: who gets it from the terminal and from us would take it for two
    )  # fmt: skip


async def _end_of(process: asyncio.subprocess.Process, again: str | None) -> bool:
    """Wait for the end, and say once that the program `again` runs again; True where it was stopped, and killed for it."""
    ended = asyncio.ensure_future(process.wait())
    clock = asyncio.get_running_loop().time
    began = clock()
    stopped = 0
    try:
        while True:
            await asyncio.wait({ended}, timeout=LOOK_S)
            if ended.done():
                return False
            if again is not None and clock() - began >= RUNS_AFTER_S:
                log.warning("program_runs_again", program=again)
                again = None
            stopped = stopped + 1 if _is_stopped(process.pid) else 0
            if stopped >= STOPPED_LOOKS:
                process.kill()
                await ended
                return True
    finally:
        ended.cancel()


def _is_stopped(pid: int) -> bool:
    """Whether the process is stopped by a signal; False where the system does not tell (not Linux)."""
    try:
        # 1234 (name) T 1 …: the name may hold anything, the state follows the last parenthesis.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except (OSError, IndexError):
        return False


def _cause(code: int | None) -> str:
    if code is not None and code < 0:
        names = {each.value: each.name for each in signal.Signals}
        return f"killed by {names.get(-code, f'signal {-code}')}"
    return f"exit code {code}, it has said why" if code in {1, 2} else f"exit code {code}"
