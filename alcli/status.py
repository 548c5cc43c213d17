"""`status`: where the loop stands and what to do next, from the manifests alone."""

from __future__ import annotations

import json
import shlex
from contextlib import suppress
from pathlib import Path
from typing import Any

from alcli.errors import FileError
from alcli.loop import Result, judge, plural
from alcli.project import LABELS, Project, Round, Step, share_file
from alcli.project.deciding import files_to_decide
from alcli.project.history import read_history
from alcli.project.reopening import Reopened
from alcli.registry import split_spec

_ANSWERED = ("labeled", "validation_labeled", "disputed", "skipped", "unsure")
_ANSWER = b'"status": "'  # in a line of the labeler that is more than a comment
_NEW: dict[str, Any] = {
    "stage": "new",
    "pool": None,
    "labeled": 0,
    "validation": {"size": 0, "labeled": 0},
    "pending": 0,
    "metrics": None,
    "stop": {"verdict": "go_on", "reason": "nothing is labeled yet"},
    "criteria": [],
    "next": "alcli seed",
    "history": [],
}


def status(project: Project, folder: Path | None = None) -> Result:
    """Stage, counts, last metrics, stopping verdict and the next command. Writes nothing, takes no lock.

    Args:
        project: the one to look at.
        folder: where it lies from where the user stands, so that commands are said as they would type them.
    """
    project.check_sealed()
    rounds = project.rounds
    seed = rounds[0].steps.get("seed") if rounds else None
    if seed is None:
        more = {**_NEW, "next": _typed("alcli seed", folder)}
        return Result("status", None, changed=False, more=more, warnings=_pool_warnings(project, None))
    newest = rounds[-1]
    ingest = _newest(rounds, "ingest")
    history = read_history(project)
    judged = judge(project.config, history)
    pending = _pending(rounds)
    stage = "stopped" if judged["stop"]["verdict"] == "stop" else _stage(project, newest, ingest)
    counts = dict(ingest.counts) if ingest is not None else {}
    disputed = list(ingest.more.get("disputed", ())) if ingest is not None else []
    more = {
        "stage": stage,
        "pool": seed.counts["pool"],
        "labeled": counts.get("labeled", 0),
        "validation": {"size": seed.counts["validation"], "labeled": counts.get("validation_labeled", 0)},
        "pending": pending,
        "metrics": _metrics(project),
        **judged,
        "next": _Next(project, newest, pending, folder).after(stage),
        "disputed": disputed,
        "adjudicate": files_to_decide(rounds, disputed),
        "history": history,
    }
    answered = {name: counts.get(name, 0) for name in _ANSWERED}
    return Result(
        "status",
        newest.number,
        changed=False,
        counts={**answered, "pending": pending, "pool": seed.counts["pool"]},
        warnings=[*_pool_warnings(project, seed), *_waiting(project)],
        more=more,
    )


def _newest(rounds: list[Round], name: str) -> Step | None:
    return next((round_.steps[name] for round_ in reversed(rounds) if name in round_.steps), None)


def _pending(rounds: list[Round]) -> int:
    """As the last step that asked, released or took in answers left it."""
    steps = [step for round_ in rounds for step in round_.steps.values() if "clock" in step.more]
    return int(max(steps, key=lambda step: int(step.more["clock"])).counts["pending"])


def _stage(project: Project, newest: Round, ingest: Step | None) -> str:
    if ingest is None or not ingest.counts["labeled"]:
        return "awaiting_labels"
    if _labels_are_new(ingest, project.rounds) or _predictions_are_new(project):
        # a model without the rows that are asked again would know and measure another task
        return "awaiting_labels" if Reopened.of(project.rounds).waiting(ingest) else "ready_to_train"
    if "query" in newest.steps or newest.number == 0:
        return "awaiting_labels"
    return "scored" if "score" in newest.steps else "trained"


def _labels_are_new(ingest: Step, rounds: list[Round]) -> bool:
    train = _newest(rounds, "train")
    return train is None or train.inputs[LABELS].sha256 != ingest.outputs[LABELS].sha256


def _predictions_are_new(project: Project) -> bool:
    """Whether the pool, with a team's own predictions in it, is another than `train` has measured."""
    train = _newest(project.rounds, "train")
    measured = train.inputs.get("pool") if train is not None else None
    try:
        return measured is not None and project.pool_file() not in (None, measured)
    except FileError:
        return False  # said among the warnings


def _typed(command: str, folder: Path | None) -> str:
    return command if folder is None else f"{command} -C {shlex.quote(str(folder))}"


class _Next:
    """What to type next."""

    def __init__(self, project: Project, newest: Round, pending: int, folder: Path | None) -> None:
        self.project = project
        self.newest = newest
        self.pending = pending
        self.folder = folder

    def after(self, stage: str) -> str:
        """The command, or what people do before it, in words."""
        if stage == "awaiting_labels":
            # without a model nothing more can be asked; a late answer is taken
            nothing_trained = self.newest.number == 0
            return self._answers() if self.pending or nothing_trained else self._typed("query --more 100")
        if stage == "stopped":
            ingest = _newest(self.project.rounds, "ingest")
            if ingest is not None and _labels_are_new(ingest, self.project.rounds):
                return f"{self._typed('train')}: the last labels; then labels.parquet is the labeled set"
            return "stop labeling; labels.parquet is the labeled set"
        if stage == "scored":
            made_by = self.newest.steps["score"].more["strategy"]
            wanted = self.project.config.value("query.strategy")
            return self._typed("query" if split_spec(made_by) == split_spec(wanted) else "score")
        return self._typed({"ready_to_train": "train", "trained": "score"}[stage])

    def _typed(self, command: str) -> str:
        return _typed(f"alcli {command}", self.folder)

    def _answers(self) -> str:
        """Where rows may still be with people: in files, or on a labeling server that they were pushed to."""
        if (self.project.root / "label_studio.json").exists():
            return f"`{self._typed('push')}`, and when people have answered there, `{self._typed('pull')}`"
        names = [
            shlex.quote(str(self.folder / name) if self.folder is not None else name)
            for name in self._with_people()
        ]
        return f"label {', '.join(names)}, then `{self._typed('ingest ' + ' '.join(names))}`"

    def _with_people(self) -> list[str]:
        """Files of rounds that have unanswered rows, or were asked since the newest ingest, in order."""
        ingest = _newest(self.project.rounds, "ingest")
        found: list[str] = []
        for round_ in self.project.rounds:
            step = round_.steps.get("query") or round_.steps.get("seed")
            if step is None:
                continue
            if ingest is None or int(step.more["clock"]) > int(ingest.more["clock"]):
                unanswered = not (self.pending and step.more.get("none_left"))
            else:
                unanswered = round_.number in ingest.more["waiting"]
            given_back = self.pending and len(step.more.get("released", ())) >= step.counts["asked"]
            if unanswered and not given_back:
                for name, people in round_.batches.items():
                    if name not in step.more.get("answered", ()):
                        found += [share_file(name, person) for person in people] or [name]
        return found + Reopened.of(self.project.rounds).waiting(ingest)


def _metrics(project: Project) -> dict[str, Any] | None:
    """The newest round's metrics and their change since the one before."""
    for round_ in reversed(project.rounds):
        if "train" in round_.steps:
            report = json.loads((project.root / round_.folder / "metrics.json").read_text(encoding="utf-8"))
            if report["metrics"] is None:
                return None
            return {**report["metrics"], "change": report["change"], "round": round_.number}
    return None


def _waiting(project: Project) -> list[str]:
    """Journals of `alcli label` with answers that the ledger may not have."""
    names = []
    for path in sorted(project.root.glob("rounds/*/answers*.label.jsonl")):
        with suppress(FileNotFoundError):  # ingested just now
            if _ANSWER in path.read_bytes():
                names.append(path.relative_to(project.root).as_posix())
    how = "somebody is labeling, or a session was cut off: `alcli label` or `alcli ingest` takes them"
    return [f"answers wait in {', '.join(names)}: {how}"] if names else []


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
    if rows == before and project.config.features.predictions is not None:
        return []  # new predictions of the same rows
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
