"""The TimescaleDB of a test run in a container, by testcontainers."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import psycopg

from tickdeck.db.errors import DatabaseUnavailableError

if TYPE_CHECKING:
    from testcontainers.core.container import DockerContainer

IMAGE_ENV: Final = "TICKDECK_TEST_IMAGE"
OFFICIAL_IMAGE: Final = "timescale/timescaledb:2.19.3-pg17"
_ENGINE_TIMEOUT_S: Final = 3
_PULL_TIMEOUT_S: Final = 120
_START_TIMEOUT_S: Final = 60
_PORT: Final = 5432


def image() -> str:
    """The image that is used: $TICKDECK_TEST_IMAGE, else the official one of a pinned version."""
    return os.environ.get(IMAGE_ENV) or OFFICIAL_IMAGE


def available() -> bool:
    """Whether an engine answers here and has the image, or can pull it."""
    try:
        _require_image()
    except DatabaseUnavailableError:
        return False
    return True


@contextmanager
def running() -> Iterator[tuple[str, str]]:
    """Run a container until the block ends; yields its maintenance database's address and the image's name.

    Raises `DatabaseUnavailableError` where no engine answers, or it neither has the image nor can pull it.
    """
    _require_image()
    from testcontainers.core.config import testcontainers_config
    from testcontainers.core.container import DockerContainer

    # The container is removed when the block ends; the helper that would clean up after a killed run is one
    # more image to pull, which a machine without a registry cannot.
    testcontainers_config.ryuk_disabled = True
    password = secrets.token_urlsafe(12)
    # Nothing in a test database outlives the run: no fsync.
    container = (
        DockerContainer(image())
        .with_env("POSTGRES_PASSWORD", password)
        .with_exposed_ports(_PORT)
        .with_command("postgres -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c jit=off")
    )
    with container:
        port = container.get_exposed_port(_PORT)
        # Loopback, or the host as seen from a container that these tests themselves run in.
        hosts = dict.fromkeys(("127.0.0.1", container.get_container_host_ip()))
        urls = [f"postgresql://postgres:{password}@{host}:{port}/postgres" for host in hosts]
        yield _answering(container, urls), image()


def _answering(container: DockerContainer, urls: list[str]) -> str:
    """Wait for the database to answer on its published port, and return the address where it does."""
    deadline = time.monotonic() + _START_TIMEOUT_S
    why = ""
    while time.monotonic() < deadline:
        for url in urls:
            try:
                psycopg.connect(url, connect_timeout=2).close()
            except psycopg.OperationalError as exc:
                why = str(exc)
            else:
                return url
        container.get_wrapped_container().reload()
        if container.status != "running":
            break
        time.sleep(0.1)  # nothing tells when a database inside a container is ready but asking it
    said = b"\n".join(container.get_logs()).decode(errors="replace")[-2000:]
    raise DatabaseUnavailableError(f"the container of {image()} did not start: {why}\n{said}".rstrip())


def _require_image() -> None:
    try:
        import docker
        from docker.errors import DockerException
    except ImportError as exc:
        raise DatabaseUnavailableError("testcontainers is not installed: install tickdeck[testing]") from exc
    _require_socket()
    try:
        client = docker.from_env(timeout=_ENGINE_TIMEOUT_S)
    except DockerException as exc:
        raise DatabaseUnavailableError(f"no container engine answers: {exc}") from exc
    try:
        if client.images.list(name=image()):
            return
        client.api.timeout = _PULL_TIMEOUT_S
        client.images.pull(image())
    except (DockerException, OSError) as exc:
        raise DatabaseUnavailableError(f"the container engine cannot get the image {image()}: {exc}") from exc
    finally:
        client.close()


def _require_socket() -> None:
    """See that the engine's socket answers, first: the client leaves one open where it does not."""
    host = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    if not host.startswith("unix://"):
        return
    with socket.socket(socket.AF_UNIX) as engine:
        engine.settimeout(_ENGINE_TIMEOUT_S)
        try:
            engine.connect(host.removeprefix("unix://"))
        except OSError as exc:
            raise DatabaseUnavailableError(
                f"no container engine answers at {host}: {exc.strerror or exc}"
            ) from exc
