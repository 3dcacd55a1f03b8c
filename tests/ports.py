"""Ports that a test picks before somebody else listens on them."""

from __future__ import annotations

import os
import socket
from itertools import cycle
from typing import Final

_FIRST: Final = 10_000
"""Below those that the system gives to whoever asks for any, connections too: one that is given up for a while stays free."""
_EACH: Final = 100
_ports = cycle(range(_EACH))


def free_port() -> int:
    """One that nobody listens on, and that no other process of tests picks."""
    first = _FIRST + os.getpid() % 220 * _EACH
    while True:
        port = first + next(_ports)
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
