"""The listening socket, and the server on it."""

from __future__ import annotations

import asyncio
import resource
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import structlog
import uvicorn

from tickdeck.db.errors import ConfigurationError

CERTIFICATE_CHECK_S: Final = 5.0
HANDSHAKE_S: Final = 10.0
"""How long a TLS handshake may take: of whom it is not done yet nothing else is counted."""
SPARE_FILES: Final = 512
"""What a dashboard has open besides its viewers: the database, requests, and half-open connections of one address."""

log = structlog.get_logger(__name__)


def address(sock: socket.socket, *, tls: bool = False) -> str:
    """The page's address on a bound socket."""
    host, port = sock.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"{'https' if tls else 'http'}://{shown}:{port}"


def open_socket(host: str, port: int) -> socket.socket:
    """Take the address (port 0: a free one) before anything else is started.

    Raises `ConfigurationError` where it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol's number: else asyncio leaves TCP_NODELAY off, and answers wait for acknowledgements.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(1024)  # whoever reads the address may connect at once
    except (OSError, OverflowError) as exc:
        sock.close()
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        raise ConfigurationError(f"cannot listen on {host}:{port}: {reason}; choose another port") from exc
    return sock


def raise_open_files(viewers: int) -> None:
    """Let this process have as many files open as it may, of which each viewer is one; say so where that is too few."""
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != most:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        except (OSError, ValueError):  # a container's policy, or no limit at all where the system has one
            most = soft
    if most != resource.RLIM_INFINITY and most < viewers + SPARE_FILES:
        log.warning(
            "too_few_open_files",
            allowed=most,
            needed=viewers + SPARE_FILES,
            hint="raise `ulimit -n`, or lower TICKDECK_MAX_VIEWERS",
        )


class Server(uvicorn.Server):
    """uvicorn, which stops at SIGINT or SIGTERM without raising them again at the end.

    That would end the process before the database is stopped.  `on_started` is called once it listens.
    """

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        if self.config.ssl is not None:  # uvicorn has no setting for it, and asyncio's own are 60 s
            loop.create_server = partial(loop.create_server, ssl_handshake_timeout=HANDSHAKE_S)  # type: ignore[method-assign]
        await super().startup(sockets)
        if self.started:
            self._on_started()


def _no_password() -> str:
    """A key with a password: OpenSSL would ask at the terminal for it, and everybody would wait."""
    raise OSError("the key has a password: give one without")


class Certificate:
    """The files of a certificate in a server's TLS context, read again when they change; `reload` does so at once.

    Connections that are open keep what they began with.
    """

    def __init__(self, context: ssl.SSLContext, certificate: Path, key: Path) -> None:
        self._context = context
        self._files = (certificate, key)
        self._read = self._changed_at()

    async def run(self) -> None:
        """Look every few seconds whether the files have changed, until cancelled."""
        while True:
            await asyncio.sleep(CERTIFICATE_CHECK_S)
            if self._changed_at() != self._read:
                self.reload()

    def reload(self) -> None:
        """Read the files; where they do not fit together the old ones stay, and the log says so."""
        self._read = self._changed_at()
        try:
            # First elsewhere: a key that does not fit would leave the server with half of the new pair.
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(*self._files, _no_password)
            self._context.load_cert_chain(*self._files, _no_password)
        except OSError as exc:  # ssl.SSLError too
            log.error("certificate_not_read", reason=str(exc))  # noqa: TRY400 - the reason says it all
        else:
            log.info("certificate_read", file=str(self._files[0]))

    def _changed_at(self) -> tuple[float, ...]:
        return tuple(file.stat().st_mtime if file.exists() else 0.0 for file in self._files)
