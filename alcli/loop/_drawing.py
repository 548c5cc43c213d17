"""Validation, reserve and seed set of a pool, drawn: at random, distinct, apart from each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from alcli.config import Config
from alcli.engine import FeatureSpace, asked_choice
from alcli.errors import ConfigError
from alcli.loop import plural
from alcli.project.brought import Brought
from alcli.project.draw import SAMPLE, Draw, Drawing, How
from alcli.project.pool import Rows, RowSource
from alcli.project.sizes import SIZE_KEYS, fit_sizes
from alcli.registry import FEATURES, STRATEGIES, split_spec
from alcli.strategies import Candidates, Labeled, Strategy, allocate
from alcli.tables.hashing import Hashes

_FEW_GROUPS = 5


@dataclass(frozen=True)
class Drawn:
    """What was drawn.

    Attributes:
        draw: the splits.
        held_out: ids and contents of the sealed rows' copies and group-mates.
        warnings: sizes that were fitted, strata or groups that are few.
    """

    draw: Draw
    held_out: tuple[pa.Array, Hashes]
    warnings: list[str]


def draw_splits(
    config: Config, where: Callable[[str], str], pool: RowSource, n_rows: int, brought: Brought
) -> Drawn:
    """Draw what the config's `split` and `seed` sections say; the seed set is the seed strategy's choice.

    Raises:
        ConfigError: sizes that do not fit the pool.
    """
    sizes, warnings = fit_sizes(config, where, n_rows)
    how = How(partial(_choose, config), allocate)
    drawing = Drawing(config, pool, n_rows, sizes, brought, how)
    draw = drawing.draw()
    if draw.distinct is not None:
        sizes, warnings = fit_sizes(config, where, n_rows, distinct=draw.distinct)
        drawing = Drawing(config, pool, n_rows, sizes, brought, how)
        draw = drawing.draw()
        warnings += _shortage(config, where, draw)
    warnings += [*_few_groups(draw), *_missed_strata(drawing)]
    return Drawn(draw, drawing.held_out(draw), warnings)


def _shortage(config: Config, where: Callable[[str], str], draw: Draw) -> list[str]:
    """Fewer rows than even the fitted sizes say: their copies or group-mates are sealed.

    Raises:
        ConfigError: the user set the sizes, or nothing is left for the seed set.
    """
    if draw.distinct is None:
        return []
    found = (
        f"only {len(draw.validation):,} validation, {len(draw.reserve):,} reserve and "
        f"{len(draw.seed):,} seed rows can be drawn apart from each other"
    )
    if not len(draw.seed) or any(config.is_set(key) for key in SIZE_KEYS):
        hint = "make split.validation, split.reserve or seed.size smaller, or the groups finer"
        raise ConfigError(found, where=where("split"), hint=hint)
    return [found]


def _missed_strata(drawing: Drawing) -> list[str]:
    missed = drawing.strata.n_missed if drawing.strata is not None else 0
    if not missed:
        return []
    return [
        f"{plural(missed, 'stratum', 'strata')} of seed.stratify_by got no row: raise seed.size to cover them"
    ]


def _few_groups(draw: Draw) -> list[str]:
    """Rows of one group are alike: a few groups measure less than their rows promise."""
    if draw.groups is None:
        return []
    n_groups = len(np.unique(draw.groups[draw.validation]))
    if n_groups >= _FEW_GROUPS:
        return []
    few = plural(n_groups, "group")
    return [f"the validation rows come from {few} only: metrics will say less than they show"]


def _choose(config: Config, rows: Rows, distinct: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Positions of the seed set among the distinct rows, by the seed strategy; features are fitted on all."""
    if not len(distinct) or not size:
        return np.empty(0, dtype=np.int64)
    strategy = build_seed_strategy(config)
    candidates = rows.take(distinct)
    keys = candidates.keys(config.random_state, 0)
    given = Candidates(keys)
    if strategy.needs:
        space = FeatureSpace({kind: FEATURES.build(kind) for kind in config.features.describing})
        sample = rows.take(np.arange(min(SAMPLE, len(rows))))
        features = space.fit(sample.features).transform(candidates.features)
        nobody = Labeled(features[:0], np.empty(0, dtype=np.int64))
        given = Candidates(keys, features=features, labeled=nobody)
    rng = np.random.default_rng([config.random_state, 0, 0])
    name = split_spec(config.seed.strategy)[0]
    return distinct[asked_choice(strategy, name, given, size, rng)]


def build_seed_strategy(config: Config) -> Strategy:
    """The strategy that chooses the seed set: any that needs no model.

    Raises:
        ConfigError: it needs a model's predictions.
    """
    strategy: Strategy = STRATEGIES.build(config.seed.strategy)
    wants = [need for need in strategy.needs if need not in ("features", "labeled")]
    if wants:
        raise ConfigError(
            f"{split_spec(config.seed.strategy)[0]!r} needs {wants[0]}, which only a trained model has",
            hint="use stratified, random, typiclust, core_set or another that needs none",
        )
    return strategy
