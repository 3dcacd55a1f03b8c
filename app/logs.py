"""How every command logs: one line an event on standard error, with snake_case names, never with the values of variables.

An exception costs microseconds: its frames as file, line and function, a bounded number of them, and no look into
their variables, which may be of any size and hold addresses and passwords.
"""

from __future__ import annotations

import logging
import os
import queue
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Final

import structlog
from structlog.typing import EventDict, WrappedLogger

from tickdeck.app.config import LogSettings
from tickdeck.db.errors import printable

MOST_TEXT: Final = 2_000
"""Characters of a value, and of an exception's message, that are logged."""
MOST_ITEMS: Final = 50
"""Items of a list or a mapping that are logged."""
FIRST_FRAMES: Final = 5
LAST_FRAMES: Final = 20
MOST_CAUSES: Final = 5
"""Exceptions of one chain, and of one group, that are logged."""
LINES_WAITING: Final = 1_000
END_TIMEOUT_S: Final = 2.0

_PASSWORD: Final = re.compile(r"(://[^\s:/@]*):[^\s/@]*@")


class StandardError:
    """Where lines go: standard error as it is at that moment, at once or by a thread of its own."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[str | None] | None = None
        self._dropped = 0

    def write(self, text: str) -> None:
        """Write a line, or leave it to the thread; where that has too many waiting, the line is dropped and counted."""
        if self._waiting is None:
            with suppress(OSError, ValueError):  # nobody reads any more
                sys.stderr.write(text)
                sys.stderr.flush()
            return
        try:
            self._waiting.put_nowait(text)
        except queue.Full:
            self._dropped += 1

    def flush(self) -> None:
        """Nothing is held back."""

    @contextmanager
    def by_thread(self) -> Iterator[None]:
        """Until the block ends no line waits for whoever reads standard error: the event loop must not."""
        try:
            descriptor = sys.stderr.fileno()
        except OSError:  # it is no file but memory, which holds nobody up
            yield
            return
        waiting: queue.Queue[str | None] = queue.Queue(LINES_WAITING)
        thread = threading.Thread(target=self._run, args=(waiting, descriptor), daemon=True)
        thread.start()
        self._waiting = waiting
        try:
            yield
        finally:
            self._waiting = None
            with suppress(queue.Full):
                waiting.put(None, timeout=END_TIMEOUT_S)
            thread.join(END_TIMEOUT_S)

    def _run(self, waiting: queue.Queue[str | None], descriptor: int) -> None:
        while (text := waiting.get()) is not None:
            dropped, self._dropped = self._dropped, 0
            if dropped:
                text += f"{dropped} lines of the log were dropped: nobody read them in time\n"
            rest = text.encode(errors="backslashreplace")
            with suppress(OSError):
                while rest:
                    rest = rest[os.write(descriptor, rest) :]


OUTPUT: Final = StandardError()

ANYBODYS: Final = frozenset(
    {"host_refused", "too_many_half_open", "Invalid HTTP request received.", "Unsupported upgrade request."}
)
"""Events that whoever reaches the port can make, without being let in: of each a few lines are enough."""


class Seldom:
    """Lets an event of `ANYBODYS` through so often at once, and once a second in the long run; others always."""

    def __init__(self, burst: int = 20, *, now: Callable[[], float] = time.monotonic) -> None:
        self._burst = burst
        self._now = now
        self._due: dict[str, float] = {}

    def lets(self, event: object) -> bool:
        """Whether one more line of it is written."""
        if not isinstance(event, str) or event not in ANYBODYS:
            return True
        now = self._now()
        due = max(now, self._due.get(event, now))
        if due - now > self._burst - 1:
            return False
        self._due[event] = due + 1
        return True

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        if not self.lets(event.get("event")):
            raise structlog.DropEvent
        return event

    def filter(self, record: logging.LogRecord) -> bool:
        """As a filter of the standard library's logs."""
        return self.lets(record.msg)


def configure(settings: LogSettings) -> None:
    """Send all logs of this process, the libraries' too, to standard error in the settings' form and level."""
    first: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[structlog.typing.Processor] = [with_exception, bounded]
    if settings.log_format == "json":
        last.append(structlog.processors.JSONRenderer())
    else:
        last.append(structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()))
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    seldom = Seldom()
    structlog.configure(
        processors=[seldom, *first, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(OUTPUT),  # type: ignore[arg-type]  # it asks for write and flush
    )
    handler = logging.StreamHandler(OUTPUT)
    handler.addFilter(seldom.filter)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=first,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)


def with_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Put the text of `exc_info` in its place."""
    given = event.pop("exc_info", None)
    exc = given if isinstance(given, BaseException) else given[1] if isinstance(given, tuple) else None
    if exc is None and given:
        exc = sys.exception() if sys.version_info >= (3, 12) else sys.exc_info()[1]
    if exc is not None:
        event["exception"] = "\n".join(_lines(exc, MOST_CAUSES))
    return event


def bounded(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Every value short, printable, and without the passwords of addresses."""
    return {name: value if name == "exception" else _bounded(value) for name, value in event.items()}


def _bounded(value: object, *, deep: bool = True) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str | os.PathLike | BaseException):
        return _text(value)
    if deep and isinstance(value, Mapping):
        return {_text(name): _bounded(value[name], deep=False) for name in list(value)[:MOST_ITEMS]}
    if deep and isinstance(value, list | tuple | set | frozenset):
        return [_bounded(item, deep=False) for item in list(value)[:MOST_ITEMS]]
    return f"<{type(value).__name__}>"


def _text(value: object) -> str:
    try:
        text = str(value)
    except Exception:  # noqa: BLE001 - a log never fails
        return f"<{type(value).__name__}>"
    short = text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}… ({len(text):,} characters)"
    return _PASSWORD.sub(r"\1:…@", printable(short))


def _lines(exc: BaseException, most: int) -> Iterator[str]:
    """Such as Python's own traceback, without source lines, cut in the middle; causes first."""
    before = exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)
    if before is not None:
        yield from _lines(before, most - 1) if most > 1 else ("… and what came before",)
        yield "The cause of:" if exc.__cause__ else "While that was handled:"
    yield "Traceback (most recent call last):"
    yield from _frames(exc.__traceback__)
    yield f"{type(exc).__name__}: {_text(exc)}"
    if isinstance(exc, BaseExceptionGroup):
        for number, each in enumerate(exc.exceptions[:MOST_CAUSES], 1):
            yield f"Exception {number} of {len(exc.exceptions)}:"
            yield from (f"  {line}" for line in (_lines(each, most - 1) if most > 1 else ("…",)))


def _frames(trace: TracebackType | None) -> Iterator[str]:
    frames = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    left_out = len(frames) - FIRST_FRAMES - LAST_FRAMES
    for number, each in enumerate(frames):
        if left_out > 0 and FIRST_FRAMES <= number < FIRST_FRAMES + left_out:
            if number == FIRST_FRAMES:
                yield f"  … {left_out} frames left out"
            continue
        code = each.tb_frame.f_code
        yield f'  File "{code.co_filename}", line {each.tb_lineno}, in {code.co_name}'
