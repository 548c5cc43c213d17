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
    own = {labels.id: ids, labels.label: [""] * len(ids)}
    shown = _shown(pool, ids) if pool.shown else {}
    writer.write(change.path(target), {labels.id: ids, **shown, **(extra or {}), **own})
    return {target: change.file(target, len(ids))}


def _shown(pool: Pool, ids: Sequence[str]) -> Cells:
    """The shown columns of rows, in their order."""
    rows = pool.take(ids, shown=pool.shown)
    at = {id_: n for n, id_ in enumerate(rows.ids.to_pylist())}
    order = [at.get(id_) for id_ in ids]
    values = {name: column.to_pylist() for name, column in rows.shown.items()}
    return {name: ["" if n is None else cells[n] for n in order] for name, cells in values.items()}
