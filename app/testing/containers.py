"""The TimescaleDB of a test run in a container, by testcontainers."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from db.errors import DatabaseUnavailableError

IMAGE_ENV: Final = "TICKDECK_TEST_IMAGE"
OFFICIAL_IMAGE: Final = "timescale/timescaledb:2.19.3-pg17"
_ENGINE_TIMEOUT_S: Final = 3
_PULL_TIMEOUT_S: Final = 120


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
    from testcontainers.community.postgres import PostgresContainer  # noqa: PLC0415 - of the `testing` extra
    from testcontainers.core.config import testcontainers_config  # noqa: PLC0415

    # The container is removed when the block ends; the helper that would clean up after a killed run is one
    # more image to pull, which a machine without a registry cannot.
    testcontainers_config.ryuk_disabled = True
    container = PostgresContainer(
        image(), username="postgres", password=secrets.token_urlsafe(12), dbname="postgres", driver=None
    )
    # Nothing in a test database outlives the run: no fsync, and memory instead of a disk.
    container.with_command(
        "postgres -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c jit=off"
    )
    with container:
        yield container.get_connection_url(), image()


def _require_image() -> None:
    try:
        import docker  # noqa: PLC0415 - of the `testing` extra
        from docker.errors import DockerException  # noqa: PLC0415
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
