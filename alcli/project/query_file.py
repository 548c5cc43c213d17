"""`query.csv`, and a labeling tool's file beside it: what annotators see of the rows they are asked about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from alcli.project import File, Project, Transaction
from alcli.project.pool import Pool

Cells = Mapping[str, Sequence[str]]


class Writer(Protocol):
    """A label-file format that can be written."""

    @property
    def suffixes(self) -> Sequence[str]:
        """How the names of its files end; the first is written."""

    def write(self, path: Path, columns: Cells) -> None:
        """Write text columns."""

    def beside(self, columns: Cells) -> Mapping[str, str]:
        """What the tool needs beside the file: ending of its name -> text."""


def query_columns(project: Project, ids: Sequence[str], extra: Cells | None = None) -> Cells:
    """What annotators see: ids, the shown columns, `extra` ones, and an empty label column."""
    pool, labels = Pool(project), project.config.labels
    own = {labels.id: ids, labels.label: [""] * len(ids)}
    shown = _shown(pool, ids) if pool.shown else {}
    return {labels.id: ids, **shown, **(extra or {}), **own}


def stage_query(change: Transaction, target: str, columns: Cells, writer: Writer) -> dict[str, File]:
    """Stage a file for annotators."""
    writer.write(change.path(target), columns)
    return {target: change.file(target, len(next(iter(columns.values()))))}


def tool_file(query: str, tool: Writer) -> str:
    """The name of a tool's file beside a query file."""
    return query.removesuffix(".csv") + tool.suffixes[0]


def stage_tool_files(change: Transaction, query: str, columns: Cells, tool: Writer) -> list[str]:
    """Stage the same rows for a labeling tool, and what it needs beside; returns the names.

    They are a copy of the query file for people, no output of the step: nothing depends on them.
    """
    beside = tool.beside(columns)
    target = tool_file(query, tool)
    tool.write(change.path(target), columns)
    for ending, text in beside.items():
        change.write(query.removesuffix(".csv") + ending, text)
    return [target, *(query.removesuffix(".csv") + ending for ending in beside)]


def _shown(pool: Pool, ids: Sequence[str]) -> Cells:
    """The shown columns of rows, in their order."""
    rows = pool.take(ids, shown=pool.shown)
    at = {id_: n for n, id_ in enumerate(rows.ids.to_pylist())}
    order = [at.get(id_) for id_ in ids]
    values = {name: column.to_pylist() for name, column in rows.shown.items()}
    return {name: ["" if n is None else cells[n] for n in order] for name, cells in values.items()}
