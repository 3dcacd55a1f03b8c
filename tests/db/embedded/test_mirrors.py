"""Which of a machine's apt sources count as Debian mirrors."""

from __future__ import annotations

import pytest

from tickdeck.db.embedded import EmbeddedUnavailable
from tickdeck.db.embedded.mirrors import debian_mirrors


def _index(mirror: str, suite: str, component: str = "main") -> str:
    return (
        f"'{mirror}/dists/{suite}/InRelease' x_InRelease 0 \n"
        f"'{mirror}/dists/{suite}/{component}/binary-amd64/Packages.xz' x_Packages 0 \n"
        f"'{mirror}/dists/{suite}/{component}/binary-all/Packages.xz' x_Packages 0 \n"
    )


@pytest.mark.parametrize(
    ("release", "security"),
    [
        ("bookworm", "bookworm-security"),
        ("buster", "buster/updates"),
        ("trixie", "trixie-security"),
        ("stable", ""),
    ],
)
def test_the_machines_mirrors_are_asked_for_trixie(release: str, security: str) -> None:
    printed = _index("http://mirror.example/debian", release) + _index(
        "http://mirror.example/debian", f"{release}-updates"
    )
    expected = {"http://mirror.example/debian": ["trixie", "trixie-updates"]}
    if security:
        printed += _index("mirror+file:/etc/security.list", security)
        expected["mirror+file:/etc/security.list"] = ["trixie-security"]
    assert debian_mirrors(printed) == expected


def test_other_repositories_are_left_out() -> None:
    printed = (
        _index("https://packages.example/linux/debian", "bookworm", "stable")
        + _index("https://packages.example/pub/repos", "bookworm-pgdg")
        + _index("http://mirror.example/debian", "bookworm-backports")
        + _index("http://mirror.example/debian", "bookworm", "contrib")
        + _index("http://mirror.example/debian", "bookworm")
    )
    assert debian_mirrors(printed) == {"http://mirror.example/debian": ["trixie"]}


@pytest.mark.parametrize(
    "printed",
    ["", "E: no sources", _index("http://mirror.example/security", "bookworm-security")],
    ids=["no sources", "error", "security only"],
)
def test_no_debian_mirror_is_said(printed: str) -> None:
    with pytest.raises(EmbeddedUnavailable, match="none of this machine's apt sources is a Debian mirror"):
        debian_mirrors(printed)


def test_ubuntu_is_told_apart() -> None:
    with pytest.raises(EmbeddedUnavailable, match="Ubuntu's do not carry them") as caught:
        debian_mirrors(_index("http://mirror.example/ubuntu", "noble"))
    assert "docker compose up" in str(caught.value)
    assert "DATABASE_URL" in str(caught.value)
