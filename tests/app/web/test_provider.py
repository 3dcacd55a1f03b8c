"""Signing in at an OpenID Connect provider that lies in every way: who comes in, and what the others are told."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
import requests
from joserfc.jwk import OctKey, RSAKey

from tests.app.users.provider import LocalProvider
from tests.browser.dashboard import Dashboard
from tests.people import with_settings
from tickdeck.app.config import ProviderSettings
from tickdeck.app.users.access import name_of, role_of
from tickdeck.app.users.attempt import Attempt
from tickdeck.app.users.seal import sealed, unsealed
from tickdeck.app.web.gate import ATTEMPT_COOKIE, COOKIE
from tickdeck.db import users
from tickdeck.db.session import Pool
from tickdeck.testing.databases import Databases

PATIENCE_S: Final = 60
KNOWN: Final = "known-to-the-provider"
ADDRESSES: Final = count()


@dataclass(frozen=True, slots=True)
class Desk:
    """A dashboard whose users may sign in at `provider`, which gives roles by the claim `groups`."""

    url: str
    database: str
    provider: LocalProvider

    def leave(self) -> tuple[requests.Session, str]:
        """Go to the provider and stop in front of the way back: the browser, and the address it would follow."""
        browser = requests.Session()
        browser.trust_env = False
        # From an address of its own: so many tries from one are too many.
        browser.headers["X-Forwarded-For"] = f"198.51.100.{next(ADDRESSES) % 250}"
        to = browser.get(
            f"{self.url}/login/oidc?next=/%3Fsymbol%3DA", allow_redirects=False, timeout=PATIENCE_S
        )
        assert to.status_code == 303, to.text
        there = browser.get(to.headers["location"], allow_redirects=False, timeout=PATIENCE_S)
        return browser, there.headers["location"]

    def come_back(self, browser: requests.Session, address: str) -> requests.Response:
        return browser.get(address, allow_redirects=False, timeout=PATIENCE_S)

    def sign_in(self) -> requests.Response:
        return self.come_back(*self.leave())

    def role(self, name: str) -> str | None:
        found: list[users.User | None] = []

        async def look(pool: Pool) -> None:
            found.append(await users.find_user(pool, name))

        with_settings(self.database, look)
        return None if found[0] is None else found[0].role


@pytest.fixture(scope="module")
def server(_tickdeck_databases: Databases) -> Iterator[Desk]:
    with LocalProvider() as provider, _tickdeck_databases.copy() as database:

        async def people(pool: Pool) -> None:
            await users.add_user(pool, "anna", "admin")
            await users.add_user(pool, "known", "analyst", issuer=provider.issuer, subject=KNOWN)

        with_settings(database, people)
        groups = {
            "TICKDECK_OIDC_ROLE_CLAIM": "groups",
            "TICKDECK_OIDC_ROLES": '{"desk": "analyst", "it": "admin", "all": "viewer"}',
        }
        with Dashboard(
            database, "serve", settings=provider.settings | groups | {"TICKDECK_PROXIES": '["127.0.0.1"]'}
        ) as dashboard:
            yield Desk(dashboard.url, database, provider)


@pytest.fixture
def desk(server: Desk) -> Desk:
    server.provider.behave()
    server.provider.subject = KNOWN
    server.provider.claims = {"groups": ["desk"]}
    return server


def test_who_is_known_comes_in_and_back_to_the_page_that_was_wanted(desk: Desk) -> None:
    browser, address = desk.leave()
    answer = desk.come_back(browser, address)
    assert (answer.status_code, answer.headers["location"]) == (303, "/?symbol=A")
    me = browser.get(f"{desk.url}/api/me", timeout=PATIENCE_S).json()
    assert me == {"name": "known", "role": "analyst", "signed_in": True}
    assert ATTEMPT_COOKIE not in browser.cookies


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "somebody else"},
        {"aud": ["somebody else", "a third"]},
        {"aud": None},
        {"aud": ["tickdeck", "somebody else"], "azp": "somebody else"},
        {"exp": 1_700_000_000},
        {"exp": None},
        {"iat": None},
        {"iat": 4_000_000_000},
        {"nbf": 4_000_000_000},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 300},
        {"sub": 7},
        {"sub": "a\x00b"},
        {"at_hash": "of another token"},
    ],
    ids=str,
)
def test_a_token_that_says_anything_wrong_lets_nobody_in(desk: Desk, claims: dict[str, Any]) -> None:
    desk.provider.claims |= claims
    answer = desk.sign_in()
    assert answer.status_code == 401
    assert "Please sign in again" in answer.text
    assert COOKIE not in answer.cookies


def test_a_token_that_has_just_expired_by_a_slow_clock_is_good(desk: Desk) -> None:
    desk.provider.claims |= {"exp": int(time.time()) - 20}
    assert desk.sign_in().status_code == 303


@pytest.mark.parametrize(
    "way", ["no signature", "another key", "a shared secret", "the public key as a secret", "no token"]
)
def test_a_signature_that_anybody_could_make_lets_nobody_in(desk: Desk, way: str) -> None:
    provider = desk.provider
    if way == "no signature":
        provider.header = {"alg": "none"}
    elif way == "another key":
        provider.key = RSAKey.generate_key(2048)
    elif way == "a shared secret":
        provider.header, provider.key = {"alg": "HS256"}, OctKey.import_key("between the two of us, and more")
    elif way == "the public key as a secret":
        provider.header, provider.key = (
            {"alg": "HS256"},
            OctKey.import_key(provider.public_key_as_secret().hex()),
        )
    else:
        provider.faults = {"no token"}
    assert desk.sign_in().status_code == 401


def test_a_provider_with_new_keys_is_believed(desk: Desk) -> None:
    assert desk.sign_in().status_code == 303
    desk.provider.change_keys()
    assert desk.sign_in().status_code == 303


def test_a_way_back_is_good_once(desk: Desk) -> None:
    browser, address = desk.leave()
    secret = browser.cookies[ATTEMPT_COOKIE]
    assert desk.come_back(browser, address).status_code == 303
    assert desk.come_back(browser, address).status_code == 401  # its cookie is gone
    browser.cookies.set(ATTEMPT_COOKIE, secret)
    assert desk.come_back(browser, address).status_code == 401  # and the provider knows the code no more
    assert desk.provider.refusals == ["the code is not known, or was used"]


def test_a_way_back_is_for_the_browser_that_left(desk: Desk) -> None:
    """A link with somebody else's code would sign its reader in as him."""
    _, address = desk.leave()
    other, own_address = desk.leave()
    for browser in (requests.Session(), other):
        answer = desk.come_back(browser, address)
        assert answer.status_code == 401
        assert "another browser" in answer.text
    again, state = desk.leave()
    code = parse_qs(urlsplit(own_address).query)["code"][
        0
    ]  # one that was stolen, with the state of one's own
    mixed = f"{desk.url}/login/oidc/back?code={code}&state={parse_qs(urlsplit(state).query)['state'][0]}"
    assert desk.come_back(again, mixed).status_code == 401
    assert "the verifier is another" in desk.provider.refusals


@pytest.mark.parametrize("change", ["iss", "state", "two codes", "no code", "denied", "wanted"])
def test_a_way_back_that_was_changed_lets_nobody_in(desk: Desk, change: str) -> None:
    if change == "denied":
        desk.provider.faults = {"denied"}
    browser, address = desk.leave()
    if change == "iss":
        address = address.replace("iss=http", "iss=https")
    elif change == "state":
        address = address.replace("state=", "state=x")
    elif change == "two codes":
        address += "&code=another"
    elif change == "no code":
        address = address.replace("code=", "kode=")
    elif change == "wanted":
        address = re.sub(r"(state=[^.]+\.)[\w-]+", r"\1Ly9ldmlsLmV4YW1wbGU", address)
    answer = desk.come_back(browser, address)
    assert answer.status_code in {401, 403}
    assert COOKIE not in answer.cookies


def test_what_the_provider_says_is_no_markup(desk: Desk) -> None:
    browser, address = desk.leave()
    answer = desk.come_back(browser, address.partition("&code")[0] + "&error=<img src=x onerror=alert(1)>")
    assert "<img src=x" not in answer.text
    assert "Sign in with &lt;b&gt;Desk&lt;/b&gt;" in answer.text


def test_roles_follow_the_claim_at_each_sign_in(desk: Desk) -> None:
    for groups, role in ((["all", "it"], "admin"), ("all", "viewer"), (["unknown", "desk", 7], "analyst")):
        desk.provider.claims = {"groups": groups}
        assert desk.sign_in().status_code == 303
        assert desk.role("known") == role
    desk.provider.claims = {"groups": ["unknown"]}
    answer = desk.sign_in()
    assert answer.status_code == 403
    assert "gives you no role" in answer.text


def test_who_is_new_gets_the_role_of_the_claim_or_is_told_whom_to_ask(desk: Desk) -> None:
    desk.provider.subject, desk.provider.claims = "new one", {"preferred_username": "neo"}
    answer = desk.sign_in()
    assert answer.status_code == 403
    assert "tickdeck user add neo --no-password --subject &#x27;new one&#x27;" in answer.text
    assert desk.role("neo") is None
    desk.provider.claims["groups"] = "all"
    assert desk.sign_in().status_code == 303
    assert desk.role("neo") == "viewer"


def test_a_name_that_somebody_has_is_not_taken_over(desk: Desk) -> None:
    desk.provider.subject, desk.provider.claims = "a stranger", {"preferred_username": "Anna", "groups": "it"}
    answer = desk.sign_in()
    assert answer.status_code == 403
    assert "another user of your name" in answer.text


def test_a_disabled_user_stays_out(desk: Desk) -> None:
    with_settings(desk.database, lambda pool: users.change_user(pool, "known", disabled=True))
    try:
        answer = desk.sign_in()
    finally:
        with_settings(desk.database, lambda pool: users.change_user(pool, "known", disabled=False))
    assert answer.status_code == 403


def test_what_was_refused_is_in_the_audit_log(desk: Desk) -> None:
    desk.provider.subject, desk.provider.claims = "audited", {}
    desk.sign_in()
    entries: list[users.AuditEntry] = []

    async def look(pool: Pool) -> None:
        entries.extend([each async for each in users.read_audit(pool)])

    with_settings(desk.database, look)
    assert (entries[-1].event, entries[-1].detail["subject_there"]) == ("sign_in_refused", "audited")


def test_what_is_sealed_is_for_one_cookie() -> None:
    kept = sealed("a token", "cookie")
    assert unsealed(kept, "cookie") == "a token"
    assert unsealed(kept, "another") is None
    assert unsealed(kept[:-4] + "AAAA", "cookie") is None
    assert unsealed("no such thing", "cookie") is None


def test_an_attempt_knows_its_own_state_only() -> None:
    attempt = Attempt.new()
    assert attempt.wanted(attempt.state("/?a=ü")) == "/?a=ü"
    assert Attempt.new().wanted(attempt.state("/")) is None
    for state in ("", ".", "x.%", "é.é", attempt.state("/") + "A", attempt.state("/").partition(".")[0]):
        assert attempt.wanted(state) is None
    assert len({attempt.nonce, attempt.verifier, attempt.state("/").partition(".")[0]}) == 3
    assert len(attempt.verifier) == 43


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"sub": "1", "preferred_username": "otto"}, "otto"),
        ({"sub": "1", "preferred_username": "otto\n", "email": "o@example.com"}, "o@example.com"),
        ({"sub": "1", "preferred_username": "<img onerror=x>"}, "1"),
        ({"sub": "auth0|1", "preferred_username": 7}, "user-"),
        ({"sub": "--role admin"}, "user-"),
    ],
)
def test_names_of_new_users(claims: dict[str, Any], name: str) -> None:
    assert name_of(claims).startswith(name)
    assert users.is_name(name_of(claims))


def test_the_highest_role_counts() -> None:
    rules = ProviderSettings(
        oidc_role_claim="g", oidc_roles={"a": "viewer", "b": "admin"}, oidc_role="analyst"
    )
    assert [role_of({"g": said}, rules) for said in (["a", "b"], "a", [], None, {"a": 1}, [["a"]])] == [
        "admin", "viewer", "analyst", "analyst", "analyst", "analyst",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"oidc_issuer": "https://id.example"}, "CLIENT_ID"),
        ({"oidc_issuer": "http://id.example", "oidc_client_id": "t"}, "no https address"),
        ({"oidc_issuer": "https://id.example", "oidc_client_id": "t", "oidc_scopes": ("email",)}, "openid"),
        ({"oidc_issuer": "https://id.example", "oidc_client_id": "t", "oidc_role_claim": "g"}, "go together"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        ProviderSettings(**settings)


def test_who_came_by_the_provider_is_led_on_to_sign_out_there_too(desk: Desk) -> None:
    browser, address = desk.leave()
    desk.come_back(browser, address)
    with psycopg.connect(desk.database) as connection:
        kept = connection.execute("select identity_token from user_sessions").fetchall()
    assert kept
    assert desk.provider.tokens[-1].split(".")[1] not in str(kept), "it is of use to who has the cookie only"
    out = browser.post(
        f"{desk.url}/logout", headers={"Origin": desk.url}, allow_redirects=False, timeout=PATIENCE_S
    )
    assert out.status_code == 200
    refresh = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', out.text)
    assert refresh
    there = html.unescape(refresh[1])
    assert f'href="{html.escape(there)}">Sign out at &lt;b&gt;Desk&lt;/b&gt;, too' in out.text
    assert there.startswith(f"{desk.provider.issuer}/out?")
    said = parse_qs(urlsplit(there).query)
    assert said.pop("id_token_hint") == [desk.provider.tokens[-1]], "by which it need not ask its user"
    assert said == {"client_id": ["tickdeck"], "post_logout_redirect_uri": [f"{desk.url}/login"]}
    assert browser.get(f"{desk.url}/api/me", timeout=PATIENCE_S).status_code == 401

    again = browser.post(
        f"{desk.url}/logout", headers={"Origin": desk.url}, allow_redirects=False, timeout=PATIENCE_S
    )
    assert again.status_code in {303, 401}
