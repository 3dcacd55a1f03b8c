"""The pytest plugin: fixtures `timescale`, `tickdeck_db`, `tick_factory` and `live_server`.

Found by pytest through the entry point `tickdeck`.  Costs nothing in a run that uses none of the fixtures:
everything heavy is imported, and the server started, when the first of them is asked for.  Under pytest-xdist one
server is started before the workers, and all of them make their databases on it.  Where no server can be had, a run
with a test that needs one stops before its first test and says why, once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from tickdeck.testing.dashboard import LiveServer
    from tickdeck.testing.databases import Databases
    from tickdeck.testing.servers import TimescaleServer
    from tickdeck.testing.ticks import TickFactory

_SERVER: Final = pytest.StashKey["_Server | _SharedServer"]()
_WORKER_INPUT: Final = "tickdeck_server"


class _Server:
    """The run's server, started once, when first needed; a failure is kept and raised each time."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._server: TimescaleServer | None = None
        self._error: Exception | None = None

    def get(self) -> TimescaleServer:
        from tickdeck.db.errors import TickdeckError
        from tickdeck.testing.servers import running

        if self._error is not None:
            raise self._error
        if self._server is None:
            try:
                self._server = self._stack.enter_context(running())
            except TickdeckError as exc:
                self._error = exc
                raise
        return self._server

    def close(self) -> None:
        self._stack.close()


class _SharedServer:
    """The run's server as a worker of pytest-xdist has it: it is not its own to start or to end."""

    def __init__(self, facts_or_error: dict[str, Any] | str) -> None:
        self._facts_or_error = facts_or_error

    def get(self) -> TimescaleServer:
        from tickdeck.db.errors import DatabaseUnavailableError
        from tickdeck.testing.servers import TimescaleServer

        if isinstance(self._facts_or_error, str):
            raise DatabaseUnavailableError(self._facts_or_error)
        return TimescaleServer(**self._facts_or_error)

    def close(self) -> None:
        pass


def pytest_configure(config: pytest.Config) -> None:
    shared = getattr(config, "workerinput", {}).get(_WORKER_INPUT)
    config.stash[_SERVER] = _Server() if shared is None else _SharedServer(shared)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist, before it starts, where the run's server is or why there is none."""
    from tickdeck.db.errors import TickdeckError

    try:
        node.workerinput[_WORKER_INPUT] = asdict(node.config.stash[_SERVER].get())
    except TickdeckError as exc:
        node.workerinput[_WORKER_INPUT] = str(exc)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Start the server before the workers, and say which it is: they cannot print."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        for line in _server_line(config):
            reporter.write_line(line)


def pytest_unconfigure(config: pytest.Config) -> None:
    if _SERVER in config.stash:
        config.stash[_SERVER].close()


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """Start the server if any test wants one, and say which it is."""
    return _server_line(config) if _wanted(config, items) else []


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Stop the run where a test wants the server and there is none: one message, not one a test."""
    if _wanted(session.config, session.items):
        _server_or_exit(session)


def _wanted(config: pytest.Config, items: list[pytest.Item]) -> bool:
    wanted = any("timescale" in getattr(item, "fixturenames", ()) for item in items)
    return wanted and not config.option.collectonly


def _server_line(config: pytest.Config) -> list[str]:
    from tickdeck.db.errors import TickdeckError

    try:
        return [f"tickdeck: tests run on {config.stash[_SERVER].get()}"]
    except TickdeckError:
        return []  # told where the run stops for it


def _server_or_exit(session: pytest.Session) -> TimescaleServer:
    from tickdeck.db.errors import TickdeckError

    try:
        return session.config.stash[_SERVER].get()
    except TickdeckError as exc:
        why = f"no database for the tests: {exc}"
    if isinstance(session.config.stash[_SERVER], _SharedServer):
        session.shouldstop = (
            why  # what pytest-xdist hears of a worker's end; it stops the others and says it once
        )
    pytest.exit(why, returncode=pytest.ExitCode.TESTS_FAILED)


@pytest.fixture(scope="session")
def timescale(request: pytest.FixtureRequest) -> TimescaleServer:
    """The TimescaleDB server of this run: address, kind, versions and edition."""
    return _server_or_exit(request.session)


@pytest.fixture(scope="session")
def _tickdeck_databases(timescale: TimescaleServer) -> Iterator[Databases]:
    from tickdeck.testing.databases import Databases

    databases = Databases(timescale)
    with databases.template():
        yield databases


@pytest.fixture
def tickdeck_db(_tickdeck_databases: Databases) -> Iterator[str]:
    """Address of a private database with Tickdeck's newest schema and nothing in it, dropped after the test."""
    with _tickdeck_databases.copy() as url:
        yield url


@pytest.fixture
def tick_factory(tickdeck_db: str) -> TickFactory:
    """Makes ticks and stores them in this test's database: `tick_factory(1000, symbols=["SPY", "AIG"])`."""
    from tickdeck.testing.ticks import TickFactory

    return TickFactory(tickdeck_db)


@pytest.fixture
def live_server(tickdeck_db: str) -> Iterator[LiveServer]:
    """A running dashboard on this test's database; `url` is the page's address, `ws_url` the push's."""
    from tickdeck.testing.dashboard import serving

    with serving(tickdeck_db) as server:
        yield server
