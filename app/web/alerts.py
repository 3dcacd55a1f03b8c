"""Alert rules over REST: each user makes and removes his own, reads what they fired, and looks at those whose link he has."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final, Self
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from tickdeck.app.config import AlertSettings
from tickdeck.app.market.alert_rules import check_rule
from tickdeck.app.push.protocol import alert_values
from tickdeck.app.replay.trial import Wanted, newest_day, run_trial
from tickdeck.app.users.identity import Identity
from tickdeck.app.users.sharing import Sharing
from tickdeck.app.web.gate import IDENTITY
from tickdeck.app.web.schemas import REFUSALS, Text
from tickdeck.db import alerts
from tickdeck.db.errors import MarketDataError
from tickdeck.db.market.moments import iso, parse_moment
from tickdeck.db.market.types import Interval, Repeat
from tickdeck.db.session import Pool, Source

MOST_ENTRIES: Final = 500
TRIALS_AT_ONCE: Final = 2


class AlertShape(BaseModel):
    """What to be told of."""

    model_config = ConfigDict(extra="forbid")
    symbol: Annotated[Text | None, Field(description="null: about a feed")] = None
    condition: Annotated[
        Text,
        Field(
            min_length=1,
            max_length=200,
            description="see docs/alerts.md",
            examples=["price crosses 167.5", "rises 1% in 5m", "rsi(14) crosses up 70 on 5m"],
        ),
    ]
    repeat: Annotated[
        Repeat,
        Field(
            description="once; at most once a `bar`; or `rearm`: each time it becomes true after it was not"
        ),
    ] = "once"
    every: Annotated[Interval, Field(description="the bar of `once a bar`")] = "1m"
    note: Annotated[Text, Field(max_length=200)] = ""
    webhook: Annotated[
        Text | None,
        Field(
            min_length=1, max_length=500, description="an http or https address that gets each firing by POST"
        ),
    ] = None
    email: Annotated[
        Text | None, Field(min_length=3, max_length=254, description="who gets a mail of each firing")
    ] = None
    active: bool = True


class StoredAlert(AlertShape):
    """A rule as it is stored; `active` is false of one that fired once."""

    id: UUID
    shared: Annotated[bool, Field(description="whether there is a link to it")]

    @classmethod
    def of(cls, rule: alerts.AlertRule) -> Self:
        values = {name: getattr(rule, name) for name in (*AlertShape.model_fields, "id", "shared")}
        return cls.model_validate(values)


class RuleLink(BaseModel):
    """A link that was made."""

    shared: Annotated[str, Field(description="what `/api/shared-alert` wants; it is shown this once")]


class SharedRule(BaseModel):
    """What a link leads to: not where it sends to, which is its owner's alone."""

    owner: Annotated[str, Field(description="the user whose rule it is")]
    symbol: Annotated[str | None, Field(description="null: about a feed")]
    condition: str
    repeat: Repeat
    every: Interval
    note: str


Link = Annotated[Text, Query(min_length=1, max_length=128, description="of a link to an alert rule")]


class TrialShape(BaseModel):
    """A rule to be tried over stored ticks: the newest day with ticks, or between two instants."""

    model_config = ConfigDict(extra="forbid")
    symbol: Text
    condition: Annotated[Text, Field(min_length=1, max_length=200)]
    repeat: Repeat = "rearm"
    every: Interval = "1m"
    start: Annotated[Text | None, Field(description="ISO 8601 with zone, or a date (UTC)")] = None
    end: Annotated[Text | None, Field(description="first instant no more; up to 7 days after `start`")] = None
    until: Annotated[
        Text | None,
        Field(description="without `start` and `end`: as if there were no tick after this instant"),
    ] = None


class TrialAnswer(BaseModel):
    """What it would have fired."""

    start: str
    end: str
    fired: Annotated[
        list[tuple[int, float]], Field(description="time in ms since the epoch, and value, in order")
    ]
    cut: Annotated[bool, Field(description="it would have fired more often than these")]


class FiringShape(BaseModel):
    """One firing of a rule."""

    id: int
    rule: UUID
    symbol: str | None
    condition: str
    note: str
    time: Annotated[int, Field(description="of the market, ms since the epoch")]
    value: Annotated[float | None, Field(description="the number that got there")]
    fired_at: Annotated[int, Field(description="when it was stored, ms since the epoch")]
    undelivered: Annotated[str | None, Field(description="why a webhook or mail was not sent, or not yet")]


def router(pool: Pool, history: Source, settings: AlertSettings, sharing: Sharing) -> APIRouter:
    """`/api/alerts`; `settings` say where alerts may be sent, `pool` acts as `tickdeck_settings`.  What the routes raise is answered by app.web.errors."""
    routes = APIRouter(tags=["alerts"], responses=REFUSALS)
    trials = asyncio.Semaphore(TRIALS_AT_ONCE)

    @routes.get("/api/alerts")
    async def mine(request: Request) -> list[StoredAlert]:
        """Your own alert rules, the newest first."""
        return [StoredAlert.of(each) for each in await alerts.list_rules(pool, _who(request).user_id)]

    @routes.get("/api/alerts/log")
    async def log(
        request: Request,
        after: Annotated[int, Query(ge=0, description="only those with a larger id")] = 0,
        before: Annotated[int | None, Query(ge=0, description="only those with a smaller id")] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_ENTRIES)] = 100,
    ) -> list[FiringShape]:
        """What your rules fired, the newest first."""
        found = await alerts.read_log(pool, _who(request).user_id, after=after, before=before, limit=limit)
        return [FiringShape.model_validate(alert_values(each)) for each in found]

    @routes.post("/api/alerts/test")
    async def test(body: TrialShape) -> TrialAnswer:
        """What a rule would have fired over a stored day, or between two instants: nothing is kept of it."""
        until_us = None if body.until is None else parse_moment(body.until, "until")
        if body.start is None or body.end is None:
            start_us, end_us = await newest_day(history, body.symbol, until_us=until_us)
        else:
            start_us, end_us = parse_moment(body.start, "start"), parse_moment(body.end, "end")
        wanted = Wanted(body.symbol, body.condition, body.repeat, body.every)
        async with trials:
            trial = await run_trial(history, wanted, start_us, end_us)
        return TrialAnswer(
            start=iso(trial.start_us),
            end=iso(trial.end_us),
            fired=[(each.time_us // 1000, each.value) for each in trial.fired],
            cut=trial.cut,
        )

    @routes.put("/api/alerts/{number}", status_code=204)
    async def save(request: Request, number: UUID, shape: AlertShape) -> Response:
        """Store a rule, or what became of it; it waits anew."""
        who = _who(request)
        condition = check_rule(shape.condition, shape.symbol, shape.every)
        refusal = settings.refusal(webhook=shape.webhook, email=shape.email)
        if refusal is not None:
            raise MarketDataError(refusal)
        rule = alerts.AlertRule(number, who.user_id, **{**shape.model_dump(), "condition": str(condition)})
        await alerts.save_rule(pool, rule)
        return Response(status_code=204)

    @routes.delete("/api/alerts/{number}", status_code=204)
    async def forget(request: Request, number: UUID) -> Response:
        """Delete a rule of yours, and with it the link to it; what it fired stays in the log."""
        await alerts.delete_rule(pool, _who(request).user_id, number)
        return Response(status_code=204)

    _add_links(routes, sharing)
    return routes


def _add_links(routes: APIRouter, sharing: Sharing) -> None:
    @routes.put("/api/alerts/{number}/link", status_code=201)
    async def share(request: Request, number: UUID) -> RuleLink:
        """Make a link by which whoever may come in looks at a rule of yours; the one before leads nowhere from now on."""
        return RuleLink(shared=await sharing.share_rule(_who(request), number))

    @routes.delete("/api/alerts/{number}/link", status_code=204)
    async def end(request: Request, number: UUID) -> Response:
        """End the link to a rule of yours."""
        await sharing.end_rule_link(_who(request), number)
        return Response(status_code=204)

    @routes.get("/api/shared-alert")
    async def look(shared: Link) -> SharedRule:
        """The rule that a link leads to, to make one of your own by; 403 where it leads nowhere, or nowhere any more."""
        found = await sharing.rule(shared)
        return SharedRule.model_validate(found, from_attributes=True)


def _who(request: Request) -> Identity:
    identity: Identity = request.scope["state"][IDENTITY]
    return identity
