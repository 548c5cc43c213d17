"""Draws validation, reserve and seed set from the pool: at random, distinct, and apart from each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from alcli.config import Config
from alcli.project.brought import Aside, Brought
from alcli.project.pool import Rows, RowSource, concat_rows, group_hashes, isin_sorted
from alcli.project.sample import lowest
from alcli.project.sizes import Sizes
from alcli.project.strata import Allocator, Strata
from alcli.tables.hashing import Hashes

Positions = NDArray[np.int64]
Chooser = Callable[[Rows, Positions, int], Positions]
"""Takes the rows that are free, the positions of those with distinct content, and how many to choose."""


@dataclass(frozen=True)
class How:
    """How the seed set is chosen: by a strategy, or from strata that columns name."""

    choose: Chooser
    allocate: Allocator


SAMPLE = 20_000
_SEALED_GROUPS_SHARE = 0.25


@dataclass(frozen=True)
class Draw:
    """Rows of a random sample of the pool, and which of them (positions) are in which split.

    Attributes:
        rows: a given validation set first, then the rows with the lowest keys by rising key.
        distinct: None if all rows that were wanted could be drawn; else how many distinct ones there are.
    """

    rows: Rows
    content: Hashes
    groups: Hashes | None
    validation: Positions
    reserve: Positions
    seed: Positions
    distinct: int | None

    @property
    def sealed(self) -> Positions:
        """Positions of validation and reserve rows."""
        return np.concatenate([self.validation, self.reserve])

    def part(self, positions: Positions) -> tuple[pa.Array, Hashes]:
        """Ids and contents of some rows."""
        return self.rows.take(positions).ids, self.content[positions]


class Drawing:
    """Draws from one pool.

    Args:
        pool: with `n_rows` rows.
        sizes: how many rows of each split.
        brought: labels and test set that are there already; nothing is drawn that shares their content.
        how: the seed strategy, and how strata that columns name share the seed set.
    """

    def __init__(
        self, config: Config, pool: RowSource, n_rows: int, sizes: Sizes, brought: Brought, how: How
    ) -> None:
        self.config = config
        self.pool = pool
        self.n_rows = n_rows
        self.sizes = sizes
        self.brought = brought
        self.how = how
        self.group_by = config.split.group_by
        self.shown = [*([self.group_by] if self.group_by else []), *(config.seed.stratify_by or ())]
        columns = config.seed.stratify_by
        self.strata = self._count_strata(columns) if columns and not brought.train else None
        given = pool.take(brought.train, config.features, self.shown)
        self.labeled = Aside.of(given, self.group_by)

    def draw(self) -> Draw:
        """All splits, from a larger sample while copies leave too few distinct rows and more are found."""
        size, before = max(SAMPLE, 6 * self.sizes.total), -1
        while True:
            draw = self._from_sample(size)
            if draw.distinct is None or size >= self.n_rows or draw.distinct == before:
                return draw
            size, before = 4 * size, draw.distinct

    def _from_sample(self, size: int) -> Draw:
        rows, n_given = self._sample(size)
        content = rows.content()
        groups = group_hashes(rows, self.group_by) if self.group_by else None
        sealed = self._sealed(content, groups, n_given)
        free = ~np.isin(content, content[sealed], kind="sort") & ~isin_sorted(content, self.labeled.content)
        if groups is not None:
            free &= ~np.isin(groups, groups[sealed], kind="sort")
        free[:n_given] = False
        wanted = 0 if self.brought.train else self.sizes.seed
        open_rows = np.flatnonzero(free)
        seeds = open_rows[self._choose(rows.take(open_rows), first_distinct(content[open_rows]), wanted)]
        validation, reserve = np.split(sealed, [n_given or self.sizes.validation])
        n_wanted = len(self.brought.validation) or self.sizes.validation
        short = len(sealed) + len(seeds) < n_wanted + self.sizes.reserve + wanted
        distinct = len(sealed) + len(np.unique(content[free])) if short else None
        return Draw(rows, content, groups, validation, reserve, seeds, distinct)

    def _choose(self, rows: Rows, distinct: Positions, size: int) -> Positions:
        if self.strata is not None and size:
            return self.strata.choose(rows, distinct)
        return self.how.choose(rows, distinct, size)

    def _count_strata(self, columns: tuple[str, ...]) -> Strata:
        return Strata.count(self.pool, columns, self.sizes.seed, self.how.allocate)

    def _sample(self, size: int) -> tuple[Rows, int]:
        """A given validation set and a random sample of the other rows."""
        config = self.config
        ids = lowest(self.pool.rows(), min(size, self.n_rows), config.random_state, 0)
        if self.strata is not None:
            ids += self.strata.sample(self.pool, config.random_state)
        given = self.brought.validation
        sample = self.pool.take(set(ids) - set(given), config.features, self.shown)
        sample = sample.take(np.argsort(sample.keys(config.random_state, 0), kind="stable"))
        if not given:
            return sample, 0
        return concat_rows([self.pool.take(given, config.features, self.shown), sample]), len(given)

    def _sealed(self, content: Hashes, groups: Hashes | None, n_given: int) -> Positions:
        """Validation and reserve: the given rows, or distinct random ones apart from the labeled."""
        allowed = ~self.labeled.find(content, groups)
        if n_given:
            allowed &= ~np.isin(content, content[:n_given], kind="sort")
            allowed[:n_given] = False
        drawn = np.flatnonzero(allowed)
        drawn = drawn[first_distinct(content[drawn])]
        if groups is not None:
            drawn = _within_groups(drawn, groups, self._group_sizes(), self.n_rows)
        if n_given:
            return np.concatenate([np.arange(n_given), drawn[: self.sizes.reserve]])
        return drawn[: self.sizes.validation + self.sizes.reserve]

    def _group_sizes(self) -> Counter[int]:
        sizes: Counter[int] = Counter()
        for rows in self.pool.rows(shown=self.shown[:1]):
            groups, counts = np.unique(group_hashes(rows, self.shown[0]), return_counts=True)
            sizes.update(dict(zip(groups.tolist(), counts.tolist(), strict=True)))
        return sizes

    def held_out(self, draw: Draw) -> tuple[pa.Array, Hashes]:
        """Ids and contents of all other rows of the pool with a sealed row's content or group."""
        contents = np.unique(draw.content[draw.sealed])
        groups = np.unique(draw.groups[draw.sealed]) if draw.groups is not None else None
        sealed_ids = np.unique(draw.rows.id_hash[draw.sealed])
        ids, found_contents = [pa.array([], pa.string())], [np.empty(0, dtype=np.uint64)]
        for rows in self.pool.rows(self.config.features, self.shown[:1] if self.group_by else ()):
            content = rows.content()
            found = isin_sorted(content, contents)
            if groups is not None:
                found |= isin_sorted(group_hashes(rows, self.shown[0]), groups)
            found &= ~isin_sorted(rows.id_hash, sealed_ids)
            if found.any():
                ids.append(rows.take(found).ids)
                found_contents.append(content[found])
        return pa.concat_arrays(ids), np.concatenate(found_contents)


def first_distinct(content: Hashes) -> Positions:
    """Positions of the first row of each distinct content, in order."""
    return np.sort(np.unique(content, return_index=True)[1])


def _within_groups(
    positions: Positions, groups: Hashes, group_sizes: Mapping[int, int], n_rows: int
) -> Positions:
    """Those positions whose groups, sealed whole, stay below a quarter of the pool.

    A group once opened stays open.
    """
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
