"""Feeds as plugins: whatever an installed package offers in the entry-point group `tickdeck.feeds`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, Protocol

from pydantic import BaseModel

from tickdeck.db.errors import ConfigurationError
from tickdeck.db.feed_gaps import FeedGap
from tickdeck.db.session import Pool
from tickdeck.feeds.base import Feed

GROUP: Final = "tickdeck.feeds"


class Published(Protocol):
    """What is known of a feed's own past where there is no database: what it has published to a bus."""

    def newest(self, symbol: str) -> tuple[int, int] | None:
        """Time (µs since the epoch) and seq of its newest tick of an instrument's symbol."""
        ...

    def gaps(self, symbol: str) -> Sequence[FeedGap]:
        """The newest gaps of that symbol that are not filled, by time."""
        ...


@dataclass(frozen=True, slots=True)
class FeedPlugin:
    """A feed that others can run: `tickdeck feed NAME SYMBOL…`.

    `options` is a pydantic model; each of its fields is an option of the command, with its type, default and
    description, and may be set as `TICKDECK_NAME_FIELD` too.  Fields of `SecretStr` are taken from there only.
    `build` makes the feed of the symbols, an `options` and a pool that acts as writer; it raises `ConfigurationError`.
    `build_apart`: the same where there is no database, for a feed that publishes to a bus; None: it cannot run there.
    """

    name: str
    summary: str
    options: type[BaseModel]
    build: Callable[[Sequence[str], Any, Pool], Feed]
    build_apart: Callable[[Sequence[str], Any, Published], Feed] | None = None


def installed() -> dict[str, EntryPoint]:
    """The plugins there are, by name, none of them imported."""
    return {each.name: each for each in sorted(entry_points(group=GROUP), key=lambda each: each.name)}


def load(name: str) -> FeedPlugin:
    """The plugin of that name; raises `ConfigurationError` where there is none, or it is none."""
    known = installed()
    if name not in known:
        raise ConfigurationError(f"feed {name!r} is unknown; there are {', '.join(known) or 'none'}")
    try:
        plugin = known[name].load()
    except Exception as exc:
        raise ConfigurationError(f"feed {name!r} ({known[name].value}) cannot be loaded: {exc}") from exc
    if not isinstance(plugin, FeedPlugin):
        raise ConfigurationError(f"feed {name!r} ({known[name].value}) is no FeedPlugin")
    return plugin
