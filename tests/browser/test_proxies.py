"""nginx and Caddy of Debian in front of the dashboard, with the configurations of docs/proxies: what a user of one sees."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
import requests
import trustme
import websockets
from playwright.sync_api import BrowserContext, Playwright, expect
from requests.adapters import HTTPAdapter
from websockets.sync.client import connect
from websockets.typing import Origin

from scripts.debian_package import unpack
from tests.browser.chromium import FLAGS, find_browser
from tests.browser.dashboard import Dashboard
from tests.browser.watching import Console, Watched
from tests.paths import ROOT
from tests.people import PASSWORD, with_settings
from tests.ports import free_port
from tickdeck.app.users.passwords import hash_password
from tickdeck.app.web.gate import SESSION_OVER
from tickdeck.db import users
from tickdeck.db.errors import TickdeckError
from tickdeck.db.session import Pool
from tickdeck.testing.databases import Databases

PATIENCE_S: Final = 60
PROGRAMS: Final = {"nginx": "usr/sbin/nginx", "caddy": "usr/bin/caddy"}
PREFIX: Final = "/tickdeck"
SOMEBODY: Final = "127.0.0.7"
"""From where a client connects that is not the proxy."""
NGINX: Final = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    include {folder}/site;
}}
"""
CADDY: Final = "{{\n\tadmin off\n\tauto_https off\n\tstorage file_system {folder}\n}}\n"


@dataclass(frozen=True, slots=True)
class Front:
    """A proxy that shows a dashboard at `url`, which ends with the prefix and no slash."""

    url: str
    authority: str
    database: str
    behind: Dashboard


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Debian's packages, unpacked: neither root nor an installation is needed."""
    folder = tmp_path_factory.mktemp("proxies")
    try:
        unpack(list(PROGRAMS), folder)
    except (TickdeckError, OSError) as exc:
        pytest.skip(f"nginx and Caddy are not to be had from Debian here: {exc}")
    return folder


@pytest.fixture(scope="module")
def behind(_tickdeck_databases: Databases) -> Iterator[tuple[Dashboard, str]]:
    """A dashboard that believes the proxies on 127.0.0.1, with a user of its own and one whom proxies may name."""

    async def people(pool: Pool) -> None:
        await users.add_user(pool, "anna", "admin", password_hash=hash_password(PASSWORD))
        await users.add_user(pool, "otto", "viewer")

    settings = {
        "TICKDECK_PROXIES": '["127.0.0.1"]',
        "TICKDECK_PATH_PREFIX": PREFIX,
        "TICKDECK_PROXY_USER_HEADER": "X-Remote-User",
    }
    with _tickdeck_databases.copy() as url:
        with_settings(url, people)
        with Dashboard(url, "run", "--symbols", "1", "--rate", "10", settings=settings) as dashboard:
            yield dashboard, url


@pytest.fixture(scope="module", params=list(PROGRAMS))
def front(
    request: pytest.FixtureRequest,
    behind: tuple[Dashboard, str],
    programs: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Front]:
    """Each proxy with its example from docs/proxies, in which addresses and file names are this machine's."""
    dashboard, database = behind
    folder = tmp_path_factory.mktemp(request.param)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    made = authority.issue_cert("localhost")
    made.private_key_pem.write_to_path(str(folder / "desk.key"))
    made.cert_chain_pems[0].write_to_path(str(folder / "desk.pem"))
    port = free_port()
    here = {
        "/etc/ssl/desk.pem": str(folder / "desk.pem"),
        "/etc/ssl/desk.key": str(folder / "desk.key"),
        "127.0.0.1:8050": f"127.0.0.1:{dashboard.port}",
    }
    if request.param == "nginx":
        here |= {
            "listen 443 ssl": f"listen {port} ssl",
            "server_name desk.example.com": "server_name localhost",
        }
        example, whole = "nginx.conf", NGINX.format(folder=folder)
        command = ["-e", str(folder / "log"), "-p", str(folder), "-c", str(folder / "whole")]
    else:
        here |= {"https://desk.example.com {": f"https://localhost:{port} {{"}
        example, whole = "Caddyfile", CADDY.format(folder=folder)
        command = ["run", "--adapter", "caddyfile", "--config", str(folder / "whole")]
    site = (ROOT / "docs" / "proxies" / example).read_text(encoding="utf-8")
    for there, replacement in here.items():
        assert there in site, f"docs/proxies/{example} no longer says {there}"
        site = site.replace(there, replacement)
    (folder / "site").write_text(site)
    (folder / "whole").write_text(whole if request.param == "nginx" else whole + site)
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(
            [str(programs / PROGRAMS[request.param]), *command], stdout=said, stderr=subprocess.STDOUT, cwd=folder,
            env={"HOME": str(folder), "PATH": "/usr/bin:/bin", "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)},
        )  # fmt: skip
        try:
            until_it_listens(process, port, folder / "said")
            yield Front(
                f"https://localhost:{port}{PREFIX}", str(folder / "authority.pem"), database, dashboard
            )
        finally:
            process.terminate()
            process.wait(PATIENCE_S)
    shutil.rmtree(folder)


def until_it_listens(process: subprocess.Popen[bytes], port: int, said: Path) -> None:
    over = threading.Event()
    for _ in range(200):
        assert process.poll() is None, said.read_text()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        over.wait(0.05)
    raise AssertionError(f"it does not listen: {said.read_text()}")


class _From(HTTPAdapter):
    """Connects from an address of its own."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *args: object, **kwargs: object) -> None:
        super().init_poolmanager(*args, **kwargs, source_address=(self._address, 0))  # type: ignore[arg-type]


def client(front: Front, address: str = SOMEBODY) -> requests.Session:
    """A client at this address, which does not follow redirects unless told to."""
    session = requests.Session()
    session.trust_env = False  # else the environment may name other authorities, or another proxy
    session.verify = front.authority
    for scheme in ("https://", "http://"):
        session.mount(scheme, _From(address))
    return session


def signed_in(front: Front, **headers: str) -> requests.Response:
    return client(front).post(
        f"{front.url}/login",
        {"name": "anna", "password": PASSWORD},
        headers={"Origin": front.url.removesuffix(PREFIX), **headers},
        allow_redirects=False,
        timeout=PATIENCE_S,
    )


@pytest.fixture
def desk(playwright: Playwright, front: Front, console: Console) -> Iterator[BrowserContext]:
    """A browser that takes the test's certificate; the others know of none."""
    found = find_browser(playwright.chromium.executable_path)
    browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
    context = browser.new_context(ignore_https_errors=True, viewport={"width": 1440, "height": 900})
    console.listen(context)
    yield context
    browser.close()


def test_the_page_below_a_prefix(front: Front, desk: BrowserContext, console: Console) -> None:
    """Page, assets, callbacks, REST, push and the way to the door and back, over HTTP/2."""
    watched = Watched(desk.new_page(), console)
    page = watched.page
    page.goto(f"{front.url}?interval=5m")
    page.wait_for_url(f"{front.url}/login?next=*")
    # The browser says where it cannot focus it any more.
    expect(page.get_by_label("Name")).to_be_focused()
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector("#chart-panel[data-drawn]")
    watched.state("live")
    assert page.url.startswith(f"{front.url}/?")
    assert "interval=5m" in page.url
    expect(page.locator("#account")).to_contain_text("anna")
    expect(page.locator("#instrument")).not_to_be_empty()  # a callback has answered
    hops = page.evaluate(
        "() => [...new Set(performance.getEntries().map((e) => e.nextHopProtocol).filter(Boolean))]"
    )
    assert hops == ["h2"]
    strays = [
        url for url in watched.requests if url.startswith("http") and not url.startswith(f"{front.url}")
    ]
    assert strays == []
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{front.url}/login*")  # with the way back, where the socket's end was told first


def test_the_client_s_address_is_the_one_that_the_proxy_sees(front: Front) -> None:
    signed_in(
        front,
        **{"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9", "X-Real-IP": "203.0.113.9"},
    )
    seen: list[str] = []

    async def look(pool: Pool) -> None:
        seen.extend([each.address async for each in users.read_audit(pool) if each.address])

    with_settings(front.database, look)
    assert seen[-1] == SOMEBODY


def test_the_cookie_is_for_tls_and_this_path(front: Front) -> None:
    cookie = signed_in(front).headers["set-cookie"]
    assert {"Secure", "HttpOnly", f"Path={PREFIX}/", "SameSite=lax"} <= {
        part.strip() for part in cookie.split(";")
    }


def test_the_push_over_tls(front: Front) -> None:
    cookie = signed_in(front).headers["set-cookie"].partition(";")[0]
    trusted = ssl.create_default_context(cafile=front.authority)
    with connect(
        front.url.replace("https", "wss", 1) + "/ws",
        ssl=trusted,
        origin=Origin(front.url.removesuffix(PREFIX)),
        additional_headers={"Cookie": cookie},
    ) as push:
        push.send('{"subscribe": {"watchlist": "all"}}')
        assert '"snapshot"' in str(push.recv(PATIENCE_S))


@pytest.mark.parametrize("header", ["X-Remote-User", "x-remote-user"])
def test_nobody_names_himself(front: Front, header: str) -> None:
    """Not through the proxy, not past it, and not past it with an address of the proxy's in his hand."""
    through = client(front).get(f"{front.url}/api/me", headers={header: "otto"}, timeout=PATIENCE_S)
    assert through.status_code == 401
    for more in ({}, {"X-Forwarded-For": "127.0.0.1"}, {"X-Forwarded-For": "127.0.0.1, 127.0.0.1"}):
        past = client(front).get(
            f"{front.behind.url}/api/me", headers={header: "otto"} | more, timeout=PATIENCE_S
        )
        assert past.status_code == 401


def test_a_proxy_names_whom_it_let_in(front: Front) -> None:
    """As a proxy does: from an address of the list, with the client's in X-Forwarded-For."""
    said = {"X-Remote-User": "otto", "X-Forwarded-For": SOMEBODY}
    me = client(front, "127.0.0.1").get(f"{front.behind.url}/api/me", headers=said, timeout=PATIENCE_S)
    assert me.json() == {"name": "otto", "role": "viewer", "signed_in": True}
    unknown = {"X-Remote-User": "nobody", "X-Forwarded-For": SOMEBODY}
    assert (
        client(front, "127.0.0.1")
        .get(f"{front.behind.url}/api/me", headers=unknown, timeout=PATIENCE_S)
        .status_code
        == 401
    )


def test_whom_a_proxy_named_is_sent_away_once_he_is_disabled(front: Front) -> None:
    def change(*, disabled: bool) -> None:
        with_settings(front.database, lambda pool: users.change_user(pool, "otto", disabled=disabled))

    said = {"X-Remote-User": "otto", "X-Forwarded-For": SOMEBODY}
    with connect(f"ws://127.0.0.1:{front.behind.port}/ws", additional_headers=said) as push:
        push.send('{"ping": 1}')
        assert "pong" in str(push.recv(PATIENCE_S))
        change(disabled=True)
        try:
            with pytest.raises(websockets.ConnectionClosedError):
                push.recv(PATIENCE_S)
            assert push.close_code == SESSION_OVER
        finally:
            change(disabled=False)
