"""One process at a time, over a file that outlives a crash of its holder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusive(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold `path` locked; call `waiting` first where another process has it.

    The lock goes with the open file, so that a killed holder never leaves it behind; child processes do not
    inherit it.
    """
    import fcntl  # noqa: PLC0415 - absent on Windows, where importing db.embedded must still work

    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
