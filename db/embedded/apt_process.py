"""Running apt-get and following how far it is."""

from __future__ import annotations

import os
import re
import select
import subprocess
from collections.abc import Callable
from pathlib import Path

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
