"""Getting the embedded TimescaleDB: real packages, cut downloads, and machines where it cannot work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.db.embedded.embedding import UP, scalar, wait_for
from tickdeck.db.embedded import EmbeddedServer, EmbeddedUnavailable


@pytest.fixture
def no_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which nothing was ever downloaded; the folder for programs."""
    monkeypatch.setattr("tickdeck.db.embedded.paths._ROOT_CACHE", tmp_path / "machine")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    return tmp_path / "cache"


@pytest.mark.timeout(240)  # fetches 50 MB from the machine's mirrors
def test_an_interrupted_download_heals(no_programs: Path) -> None:
    with TemporaryDirectory() as folder:  # not tmp_path: as root the server's account must get in
        Path(folder).chmod(0o711)
        data = Path(folder) / "data"
        cache = Path(folder) / "cache"
        archives = cache / "download/archives"
        code = UP.replace(
            "print", "import tickdeck.db.embedded.paths as p; p._ROOT_CACHE = p.Path(sys.argv[3]); print"
        )
        first = subprocess.Popen(
            [sys.executable, "-c", code, str(data), str(cache), str(no_programs)], start_new_session=True
        )
        wait_for(lambda: list(archives.glob("*.deb")) or first.poll() is not None)
        assert first.poll() is None, "the installation ended before it could be killed"
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
        fetched = sorted(archives.glob("*.deb"))
        assert fetched
        fetched[0].write_bytes(bytes(fetched[0].stat().st_size))  # as after a power failure
        os.truncate(fetched[-1], fetched[-1].stat().st_size // 2)

        seen: list[float] = []
        server = EmbeddedServer(
            data, cache_dir=cache, durable=False, progress=lambda _text, share: seen.append(share or 0.0)
        )
        with server as url:
            assert scalar(url, "SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'") == 1
        assert 1.0 in seen
        assert len(set(seen)) > 5, "no progress was shown"
        assert {path.name for path in cache.iterdir()} == {
            "install.lock",
            Path(server.psql_command()[0]).parents[5].name,
        }
        foreign = outside_libraries(Path(server.psql_command()[0]))
        assert not foreign, "a library of the machine is mixed with the prefix's C library"


def outside_libraries(psql: Path) -> list[str]:
    """The libraries that a program or a module of the prefix would take from elsewhere, or misses."""
    version = psql.parents[1]
    loader = next(version.parents[1].glob("*/ld-linux-*.so.*"))
    found = []
    for file in [*version.glob("libexec/*"), *version.glob("lib/*.so")]:
        listed = subprocess.run(
            [loader, "--inhibit-cache", "--library-path", loader.parent, "--list", file],
            capture_output=True,
            text=True,
            check=False,
        )
        found += [
            f"{file.name}: {line.strip()}"
            for line in (listed.stdout + listed.stderr).splitlines()
            if str(loader.parent) not in line and "linux-vdso" not in line and "statically" not in line
        ]
    return found


@pytest.mark.parametrize(
    ("patch", "value", "said"),
    [
        ("shutil.which", lambda _tool: None, "this Linux has no apt-get"),
        ("platform.system", lambda: "Darwin", "do not run on macOS"),
        ("platform.system", lambda: "Windows", "do not run on Windows"),
        ("platform.machine", lambda: "riscv64", "processor architecture riscv64"),
        ("tickdeck.db.embedded.install._NEEDED_BYTES", 2**60, "MB free"),
    ],
)
def test_why_it_cannot_work_is_said(
    tmp_path: Path, no_programs: Path, monkeypatch: pytest.MonkeyPatch, patch: str, value: object, said: str
) -> None:
    monkeypatch.setattr(patch, value)
    with pytest.raises(EmbeddedUnavailable, match=said) as caught:
        EmbeddedServer(tmp_path / "data", cache_dir=no_programs).up()
    assert "`docker compose up`" in str(caught.value)
    assert "DATABASE_URL" in str(caught.value)
    with pytest.raises(EmbeddedUnavailable, match="not installed"):
        EmbeddedServer(tmp_path / "data", cache_dir=no_programs).psql_command()
