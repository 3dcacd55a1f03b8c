"""Unpacking Debian packages into a folder whose programs run from anywhere, on any glibc."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tickdeck.db.embedded import zoneinfo
from tickdeck.db.embedded.apt import ROOT_PACKAGE, Archive
from tickdeck.db.embedded.errors import EmbeddedUnavailable

_BIN = Path("usr/lib/postgresql/17/bin")
_PROGRAMS = _BIN.with_name("libexec")
_MANIFEST = "tickdeck.json"  # written last: a prefix that has it is complete

# Not needed to run a server and psql: half of what the packages hold.
_DROPPED = (
    "etc",
    "lib/systemd",
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/lintian",
    "usr/lib/postgresql/17/lib/bitcode",
    "usr/lib/*/gconv",
    "usr/lib/postgresql/17/lib/llvmjit*",
    "usr/share/postgresql/17/man",
    "usr/lib/postgresql/17/lib/pgxs",
)

# The C library that a program was built for comes with it, and its loader starts it: the machine's own may be
# older.  PostgreSQL finds its other files from argv[0].
_WRAPPER = """\
#!/bin/sh
bin=${{0%/*}}
lib=$bin/../../../{triplet}
exec "$lib/{loader}" --inhibit-cache --library-path "$lib" --argv0 "$0" "$bin/../libexec/{name}" "$@"
"""


@dataclass(frozen=True, slots=True)
class Programs:
    """A complete installation of PostgreSQL and TimescaleDB; read-only once it is in place."""

    root: Path
    postgresql: str
    timescaledb: str

    def path(self, name: str) -> str:
        return str(self.root / _BIN / name)

    @property
    def zoneinfo(self) -> Path | None:
        """Time zones that came with the programs, where the machine had none."""
        folder = self.root / "usr/share/zoneinfo"
        return folder if folder.is_dir() else None


def load(root: Path) -> Programs | None:
    """The programs in `root`, or None where they are absent or incomplete."""
    try:
        manifest = json.loads((root / _MANIFEST).read_bytes())
        return Programs(root, manifest["postgresql"], manifest["timescaledb"])
    except (OSError, ValueError, KeyError):
        return None


def build(root: Path, archives: Sequence[Archive], fraction: Callable[[float], None]) -> Programs:
    """Make `root` a complete prefix; it appears at once or not at all.  Raise `EmbeddedUnavailable`."""
    part = root.with_name(root.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    part.chmod(0o755)  # as root: the server runs as somebody else
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        for done, _ in enumerate(pool.map(lambda archive: _unpack(archive, part), archives), start=1):
            fraction(done / len(archives))
    for pattern in _DROPPED:
        for path in part.glob(pattern):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    if (part / "usr/share/zoneinfo").exists():
        zoneinfo.make_relative(part / _BIN / "postgres")
    _wrap_programs(part)
    versions = {archive.package: archive.version for archive in archives}
    manifest = {
        "postgresql": _server_version(part),
        "timescaledb": versions[ROOT_PACKAGE].partition("+")[0].partition("-")[0],
        "packages": versions,
    }
    (part / _MANIFEST).write_text(json.dumps(manifest, indent=1))
    (part / _MANIFEST).chmod(0o644)
    os.sync()  # the name must not reach the disk before the files do
    shutil.rmtree(root, ignore_errors=True)
    part.rename(root)
    programs = load(root)
    assert programs is not None  # noqa: S101 - written above
    return programs


def _unpack(archive: Archive, part: Path) -> None:
    done = subprocess.run(  # noqa: S603 - our own arguments, no shell
        ["dpkg-deb", "-x", archive.path, part],  # noqa: S607 - as the user has it
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        archive.path.unlink()  # the next try fetches it again
        raise EmbeddedUnavailable(
            f"the package {archive.path.name} could not be unpacked: {done.stderr.strip()}"
        )


def _wrap_programs(part: Path) -> None:
    """Move every program aside and put a script in its place that starts it with its own C library."""
    loader = next((part / "usr/lib").glob("*/ld-linux-*.so.*"), None)
    if loader is None:
        raise EmbeddedUnavailable("the downloaded packages hold no dynamic loader")
    (part / _PROGRAMS).mkdir()
    (part / _PROGRAMS).chmod(0o755)
    for program in sorted((part / _BIN).iterdir()):
        with program.open("rb") as file:
            if file.read(4) != b"\x7fELF":
                continue
        program.rename(part / _PROGRAMS / program.name)
        program.write_text(_WRAPPER.format(triplet=loader.parent.name, loader=loader.name, name=program.name))
        program.chmod(0o755)


def _server_version(part: Path) -> str:
    """What `postgres --version` says ("17.6"): the proof that the programs run on this machine."""
    done = subprocess.run(  # noqa: S603 - our own program
        [part / _BIN / "postgres", "--version"],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    words = done.stdout.split()
    if done.returncode or len(words) < 3:
        raise EmbeddedUnavailable(f"the downloaded server does not run: {done.stderr.strip() or done.stdout}")
    return words[2]
