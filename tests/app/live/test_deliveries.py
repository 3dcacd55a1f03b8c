"""Webhooks and mails of alerts, to servers on this machine: each once, again after what passes, never after what does not."""

from __future__ import annotations

import asyncio
import json
import socketserver
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import pytest

from tests.app.live.test_alerts import until_async
from tickdeck.app.config import AlertSettings
from tickdeck.app.live.deliveries import Deliveries
from tickdeck.db import alerts
from tickdeck.db.session import Pool, open_pool


class Hook(ThreadingHTTPServer):
    """Answers with the next of `answers`, then with 200; keeps what it got."""

    daemon_threads = True

    def __init__(self, *answers: int) -> None:
        super().__init__(("127.0.0.1", 0), _HookRequest)
        self.answers = list(answers)
        self.got: list[tuple[str, dict[str, Any]]] = []


class _HookRequest(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.got.append((self.headers["idempotency-key"], body))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
        self.send_header("location", "/elsewhere")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


class Mailbox(socketserver.ThreadingTCPServer):
    """Takes mails as SMTP servers do; the first time it says that it is busy."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _MailSession)
        self.busy = True
        self.got: list[str] = []


class _MailSession(socketserver.StreamRequestHandler):
    server: Mailbox

    def handle(self) -> None:
        self._say("220 here")
        while line := self.rfile.readline():
            command = line[:4].upper().strip()
            if command == b"DATA":
                self._say("354 go on")
                mail = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.server.got.append(mail.decode())
                self._say("250 taken")
            elif command == b"MAIL" and self.server.busy:
                self.server.busy = False
                self._say("451 later")
            elif command == b"QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 fine")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def running(server: Hook | Mailbox) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@asynccontextmanager
async def sending(own: Pool, settings: AlertSettings, processes: int) -> AsyncIterator[None]:
    fired = asyncio.Event()
    tasks = [
        asyncio.ensure_future(Deliveries(own, settings, fired, first_pause_s=0.05).run())
        for _ in range(processes)
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def test_each_is_delivered_once_and_tried_again_where_that_helps(tickdeck_db: str) -> None:
    own = await open_pool(tickdeck_db, role="settings", size=4)
    hook, box, gone = Hook(503, 429), Mailbox(), Hook(301)
    try:
        with running(hook) as hook_port, running(box) as smtp_port, running(gone) as gone_port:
            places = [f"127.0.0.1:{hook_port}", f"127.0.0.1:{gone_port}"]
            settings = AlertSettings(
                alert_webhook_hosts=tuple(places), alert_mail_to=("@example.com",), smtp_host="127.0.0.1",
                smtp_port=smtp_port, smtp_security="none",
            )  # fmt: skip
            targets: list[dict[str, Any]] = [
                {"webhook": f"http://{places[0]}/a"}, {"webhook": f"http://{places[1]}/b"},
                {"webhook": "http://127.0.0.1:1/not-allowed"}, {"email": "desk@example.com"},
            ]  # fmt: skip
            rules = [
                alerts.AlertRule(uuid4(), None, "SPY", "price above 1", "rearm", "1m", "Zürich", **more)
                for more in targets
            ]
            for rule in rules:
                await alerts.save_rule(own, rule)
            await alerts.fire(own, [alerts.Fired(rule.id, 1, 5_000_000, 5_000_001, 1.5) for rule in rules])
            async with sending(own, settings, 3):
                await until_async(lambda: states(own), lambda found: "waiting" not in found)
            assert await states(own) == ["sent", "failed", "failed", "sent"]
        keys = {key for key, _ in hook.got}
        assert (len(hook.got), len(keys)) == (3, 1)  # the same each time
        assert hook.got[-1][1]["text"] == "SPY price above 1 (1.5) Zürich"
        assert hook.got[-1][1]["time"] == 5000
        assert len(gone.got) == 1
        (mail,) = box.got
        assert "To: desk@example.com" in mail
        assert "Value: 1.5" in mail
        log = {each.rule: each.undelivered for each in await alerts.read_log(own, None)}
        assert [log[rule.id] for rule in rules] == [
            None, "webhook: it answered 301",
            "webhook: webhooks may not go to 127.0.0.1:1: TICKDECK_ALERT_WEBHOOK_HOSTS does not name it", None,
        ]  # fmt: skip
    finally:
        await own.close()


async def states(own: Pool) -> list[str]:
    rows = await own.fetch(
        "select state from alert_deliveries d join alert_log l on l.id = d.log_id order by l.id"
    )
    return [row[0] for row in rows]


@pytest.mark.parametrize(
    ("where", "is_allowed"),
    [
        ({"webhook": "https://hooks.example.com/x"}, True), ({"webhook": "https://HOOKS.example.com/x"}, True),
        ({"webhook": "https://hooks.example.com:8443/x"}, False), ({"webhook": "https://hooks.example.com@evil/x"}, False),
        ({"webhook": "file:///etc/passwd"}, False), ({"webhook": "http://169.254.169.254/"}, False),
        ({"email": "me@here.example"}, True), ({"email": "anybody@Desk.example"}, True),
        ({"email": "me@elsewhere.example"}, False), ({"email": "a@b@desk.example"}, False),
        ({"email": "a@desk.example\nBcc: b@c"}, False), ({"email": "a b@desk.example"}, False),
    ],
)  # fmt: skip
def test_where_alerts_may_go(where: dict[str, str], is_allowed: bool) -> None:
    settings = AlertSettings(
        alert_webhook_hosts=("hooks.example.com",),
        alert_mail_to=("me@here.example", "@desk.example"),
        smtp_host="mail.example.com",
    )
    assert (settings.refusal(**where) is None) == is_allowed
    assert AlertSettings().refusal(**where) is not None
