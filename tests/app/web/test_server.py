"""What the server's process asks of the system."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from tickdeck.app.web.server import open_socket, raise_open_files
from tickdeck.db.errors import ConfigurationError


@pytest.fixture
def most() -> Iterator[int]:
    """The most files that this process may have open; it begins with half of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        pytest.skip("there is no limit here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard // 2, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_as_many_files_are_open_as_may_be(most: int) -> None:
    with capture_logs() as said:
        raise_open_files(0)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (most, most)
    assert said == []


def test_too_few_for_the_viewers_are_told(most: int) -> None:
    with capture_logs() as said:
        raise_open_files(most)
    assert [(each["event"], each["allowed"]) for each in said] == [("too_few_open_files", most)]
    assert "TICKDECK_MAX_VIEWERS" in said[0]["hint"]


@pytest.mark.fault("a port that is used", "one sentence with a way out")
def test_a_port_that_is_used_is_said_with_a_way_out() -> None:
    with open_socket("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        said = f"cannot listen on 127.0.0.1:{port}: .*; choose another port"
        with pytest.raises(ConfigurationError, match=said):
            open_socket("127.0.0.1", port)
