"""What bars the embedded database's start is one clear sentence with a way out."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.running import Running
from tickdeck.db.embedded import EmbeddedServer, EmbeddedUnavailable


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A file system in memory, where whoever runs the tests may mount one."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=False, capture_output=True
    )
    if done.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def cut_control_file(data: Path) -> None:
    (data / "global/pg_control").write_bytes(b"")


def lose_catalog(data: Path) -> None:
    (data / "global/pg_filenode.map").write_bytes(b"x" * 512)


@pytest.mark.parametrize("damage", [cut_control_file, lose_catalog])
def test_a_damaged_data_folder_is_said_with_what_to_do(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    server = EmbeddedServer(tmp_path, durable=False)
    try:
        server.up()
        server.down()
        damage(tmp_path / "postgresql-17")
        with pytest.raises(EmbeddedUnavailable) as refused:
            server.up()
        assert (
            f"{tmp_path / 'postgresql-17'} is damaged: put a copy of it back, or move it away"
            in refused.value.why
        )
        assert "FATAL" in refused.value.why or "PANIC" in refused.value.why
    finally:
        server.down()


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    with mounted(folder, "size=12m,mode=755"), pytest.raises(EmbeddedUnavailable) as refused:
        EmbeddedServer(folder, durable=False).up()
    assert "No space left on device" in refused.value.why
    assert "is full: make room on it" in refused.value.why


def test_a_read_only_folder_is_said_by_run(tmp_path: Path) -> None:
    folder = tmp_path / "read-only"
    with (
        mounted(folder, "ro,size=1m"),
        Running(tmp_path, "run", "--port", "0", TICKDECK_DATA_DIR=str(folder)) as run,
    ):
        assert run.wait() == 1
        run.stop()
    assert f"the data folder {folder} cannot be written: Read-only file system; name another one" in run.said
    assert "Traceback" not in run.said
