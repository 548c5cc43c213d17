"""The files that people are asked with: `query.csv`, and a labeling tool's own beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alcli.errors import ConfigError
from alcli.project import LEDGER, File, Project, Round, Transaction
from alcli.project.grouping import ordered, ranked
from alcli.project.ledger import current, paid, read_ledger
from alcli.project.query_file import query_columns, stage_query, stage_tool_files, tool_file
from alcli.project.relabeling import labels_now, set_aside
from alcli.registry import FORMATS

PREDICTION, _ANNOTATOR, _GUIDELINE = "prediction", "annotator", "guideline"


class Asking:
    """Writes the query files of a project.

    Args:
        project: whose rows are asked.
        tool: the name of a labeling tool's format, for a file of its own beside each `query.csv`.
        guideline: the rubric's version, where the files are to tell it.

    Raises:
        ConfigError: there is no such format, or its files have no ending.
    """

    def __init__(self, project: Project, tool: str | None = None, guideline: str = "") -> None:
        self.project = project
        self._guideline = guideline
        self.written: list[str] = []
        self._csv = FORMATS.build("csv")
        self._tool = tool_format(project, tool) if tool and tool != "csv" else None

    def stage(
        self,
        change: Transaction,
        name: str,
        ids: Sequence[str],
        predictions: Sequence[str] | None = None,
        annotator: str = "",
    ) -> dict[str, File]:
        """Stage a query file, and the tool's beside it; returns the outputs of the step."""
        self._stage_tool(change, name, ids, predictions, annotator)
        columns = self._columns(ids, predictions, annotator)
        return stage_query(change, name, columns, self._csv)

    def lost(self, name: str) -> bool:
        """Whether a query file, or the tool's beside it, is not there."""
        return bool(self._lost(name))

    def restore(
        self,
        change: Transaction,
        name: str,
        ids: Sequence[str],
        predictions: Sequence[str] | None = None,
        annotator: str = "",
    ) -> dict[str, File]:
        """Stage those files that are not there; people may be at work in the others."""
        lost, staged = self._lost(name), dict[str, File]()
        if name in lost:
            staged = stage_query(change, name, self._columns(ids, predictions, annotator), self._csv)
            self.written += staged
        if self._tool is not None and tool_file(name, self._tool) in lost:
            self._stage_tool(change, name, ids, predictions, annotator)
        return staged

    def give(self, name: str) -> str:
        """The files to give to people, for a message."""
        mine = [path for path in self.written if path.startswith(name.removesuffix(".csv") + ".")]
        return f"{name} (or {' with '.join(mine)})" if mine else name

    def _lost(self, name: str) -> list[str]:
        names = [name, *([tool_file(name, self._tool)] if self._tool is not None else [])]
        return [own for own in names if not (self.project.root / own).exists()]

    def _stage_tool(
        self,
        change: Transaction,
        name: str,
        ids: Sequence[str],
        predictions: Sequence[str] | None,
        annotator: str,
    ) -> None:
        if self._tool is None:
            return
        columns = self._columns(ids, predictions, "" if self._tool.names_annotators else annotator)
        self.written += stage_tool_files(change, name, columns, self._tool)

    def _columns(
        self, ids: Sequence[str], predictions: Sequence[str] | None, annotator: str
    ) -> Mapping[str, Sequence[str]]:
        extra = {PREDICTION: predictions} if predictions else {}
        extra |= {_ANNOTATOR: [annotator] * len(ids)} if annotator else {}
        extra |= {_GUIDELINE: [self._guideline] * len(ids)} if self._guideline else {}
        return query_columns(self.project, ids, extra)


def tool_format(project: Project, tool: str) -> Any:
    """A tool's format with the project's words: its columns, the answers to choose from.

    Raises:
        ConfigError: there is no such format, or its files have no ending.
    """
    labels = project.config.labels
    classes = known_classes(project, read_ledger(project.root / LEDGER)) or ()
    aside = (*labels.skip[:1], *labels.unsure[:1]) if classes else ()
    shown = PREDICTION if project.config.query.show_prediction else None
    member = FORMATS.build(
        {
            "name": tool,
            "id": labels.id,
            "label": labels.label,
            "answers": (*classes, *aside),
            PREDICTION: shown,
        }
    )
    if not member.suffixes:
        raise ConfigError(f"the format {tool!r} names no suffixes: how its files end")
    return member


def known_classes(project: Project, ledger: pa.Table) -> tuple[str, ...] | None:
    """The configured classes and those of the answers that stand; None before there are two.

    Where none are configured, a class whose rows are asked again is one until all of them are answered.
    """
    configured = project.config.task.classes
    rank, labels = ordered(labels_now(ledger))
    stands = current(ledger)
    if configured is None and set_aside(ledger).any():
        row, once = ranked(ledger["id"]), paid(ledger)
        stands = np.append(stands, once[~np.isin(row[once], row[stands])])
    used = np.unique(rank[stands])
    found = labels.take(pa.array(used[used >= 0])).to_pylist()
    if configured is None:
        return tuple(found) if len(found) > 1 else None
    return (*configured, *(name for name in found if name not in configured))


def predictions_of(project: Project, round_: Round, ids: Sequence[str]) -> dict[str, str] | None:
    """What people see of the model: nothing, unless the config says so."""
    if not project.config.query.show_prediction:
        return None
    wanted = pa.array(ids, pa.string())
    found: dict[str, str] = {}
    for path in sorted((project.root / round_.folder / "scores").glob("part-*.parquet")):
        with pq.ParquetFile(path) as part:
            for batch in part.iter_batches(1 << 16, columns=["id", "prediction"]):
                rows = batch.filter(pc.is_in(batch.column("id"), value_set=wanted)).to_pydict()
                found.update(zip(rows["id"], rows["prediction"], strict=True))
    return found
