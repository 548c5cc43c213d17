"""200,000 short texts: `score` and `query` as two processes, beside a pandas and TfidfVectorizer script."""

from __future__ import annotations

from argparse import Namespace

from tests.benchmark.pool_query import Case, measure, report

ROWS = 200_000
CASES = (
    Case("text", "words", "text.py", "script with words and pairs"),
    Case("text", "grams", "text.py", "script with character n-grams too, as alcli"),
)


def benchmark(options: Namespace) -> None:
    """One pool, and the script with fewer and with the same features."""
    rows = options.rows or ROWS
    measured = {case.words: measure(case, rows, options) for case in CASES}
    report(f"text: the next 500 of {rows:,} texts, by margin", measured)
