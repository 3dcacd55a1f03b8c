"""The socket on which a server listens."""

from __future__ import annotations

import socket

from db.errors import ConfigurationError


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
