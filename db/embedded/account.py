"""Whom the server runs as: PostgreSQL refuses to run as root."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from tickdeck.db.embedded.errors import EmbeddedUnavailable
from tickdeck.db.embedded.paths import is_root

_UNPRIVILEGED = ("postgres", "nobody", "daemon")


class Identity(TypedDict, total=False):
    """The parameters of `subprocess.Popen` that choose an account."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """The account of the server; `uid` is None where it is our own."""

    uid: int | None = None
    gid: int | None = None
    name: str = ""

    def own(self, path: Path, mode: int) -> None:
        """Give `path` to the account, with exactly `mode`."""
        path.chmod(mode)
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def let_in(self, folder: Path) -> None:
        """Let the account pass through `folder`, one of ours that was made closed (mktemp -d, umask 077)."""
        if self.uid is not None:
            folder.chmod(stat.S_IMODE(folder.stat().st_mode) | 0o011)

    def command(self, arguments: Sequence[str], data: Path) -> tuple[list[str], Identity]:
        """How to start `arguments` as this account, which must get at the folder `data`."""
        if self.uid is None or self.gid is None:
            return list(arguments), {}
        program = Path(arguments[0])
        # A capability would not help here: PostgreSQL asks access(2) for its programs, which ignores it.
        if not self._reaches(program):
            raise EmbeddedUnavailable(
                f"as root it runs as the account {self.name!r}, which cannot get at {program}"
            )
        if self._reaches(data):
            return list(arguments), {"user": self.uid, "group": self.gid, "extra_groups": []}
        return [*self._privileged(data), *arguments], {}

    def _reaches(self, path: Path) -> bool:
        """Whether every folder above `path` and `path` itself lets this account in."""
        for folder in (path, *path.parents):
            found = folder.stat()
            shift = 6 if found.st_uid == self.uid else 3 if found.st_gid == self.gid else 0
            if not (stat.S_IMODE(found.st_mode) >> shift) & 1:
                return False
        return True

    def _privileged(self, closed: Path) -> list[str]:
        """For data below a folder that only root may enter, as /root: keep the one right to enter it."""
        setpriv = shutil.which("setpriv")
        capability = _bypass_capability()
        if setpriv is None or capability is None:
            raise EmbeddedUnavailable(
                f"as root it runs as the account {self.name!r}, which cannot enter {closed}; "
                "choose another folder with TICKDECK_DATA_DIR"
            )
        return [
            setpriv,
            f"--reuid={self.uid}",
            f"--regid={self.gid}",
            "--clear-groups",
            f"--inh-caps=+{capability}",
            f"--ambient-caps=+{capability}",
        ]


def server_account(data: Path) -> Account:
    """Our own account, or as root that of the owner of `data`, else an unprivileged one that exists."""
    if not is_root():
        return Account()
    import pwd  # noqa: PLC0415 - absent on Windows, where importing db.embedded must still work

    if data.exists() and (owner := data.stat()).st_uid:
        return Account(owner.st_uid, owner.st_gid, str(owner.st_uid))
    for name in _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, name)
    raise EmbeddedUnavailable(
        f"PostgreSQL refuses to run as root, and there is no account {_UNPRIVILEGED[0]!r}"
    )


def _bypass_capability() -> str | None:
    """The least right that we may hand on and that opens closed folders; containers often lack the lesser."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapBnd:"):
            bounds = int(line.split()[1], 16)
            return "dac_read_search" if bounds & 1 << 2 else "dac_override" if bounds & 1 << 1 else None
    return None
