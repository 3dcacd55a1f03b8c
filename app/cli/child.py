"""`python -m tickdeck.app.cli.child …`: the `tickdeck` command as a child that does not outlive its parent.

With `--standby` before its arguments it loads what they need, which takes seconds, and waits for a line on its standard input:
a JSON object of environment variables, with which it begins.  Until then it is called `td-standby` (/proc/…/comm).
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
from contextlib import suppress
from importlib.metadata import entry_points
from typing import Final

from tickdeck.app.children import STANDBY
from tickdeck.app.cli.main import main

PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
PR_SET_NAME: Final = 15
WAITING_NAME: Final = b"td-standby"
NEEDED: Final = {
    "serve": (
        "tickdeck.app.cli.serve",
        "tickdeck.app.main",
        "tickdeck.app.web.server",
        "tickdeck.feeds.spill",
        "tickdeck.app.cli.playing",
    ),
    "feed": (
        "tickdeck.app.cli.feed",
        "tickdeck.feeds.live",
        "tickdeck.feeds.csv.replay",
        "tickdeck.feeds.walk.feed",
        "tickdeck.app.cli.playing",
    ),
}
"""Modules that a command imports when it runs; `tickdeck.db.revisions` is every command's."""


def end_with_parent() -> None:
    """Have the kernel send SIGTERM here when the parent dies, however it dies; Linux only."""
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before the kernel knew
        sys.exit(1)


def _prctl(what: int, value: int | bytes) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(what, value, 0, 0, 0)


def _name(name: bytes) -> None:
    if sys.platform.startswith("linux"):
        _prctl(PR_SET_NAME, name)


def wait_for_turn(arguments: list[str]) -> None:
    """Load what the command needs, and wait until it is to begin; ends this process where it never is."""
    _name(WAITING_NAME)
    for module in ("tickdeck.db.revisions", *NEEDED[arguments[0]]):
        importlib.import_module(module)
    if arguments[0] == "feed":
        for plugin in entry_points(group="tickdeck.feeds", name=arguments[1]):
            with suppress(Exception):  # one that cannot be loaded says so when it is run
                plugin.load()
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    os.environ.update(json.loads(line))
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - as other children have it
        os.dup2(nothing.fileno(), 0)
    _name(b"tickdeck")


if __name__ == "__main__":
    end_with_parent()
    if sys.argv[1:2] == [STANDBY]:
        del sys.argv[1]
        wait_for_turn(sys.argv[1:])
    main()
