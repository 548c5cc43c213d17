"""Looking for a class that has hardly a label: the candidates nearest to examples of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from alcli.engine import FeatureSpace
from alcli.errors import ConfigError, IntegrityError, suggest
from alcli.loop import plural
from alcli.loop._classes import answered_classes, mapped
from alcli.loop._ground import Ground
from alcli.project import Project
from alcli.project.pool import Pool, Rows, RowSource, isin_sorted
from alcli.project.scores import ScoreTables
from alcli.project.splits import Splits
from alcli.project.standing import Standing
from alcli.tables.hashing import hash_strings

_PRODUCTS = 1 << 22


@dataclass(frozen=True)
class Sought:
    """A class that a batch looks for.

    Attributes:
        name: the class.
        examples: (m, s) rows of length 1, dense or CSR: those that the config names, and labeled ones.
    """

    name: str
    examples: Any

    def nearness(self, scores: ScoreTables, pool: RowSource, ground: Ground) -> ScoreTables:
        """The scored rows with their highest cosine to an example in place of the score.

        Args:
            scores: of the candidates, in the pool's order.
        """
        space, features = ground.trained.space, ground.config.features

        def batches(columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
            stream, held = pool.rows(features), _Held()
            for batch in scores(["id", "content"]):
                rows = held.rows_of(hash_strings(batch.column("id")), stream)
                found = [highest(space.alike(part.features), self.examples) for part in rows]
                score = pa.array(np.concatenate([*found, np.empty(0, dtype=np.float32)]))
                whole = {"id": batch.column("id"), "content": batch.column("content"), "score": score}
                yield pa.RecordBatch.from_pydict({name: whole[name] for name in columns})

        return batches


class _Held:
    """What is left of the pool's batch in which the last scored rows were found."""

    def __init__(self) -> None:
        self._left: Rows | None = None

    def rows_of(self, wanted: NDArray[np.uint64], stream: Iterator[Rows]) -> Iterator[Rows]:
        """The next scored rows, by the hashes of their ids; both streams come in the pool's order.

        Raises:
            IntegrityError: the pool does not have them.
        """
        known, n_found = np.sort(wanted), 0
        while n_found < len(wanted):
            rows = self._left if self._left is not None else next(stream, None)
            if rows is None:
                raise IntegrityError("the scores are not those of this pool", hint="run `alcli score` again")
            at = np.flatnonzero(isin_sorted(rows.id_hash, known))
            n_found += len(at)
            done = n_found == len(wanted)
            self._left = rows.take(np.arange(int(at[-1]) + 1, len(rows))) if done else None
            if len(at):
                yield rows.take(at)


def highest(rows: Any, examples: Any) -> NDArray[np.float32]:
    """(n,) the highest cosine of each row with any example; the same in whatever blocks the rows come."""
    found = np.empty(rows.shape[0], dtype=np.float32)
    step, across = max(1, _PRODUCTS // examples.shape[0]), examples.T.astype(np.float64)
    for start in range(0, rows.shape[0], step):
        products = rows[start : start + step].astype(np.float64) @ across
        dense = products if isinstance(products, np.ndarray) else products.toarray()
        found[start : start + step] = dense.max(axis=1)
    return found


def sought(project: Project, pool: Pool, space: FeatureSpace, standing: Standing) -> list[Sought]:
    """The classes that `query.seek` names and that have too few training labels yet, with their examples.

    Raises:
        ConfigError: a class that there is not; an example that is not in the pool, or cannot be one.
    """
    config = project.config
    found = []
    for name, ids in (config.query.seek or {}).items():
        _check_class(project, name)
        labeled = [id_ for id_, label in standing.labels.items() if label == name]
        like = [id_ for id_ in ids if standing.labels.get(id_, name) == name]
        rows = _examples(project, pool, {*like, *labeled}, ids)
        if len(labeled) < config.query.seek_until and len(rows):
            found.append(Sought(name, space.alike(rows.features)))
    return found


def about_sought(project: Project, standing: Standing) -> list[str]:
    """What the user should know of `query.seek`: classes that need it no more, or have no example."""
    query, notes = project.config.query, list[str]()
    for name, ids in (query.seek or {}).items():
        n = sum(label == name for label in standing.labels.values())
        others = {id_: standing.labels[id_] for id_ in ids if standing.labels.get(id_, name) != name}
        if n >= query.seek_until:
            notes.append(f"query.seek: {name!r} has {plural(n, 'label')}: it is not looked for any more")
        elif others:
            id_, label = next(iter(others.items()))
            left = f"{plural(len(others), 'example')} of {name!r} left out: {id_!r} is labeled {label!r}"
            notes.append(f"query.seek: {left}")
        if name not in answered_classes(project) and project.config.task.classes is None:
            notes.append(f"query.seek: {name!r} is no class yet: `alcli ingest --new-class` adds it")
        if n == 0 and len(others) == len(ids):
            notes.append(f"query.seek: no example of {name!r} is left, so it is not looked for")
    return notes


def _check_class(project: Project, name: str) -> None:
    known = {*(project.config.task.classes or ()), *answered_classes(project)}
    counts_as = {old: new for one in mapped(project) for old, new in one.items()}
    if name in known or (project.config.task.classes is None and name not in counts_as):
        return
    hint = suggest(name, sorted(known))
    if name in counts_as:
        hint = f"it counts as {counts_as[name]!r} since `alcli relabel`"
    raise ConfigError(f"there is no class {name!r}", where=project.source.where("query.seek"), hint=hint)


def _examples(project: Project, pool: Pool, wanted: set[str], named: Sequence[str]) -> Rows:
    """The rows of some ids.

    Raises:
        ConfigError: one that the config names is not there, or is not open to selection.
    """
    splits = Splits.read_with_groups(project, pool)
    rows = pool.take({*wanted, *named}, project.config.features, splits.shown)
    where = project.source.where("query.seek")
    ids = rows.ids.to_pylist()
    missing = sorted(set(named) - set(ids))
    if missing:
        raise ConfigError(f"the pool has no row {missing[0]!r}", where=where, hint="name rows by their id")
    sealed = splits.find_sealed(rows, rows.content())
    barred = sorted({id_ for id_, is_sealed in zip(ids, sealed, strict=True) if is_sealed} & set(named))
    if barred:
        what = f"the row {barred[0]!r} cannot be an example"
        raise ConfigError(what, where=where, hint="name another row: this one may not steer selection")
    kept = pc.is_in(rows.ids, value_set=pa.array(sorted(wanted), pa.string()))
    return rows.take(kept.to_numpy(zero_copy_only=False) & ~sealed)
