"""200,000 short texts: `score` and `query` as two processes, beside a pandas and TfidfVectorizer script."""

from __future__ import annotations

from argparse import Namespace

from tests.benchmark.pool_query import measure, report

ROWS = 200_000


def benchmark(options: Namespace) -> None:
    """One pool of texts."""
    rows = options.rows or ROWS
    report(f"text: the next 500 of {rows:,} texts, by margin", [measure("text", rows, options)])
