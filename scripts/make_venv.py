"""Makes a virtual environment with pip, also where Debian's python3-venv is not installed and nobody is root.

    python3 scripts/make_venv.py FOLDER

Standard library only.  Without python3-venv, pip's wheel comes out of Debian's package python3-pip-whl, which is
downloaded and checked by the same private apt as the embedded database's packages.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from db.embedded.apt import PrivateApt
from db.errors import TickdeckError

SYSTEM_WHEELS = Path("/usr/share/python-wheels")


def main(folder: Path) -> None:
    # Debian takes ensurepip out of the standard library and puts it into python3-venv.
    has_pip = find_spec("ensurepip") is not None
    venv.create(folder, with_pip=has_pip, symlinks=True, clear=True)
    if not has_pip:
        with tempfile.TemporaryDirectory(prefix="tickdeck-pip-") as work:
            wheel = pip_wheel(SYSTEM_WHEELS) or download_pip(Path(work))
            # A wheel is a zip file that Python runs as it is; pip's installs itself.
            python = folder / "bin" / "python"
            subprocess.run([python, wheel / "pip", "install", "--quiet", "--no-index", wheel], check=True)


def pip_wheel(folder: Path) -> Path | None:
    return max(folder.glob("pip-*.whl"), default=None)


def download_pip(work: Path) -> Path:
    """Fetch and unpack Debian 13's pip wheel below `work`; raise `EmbeddedUnavailable` where apt cannot."""
    apt = PrivateApt(work / "apt")
    apt.update(lambda _percent: None)
    for archive in apt.download(["python3-pip-whl"], lambda _percent: None):
        subprocess.run(["dpkg-deb", "-x", archive.path, work / "unpacked"], check=True)
    wheel = pip_wheel(work / "unpacked" / SYSTEM_WHEELS.relative_to("/"))
    if wheel is None:
        raise TickdeckError("Debian's package python3-pip-whl holds no pip: install python3-venv")
    return wheel


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except TickdeckError as exc:
        sys.exit(f"error: {exc}\n(or install python3-venv, and try again)")
