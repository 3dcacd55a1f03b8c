"""Days whose ticks are in Parquet files and no longer in the table: their files, moving them there and back, reading them.

docs/archive.md describes the files.  pyarrow, an extra, is imported where one is touched and nowhere else.
"""
