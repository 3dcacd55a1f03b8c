"""`tickdeck replay`: plays stored ticks back as messages, one JSON object a line, or to a loopback WebSocket."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(replay)


def replay(
    symbols: str = typer.Option(..., "--symbols", help="Symbols, separated by commas."),
    start: str = typer.Option(..., "--from", help="First instant, such as 2013-10-07T13:30Z."),
    end: str | None = typer.Option(None, "--to", help="Last instant; without it the end of the trading day."),
    speed: str = typer.Option("max", "--speed", help="0.25 to 1000 times real time, or max."),
    every: float = typer.Option(1.0, "--every", help="Seconds of market time between two frames."),
    chart: str | None = typer.Option(
        None, "--chart", help="SYMBOL:INTERVAL; without it the first symbol's 1m."
    ),
    tape: str | None = typer.Option(None, "--tape", help="Symbol of the tape; without it the first."),
    publish: int | None = typer.Option(
        None, "--publish", min=0, max=65535, help="Serve ws://127.0.0.1:PORT/ws instead; 0: a free port."
    ),
) -> None:
    """Play stored ticks back: a snapshot and then frames, as the dashboard's page gets them.

    The lines hold no wall-clock time and are the same in every run.
    """
    from app.replay_run import play  # noqa: PLC0415 - start-up time of the other commands

    play(symbols, start, end, speed=speed, every=every, chart=chart, tape=tape, publish=publish)
