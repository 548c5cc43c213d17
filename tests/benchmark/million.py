"""A million embeddings: `score` and `query` as two processes, beside a pandas and scikit-learn script."""

from __future__ import annotations

from argparse import Namespace

from tests.benchmark.pool_query import Case, measure, report

ROWS = 1_000_000
CASES = (
    Case("fixed", "vectors", "vectors.py", "lists of fixed size"),
    Case("list", "vectors", "vectors.py", "lists"),
    Case("wide", "wide", "wide.py", "64 columns"),
)


def benchmark(options: Namespace) -> None:
    """The vectors as lists of fixed size, as lists, and as 64 columns."""
    rows = options.rows or ROWS
    measured = {case.words: measure(case, rows, options) for case in CASES}
    report(f"million: the next 500 of {rows:,} rows with 64 numbers each, by margin", measured)
