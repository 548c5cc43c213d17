"""How quickly alcli starts: `--help` beside the help of a bare typer program, and `status`."""

from __future__ import annotations

import sys
from argparse import Namespace

from tests.benchmark.measure import ROOT, alcli, run, show, side_by_side

PLAIN = "bare typer --help, plain as alcli's"
BARE = '''
import typer

app = typer.Typer(rich_markup_mode={mode})


@app.command()
def one(name: str = "world") -> None:
    """Say hello."""
    print(name)


@app.command()
def two(count: int = 1) -> None:
    """Count."""
    print(count)


app()
'''


def benchmark(options: Namespace) -> None:
    """Short processes need many runs."""
    bare, plain = options.scratch / "bare.py", options.scratch / "plain.py"
    project = options.scratch / "startup"
    bare.write_text(BARE.format(mode="'rich'"))
    plain.write_text(BARE.format(mode=None))
    if not (project / "splits.parquet").exists():
        alcli(options.scratch, "init", project, "--pool", ROOT / "sample_data" / "pool.parquet")
        alcli(project, "seed")
    found = side_by_side(
        5 * options.runs,
        {
            PLAIN: lambda: run([sys.executable, plain, "--help"]),
            "bare typer --help, drawn by rich": lambda: run([sys.executable, bare, "--help"]),
            "alcli --help": lambda: alcli(project, "--help"),
            "alcli score --help": lambda: alcli(project, "score", "--help"),
            "alcli status": lambda: alcli(project, "status"),
        },
    )
    floor = found[PLAIN]
    show(
        "startup: whole processes",
        ["command", "CPU ms", "clock ms", "CPU ratio", "clock ratio", "peak MiB"],
        [
            [
                f"`{name}`",
                f"{1000 * cost.cpu:.0f}",
                f"{1000 * cost.wall:.0f}",
                f"{cost.cpu / floor.cpu:.2f}",
                f"{cost.wall / floor.wall:.2f}",
                f"{cost.peak:.0f}",
            ]
            for name, cost in found.items()
        ],
    )
