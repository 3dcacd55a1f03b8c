"""Base backups of an embedded database: what was copied while it ran, put in the place of one that is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import zlib
from pathlib import Path
from typing import Final

from tickdeck.db.embedded import cluster
from tickdeck.db.embedded.account import Account
from tickdeck.db.embedded.errors import BackupError
from tickdeck.db.embedded.postmaster import clean_environment
from tickdeck.db.embedded.prefix import Programs
from tickdeck.db.embedded.status import Progress

_MANIFEST: Final = "backup_manifest"
_VERSION: Final = "17"


def restore(
    source: Path, data: Path, programs: Programs, account: Account, progress: Progress, *, move: bool = False
) -> None:
    """Make `data`, which is not there, of the backup `source`: at once or not at all.

    `move`: `source` is a folder beside it that nobody else wants.  Every file is compared with the checksums that the backup has of itself.  Raise `BackupError` or `OSError`.
    """
    part = data.with_name(data.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        progress("reading the backup", None)
        if move:
            source.rename(part)
        else:
            _copy(source, part)
        _require_ours(source, part)
        progress("checking the backup", None)
        _verify(source, part, programs)
        (part / _MANIFEST).unlink()  # true of the backup only
        for base, folders, files in os.walk(part):
            for name in (*folders, *files):
                path = Path(base) / name
                account.own(path, 0o700 if path.is_dir() else 0o600)
        account.own(part, 0o700)
        os.sync()  # the name must not reach the disk before the files do
        part.rename(data)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _copy(source: Path, part: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, part, symlinks=True)
        return
    part.mkdir(mode=0o700)
    try:
        with tarfile.open(source) as archive:
            archive.extractall(part, filter="data")
    except (tarfile.TarError, EOFError, zlib.error) as exc:
        raise BackupError(f"{source} is no backup, or not whole: {exc}") from exc


def _require_ours(source: Path, part: Path) -> None:
    try:
        version = (part / "PG_VERSION").read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        version = ""
    if not version or not (part / _MANIFEST).is_file():
        raise BackupError(f"{source} is no backup made by `tickdeck db backup`, or not whole")
    if version != _VERSION or not (part / cluster.SETTINGS_FILE).is_file():
        raise BackupError(
            f"{source} is the backup of another server (PostgreSQL {version}), not of an embedded database: "
            "put it in the place of that server's data folder"
        )


def _verify(source: Path, part: Path, programs: Programs) -> None:
    done = subprocess.run(  # noqa: S603 - our own program
        [programs.path("pg_verifybackup"), "--quiet", "--exit-on-error", str(part)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        env=clean_environment(),
        check=False,
    )
    if done.returncode:
        said = " ".join(line.removeprefix("pg_verifybackup: error: ") for line in done.stderr.splitlines())
        raise BackupError(f"{source} is damaged: {said or 'pg_verifybackup failed'}")
