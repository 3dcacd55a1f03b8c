"""Signing in from a real browser, and out; a session that ends while frames stream."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from playwright.sync_api import expect

from tests.app.users.provider import LocalProvider
from tests.browser.dashboard import Dashboard
from tests.browser.watching import Watched
from tests.people import PASSWORD, with_settings
from tickdeck.app.users.passwords import hash_password
from tickdeck.db import users
from tickdeck.db.session import Pool
from tickdeck.testing.databases import Databases


@pytest.fixture(scope="module")
def provider() -> Iterator[LocalProvider]:
    """Where users may sign in too; what it says of them is hostile."""
    with LocalProvider() as started:
        started.subject = '<img src=x onerror="console.error(1)">'
        started.claims = {"preferred_username": "<script>console.error(1)</script>"}
        yield started


@pytest.fixture(scope="module")
def guarded(_tickdeck_databases: Databases, provider: LocalProvider) -> Iterator[tuple[Dashboard, str]]:
    """A dashboard with one user, anna, and the address of its database."""
    with _tickdeck_databases.copy() as url:
        with_settings(
            url, lambda pool: users.add_user(pool, "anna", "admin", password_hash=hash_password(PASSWORD))
        )
        with Dashboard(url, "run", "--symbols", "1", "--rate", "10", settings=provider.settings) as dashboard:
            yield dashboard, url


def sign_in(watched: Watched, dashboard: Dashboard, name: str = "anna", address: str = "") -> None:
    watched.page.goto(address or f"{dashboard.url}/?interval=5m")
    watched.page.wait_for_url("**/login?next=*")
    # The browser says where it cannot focus it any more.
    expect(watched.page.get_by_label("Name")).to_be_focused()
    watched.page.get_by_label("Name").fill(name)
    watched.page.get_by_label("Password").fill(PASSWORD)
    watched.page.get_by_role("button", name="Sign in").click()


async def end_sessions(pool: Pool) -> None:
    """End anna's, as an administrator would."""
    user = await users.find_user(pool, "anna")
    assert user is not None
    await users.end_sessions_of(pool, user.id)


def test_signs_in_comes_back_and_signs_out(guarded: tuple[Dashboard, str], watched: Watched) -> None:
    dashboard, _ = guarded
    sign_in(watched, dashboard)
    watched.state("live")
    assert "interval=5m" in watched.page.url
    expect(watched.page.locator("#account")).to_contain_text("anna")
    watched.page.get_by_role("button", name="Sign out").click()
    watched.page.wait_for_url("**/login")
    watched.page.goto(dashboard.url)
    watched.page.wait_for_url("**/login?next=*")


def test_a_list_and_an_alert_are_handed_on_by_their_links(
    guarded: tuple[Dashboard, str], watched: Watched
) -> None:
    dashboard, url = guarded
    page = watched.page
    with_settings(
        url, lambda pool: users.add_user(pool, "paul", "analyst", password_hash=hash_password(PASSWORD))
    )
    sign_in(watched, dashboard)
    watched.state("live")
    page.select_option("#lists", "new")
    page.fill("#list-editor [name=name]", "Banks")
    page.fill("#list-editor textarea", "NOSUCH")
    page.click("#list-editor [type=submit]")
    page.click("#list-edit")
    page.get_by_role("button", name="Link to change").click()
    expect(page.get_by_label("The link")).to_be_visible()
    to_list = page.get_by_label("The link").input_value()
    page.keyboard.press("Escape")
    page.click("#alerts-open")
    page.fill("#alert-symbol", "NOSUCH")
    page.fill("#alert-condition", "price above 1")
    page.get_by_role("button", name="Add the alert").click()
    page.locator("#alerts-rules [data-press=link]").click()
    expect(page.locator("#alerts-tested")).to_contain_text("alert=")
    to_alert = page.locator("#alerts-tested span").last.inner_text()
    page.click("#alerts-close")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login")

    sign_in(watched, dashboard, "paul", to_list)
    expect(page.locator("#lists option:checked")).to_have_text("anna: Banks")
    page.click("#list-edit")
    expect(page.locator("#list-editor [name=name]")).not_to_be_editable()
    page.fill("#list-editor textarea", "NOSUCH\nMORE")
    page.click("#list-editor [type=submit]")
    expect(page.locator("#list-editor")).to_have_count(0)
    page.click("#list-edit")
    page.get_by_role("button", name="Keep a copy").click()
    expect(page.locator("#lists option:checked")).to_have_text("Banks")
    page.goto(to_alert)
    expect(page.locator("#alert-condition")).to_have_value("price above 1")
    expect(page.locator("#alerts-tested")).to_contain_text("From anna")
    page.get_by_role("button", name="Add the alert").click()
    expect(page.locator("#alerts-rules .what")).to_have_text("price above 1")
    page.click("#alerts-close")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login")
    with psycopg.connect(url) as connection:
        kept = "select u.name, l.name, l.entries::text from watchlists l join users u on u.id = owner_id order by 1"
        both = '[{"symbol": "NOSUCH"}, {"symbol": "MORE"}]'
        assert connection.execute(kept).fetchall() == [("anna", "Banks", both), ("paul", "Banks", both)]
        rules = "select u.name, link_hash is null from alert_rules join users u on u.id = owner_id order by 1"
        assert connection.execute(rules).fetchall() == [("anna", False), ("paul", True)]


def test_a_session_that_ends_while_frames_stream_leads_to_the_door(
    guarded: tuple[Dashboard, str], watched: Watched
) -> None:
    dashboard, url = guarded
    sign_in(watched, dashboard)
    watched.state("live")
    expect(watched.page.locator("#headline-last")).not_to_be_empty()
    watched.allow(r"401 \(Unauthorized\)")  # what the page may just be asking for
    watched.allow("body stream already read")  # Dash reads the refusal of a callback twice
    with_settings(url, end_sessions)
    watched.page.wait_for_url("**/login?next=*")


def test_who_signs_out_is_led_nowhere_else_by_the_socket_that_closes_then(
    guarded: tuple[Dashboard, str], watched: Watched
) -> None:
    dashboard, url = guarded
    sign_in(watched, dashboard)
    watched.state("live")
    watched.allow(r"401 \(Unauthorized\)")
    watched.allow("body stream already read")
    watched.allow("WebSocket connection to .* failed")  # the page tries again: nothing leads it away here
    # As while the answer to his signing out is on its way.
    watched.page.evaluate("() => addEventListener('submit', (event) => event.preventDefault())")
    watched.page.get_by_role("button", name="Sign out").click()
    there = watched.page.url
    with_settings(url, end_sessions)
    expect(watched.page.locator("#status")).not_to_have_attribute("data-state", "live")
    watched.painted()
    assert watched.page.url == there


def test_signs_in_at_a_provider(
    guarded: tuple[Dashboard, str], watched: Watched, provider: LocalProvider
) -> None:
    """Who is not known is told what an administrator can do; once that is done, he comes in and to the page he wanted."""
    dashboard, url = guarded
    page = watched.page
    page.goto(f"{dashboard.url}/?interval=5m")
    watched.allow(r"403 \(Forbidden\)")
    page.get_by_role("link", name="Sign in with <b>Desk</b>").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Nobody has added you")
    expect(alert).to_contain_text(f"--subject '{provider.subject}'")
    expect(page.locator("p img, p script")).to_have_count(0)
    with_settings(
        url,
        lambda pool: users.add_user(pool, "otto", "viewer", issuer=provider.issuer, subject=provider.subject),
    )
    page.get_by_role("link", name="Sign in with").click()
    watched.state("live")
    assert "interval=5m" in page.url
    expect(page.locator("#account")).to_contain_text("otto")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login")
    assert provider.sign_outs, "he was not led by the provider's way out"
