"""What a file does not say is not guessed, and what the program advises leads to right data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tickdeck.db.errors import ConfigurationError
from tickdeck.db.market.types import BUY, SELL, concat
from tickdeck.feeds.csv.options import parse_options
from tickdeck.feeds.csv.reader import CsvReader
from tickdeck.feeds.errors import FileError

HEAD = "time,symbol,price,size"
AT = "2024-01-02T14:30:0{}Z,A"


def read(folder: Path, text: str, **options: Any) -> tuple[Any, list[str], list[str]]:
    """The ticks, the reasons of the rejects, and what was assumed."""
    path = folder / "trades.csv"
    path.write_text(text)
    reader = CsvReader(path, parse_options(**options))
    batches = list(reader)
    assert reader.facts is not None
    rejects = [reject.reason for batch in batches for reject in batch.rejects]
    return concat([batch.ticks for batch in batches]), rejects, reader.facts.assumptions()


def rows(name: str, values: list[str]) -> str:
    """Trades with one more column."""
    lines = [f"{AT.format(n)},10,1,{value}" for n, value in enumerate(values)]
    return "\n".join([f"{HEAD},{name}", *lines, ""])


@pytest.mark.parametrize(
    ("name", "values", "options", "sides"),
    [
        ("side", ["1", "2"], {}, [0, 0]),  # the buyer of FIX, the seller of others
        ("side", ["0", "1"], {}, [0, 0]),
        ("side", ["1", "1"], {}, [0, 0]),
        ("side", ["1", "-1", "0"], {}, [BUY, SELL, 0]),
        ("side", ["1", "2"], {"sides": "buy=2,sell=1"}, [SELL, BUY]),
        ("direction", ["buy", "SELL", "PlusTick"], {}, [BUY, SELL, 0]),
        ("isBuyerMaker", ["true", "false"], {}, [SELL, BUY]),
    ],
)
def test_sides(
    tmp_path: Path, name: str, values: list[str], options: dict[str, str], sides: list[int]
) -> None:
    ticks, rejects, said = read(tmp_path, rows(name, values), **options)
    assert rejects == []
    assert ticks.side.tolist() == sides
    unknown = not any(sides)
    assert any("--sides" in each for each in said) == unknown


@pytest.mark.parametrize("text", ["buy=1", "buy=1,sell=1", "1=buy,2=sell", "buy,sell", ""])
def test_sides_that_say_nothing_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="--sides"):
        parse_options(sides=text)


@pytest.mark.parametrize(
    ("text", "options", "why", "way_out", "price"),
    [
        (f"time,symbol,price_cents,size\n{AT.format(0)},18715,1\n", {"columns": "price=price_cents"},
         "another unit by its name", {"price_scale": "100"}, 187.15),
        (f"time,symbol,price[1e-4],size\n{AT.format(0)},1871500,1\n", {"columns": "price=price[1e-4]"},
         "another unit by its name", {"price_scale": "10000"}, 187.15),
        (f"{HEAD}\n{AT.format(0)},0478025,1\n{AT.format(1)},0478050,1\n", {}, "decimals that are implied",
         {"price_scale": "100"}, 4780.25),
    ],
)  # fmt: skip
def test_prices_of_another_unit(
    tmp_path: Path, text: str, options: dict[str, str], why: str, way_out: dict[str, str], price: float
) -> None:
    with pytest.raises(FileError, match=why):
        read(tmp_path, text, **options)
    ticks, _, _ = read(tmp_path, text, **options, **way_out)
    assert ticks.price[0] == price


def test_an_apostrophe_may_be_that_of_32nds(tmp_path: Path) -> None:
    text = f"{HEAD}\n{AT.format(0)},119'165,1'000\n{AT.format(1)},12'345.50,1'000\n"
    ticks, rejects, _ = read(tmp_path, text)
    assert ticks.price.tolist() == [12345.5]
    assert ticks.size.tolist() == [1000]
    assert len(rejects) == 1
    assert "32nds" in rejects[0]
    ticks, rejects, _ = read(tmp_path, text, decimal="point")
    assert (ticks.price.tolist(), rejects) == ([119165, 12345.5], [])


def test_a_total_is_no_size_whoever_says_so(tmp_path: Path) -> None:
    lines = [f"{AT.format(n)},10,{volume}" for n, volume in enumerate([100, 350, 400])]
    text = "\n".join(["time,symbol,price,total_volume", *lines, ""])
    with pytest.raises(FileError, match="--map size="):
        read(tmp_path, text, columns="size=total_volume")
    assert read(tmp_path, text, columns="size=")[0].size.tolist() == [0, 0, 0]


def test_parts_of_a_second_that_are_said_are_taken(tmp_path: Path) -> None:
    ticks, rejects, _ = read(tmp_path, rows("ms", ["007", "1000"]), columns="fraction=ms")
    assert ticks.time_us.tolist()[0] % 1_000_000 == 7_000
    assert "no part of a second" in rejects[0]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("UpdActn", ["0", "2"]),
        ("canceled_trade_condition_id", ["0", "40"]),
        ("unreported", ["false", "true"]),
    ],
)
def test_rows_that_do_not_stand(tmp_path: Path, name: str, values: list[str]) -> None:
    ticks, rejects, _ = read(tmp_path, rows(name, values))
    assert len(ticks) == len(rejects) == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (rows("series", ["EQ", "BL"]), "--where series=EQ"),
        ("date       time          symbol  price  size\n2024-01-02 14:30:00.123  AAPL  187.15  1\n", "tr -s"),
        ("T,20240102093000,187.15,100,P,0\nQ,20240102093000,187.15,100,P,0\n", "--columns"),
    ],
)
def test_the_way_out_is_told(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(FileError, match=why):
        read(tmp_path, text)


def test_numbers_that_are_missing_give_way_to_the_order(tmp_path: Path) -> None:
    ticks, rejects, _ = read(tmp_path, rows("id", ["", ""]))
    assert (ticks.seq.tolist(), rejects) == ([1, 1], [])
    ticks, _, _ = read(tmp_path, rows("trade_id/\u4ea4\u6613id", ["101", "102"]))
    assert ticks.seq.tolist() == [101, 102]
