"""A million embeddings: `score` and `query` as two processes, beside a pandas and scikit-learn script."""

from __future__ import annotations

from argparse import Namespace

from tests.benchmark.pool_query import measure, report

ROWS = 1_000_000


def benchmark(options: Namespace) -> None:
    """The vectors as lists of fixed size, as lists, and as 64 columns."""
    rows = options.rows or ROWS
    measured = [measure(kind, rows, options) for kind in ("fixed", "list", "wide")]
    report(f"million: the next 500 of {rows:,} rows with 64 numbers each, by margin", measured)
