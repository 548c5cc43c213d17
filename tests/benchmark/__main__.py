"""Run benchmarks by name, or the quick ones: `python -m tests.benchmark million --runs 3`."""

from __future__ import annotations

import argparse
import platform
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.benchmark import (
    agreement,
    answers,
    check,
    control_share,
    duplicates,
    labels,
    large,
    million,
    relabel,
    seek,
    startup,
    stopping,
    strategies,
    text,
    weighted,
)
from tests.benchmark.label_efficiency import beside, published, replay, suite
from tests.benchmark.measure import say

BENCHMARKS = {
    "startup": startup.benchmark,
    "million": million.benchmark,
    "text": text.benchmark,
    "labels": labels.benchmark,
    "strategies": strategies.benchmark,
    "agreement": agreement.benchmark,
    "answers": answers.benchmark,
    "large": large.benchmark,
    "duplicates": duplicates.benchmark,
    "check": check.benchmark,
    "label_efficiency": suite.benchmark,
    "beside": beside.benchmark,
    "published": published.benchmark,
    "replay": replay.benchmark,
    "seek": seek.benchmark,
    "stopping": stopping.benchmark,
    "control_share": control_share.benchmark,
    "weighted": weighted.benchmark,
    "relabel": relabel.benchmark,
}
USUAL = ("startup", "million", "text", "duplicates")
LIBRARIES = ("alcli", "numpy", "scipy", "scikit-learn", "pyarrow", "pandas", "typer")


def main() -> None:
    """Run what was named; results go to stdout as Markdown tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; default: {', '.join(USUAL)}"
    )
    parser.add_argument("--runs", type=int, default=5, help="runs of each; medians are shown (default 5)")
    parser.add_argument("--rows", type=int, help="rows of the pool, instead of the benchmark's own number")
    parser.add_argument("--data", type=Path, help="folder of labeled sets, for `labels`, `published` ...")
    parser.add_argument("--peers", type=Path, help="folder with the peers' environments (see contenders.py)")
    parser.add_argument(
        "--only", nargs="+", metavar="STRATEGY", help="these strategies; default: all there are"
    )
    parser.add_argument("--sets", nargs="+", metavar="NAME", help="these data sets of --data")
    parser.add_argument(
        "--scenarios", nargs="+", metavar="NAME", help="of `label_efficiency`, `relabel`; default: all"
    )
    parser.add_argument("--patience", type=float, default=120, help="CPU s a query may take (default 120)")
    parser.add_argument("--scratch", type=Path, help="keep the pools here, to use them again")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"no such benchmark: {unknown[0]}; there are {', '.join(BENCHMARKS)}")
    versions = [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in LIBRARIES)]
    say(f"{datetime.now(UTC):%Y-%m-%d}, {', '.join(versions)}")
    with tempfile.TemporaryDirectory(prefix="alcli-benchmark-") as temporary:
        options.scratch = (options.scratch or Path(temporary)).resolve()
        options.scratch.mkdir(parents=True, exist_ok=True)
        for name in options.names or USUAL:
            BENCHMARKS[name](options)


if __name__ == "__main__":
    main()
