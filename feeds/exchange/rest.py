"""An exchange's REST interface: paced, patient with its limits, and exact about numbers."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from decimal import Decimal
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Final, Self

import httpx2
import structlog

from tickdeck.db.backoff import Backoff

TIMEOUT_S: Final = 10.0
TRIES: Final = 6
LONGEST_WAIT_S: Final = 600.0
"""What an exchange may ask us to wait; more is taken for this."""
_BUSY: Final = frozenset({418, 429})
"""Too many requests; 418 is Binance's for those who did not listen to 429."""

log = structlog.get_logger(__name__)


class RestRefusedError(Exception):
    """The exchange will not answer this, now or later: an unknown symbol, a key without the right."""


class RestAwayError(Exception):
    """The exchange did not answer in several tries."""


class Rest:
    """`async with Rest(…)`: GET requests below `base`, at most `per_second` of them.

    `headers` may hold a key: they are in no message.
    """

    def __init__(self, base: str, *, per_second: float, headers: Mapping[str, str] | None = None) -> None:
        self.requests = 0
        self._base = base.rstrip("/")
        self._pause_s = 1.0 / per_second
        self._free_at = 0.0
        self._turn = asyncio.Lock()
        self._client = httpx2.AsyncClient(timeout=TIMEOUT_S, headers=headers)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def get(self, path: str, parameters: Mapping[str, str | int] | None = None) -> Any:
        """The JSON of the answer; numbers with a point are `Decimal`s, with the digits that were sent.

        Waits for its turn, and as long as the exchange asks to.  Raises `RestRefusedError` and `RestAwayError`.
        """
        backoff = Backoff(first_s=0.25, longest_s=30.0)
        why = ""
        while backoff.failures < TRIES:
            await self._wait_for_turn()
            try:
                answer = await self._client.get(self._base + path, params=parameters)
            except httpx2.TransportError as exc:
                why = f"{type(exc).__name__}: {exc}" if str(exc) else type(exc).__name__
            else:
                if answer.status_code in _BUSY or answer.status_code == 503:
                    why = f"it answers {answer.status_code}"
                    self._be_free_in(asked_to_wait_s(answer.headers.get("retry-after")))
                elif answer.status_code >= 500:
                    why = f"it answers {answer.status_code}"
                elif answer.status_code >= 400:
                    raise RestRefusedError(f"{path}: {answer.status_code}, {answer.text[:200]}")
                else:
                    try:
                        return json.loads(answer.content, parse_float=Decimal)
                    except ValueError as exc:
                        why = f"its answer is no JSON: {exc}"
            log.info("exchange_rest_failed", path=path, reason=why)
            await backoff.pause()
        raise RestAwayError(f"{path}: {why}")

    async def _wait_for_turn(self) -> None:
        async with self._turn:
            await asyncio.sleep(max(0.0, self._free_at - time.monotonic()))
            self._free_at = time.monotonic() + self._pause_s
            self.requests += 1

    def _be_free_in(self, seconds: float) -> None:
        self._free_at = max(self._free_at, time.monotonic() + min(seconds, LONGEST_WAIT_S))


def asked_to_wait_s(header: str | None) -> float:
    """What `Retry-After` asks for: seconds, or a date."""
    if header is None:
        return 0.0
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return 0.0
