"""What goes over the bus: the same comes out, and of anything else it is said what is wrong."""

from __future__ import annotations

from dataclasses import fields, replace
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pytest
from pydantic import SecretStr

from tickdeck.db.errors import ConfigurationError
from tickdeck.db.feed_gaps import FeedGap
from tickdeck.db.market.corrections import Correction
from tickdeck.db.market.types import TickBatch, concat
from tickdeck.feeds.bus.messages import Message, MessageError, decoded, encoded, parted
from tickdeck.feeds.bus.settings import BusSettings, address_of

START_US = 1_700_000_000_000_000


def ticks(count: int = 6) -> TickBatch:
    number = np.arange(count)
    return TickBatch(
        START_US + number,
        np.array([("AAA", "Ö/USDT", "CCC")[each % 3] for each in number], dtype=object),
        number,
        number.astype(float),
        number.astype(float),
        np.where(number % 2, np.nan, 1.0),
        np.full(count, np.nan),
        exchange=np.array([None if each % 2 else "X" for each in number], dtype=object),
        side=(number % 3 - 1).astype(np.int16),
    )


def assert_same(found: TickBatch, expected: TickBatch) -> None:
    for name in (each.name for each in fields(TickBatch)):
        column, wanted = getattr(found, name), getattr(expected, name)
        assert (column is None) == (wanted is None), name
        if wanted is not None:
            assert column.dtype == wanted.dtype
            np.testing.assert_array_equal(column, wanted)


def test_what_goes_in_comes_out() -> None:
    said = Message(
        "ccxt:kucoin",
        ticks(),
        (FeedGap(uuid4(), "made", "AAA", START_US, START_US + 1, None, None, "filling", "lost"),),
        (Correction(symbol="AAA", time_us=START_US, seq=0, kind="correct", price=1.5, known_us=START_US),),
    )
    found = decoded(encoded(said))
    assert replace(found, ticks=said.ticks) == said
    assert_same(found.ticks, said.ticks)
    assert encoded(found) == encoded(said)
    assert len(decoded(encoded(Message("made", ticks(0)))).ticks) == 0


def test_partitions_hold_all_ticks_once_each_symbol_in_its_order() -> None:
    parts = list(parted(ticks(9_000), 4))
    assert sum(len(part) for _, part in parts) == 9_000
    places: dict[str, int] = {}
    for partition, part in parts:
        assert len(part) <= 2_000
        assert {places.setdefault(each, partition) for each in part.symbol} == {partition}
    together = concat([part for _, part in parts])
    for symbol in ("AAA", "Ö/USDT", "CCC"):
        assert (np.diff(together.seq[together.symbol == symbol]) > 0).all()


def table(**columns: pa.Array) -> pa.Table:
    with pa.ipc.open_stream(encoded(Message("made", ticks()))) as stream:
        good = stream.read_all()
    for name, column in columns.items():
        place = good.schema.names.index(name) if name in good.schema.names else len(good.schema)
        good = good.remove_column(place) if place < len(good.schema) else good
        good = good.add_column(place, name, column)
    return good


def written(good: pa.Table) -> bytes:
    out = pa.BufferOutputStream()
    with pa.ipc.new_stream(out, good.schema) as stream:
        stream.write_table(good)
    return bytes(out.getvalue())


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "cannot be read"),
        (b"\x00" * 64, "cannot be read"),
        (encoded(Message("made", ticks()))[:-50], "cannot be read"),
        (written(table().replace_schema_metadata({})), "no version"),
        (written(table().replace_schema_metadata({b"tickdeck": b"2", b"feed": b"a"})), "of version 2"),
        (written(table().replace_schema_metadata({b"tickdeck": b"1"})), "cannot be read"),
        (written(table().drop_columns(["price"])), "no column 'price'"),
        (written(table(price=pa.array([1] * 6))), "of type int64, not double"),
        (written(table(mood=pa.array([1] * 6))), "a column 'mood'"),
        (written(table(seq=pa.array([1, 2, None, 4, 5, 6]))), "no seq in 1 of its ticks"),
        (written(table(side=pa.array([2] * 6, pa.int16()))), "side that are not between"),
        (
            written(
                table().replace_schema_metadata({b"tickdeck": b"1", b"feed": b"a", b"gaps": b'[{"id": 1}]'})
            ),
            "cannot be read",
        ),
    ],
)
def test_anything_else_is_refused_and_says_why(data: bytes, why: str) -> None:
    with pytest.raises(MessageError, match=why):
        decoded(data)


@pytest.mark.parametrize(
    ("name", "value"), [("from_us", str(2**70)), ("from_us", "-5"), ("why", '"\\u0000"'), ("state", '"odd"')]
)
def test_gaps_that_no_database_takes_are_refused(name: str, value: str) -> None:
    said = {
        "id": f'"{uuid4()}"', "feed": '"made"', "symbol": '"AAA"', "from_us": "1", "to_us": "2", "from_seq": "null",
        "to_seq": "null", "state": '"filling"', "why": '""', name: value,
    }  # fmt: skip
    text = ", ".join(f'"{each}": {of}' for each, of in said.items())
    told = {b"tickdeck": b"1", b"feed": b"a", b"gaps": f"[{{{text}}}]".encode()}
    with pytest.raises(MessageError):
        decoded(written(table().replace_schema_metadata(told)))


def test_an_address_has_its_login_and_nothing_shows_it() -> None:
    found = address_of("nats://feeds:s%40cret@one:4222,nats://two:4222", BusSettings())
    assert (found.user, found.password, found.token) == ("feeds", "s@cret", None)
    assert found.servers == ("nats://one:4222", "nats://two:4222")
    assert "cret" not in found.safe
    assert address_of("nats://t0ken@one", BusSettings()).token == "t0ken"
    settings = BusSettings(bus_user="a", bus_password=SecretStr("b"))
    assert (address_of("nats://one", settings).user, address_of("nats://one", settings).password) == (
        "a",
        "b",
    )
    assert address_of("tls://one", settings).tls is not None
    for wrong in ("", "one:4222", "http://one", "nats://a:secret@", "nats://one,secret@two"):
        with pytest.raises(ConfigurationError) as refused:
            address_of(wrong, settings)
        assert "secret" not in str(refused.value)
