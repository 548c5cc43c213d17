"""200,000 short texts: `score` and `query` as two processes, beside a pandas and TfidfVectorizer script."""

from __future__ import annotations

from argparse import Namespace

from tests.benchmark.pool_query import measure, report

ROWS = 200_000


def benchmark(options: Namespace) -> None:
    """The script with words and pairs as most would write it, and with the character n-grams that alcli has."""
    rows = options.rows or ROWS
    measured = [measure(kind, rows, options) for kind in ("text", "grams")]
    report(f"text: the next 500 of {rows:,} texts, by margin", measured)
