"""How many rows go to validation, reserve and seed set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from alcli.config import Config
from alcli.errors import ConfigError

_SHARES_AT_MOST = {"split.validation": 1 / 8, "split.reserve": 1 / 8, "seed.size": 1 / 10}
SIZE_KEYS = tuple(_SHARES_AT_MOST)
_IN_ORDER_OF_NEED = ("seed.size", "split.validation", "split.reserve")


@dataclass(frozen=True)
class Sizes:
    """Rows to draw of each split."""

    validation: int
    reserve: int
    seed: int

    @property
    def total(self) -> int:
        return self.validation + self.reserve + self.seed


def fit_sizes(
    config: Config, where: Callable[[str], str], n_rows: int, *, distinct: int | None = None
) -> tuple[Sizes, list[str]]:
    """The configured sizes in rows; those that nobody set shrink to fit a small pool, with a warning.

    Args:
        config: names the sizes.
        where: names the place of a config key, for errors.
        n_rows: rows of the pool.
        distinct: how many of them, with their copies (and group-mates) taken together, can be drawn.

    Raises:
        ConfigError: sizes that were set do not fit, or leave nothing for the seed set.
    """
    room = n_rows if distinct is None else distinct
    what = f"the pool has {n_rows:,} rows" + ("" if distinct is None else f", {distinct:,} of them distinct")
    wanted = _wanted(config, n_rows)
    fixed = sum(size for key, size in wanted.items() if config.is_set(key))
    sizes, warnings = dict(wanted), []
    left = room - fixed
    for key in _IN_ORDER_OF_NEED:
        if not config.is_set(key):
            sizes[key] = min(wanted[key], max(1, int(room * _SHARES_AT_MOST[key])), max(0, left))
            left -= sizes[key]
            if sizes[key] < wanted[key]:
                warnings.append(f"{key} is {sizes[key]:,} instead of {wanted[key]:,}: {what}")
    if sum(sizes.values()) > room or not sizes["seed.size"]:
        key = next((key for key in SIZE_KEYS[::-1] if config.is_set(key)), "seed.size")
        parts = " + ".join(f"{name} {size:,}" for name, size in sizes.items())
        raise ConfigError(
            f"{parts} = {sum(sizes.values()):,} rows cannot be drawn: {what}",
            where=where(key),
            hint="seed.size needs 1 at least, the others may be 0; sizes that are not set are fitted",
        )
    return Sizes(*sizes.values()), warnings


def _wanted(config: Config, n_rows: int) -> dict[str, int]:
    """The sizes in rows, shares taken of the pool."""
    values = (config.split.validation, config.split.reserve, config.seed.size)
    return {
        key: max(1, round(value * n_rows)) if 0 < value < 1 else int(value)
        for key, value in zip(SIZE_KEYS, values, strict=True)
    }
