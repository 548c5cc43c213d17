"""What is replayed: the pool's rows whose labels are known, from a file or from the project itself."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from alcli.errors import DataError, StateError, suggest
from alcli.loop import plural
from alcli.loop._by_chance import reasons
from alcli.project import LABELS, LEDGER, SPLITS, Project
from alcli.project.brought import read_brought
from alcli.project.intake import with_rows
from alcli.project.ledger import read_ledger
from alcli.project.pool import Pool, Rows
from alcli.project.resolve import resolve
from alcli.project.splits import SEED, VALIDATION, Splits
from alcli.registry import reader_of
from alcli.simulate._memory import HeldPool
from alcli.simulate._oracle import Truth
from alcli.simulate._replay import Given
from alcli.tables.atomic import sha256_file

_SEALED = ("validation", "reserve", "held_out")


@dataclass(frozen=True)
class Data:
    """Labeled rows in memory.

    Attributes:
        pool: the rows.
        truth: their labels, in the pool's order.
        digest: of what they were read from.
        test: ids of the test rows where these are given; empty: they are drawn in each repeat.
        weight: (n,) how many rows of the pool a row stands for, where rows were chosen; None: all alike.
        warnings: what the user should know.
    """

    pool: HeldPool
    truth: Truth
    digest: Mapping[str, str]
    test: tuple[str, ...] = ()
    weight: NDArray[np.float64] | None = None
    warnings: list[str] = field(default_factory=list)


def from_file(project: Project, path: Path, costs: Mapping[str, float | str]) -> Data:
    """The rows that a file of labels names.

    Args:
        costs: by name, what an answer costs: a number, or a column of the file that says it for each row.

    Raises:
        DataError: a row that cannot be used, with its place.
    """
    pool = Pool(project)
    pool.check_columns()
    named = _Named(project, pool)
    brought = read_brought(project, named, path, None, reader_of, datetime(2000, 1, 1, tzinfo=UTC))
    ledger = with_rows(read_ledger(project.root / "none"), brought.answers)
    labels = resolve(ledger, project.config.labels.resolve).labels
    held = named.held.only(labels["id"].combine_chunks())
    warnings = list(brought.warnings)
    if len(held) < pool.n_seen:
        words = plural(pool.n_seen - len(held), "row of the pool has", "rows of the pool have")
        warnings.append(f"{words} no label in {path.name}: left out")
    columns = {name: _column(project, path, column, held.ids) for name, column in costs.items()}
    digest = {"pool": pool.file.sha256, "labels": sha256_file(path)}
    return Data(held, _truth(held, labels, columns), digest, warnings=warnings)


def from_project(project: Project, costs: Mapping[str, float | str]) -> Data:
    """The project's own labels; its validation rows measure every replay.

    Raises:
        StateError: nothing is labeled yet.
        DataError: costs by a column, which the project does not have; a row to be trained on that is sealed.
        IntegrityError: labels, splits or a sealed row were changed.
    """
    if not (project.root / LABELS).exists():
        raise StateError("there are no labels yet", where=LABELS, hint="or name a file: --labels FILE")
    wrong = [name for name, value in costs.items() if isinstance(value, str)]
    if wrong:
        raise DataError(
            "a project's labels have no column of costs", where=f"--cost {wrong[0]}", hint="write NAME=NUMBER"
        )
    seed = project.rounds[0].steps["seed"]
    project.check_sealed()
    steps = [round_.steps["ingest"] for round_ in project.rounds if "ingest" in round_.steps]
    project.check(steps[-1], LABELS)
    pool = Pool(project)
    pool.check_columns()
    labels = pq.read_table(project.root / LABELS)
    if not labels.num_rows:
        raise StateError("no row has a label", where=LABELS, hint="ingest answers first")
    sealed = Splits.read_with_groups(project, pool)
    held = _held(project, pool, labels["id"].combine_chunks(), sealed.shown)
    sealed.check_labeled(held.held)
    truth = _truth(held, labels, {name: np.full(len(held), float(value)) for name, value in costs.items()})
    splits = dict(zip(labels["id"].to_pylist(), labels["split"].to_pylist(), strict=True))
    test = tuple(id_ for id_ in held.ids.to_pylist() if splits[id_] == VALIDATION)
    if not test:
        raise StateError(
            "no validation row has a label yet: nothing could be measured",
            where=LABELS,
            hint="ingest answers to validation rows first",
        )
    digest = {
        "pool": pool.file.sha256,
        "labels": sha256_file(project.root / LABELS),
        "splits": seed.outputs[SPLITS].sha256,
        "ledger": steps[-1].outputs[LEDGER].sha256,
    }
    n_pool = int(seed.counts["pool"]) - sum(int(seed.counts[name]) for name in _SEALED)
    weight, warnings = _weights(project, held, frozenset(test), n_pool)
    warnings.append(
        "all repeats are measured on the same validation rows: the intervals leave their luck out"
    )
    return Data(held, truth, digest, test, weight, warnings)


def read_splits(path: Path, ids: pa.Array) -> dict[int, dict[str, Given]]:
    """Where each repeat starts, as a file of `repeat`, `id` and `split` (validation, seed) says it.

    Seed rows may have a `seed_strategy`: they are for replays with that one.

    Returns:
        By repeat, and by seed strategy: "" for all.

    Raises:
        DataError: a column that is missing, a row that cannot be, or a repeat without test rows.
    """
    table = reader_of(path).read(path).table
    for name in ("repeat", "id", "split"):
        if name not in table.column_names:
            hint = "as simulation/splits.parquet: repeat, id, split"
            raise DataError(f"there is no column {name!r}", where=path.name, hint=hint)
    unknown = table["id"].filter(pc.invert(pc.is_in(table["id"], value_set=ids)))
    if len(unknown):
        raise DataError(f"the row {unknown[0].as_py()!r} has no label", where=f"{path.name}, column id")
    found: defaultdict[int, list[Mapping[str, str]]] = defaultdict(list)
    for row in table.to_pylist():
        repeat, split = row["repeat"], row["split"]
        if not repeat.isdecimal():
            raise DataError(f"{repeat!r} is no repeat", where=path.name, hint="they are numbered from 0")
        if split not in {VALIDATION, SEED}:
            raise DataError(f"{split!r} is no split", where=path.name, hint="splits are validation and seed")
        found[int(repeat)].append(row)
    return {repeat: _starts(repeat, rows, path) for repeat, rows in found.items()}


def _starts(repeat: int, rows: Sequence[Mapping[str, str]], path: Path) -> dict[str, Given]:
    test = tuple(row["id"] for row in rows if row["split"] == VALIDATION)
    if not test:
        raise DataError(f"repeat {repeat} has no validation rows to be measured on", where=path.name)
    seeds: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row["split"] == SEED:
            seeds[row.get("seed_strategy", "").strip()].append(row["id"])
    starts = {name: Given(test, tuple(ids)) for name, ids in seeds.items()} or {"": Given(test)}
    for start in starts.values():
        id_, count = Counter(start.test + start.seed).most_common(1)[0]
        if count > 1:
            raise DataError(f"the row {id_!r} stands twice in repeat {repeat}", where=path.name)
    return starts


class _Named:
    """The rows of the pool that a label file names: read in one pass, when they are first looked for."""

    held: HeldPool

    def __init__(self, project: Project, pool: Pool) -> None:
        self._project = project
        self._pool = pool
        self.shown = pool.shown

    def take(self, ids: Sequence[str]) -> Rows:
        """Those of some ids; from now on they are held."""
        self.held = _held(self._project, self._pool, pa.array(ids, pa.string()))
        return self.held.held


def _held(project: Project, pool: Pool, ids: pa.Array, more: Sequence[str] = ()) -> HeldPool:
    """The rows of some ids, with every column that a step may ask to be shown, and `more` of them."""
    config = project.config
    shown = dict.fromkeys(
        name
        for name in (
            *more,
            config.split.group_by,
            *(config.seed.stratify_by or ()),
            *(config.query.quotas or ()),
        )
        if name is not None
    )
    return HeldPool.of(pool.take(ids, config.features, tuple(shown)))


def _truth(held: HeldPool, labels: pa.Table, costs: Mapping[str, NDArray[np.float64]]) -> Truth:
    at = pc.index_in(held.ids, value_set=labels["id"].combine_chunks())
    names = labels["label"].take(at).combine_chunks()
    classes = sorted(pc.unique(names).to_pylist())
    if len(classes) < 2:
        raise DataError(
            f"all {len(held):,} labels are {classes[0]!r}: there is nothing to learn",
            hint="a replay needs labels of two classes at least",
        )
    y = pc.index_in(names, value_set=pa.array(classes, pa.string())).to_numpy().astype(np.int64)
    return Truth(held.ids, y, tuple(classes), costs)


def _column(project: Project, path: Path, column: float | str, ids: pa.Array) -> NDArray[np.float64]:
    """What an answer to each row costs.

    Raises:
        DataError: no such column, or a cell that is no number.
    """
    if not isinstance(column, str):
        return np.full(len(ids), column)
    table = reader_of(path).read(path).table
    if column not in table.column_names:
        raise DataError(
            f"there is no column {column!r} of costs",
            where=path.name,
            hint=suggest(column, table.column_names) or "write --cost NAME=NUMBER for one price",
        )
    at = pc.index_in(ids, value_set=pc.utf8_trim_whitespace(table[project.config.labels.id].combine_chunks()))
    if at.null_count:
        missing = ids.filter(pc.is_null(at))[0].as_py()
        raise DataError(f"there is no cost of the row {missing!r}", where=path.name)
    cells = table.take(at)[column]
    try:
        found: NDArray[np.float64] = pc.cast(pc.utf8_trim_whitespace(cells), pa.float64()).to_numpy()
    except pa.ArrowInvalid as error:
        raise DataError(
            f"the column {column!r} has a cell that is no number: {error}", where=path.name
        ) from error
    if not np.isfinite(found).all() or found.min() < 0:
        raise DataError(f"the costs in {column!r} must be numbers from 0 on", where=path.name)
    return found


def _weights(
    project: Project, held: HeldPool, test: frozenset[str], n_pool: int
) -> tuple[NDArray[np.float64] | None, list[str]]:
    """How many rows of the pool each training row stands for, and what is to be said of it.

    Rows that the strategy chose stand for themselves: they are all there is of their kind. The others are
    stood for by the rows that were drawn at random among them, the seed set's and the explored ones.
    """
    asked = reasons(project)
    ids = held.ids.to_pylist()
    training = np.array([id_ not in test for id_ in ids])
    by_chance = np.array([id_ in asked and asked[id_].by_chance for id_ in ids]) & training
    chosen = training & ~by_chance
    explored = sum(id_ in asked and asked[id_].reason == "explore" for id_ in ids)
    n_chosen, n_random = int(chosen.sum()), int(by_chance.sum())
    if not n_chosen:
        return None, []
    biased = (
        f"{n_chosen:,} of the {n_chosen + n_random:,} training rows were chosen by a strategy: "
        "they are harder than the pool's rows are, and a replay over them is not one over the pool"
    )
    if not explored:
        advice = "query.explore: 0.1 would draw rows at random, by which this can be corrected"
        return None, [f"{biased}; not corrected, since no row was drawn at random in the rounds ({advice})"]
    weight = np.where(chosen, 1.0, max(1.0, (n_pool - n_chosen) / n_random))
    stands_for = f"a row drawn at random stands for {weight.max():,.0f} rows of the pool"
    return weight, [f"{biased}; corrected by weights: {stands_for}, and few chosen ones remain in a repeat"]


def kept_ids(data: Data, order: NDArray[np.uint64], given: Sequence[str]) -> Sequence[str] | None:
    """Ids of the rows of one repeat's pool; None: all of them.

    Args:
        order: (n,) the rows' random numbers in the repeat.
        given: ids that are kept whatever they weigh.
    """
    if data.weight is None:
        return None
    stays = pc.is_in(data.pool.ids, value_set=pa.array(given, pa.string())).to_numpy(zero_copy_only=False)
    kept = (order.astype(np.float64) / 2.0**64 < data.weight / data.weight.max()) | stays
    ids: list[str] = data.pool.ids.filter(pa.array(kept)).to_pylist()
    return ids


def expected_rows(data: Data) -> int:
    """How many rows a repeat's pool has, test rows aside: those that weigh little are not always there."""
    if data.weight is None:
        return len(data.pool) - len(data.test)
    training = ~pc.is_in(data.pool.ids, value_set=pa.array(data.test, pa.string())).to_numpy(
        zero_copy_only=False
    )
    return int((data.weight / data.weight.max())[training].sum())
