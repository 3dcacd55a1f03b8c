"""Local exchanges that anybody may watch: `make demo-exchange` runs them with a dashboard, without the internet.

Prints the options of `tickdeck run` by which it finds them, and goes on until it is stopped.  Now and then something goes
wrong: a connection is cut, trades are not told, or cannot be asked for.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from tests.exchanges.binance import LocalBinance
from tests.exchanges.coinbase import LocalCoinbase
from tests.exchanges.kraken import LocalKraken
from tests.exchanges.local import LocalExchange


async def run(*, with_dashboard: bool) -> None:
    """Three exchanges, each at a rate of its own."""
    exchanges: list[tuple[LocalExchange, float]] = [
        (LocalBinance(["BTC/USDT", "ETH/USDT", "SOL/USDT"], seed=1), 60.0),
        (LocalCoinbase(["BTC/USD", "ETH/USD"], seed=2), 20.0),
        (LocalKraken(["BTC/USD", "XRP/USD"], seed=3), 10.0),
    ]
    async with AsyncExitStack() as stack:
        for local, _ in exchanges:
            await stack.enter_async_context(local)
        feeds = [f"--feed={local.name}:{','.join(local.symbols)}" for local, _ in exchanges]
        urls = [f"--url={local.name}={local.url}" for local, _ in exchanges]
        working = [local.run(rate) for local, rate in exchanges] + [
            misbehave([local for local, _ in exchanges])
        ]
        if not with_dashboard:
            print(" ".join(["tickdeck run", *feeds, *urls]), flush=True)  # noqa: T201
            await asyncio.gather(*working)
            return
        going_on = asyncio.gather(*working)
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("tickdeck"), "run", *feeds, *urls
        )
        try:
            await process.wait()
        finally:
            going_on.cancel()
            with suppress(asyncio.CancelledError):
                await going_on


async def misbehave(exchanges: list[LocalExchange]) -> None:
    """Something every half a minute."""
    chance = random.Random(4)
    while True:
        await asyncio.sleep(chance.uniform(20, 40))
        local = chance.choice(exchanges)
        fault = chance.choice(["cut", "lost", "kept", "silent"])
        if fault == "cut":
            local.cut()
        elif fault == "silent":
            local.go_silent()
        else:
            if fault == "kept":
                local.refuse_rest(404, 1)
            local.lose(30)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--run", action="store_true", help="start the dashboard as well")
    with suppress(KeyboardInterrupt):
        asyncio.run(run(with_dashboard=parser.parse_args().run))
