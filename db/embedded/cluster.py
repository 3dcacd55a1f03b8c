"""The database's files: made once, configured at every start."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tickdeck.db.embedded import zoneinfo
from tickdeck.db.embedded.account import Account
from tickdeck.db.embedded.errors import EmbeddedUnavailable
from tickdeck.db.embedded.postmaster import clean_environment, way_out
from tickdeck.db.embedded.prefix import Programs

DATABASE = "tickdeck"
USER = "postgres"
PORT = 5432  # names the socket's file; nothing listens on the network

_CREATE = Path(__file__).with_name("create.sql")
SETTINGS_FILE = "tickdeck.conf"

# For steady ingest on a small machine.  `ALTER SYSTEM` overrides each.
_SETTINGS = {
    "shared_preload_libraries": "timescaledb",
    "timescaledb.telemetry_level": "off",
    "timescaledb.max_background_workers": "8",  # a launcher, and a scheduler and a job for each database
    "max_worker_processes": "16",
    "max_parallel_workers": "4",
    "max_connections": "200",
    "max_locks_per_transaction": "256",  # a query over a hypertable locks each of its chunks
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    # Not POSIX: containers have a tiny /dev/shm, and logind empties it when a user logs out.
    "dynamic_shared_memory_type": "mmap",
    "random_page_cost": "1.1",
    "wal_buffers": "16MB",
    "wal_compression": "lz4",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    # A standby that is away may have so much of the log kept; one that is away for longer has to be made anew.
    "max_slot_wal_keep_size": "4GB",
    # On a standby: rows that a read there still needs are not cleaned up on the primary, which would end the read.
    "hot_standby_feedback": "on",
    # After a crash one call a file system instead of one a file: on a busy disk those 2,500 took 10 s.
    "recovery_init_sync_method": "syncfs",
    "autovacuum": "on",
    "jit": "off",
    # GMT is the one zone that needs no file; initdb would write the machine's own.
    "timezone": "GMT",
    "log_timezone": "GMT",
    "logging_collector": "off",
    "log_line_prefix": "%m [%p] ",
}

# For servers that tests throw away: a killed process loses nothing, a machine that goes down loses all.
_NOT_DURABLE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",  # nobody will recover from it, and the folder may lie in memory
    # No scheduler sits in a database, so that any of them can be copied as a template or dropped.
    "timescaledb.max_background_workers": "0",
}


def make(data: Path, programs: Programs, account: Account, *, durable: bool) -> None:
    """Make the database's files in `data`, at once or not at all."""
    part = data.with_name(data.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    account.own(part, 0o700)
    initdb = [
        programs.path("initdb"),
        "-D",
        str(part),
        "-U",
        USER,
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--no-instructions",
        "-c",
        f"dynamic_shared_memory_type={_SETTINGS['dynamic_shared_memory_type']}",  # while it makes the database, too
        *([] if durable else ["--no-sync"]),
    ]
    command, identity = account.command(initdb, part)
    done = subprocess.run(  # noqa: S603 - our own program
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        cwd="/",
        env=clean_environment(),
        check=False,
        **identity,
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error:" in line or "FATAL:" in line]
        said = " ".join(lines) or done.stderr.strip()
        raise EmbeddedUnavailable(f"initdb failed: {said}{way_out(said, data)}")
    with (part / "postgresql.conf").open("a") as file:
        file.write(f"include '{SETTINGS_FILE}'\n")
    part.rename(data)


def configure(data: Path, programs: Programs, *, durable: bool) -> None:
    """Write the settings that the next start will use."""
    settings = _SETTINGS if durable else _SETTINGS | _NOT_DURABLE
    lines = ["# Written at every start. Use ALTER SYSTEM to change a setting.\n"]
    lines += [f"{name} = '{value}'\n" for name, value in settings.items()]
    path = data / SETTINGS_FILE
    path.write_text("".join(lines))
    path.chmod(0o644)  # as root: the server reads it as somebody else; the folder lets nobody else in
    if programs.zoneinfo:
        zoneinfo.link(data, programs.zoneinfo)


def follows(data: Path) -> bool:
    """Whether it is a standby, which has everything from its primary and takes nothing that is written."""
    return (data / "standby.signal").exists()


def server_command(programs: Programs, socket_dir: Path) -> list[str]:
    """The server without its data folder; what depends on the place is not left to files."""
    return [
        programs.path("postgres"),
        "-c",
        "listen_addresses=",
        "-c",
        f"port={PORT}",
        "-c",
        f"unix_socket_directories={_quoted(socket_dir)}",
        "-c",
        "unix_socket_permissions=0700",
    ]


def create_database(programs: Programs, socket_dir: Path) -> None:
    """Make the database and its extension where they are missing."""
    done = subprocess.run(  # noqa: S603 - our own program
        [
            programs.path("psql"),
            "-X",
            "-q",
            "-h",
            str(socket_dir),
            "-p",
            str(PORT),
            "-U",
            USER,
            "-d",
            "postgres",
            "-f",
            str(_CREATE),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        env=clean_environment(),
        check=False,
    )
    if done.returncode:
        raise EmbeddedUnavailable(f"the database {DATABASE!r} could not be made: {done.stderr.strip()}")


def _quoted(folder: Path) -> str:
    """A folder as one element of a list of them: commas and spaces would part it."""
    return '"' + str(folder).replace('"', '""') + '"'
