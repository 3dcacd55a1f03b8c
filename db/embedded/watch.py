"""Has a server that ends unasked started again, by a thread of whoever uses it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from tickdeck.db.embedded.errors import EmbeddedUnavailable

LOOK_S: Final = 0.5
LONGEST_PAUSE_S: Final = 5.0
WELL_AFTER_S: Final = 5.0
"""A server that ran for so long has got over what ended it before: in a crash loop it ends as soon as it is up."""


class Watch:
    """Looks twice a second, until `stop`, whether `is_missing`; then calls `start_again`.

    `start_again` raises `EmbeddedUnavailable` where that fails: it is tried again, with pauses that double up to
    `LONGEST_PAUSE_S`, and so is a server that ends again at once.  The log has a line when it ends, with what
    `why_ended` says, one for each new reason why it does not start, and one when it is back.
    """

    def __init__(
        self, *, is_missing: Callable[[], bool], why_ended: Callable[[], str], start_again: Callable[[], None]
    ) -> None:
        self._is_missing = is_missing
        self._why_ended = why_ended
        self._start_again = start_again
        self._log = logging.getLogger(__name__)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="embedded database", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Return once nothing is started any more."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        pause_s = 0.0
        began = time.monotonic()
        while not self._stopped.wait(LOOK_S):
            if not self._is_missing():
                continue
            self._log.warning("the embedded database has ended and is started again: %s", self._why_ended())
            pause_s = 0.0 if time.monotonic() - began > WELL_AFTER_S else pause_s
            pause_s = self._until_started(pause_s)
            began = time.monotonic()

    def _until_started(self, pause_s: float) -> float:
        """Try until it runs or `stop` is called; returns the pause before another try, in seconds."""
        said = ""
        while not self._stopped.wait(pause_s):
            pause_s = min(max(2 * pause_s, LOOK_S), LONGEST_PAUSE_S)
            try:
                if self._is_missing():
                    self._start_again()
            except EmbeddedUnavailable as exc:
                if exc.why != said:
                    self._log.warning("the embedded database does not start, it is tried again: %s", exc.why)
                    said = exc.why
            else:
                self._log.warning("the embedded database is up again")
                break
        return pause_s
