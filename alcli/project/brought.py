"""Labels and a test set that a team has before it starts: `seed --labels` and `--validation-ids`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alcli.errors import DataError, suggest
from alcli.project import File, Project
from alcli.project.advice import BROUGHT
from alcli.project.intake import Intake, Rules
from alcli.project.ledger import LEDGER_SCHEMA, read_ledger
from alcli.project.pool import Mask, Rows, group_hashes, isin_sorted
from alcli.tables.atomic import sha256_file
from alcli.tables.hashing import Hashes

_EMPTY = np.empty(0, dtype=np.uint64)
_CHOSEN = {"split": ("train", "seed"), "reason": ("strategy", "quota", "overlap", "relabel")}
"""What alcli's own files say of rows that selection chose."""


@dataclass(frozen=True)
class Brought:
    """What a team brings along.

    Attributes:
        answers: its labels, as rows of the ledger.
        validation: the ids of its test set.
        files: the files that these come from.
        classes: the classes that the labels name.
        warnings: what was found on the way.
    """

    answers: pa.Table = field(default_factory=LEDGER_SCHEMA.empty_table)
    validation: tuple[str, ...] = ()
    files: Mapping[str, File] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def train(self) -> list[str]:
        """Ids of the labeled rows that may be trained on, sorted."""
        return sorted(set(self.answers["id"].to_pylist()) - set(self.validation))

    def without(self, ids: set[str]) -> Brought:
        """All but the answers to some ids."""
        kept = pc.invert(pc.is_in(self.answers["id"], value_set=pa.array(sorted(ids), pa.string())))
        words = (
            f"{len(ids):,} labeled rows are copies or group-mates of validation rows: left out"
            f" (first: {min(ids)!r})"
        )
        return Brought(
            self.answers.filter(kept), self.validation, self.files, self.classes, (*self.warnings, words)
        )


@dataclass(frozen=True)
class Aside:
    """Contents and groups of rows that no other split may share."""

    content: Hashes = field(default_factory=lambda: _EMPTY)
    groups: Hashes = field(default_factory=lambda: _EMPTY)

    @classmethod
    def of(cls, rows: Rows, group_by: str | None) -> Aside:
        """Those of some rows."""
        groups = group_hashes(rows, group_by) if group_by else _EMPTY
        return cls(np.unique(rows.content()), np.unique(groups))

    def find(self, content: Hashes, groups: Hashes | None) -> Mask:
        """(n,) rows that share a content or a group with them."""
        found = isin_sorted(content, self.content)
        return found if groups is None else found | isin_sorted(groups, self.groups)


class Named(Protocol):
    """The pool, as far as what is brought needs it."""

    @property
    def shown(self) -> Sequence[str]:
        """The pool's own columns, that may come along in a label file."""

    def take(self, ids: Sequence[str]) -> Rows:
        """The rows of some ids; those that the pool does not have are left out."""


def read_brought(
    project: Project,
    pool: Named,
    labels: Path | None,
    validation_ids: Path | None,
    reader_of: Callable[[Path], Any],
    at: datetime,
) -> Brought:
    """Read a team's labels and test set; every id must be in the pool.

    Raises:
        DataError: a row that cannot be taken, with its place and reason.
    """
    validation = _read_ids(project, pool, validation_ids, reader_of) if validation_ids is not None else ()
    intake = Intake(
        project,
        Rules(unrequested="accept", advice=BROUGHT),
        read_ledger(project.root / "no ledger yet"),
        asked={},
        sealed={},
        in_pool=lambda ids: set(pool.take(ids).ids.to_pylist()),
        classes=project.config.task.classes,
        round=0,
        at=at,
        shown=pool.shown,
        validation=validation or None,
    )
    if labels is not None:
        intake.take(labels, reader_of(labels))
        if validation:
            table = reader_of(labels).read(labels).table
            _refuse_chosen(table, project.config.labels.id, labels, among=validation)
    answers = pa.concat_tables([LEDGER_SCHEMA.empty_table(), *intake.rows])
    if labels is not None and not answers.num_rows:
        raise DataError("the file has no labels", where=str(labels))
    files = dict(intake.files)
    if validation_ids is not None:
        files[intake.source(validation_ids)] = File(sha256_file(validation_ids), len(validation))
    return Brought(answers, validation, files, tuple(intake.classes or ()), tuple(intake.warnings))


def _read_ids(project: Project, pool: Named, path: Path, reader_of: Callable[[Path], Any]) -> tuple[str, ...]:
    table = reader_of(path).read(path).table
    names: Sequence[str] = table.column_names
    name = next((n for n in (project.config.labels.id, project.config.id) if n in names), None)
    if name is None and len(names) > 1:
        raise DataError(
            f"there is no column {project.config.labels.id!r}",
            where=path.name,
            hint=suggest(project.config.labels.id, names),
        )
    name = name or names[0]
    _refuse_chosen(table, name, path)
    ids = [id_.strip() for id_ in table.column(name).to_pylist() if id_.strip()]
    twice = sorted({id_ for id_ in ids if ids.count(id_) > 1}) if len(set(ids)) < len(ids) else []
    if twice:
        raise DataError(f"the id {twice[0]!r} stands twice", where=path.name, hint="name every row once")
    if not ids:
        raise DataError("the file names no rows", where=path.name)
    found = set(pool.take(ids).ids.to_pylist())
    missing = sorted(set(ids) - found)
    if missing:
        raise DataError(
            f"the pool has no row {missing[0]!r} ({len(missing):,} of {len(ids):,} ids are missing)",
            where=path.name,
            hint="a test set must lie in the pool, so that its rows can be sealed",
        )
    return tuple(ids)


def _refuse_chosen(table: pa.Table, id_column: str, path: Path, among: Sequence[str] | None = None) -> None:
    """A file that says how its rows were chosen, as alcli's own do, shows no test row that selection chose.

    Args:
        among: the ids of the test set; None: all that the file names.

    Raises:
        DataError: the first such row.
    """
    ids = pc.utf8_trim_whitespace(table.column(id_column))
    test = pa.array(among, pa.string()) if among is not None else ids
    for column, words in _CHOSEN.items():
        if column in table.column_names:
            said = table.column(column)
            chosen = pc.and_(pc.is_in(said, value_set=pa.array(words)), pc.is_in(ids, value_set=test))
            if pc.any(chosen).as_py():
                name, word = ids.filter(chosen)[0].as_py(), said.filter(chosen)[0].as_py()
                raise DataError(
                    f"the row {name!r} was chosen to be trained on ({column} {word}): it cannot measure",
                    where=path.name,
                    hint=f"a test set is drawn at random; if {column} means something else, remove it",
                )
