"""The archive's files: one a symbol and day (UTC), in Parquet, never changed once it has its name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from tickdeck.db.config import DatabaseSettings
from tickdeck.db.embedded.paths import default_data_dir
from tickdeck.db.errors import ConfigurationError, DatabaseError

if TYPE_CHECKING:
    import pyarrow as pa

LAYOUT: Final = "1"
"""What files say of themselves: the version of docs/archive.md that they follow."""
ROW_GROUP: Final = 1 << 15
"""Ticks that are decoded to read any of them: some 5 ms."""
_LEVEL: Final = 9
_NEAR: Final = ("time", "seq")
"""Columns of which the differences are kept; the others have dictionaries."""
_UNFINISHED: Final = ".unfinished"


def archive_folder(settings: DatabaseSettings | None = None) -> Path:
    """Where the files are: `archive_dir` of the settings (default: those of the environment), else `archive` in the data folder."""
    settings = settings or DatabaseSettings()
    if settings.archive_dir is not None:
        return settings.archive_dir.expanduser().absolute()
    return (settings.data_dir or default_data_dir()).expanduser().absolute() / "archive"


def parquet() -> Any:
    """The module pyarrow.parquet.  Raises `ConfigurationError` where the extra is not installed."""
    try:
        import pyarrow.parquet  # noqa: PLC0415 - an extra, and 0.2 s
    except ImportError as exc:
        raise ConfigurationError("the archive needs pyarrow: pip install 'tickdeck[parquet]'") from exc
    return pyarrow.parquet


def schema() -> pa.Schema:
    """The columns of each file, in their order."""
    import pyarrow as pa  # noqa: PLC0415

    kinds: dict[str, Any] = {"time": pa.timestamp("us", "UTC"), "symbol": pa.string(), "seq": pa.int64()}
    kinds |= dict.fromkeys(("price", "size", "bid", "ask"), pa.float64())
    kinds |= dict.fromkeys(("exchange", "conditions"), pa.string())
    kinds |= dict.fromkeys(("updates", "side"), pa.int16())
    return pa.schema(list(kinds.items()))


def folder_of(symbol: str) -> str:
    """The folder of a symbol: its name, with %XX for what is no letter, digit or one of `_-~`, or a dot within."""
    name = quote(symbol, safe="")
    return name if not name.startswith(".") else f"%2E{name[1:]}"


def write_day(root: Path, symbol: str, day: date, ticks: pa.Table) -> tuple[str, str, int]:
    """Write the ticks of one symbol and day, in (time, seq) order; the file's name below `root`, its SHA-256 and its size.

    The file is on disk, under its name, once this returns; the name has a part of the SHA-256 in it, so that no other
    content ever has it.  Raises `DatabaseError` where the disk fails.
    """
    folder = root / folder_of(symbol)
    unfinished = folder / f".{day.isoformat()}.{os.getpid()}{_UNFINISHED}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        parquet().write_table(
            ticks.replace_schema_metadata(
                {"tickdeck.layout": LAYOUT, "tickdeck.symbol": symbol, "tickdeck.day": day.isoformat()}
            ),
            unfinished,
            compression="zstd",
            compression_level=_LEVEL,
            use_dictionary=[name for name in ticks.column_names if name not in _NEAR],
            column_encoding=dict.fromkeys(_NEAR, "DELTA_BINARY_PACKED"),
            row_group_size=ROW_GROUP,
            write_page_checksum=True,
            store_schema=False,
        )
        with unfinished.open("r+b") as file:
            os.fsync(file.fileno())
        digest = digest_of(unfinished)
        size = unfinished.stat().st_size
        name = f"{folder.name}/{day.isoformat()}.{digest[:16]}.parquet"
        unfinished.replace(root / name)
        for each in (folder, root):
            _sync(each)
    except OSError as exc:
        raise DatabaseError(f"the archive cannot be written: {exc}") from exc
    return name, digest, size


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_day(path: Path) -> pa.Table:
    """All of a file.  Raises `DatabaseError` where it is not there or is none of the archive's."""
    import pyarrow as pa  # noqa: PLC0415

    try:
        return parquet().read_table(path, partitioning=None).cast(schema())
    except (OSError, pa.ArrowException) as exc:
        raise broken(path, exc) from exc


def broken(path: Path, exc: Exception) -> DatabaseError:
    """What is raised for a file that cannot be read."""
    return DatabaseError(
        f"{path}: this file of the archive cannot be read ({exc}); is TICKDECK_ARCHIVE_DIR the folder that was archived to?"
    )


def files_in(root: Path) -> Iterator[str]:
    """What lies in the archive's folder and is a file of the archive, or was to become one; names below `root`."""
    for path in sorted(root.glob("*/*")):
        if path.name.endswith((".parquet", _UNFINISHED)):
            yield path.relative_to(root).as_posix()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
