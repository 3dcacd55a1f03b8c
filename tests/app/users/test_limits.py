"""How much one user and one address may have at a time."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tickdeck.app.config import LimitSettings
from tickdeck.app.users.identity import OWNER, Identity
from tickdeck.app.users.limits import LimitError, Limits, place_of

ANNA = Identity("anna", "viewer", 1)
OTTO = Identity("otto", "viewer", 2)


@pytest.mark.parametrize("what", ["connection", "request"])
def test_a_user_has_so_many_wherever_he_is(what: str) -> None:
    limits = Limits(LimitSettings(connections_each=2, requests_each=2))
    take = getattr(limits, what)
    with take(ANNA, "10.0.0.1"), take(ANNA, "10.0.0.2"):
        with pytest.raises(LimitError, match=r"you have 2 .*, the most there may be"), take(ANNA, "10.0.0.3"):
            pass
        with take(OTTO, "10.0.0.1"):
            pass
    with take(ANNA, "10.0.0.1"), take(ANNA, "10.0.0.1"):
        pass  # what was refused and what has ended count no more


@pytest.mark.parametrize("what", ["connection", "request"])
def test_an_address_has_so_many_whoever_is_there(what: str) -> None:
    limits = Limits(LimitSettings(connections_per_address=2, requests_per_address=2))
    take = getattr(limits, what)
    with take(ANNA, "2001:db8::1"), take(OTTO, "2001:db8::2"):
        with pytest.raises(LimitError, match="your address has 2"), take(ANNA, "2001:db8::ffff:3"):
            pass
        with take(ANNA, "2001:db8:0:1::1"):
            pass


def test_a_program_counts_with_its_owner() -> None:
    limits = Limits(LimitSettings(connections_each=1))
    program = Identity("anna", "viewer", 1, b"token", frozenset({"read"}))
    with (
        limits.connection(program, "10.0.0.1"),
        pytest.raises(LimitError),
        limits.connection(ANNA, "10.0.0.2"),
    ):
        pass


def test_polling_is_as_often_as_so_many_connections_would() -> None:
    limits = Limits(LimitSettings(connections_each=2))
    for _ in range(4):
        limits.poll(ANNA, "10.0.0.1")
    with pytest.raises(LimitError, match="asked for frames too often") as caught:
        limits.poll(ANNA, "10.0.0.2")
    assert 0 < caught.value.wait_s <= 0.5
    limits.poll(OTTO, "10.0.0.1")


def test_what_is_watched_changes_so_often_a_minute() -> None:
    limits = Limits(LimitSettings(subscriptions_each=10, subscriptions_per_address=12))
    for _ in range(10):
        limits.subscription(ANNA, "10.0.0.1")
    with pytest.raises(LimitError, match="changed what is watched too often"):
        limits.subscription(ANNA, "10.0.0.2")
    for _ in range(2):
        limits.subscription(OTTO, "10.0.0.1")
    with pytest.raises(LimitError):
        limits.subscription(OTTO, "10.0.0.1")


def test_what_is_refused_for_the_address_does_not_count_for_the_user() -> None:
    limits = Limits(LimitSettings(changes_each=3, changes_per_address=4))
    for _ in range(3):
        limits.change(OTTO, "10.0.0.1")
    limits.change(ANNA, "10.0.0.1")
    for _ in range(5):
        with pytest.raises(LimitError, match="your address has changed something too often"):
            limits.change(ANNA, "10.0.0.1")
    for _ in range(2):
        limits.change(ANNA, "10.0.0.2")
    with pytest.raises(LimitError, match="you have changed something too often"):
        limits.change(ANNA, "10.0.0.2")


def test_the_implicit_owner_has_no_limits() -> None:
    limits = Limits(LimitSettings(connections_each=1, subscriptions_each=1))
    with ExitStack() as held:
        for _ in range(5):
            held.enter_context(limits.connection(OWNER, "127.0.0.1"))
            limits.subscription(OWNER, "127.0.0.1")
            limits.poll(OWNER, "127.0.0.1")


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        (None, "unknown"),
        ("unix:", "unix:"),
    ],
)
def test_what_counts_as_one_address(address: str | None, place: str) -> None:
    assert place_of(address) == place
