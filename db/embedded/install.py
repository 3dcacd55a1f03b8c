"""Getting the programs: found where an earlier start left them, else downloaded and unpacked."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path

from tickdeck.db.embedded import prefix, zoneinfo
from tickdeck.db.embedded.apt import TZDATA, PrivateApt
from tickdeck.db.embedded.errors import EmbeddedUnavailable
from tickdeck.db.embedded.lock import exclusive
from tickdeck.db.embedded.mirrors import SUITE
from tickdeck.db.embedded.paths import program_sources
from tickdeck.db.embedded.prefix import Programs
from tickdeck.db.embedded.status import Progress

_RECIPE = (
    1  # raised when what is unpacked, or how, changes: old programs are then left alone and new ones made
)
_NEEDED_BYTES = 500 * 2**20  # lists, packages and programs at their peak, and the first data


def find_programs(cache_dir: Path) -> Programs | None:
    """Complete programs in `cache_dir` or in the machine's default caches."""
    found = (prefix.load(folder / _prefix_name()) for folder in program_sources(cache_dir))
    return next((programs for programs in found if programs), None)


def install(cache_dir: Path, progress: Progress) -> Programs:
    """The programs, downloaded into `cache_dir` where they are not there yet.

    Safe to be called by several processes at once and after an interruption at any point: what was fetched
    whole is kept.  Raise `EmbeddedUnavailable`.
    """
    if found := find_programs(cache_dir):
        return found
    _check_machine()
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with exclusive(
            cache_dir / "install.lock", lambda: progress("waiting for another download of TimescaleDB", None)
        ):
            return find_programs(cache_dir) or _install(cache_dir, progress)
    except OSError as exc:
        raise EmbeddedUnavailable(f"{exc.strerror or exc}: {exc.filename or cache_dir}") from exc


def _install(cache_dir: Path, progress: Progress) -> Programs:
    if shutil.disk_usage(cache_dir).free < _NEEDED_BYTES:
        raise EmbeddedUnavailable(f"{cache_dir} has less than {_NEEDED_BYTES // 2**20} MB free")
    work = cache_dir / "download"
    apt = PrivateApt(work)
    progress("fetching Debian's package lists", 0.0)
    apt.update(lambda percent: progress("fetching Debian's package lists", percent / 100 * 0.2))
    progress("choosing packages", 0.2)
    names = apt.resolve(*([] if zoneinfo.machine_has_it() else [TZDATA]))
    archives = apt.download(
        names, lambda percent: progress("downloading TimescaleDB", 0.3 + percent / 100 * 0.4)
    )
    programs = prefix.build(
        cache_dir / _prefix_name(), archives, lambda done: progress("unpacking TimescaleDB", 0.7 + done * 0.3)
    )
    shutil.rmtree(work)
    progress(f"TimescaleDB {programs.timescaledb} on PostgreSQL {programs.postgresql} is ready", 1.0)
    return programs


def _prefix_name() -> str:
    return f"timescaledb-pg17-{SUITE}-{platform.machine()}-{_RECIPE}"


def _check_machine() -> None:
    """Raise `EmbeddedUnavailable` where there is no point in trying."""
    system = platform.system()
    if system != "Linux":
        name = {"Darwin": "macOS"}.get(system, system)
        raise EmbeddedUnavailable(f"it is made of Debian's packages, which do not run on {name}")
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise EmbeddedUnavailable(f"this Linux has no {tool}, and it is made of Debian's packages")
