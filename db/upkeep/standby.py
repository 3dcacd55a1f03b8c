"""Standbys of the embedded database: copies of it that follow it, are read meanwhile, and can take its place."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

import psycopg

from tickdeck.db.embedded import EmbeddedServer
from tickdeck.db.errors import DatabaseUnavailableError
from tickdeck.db.statements import statement
from tickdeck.db.upkeep.backup import back_up
from tickdeck.db.url import safe_url

_LONGEST_NAME: Final = 63
"""Bytes of a name in PostgreSQL."""


def name_of(folder: Path) -> str:
    """What the primary calls the standby in a folder: its slot, and what `synchronous_standby_names` may name."""
    return re.sub(r"[^a-z0-9_]", "_", f"tickdeck_{folder.name}".lower())[:_LONGEST_NAME]


def make_standby(url: str, server: EmbeddedServer) -> str:
    """Make the folder of `server`, which has no database yet, a standby of the embedded server at `url`; its address.

    It is left running.  The primary keeps the log that it has not had yet, so much as `max_slot_wal_keep_size` allows.
    Raises `BackupError`, `DatabaseUnavailableError` or `EmbeddedUnavailable`.
    """
    name = name_of(server.data_dir)
    copy = server.data_dir / "standby.copy"
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            for step in ("drop_standby_slot", "create_standby_slot"):
                connection.execute(statement(step).encode(), {"name": name})
    except psycopg.Error as exc:
        raise DatabaseUnavailableError(f"{safe_url(url)} takes no standby {name}: {exc}") from exc
    try:
        back_up(url, copy, server.program("pg_basebackup"), standby=name)
        server.restore(copy, move=True)
    finally:
        shutil.rmtree(copy, ignore_errors=True)
    return server.up()
