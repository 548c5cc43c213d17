"""The project's past, from the rounds' `metrics.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from alcli.project import Project
from alcli.tables.atomic import file_errors

Past = Mapping[str, Any]
"""One trained round: round, n_labels, n_candidates, metrics {name: [value, low, high]}, and what older ones
lack: validation, the rows measured on {rows, sha256}; stop_set, as `stopping.StopSet`; spent, in counts."""


def read_history(project: Project, before: int | None = None) -> list[Past]:
    """Every trained round (before one), oldest first, as the newest of them tells it.

    Each training measures the earlier rounds again where the validation rows have become others; what these
    had written then stays as it was.
    """
    history: list[Past] = []
    for round_ in project.rounds:
        if "train" in round_.steps and (before is None or round_.number < before):
            name = f"{round_.folder}/metrics.json"
            project.check(round_.steps["train"], name)
            with file_errors(name):
                history = json.loads((project.root / name).read_text(encoding="utf-8"))["history"]
    return history
