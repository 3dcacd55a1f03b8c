"""Time zones for a machine that has none.

Debian's PostgreSQL reads them from /usr/share/zoneinfo and nowhere else; without them no trading day outside
UTC can be told.  On such a machine the path compiled into the server is replaced by one that is relative to
the data folder (the working directory of every server process), and a link there leads to zones of our own.
"""

from __future__ import annotations

from pathlib import Path

from tickdeck.db.embedded.errors import EmbeddedUnavailable

_COMPILED = b"\0/usr/share/zoneinfo\0"
_RELATIVE = b"\0./zoneinfo\0".ljust(len(_COMPILED), b"\0")
LINK_NAME = "zoneinfo"


def machine_has_it() -> bool:
    return Path("/usr/share/zoneinfo/America/New_York").exists()


def make_relative(server: Path) -> None:
    """Have the program `server` look for time zones in its working directory."""
    code = server.read_bytes()
    if code.count(_COMPILED) != 1:
        raise EmbeddedUnavailable(
            "this machine has no time zones in /usr/share/zoneinfo (the package tzdata)"
        )
    server.write_bytes(code.replace(_COMPILED, _RELATIVE))


def link(data: Path, zones: Path) -> None:
    """Let the server that runs in the folder `data` find `zones`; the programs may have moved since."""
    path = data / LINK_NAME
    path.unlink(missing_ok=True)
    path.symlink_to(zones)
