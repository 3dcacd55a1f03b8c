"""Ticks and candles as typed files: Parquet and Arrow IPC (Feather), every value as it is stored."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tickdeck.db.errors import ConfigurationError
from tickdeck.db.market.columns import Floats
from tickdeck.db.market.types import Candle, TickBatch

if TYPE_CHECKING:
    import pyarrow as pa

ENDINGS: Final = (".parquet", ".arrow", ".feather")
_ROW_GROUP_ROWS: Final = 1 << 17


class TableFile:
    """Writes one such file a piece at a time: each call returns the bytes that come next.

    Times are of type timestamp[us, UTC], symbols and codes strings, prices and sizes doubles; null is none.  Parquet has
    zstd, checksums of its pages, and differences in the place of times and seqs.  Raises `ConfigurationError` where
    pyarrow is not installed.
    """

    def __init__(self, ending: str, *, candles: bool, columns: Sequence[str] = ()) -> None:
        try:
            import pyarrow as pa  # noqa: PLC0415 - an extra, and 0.2 s
        except ImportError as exc:
            raise ConfigurationError(
                f"a file that ends in {ending} needs pyarrow: pip install 'tickdeck[parquet]'"
            ) from exc
        text, number = pa.string(), pa.float64()
        time = pa.timestamp("us", "UTC")
        if candles:
            numbers = dict.fromkeys(("open", "high", "low", "close", "volume", "turnover"), number)
            kinds = {"time": time, "symbol": text, **numbers, "trades": pa.int64()}
            kinds |= dict.fromkeys(columns, number)
        else:
            numbers = dict.fromkeys(("price", "size", "bid", "ask"), number)
            kinds = {
                "time": time,
                "symbol": text,
                "seq": pa.int64(),
                **numbers,
                "exchange": text,
                "conditions": text,
                "side": text,
            }
        self._schema = pa.schema(list(kinds.items()))
        self._out = _Pieces()
        open_writer = _parquet_writer if ending == ".parquet" else _arrow_writer
        self._writer = open_writer(self._out, self._schema)
        # A row group holds many pages of ticks; an Arrow file has a record batch for each.
        self._sizes = {"row_group_size": _ROW_GROUP_ROWS} if ending == ".parquet" else {}

    def ticks(self, batch: TickBatch) -> bytes:
        """The ticks of `batch`, in its order."""
        return self._write(
            {
                "time": batch.time_us,
                "symbol": batch.symbol,
                "seq": batch.seq,
                **{name: _nullable(getattr(batch, name)) for name in ("price", "size", "bid", "ask")},
                "exchange": batch.exchange,
                "conditions": batch.conditions,
                "side": batch.side_names(),
            },
            len(batch),
        )

    def candles(self, symbol: str, candles: Sequence[Candle], values: Mapping[str, Floats]) -> bytes:
        """The candles of `symbol`, in their order, with the values of indicators by their columns; NaN is null."""
        columns: dict[str, Any] = {
            name: [getattr(candle, name) for candle in candles]
            for name in ("open", "high", "low", "close", "volume", "turnover", "trades")
        }
        times = np.array([candle.time_us for candle in candles], dtype=np.int64)
        columns |= {name: _nullable(column) for name, column in values.items()}
        return self._write({"time": times, "symbol": [symbol] * len(candles), **columns}, len(candles))

    def end(self) -> bytes:
        """What closes the file."""
        self._writer.close()
        return self._out.take()

    def _write(self, columns: dict[str, Any], rows: int) -> bytes:
        import pyarrow as pa  # noqa: PLC0415

        arrays = []
        for field in self._schema:
            values = columns[field.name]
            if values is None:
                arrays.append(pa.nulls(rows, field.type))
            elif field.name == "time":
                arrays.append(pa.array(values, pa.int64()).cast(field.type))
            else:
                arrays.append(values if isinstance(values, pa.Array) else pa.array(values, field.type))
        self._writer.write_batch(pa.record_batch(arrays, schema=self._schema), **self._sizes)
        return self._out.take()


def typed_ending(path: Path | None) -> str | None:
    """The ending of the name of a typed file, else None.  Raises `ConfigurationError` for one that is compressed again."""
    if path is None:
        return None
    ending, before = path.suffix.lower(), Path(path.stem).suffix.lower()
    if ending in {".gz", ".zst", ".bz2", ".xz"} and before in ENDINGS:
        raise ConfigurationError(
            f"{path.name}: a {before} file is compressed by itself, end its name in {before}"
        )
    return ending if ending in ENDINGS else None


def _nullable(values: Any) -> Any:
    """NaN is none."""
    import pyarrow as pa  # noqa: PLC0415

    return pa.array(values, pa.float64(), mask=np.isnan(values))


def _parquet_writer(out: _Pieces, schema: pa.Schema) -> Any:
    import pyarrow.parquet  # noqa: PLC0415

    near = [name for name in ("time", "seq", "trades") if name in schema.names]
    return pyarrow.parquet.ParquetWriter(
        out,
        schema,
        compression="zstd",
        use_dictionary=[name for name in schema.names if name not in near],
        column_encoding=dict.fromkeys(near, "DELTA_BINARY_PACKED"),
        write_page_checksum=True,
    )


def _arrow_writer(out: _Pieces, schema: pa.Schema) -> Any:
    import pyarrow.ipc  # noqa: PLC0415

    return pyarrow.ipc.new_file(out, schema, options=pyarrow.ipc.IpcWriteOptions(compression="zstd"))


class _Pieces(io.RawIOBase):
    """A file that is only written to, and from whose beginning is taken what has been written."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._place = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self._held += view
        self._place += len(view)
        return len(view)

    def tell(self) -> int:
        return self._place

    def take(self) -> bytes:
        taken = bytes(self._held)
        self._held.clear()
        return taken
