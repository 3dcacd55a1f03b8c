"""The pytest plugin: fixtures `timescale`, `tickdeck_db`, `tick_factory` and `live_server`.

Found by pytest through the entry point `tickdeck`.  Costs nothing in a run that uses none of the fixtures:
everything heavy is imported, and the server started, when the first of them is asked for.  Under pytest-xdist one
server is started before the workers, and all of them make their databases on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from app.testing.dashboard import LiveServer
    from app.testing.databases import Databases
    from app.testing.servers import TimescaleServer
    from app.testing.ticks import TickFactory

_SERVER: Final = pytest.StashKey["_Server | _SharedServer"]()
_WORKER_INPUT: Final = "tickdeck_server"


class _Server:
    """The run's server, started once, when first needed; a failure is kept and told to every test."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._server: TimescaleServer | None = None
        self._error: Exception | None = None

    def get(self) -> TimescaleServer:
        from app.testing.servers import running  # noqa: PLC0415
        from db.errors import TickdeckError  # noqa: PLC0415

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
    """What a worker of pytest-xdist was told of the run's server, which is not its own to end."""

    def __init__(self, told: dict[str, Any] | str) -> None:
        self._told = told

    def get(self) -> TimescaleServer:
        from app.testing.servers import TimescaleServer  # noqa: PLC0415
        from db.errors import DatabaseUnavailableError  # noqa: PLC0415

        if isinstance(self._told, str):
            raise DatabaseUnavailableError(self._told)
        return TimescaleServer(**self._told)

    def close(self) -> None:
        pass


def pytest_configure(config: pytest.Config) -> None:
    told = getattr(config, "workerinput", {}).get(_WORKER_INPUT)
    config.stash[_SERVER] = _Server() if told is None else _SharedServer(told)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist, before it starts, where the run's server is or why there is none."""
    from db.errors import TickdeckError  # noqa: PLC0415

    try:
        node.workerinput[_WORKER_INPUT] = asdict(node.config.stash[_SERVER].get())
    except TickdeckError as exc:
        node.workerinput[_WORKER_INPUT] = str(exc)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Start the server before the workers, and say which it is: they cannot print."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(_which(config))


def pytest_unconfigure(config: pytest.Config) -> None:
    if _SERVER in config.stash:
        config.stash[_SERVER].close()


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """Start the server if any test wants one, and say which it is."""
    wanted = any("timescale" in getattr(item, "fixturenames", ()) for item in items)
    if not wanted or config.option.collectonly:
        return []
    return [_which(config)]


def _which(config: pytest.Config) -> str:
    from db.errors import TickdeckError  # noqa: PLC0415

    try:
        return f"tickdeck: tests run on {config.stash[_SERVER].get()}"
    except TickdeckError as exc:
        return f"tickdeck: no database for the tests: {exc}"


@pytest.fixture(scope="session")
def timescale(pytestconfig: pytest.Config) -> TimescaleServer:
    """The TimescaleDB server of this run: address, kind, versions and edition."""
    try:
        return pytestconfig.stash[_SERVER].get()
    except Exception as exc:  # noqa: BLE001 - told without the traceback of whoever asked first
        why = str(exc)
    pytest.fail(f"no database for the tests: {why}", pytrace=False)


@pytest.fixture(scope="session")
def _tickdeck_databases(timescale: TimescaleServer) -> Iterator[Databases]:
    from app.testing.databases import Databases  # noqa: PLC0415

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
    from app.testing.ticks import TickFactory  # noqa: PLC0415

    return TickFactory(tickdeck_db)


@pytest.fixture
def live_server(tickdeck_db: str) -> Iterator[LiveServer]:
    """A running dashboard on this test's database; `url` is the page's address, `ws_url` the push's."""
    from app.testing.dashboard import serving  # noqa: PLC0415

    with serving(tickdeck_db) as server:
        yield server
