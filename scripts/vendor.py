"""Writes the scripts of others anew as they are published, each checked against its hash: app/assets/vendor/, and what tests need.

- Plotly's bundle for finance.  Dash brings the whole of Plotly, of which the page uses a third.
- The regenerator runtime.  Dash brings Babel's polyfill for it, of which no browser of today needs the rest.
- Dockview, which lays out the panels of a workspace: its script with its styles.
- axe-core, for tests only: it looks for what those who see, hear or point otherwise cannot use.

Needs npm.  A new version: its number, and the `dist.integrity` that `npm view PACKAGE@VERSION` prints.
"""

from __future__ import annotations

import base64
import hashlib
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
VENDOR: Final = ROOT / "app" / "assets" / "vendor"
TESTS: Final = ROOT / "tests" / "browser" / "vendor"


@dataclass(frozen=True)
class Package:
    """A published package: the integrity of its archive, what is taken of it, and into which folder.

    `files` has the name in the archive, the name here, and the SHA-256 of each.
    """

    name: str
    integrity: str
    files: tuple[tuple[str, str, str], ...]
    folder: Path = VENDOR


PACKAGES: Final = (
    Package(
        "plotly.js-finance-dist-min@4.1.0",
        "sha512-0EFmfaRk7qYE9ZmnqX35LgBg7haCr1SLUNna4+jxaUk15eIeOSvjn+rH6UP2SCzzRXbRP6y+XiVR2HrvaHJapQ==",
        (
            (
                "plotly-finance.min.js",
                "plotly-finance.min.js",
                "9993f6d57ffd52d7417a9e89b666679ff69078e7c2816b43ab9ecdea9fa4709d",
            ),
            (
                "LICENSE",
                "plotly-LICENSE",
                "8c45d9eaf50c2f72dd9c7ab9ef440788ba58a3538484b5c51c1f17d5128752e7",
            ),
        ),
    ),
    Package(
        "regenerator-runtime@0.14.1",
        "sha512-dYnhHh0nJoMfnkZs6GmmhFknAGRrLznOu5nc9ML+EJxGvrx6H7teuevqVqCuPcPK//3eDrrjQhehXVx9cnkGdw==",
        (
            (
                "runtime.js",
                "regenerator-runtime.js",
                "7beda998b3fd277f3548e12b277bafc3037d243421f007032d38dffee412224c",
            ),
            (
                "LICENSE",
                "regenerator-runtime-LICENSE",
                "51887a3d47051ac2fce1210562e5b9fe0830a8a8fabeb272c2d586eeb18a05fd",
            ),
        ),
    ),
    Package(
        "dockview-core@8.6.0",
        "sha512-BTj0mCIdP5rtshAhVA9bqy14NOKYns+fBJJvFbU2xy2vkK9aiDMf8rQCvfeG+qF1D+TIDc+OLT8h9mlgQ6PHFA==",
        (
            (
                "dist/dockview-core.min.js",
                "dockview-core.min.js",
                "bead6482df89a9d0ae6d27d6d40a8fb9961b3106208e6ac9ee0bce4f557cd6d0",
            ),
            (
                "LICENCE.md",
                "dockview-LICENSE",
                "1d56757fdc06c9b33c0f80821efe4f4b11960dd7fb6544232cff61752101f513",
            ),
        ),
    ),
    Package(
        "axe-core@4.14.1",
        "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
        (
            (
                "axe.min.js",
                "axe.min.js",
                "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c",
            ),
            (
                "LICENSE",
                "axe-LICENSE",
                "af175b9d96ee93c21a036152e1b905b0b95304d4ae8c2c921c7609100ba8df7e",
            ),
            (
                "LICENSE-3RD-PARTY.txt",
                "axe-LICENSE-3RD-PARTY",
                "4f8563870d0fca38bbc3e00b6f670cb7fa9f380ba9f26a7f7d1184a6b18b1653",
            ),
        ),
        TESTS,
    ),
)


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 by the name, of what belongs into a folder."""
    return {
        here: sha256 for package in PACKAGES if package.folder == folder for _, here, sha256 in package.files
    }


def fetch(package: Package) -> None:
    """Fetch, check, write.  Raises `ValueError` where anything is not what it was."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", package.name], cwd=folder, check=True)
        (archive,) = Path(folder).glob("*.tgz")
        found = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if found != package.integrity:
            raise ValueError(f"{archive.name} has the integrity {found}, not {package.integrity}")
        with tarfile.open(archive) as content:
            for there, here, sha256 in package.files:
                member = content.extractfile(f"package/{there}")
                file = b"" if member is None else member.read()
                if hashlib.sha256(file).hexdigest() != sha256:
                    raise ValueError(f"{there} in {archive.name} is not the file with the hash {sha256}")
                package.folder.mkdir(exist_ok=True)
                (package.folder / here).write_bytes(file)


if __name__ == "__main__":
    for each in PACKAGES:
        fetch(each)
