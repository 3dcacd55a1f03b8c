"""Typed files (Parquet, Arrow, DBN) as the lines of text that they would be as CSV, so that one set of rules reads all.

Every value is written so that it is read back as the same one: numbers in the fewest digits that mean the same one of their
width (187.15 in 32 bits is 187.15), decimals and whole numbers in full, times with all their digits and, where they are of a zone, as UTC with a Z.  A null,
and a float that is no number, is an empty field.  There is no header line: line n is row n.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from tickdeck.db.market.spreadsheets import PROTECTED
from tickdeck.feeds.csv.kinds import Kind
from tickdeck.feeds.errors import FileError

if TYPE_CHECKING:
    import pyarrow as pa

_SHORT_TIME: Final = 1_000_000_000
"""Seconds since 1970, in 2001."""
_BATCH_ROWS: Final = 1 << 14
_BATCH_BYTES: Final = 1 << 23
_LINE_END: Final = "\x1e"
"""Stands for a line end inside a text, which is refused with it as without, where the text is used."""
_UNNAMED_INDEX: Final = "__index_level_0__"
"""What pandas calls an index without a name."""


def table_rows(file: BinaryIO, kind: Kind, name: str) -> tuple[tuple[str, ...], Iterator[bytes]]:
    """The columns of a Parquet or Arrow file that have a text, and its rows as lines; an index without a name stands first.

    Row groups and record batches are looked through as a whole before the first of their rows is passed on.  Raises
    `FileError` where the file is damaged, or the library that reads it is not installed.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra, and 0.2 s
    except ImportError as exc:
        raise FileError(
            name, f"is a file of the kind {kind.value}: pip install 'tickdeck[parquet]' lets it be read"
        ) from exc
    file.seek(0)
    try:
        schema, groups = _parquet(file) if kind is Kind.PARQUET else _arrow(file, kind)
        shown = [at for at, field in enumerate(schema) if not pa.types.is_nested(field.type)]
        shown.sort(key=lambda at: schema[at].name != _UNNAMED_INDEX)
        columns = tuple("" if schema[at].name == _UNNAMED_INDEX else schema[at].name for at in shown)
    except _damage() as exc:
        raise FileError(name, f"its {kind.value} data are damaged, nothing of it is read: {exc}") from exc

    def rows() -> Iterator[bytes]:
        row = 1
        try:
            for group in groups:
                for batch in group:
                    for piece in _bounded(batch):
                        _require_whole_times(name, piece, row)
                        yield _lines([piece.column(at) for at in shown])
                        row += len(piece)
        except _damage() as exc:
            raise FileError(
                name, f"its {kind.value} data are damaged, no row from {row:,} on is kept: {exc}"
            ) from exc

    return columns, rows()


def _damage() -> tuple[type[Exception], ...]:
    """What pyarrow raises for damaged data: a name may be no text, a length more than there is memory."""
    import pyarrow as pa  # noqa: PLC0415

    return (pa.ArrowException, OSError, ValueError, MemoryError)


Groups = Iterator[Iterator["pa.RecordBatch"]]


def _parquet(file: BinaryIO) -> tuple[pa.Schema, Groups]:
    import pyarrow.parquet  # noqa: PLC0415

    reader = pyarrow.parquet.ParquetFile(file, page_checksum_verification=True)

    def groups() -> Groups:
        for group in range(reader.num_row_groups):
            for _ in reader.iter_batches(_BATCH_ROWS, row_groups=[group]):
                pass
            yield reader.iter_batches(_BATCH_ROWS, row_groups=[group])

    return reader.schema_arrow, groups()


def _arrow(file: BinaryIO, kind: Kind) -> tuple[pa.Schema, Groups]:
    import pyarrow.ipc  # noqa: PLC0415

    reader: Any
    if kind is Kind.ARROW_FILE:
        reader = pyarrow.ipc.open_file(file)
        batches = (reader.get_batch(number) for number in range(reader.num_record_batches))
    else:
        reader = pyarrow.ipc.open_stream(file)
        batches = iter(reader)

    def groups() -> Groups:
        for batch in batches:
            batch.validate(full=True)
            yield iter([batch])

    return reader.schema, groups()


def _bounded(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    rows = max(1, min(_BATCH_ROWS, _BATCH_BYTES * len(batch) // max(1, batch.nbytes)))
    for start in range(0, len(batch), rows):
        yield batch.slice(start, rows)


def _require_whole_times(name: str, rows: pa.RecordBatch, first: int) -> None:
    """Raise `FileError` where numbers of 32 bits or fewer are as large as times since 1970 are: they are minutes off, or hours."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    for field, column in zip(rows.schema, rows.columns, strict=True):
        if field.type not in (pa.float16(), pa.float32()):
            continue
        least = pc.min(column.cast(pa.float32())).as_py()
        if least is not None and least >= _SHORT_TIME:
            reason = (
                f"{least:.0f} and the others are numbers of {field.type.bit_width} bits, which have seven digits: as times they "
                "are minutes off; write the column as timestamps or as 64-bit numbers, or the file without it"
            )
            raise FileError(name, reason, line=first, field=field.name)


def _lines(columns: list[pa.Array]) -> bytes:
    import pyarrow.compute as pc  # noqa: PLC0415

    texts = [_text(column) for column in columns]
    rows = pc.binary_join_element_wise(*texts, ",", null_handling="replace", null_replacement="")
    ended = pc.binary_join_element_wise(rows, "", "\n")
    return b"".join(ended.cast("binary").to_pylist())


def _text(column: pa.Array) -> pa.Array:
    """`column` as strings, those that would not stay one field in quotes."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_timestamp(kind):
        # By way of the bare number: Arrow would look for the zone in a database that not every machine has.
        text = column.cast(pa.int64()).cast(pa.timestamp(kind.unit)).cast(pa.string())
        return text if kind.tz is None else pc.binary_join_element_wise(text, "Z", "")
    if pa.types.is_floating(kind):
        # In the fewest digits that mean the same number of its own width: 187.15 that was kept in 32 bits was 187.15.
        number = column.cast(pa.float32()) if kind == pa.float16() else column
        return pc.if_else(pc.is_nan(number), None, number).cast(pa.string())
    if pa.types.is_primitive(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind):
        return column.cast(pa.string())
    text = column.cast(pa.string(), safe=False)
    for end in ("\n", "\r"):
        text = pc.replace_substring(text, end, _LINE_END)
    # What looks protected as texts in CSV files are would be read without its apostrophe.
    guarded = pc.match_substring_regex(text, PROTECTED.pattern.replace("'", "^'", 1))
    text = pc.if_else(guarded, pc.binary_join_element_wise("'", text, ""), text)
    special = pc.or_(pc.match_substring(text, '"'), pc.match_substring(text, ","))
    if pc.any(special).as_py():
        quoted = pc.binary_join_element_wise('"', pc.replace_substring(text, '"', '""'), '"', "")
        text = pc.if_else(special, quoted, text)
    return text


def dbn_rows(blocks: Iterable[bytes], name: str) -> tuple[tuple[str, ...], Iterator[bytes]]:
    """The columns of a DBN content, as Databento's own CSV has them, with its symbols, and its records as lines.

    Raises `FileError` where it is damaged, is of several schemas at once, or the library that reads it is not installed.
    """
    lines = _transcoded(blocks, name)
    first = next(lines, b"")
    header, _, rest = first.partition(b"\n")

    def rows() -> Iterator[bytes]:
        if rest:
            yield rest
        yield from lines

    return tuple(header.decode().split(",")), rows()


def _transcoded(blocks: Iterable[bytes], name: str) -> Iterator[bytes]:
    try:
        import databento_dbn as dbn  # noqa: PLC0415 - an extra
    except ImportError as exc:
        raise FileError(
            name, "is a DBN file of Databento: pip install 'tickdeck[databento]' lets it be read"
        ) from exc
    out = io.BytesIO()
    transcoder = dbn.Transcoder(
        out, dbn.Encoding.from_str("csv"), dbn.Compression.from_str("none"), map_symbols=True
    )
    try:
        for block in blocks:
            for start in range(0, len(block), _BATCH_BYTES):
                transcoder.write(block[start : start + _BATCH_BYTES])
                transcoder.flush()
                if text := out.getvalue():
                    yield text
                out.seek(0)
                out.truncate()
    except BaseException as exc:
        # A panic of the library, which has no class to be caught by, says as much as its errors do.
        if isinstance(exc, dbn.DBNError | ValueError) or type(exc).__name__ == "PanicException":
            reason = f"its DBN data are damaged or of a kind that is not read: {exc}"
            raise FileError(name, reason) from exc
        raise
    if transcoder.buffer():
        raise FileError(name, "its DBN data are cut short: the file ends in the middle of a record")
