"""The pool's rows as a stream of predictions and scores, from files or from memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa

from alcli.engine import asked_score, asked_survey
from alcli.loop import Progress, silent
from alcli.loop._ground import Ground
from alcli.loop._handed import Handing
from alcli.loop._work import check_work
from alcli.project.pool import Rows
from alcli.project.splits import Splits
from alcli.registry import STRATEGIES, split_spec
from alcli.strategies import Candidates, Strategy
from alcli.tables.hashing import Hashes

_GROUP_ROWS = 1 << 16


class Scoring:
    """One pass over the pool, and one before it where the strategy makes a survey.

    Args:
        labels: the label of each training row, for a strategy that looks at them.

    Attributes:
        n_rows: rows of the pool that the pass has met.
        n_sealed: those among them that are sealed.
    """

    def __init__(
        self,
        ground: Ground,
        splits: Splits,
        strategy: Strategy,
        labels: Mapping[str, str] | None,
        progress: Progress = silent,
    ) -> None:
        self.ground = ground
        self.splits = splits
        self.strategy = strategy
        self.name = split_spec(ground.config.query.strategy)[0]
        self.ranks = strategy.kind == "score" or strategy.ranks()
        self.handing = Handing(ground, strategy, labels if self.ranks else None)
        self.progress = progress
        self.classes = pa.array(ground.trained.classes, pa.string())
        self.schema = pa.schema(
            [
                ("id", pa.string()),
                ("score", pa.float32()),
                ("prediction", pa.string()),
                ("confidence", pa.float32()),
                ("proba", pa.list_(pa.float32(), len(ground.trained.classes))),
                ("content", pa.uint64()),
            ]
        )
        self.n_rows = 0
        self.n_sealed = 0

    def tables(self) -> Iterator[pa.Table]:
        """Every row that is not sealed, in tables of about a row group each.

        Raises:
            ConfigError: the choice would take too long, or the strategy fails.
        """
        self._check_work()
        if self.ranks and self.strategy.survey_needs:
            self.strategy = asked_survey(self.strategy, self.name, self._surveyed())
        held: list[pa.RecordBatch] = []
        self.n_rows = self.n_sealed = 0
        for rows, content in self._open(unique=True):
            if len(rows):
                held.append(self._batch(rows, content))
            if sum(batch.num_rows for batch in held) >= _GROUP_ROWS:
                yield pa.Table.from_batches(held)
                held = []
        if held:
            yield pa.Table.from_batches(held)

    def _check_work(self) -> None:
        """Refuse before a long pass what could not be chosen at its end."""
        ground, query = self.ground, self.ground.config.query
        chooser = STRATEGIES.build(query.diversity) if query.diversity is not None else self.strategy
        shortlist = min(ground.n_rows, query.shortlist or chooser.shortlist(query.batch_size))
        n = ground.n_rows if chooser.kind == "score" else shortlist
        size = ground.size(n, len(self.handing), query.batch_size)
        if query.diversity is not None:
            check_work(ground, "query.diversity", split_spec(query.diversity)[0], chooser, size)
            size = replace(size, n=ground.n_rows)
        check_work(ground, "query.strategy", self.name, self.strategy, size)

    def _surveyed(self) -> Iterator[Candidates]:
        """The pool as the strategy surveys it."""
        for rows, _ in self._open(unique=False):
            evidence = self.ground.trained.evidence(rows.features, self.strategy.survey_needs)
            given = {need: evidence[need] for need in self.strategy.survey_needs}
            yield Candidates(self.handing.keys(rows.id_hash), **given)

    def _open(self, *, unique: bool) -> Iterator[tuple[Rows, Hashes]]:
        """The rows that may be scored, and contents: neither sealed, nor copies of sealed ones."""
        ground = self.ground
        for rows in ground.pool.rows(ground.config.features, self.splits.shown, unique=unique):
            self.n_rows += len(rows)
            content = rows.content()
            self.splits.check_content(rows, content)
            sealed = self.splits.find_sealed(rows, content)
            self.n_sealed += int(sealed.sum())
            yield (rows.take(~sealed), content[~sealed]) if sealed.any() else (rows, content)
            self.progress(self.n_rows, ground.n_rows)

    def _batch(self, rows: Rows, content: Hashes) -> pa.RecordBatch:
        needs = self.handing.needs if self.ranks else frozenset[str]()
        evidence = self.ground.trained.evidence(rows.features, {"proba", *needs})
        proba = evidence["proba"]
        best = proba.argmax(axis=1)
        score = pa.nulls(len(rows), pa.float32())
        if self.ranks:
            candidates = self.handing.candidates(rows, evidence)
            score = pa.array(asked_score(self.strategy, self.name, candidates), pa.float32())
        columns = [
            rows.ids,
            score,
            self.classes.take(pa.array(best)),
            pa.array(proba[np.arange(len(best)), best]),
            pa.FixedSizeListArray.from_arrays(pa.array(proba.ravel()), proba.shape[1]),
            pa.array(content),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)
