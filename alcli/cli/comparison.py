"""The demo's comparison: the same loop with rows asked at random, and what the two learning curves say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alcli.loop import Progress, Result
    from alcli.project import Project

ROUNDS = 5
BASELINE = "random_sampling"

Point = Mapping[str, float]
"""One trained round: `labels`, `accuracy` and its 95% interval, `low` and `high`."""

Curves = Mapping[str, Sequence[Point]]


def run_baseline(folder: Path, scratch: Path, settings: Sequence[str], progress: Progress) -> None:
    """The demo's loop once more, by the same steps, with rows asked at random.

    Args:
        folder: the demo, whose config, pool and oracle it takes.
        scratch: its own project directory; one left half done is gone on with.
        settings: `--set` values.
        progress: is told of each round.
    """
    from alcli.loop import ingest, query, score, seed, train
    from alcli.project.intake import Rules

    scratch.mkdir(parents=True, exist_ok=True)
    own = (f"pool={(folder / 'pool.parquet').resolve()}", f"query.strategy={BASELINE}")

    def run(step: Callable[..., Result], *arguments: Any) -> None:
        project = open_project(scratch, (*settings, *own), folder / "alcli.yaml")
        with project.writing("demo"):
            step(project, *arguments)

    run(seed.seed)
    for number in range(1, ROUNDS + 1):
        progress(number - 1, ROUNDS)
        if has_asked(scratch, number):
            continue
        run(ingest.ingest, [folder / "oracle.csv"], ingest.Options(Rules("ignore")))
        run(train.train)
        if number < ROUNDS:
            run(score.score)
            run(query.query)


def has_asked(folder: Path, number: int) -> bool:
    """Whether a round's query, or the seed set, is made: the last thing a round does."""
    from alcli.project.manifest import read_rounds

    return any(
        round_.number == number and {"seed", "query"} & set(round_.steps) for round_ in read_rounds(folder)
    )


def open_project(folder: Path, settings: Sequence[str] = (), config: Path | None = None) -> Project:
    """A project with `--set` values, perhaps with another's config."""
    from alcli.project import Project

    return Project.open(folder, config, settings)


def strategy_of(project: Project) -> str:
    """The name of the configured query strategy."""
    from alcli.registry import split_spec

    return split_spec(project.config.value("query.strategy"))[0]


def curve(project: Project) -> list[Point]:
    """Labels and accuracy of the demo's rounds."""
    from alcli.project.history import read_history

    return [
        dict(zip(("accuracy", "low", "high"), past["metrics"]["accuracy"], strict=True))
        | {"labels": past["n_labels"]}
        for past in read_history(project)[:ROUNDS]
    ]


def saving(curves: Curves) -> dict[str, Any]:
    """How many labels the first curve takes to random sampling's last accuracy, between its points in a line.

    Returns:
        `target`, an accuracy; `labels_to_target`, null where it is not reached; `saving`, a share of the
        labels that random sampling took.
    """
    mine, random = next(iter(curves.values())), curves[BASELINE]
    target, most = random[-1]["accuracy"], random[-1]["labels"]
    labels = mine[0]["labels"] if mine[0]["accuracy"] >= target else None
    for before, after in pairwise(mine):
        if labels is None and after["accuracy"] >= target:
            share = (target - before["accuracy"]) / (after["accuracy"] - before["accuracy"])
            labels = round(before["labels"] + share * (after["labels"] - before["labels"]))
    return {
        "target": target,
        "labels_to_target": labels,
        "saving": round(1 - labels / most, 3) if labels is not None else 0.0,
    }


def as_table(curves: Curves) -> list[list[str]]:
    """The figures behind the plot, for people."""
    mine, random = next(iter(curves.values())), curves[BASELINE]
    rows = [["labels", *(f"{point['labels']:,}" for point in mine)]]
    rows += [[name, *(f"{point['accuracy']:.3f}" for point in points)] for name, points in curves.items()]
    gains = [one["accuracy"] - other["accuracy"] for one, other in zip(mine, random, strict=False)]
    rows.append(["difference", *(f"{gain:+.3f}" if round(gain, 3) else "same" for gain in gains)])
    return rows


def conclusion(more: Mapping[str, Any], curves: Curves) -> list[str]:
    """What the curves come to, in plain words; `more` is as `saving` gives it."""
    name, last = next(iter(curves)), curves[BASELINE][-1]
    target = f"random sampling's {last['labels']:,}-label accuracy ({last['accuracy']:.3f})"
    if more["saving"] > 0:
        labels = round(more["labels_to_target"], -1)
        first = f"{name} reaches {target} with about {labels:,} labels: {more['saving']:.0%} fewer."
    else:
        first = f"{name} did not get ahead here: it does not reach {target} with fewer labels."
    error = (last["high"] - last["low"]) / 2
    return [first, f"This is one run, and each accuracy is within about {error:.2f} (95%)."]
