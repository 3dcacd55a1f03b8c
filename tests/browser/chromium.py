"""A browser to test with: the machine's, else one that is installed: Debian's package, or Playwright's own download."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import BrowserContext, Playwright

NAMES: Final = (
    "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
)  # fmt: skip
"""The first draws the same without a window's machinery, and takes some 15 % less of the processor."""
PACKAGES: Final = ("chromium-headless-shell", "chromium")
DOWNLOAD_TIMEOUT_S: Final = 100
INSTALL_TIMEOUT_S: Final = 300
FLAGS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # All pages of one site in one process, which keeps what it has compiled: a process of its own for each page would
    # compile as much again, a quarter of what a page costs.
    "--process-per-site",
    "--js-flags=--no-flush-bytecode",
]


class NoBrowserError(Exception):
    """There is no browser and none could be installed; the message says what was tried."""


def profile(playwright: Playwright, folder: Path, **options: Any) -> BrowserContext:
    """A browser with its profile in `folder`: what it has compiled it keeps there, for the next page of an address.

    `options` are those of Playwright's contexts.  Raises `NoBrowserError`.
    """
    path = find_browser(playwright.chromium.executable_path)
    context = playwright.chromium.launch_persistent_context(
        folder, executable_path=path, args=FLAGS, **options
    )
    # The site of all dashboards, whatever their ports: its process lives as long as any page of it does.
    kept = context.new_page()
    kept.route("**/*", lambda route: route.fulfill(body=""))
    kept.goto("http://127.0.0.1/")
    return context


def find_browser(bundled: str) -> str:
    """Path of a Chromium, installed if need be; `bundled` is where Playwright keeps its own.

    Raises `NoBrowserError`.
    """
    found = _on_path() or _existing(bundled)
    if found is not None:
        return found
    tried = []
    if os.geteuid() == 0 and shutil.which("apt-get"):
        tried.append(_run(["apt-get", "update"], INSTALL_TIMEOUT_S))
        for package in PACKAGES:
            install = ["apt-get", "install", "-y", "--no-install-recommends", package, "fonts-dejavu-core"]
            tried.append(_run(install, INSTALL_TIMEOUT_S))
            if found := _on_path():
                return found
    tried.append(_run([sys.executable, "-m", "playwright", "install", "chromium"], DOWNLOAD_TIMEOUT_S))
    found = _existing(bundled)
    if found is None:
        raise NoBrowserError(
            "no browser: install chromium (apt-get install chromium) or run `playwright install chromium`; tried\n"
            + "\n".join(tried)
        )
    return found


def _on_path() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def _existing(path: str) -> str | None:
    return path if Path(path).is_file() else None


def _run(command: list[str], timeout_s: float) -> str:
    """What came of `command`, for people."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout_s, check=False, env=environment
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        return f"{' '.join(command)}: {exc}"
    return f"{' '.join(command)}: exit code {done.returncode} {done.stderr.strip()[-500:]}"
