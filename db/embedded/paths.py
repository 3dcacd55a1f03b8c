"""Where the embedded database keeps its data and its programs."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

DATA_DIR_ENV = "TICKDECK_DATA_DIR"

# Root's own home is closed to the unprivileged account that the server runs as.
_ROOT_DATA = Path("/var/lib/tickdeck")
_ROOT_CACHE = Path("/var/cache/tickdeck")

SOCKET_NAME = ".s.PGSQL.5432"
LOGINS_MARK = "tickdeck.logins"
"""A file beside the socket of a server whose roles may log in themselves."""
_SOCKET_PATH_LIMIT = 107  # bytes of sockaddr_un.sun_path without its closing NUL


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def default_data_dir() -> Path:
    """The folder for everything Tickdeck writes: $TICKDECK_DATA_DIR, else the user's data folder."""
    if named := os.environ.get(DATA_DIR_ENV):
        return Path(named).expanduser().absolute()
    return _ROOT_DATA if is_root() else _user_folder("XDG_DATA_HOME", ".local/share")


def machine_cache_dir() -> Path:
    """Where programs are kept for every data folder of this user."""
    return _ROOT_CACHE if is_root() else _user_folder("XDG_CACHE_HOME", ".cache")


def default_cache_dir() -> Path:
    """Where programs are installed: below $TICKDECK_DATA_DIR when it is set, as all that is written.

    The one exception: as root and below a folder closed to others, from where nobody else can run them.
    """
    if not os.environ.get(DATA_DIR_ENV):
        return machine_cache_dir()
    data_dir = default_data_dir()
    closed = is_root() and any(not _open_to_others(folder) for folder in data_dir.parents)
    return machine_cache_dir() if closed else data_dir / "cache"


def program_sources(cache_dir: Path) -> list[Path]:
    """Where complete programs may be found, best first; only the first is ever written to."""
    return list(dict.fromkeys((cache_dir, machine_cache_dir(), _ROOT_CACHE)))


def socket_dir(data_dir: Path) -> Path:
    """The folder of the server's socket: inside the data folder, or one in the temporary folder where libpq cannot take that path."""
    inside = data_dir / "run"
    if _usable(inside):
        return inside
    # The user's id keeps two users apart; the folder itself is 0700 and checked to be ours before use.
    name = f"tickdeck-{os.geteuid()}-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]}"
    temporary = Path(tempfile.gettempdir()) / name
    return temporary if _usable(temporary) else Path("/tmp") / name  # noqa: S108 - see above


def _usable(folder: Path) -> bool:
    # libpq takes a comma for the end of a host; in the locale C a driver cannot name a socket with an umlaut.
    return (
        "," not in str(folder)
        and str(folder).isascii()
        and len(os.fsencode(folder / SOCKET_NAME)) <= _SOCKET_PATH_LIMIT
    )


def _open_to_others(folder: Path) -> bool:
    return not folder.exists() or bool(folder.stat().st_mode & 0o001)


def _user_folder(variable: str, below_home: str) -> Path:
    base = os.environ.get(variable, "")
    # The XDG rules: a relative path in these variables is to be ignored.
    root = Path(base) if base.startswith("/") else Path(os.path.expanduser("~")) / below_home  # noqa: PTH111
    return root / "tickdeck"
