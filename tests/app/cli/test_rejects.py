"""The file for refused rows destroys nothing, and is looked at before anything is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.feeding import Tickdeck

ROWS = "time,symbol,price,size\n2026-01-05T14:30:00Z,A,10,1\n2026-01-05T14:30:01Z,A,none,1\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "trades.csv"
    path.write_text(ROWS)
    return path


@pytest.mark.parametrize("way", ["itself", "link", "hard link", "other spelling"])
def test_it_is_never_the_file_that_is_read(tickdeck: Tickdeck, file: Path, way: str) -> None:
    rejects = {
        "itself": file,
        "link": file.parent / "link.csv",
        "hard link": file.parent / "hard.csv",
        "other spelling": file.parent / "x" / ".." / file.name,
    }[way]
    (file.parent / "x").mkdir()
    if way == "link":
        rejects.symlink_to(file)
    elif way == "hard link":
        rejects.hardlink_to(file)
    for force in ([], ["--force"]):
        ran = tickdeck("load", file, "--rejects", rejects, *force)
        assert ran.code == 1
        assert "is a file to be read" in ran.err
    assert file.read_text() == ROWS
    assert tickdeck.rows("select count(*) from ticks") == [(0,)]


def test_what_is_there_stays_unless_it_may_be_replaced(tickdeck: Tickdeck, file: Path) -> None:
    precious = file.parent / "precious.txt"
    precious.write_text("mine")
    ran = tickdeck("load", file, "--rejects", precious)
    assert (ran.code, precious.read_text()) == (1, "mine")
    assert "is there already: --force replaces it" in ran.err
    assert tickdeck.rows("select count(*) from ticks") == [(0,)]
    assert tickdeck("load", file, "--rejects", precious, "--force").code == 3
    assert "none" in precious.read_text()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("folder", "is a folder"),
        ("file.txt/below", "cannot be written"),
        ("x" * 300, "cannot be written"),
        ("gone-link", "leads nowhere"),
    ],
)
def test_an_impossible_place_is_said_before_anything_is_read(
    tickdeck: Tickdeck, file: Path, name: str, why: str
) -> None:
    (file.parent / "folder").mkdir()
    (file.parent / "file.txt").touch()
    (file.parent / "gone-link").symlink_to(file.parent / "nowhere")
    ran = tickdeck("load", file, "--rejects", f"{file.parent}/{name}")
    assert ran.code == 1
    assert why in ran.err
    assert tickdeck.rows("select count(*) from ticks") == [(0,)]


def test_two_loads_in_one_second_have_a_file_each(
    tickdeck: Tickdeck, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.strftime", lambda *_: "20260105T143000")
    for _ in range(3):
        assert tickdeck("load", file).code == 3
    kept = sorted((tickdeck.folder / "rejects").iterdir())
    assert [path.name for path in kept] == [f"trades-20260105T143000{n}.csv" for n in ("-2", "-3", "")]
    assert all("none" in path.read_text() for path in kept)
