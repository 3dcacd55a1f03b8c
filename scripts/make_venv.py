"""Makes a virtual environment with pip, also where Debian's python3-venv is not installed and nobody is root.

    python3 scripts/make_venv.py FOLDER

Standard library only.  Without python3-venv, pip comes out of Debian's package python3-pip-whl.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from importlib.util import find_spec
from pathlib import Path

from debian_package import unpack

from tickdeck.db.errors import TickdeckError

WHEELS = Path("usr/share/python-wheels")


def main(folder: Path) -> None:
    # Debian takes ensurepip out of the standard library and puts it into python3-venv.
    has_pip = find_spec("ensurepip") is not None
    venv.create(folder, with_pip=has_pip, symlinks=True, clear=True)
    if has_pip:
        return
    with tempfile.TemporaryDirectory(prefix="tickdeck-pip-") as work:
        wheel = pip_wheel(Path("/"))
        if wheel is None:
            unpack(["python3-pip-whl"], Path(work))
            wheel = pip_wheel(Path(work))
        if wheel is None:
            raise TickdeckError("Debian's package python3-pip-whl holds no pip")
        # A wheel is a zip file that Python runs as it is; pip's installs itself.
        python = folder / "bin" / "python"
        subprocess.run([python, wheel / "pip", "install", "--quiet", "--no-index", wheel], check=True)


def pip_wheel(root: Path) -> Path | None:
    return max((root / WHEELS).glob("pip-*.whl"), default=None)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except TickdeckError as exc:
        sys.exit(f"error: {exc}\n(or install python3-venv, and try again)")
