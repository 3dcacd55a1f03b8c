"""The server's process: whether it lives, starting it, stopping it, and clearing what a killed one left."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from db.embedded.account import Account
from db.embedded.errors import EmbeddedUnavailable
from db.embedded.paths import SOCKET_NAME

_PID_FILE = "postmaster.pid"
_NO_PROCESS = 9_999_999  # above the highest pid Linux can give (2**22)
_START_S = 600.0  # recovery after a crash may have to read all of max_wal_size
_STOP_S = 120.0
_STUCK_S = 20.0  # how long the orphans of a killed server may hold its memory

# What a server says when the remains of a killed one are in its way: worth another try.
_REMAINS = ("lock file", "shared memory block")


@dataclass(frozen=True, slots=True)
class Running:
    """A living server of one data folder."""

    pid: int
    socket_dir: Path
    ready: bool

    @property
    def reachable(self) -> bool:
        """Whether its socket is still there: temporary folders are tidied by others."""
        return self.ready and (self.socket_dir / SOCKET_NAME).exists()


def running(data: Path) -> Running | None:
    """The server that serves `data` now; a stale pid file, a zombie or a reused pid is none."""
    try:
        lines = (data / _PID_FILE).read_text().splitlines()
        pid = int(lines[0])
    except (OSError, ValueError, IndexError):
        return None
    if not _serves(pid, data):
        return None
    # Lines of postmaster.pid: pid, data folder, start time, port, socket folder, address, memory, state.
    return Running(
        pid, Path(lines[4] if len(lines) > 4 else ""), len(lines) > 7 and lines[7].strip() == "ready"
    )


def settled(data: Path) -> Running | None:
    """The server of `data` once it takes connections, or None once there is none: it may be recovering or stopping."""
    if not _until(lambda: (server := running(data)) is None or server.ready, _START_S):
        raise EmbeddedUnavailable(f"its server is still not ready after {_START_S:.0f} s")
    return running(data)


def start(data: Path, socket_dir: Path, log: Path, arguments: Sequence[str], account: Account) -> Running:
    """Start a server on `data` in a session of its own and wait until it takes connections.

    It is no child of ours: it outlives us, and a Ctrl-C in our terminal does not reach it.
    Raise `EmbeddedUnavailable` with what its log says where it gives up.
    """
    deadline = time.monotonic() + _STUCK_S
    while True:
        _clear_remains(data, socket_dir)
        offset = log.stat().st_size if log.exists() else 0
        pid = _spawn(data, log, arguments, account)
        if not _until(lambda pid=pid: _is_ready(pid, data) or not _alive(pid), _START_S):  # type: ignore[misc]
            raise EmbeddedUnavailable(
                f"its server (process {pid}) is not ready after {_START_S:.0f} s; log: {log}"
            )
        if (server := running(data)) and server.ready:
            return server
        fatal = _last_words(log, offset)
        if time.monotonic() > deadline or not any(remain in fatal for remain in _REMAINS):
            raise EmbeddedUnavailable(f"its server did not start: {fatal} (log: {log})")


def stop(server: Running, data: Path) -> None:
    """Stop `server`, connections and all, and wait until it is gone; all that was committed is on disk."""
    for how in (signal.SIGINT, signal.SIGQUIT):  # "fast", then, where that hangs, "immediate"
        try:
            os.kill(server.pid, how)
        except ProcessLookupError:
            return
        if _until(lambda: not _serves(server.pid, data), _STOP_S):
            return
    raise EmbeddedUnavailable(f"its server (process {server.pid}) does not stop")


def _spawn(data: Path, log: Path, arguments: Sequence[str], account: Account) -> int:
    """Start the server as an orphan in its own session and return its process id."""
    command, identity = account.command([*arguments, "-D", str(data)], data)
    with log.open("ab") as output:
        done = subprocess.run(  # noqa: S603 - our own program
            ["/bin/sh", "-c", '"$@" >&2 & echo $!', "sh", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            start_new_session=True,
            cwd="/",
            env=clean_environment(),
            check=True,
            **identity,
        )
    return int(done.stdout)


def clean_environment() -> dict[str, str]:
    """For the server's programs: none of the user's PG… variables, no locale, no time zone."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "GMT"}


def _clear_remains(data: Path, socket_dir: Path) -> None:
    """Take a dead server's claims away; only with the data folder's lock held and no server running.

    The pid file is not deleted: it holds the key by which PostgreSQL finds backends that outlived their
    postmaster.  Only its pid goes, which a zombie or a stranger may have by now.
    """
    pid_file = data / _PID_FILE
    if pid_file.exists():
        _end_orphans(data)
        _pid, _, rest = pid_file.read_text().partition("\n")
        if rest:
            pid_file.write_text(f"{_NO_PROCESS}\n{rest}")
        else:  # the machine went down while it was being written: no server got as far as having backends
            pid_file.unlink()
    for name in (f"{SOCKET_NAME}.lock", SOCKET_NAME):
        (socket_dir / name).unlink(missing_ok=True)


def _end_orphans(data: Path) -> None:
    """End the backends that outlived their postmaster: one in a long query does not notice, and bars the next start.

    As harmless as the crash that made them: nothing they had not committed was promised to anybody.
    """
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    orphans = [pid for pid in pids if _is_backend(words := _command_line(pid)) and _names(words, data)]
    for pid in orphans:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _until(lambda: not any(map(_alive, orphans)), _STUCK_S)


def _last_words(log: Path, offset: int) -> str:
    lines = log.read_bytes()[offset:].decode(errors="replace").splitlines()
    fatal = [line for line in lines if "FATAL:" in line or "PANIC:" in line]
    return " ".join(fatal or lines[-1:]) or "it said nothing"


def _is_ready(pid: int, data: Path) -> bool:
    server = running(data)
    return server is not None and server.pid == pid and server.ready


def _serves(pid: int, data: Path) -> bool:
    """Whether the process `pid` is the postmaster of `data`.  A zombie has no command line, so it is none."""
    words = _command_line(pid)
    return _names(words, data) and not _is_backend(words)


def _command_line(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def _names(words: list[bytes], data: Path) -> bool:
    return (b"-D", os.fsencode(data)) in pairwise(words)


def _is_backend(words: list[bytes]) -> bool:
    # Started by the loader's --argv0, a backend writes its title over that word only and keeps the others.
    return any(word.startswith(b"postgres: ") for word in words)


def _alive(pid: int) -> bool:
    try:
        # 1234 (name) S 1 …: the name may hold anything, the state follows the last parenthesis.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except (OSError, IndexError):
        return False


def _until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for `condition`; Linux has no other way to await a file's content or a process of others."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
