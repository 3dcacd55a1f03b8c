"""How much one user, and one address, may have of the server at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_address

from tickdeck.app.config import LimitSettings
from tickdeck.app.users.identity import OWNER, Identity
from tickdeck.app.users.throttle import Throttle
from tickdeck.db.errors import TickdeckError


class LimitError(TickdeckError):
    """Somebody has, or asks for, more than one may; the message says of what.  In `wait_s` seconds he may try again."""

    def __init__(self, message: str, wait_s: float = 5.0) -> None:
        super().__init__(message)
        self.wait_s = wait_s


def place_of(address: str | None) -> str:
    """What counts as one address: of IPv6 the network of 64 bits, as whoever has one of its addresses has them all."""
    try:
        found = ip_address(address or "")
    except ValueError:
        return address or "unknown"
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or f"{IPv6Address(int(found) >> 64 << 64)}/64")
    return str(found)


class Limits:
    """Counts what users and addresses have; all its methods raise `LimitError`.

    The implicit owner of a server without users has no limits: nobody else can reach it.  The counts are this process's.
    """

    def __init__(self, settings: LimitSettings) -> None:
        self.settings = settings
        self._connections: Counter[Hashable] = Counter()
        self._requests: Counter[Hashable] = Counter()
        polls = (settings.connections_each, settings.connections_per_address)
        self._polls = tuple(Throttle(2 * most, 1 / most) for most in polls)
        asked = (settings.subscriptions_each, settings.subscriptions_per_address)
        self._subscriptions = tuple(Throttle(most, 60 / most) for most in asked)
        changed = (settings.changes_each, settings.changes_per_address)
        self._changes = tuple(Throttle(most, 60 / most) for most in changed)

    @contextmanager
    def connection(self, identity: Identity, address: str | None) -> Iterator[None]:
        """Hold a connection of the push until the block ends."""
        each, place = self.settings.connections_each, self.settings.connections_per_address
        with self._held(self._connections, identity, address, (each, place), "connections"):
            yield

    @contextmanager
    def request(self, identity: Identity, address: str | None) -> Iterator[None]:
        """Have a request of the REST interface answered until the block ends."""
        each, place = self.settings.requests_each, self.settings.requests_per_address
        with self._held(self._requests, identity, address, (each, place), "requests under way"):
            yield

    def poll(self, identity: Identity, address: str | None) -> None:
        """Ask for frames once: as often as each second for every connection that one may have."""
        self._taken(self._polls, identity, address, "asked for frames")

    def subscription(self, identity: Identity, address: str | None) -> None:
        """Watch something else."""
        self._taken(self._subscriptions, identity, address, "changed what is watched")

    def change(self, identity: Identity, address: str | None) -> None:
        """Change something that is kept: drawings, rules, links, ticks."""
        self._taken(self._changes, identity, address, "changed something")

    @contextmanager
    def _held(
        self,
        held: Counter[Hashable],
        identity: Identity,
        address: str | None,
        most: tuple[int, int],
        what: str,
    ) -> Iterator[None]:
        if identity is OWNER:
            yield
            return
        keys = _keys(identity, address)
        for key, bound, whose in zip(keys, most, ("you have", "your address has"), strict=True):
            if held[key] >= bound:
                raise LimitError(
                    f"{whose} {held[key]} {what}, the most there may be: close one or try again later"
                )
        held.update(keys)
        try:
            yield
        finally:
            held.subtract(keys)
            for key in keys:
                if held[key] <= 0:
                    del held[key]

    @staticmethod
    def _taken(throttles: tuple[Throttle, ...], identity: Identity, address: str | None, what: str) -> None:
        if identity is OWNER:
            return
        keys = _keys(identity, address)
        waits = [throttle.wait_s(key) for throttle, key in zip(throttles, keys, strict=True)]
        if max(waits) <= 0:
            return
        for throttle, key, wait_s in zip(throttles, keys, waits, strict=True):
            if wait_s <= 0:
                throttle.give_back(key)  # what is refused for the other's sake is not counted
        who = "you have" if waits[0] > 0 else "your address has"
        raise LimitError(f"{who} {what} too often: wait {max(waits):.1f} s", max(waits))


def _keys(identity: Identity, address: str | None) -> tuple[Hashable, Hashable]:
    return ("user", identity.user_id), ("address", place_of(address))
