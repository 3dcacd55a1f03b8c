"""A NATS server of the tests' own, on loopback with a store of its own: the machine's, else Debian's, installed or unpacked."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final, Self

from tests.ports import free_port

INSTALL_S: Final = 240
ANSWERS_S: Final = 60.0
UNPACKED: Final = Path(tempfile.gettempdir()) / f"tickdeck-test-nats-{os.getuid()}"


class NoServerError(Exception):
    """There is no nats-server and none could be had; the message says what was tried."""


def find_server() -> str:
    """Path of a nats-server, installed or unpacked if need be; raises `NoServerError`."""
    if (found := _found()) is not None:
        return found
    if shutil.which("apt-get") is None:
        raise NoServerError("no nats-server: install it (Debian: apt-get install nats-server)")
    tried = []
    if os.geteuid() == 0:
        tried.append(_run(["apt-get", "update"], Path.cwd()))
        tried.append(_run(["apt-get", "install", "-y", "--no-install-recommends", "nats-server"], Path.cwd()))
    else:  # to unpack the package is enough
        with tempfile.TemporaryDirectory() as folder:
            tried.append(_run(["apt-get", "download", "nats-server"], Path(folder)))
            tried += [
                _run(["dpkg-deb", "--extract", str(package), str(UNPACKED)], Path(folder))
                for package in Path(folder).glob("*.deb")
            ]
    if (found := _found()) is None:
        raise NoServerError(
            "no nats-server (Debian: apt-get install nats-server); tried\n" + "\n".join(tried)
        )
    return found


def _found() -> str | None:
    places = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", str(UNPACKED / "usr" / "sbin")])
    return shutil.which("nats-server", path=places)


def _run(command: list[str], folder: Path) -> str:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=INSTALL_S,
            check=False,
            env=environment,
            cwd=folder,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        return f"{' '.join(command)}: {exc}"
    return f"{' '.join(command)}: exit code {done.returncode} {done.stderr.strip()[-300:]}"


class NatsServer:
    """A server that may be killed and started again with what it has stored; a context manager."""

    def __init__(self, folder: Path, **authorization: str) -> None:
        """`authorization`: `user` and `password`, or `token`."""
        self.port = free_port()
        self._folder = folder
        self._authorization = authorization
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Have it run, and answer."""
        self._folder.mkdir(exist_ok=True)
        config = self._folder / "nats.conf"
        said: dict[str, object] = {
            "listen": f"127.0.0.1:{self.port}",
            "jetstream": {"store_dir": str(self._folder / "store")},
        }
        if self._authorization:
            said["authorization"] = self._authorization
        config.write_text(json.dumps(said), encoding="utf-8")
        with (self._folder / "nats.log").open("ab") as out:
            self._process = subprocess.Popen(
                [find_server(), "--config", str(config)], stdout=out, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + ANSWERS_S
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "nats.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def kill(self) -> None:
        """As a crash does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.kill()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as tried:
                return tried.recv(4) == b"INFO"
        except OSError:
            return False
