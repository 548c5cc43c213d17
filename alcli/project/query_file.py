"""`query.csv`: what annotators see of the rows they are asked about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from alcli.project import File, Project, Transaction
from alcli.project.pool import Pool

Cells = Mapping[str, Sequence[str]]


class Writer(Protocol):
    """A label-file format that can be written."""

    def write(self, path: Path, columns: Cells) -> None:
        """Write text columns."""


def stage_query(
    project: Project,
    change: Transaction,
    target: str,
    ids: Sequence[str],
    writer: Writer,
    extra: Cells | None = None,
) -> dict[str, File]:
    """Stage a file for annotators: ids, the shown columns, `extra` ones, and an empty label column."""
    pool, labels = Pool(project), project.config.labels
    rows = pool.take(ids, shown=pool.shown)
    at = {id_: n for n, id_ in enumerate(rows.ids.to_pylist())}
    order = [at.get(id_) for id_ in ids]
    cells: dict[str, Sequence[str]] = {labels.id: ids}
    for name, column in rows.shown.items():
        values = column.to_pylist()
        cells.setdefault(name, ["" if n is None else values[n] for n in order])
    cells.update(extra or {})
    cells[labels.label] = [""] * len(ids)
    writer.write(change.path(target), cells)
    return {target: change.file(target, len(ids))}
