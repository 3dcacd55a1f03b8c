"""What bars the embedded database's start is one clear sentence with a way out."""

from __future__ import annotations

import subprocess
import sys
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
@pytest.mark.fault(
    "a damaged data folder, a full disk, a folder that cannot be written", "one sentence with a way out"
)
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


@pytest.mark.fault("a damaged data folder, a full disk, a folder that cannot be written")
def test_a_full_disk_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    with mounted(folder, "size=12m,mode=755"), pytest.raises(EmbeddedUnavailable) as refused:
        EmbeddedServer(folder, durable=False).up()
    assert "No space left on device" in refused.value.why
    assert "is full: make room on it" in refused.value.why


@pytest.mark.fault("a damaged data folder, a full disk, a folder that cannot be written")
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


@pytest.mark.fault(
    "`/dev/shm` is too small, as in containers", "nothing: the embedded database shares no memory there"
)
def test_a_shared_memory_that_is_too_small_is_no_hindrance(tmp_path: Path) -> None:
    """As /dev/shm of a container is: nothing of the server is there, workers of one query share memory elsewhere."""
    alone = ["unshare", "--mount", "--propagation", "private"]
    if subprocess.run([*alone, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    small = 'mount -t tmpfs -o size=4k tmpfs /dev/shm && exec "$@"'
    done = subprocess.run(
        [*alone, "sh", "-c", small, "sh", sys.executable, "-c", PARALLEL, tmp_path],
        check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "True 200000\n"


PARALLEL = """
import os, sys
from pathlib import Path
import psycopg
from tickdeck.db.embedded import EmbeddedServer
with EmbeddedServer(Path(sys.argv[1]), durable=False) as url, psycopg.connect(url) as connection:
    assert os.statvfs("/dev/shm").f_blocks == 1
    connection.execute("create table big as select n from generate_series(1, 200000) n")
    connection.execute("set min_parallel_table_scan_size = 0; set parallel_setup_cost = 0; set parallel_tuple_cost = 0")
    query = "select count(*), sum(n) from big"
    plan = str(connection.execute("explain (analyze, format json) " + query).fetchone())
    print("'Workers Launched': 0" not in plan and "Workers Launched" in plan, connection.execute(query).fetchone()[0])
"""
