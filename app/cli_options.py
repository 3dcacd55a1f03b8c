"""Options that several commands of feeds have in common, each written once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

if TYPE_CHECKING:
    from feeds.csv_options import CsvOptions
    from feeds.registering import Venue

Files = Annotated[list[Path], typer.Argument(help="CSV files, also compressed (gzip, zstd, bzip2, xz).")]
Speed = Annotated[str, typer.Option("--speed", help="Times real speed, or max.")]


@dataclass(frozen=True, slots=True)
class FileOptions:
    """How files are read and what becomes of their rows: each field is an option of the commands that read files."""

    columns: Annotated[
        str | None,
        typer.Option("--map", help="Which column is what: time=ts,price=px,… (seq= for: there is none)."),
    ] = None
    delimiter: Annotated[
        str | None, typer.Option(help="One character, or comma, semicolon, tab, pipe, space.")
    ] = None
    time_zone: Annotated[
        str | None,
        typer.Option(
            "--timezone",
            "--time-zone",
            help="IANA zone of times in the file that state none (America/New_York).",
        ),
    ] = None
    time_unit: Annotated[
        str | None, typer.Option(help="Unit of epoch times: s, ms, us or ns (default: by magnitude).")
    ] = None
    symbol: Annotated[
        str | None, typer.Option(help="The symbol of every row, for files without such a column.")
    ] = None
    header: Annotated[
        str | None, typer.Option("--columns", help="Names of the columns of a file without a header line.")
    ] = None
    exchange: Annotated[
        str | None,
        typer.Option(
            help="Where the symbols trade: an ISO 10383 code such as XNYS, or none (around the clock)."
        ),
    ] = None
    exchange_timezone: Annotated[
        str | None,
        typer.Option(help="Zone whose midnights divide the day candles (default: the exchange's, else UTC)."),
    ] = None
    rejects_file: Annotated[
        Path | None,
        typer.Option("--rejects", help="File for refused rows (default: a new one in the data folder)."),
    ] = None

    def csv(self) -> CsvOptions:
        """How to read the files; raises `ConfigurationError` naming the option that is wrong."""
        from feeds.csv_options import parse_options  # noqa: PLC0415 - start-up time of the other commands

        return parse_options(
            columns=self.columns,
            delimiter=self.delimiter,
            time_zone=self.time_zone,
            time_unit=self.time_unit,
            symbol=self.symbol,
            header=self.header,
        )

    def venue(self) -> Venue | None:
        """Where the files' symbols trade, if that is said; raises `ConfigurationError`."""
        from feeds.registering import parse_venue  # noqa: PLC0415 - as above

        return parse_venue(self.exchange, self.exchange_timezone)


def takes_file_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` an option for each field of its keyword parameter `options`, in the place of that."""
    hints = get_type_hints(FileOptions, include_extras=True)
    spread = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in fields(FileOptions)
    ]
    signature = inspect.signature(command, eval_str=True)
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        parameters += spread if parameter.name == "options" else [parameter]

    @functools.wraps(command)
    def run(**given: Any) -> None:
        options = FileOptions(**{parameter.name: given.pop(parameter.name) for parameter in spread})
        command(options=options, **given)

    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return run
