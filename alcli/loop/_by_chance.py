"""Which labeled rows were drawn at random: what is known of them holds for the pool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from alcli.project import Project
from alcli.project.selection import RELABEL, read_selection
from alcli.registry import STRATEGIES

_NEAR_RANDOM = ("random_sampling", "stratified")


class Why(NamedTuple):
    """In which round a row was asked, why, and by which strategy."""

    round: int
    reason: str
    strategy: str

    @property
    def by_chance(self) -> bool:
        """Whether it was drawn at random; a stratified seed set is as good as that."""
        seed = self.reason == "seed" and self.strategy in _NEAR_RANDOM
        return seed or self.reason in {"explore", "validation"}


def reasons(project: Project) -> Mapping[str, Why]:
    """Why each row was asked last, when it had no label yet."""
    found: dict[str, Why] = {}
    for round_ in project.rounds:
        if {"seed", "query"} & set(round_.steps):
            for row in read_selection(project, round_.folder).to_pylist():
                if row["reason"] != RELABEL:
                    name = STRATEGIES.aliases.get(row["strategy"], row["strategy"])
                    found[row["id"]] = Why(round_.number, row["reason"], name)
    return found
