"""`python3 -m tickdeck.db.embedded install|up|down|status`: the embedded database before anything is installed."""

from __future__ import annotations

import argparse
import sys

from tickdeck.db.embedded.server import EmbeddedServer
from tickdeck.db.errors import TickdeckError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tickdeck.db.embedded", description=__doc__)
    parser.add_argument("command", choices=["install", "up", "down", "status"])
    command = parser.parse_args().command
    server = EmbeddedServer(progress=_Line())
    try:
        if command == "install":
            server.install()
        elif command == "up":
            _say(server.up())
        elif command == "down":
            _say("stopped" if server.down() else "was not running")
        else:
            status = server.status()
            for name in status.__slots__:
                _say(f"{name.replace('_', ' ')}: {getattr(status, name)}")
    except TickdeckError as exc:
        sys.stderr.write(f"\nerror: {exc}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted; the next start goes on from here\n")
        return 130
    return 0


class _Line:
    """Progress on the terminal's line; a line for each step where it is no terminal."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, message: str, fraction: float | None) -> None:
        if sys.stderr.isatty():
            share = "" if fraction is None else f" {fraction:4.0%}"
            sys.stderr.write(f"\r\x1b[K{message}{share}" + "\n" * (fraction == 1.0))
        elif message != self._last:
            sys.stderr.write(f"{message}\n")
        self._last = message
        sys.stderr.flush()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
