"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from tickdeck.db.revisions import looking_over, server_facts


def machine(url: str | None = None) -> dict[str, Any]:
    """Processor, cores, system, Python and, with `url`, the versions of that database server."""
    facts: dict[str, Any] = {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
    if url is not None:
        with looking_over(url) as connection:
            server = server_facts(connection)
        facts |= {
            "postgresql": server.postgresql,
            "timescaledb": server.timescaledb,
            "edition": server.edition,
        }
    return facts


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
