"""Parquet and CSV as streams of record batches, atomic writes, and hashes of columns."""
