"""`seed`: draw the honest validation set at random, seal it, then choose the first rows to label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from alcli.config import Config
from alcli.engine import FeatureSpace
from alcli.errors import ConfigError
from alcli.loop import Result, plural
from alcli.project import SPLITS, Project, Round, Step
from alcli.project.pool import Pool, Rows, isin_sorted
from alcli.project.query_file import stage_query
from alcli.project.sample import lowest
from alcli.project.selection import QUERY, Choice, read_selection, selection_table, stage_selection
from alcli.project.sizes import SIZE_KEYS, Sizes, fit_sizes
from alcli.project.splits import HELD_OUT, RESERVE, SEED, VALIDATION, write_splits
from alcli.registry import FEATURES, FORMATS, STRATEGIES, split_spec
from alcli.strategies import Candidates
from alcli.tables.hashing import Hashes, hash_strings, salted

READS = ("id", "features", "split", "seed", "random_state")
SAMPLE = 20_000
_SEALED_GROUPS_SHARE = 0.25


def seed(project: Project, labels: Path | None = None, validation_ids: Path | None = None) -> Result:
    """Draw validation, reserve and seed set; write `splits.parquet` and `rounds/000/`.

    Raises:
        ConfigError: sizes that do not fit the pool, columns that are not there.
        DataError: a pool that cannot be used, with the row.
    """
    started = datetime.now(UTC)
    if project.rounds and "seed" in project.rounds[0].steps:
        return _up_to_date(project)
    config, pool = project.config, Pool(project)
    pool.check_columns()
    n_rows = sum(len(rows) for rows in pool.rows(unique=True))
    sizes, warnings = fit_sizes(project, n_rows)
    draw = _draw(project, pool, n_rows, sizes)
    if draw.shortage:
        warnings.append(draw.shortage)
    held_out = _held_out(pool, config, draw)

    step = Step(
        "seed",
        settings=project.read_settings(("pool", *READS)),
        config=config.digest(READS),
        random_state=config.random_state,
        inputs={"pool": pool.file_with(n_rows)},
        outputs={},
    )
    counts = {
        "pool": n_rows,
        "validation": len(draw.validation),
        "reserve": len(draw.reserve),
        "held_out": len(held_out[0]),
        "seed": len(draw.seed),
        "asked": len(draw.validation) + len(draw.seed),
        "pending": len(draw.validation) + len(draw.seed),
    }
    folder = Round(0).folder
    with project.change() as change:
        rows = draw.rows
        splits = {
            split: (rows.take(part).ids, draw.content[part])
            for split, part in ((VALIDATION, draw.validation), (RESERVE, draw.reserve), (SEED, draw.seed))
        }
        n_splits = write_splits(change.path(SPLITS), {**splits, HELD_OUT: held_out})
        outputs = {SPLITS: change.file(SPLITS, n_splits)}
        choices = _mixed(draw, config)
        outputs |= stage_selection(change, folder, selection_table(choices))
        ids = [choice.id for choice in choices]
        outputs |= stage_query(project, change, f"{folder}/{QUERY}", ids, FORMATS.build("csv"))
        round_ = Round(0).with_step(step.finished(outputs, counts, clock=project.clock))
        change.record(round_)
    project.log(round_, "seed", started)
    return Result(
        "seed",
        round=0,
        changed=True,
        counts=counts,
        files=[SPLITS, *(f"{folder}/{name}" for name in (QUERY, "selection.parquet", "round.json"))],
        warnings=warnings,
        summary=_summary(counts, folder),
    )


def _summary(counts: Mapping[str, int], folder: str) -> list[str]:
    sealed = (
        f"{plural(counts['validation'], 'validation row')} drawn at random from {counts['pool']:,} and sealed"
    )
    extra = f", {counts['reserve']:,} in reserve" if counts["reserve"] else ""
    copies = (
        f", {plural(counts['held_out'], 'copy or group-mate', 'copies and group-mates')} held out"
        if counts["held_out"]
        else ""
    )
    return [
        f"{sealed}{extra}{copies}.",
        f"{plural(counts['seed'], 'seed row')} chosen from the rest.",
        f"Give {folder}/{QUERY} to people: {plural(counts['asked'], 'row')}, mixed, to label.",
    ]


def _up_to_date(project: Project) -> Result:
    step = project.rounds[0].steps["seed"]
    folder = project.rounds[0].folder
    project.check(step, f"{folder}/selection.parquet")
    files = []
    if not (project.root / folder / QUERY).exists():
        ids = read_selection(project, folder).column("id").to_pylist()
        with project.change() as change:
            stage_query(project, change, f"{folder}/{QUERY}", ids, FORMATS.build("csv"))
        files = [f"{folder}/{QUERY}"]
    return Result(
        "seed",
        round=0,
        changed=bool(files),
        counts=step.counts,
        files=files,
        summary=[f"Up to date: the seed set stands in {folder}/{QUERY}, the splits in {SPLITS}."],
    )


@dataclass(frozen=True)
class _Draw:
    """Rows with the lowest keys, by rising key, and which of them (positions) are in which split."""

    rows: Rows
    content: Hashes
    groups: Hashes | None
    validation: NDArray[np.int64]
    reserve: NDArray[np.int64]
    seed: NDArray[np.int64]
    strata: tuple[str, ...] | None
    shortage: str | None

    @property
    def sealed(self) -> NDArray[np.int64]:
        """Positions of validation and reserve rows."""
        return np.concatenate([self.validation, self.reserve])


def _draw(project: Project, pool: Pool, n_rows: int, sizes: Sizes) -> _Draw:
    """Draw all splits from a random sample of the pool, a larger one while copies leave too few distinct rows."""
    size = max(SAMPLE, 6 * sizes.total)
    while True:
        draw = _draw_from(project, pool, n_rows, sizes, size)
        if draw.shortage is None or size >= n_rows:
            break
        size *= 4
    if draw.shortage is not None and any(project.config.is_set(key) for key in SIZE_KEYS):
        raise ConfigError(
            draw.shortage,
            where=project.source.where("seed.size"),
            hint="make split.validation, split.reserve or seed.size smaller",
        )
    return draw


def _draw_from(project: Project, pool: Pool, n_rows: int, sizes: Sizes, sample: int) -> _Draw:
    config = project.config
    by = (config.split.group_by,) if config.split.group_by else ()
    strata_by = config.seed.stratify_by or ()
    ids = lowest(pool.rows(), min(sample, n_rows), config.random_state, 0)
    rows = pool.take(ids, config.features, [*by, *strata_by])
    rows = rows.take(np.argsort(rows.keys(config.random_state, 0), kind="stable"))
    content = rows.content()
    groups = hash_strings(rows.shown[by[0]]) if by else None

    sealed = _first_distinct(content, np.ones(len(rows), dtype=np.bool_))
    if groups is not None:
        sealed = _within_groups(sealed, groups, _group_sizes(pool, by[0]), n_rows)
    sealed = sealed[: sizes.validation + sizes.reserve]
    free = ~np.isin(content, content[sealed])
    if groups is not None:
        free &= ~np.isin(groups, groups[sealed])
    seeds, strata = _seed_set(config, rows, _first_distinct(content, free), free, min(sizes.seed, n_rows))

    shortage = None
    if len(sealed) + len(seeds) < sizes.total:
        what = "rows" if groups is None else "rows and groups"
        shortage = (
            f"there are too few distinct {what}: {len(sealed):,} sealed and {len(seeds):,} seed rows drawn "
            f"instead of {sizes.validation + sizes.reserve:,} and {sizes.seed:,}"
        )
    validation, reserve = np.split(sealed, [sizes.validation])
    return _Draw(rows, content, groups, validation, reserve, seeds, strata, shortage)


def _first_distinct(content: Hashes, allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Positions of the first row of each distinct content among the allowed rows, in order."""
    positions = np.flatnonzero(allowed)
    _, first = np.unique(content[positions], return_index=True)
    return np.sort(positions[first])


def _within_groups(
    positions: NDArray[np.int64], groups: Hashes, group_sizes: Mapping[int, int], n_rows: int
) -> NDArray[np.int64]:
    """Those positions whose groups, sealed whole, stay below a quarter of the pool; a group once opened stays open."""
    opened: set[int] = set()
    left = max(int(_SEALED_GROUPS_SHARE * n_rows), min(group_sizes.values()))
    kept = []
    for position in positions.tolist():
        group = int(groups[position])
        if group not in opened:
            if group_sizes[group] > left:
                continue
            left -= group_sizes[group]
            opened.add(group)
        kept.append(position)
    return np.array(kept, dtype=np.int64)


def _group_sizes(pool: Pool, column: str) -> Counter[int]:
    sizes: Counter[int] = Counter()
    for rows in pool.rows(shown=[column]):
        groups, counts = np.unique(hash_strings(rows.shown[column]), return_counts=True)
        sizes.update(dict(zip(groups.tolist(), counts.tolist(), strict=True)))
    return sizes


def _seed_set(
    config: Config, rows: Rows, distinct: NDArray[np.int64], free: NDArray[np.bool_], size: int
) -> tuple[NDArray[np.int64], tuple[str, ...] | None]:
    """Positions of the seed set, and each one's stratum where columns name it."""
    if not len(distinct):
        return distinct, None
    strategy = build_seed_strategy(config)
    candidates = rows.take(distinct)
    strata = _strata(candidates, config.seed.stratify_by)
    features = None
    if "features" in strategy.needs and strata is None:
        space = FeatureSpace({kind: FEATURES.build(kind) for kind in config.features.by_kind})
        sample = rows.take(np.flatnonzero(free)[:SAMPLE])
        features = space.fit(sample.features).transform(candidates.features)
    rng = np.random.default_rng([config.random_state, 0, 0])
    chosen = strategy.select(
        Candidates(
            key=candidates.keys(config.random_state, 0),
            features=features,
            strata=None if strata is None else np.unique(strata, return_inverse=True)[1],
        ),
        size,
        rng,
    )
    return distinct[chosen], None if strata is None else tuple(strata[chosen].tolist())


def _strata(rows: Rows, columns: tuple[str, ...] | None) -> NDArray[np.str_] | None:
    if columns is None:
        return None
    cells = [rows.shown[name].to_pylist() for name in columns]
    return np.array([" / ".join(values) for values in zip(*cells, strict=True)], dtype=np.str_)


def build_seed_strategy(config: Config) -> Any:
    """The strategy that chooses the seed set: any that needs no model; `random` is short for random_sampling.

    Raises:
        ConfigError: it needs a model's predictions.
    """
    name, parameters = split_spec(config.seed.strategy)
    strategy = STRATEGIES.build({**parameters, "name": {"random": "random_sampling"}.get(name, name)})
    wants = [need for need in strategy.needs if need != "features"]
    if wants:
        raise ConfigError(
            f"the seed strategy {name!r} needs {wants[0]}, which only a trained model has",
            hint="use stratified or random",
        )
    return strategy


def _held_out(pool: Pool, config: Config, draw: _Draw) -> tuple[pa.Array, Hashes]:
    """Ids and contents of all other rows with a sealed row's content or group."""
    by = (config.split.group_by,) if config.split.group_by else ()
    contents = np.unique(draw.content[draw.sealed])
    groups = np.unique(draw.groups[draw.sealed]) if draw.groups is not None else None
    sealed_ids = np.unique(draw.rows.id_hash[draw.sealed])
    ids, found_contents = [pa.array([], pa.string())], [np.empty(0, dtype=np.uint64)]
    for rows in pool.rows(config.features, by):
        content = rows.content()
        found = isin_sorted(content, contents)
        if groups is not None:
            found |= isin_sorted(hash_strings(rows.shown[by[0]]), groups)
        found &= ~isin_sorted(rows.id_hash, sealed_ids)
        if found.any():
            ids.append(rows.take(found).ids)
            found_contents.append(content[found])
    return pa.concat_arrays(ids), np.concatenate(found_contents)


def _mixed(draw: _Draw, config: Config) -> list[Choice]:
    """Validation and seed rows in one order that tells nobody which is which."""
    name = split_spec(config.seed.strategy)[0]
    groups = draw.strata or (None,) * len(draw.seed)
    ids = draw.rows.ids
    choices = [Choice(ids[int(row)].as_py(), "random", VALIDATION) for row in draw.validation]
    choices += [
        Choice(ids[int(row)].as_py(), name, SEED, group=group)
        for row, group in zip(draw.seed, groups, strict=True)
    ]
    rows = np.concatenate([draw.validation, draw.seed])
    order = np.argsort(salted(draw.rows.id_hash[rows], config.random_state, "shown order"), kind="stable")
    return [choices[int(n)] for n in order]
