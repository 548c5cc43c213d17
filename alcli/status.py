"""`status`: where the loop stands and what to do next, from the manifests alone."""

from __future__ import annotations

import json
from typing import Any

from alcli.errors import FileError
from alcli.loop import Result, judge, plural
from alcli.project import LABELS, Project, Round, Step
from alcli.project.history import read_history

_ANSWERED = ("labeled", "validation_labeled", "disputed", "skipped", "unsure")
_NEW: dict[str, Any] = {
    "stage": "new",
    "pool": None,
    "labeled": 0,
    "validation": {"size": 0, "labeled": 0},
    "pending": 0,
    "metrics": None,
    "stop": {"verdict": "go_on", "reason": "nothing is labeled yet"},
    "next": "alcli seed",
    "history": [],
}


def status(project: Project) -> Result:
    """Stage, counts, last metrics, stopping verdict and the next command. Writes nothing, takes no lock."""
    project.check_sealed()
    rounds = project.rounds
    seed = rounds[0].steps.get("seed") if rounds else None
    if seed is None:
        return Result("status", None, changed=False, more=_NEW, warnings=_pool_warnings(project, None))
    newest = rounds[-1]
    ingest = _newest(rounds, "ingest")
    history = read_history(project)
    verdict = judge(project.config, history)
    pending = _pending(rounds)
    stage = "stopped" if verdict["verdict"] == "stop" else _stage(newest, ingest, rounds)
    counts = dict(ingest.counts) if ingest is not None else {}
    more = {
        "stage": stage,
        "pool": seed.counts["pool"],
        "labeled": counts.get("labeled", 0),
        "validation": {"size": seed.counts["validation"], "labeled": counts.get("validation_labeled", 0)},
        "pending": pending,
        "metrics": _metrics(project),
        "stop": verdict,
        "next": _next(stage, newest, pending),
        "history": history,
    }
    answered = {name: counts.get(name, 0) for name in _ANSWERED}
    return Result(
        "status",
        newest.number,
        changed=False,
        counts={**answered, "pending": pending, "pool": seed.counts["pool"]},
        warnings=_pool_warnings(project, seed),
        more=more,
    )


def _newest(rounds: list[Round], name: str) -> Step | None:
    return next((round_.steps[name] for round_ in reversed(rounds) if name in round_.steps), None)


def _pending(rounds: list[Round]) -> int:
    """As the last step that asked, released or took in answers left it."""
    steps = [step for round_ in rounds for step in round_.steps.values() if "clock" in step.more]
    return int(max(steps, key=lambda step: int(step.more["clock"])).counts["pending"])


def _stage(newest: Round, ingest: Step | None, rounds: list[Round]) -> str:
    train = _newest(rounds, "train")
    has_labels = ingest is not None and ingest.counts["labeled"] > 0
    if has_labels and (train is None or train.inputs[LABELS].sha256 != ingest.outputs[LABELS].sha256):  # type: ignore[union-attr]
        return "ready_to_train"
    if "query" in newest.steps or newest.number == 0:
        return "awaiting_labels"
    return "scored" if "score" in newest.steps else "trained"


def _next(stage: str, newest: Round, pending: int) -> str:
    if stage == "awaiting_labels":
        batches = newest.steps["query"].more.get("batches") if "query" in newest.steps else None
        file = list(batches)[-1] if batches else f"{newest.folder}/query.csv"
        return f"label {file}, then `alcli ingest {file}`" if pending else "alcli query --more 100"
    return {
        "ready_to_train": "alcli train",
        "trained": "alcli score",
        "scored": "alcli query",
        "stopped": "stop labeling; labels.parquet is the labeled set",
    }[stage]


def _metrics(project: Project) -> dict[str, Any] | None:
    """The newest round's metrics and their change since the one before."""
    for round_ in reversed(project.rounds):
        if "train" in round_.steps:
            report = json.loads((project.root / round_.folder / "metrics.json").read_text(encoding="utf-8"))
            if report["metrics"] is None:
                return None
            return {**report["metrics"], "change": report["change"], "round": round_.number}
    return None


def _pool_warnings(project: Project, seed: Step | None) -> list[str]:
    """What has changed in the pool since the validation set was drawn."""
    try:
        found = project.pool_file()
    except FileError as error:
        return [f"the pool cannot be read: {error}"]
    if seed is None or found is None or found.sha256 == seed.inputs["pool"].sha256:
        return []
    rows = _rows_now(project, found.sha256)
    before = seed.counts["pool"]
    size = f"from {before:,} to {rows:,} rows" if rows != before else f"({plural(before, 'row')} as before)"
    changed = f"the pool has changed {size} since the validation set was drawn"
    return [f"{changed}: new rows are candidates, but no validation row stands for them"]


def _rows_now(project: Project, digest: str) -> int:
    for round_ in reversed(project.rounds):
        score = round_.steps.get("score")
        if score is not None and score.inputs["pool"].sha256 == digest and score.inputs["pool"].rows:
            return score.inputs["pool"].rows
    from alcli.project.pool import Pool  # only a pool that no step has counted is looked into

    pool = Pool(project)
    return pool.n_rows or sum(len(rows) for rows in pool.rows())
