"""What scoring a round's rows and choosing among them stand on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

from alcli.config import Config
from alcli.engine import Trained
from alcli.models import read_model
from alcli.project import Project, Round
from alcli.project.model_folder import model_folder
from alcli.project.pool import Pool, RowSource
from alcli.registry import FEATURES, MODELS
from alcli.strategies import Size

_ROW = {"numbers": 0, "bytes": 4096}
"""Of a row's features, where a model of an earlier version does not say."""


@dataclass(frozen=True)
class Ground:
    """One round's config, pool and model: a project's files, or what a simulation holds in memory.

    Attributes:
        config: the settings.
        where: names the place of a config key, for errors.
        pool: the rows.
        n_rows: how many.
        round: its number.
        trained: the round's model.
        row: numbers and bytes of a row of features.
    """

    config: Config
    where: Callable[[str], str]
    pool: RowSource
    n_rows: int
    round: int
    trained: Trained
    row: Mapping[str, int]

    @classmethod
    def of(cls, project: Project, round_: Round, pool: Pool, trained: Trained) -> Self:
        """That of a project's round."""
        return cls(
            project.config,
            project.source.where,
            pool,
            pool.n_rows or int(project.rounds[0].steps["seed"].counts["pool"]),
            round_.number,
            trained,
            {**_ROW, **round_.steps["train"].more.get("row", {})},
        )

    def size(self, n: int, n_labeled: int, batch_size: int) -> Size:
        """How large a choice among `n` rows is."""
        trained = self.trained
        return Size(n, self.row["numbers"], len(trained.classes), len(trained.members), n_labeled, batch_size)


def read_trained(project: Project, round_: Round) -> Trained:
    """A round's model, its files checked.

    Raises:
        StateError: the round has none.
        IntegrityError: it was changed or is missing.
    """
    return Trained.of(read_model(model_folder(project, round_)), FEATURES, MODELS)
