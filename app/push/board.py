"""The panels that scripts beside the dashboard fill: what each shows now, whose it is, and whether its script is heard of.

In memory only: a script puts what it has again where the dashboard has started anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from tickdeck.app.users.identity import Identity
from tickdeck.db.errors import ConflictError, TickdeckError

MOST: Final = 100
MOST_EACH: Final = 20
"""Panels of one user."""
MOST_BYTES: Final = 524_288
"""What one panel shows, as JSON."""
STALE_S: Final = 30.0
"""A script that was not heard of for so long is said to be away."""
GONE_S: Final = 3_600.0
"""What nobody fills any more is forgotten then."""

Content = Literal["figure", "rows"]
Tell = Callable[[str, bytes | None], None]
"""Takes a panel's name and what viewers are to be told of it, a JSON object; None: it is gone."""


class PanelError(TickdeckError):
    """What a panel cannot show, or one more panel than there may be."""


class NoPanelError(TickdeckError):
    """There is no panel of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no panel {name!r}")


@dataclass(slots=True)
class _Panel:
    name: str
    owner: Identity
    heard: float
    at_ms: int
    content: tuple[Content, bytes] | None = None
    error: str | None = None
    stale: bool = False

    def said(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "owner": self.owner.name,
            "state": "stale" if self.stale else "live",
            "at": self.at_ms,
            "error": self.error,
        }


class Board:
    """Panels by name.  Everybody who may look at the dashboard sees all of them; each is changed by its owner only.

    `clock` is any that only goes forward, in seconds.
    """

    def __init__(self, tell: Tell, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._tell = tell
        self._clock = clock
        self._panels: dict[str, _Panel] = {}

    def put(self, name: str, owner: Identity, kind: Content, content: object) -> None:
        """Have the panel show this, made now.

        Raises `PanelError` for what is too long or no JSON, or one panel too many, and `ConflictError` where the name
        is another's.
        """
        try:
            encoded = orjson.dumps(content)
        except (
            orjson.JSONEncodeError
        ) as exc:  # whole numbers beyond 64 bits, halves of characters, endless nesting
            raise PanelError(f"{kind}: {exc}") from exc
        if len(encoded) > MOST_BYTES:
            raise PanelError(
                f"{kind}: {len(encoded)} bytes of JSON are more than the {MOST_BYTES} that a panel shows"
            )
        panel = self._own(name, owner)
        panel.content, panel.error, panel.at_ms = (kind, encoded), None, time.time_ns() // 1_000_000
        self._show(panel)

    def fail(self, name: str, owner: Identity, why: str) -> None:
        """Have the panel say why there is nothing new; what it showed stays.  Raises as `put`."""
        panel = self._own(name, owner)
        panel.error = why
        self._show(panel)

    def alive(self, name: str, owner: Identity) -> None:
        """The script runs, and has nothing new.  Raises `NoPanelError`, and `ConflictError` as `put`."""
        panel = self._existing(name, owner)
        panel.heard = self._clock()
        if panel.stale:
            self._show(panel)

    def remove(self, name: str, owner: Identity) -> None:
        """Take the panel away; an administrator may take anybody's.  Raises `NoPanelError` and `ConflictError`."""
        if name not in self._panels or not owner.may("admin", "panels"):
            self._existing(name, owner)
        self._forget(name)

    def list(self) -> list[dict[str, Any]]:
        """What is known of each panel besides what it shows, by name."""
        return [self._panels[name].said() for name in sorted(self._panels)]

    async def sweep(self) -> None:
        """Say of which panels nothing is heard any more."""
        now = self._clock()
        for panel in list(self._panels.values()):
            if now - panel.heard > GONE_S:
                self._forget(panel.name)
            elif now - panel.heard > STALE_S and not panel.stale:
                panel.stale = True
                self._say(panel)

    def _existing(self, name: str, owner: Identity) -> _Panel:
        panel = self._panels.get(name)
        if panel is None:
            raise NoPanelError(name)
        if not owner.owns(panel.owner):
            raise ConflictError(f"the panel {name!r} is {panel.owner.name}'s: take another name")
        return panel

    def _own(self, name: str, owner: Identity) -> _Panel:
        """The owner's panel of this name, a new one where there is none."""
        if name in self._panels:
            return self._existing(name, owner)
        own = sum(owner.owns(panel.owner) for panel in self._panels.values())
        if own >= MOST_EACH or len(self._panels) >= MOST:
            raise PanelError(
                f"there are {own} panels of yours and {len(self._panels)} in all, the most there may be"
            )
        panel = self._panels[name] = _Panel(name, owner, self._clock(), time.time_ns() // 1_000_000)
        return panel

    def _show(self, panel: _Panel) -> None:
        panel.heard = self._clock()
        panel.stale = False
        self._say(panel)

    def _say(self, panel: _Panel) -> None:
        content = {} if panel.content is None else {panel.content[0]: orjson.Fragment(panel.content[1])}
        self._tell(panel.name, orjson.dumps(panel.said() | content))

    def _forget(self, name: str) -> None:
        del self._panels[name]
        self._tell(name, None)
