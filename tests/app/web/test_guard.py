"""The guard around every route: host names and security headers."""

from __future__ import annotations

import re
from socket import gethostname

import pytest
from pydantic import ValidationError
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from tickdeck.app.config import DashboardSettings, LiveSettings
from tickdeck.app.web.guard import Guard, content_security_policy, cookie_of, host_name, is_own, with_cookies


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
    name: str,
    kind: str = "http",
    path: str = "/",
    settings: DashboardSettings = LOOPBACK,
    query: bytes = b"",
    embedders: tuple[str, ...] = (),
) -> list[Message]:
    sent: list[Message] = []
    policy = content_security_policy(["'sha256-x'"])
    guard = Guard(page, knows=settings.knows, policy=policy, embedders=embedders)

    async def receive() -> Message:
        return {"type": f"{kind}.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", name.encode())]
    await guard(
        {"type": kind, "path": path, "method": "GET", "headers": headers, "query_string": query},
        receive,
        send,
    )
    return sent


@pytest.mark.parametrize(
    ("path", "query", "embedders", "may"),
    [
        ("/", b"symbol=A&embed=1", ("https://wiki.example",), "'self' https://wiki.example"),
        ("/", b"embed=1", (), "'none'"),
        ("/", b"embed=10", ("*",), "'none'"),
        ("/", b"panel=chart&symbol=A", (), "'self'"),
        ("/", b"panel=chart&embed=1", ("*",), "'self'"),
        ("/workspace", b"panel=chart", ("*",), "'none'"),
        ("/api/candles", b"embed=1", ("*",), "'none'"),
        ("/login", b"embed=1", ("*",), "'none'"),
    ],
)
async def test_others_may_frame_the_embedded_chart_only_and_only_those_that_are_named(
    path: str, query: bytes, embedders: tuple[str, ...], may: str
) -> None:
    sent = await ask("localhost", path=path, query=query, embedders=embedders)
    assert f"frame-ancestors {may}" in Headers(raw=sent[0]["headers"])["content-security-policy"]


@pytest.mark.parametrize(
    "origin", ["https://a.example;script-src *", "a.example", "https://a.example/path", ""]
)
def test_who_may_embed_is_named_by_origins(origin: str) -> None:
    with pytest.raises(ValidationError, match="is no origin"):
        LiveSettings(embed_origins=(origin,))


@pytest.mark.parametrize("host", ["localhost:8050", "127.0.0.1:1", "[::1]:8050", "LOCALHOST"])
async def test_loopback_names_are_answered(host: str) -> None:
    assert (await ask(host))[0]["status"] == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:8050", "", "127.0.0.1.evil.example", "localhost.", "localhost@evil.example", "localhost:80:evil",
        "[::1]evil.example", "[::1", "[localhost]", "localhost/", "localhost\\", "\x1b[31mlocalhost", "local host",
    ],
)  # fmt: skip
async def test_other_names_are_refused_on_loopback(host: str) -> None:
    sent = await ask(host)
    assert sent[0]["status"] == 421
    assert b"TICKDECK_ALLOWED_HOSTS" in sent[1]["body"]


@pytest.mark.parametrize(
    ("origin", "host", "own"),
    [
        ("http://desk:1", "desk:1", True),
        ("https://Desk", "desk", True),
        ("http://[::1]:8050", "[::1]:8050", True),
        ("http://desk:1", "desk:2", False),
        ("null", "null", False),
        ("null", "", False),
        ("http://", "", False),
        ("http://", None, False),
        ("desk", "desk", False),
        ("file://desk", "desk", False),
        ("http://[", "[", True),  # the guard lets no such host in
        ("http://evil@desk", "desk", False),
        ("http://desk/", "desk", False),
    ],
)
def test_whose_origin_it_is(origin: str, host: str | None, own: bool) -> None:
    assert is_own(origin, host) is own


@pytest.mark.parametrize(
    ("origin", "scheme", "own"),
    [
        ("https://desk", "https", True),
        ("https://desk", "wss", True),
        ("https://desk", "http", True),  # a proxy in front that is not named
        ("http://desk", "https", False),
        ("http://desk", "wss", False),
    ],
)
def test_a_page_without_tls_is_none_of_a_server_with_it(origin: str, scheme: str, own: bool) -> None:
    """Whoever is on the way may have written it."""
    assert is_own(origin, "desk", scheme) is own


@pytest.mark.parametrize(
    ("sent", "value"),
    [
        ("a=1; tickdeck_session=x; b=2", "x"),
        ("tickdeck_session=x; tickdeck_session=y", "x"),
        ("b\x00ad=;;=; [] ; tickdeck_session=x", "x"),
        ("xtickdeck_session=x", None),
        ("tickdeck_session", None),
        ('tickdeck_session="x"; tickdeck_session=x', "x"),
        ("tickdeck_session=" + "x" * 200, None),
        ("", None),
    ],
)
def test_a_cookie_is_found_among_whatever_else_is_sent(sent: str, value: str | None) -> None:
    assert cookie_of(Headers({"cookie": sent}), "tickdeck_session") == value


def test_no_cookie_but_ours_gets_to_a_route() -> None:
    sent = [
        (b"cookie", b"other=" + b'"' + b"\\" * 60_000 + b'"; a=1; b=2'),
        (b"host", b"x"),
        (b"cookie", b"a=3"),
    ]
    assert with_cookies({"headers": sent}, ("a", "b")) == {
        "headers": [(b"host", b"x"), (b"cookie", b"a=1; b=2")]
    }
    assert with_cookies({"headers": sent}, ("c",)) == {"headers": [(b"host", b"x")]}


async def test_other_names_get_no_socket_on_loopback() -> None:
    assert await ask("evil.example", "websocket") == [{"type": "websocket.close", "code": 1008}]
    assert await ask("localhost", "websocket") == [{"type": "websocket.accept"}]


@pytest.mark.parametrize("settings", [LOOPBACK, ANYWHERE, NAMED])
async def test_names_that_others_can_point_here_are_refused_on_every_address(
    settings: DashboardSettings,
) -> None:
    assert (await ask("evil.example", settings=settings))[0]["status"] == 421
    assert await ask("evil.example", "websocket", settings=settings) == [
        {"type": "websocket.close", "code": 1008}
    ]
    for address in ("192.0.2.7:8050", "[2001:db8::1]:8050", gethostname()):
        assert (await ask(address, settings=settings))[0]["status"] == 200


async def test_two_names_are_none() -> None:
    """A proxy in front may have gone by the other one."""
    seen: list[Message] = []

    async def send(message: Message) -> None:
        seen.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    guard = Guard(page, knows=LOOPBACK.knows, policy="")
    headers = [(b"host", b"localhost"), (b"host", b"localhost")]
    await guard({"type": "http", "path": "/", "method": "GET", "headers": headers}, receive, send)
    assert seen[0]["status"] == 421


async def test_names_that_are_set_are_answered() -> None:
    assert (await ask("desk.example", settings=ANYWHERE))[0]["status"] == 421
    assert (await ask("desk.example", settings=NAMED))[0]["status"] == 200


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


async def test_each_answer_has_a_nonce_of_its_own_and_no_inline_styles() -> None:
    policies = []
    for _ in range(2):
        (start, *_rest) = await ask("localhost")
        policies.append(dict(start["headers"])[b"content-security-policy"].decode())
    assert policies[0] != policies[1]
    for policy in policies:
        assert re.search(r"style-src 'self' 'nonce-[\w-]{22}';", policy)
        assert "unsafe" not in policy
