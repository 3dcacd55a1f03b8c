"""Panels of your own beside the screen: a function makes a Plotly figure or a table of candles, and the dashboard shows it.

    from tickdeck import panel

    @panel.show("Range", symbols=["SPY"], interval="1m", count=200)
    def range_(candles):
        return (candles.high - candles.low).to_frame("range").tail(50)

    panel.run()

The function runs here, in this script or notebook, never in the dashboard: what it does wrong is said on its panel and
logged here with its traceback, and the next candle has it called again.  Candles come from the database, as those of
`tickdeck.frames`.  docs/panels.md tells the rest.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlsplit

import orjson
import pandas as pd

from tickdeck.db import frames
from tickdeck.db.errors import ConfigurationError, TickdeckError, printable
from tickdeck.db.faults import Fault
from tickdeck.db.listener import Listener
from tickdeck.db.market.bar_types import parse_chart_interval
from tickdeck.db.market.indicators import parse_all
from tickdeck.db.market.messages import Bars, Message, Reload, Restated

URL: Final = "http://127.0.0.1:8050"
ALIVE_S: Final = 10.0
"""How often the dashboard hears that a panel's script runs, where it has nothing new."""
TIMEOUT_S: Final = 30.0
RETRY_S: Final = 2.0
"""When a dashboard that is away, or has had enough for now, is asked again."""
STOP_S: Final = 5.0
"""How long `stop` waits for a function that is running."""
MOST_OF_ERROR: Final = 300

log = logging.getLogger("tickdeck.panel")
Function = TypeVar("Function", bound=Callable[..., Any])


class DashboardError(TickdeckError):
    """The dashboard is away (`status` None), or refuses what it is asked, with an HTTP status and its reason."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


def show(
    name: str,
    *,
    symbols: Sequence[str] = (),
    interval: str = "1m",
    count: int = 200,
    indicators: Sequence[str] = (),
    every: float | None = None,
    pause: float = 1.0,
) -> Callable[[Function], Function]:
    """Have the decorated function fill the panel `name` of the dashboard, once `run` or `start` is called.

    It gets a DataFrame for each of `symbols`, in their order: the newest `count` candles of `interval`, with columns of
    `indicators`, as `frames.candles` gives them.  It is called whenever any of these has changed, `pause` seconds after the
    last call at the earliest; with `every` each so many seconds instead, also without any symbols.  What it returns is
    shown: a Plotly figure, a DataFrame, or a list of dicts with a row each; None leaves what is there.

    A function of the same name takes the place of the one before, also while it runs: evaluate a notebook's cell again.
    Raises `ConfigurationError` for what cannot be, and `MarketDataError` for an interval or indicator that is none.
    """
    if not 0 < len(name) <= 80 or not name.isprintable() or "/" in name:
        raise ConfigurationError(f"{name!r} is no name of a panel: 1 to 80 characters, no slash")
    if isinstance(symbols, str):
        raise ConfigurationError(f"symbols is a list, such as [{symbols!r}]")
    if not symbols and every is None:
        raise ConfigurationError("say which symbols the panel is about, or every how many seconds it is made")
    if not pause > 0 or not (every is None or every > 0) or not count > 0:
        raise ConfigurationError("every, pause and count are above 0")
    parse_chart_interval(interval)
    parse_all(indicators)

    def decorate(function: Function) -> Function:
        _desk.add(_Panel(name, function, tuple(symbols), interval, count, tuple(indicators), every, pause))
        return function

    return decorate


def start(url: str | None = None, token: str | None = None) -> None:
    """Fill the panels from now on, in the background: for notebooks.

    `url` is the dashboard's (else TICKDECK_DASHBOARD, else the one on this machine), `token` an API token of the scope
    `panels` (else TICKDECK_TOKEN), which a dashboard with users wants.  Raises `ConfigurationError` for an address that
    is none.
    """
    _desk.start(
        _Dashboard(
            url or os.environ.get("TICKDECK_DASHBOARD") or URL, token or os.environ.get("TICKDECK_TOKEN")
        )
    )


def stop() -> None:
    """Fill them no more, and take them off the dashboard."""
    _desk.stop()


def run(url: str | None = None, token: str | None = None) -> None:
    """Fill the panels until Ctrl-C or SIGTERM, then take them off the dashboard; as `start` otherwise."""
    ended = threading.Event()
    with _ending(ended):
        start(url, token)
        try:
            while not ended.wait(1.0):  # an endless wait would not hear of signals on every system
                pass
        except KeyboardInterrupt:
            pass
        finally:
            stop()


@contextmanager
def _ending(ended: threading.Event) -> Iterator[None]:
    """Have SIGTERM set the event until the block ends; as it was where this is no main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: ended.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@dataclass(eq=False)
class _Panel:
    """A function and when it is called; `due` is set where there is something new for it."""

    name: str
    function: Callable[..., Any]
    symbols: tuple[str, ...]
    interval: str
    count: int
    indicators: tuple[str, ...]
    every: float | None
    pause: float
    due: threading.Event = field(default_factory=threading.Event)
    stopping: threading.Event = field(default_factory=threading.Event)
    logged: str = ""
    """What went wrong with the last call, where anything did."""

    @property
    def listens(self) -> bool:
        return self.every is None

    def concerns(self, symbols: set[str]) -> bool:
        """Whether candles of these are among its own, or in a formula of its own."""
        return any(changed in own for own in self.symbols for changed in symbols)

    def stop(self) -> None:
        self.stopping.set()
        self.due.set()

    def result(self) -> dict[str, Any] | None:
        """What the dashboard is to be told now; None: nothing."""
        try:
            tables = [
                frames.candles(symbol, self.interval, indicators=self.indicators, last=self.count)
                for symbol in self.symbols
            ]
            return _content(self.function(*tables))
        except Exception as exc:  # noqa: BLE001 - whatever a function of the user may raise
            own = isinstance(exc, TickdeckError)  # it says what to do: a traceback would tell nobody more
            why = str(exc) if own else f"{type(exc).__name__}: {exc}"
            return self.failed(why, None if own else exc)

    def failed(self, why: str, exc: Exception | None = None) -> dict[str, Any]:
        """What the dashboard is to be told then; the log hears of it where it is another reason than the last time."""
        if why != self.logged:
            self.logged = why
            log.warning("the panel %r has failed: %s", self.name, why, exc_info=exc)
        return {"error": _line(why)}


def _content(made: object) -> dict[str, Any] | None:
    """What a function returned, as the dashboard takes it; raise `TypeError` where it shows no such thing."""
    if made is None:
        return None
    if isinstance(made, pd.DataFrame):
        return {"rows": _rows(made)}
    if isinstance(made, list) and all(isinstance(row, Mapping) for row in made):
        return {"rows": made}
    to_json = getattr(made, "to_json", None)
    if to_json is not None and hasattr(made, "to_plotly_json"):
        figure = orjson.loads(to_json())
        figure.get("layout", {}).pop("template", None)  # thousands of bytes; the page has its own look
        return {"figure": figure}
    raise TypeError(
        f"a panel shows a Plotly figure, a DataFrame or a list of dicts, not {type(made).__name__}"
    )


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table, with its index where that has a name; what is missing is None."""
    if any(name is not None for name in table.index.names):
        table = table.reset_index()
    columns: list[Any] = table.columns.to_list()
    names = [" ".join(map(str, each)) if isinstance(each, tuple) else str(each) for each in columns]
    rows = table.astype(object).where(table.notna(), None).to_numpy()
    return [dict(zip(names, row, strict=True)) for row in rows.tolist()]


def _line(text: str) -> str:
    """One line that fits on a panel."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= MOST_OF_ERROR else f"{line[: MOST_OF_ERROR - 1]}…"


class _Dashboard:
    """The dashboard's REST interface; every method raises `DashboardError`."""

    def __init__(self, url: str, token: str | None) -> None:
        if urlsplit(url).scheme not in {"http", "https"}:
            raise ConfigurationError(f"{url!r} is no dashboard's address, such as {URL}")
        self.url = url.rstrip("/")
        self._headers = {} if token is None else {"authorization": f"Bearer {token}"}

    def put(self, name: str, content: dict[str, Any]) -> None:
        option = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
        try:
            body = orjson.dumps(content, default=str, option=option)
        except orjson.JSONEncodeError as exc:
            raise DashboardError(f"what the function returned is no JSON: {exc}", 422) from exc
        self._ask("PUT", name, body)

    def alive(self, name: str) -> None:
        self._ask("POST", name, b"", "/alive")

    def remove(self, name: str) -> None:
        self._ask("DELETE", name)

    def _ask(self, method: str, name: str, body: bytes | None = None, what: str = "") -> None:
        request = urllib.request.Request(  # noqa: S310 - its scheme was looked at
            f"{self.url}/api/panels/{quote(name, safe='')}{what}",
            data=body,
            method=method,
            headers=self._headers | {"content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S):  # noqa: S310 - as above
                return
        except urllib.error.HTTPError as exc:
            with exc:
                raise DashboardError(_reason(exc.read()) or f"HTTP {exc.code}", exc.code) from exc
        except OSError as exc:
            raise DashboardError(
                f"no dashboard answers at {self.url}: {getattr(exc, 'reason', exc)}"
            ) from exc


def _reason(body: bytes) -> str:
    with suppress(ValueError, TypeError, KeyError):
        return str(orjson.loads(body)["detail"])
    return ""


class _Ear:
    """Calls `changed` from a thread of its own with the symbols whose candles are others now; None: perhaps all."""

    def __init__(self, changed: Callable[[set[str] | None], None]) -> None:
        self._changed = changed
        self._url = frames.database_url()
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="tickdeck-panel ear", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(STOP_S)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._listen())

    async def _listen(self) -> None:
        listener = Listener(
            self._url, on_message=self._hear, on_connected=self._connected, on_lost=lambda _: None
        )
        listening = asyncio.create_task(listener.run())
        await self._over.wait()
        listening.cancel()
        await asyncio.wait({listening})

    async def _connected(self) -> None:
        self._changed(None)

    def _hear(self, message: Message) -> None:
        if isinstance(message, Bars):
            self._changed({bar.symbol for bar in message.bars})
        elif isinstance(message, Restated):
            self._changed(set(message.symbols))
        elif isinstance(message, Reload):
            self._changed(None)


class _Desk:
    """The panels of this process, each filled by a thread of its own while it is started."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._panels: dict[str, _Panel] = {}
        self._threads: list[threading.Thread] = []
        self._dashboard: _Dashboard | None = None
        self._ear: _Ear | None = None

    def add(self, panel: _Panel) -> None:
        with self._lock:
            if self._dashboard is not None:
                self._listen([panel])
            if (before := self._panels.get(panel.name)) is not None:
                before.stop()
            self._panels[panel.name] = panel
            if self._dashboard is not None:
                self._fill(panel, self._dashboard)

    def start(self, dashboard: _Dashboard) -> None:
        with self._lock:
            if self._dashboard is not None:
                raise ConfigurationError("the panels are being filled already: `stop` comes first")
            panels = list(self._panels.values())
            self._listen(panels)
            self._dashboard = dashboard
            atexit.register(self.stop)
            for panel in panels:
                self._fill(panel, dashboard)

    def stop(self) -> None:
        with self._lock:
            dashboard, self._dashboard = self._dashboard, None
            if dashboard is None:
                return
            atexit.unregister(self.stop)
            ear, self._ear = self._ear, None
            threads, self._threads = self._threads, []
            panels = list(self._panels.values())
        for panel in panels:
            panel.stop()
        if ear is not None:
            ear.stop()
        for thread in threads:
            thread.join(STOP_S)
        for panel in panels:
            with suppress(DashboardError):  # it is away, or has never had this panel
                dashboard.remove(panel.name)

    def _listen(self, panels: Iterable[_Panel]) -> None:
        if self._ear is None and any(panel.listens for panel in panels):
            self._ear = _Ear(self._changed)

    def _changed(self, symbols: set[str] | None) -> None:
        with self._lock:
            panels = list(self._panels.values())
        for panel in panels:
            if panel.listens and (symbols is None or panel.concerns(symbols)):
                panel.due.set()

    def _fill(self, panel: _Panel, dashboard: _Dashboard) -> None:
        panel.stopping = threading.Event()
        panel.due.set()
        thread = threading.Thread(
            target=_fill,
            args=(panel, dashboard, panel.stopping),
            name=f"tickdeck-panel {panel.name}",
            daemon=True,
        )
        self._threads.append(thread)
        thread.start()


def _fill(panel: _Panel, dashboard: _Dashboard, stopping: threading.Event) -> None:
    """Call the panel's function whenever it is due, and tell the dashboard, until it is to stop."""
    away = Fault("dashboard_away", "dashboard_back")
    content: dict[str, Any] | None = None
    told = True
    earliest = 0.0
    while not stopping.is_set():
        now = time.monotonic()
        if panel.due.is_set() and now >= earliest:
            earliest = now + (panel.every or panel.pause)
            panel.due.clear()
            made = panel.result()
            if panel.every is not None:
                panel.due.set()
            if made is not None:
                content, told = made, False
        if stopping.is_set():
            return
        wait_s = ALIVE_S
        if content is not None:
            try:
                _tell(panel, dashboard, content, again=told)
                told = True
                away.over()
            except DashboardError as exc:
                away.failed(str(exc), panel=panel.name)
                wait_s = RETRY_S
        left = earliest - time.monotonic()
        if left > 0:
            stopping.wait(min(left, wait_s))
        else:
            panel.due.wait(wait_s)


def _tell(panel: _Panel, dashboard: _Dashboard, content: dict[str, Any], *, again: bool) -> None:
    """Have the dashboard show this; where it was told `again`, it need only hear that nothing is new."""
    try:
        if again:
            dashboard.alive(panel.name)
            return
    except DashboardError as exc:
        if exc.status != 404:  # it has started anew, and knows nothing of this panel
            raise
    try:
        dashboard.put(panel.name, content)
    except DashboardError as exc:
        if exc.status not in {413, 422}:
            raise
        dashboard.put(panel.name, panel.failed(str(exc)))
        return
    if "error" not in content:
        panel.logged = ""


_desk = _Desk()
