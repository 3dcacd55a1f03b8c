"""What is believed of a proxy, and the path below which it shows the page; tests/browser/test_proxies.py has real ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import pytest
from starlette.types import Message, Receive, Scope, Send

from tests.paths import ROOT
from tickdeck.app.config import DashboardSettings, UserSettings
from tickdeck.app.web.proxies import Proxied, address_of, peer_of, prefix_of

NONE: Final[Mapping[str, str]] = {}


async def ask(
    path: str,
    peer: str = "10.1.2.3",
    headers: Mapping[str, str] = NONE,
    proxies: tuple[str, ...] = ("10.0.0.0/8",),
) -> Any:
    """What the application behind sees: (path, prefix, peer, address, scheme); or where the client is sent."""
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.extend([scope["path"], prefix_of(scope), peer_of(scope), address_of(scope), scope["scheme"]])

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            seen.append(dict(message["headers"])[b"location"].decode())

    async def receive() -> Message:
        return {"type": "http.request"}

    settings = UserSettings(proxies=proxies)
    scope = {
        "type": "http", "path": path, "raw_path": path.encode(), "query_string": b"a=1", "scheme": "http", "method": "GET",
        "client": (peer, 1), "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    await Proxied(app, proxies=settings.proxies, prefix="/tickdeck")(scope, receive, send)
    return tuple(seen)


@pytest.mark.parametrize(
    ("path", "inner"),
    [
        ("/tickdeck/", "/"),
        ("/tickdeck/api/me", "/api/me"),
        ("/api/me", "/api/me"),  # a proxy that takes the prefix away itself
        ("/tickdecks/x", "/tickdecks/x"),
        ("/tickdeck/tickdeck/x", "/tickdeck/x"),
    ],
)
async def test_routes_see_no_prefix(path: str, inner: str) -> None:
    assert (await ask(path))[:2] == (inner, "/tickdeck")


async def test_the_prefix_alone_leads_to_the_page() -> None:
    assert await ask("/tickdeck") == ("/tickdeck/?a=1",)


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1, 10.9.9.9", "192.0.2.1"),  # two proxies of the list
        ("10.1.1.1, 192.0.2.1", "192.0.2.1"),  # the first is what the client said of itself
        ("", "10.1.2.3"),
        ("192.0.2.1:4711", "192.0.2.1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        # What is no address is nobody's: a log would show it, and it would have limits of its own.
        ("unknown", "10.1.2.3"),
        ("\x1b[31m192.0.2.1", "10.1.2.3"),
        ("fe80::1%\x1b[31m", "10.1.2.3"),
        ("x" * 60_000, "10.1.2.3"),
    ],
)
async def test_a_proxy_s_word_on_the_client(forwarded: str, address: str) -> None:
    said = {"x_forwarded_for": forwarded, "x_forwarded_proto": "https"}
    assert (await ask("/x", headers=said))[2:] == ("10.1.2.3", address, "https")


@pytest.mark.parametrize("peer", ["192.0.2.7", "::ffff:192.0.2.7", "127.0.0.1"])
async def test_nobody_else_is_believed(peer: str) -> None:
    """Not this machine either, which uvicorn would believe by itself."""
    said = {"x_forwarded_for": "203.0.113.9", "x_forwarded_proto": "https"}
    plain = peer.removeprefix("::ffff:")
    assert (await ask("/x", peer, said))[2:] == (plain, plain, "http")


async def test_a_proxy_that_comes_by_an_ipv6_socket_is_believed() -> None:
    assert (await ask("/x", "::ffff:10.1.2.3", headers={"x_forwarded_for": "192.0.2.1"}))[2:4] == (
        "10.1.2.3",
        "192.0.2.1",
    )


async def test_a_network_may_be_written_by_an_address_in_it() -> None:
    assert (await ask("/x", proxies=("10.1.2.9/8",), headers={"x_forwarded_for": "192.0.2.1"}))[
        3
    ] == "192.0.2.1"


@pytest.mark.parametrize(
    ("written", "prefix"), [("", ""), ("/", ""), ("tickdeck/", "/tickdeck"), ("/a//b", "/a/b")]
)
def test_a_prefix_may_be_written_in_several_ways(written: str, prefix: str) -> None:
    assert DashboardSettings(path_prefix=written).path_prefix == prefix


@pytest.mark.parametrize("written", ["/a b", "/../x", '/"><script>', "https://x/", "/a?b", "/./x"])
def test_what_is_no_prefix_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is no path"):
        DashboardSettings(path_prefix=written)


def test_the_page_names_nothing_from_the_root() -> None:
    """Else it would look beside the path below which a proxy shows it."""
    files = [
        path
        for folder in ("app/assets", "app/ui", "app/web")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".js", ".html", ".css"} and path.parent.name != "vendor"
    ]
    assert len(files) > 20
    strays = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in files
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"""["'`(]/(api|ws|assets|login|logout|_dash)\b""", line)
    ]
    assert strays == []
