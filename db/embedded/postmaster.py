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

from tickdeck.db.embedded.account import Account
from tickdeck.db.embedded.errors import EmbeddedUnavailable
from tickdeck.db.embedded.paths import SOCKET_NAME

_PID_FILE = "postmaster.pid"
_NO_PROCESS = 9_999_999  # above the highest pid Linux can give (2**22)
_START_S = 600.0  # recovery after a crash may have to read all of max_wal_size
_STOP_S = 120.0
_STUCK_S = 20.0  # how long the orphans of a killed server may hold its memory

_LAST_WORDS = 1_000  # bytes
_ENDS = ("PANIC:", "shutdown request", "terminated by signal", "data directory")

# What a server says where its files are not what it left.
_DAMAGE = (
    "not a valid data directory", "invalid checkpoint", "could not locate", "pg_control", "not a database directory",
    "incorrect checksum", "invalid primary checkpoint", "corrupt", "could not open directory", "could not open file",
    "could not read file", "incompatible with server", "invalid data in file",
)  # fmt: skip

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
        lines = os.fsdecode((data / _PID_FILE).read_bytes()).splitlines()
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
            raise EmbeddedUnavailable(f"its server did not start: {fatal} (log: {log}){way_out(fatal, data)}")


def way_out(said: str, data: Path) -> str:
    """What to do about what PostgreSQL said, to be put behind it; empty where nothing better is known."""
    if "No space left" in said:
        return f"; the disk of {data} is full: make room on it"
    if "Read-only file system" in said or "Permission denied" in said:
        return f"; {data} cannot be written: mend that, or name another folder in TICKDECK_DATA_DIR"
    if any(word in said for word in _DAMAGE):
        return f"; {data} is damaged: put a copy of it back, or move it away to begin with an empty database"
    return ""


def stop(server: Running, data: Path, *, at_once: bool = False) -> None:
    """Stop `server`, connections and all, and wait until it is gone; all that was committed is on disk.

    `at_once`: without the orderly end that a damaged one never comes to; its next start recovers as after a crash.
    """
    # "fast", then, where that hangs, "immediate"
    for how in (signal.SIGQUIT,) if at_once else (signal.SIGINT, signal.SIGQUIT):
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
        _pid, _, rest = pid_file.read_bytes().partition(b"\n")
        if rest:
            pid_file.write_bytes(b"%d\n%b" % (_NO_PROCESS, rest))
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


def why_ended(log: Path) -> str:
    """What a server that ended unasked said at its end, as far as `log` tells."""
    try:
        text = log.read_bytes()[-_LAST_WORDS:]
    except OSError as exc:
        return f"its log cannot be read: {exc.strerror}"
    lines = [
        line for line in text.decode(errors="replace").splitlines() if any(word in line for word in _ENDS)
    ]
    return lines[-1] if lines else "its log does not say why, as where it is killed"


def why_failed(log: Path) -> str:
    """The last thing in `log` that tells of damage, else the last failure."""
    text = log.read_bytes()[-20 * _LAST_WORDS :].decode(errors="replace")
    fatal = [line for line in text.splitlines() if "FATAL:" in line or "PANIC:" in line or "ERROR:" in line]
    damage = [line for line in fatal if any(word in line for word in _DAMAGE)]
    return (damage or fatal or ["nothing"])[-1]


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
