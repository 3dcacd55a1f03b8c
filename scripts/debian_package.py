"""Unpacks packages of Debian 13 below a folder, installing nothing and as anybody.

    python3 scripts/debian_package.py FOLDER PACKAGE…

Standard library only; by the same private apt as the embedded database's packages, which checks them.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tickdeck.db.embedded.apt import PrivateApt
from tickdeck.db.errors import TickdeckError


def unpack(packages: Sequence[str], folder: Path) -> None:
    """Download the packages, without what they depend on, and unpack them; raise `EmbeddedUnavailable`."""
    with tempfile.TemporaryDirectory(prefix="tickdeck-apt-") as work:
        apt = PrivateApt(Path(work))
        apt.update(lambda _percent: None)
        for archive in apt.download(packages, lambda _percent: None):
            subprocess.run(["dpkg-deb", "-x", archive.path, folder], check=True)


if __name__ == "__main__":
    try:
        unpack(sys.argv[2:], Path(sys.argv[1]))
    except TickdeckError as exc:
        sys.exit(f"error: {exc}")
