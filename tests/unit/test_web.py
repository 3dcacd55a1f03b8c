"""The guard around every route: host names and security headers."""

from __future__ import annotations

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.config import DashboardSettings
from app.web import Guard, content_security_policy, host_name


async def page(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"page"})


LOOPBACK = DashboardSettings()
ANYWHERE = DashboardSettings(host="0.0.0.0")  # noqa: S104 - nothing is bound
NAMED = DashboardSettings(host="0.0.0.0", allowed_hosts=("desk.example",))  # noqa: S104


async def ask(
    name: str, kind: str = "http", path: str = "/", settings: DashboardSettings = LOOPBACK
) -> list[Message]:
    sent: list[Message] = []
    guard = Guard(page, names=settings.names(), policy=content_security_policy(["'sha256-x'"]))

    async def receive() -> Message:
        return {"type": f"{kind}.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": kind, "path": path, "method": "GET", "headers": [(b"host", name.encode())]}
    await guard(scope, receive, send)
    return sent


@pytest.mark.parametrize("host", ["localhost:8050", "127.0.0.1:1", "[::1]:8050", "LOCALHOST"])
async def test_loopback_names_are_answered(host: str) -> None:
    assert (await ask(host))[0]["status"] == 200


@pytest.mark.parametrize("host", ["evil.example:8050", "", "127.0.0.1.evil.example"])
async def test_other_names_are_refused_on_loopback(host: str) -> None:
    sent = await ask(host)
    assert sent[0]["status"] == 421
    assert b"TICKDECK_ALLOWED_HOSTS" in sent[1]["body"]


async def test_other_names_get_no_socket_on_loopback() -> None:
    assert await ask("evil.example", "websocket") == [{"type": "websocket.close", "code": 1008}]
    assert await ask("localhost", "websocket") == [{"type": "websocket.accept"}]


async def test_every_name_is_answered_elsewhere_unless_names_are_set() -> None:
    assert (await ask("desk.example", settings=ANYWHERE))[0]["status"] == 200
    assert (await ask("desk.example", settings=NAMED))[0]["status"] == 200
    assert (await ask("other.example", settings=NAMED))[0]["status"] == 421


async def test_headers_keep_other_sites_out() -> None:
    headers = {name.decode(): value.decode() for name, value in (await ask("localhost"))[0]["headers"]}
    policy = headers["content-security-policy"]
    assert "script-src 'self' 'sha256-x';" in policy
    assert "unsafe-eval" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert "cache-control" not in headers


async def test_assets_are_asked_for_again_each_time() -> None:
    headers = dict((await ask("localhost", path="/assets/app.css"))[0]["headers"])
    assert headers[b"cache-control"] == b"no-cache"


def test_host_name_has_no_port_and_no_brackets() -> None:
    assert [host_name(host) for host in ("A.b:80", "[::1]:80", "[::1]", "")] == ["a.b", "::1", "::1", ""]
