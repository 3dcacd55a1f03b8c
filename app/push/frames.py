"""Builds what is sent: snapshots, and frames of what changed since a version."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import structlog

from tickdeck.app.market.charts import Chart
from tickdeck.app.market.quotes import QuoteRow
from tickdeck.app.market.screen import Screening, parse_screen
from tickdeck.app.market.state import MarketState
from tickdeck.app.push.protocol import (
    FIELDS,
    Subscription,
    encode,
    encode_candle,
    encode_chart_head,
    encode_compared,
    encode_flow,
    encode_indicator_head,
    encode_row,
    encode_values,
    tick_values,
)
from tickdeck.db.market.indicators import IndicatorError

log = structlog.get_logger(__name__)

ROWS_AT_ONCE: Final = 500
"""Rows encoded without letting the event loop do anything else (some milliseconds)."""


MOST_SCREENS: Final = 100
"""Filters that are kept up; one that is asked for less than so many others is evaluated anew."""


class Versions(NamedTuple):
    """One version for each part that has a rate of its own: what a viewer has, or what was released to all."""

    watchlist: int
    chart: int
    tape: int
    panel: int
    status: int

    @classmethod
    def of(cls, version: int) -> Versions:
        """What somebody has who has everything up to `version`."""
        return cls(version, version, version, version, version)


NEVER: Final = Versions.of(-1)
"""What somebody has who needs a snapshot."""


class FrameBuilder:
    """Puts the parts of messages together; the same state, status and versions give the same bytes.

    `now_us` is the clock of `time` and of the latency: wall-clock for live, the replay's own for a replay.
    """

    def __init__(self, state: MarketState, now_us: Callable[[], int], status: dict[str, Any]) -> None:
        self.state = state
        self.status = status
        self.status_version = state.version
        self.panels_version = state.version
        self._panels: dict[str, tuple[int, bytes]] = {}
        self._panel_gone_version = state.version
        """When any has gone: who watches one that is not there is told so again."""
        self._now_us = now_us
        self._screenings: dict[str, Screening] = {}  # the one that was asked for last is last

    def set_status(self, status: dict[str, Any]) -> bool:
        """Take the new status; False where it is the old one."""
        if status == self.status:
            return False
        self.status = status
        self.status_version = self.state.touch()
        return True

    def set_panel(self, name: str, encoded: bytes | None) -> None:
        """Take what a panel shows now, a JSON object; None: it is gone."""
        self.panels_version = self.state.touch()
        if encoded is None:
            self._panels.pop(name, None)
            self._panel_gone_version = self.panels_version
        else:
            self._panels[name] = self.panels_version, encoded

    def newest(self) -> Versions:
        """The versions of the last change of each part."""
        state = self.state
        return Versions(
            state.quotes_version,
            state.charts_version,
            state.tapes_version,
            self.panels_version,
            self.status_version,
        )

    def build(
        self, watched: Subscription, has: Versions, released: Versions
    ) -> tuple[bytes | None, Versions]:
        """The message for who has `has` and may have what is `released`, and what they have then.

        A part is looked at where `has` is behind `released`; then all its changes up to now are in.  None where
        nothing they watch changed.
        """
        if min(has) < self.state.reset_version:
            return self._message(b"snapshot", self._whole(watched)), self.now()
        now = self.state.version
        then = Versions(*(now if had < out else had for had, out in zip(has, released, strict=True)))
        parts = self._changes(watched, has, then)
        if not parts:
            return None, then
        return self._message(b"status" if parts[0].startswith(b'"status"') else b"frame", parts), then

    async def prepare(self, watched: Subscription) -> None:
        """Encode the rows of a snapshot some at a time: all of a large watchlist would hold every frame up."""
        rows = self._changed(watched, -1)
        for first in range(0, len(rows), ROWS_AT_ONCE):
            for row in rows[first : first + ROWS_AT_ONCE]:
                encode_row(row, watched.form, -1)
            if len(rows) > ROWS_AT_ONCE:
                await asyncio.sleep(0)

    def poll(self, watched: Subscription, since: int, errors: Sequence[str]) -> bytes:
        """The message for who has everything up to version `since`; with what was wrong in the request."""
        named = [b'"errors":' + encode(errors)] if errors else []
        has = Versions.of(since)
        if since <= 0 or not self.state.reset_version <= since <= self.state.version:
            return self._message(b"snapshot", self._whole(watched) + named)
        return self._message(b"frame", self._changes(watched, has, self.now()) + named)

    def now(self) -> Versions:
        """What somebody has who has everything."""
        return Versions.of(self.state.version)

    def _changes(self, watched: Subscription, has: Versions, then: Versions) -> list[bytes]:
        """The parts in which `then` is past `has`, with all that changed after `has`."""
        parts = []
        if has.watchlist < then.watchlist and (rows := self._rows(watched, has.watchlist)):
            parts.append(b'"watchlist":{"rows":[' + b",".join(rows) + b"]}")
        if watched.screen is not None and has.watchlist < then.watchlist:
            parts += self._screen(watched.screen, has.watchlist)
        if has.chart < then.chart and (chart := self._chart(watched, has.chart)):
            parts.append(chart)
        if has.tape < then.tape and (tape := self._tape(watched, has.tape)):
            parts.append(tape)
        if has.panel < then.panel and (panel := self._panel(watched, has.panel)):
            parts.append(panel)
        if has.status < then.status and has.status < self.status_version:
            parts.append(b'"status":' + encode(self.status))
        return parts

    def _whole(self, watched: Subscription) -> list[bytes]:
        """All parts of a snapshot."""
        parts = []
        if watched.watchlist is not None:
            head = b"" if watched.form == "objects" else b'"fields":' + encode(FIELDS) + b","
            rows = self._rows(watched, -1)
            parts.append(b'"watchlist":{' + head + b'"rows":[' + b",".join(rows) + b"]}")
        if watched.screen is not None:
            parts += self._screen(watched.screen, -1)
        if chart := self._chart(watched, -1, whole=True):
            parts.append(chart)
        if tape := self._tape(watched, -1, whole=True):
            parts.append(tape)
        if panel := self._panel(watched, -1):
            parts.append(panel)
        parts.append(b'"status":' + encode(self.status))
        return parts

    def _message(self, kind: bytes, parts: list[bytes]) -> bytes:
        now_us = self._now_us()
        head = b'{"type":"%b","version":%d,"time":%d' % (kind, self.state.version, now_us // 1000)
        told = not parts or not parts[0].startswith((b'"panel"', b'"status"'))  # of the market, that is
        if kind == b"frame" and told and self.state.sent_us is not None:
            head += b',"latency_ms":' + encode(round((now_us - self.state.sent_us) / 1000, 1))
        return b",".join((head, *parts)) + b"}"

    def _rows(self, watched: Subscription, since: int) -> list[bytes]:
        return [encode_row(row, watched.form, since) for row in self._changed(watched, since)]

    def _changed(self, watched: Subscription, since: int) -> list[QuoteRow]:
        state = self.state
        if watched.watchlist is None:
            return []
        if watched.watchlist == "all":
            return state.rows() if since < 0 else state.rows_since(since)
        rows = [state.row(symbol) for symbol in watched.watchlist]
        return [row for row in rows if row is not None and row.version > since]

    def _screen(self, text: str, since: int) -> list[bytes]:
        """Which symbols pass, to who knows that up to version `since`: all of them, or those that came and went."""
        state = self.state
        screening = self._screenings.pop(text, None)
        if screening is None or screening.born < state.reset_version:
            screening = Screening(parse_screen(text), state.rows(), state.version)
        else:
            screening.update(state.rows_since(screening.version), state.version)
        self._screenings[text] = screening
        if len(self._screenings) > MOST_SCREENS:
            del self._screenings[next(iter(self._screenings))]
        if since < screening.born:
            return [b'"screen":' + encode({"all": sorted(screening.inside)})]
        came, went = screening.moved_since(since)
        return [b'"screen":' + encode({"in": came, "out": went})] if came or went else []

    def _chart(self, watched: Subscription, since: int, *, whole: bool = False) -> bytes | None:
        chart = None if watched.chart is None else self.state.charts.get(watched.chart)
        if chart is None or not chart.loaded:
            return None
        candles = [encode_candle(kept) for kept in chart.since(since)]
        indicators = self._indicators(chart, watched, since, whole=whole)
        flow = self.state.flows.get(chart.symbol) if watched.flow else None
        if flow is not None and (not flow.loaded or (flow.version <= since and not whole)):
            flow = None
        compared = self._compared(chart, watched, since)
        if not candles and not indicators and not compared and flow is None and not whole:
            return None
        parts = [b'"chart":' + encode_chart_head(chart), b'"candles":[' + b",".join(candles) + b"]"]
        if indicators:
            parts.append(b'"indicators":[' + b",".join(indicators) + b"]")
        if flow is not None:
            parts.append(b'"flow":' + encode_flow(flow, since))
        if compared:
            parts.append(b'"compare":[' + b",".join(compared) + b"]")
        return b",".join(parts) + b"}"

    def _compared(self, chart: Chart, watched: Subscription, since: int) -> list[bytes]:
        """The candles that changed of what is compared with the chart."""
        charts = [self.state.charts.get((each, chart.interval)) for each in watched.compare]
        encoded = [encode_compared(each, since) for each in charts if each is not None and each.loaded]
        return [each for each in encoded if each is not None]

    def _indicators(self, chart: Chart, watched: Subscription, since: int, *, whole: bool) -> list[bytes]:
        """Of each indicator the values that may have changed; in a snapshot all, and how it is drawn."""
        from_us = chart.first_changed(since)
        parts = []
        for each in watched.indicators:
            if from_us is None and not whole:
                continue
            part = encode_indicator_head(each) if whole else b'{"id":' + encode(str(each))
            values, failed = b"", False
            if from_us is not None and each not in chart.faults:
                try:
                    values = encode_values(chart, each, from_us)
                except IndicatorError as exc:
                    log.warning("indicator_failed", symbol=chart.symbol, reason=str(exc))
                    failed = True
            if each in chart.faults and (whole or failed):
                part += b',"fault":' + encode(chart.faults[each])
            if values or whole or failed:
                parts.append(part + b',"values":[' + values + b"]}")
        return parts

    def _panel(self, watched: Subscription, since: int) -> bytes | None:
        if watched.panel is None:
            return None
        version, encoded = self._panels.get(watched.panel, (self._panel_gone_version, b""))
        if version <= since:
            return None
        return b'"panel":' + (encoded or encode({"name": watched.panel, "state": "absent"}))

    def _tape(self, watched: Subscription, since: int, *, whole: bool = False) -> bytes | None:
        tape = None if watched.tape is None else self.state.tapes.get(watched.tape)
        if tape is None or not tape.loaded:
            return None
        ticks = [tick_values(tick) for tick in tape.since(since)]
        if not ticks and not whole:
            return None
        return b'"tape":' + encode({"symbol": tape.symbol, "ticks": ticks})
