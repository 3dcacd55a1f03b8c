"""A private apt: its own package lists, cache and empty package state, the machine's own mirrors and proxies.

Nothing in the system is changed or installed, and root is not needed.  apt checks every index against
Debian's archive keys and every package against its index.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import select
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from tickdeck.db.embedded.errors import EmbeddedUnavailable
from tickdeck.db.embedded.mirrors import SUITE, debian_mirrors

ROOT_PACKAGE = "postgresql-17-timescaledb"

# What PostgreSQL's programs load: libraries, and neither the JIT (LLVM, 130 MB), Perl nor the system's set-up.
_WANTED = re.compile(r"lib[\w.+-]+|zlib1g|postgresql-17|postgresql-client-17|" + ROOT_PACKAGE)
_UNWANTED = re.compile(r"libllvm.*|libz3.*|libperl.*|.*-perl|libc-bin|libc-l10n|libpam-modules.*|.*-common")
TZDATA = "tzdata"

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_KEYRINGS = [Path(f"/usr/share/keyrings/debian-archive-keyring.{end}") for end in ("gpg", "pgp")]

# Read after the system's configuration: proxies and credentials stay, all that would break us is undone.
# For root apt has an account of less rights, which has to write to the temporary folder and to read ours; where it
# cannot, no signature can be checked.  So root stays root here; the signatures say what may be used.
_CONFIGURATION = """\
Dir::State "{root}/state";
Dir::State::lists "{root}/lists";
Dir::State::status "{root}/status";
Dir::Cache "{root}/cache";
Dir::Cache::archives "{root}/archives";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "srcpkgcache.bin";
Dir::Etc::sourcelist "{root}/debian.sources";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Log "{root}/log";
APT::Default-Release "";
APT::Sandbox::User "root";
APT::Architecture "{architecture}";
#clear APT::Architectures;
APT::Architectures {{ "{architecture}"; }};
APT::Install-Recommends "false";
APT::Get::AllowUnauthenticated "false";
APT::Get::Show-User-Simulation-Note "false";
Acquire::AllowInsecureRepositories "false";
Acquire::Languages "none";
Acquire::PDiffs "false";
Acquire::Retries "2";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Install-Pkgs;
"""

_SOURCE = """\
Types: deb
URIs: {mirror}
Suites: {suites}
Components: main
Architectures: {architecture}
Targets: Packages
{signed_by}
"""


@dataclass(frozen=True, slots=True)
class Archive:
    """A downloaded, verified package."""

    package: str
    version: str
    path: Path


class PrivateApt:
    """apt with all its state below `root`, which may be left over from an interrupted download."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._architecture = _supported_architecture()
        for folder in ("state", "lists/partial", "cache", "archives/partial", "log"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        (root / "status").write_bytes(b"")
        self._configuration = root / "apt.conf"
        text = _CONFIGURATION.format(root=root, architecture=self._architecture)
        self._configuration.write_bytes(os.fsencode(text))
        self._error = ""

    def update(self, percent: Percent) -> None:
        """Fetch Debian 13's package lists; a mirror that fails is left to `resolve` to miss."""
        machine = run_apt("-o", "Debug::NoLocking=1", "--print-uris", "update")
        keyring = next((path for path in _KEYRINGS if path.exists()), None)
        (self._root / "debian.sources").write_text(
            "\n".join(
                _SOURCE.format(
                    mirror=mirror,
                    suites=" ".join(suites),
                    architecture=self._architecture,
                    signed_by=f"Signed-By: {keyring}" if keyring else "",
                )
                for mirror, suites in debian_mirrors(machine).items()
            )
        )
        self._apt(["update"], percent)

    def resolve(self, *extra: str) -> list[str]:
        """Names of the packages to unpack; raise `EmbeddedUnavailable` where the mirrors do not have them."""
        simulated = self._apt(["-s", "install", ROOT_PACKAGE])
        names = re.findall(r"^Inst (\S+)", simulated, flags=re.MULTILINE)
        wanted = [name for name in names if _WANTED.fullmatch(name) and not _UNWANTED.fullmatch(name)]
        if ROOT_PACKAGE not in wanted:
            raise self._refused(
                f"the package {ROOT_PACKAGE} of Debian 13 ({SUITE}) could not be had from this machine's mirrors"
            )
        return [*wanted, *extra]

    def download(self, names: Sequence[str], percent: Percent) -> list[Archive]:
        """Fetch the packages, keeping what an earlier try brought whole; the largest comes first.

        Raise `EmbeddedUnavailable`.
        """
        listed = self._apt(["download", "--print-uris", *names])
        folder = self._root / "archives"
        # 'http://mirror/pool/…/libpq5_17.6-1_amd64.deb' libpq5_17.6-1_amd64.deb 231000 SHA256:0123…
        wanted = {
            folder / name: digest
            for name, digest in re.findall(
                r"^'\S+' (\S+\.deb) \d+ SHA256:([0-9a-f]{64})", listed, re.MULTILINE
            )
        }
        for path, digest in wanted.items():
            # apt takes a file of the right length for the right file, and a crash can leave one full of zeros.
            if not _whole(path, digest):
                path.unlink(missing_ok=True)
        self._apt(["download", *names], percent, cwd=folder)
        if len(wanted) < len(names) or not all(_whole(*item) for item in wanted.items()):
            raise self._refused("its packages could not be downloaded")
        return [_archive(path) for path in sorted(wanted, key=lambda path: -path.stat().st_size)]

    def _apt(self, arguments: Sequence[str], percent: Percent | None = None, cwd: Path | None = None) -> str:
        """What apt-get prints; its exit code says less than what is there afterwards, so that decides."""
        output = run_apt("-y", "-c", str(self._configuration), *arguments, percent=percent, cwd=cwd)
        # The first error is the cause: without package lists, for one, no package can be located.
        errors = re.findall(
            r"^[EW]: ((?:Failed to fetch|The repository|GPG error).+)|^E: (.+)", output, re.MULTILINE
        )
        if errors and not self._error:
            self._error = "".join(errors[0])
        return output

    def _refused(self, why: str) -> EmbeddedUnavailable:
        return EmbeddedUnavailable(why + (f" (apt-get: {self._error})" if self._error else ""))


def _supported_architecture() -> str:
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise EmbeddedUnavailable(f"it is not tried on the processor architecture {machine}")
    return _ARCHITECTURES[machine]


def _archive(path: Path) -> Archive:
    package, version, _architecture = path.name.split("_")
    return Archive(package, unquote(version), path)


def _whole(path: Path, digest: str) -> bool:
    if not path.exists():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == digest


Percent = Callable[[float], None]
"""Told 0.0 to 100.0 while apt-get fetches."""

_STATUS = re.compile(rb"dlstatus:\d+:([\d.]+):")  # dlstatus:12:34.5000:Retrieving file 12 of 39


def run_apt(*arguments: str, percent: Percent | None = None, cwd: Path | None = None) -> str:
    """Run apt-get in English and return all that it printed."""
    status_read, status_write = os.pipe()
    with os.fdopen(status_read, "rb", buffering=0) as status:
        try:
            process = subprocess.Popen(  # noqa: S603 - our own arguments, no shell
                ["apt-get", "-q", "-o", f"APT::Status-Fd={status_write}", *arguments],  # noqa: S607 - as the user has it
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[status_write],
                cwd=cwd,
                env={**os.environ, "LC_ALL": "C", "LANGUAGE": "C"},
            )
        finally:
            os.close(status_write)
        with process:
            return _follow(process, status.fileno(), percent)


def _follow(process: subprocess.Popen[bytes], status: int, percent: Percent | None) -> str:
    """Read both pipes until they close, so that neither can fill up and hold apt-get."""
    assert process.stdout is not None  # noqa: S101 - opened with stdout=PIPE
    output = bytearray()
    open_files = {process.stdout.fileno(), status}
    while open_files:
        for file in select.select(list(open_files), [], [])[0]:
            data = os.read(file, 65536)
            if not data:
                open_files.discard(file)
            elif file != status:
                output += data
            elif percent and (seen := _STATUS.findall(data)):
                percent(float(seen[-1]))
    return output.decode(errors="replace")
