"""What goes wrong again and again, said once: a line with the cause when it begins, one when it is over."""

from __future__ import annotations

import time
from typing import Final

import structlog

SAY_OTHER_AFTER_S: Final = 60.0
"""Another reason is said after so long: a server that restarts gives several within a second."""

log = structlog.get_logger(__name__)


class Fault:
    """Something that is tried for ever: `failed` at each failure, `over` whenever it worked.

    The log has the event `begins`, with the reason, once it has failed for `after_s` (0: at the first failure), and the
    event `ends` when it works again.  `after_s` is for what fails with something that says so itself.
    """

    def __init__(self, begins: str, ends: str, *, after_s: float = 0.0) -> None:
        self._begins = begins
        self._ends = ends
        self._after_s = after_s
        self._since: float | None = None
        self._said: str | None = None
        self._said_at = 0.0

    @property
    def lasts(self) -> bool:
        """Whether the last try failed."""
        return self._since is not None

    def failed(self, reason: str, **facts: object) -> None:
        """It did not work."""
        now = time.monotonic()
        if self._since is None:
            self._since = now
        other = reason != self._said and now - self._said_at >= SAY_OTHER_AFTER_S
        if now - self._since >= self._after_s and (self._said is None or other):
            self._said, self._said_at = reason, now
            log.warning(self._begins, reason=reason, **facts)

    def over(self) -> None:
        """It worked."""
        if self._said is not None and self._since is not None:
            log.warning(self._ends, after_s=round(time.monotonic() - self._since, 1))
        self._since = self._said = None
