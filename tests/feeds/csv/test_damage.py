"""Random files in random layouts with random damage: every row is read exactly or refused, and the sum is the file."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tickdeck.db.market.types import from_us
from tickdeck.feeds.csv.options import CsvOptions, parse_options
from tickdeck.feeds.csv.reader import CsvReader
from tickdeck.feeds.errors import FileError

ZONE = ZoneInfo("Europe/Berlin")
STYLES = (
    "iso", "naive", "ms", "us", "dotted", "two columns", "compact", "midnight", "named month", "span", "parts", "offset",
    "in UTC by name",
)  # fmt: skip
HEADERS = (["symbol", "price", "size"], ["Symbol", "Last Price", "Trade Size"], ['"ticker"', '"px"', '"qty"'])
GROUPED = {".": str.maketrans({",": "'"}), ",": str.maketrans({",": ".", ".": ","})}
NAMES = {
    "two columns": ["date", "time"], "midnight": ["date", "time"], "span": ["Trade Date", "Trade Time"],
    "parts": ["date", "time", "usec"], "in UTC by name": ["Time (UTC)"],
}  # fmt: skip


def written(moment: datetime, style: str) -> list[str]:
    """The cells of a time."""
    local = moment.astimezone(ZONE)
    ways = {
        "iso": [moment.isoformat().replace("+00:00", "Z")],
        "naive": [f"{local:%Y-%m-%d %H:%M:%S.%f}"],
        "ms": [str(int(moment.timestamp() * 1000))],
        "us": [str((moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1))],
        "dotted": [f"{local:%d.%m.%Y %H:%M:%S.%f}"],
        "two columns": [f"{local:%Y%m%d}", f"{local:%H:%M:%S.%f}"],
        "compact": [f"{local:%Y%m%d%H%M%S%f}"],
        "named month": [f"{local:%d-%b-%Y %H:%M:%S.%f}"],
        "span": [f"{local:%Y.%m.%d}", f"0D{local:%H:%M:%S.%f}"],
        "parts": [f"{local:%Y%m%d}", f"{local:%H:%M:%S}", str(local.microsecond)],
        "offset": [f"{local:%Y-%m-%d %H:%M:%S.%f} GMT{local.utcoffset().total_seconds() / 3600:+.0f}"],  # type: ignore[union-attr]
        "in UTC by name": [f"{moment:%Y-%m-%d %H:%M:%S.%f}"],
        "midnight": [
            f"{local:%Y-%m-%d}",
            str(((local.hour * 60 + local.minute) * 60 + local.second) * 1000 + local.microsecond // 1000),
        ],
    }
    return ways[style]


def options_of(style: str, decimal: str) -> CsvOptions:
    zone = "Europe/Berlin" if style not in {"iso", "ms", "us", "offset", "in UTC by name"} else None
    form = "%d.%m.%Y %H:%M:%S.%f" if style == "dotted" else None
    unit = "ms" if style == "midnight" else None
    return parse_options(
        time_zone=zone, time_format=form, time_unit=unit, decimal="comma" if decimal == "," else None
    )


DAMAGE = ("cut", "letters", "extra", "empty price", "zero price", "no date", "far unit", "bytes")


def damaged(cells: list[str], how: str, delimiter: str, chance: random.Random) -> bytes:
    """A line that is no tick any more, whatever `how`."""
    price = len(cells) - 2
    cells = list(cells)
    changes = {"letters": (price, "1x5"), "empty price": (price, ""), "zero price": (price, "0"), "no date": (0, "soon"),  "far unit": (0, f"{chance.randrange(10**3, 10**4)}")}  # fmt: skip
    if how in changes:
        at, value = changes[how]
        cells[at] = value
    line = delimiter.join(cells).encode()
    if how == "cut":
        return line[: line.rindex(delimiter.encode())]
    if how == "extra":
        return line + delimiter.encode() + b"1"
    return line.replace(b"SYM", b"S\xff", 1) if how == "bytes" else line


@pytest.mark.parametrize("seed", range(120))
def test_every_row_is_read_exactly_or_refused(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    style = STYLES[seed % len(STYLES)]
    delimiter = chance.choice([";", "\t", "|"])
    decimal = chance.choice([".", ","])
    order = chance.choice(["up", "down", "any"])
    moment = datetime(2024, 1, 2, 6, tzinfo=UTC) + timedelta(days=chance.randrange(60))
    times = []
    for _ in range(chance.randrange(40, 200)):
        moment += timedelta(milliseconds=chance.choice([0, 0, 1, 17, 5000]))
        times.append(moment)
    if order == "any":
        chance.shuffle(times)
    if order == "down":
        times.reverse()
    grouped = chance.random() < 0.3
    titles = [b"# of some vendor, on some day"] * chance.choice([0, 0, 1, 3])
    header = [*NAMES.get(style, ["time"]), *chance.choice(HEADERS)]
    lines = [*titles, delimiter.join(header).encode()]
    right, wrong = [], []
    for number, at in enumerate(times, start=len(lines) + 1):
        price, size = f"{chance.randrange(1, 10**6) / 100:.2f}", str(chance.randrange(1, 1000))
        symbol = f"SYM {chance.randrange(3)}"
        shown = f"{float(price):,.2f}".translate(GROUPED[decimal]) if grouped else price.replace(".", decimal)
        cells = [*written(at, style), symbol, shown, size]
        if chance.random() < 0.15 and number > 12:
            lines.append(damaged(cells, chance.choice(DAMAGE), delimiter, chance))
            wrong.append(number)
        else:
            lines.append(delimiter.join(cells).encode())
            right.append((at, symbol, float(price), float(size)))
    path = tmp_path / "ticks.csv"
    path.write_bytes(b"".join(line + chance.choice([b"\n", b"\r\n"]) for line in lines))
    reader = CsvReader(path, options_of(style, decimal))
    read, refused = [], []
    seen: Counter[tuple[int, str, int]] = Counter()
    for batch in reader:
        ticks = batch.ticks
        refused += [reject.line for reject in batch.rejects]
        for row in range(len(ticks)):
            at = from_us(int(ticks.time_us[row]))
            read.append((at, ticks.symbol[row], float(ticks.price[row]), float(ticks.size[row])))
            seen[int(ticks.time_us[row]), ticks.symbol[row], int(ticks.seq[row])] += 1
    assert read == right
    assert sorted(refused) == wrong
    assert len(read) + len(refused) == len(lines) - 1 - len(titles)
    assert max(seen.values()) == 1, "two ticks of one identity"


def test_numbers_of_two_notations_stop_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mixed.csv"
    path.write_text("time;symbol;price;size\n1704205800;A;1.500;1\n1704205801;A;12,25;1\n", encoding="utf-8")
    for decimal in (None, "comma"):
        reader = CsvReader(path, parse_options(decimal=decimal))
        if decimal is None:
            with pytest.raises(FileError, match="say --decimal comma"):
                list(reader)
        else:
            assert [price for batch in reader for price in batch.ticks.price] == [1500.0, 12.25]


def test_a_header_that_comes_again_is_passed_over_and_another_one_ends_the_file(tmp_path: Path) -> None:
    path = tmp_path / "joined.csv"
    row = "2024-01-02T14:30:00Z,A,1.5,3"
    path.write_text(f"time,symbol,price,size\n{row}\ntime,symbol,price,size\n{row}\n", encoding="utf-8")
    reader = CsvReader(path, CsvOptions())
    assert [(len(batch), batch.rejects) for batch in reader] == [(2, ())]
    path.write_text(f"time,symbol,price,size\n{row}\ntime,symbol,size,price\n{row}\n", encoding="utf-8")
    reader = CsvReader(path, CsvOptions())
    batches = iter(reader)
    assert next(batches).ticks.price.tolist() == [1.5]
    with pytest.raises(FileError, match="line 3: here another header follows"):
        next(batches)


def test_a_bad_row_of_short_names_is_no_header(tmp_path: Path) -> None:
    """T (a symbol) at P (an exchange) with condition T: each is a short name of a column as well."""
    path = tmp_path / "letters.csv"
    rows = ["2024-01-02T14:30:00Z,T,,100,P,T", "2024-01-02T14:30:01Z,T,16.5,100,P,T"]
    path.write_text("\n".join(["time,symbol,price,size,exchange,conditions", *rows, ""]), encoding="utf-8")
    (batch,) = CsvReader(path, CsvOptions())
    assert batch.ticks.price.tolist() == [16.5]
    assert [(reject.line, reject.field) for reject in batch.rejects] == [(2, "price")]
