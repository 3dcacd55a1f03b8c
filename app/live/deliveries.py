"""Sends what alerts fired to webhooks and by mail, from the table in which it waits, until it is sent or cannot be.

What is to be sent is stored with the firing.  One process at a time takes it, for a while; it is marked as sent afterwards.
Who dies in between leaves it to be sent once more, under the same name (`Idempotency-Key`, `Message-ID`).
"""

from __future__ import annotations

import asyncio
import random
import smtplib
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Final, Literal

import httpx2
import structlog

from tickdeck.app.config import AlertSettings
from tickdeck.app.push.protocol import alert_values, encode
from tickdeck.db import alerts
from tickdeck.db.errors import DatabaseError
from tickdeck.db.faults import Fault
from tickdeck.db.session import Pool

AT_ONCE: Final = 20
TIMEOUT_S: Final = 10.0
LEASE_S: Final = 60.0
"""Longer than one try of any way takes."""
LOOK_S: Final = 5.0
MOST_TRIES: Final = 12
FIRST_PAUSE_S: Final = 2.0
LONGEST_PAUSE_S: Final = 900.0
FOR_GOOD: Final = frozenset(range(300, 500)) - {408, 425, 429}
"""Answers after which nothing is tried again; redirections are not followed."""

log = structlog.get_logger(__name__)


class _RefusedError(Exception):
    """It cannot be sent, now or later."""


class Deliveries:
    """`run` sends what is due until it is cancelled; `fired` is set where there may be something new.

    `pool` acts as `tickdeck_settings`; `first_pause_s` comes before the second try, later ones are longer.
    """

    def __init__(
        self,
        pool: Pool,
        settings: AlertSettings,
        fired: asyncio.Event,
        *,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        self._pool = pool
        self._settings = settings
        self._fired = fired
        self._first_pause_s = first_pause_s

    async def run(self) -> None:
        """Send, for ever."""
        fault = Fault("alerts_not_sent", "alerts_sent_again", after_s=3)
        async with httpx2.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client:
            while True:
                self._fired.clear()
                try:
                    more = await self._send_due(client)
                    fault.over()
                except DatabaseError as exc:
                    fault.failed(str(exc))
                    more = False
                if not more:
                    await self._wait()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(min(LOOK_S, self._first_pause_s)):
                await self._fired.wait()
        except TimeoutError:
            pass

    async def _send_due(self, client: httpx2.AsyncClient) -> bool:
        """Send some of what is due; whether there may be more."""
        due = await alerts.take_deliveries(self._pool, limit=AT_ONCE, lease_s=LEASE_S)
        await asyncio.gather(*(self._send(client, each) for each in due))
        return len(due) == AT_ONCE

    async def _send(self, client: httpx2.AsyncClient, delivery: alerts.Delivery) -> None:
        state: Literal["sent", "failed", "waiting"] = "sent"
        error = ""
        try:
            if delivery.way == "webhook":
                await self._post(client, delivery)
            else:
                await asyncio.to_thread(self._mail, delivery)
        except _RefusedError as exc:
            state, error = "failed", str(exc)
        except (httpx2.HTTPError, httpx2.InvalidURL, smtplib.SMTPException, OSError) as exc:
            state, error = "waiting", f"{type(exc).__name__}: {exc}"
        if state == "waiting" and delivery.tries >= MOST_TRIES:
            state = "failed"
        if state == "failed":
            log.warning("alert_not_delivered", way=delivery.way, alert=delivery.entry.id, reason=error)
        await alerts.end_delivery(
            self._pool, delivery, state, error=error, pause_s=self._pause_s(delivery.tries)
        )

    def _pause_s(self, tries: int) -> float:
        """Twice as long after each try, up to a quarter of an hour, and some by chance so that not all come together."""
        longest = min(self._first_pause_s * 2.0 ** (tries - 1), LONGEST_PAUSE_S)
        return longest * random.uniform(0.75, 1.25)  # noqa: S311 - no secret

    async def _post(self, client: httpx2.AsyncClient, delivery: alerts.Delivery) -> None:
        refusal = self._settings.refusal(webhook=delivery.target)
        if refusal is not None:  # what was allowed when the rule was made is not any more
            raise _RefusedError(refusal)
        headers = {
            "content-type": "application/json",
            "idempotency-key": f"tickdeck-alert-{delivery.entry.id}",
        }
        answer = await client.post(delivery.target, content=encode(_content(delivery.entry)), headers=headers)
        if answer.status_code in FOR_GOOD:
            raise _RefusedError(f"it answered {answer.status_code}")
        answer.raise_for_status()

    def _mail(self, delivery: alerts.Delivery) -> None:
        """Blocks."""
        settings = self._settings
        refusal = settings.refusal(email=delivery.target)
        if refusal is not None or settings.smtp_host is None:
            raise _RefusedError(refusal or "there is no TICKDECK_SMTP_HOST")
        secure = ssl.create_default_context()
        made: smtplib.SMTP
        if settings.smtp_security == "tls":
            made = smtplib.SMTP_SSL(settings.smtp_host, settings.smtp_port, timeout=TIMEOUT_S, context=secure)
        else:
            made = smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=TIMEOUT_S)
        try:
            with made as server:
                if settings.smtp_security == "starttls":
                    server.starttls(context=secure)
                if settings.smtp_user is not None:
                    password = settings.smtp_password
                    server.login(settings.smtp_user, "" if password is None else password.get_secret_value())
                server.send_message(_mail_of(delivery, settings.smtp_from))
        except smtplib.SMTPRecipientsRefused as exc:
            codes = [code for code, _ in exc.recipients.values()]
            if all(500 <= code < 600 for code in codes):
                raise _RefusedError(f"the server refuses {delivery.target}") from exc
            raise


def _content(entry: alerts.LogEntry) -> Mapping[str, Any]:
    values = alert_values(entry)
    del values["undelivered"]
    return {"text": _text(entry), **values}


def _text(entry: alerts.LogEntry) -> str:
    """One line for people, and for chats that show `text`."""
    parts = [entry.symbol or "", entry.condition, f"({entry.value:.6g})", entry.note]
    return " ".join(part for part in parts if part)


def _mail_of(delivery: alerts.Delivery, sender: str) -> EmailMessage:
    entry = delivery.entry
    message = EmailMessage()
    message["From"] = sender
    message["To"] = delivery.target
    message["Subject"] = f"Alert: {_text(entry)}"
    message["Date"] = format_datetime(entry.fired_at)
    message["Message-ID"] = f"<tickdeck-alert-{entry.id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        f"{entry.symbol or 'Feed'}: {entry.condition}\n"
        f"Value: {entry.value:.10g}\n"
        f"Market time: {entry.time.isoformat(timespec='milliseconds')}\n"
        + (f"{entry.note}\n" if entry.note else "")
    )
    return message
