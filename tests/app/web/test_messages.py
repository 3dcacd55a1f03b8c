"""Whatever a viewer sends: it is answered, the connection lives, and nobody else's frames are late."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import psycopg
import pytest
import websockets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.app.replay.test_rooms import RANGE, serving
from tests.faults.running import wait_for
from tests.fuzzing import TIMES, examples
from tests.live_server import insert
from tests.replaying import made_up_ticks, store

PATIENCE_S: Final = 60
LATE_S: Final = 0.25
"""How late somebody else's frame may be for one message: what it takes is some ms, a collection of garbage more."""
NOW: Final = datetime(2024, 3, 4, 14, 30, tzinfo=UTC)


def nested(depth: int, inside: str) -> str:
    return (
        f"{inside * depth}1{']' * depth}"
        if inside == "["
        else f'{{"a":{nested(depth - 1, inside)}}}'
        if depth
        else "1"
    )


VALUES: Final = st.one_of(
    st.sampled_from(
        [
            "null", "true", "-0", "1e400", "-1e308", "123456789012345678901234567890", "9223372036854775807",
            "18446744073709551616", "0.1", "NaN", "Infinity", "[]", "{}", "[[]]", '[{"a":[]}]', '""', '"\\u0000"',
            '"\\ud800"', '"\\udc00\\ud800"', '"\u202e"', '"all"', '["all"]', '{"symbol":[],"interval":{}}',
            '"' + "x" * 60_000 + '"', "[" + ",".join(["1"] * 25_000) + "]", '["' + '","'.join("abcd" for _ in range(8000)) + '"]',
            nested(20, "["), nested(300, "["), nested(1_000, "["), nested(5_000, "["), nested(30_000, "["), nested(200, "{"),
        ]
    ),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
        max_leaves=12,
    ).map(lambda value: orjson.dumps(value).decode()),
)  # fmt: skip
CONTROLS: Final = (
    "play", "pause", "seek", "step", "speed", "loop", "open", "close", "nights", "order", "cancel", "costs", "take",
    "give",
)  # fmt: skip
FIELDS: Final = (
    "%s", '{"ping":%s}', '{"subscribe":%s}', '{"replay":%s}', '{"jump":%s}', '{"ping":1,"a":%s}',
    '{"subscribe":{"watchlist":%s}}', '{"subscribe":{"watchlist":["NYSE",%s]}}', '{"subscribe":{"chart":%s}}',
    '{"subscribe":{"chart":{"symbol":%s,"interval":"1m"}}}', '{"subscribe":{"chart":{"symbol":"NYSE","interval":%s}}}',
    '{"subscribe":{"tape":%s}}', '{"subscribe":{"rows":%s}}', '{"subscribe":{"colour":%s}}',
    '{"replay":{"open":%s}}', '{"replay":{"join":%s}}', '{"replay":{"do":%s}}', '{"replay":{"x":%s}}',
    '{"replay":{"open":{"symbols":%s,"day":"2024-03-08"}}}', '{"replay":{"open":{"symbols":[%s],"day":"2024-03-08"}}}',
    *('{"replay":{"open":{"symbols":["NYSE"],"from":"2024-03-08T10:00Z","' + name + '":%s}}}'
      for name in ("day", "start", "from", "to", "at", "speed", "play")),
    *('{"replay":{"do":"' + control + '","' + name + '":%s}}'
      for control in CONTROLS for name in ("to", "from", "speed", "unit", "steps", "symbol", "interval")),
    '{"replay":{"do":"step","unit":"candle","symbol":%s,"interval":"1m"}}',
    '{"replay":{"do":"step","unit":"candle","symbol":"NYSE","interval":%s}}',
    '{"replay":{"do":"step","unit":"candle","symbol":"NYSE","interval":"1m","steps":%s}}',
    '{"replay":{"do":"loop","from":0,"to":%s}}',
    *('{"replay":{"do":"order","symbol":"NYSE","side":"buy","kind":"limit","size":1,"price":1,"' + name + '":%s}}'
      for name in ("symbol", "side", "kind", "size", "price")),
    '{"replay":{"do":"cancel","order":%s}}', '{"replay":{"do":"costs","fee":%s}}', '{"replay":{"do":"nights","skip":%s}}',
    '{"subscribe":{"chart":{"symbol":"NYSE","interval":"1m","compare":%s}}}',
    '{"subscribe":{"chart":{"symbol":"NYSE","interval":"1m","compare":[%s]}}}',
)  # fmt: skip
"""Every field that a viewer may send, and some that it may not."""


def ping(value: object) -> str:
    return orjson.dumps({"ping": value}).decode()


@asynccontextmanager
async def bystander(url: str) -> AsyncIterator[list[float]]:
    """A viewer who does nothing wrong and is answered all the time; how long the event loop was held up, CPU seconds.

    CPU time of this thread, which serves: what else the machine does counts for nothing.
    """
    held_up = [0.0]

    async def watch() -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(0.001)
            held_up.append(time.thread_time() - before)

    async def talk(connection: websockets.ClientConnection) -> None:
        for number in range(10**9):
            await connection.send(ping(number))
            await until_pong(connection, number)
            await asyncio.sleep(0.005)

    async with websockets.connect(url, max_size=2**24) as connection:
        tasks = [asyncio.create_task(watch()), asyncio.create_task(talk(connection))]
        try:
            yield held_up
        finally:
            assert not any(task.done() for task in tasks), "it was never cut"
            for task in tasks:
                task.cancel()


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")  # what it found is long
@pytest.mark.timeout(300 * TIMES)
@pytest.mark.fault("garbage on `/ws`", "answered by an error; nobody's frame is late")
def test_no_message_ends_a_connection_or_holds_up_another(tickdeck_db: str) -> None:
    store(tickdeck_db, made_up_ticks(600))
    insert(tickdeck_db, (NOW, "SPY", 1.0))
    before = written(tickdeck_db)

    @settings(max_examples=examples(12), deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(st.sampled_from(FIELDS), VALUES), min_size=20, max_size=60), st.booleans())
    def holds(sent: list[tuple[str, str]], in_replay: bool) -> None:
        asyncio.run(converse(tickdeck_db, [form.replace("%s", value) for form, value in sent], in_replay))

    with only_its_own_garbage():
        holds()
    assert written(tickdeck_db) == before


def written(url: str) -> dict[str, int]:
    """How many rows of each table were ever written, once whoever wrote them has left and said so."""
    with psycopg.connect(url, autocommit=True) as connection:
        wait_for(
            lambda: (
                not connection.execute(
                    "select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
                    " and backend_type = 'client backend'"
                ).fetchall()
            )
        )
        return dict(
            connection.execute(
                "select relname, n_tup_ins + n_tup_upd + n_tup_del from pg_stat_user_tables"
                " where schemaname = 'public' or relname like '\\_hyper%'"
            ).fetchall()
        )


@contextmanager
def only_its_own_garbage() -> Iterator[None]:
    """The collector does not walk over what all tests before have left: that would hold up anybody."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


async def converse(url: str, messages: list[str], in_replay: bool) -> None:
    async with (
        serving(url, replay_rooms=100) as server,
        bystander(server.url) as held_up,
        websockets.connect(server.url, max_size=2**24) as connection,
    ):
        if in_replay:
            await connection.send(orjson.dumps({"replay": {"open": RANGE}}).decode())
        for number, message in enumerate(messages):
            if len(message.encode("utf-8", "surrogatepass")) > 65_000:
                continue
            await connection.send(message)
            await connection.send(ping(f"done {number}"))
            answers = await until_pong(connection, f"done {number}")
            for answer in answers:
                assert "server failed" not in answer.get("message", ""), (message[:300], answer)
                assert len(orjson.dumps(answer)) < 100_000
        assert max(held_up) < LATE_S


async def until_pong(connection: websockets.ClientConnection, pong: object) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = []
    async with asyncio.timeout(PATIENCE_S):
        while True:
            answer = orjson.loads(await connection.recv())
            if answer.get("pong") == pong:
                return answers
            answers.append(answer)


BAD: Final = (
    ('{"replay":{"do":[]}}', "in no replay"),
    ('{"replay":{"do":{}}}', "in no replay"),
    ('{"ping":' + "[" * 1_000 + "]" * 1_000 + "}", "nested more than 16 levels"),
    ('{"ping":' + "[" * 300 + "]" * 300 + "}", "nested more than 16 levels"),
    ('{"ping":"' + "x" * 5_000 + '"}', "longer than 1024 bytes"),
    ("[" * 20_000, "no JSON"),
    (
        '{"replay":{"open":{"symbols":["NYSE"],"day":"2024-03-08","start":[]}}}',
        "start must be open or day",
    ),
    ('{"subscribe":{"watchlist":' + str([[]]) + "}}", "watchlist: the symbol is no text"),
    ('{"' + "x" * 60_000 + '":1}', "unknown request"),
    ("{" + ",".join(f'"{n}":1' for n in range(5_000)) + "}", "unknown request"),
)
"""What is no message, and what is said of it."""


async def test_a_bad_message_is_answered_by_a_short_error(tickdeck_db: str) -> None:
    await asyncio.to_thread(store, tickdeck_db, made_up_ticks(600))
    async with serving(tickdeck_db) as server:
        for number, (message, why) in enumerate(BAD):
            async with websockets.connect(server.url, max_size=2**24) as connection:
                await connection.send(message)
                await connection.send(ping(number))
                (answer,) = [each for each in await until_pong(connection, number) if each["type"] == "error"]
                assert why in answer["message"]
                assert len(answer["message"]) < 500
