"""Alert rules, each user's own, and the log of what they fired.

Everything here wants a pool that acts as `tickdeck_settings`, and raises `DatabaseError` and its kinds.  A rule's condition is
text, which `app.market.alert_rules` reads.  Who may use a link is decided by app.users.sharing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import asyncpg

from tickdeck.db.errors import MarketDataError
from tickdeck.db.market.types import from_us
from tickdeck.db.session import Pool, translate
from tickdeck.db.statements import statement

CHANNEL: Final = "tickdeck_alerts_v1"
"""On which the database says `rule ID` of a rule that was made, changed or removed, and `fired NUMBER` of a firing."""
MOST_RULES: Final = 10_000
"""Of one user."""


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One rule as it is stored; `symbol` None: about a feed.  `owner` None: the implicit owner's.

    `last_key` is that of its last firing, in µs since the epoch; None: it has not fired.
    """

    id: UUID
    owner: int | None
    symbol: str | None
    condition: str
    repeat: str
    every: str
    note: str = ""
    webhook: str | None = None
    email: str | None = None
    active: bool = True
    version: int = 1
    last_key: int | None = None
    is_new: bool = False
    """Of a rule that waits: made or changed since rules were last evaluated."""
    shared: bool = False
    """There is a link to it; said of a user's own."""


@dataclass(frozen=True, slots=True)
class SharedRule:
    """Where a link leads: to a rule of `owner`, a user's name, without the places it sends to."""

    owner: str
    symbol: str | None
    condition: str
    repeat: str
    every: str
    note: str


@dataclass(frozen=True, slots=True)
class Fired:
    """One firing to be stored, at `time_us` of the market with `value`; see `app.market.alerts.Firing`."""

    rule: UUID
    version: int
    key: int
    time_us: int
    value: float


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One firing as it is stored; times are aware."""

    id: int
    owner: int | None
    rule: UUID
    symbol: str | None
    condition: str
    note: str
    time: datetime
    value: float
    fired_at: datetime
    undelivered: str | None = None
    """Why a webhook or mail was not sent, or not yet."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something to be sent of a firing, to `target`, for the `tries`-th time."""

    id: int
    way: Literal["webhook", "email"]
    target: str
    tries: int
    entry: LogEntry


async def list_rules(pool: Pool, owner: int | None) -> list[AlertRule]:
    """The rules of a user, the newest first."""
    with translate("cannot read the alerts"):
        rows = await pool.fetch(statement("alerts/list_rules"), owner)
    return [_rule(row) for row in rows]


async def waiting_rules(pool: Pool, ids: Sequence[UUID] | None = None) -> list[AlertRule]:
    """The rules that wait, everybody's: all, or those of `ids`."""
    with translate("cannot read the alerts"):
        rows = await pool.fetch(statement("alerts/waiting_rules"), ids)
    return [_rule(row) for row in rows]


async def save_rule(pool: Pool, rule: AlertRule) -> None:
    """Store a new rule, or what became of one, which waits anew; `version` and `last_key` are the database's.

    Raises `MarketDataError` where its id is somebody else's or there are `MOST_RULES` already.
    """
    with translate("cannot store the alert"):
        try:
            stored = await pool.fetchval(
                statement("alerts/save_rule"), rule.id, rule.owner, rule.symbol, rule.condition, rule.repeat, rule.every,
                rule.note, rule.webhook, rule.email, rule.active, MOST_RULES,
            )  # fmt: skip
        except asyncpg.CheckViolationError as exc:
            raise MarketDataError("an alert with a text that is too long") from exc
    if stored is None:
        raise MarketDataError(
            f"the alert cannot be stored: its id is taken, or there are {MOST_RULES} already"
        )


async def delete_rule(pool: Pool, owner: int | None, number: UUID) -> bool:
    """Forget a rule of this user's; its firings stay.  False where there is none."""
    with translate("cannot delete the alert"):
        status: str = await pool.execute(statement("alerts/delete_rule"), number, owner)
    return status.endswith(" 1")


async def link_rule(pool: Pool, owner: int | None, number: UUID, token_hash: bytes | None) -> bool:
    """Have a link with this hash lead to a rule, in the place of the one before; None: none does.  Is there such a rule?"""
    with translate("cannot store the link"):
        found = await pool.fetchval(statement("alerts/link_rule"), number, owner, token_hash)
    return found is not None


async def find_linked_rule(pool: Pool, token_hash: bytes) -> SharedRule | None:
    """Where a link leads; None where it never did, was ended, or its owner may not come in."""
    with translate("cannot read the alert"):
        row = await pool.fetchrow(statement("alerts/find_linked"), token_hash)
    return None if row is None else SharedRule(*row)


async def fire(pool: Pool, fired: Sequence[Fired]) -> set[UUID]:
    """Store firings, of a rule one at most, and return the rules whose firing it was.

    Not those of which another process has stored it, or that were changed or removed.
    """
    with translate("cannot store what alerts fired"):
        rows = await pool.fetch(
            statement("alerts/fire"),
            [each.rule for each in fired], [each.version for each in fired], [each.key for each in fired],
            [from_us(each.time_us) for each in fired], [each.value for each in fired],
        )  # fmt: skip
    return {UUID(row[0]) for row in rows}


async def read_log(
    pool: Pool, owner: int | None, *, before: int | None = None, after: int = 0, limit: int = 100
) -> list[LogEntry]:
    """The firings of a user's rules with ids below `before` (None: any) and above `after`, the newest first."""
    with translate("cannot read the alerts"):
        rows = await pool.fetch(statement("alerts/read_log"), owner, before, after, limit)
    return [_entry(row) for row in rows]


async def read_fired(pool: Pool, ids: Sequence[int]) -> list[LogEntry]:
    """The firings of these ids, everybody's, the oldest first."""
    with translate("cannot read the alerts"):
        rows = await pool.fetch(statement("alerts/read_fired"), list(ids))
    return [_entry(row) for row in rows]


async def take_deliveries(pool: Pool, *, limit: int, lease_s: float) -> list[Delivery]:
    """Take what is due to be sent, so that nobody else does within `lease_s` seconds; say `end_delivery` of each."""
    with translate("cannot read what is to be sent"):
        rows = await pool.fetch(statement("alerts/take_deliveries"), limit, lease_s)
    return [Delivery(row[0], row[1], row[2], row[3], _entry(list(row)[4:])) for row in rows]


async def end_delivery(
    pool: Pool,
    delivery: Delivery,
    state: Literal["sent", "failed", "waiting"],
    *,
    error: str = "",
    pause_s: float = 0,
) -> None:
    """It was sent, cannot be sent, or is to be tried again after `pause_s` seconds."""
    with translate("cannot store what was sent"):
        await pool.execute(statement("alerts/end_delivery"), delivery.id, state, error, pause_s)


async def read_progress(pool: Pool) -> int | None:
    """Up to which second of the market, µs since the epoch, rules were evaluated; None: never."""
    with translate("cannot read the alerts"):
        evaluated: int | None = await pool.fetchval(statement("alerts/read_progress"))
    return evaluated


async def save_progress(pool: Pool, evaluated_us: int) -> None:
    """Rules were evaluated up to this second of the market; of several processes the furthest counts."""
    with translate("cannot store how far alerts are"):
        await pool.execute(statement("alerts/save_progress"), evaluated_us)


def _rule(row: Any) -> AlertRule:
    number, *others = row
    return AlertRule(UUID(number), *others)


def _entry(row: Any) -> LogEntry:
    number, owner, rule, *others = row
    return LogEntry(number, owner, UUID(rule), *others)
