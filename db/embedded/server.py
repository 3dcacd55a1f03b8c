"""The embedded server as the rest of Tickdeck sees it: up, down, status."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from tickdeck.db.embedded import backups, cluster, postmaster
from tickdeck.db.embedded.account import Account, server_account
from tickdeck.db.embedded.errors import BackupError, EmbeddedUnavailable
from tickdeck.db.embedded.install import find_programs, install
from tickdeck.db.embedded.lock import Shared, exclusive
from tickdeck.db.embedded.paths import LOGINS_MARK, default_cache_dir, default_data_dir, socket_dir
from tickdeck.db.embedded.prefix import Programs
from tickdeck.db.embedded.status import Progress, Status, silent
from tickdeck.db.embedded.watch import Watch

_LOG_LIMIT = 10 * 2**20


class EmbeddedServer:
    """The TimescaleDB of one data folder; any number of processes may hold one of these at once.

    `durable=False` is for servers that tests throw away: a committed tick survives a killed process but not a
    machine that goes down.  `cache_dir` is where programs are put, by default beside everything of this user.
    As a context manager it has the server up for its block, and starts it again where it ends unasked (by anything but
    `down`): whoever leaves the last such block, in any process, stops it, unless somebody has called `up` meanwhile.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        *,
        progress: Progress | None = None,
        durable: bool = True,
        cache_dir: Path | None = None,
    ) -> None:
        # Resolved: the server's command line, by which it is known again, must not depend on how we got here.
        self.data_dir = Path(os.path.realpath(data_dir or default_data_dir()))
        self.cache_dir = Path(os.path.realpath(cache_dir or default_cache_dir()))
        self.durable = durable
        self.started_here = False
        """Whether it was we who started the server, not another process before us."""
        self._progress: Progress = progress or silent
        self._using: Shared | None = None
        self._watch: Watch | None = None
        self._data = self.data_dir / "postgresql-17"
        self._made = self.data_dir / "database.made"
        self._kept = self.data_dir / "server.kept"
        self._told_down = self.data_dir / "server.down"
        self._log = self.data_dir / "postgresql.log"

    @property
    def url(self) -> str:
        """The database's address for libpq, psycopg and asyncpg, whether or not it is up."""
        server = postmaster.running(self._data)
        folder = server.socket_dir if server and server.ready else socket_dir(self.data_dir)
        return f"postgresql://{cluster.USER}@/{cluster.DATABASE}?host={quote(os.fsencode(folder))}&port={cluster.PORT}"

    def install(self) -> None:
        """Get the programs, if they are not there; raise `EmbeddedUnavailable`."""
        install(self.cache_dir, self._progress)

    def up(self) -> str:
        """Install, initialise and start what is not, and return the address; raise `EmbeddedUnavailable`.

        The server runs until `down`, whoever uses it meanwhile.
        """
        url = self._up()
        self._kept.touch()
        return url

    def _up(self) -> str:
        self.started_here = False
        if self._is_up():
            return self.url
        programs = install(self.cache_dir, self._progress)
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            with self._locked():
                if not self._is_up():
                    account = server_account(self._data)
                    account.let_in(self.data_dir)
                    account.let_in(programs.root.parent)
                    self._start(programs, account)
        except OSError as exc:
            raise EmbeddedUnavailable(f"{exc.strerror or exc}: {exc.filename or self.data_dir}") from exc
        return self.url

    def down(self) -> bool:
        """Stop the server, whoever started it, and say whether it was running."""
        if postmaster.running(self._data) is None:
            if self._data.exists():  # whoever tries to start it gives up
                self._told_down.touch()
            return False
        with self._locked():
            server = postmaster.running(self._data)
            if server:
                self._told_down.touch()  # first: whoever uses it must not take it for dead
                self._stop(server)
        self.started_here = False
        return server is not None

    def status(self) -> Status:
        server = postmaster.running(self._data)
        programs = find_programs(self.cache_dir)
        return Status(
            running=server is not None and server.ready,
            pid=server.pid if server else None,
            url=self.url,
            postgresql=programs.postgresql if programs else None,
            timescaledb=programs.timescaledb if programs else None,
            data_dir=self.data_dir,
            size=_bytes_on_disk(self._data),
        )

    def psql_command(self) -> list[str]:
        """Psql on this database, to be run or exec'ed; raise `EmbeddedUnavailable` before it is installed."""
        return [self.program("psql"), self.url]

    def program(self, name: str) -> str:
        """The path of one of PostgreSQL's programs; raise `EmbeddedUnavailable` before it is installed."""
        programs = find_programs(self.cache_dir)
        if programs is None:
            raise EmbeddedUnavailable("it is not installed yet; start it first")
        return programs.path(name)

    def restore(self, source: Path, *, move: bool = False) -> None:
        """Make the database of the base backup `source` (a folder, or a tar file of any compression) this folder's own.

        `move`: `source` is a folder on the same disk, and is used up.
        The folder must have no database and be used by nobody.  It has all of it or nothing afterwards; the server is
        not started.  Raise `BackupError` where it is refused, `EmbeddedUnavailable` where there are no programs.
        """
        programs = install(self.cache_dir, self._progress)
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            users = Shared(self.data_dir / "server.users")
            try:
                with self._locked():
                    if not users.is_last() or postmaster.running(self._data) is not None:
                        raise BackupError(
                            f"{self.data_dir} is in use: end what runs on it (`tickdeck db down` stops the database)"
                        )
                    if self._data.exists():
                        raise BackupError(
                            f"{self._data} holds a database, which is not replaced: move it away, or name another "
                            "folder in TICKDECK_DATA_DIR"
                        )
                    account = server_account(self._data)
                    account.let_in(self.data_dir)
                    backups.restore(source, self._data, programs, account, self._progress, move=move)
            finally:
                users.leave()
        except OSError as exc:
            raise BackupError(
                f"{source} cannot be restored: {exc.strerror or exc}: {exc.filename or self.data_dir}"
            ) from exc

    def __enter__(self) -> str:
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            self._using = Shared(self.data_dir / "server.users")
        except OSError as exc:
            raise EmbeddedUnavailable(f"{exc.strerror or exc}: {exc.filename or self.data_dir}") from exc
        try:
            url = self._up()
        except BaseException:
            self._leave()
            raise
        self._watch = Watch(
            is_missing=self._is_missing,
            why_ended=lambda: postmaster.why_ended(self._log),
            start_again=self._start_again,
        )
        return url

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watch is not None:
            self._watch.stop()
            self._watch = None
        self._leave()

    def _is_missing(self) -> bool:
        """Whether nothing serves the data folder, or nobody can get at what does, and nobody has told it to be so."""
        server = postmaster.running(self._data)
        gone = server is None or (server.ready and not server.reachable)
        return gone and not self._told_down.exists()

    def _start_again(self) -> None:
        """Start what ended; raise `EmbeddedUnavailable`.  Never a new database in the place of one that is gone."""
        if not self._data.exists():
            raise EmbeddedUnavailable(
                f"its data folder {self._data} is gone: put it back, or stop this process and start it anew with an "
                "empty database"
            )
        kept = self._kept.exists()
        self._up()
        if kept:
            self._kept.touch()

    def _leave(self) -> None:
        """Stop the server where nobody else uses it."""
        if self._using is None:
            return
        using, self._using = self._using, None
        with self._locked():
            server = postmaster.running(self._data)
            if server and not self._kept.exists() and using.is_last():
                self._stop(server)
                self.started_here = False
            using.leave()

    def _is_up(self) -> bool:
        server = postmaster.running(self._data)
        return server is not None and server.reachable and self._made.exists()

    def _start(self, programs: Programs, account: Account) -> None:
        server = postmaster.settled(self._data)
        if server and not server.reachable:
            self._stop(server)
            server = None
        if server is None:
            self._made.unlink(missing_ok=True)
            self._told_down.unlink(missing_ok=True)
            self._kept.unlink(missing_ok=True)
            if not self._data.exists():
                self._progress("creating the database", None)
                cluster.make(self._data, programs, account, durable=self.durable)
            cluster.configure(self._data, programs, durable=self.durable)
            sockets = _prepared(socket_dir(self.data_dir), account)
            _limit(self._log)
            self._progress("starting the database", None)
            command = cluster.server_command(programs, sockets)
            server = postmaster.start(self._data, sockets, self._log, command, account)
            self.started_here = True
        try:
            if not cluster.follows(self._data):
                cluster.create_database(programs, server.socket_dir)
        except EmbeddedUnavailable as exc:
            # Damage that only shows to whoever connects: its processes die one after the other.
            said = postmaster.why_failed(self._log)
            self._stop(server, at_once=True)
            raise EmbeddedUnavailable(
                f"{exc.why}; its log: {said}{postmaster.way_out(said, self._data)}"
            ) from exc
        (server.socket_dir / LOGINS_MARK).touch()
        self._made.touch()

    def _stop(self, server: postmaster.Running, *, at_once: bool = False) -> None:
        postmaster.stop(server, self._data, at_once=at_once)
        (server.socket_dir / LOGINS_MARK).unlink(missing_ok=True)  # nothing of ours stays in a shared folder

    def _locked(self) -> AbstractContextManager[None]:
        return exclusive(
            self.data_dir / "server.lock", lambda: self._progress("waiting for another start or stop", None)
        )


def _prepared(folder: Path, account: Account) -> Path:
    """The socket's folder, closed to everybody else: who may enter it is the database's superuser."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    # In a shared temporary folder somebody else may have been there first.
    if folder.is_symlink() or found.st_uid not in {os.geteuid(), account.uid}:
        raise EmbeddedUnavailable(f"{folder} belongs to somebody else")
    account.own(folder, 0o700)
    return folder


def _limit(log: Path) -> None:
    if log.exists() and log.stat().st_size > _LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))


def _bytes_on_disk(folder: Path) -> int:
    total = 0
    for base, _folders, files in os.walk(folder):
        for name in files:
            try:
                total += (Path(base) / name).lstat().st_blocks * 512
            except FileNotFoundError:  # a running server removes files
                continue
    return total
