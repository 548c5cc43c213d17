"""How many rows go to validation, reserve and seed set."""

from __future__ import annotations

from dataclasses import dataclass

from alcli.errors import ConfigError
from alcli.project import Project

_SHARES_AT_MOST = {"split.validation": 1 / 8, "split.reserve": 1 / 8, "seed.size": 1 / 10}
SIZE_KEYS = tuple(_SHARES_AT_MOST)


@dataclass(frozen=True)
class Sizes:
    """Rows to draw of each split,"""

    validation: int
    reserve: int
    seed: int

    @property
    def total(self) -> int:
        return self.validation + self.reserve + self.seed


def fit_sizes(project: Project, n_rows: int) -> tuple[Sizes, list[str]]:
    """The configured sizes in rows; those that nobody set shrink to fit a small pool, with a warning.

    Raises:
        ConfigError: sizes that were set do not fit.
    """
    config = project.config
    values = {
        "split.validation": config.split.validation,
        "split.reserve": config.split.reserve,
        "seed.size": config.seed.size,
    }
    sizes = {key: round(value * n_rows) if 0 < value < 1 else int(value) for key, value in values.items()}
    warnings = []
    for key, share in _SHARES_AT_MOST.items():
        limit = max(1, int(n_rows * share))
        if not config.is_set(key) and sizes[key] > limit:
            warnings.append(f"{key} is {limit:,} instead of {sizes[key]:,}: the pool has {n_rows:,} rows")
            sizes[key] = limit
    if sum(sizes.values()) > n_rows:
        parts = " + ".join(f"{key} {size:,}" for key, size in sizes.items())
        key = next((key for key in reversed(sizes) if config.is_set(key)), "seed.size")
        raise ConfigError(
            f"{parts} = {sum(sizes.values()):,} rows do not fit a pool of {n_rows:,}",
            where=project.source.where(key),
            hint="make them smaller, or remove them to have them fitted",
        )
    if sizes["seed.size"] < 1:
        raise ConfigError(
            "the seed set needs at least one row",
            where=project.source.where("seed.size"),
            hint="set 20 or more",
        )
    return Sizes(*sizes.values()), warnings
