"""One process at a time, or several that know of each other, over a file that outlives a crash of its holder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


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


@contextmanager
def taken(path: Path) -> Iterator[bool]:
    """Hold `path` locked if nobody else has it; yields whether that is so.  As `exclusive` otherwise."""
    import fcntl  # noqa: PLC0415

    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


class Shared:
    """`path` locked together with whoever else has it so, until `leave`; goes with the process as well."""

    def __init__(self, path: Path) -> None:
        import fcntl  # noqa: PLC0415

        self._file: IO[bytes] = path.open("ab")
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def is_last(self) -> bool:
        """Whether nobody else has it; nobody can until `leave`, then.  Otherwise it is not ours any more either."""
        import fcntl  # noqa: PLC0415

        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def leave(self) -> None:
        """Let it go."""
        self._file.close()
