"""Which rows make a batch: first the random share, then the strategy's, all distinct and apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from alcli.engine import Batch, Trained, asked_choice
from alcli.models import read_model
from alcli.project import Project, Round
from alcli.project.columns import take
from alcli.project.model_folder import model_folder
from alcli.project.pool import Members, Pool, Rows
from alcli.project.scores import KeyOf, Ranked, Scores
from alcli.project.selection import Choice
from alcli.project.standing import Standing
from alcli.registry import FEATURES, MODELS, STRATEGIES, split_spec
from alcli.strategies import Candidates, Labeled, Strategy
from alcli.tables.hashing import Hashes, salted

_STEP, _WINDOW, _WIDEST = 3, 4, 1 << 16


class Picking:
    """Chooses a batch: first the random share, then the strategy's rows, all distinct."""

    def __init__(self, project: Project, round_: Round, standing: Standing) -> None:
        self.config = project.config
        self.round = round_
        self.scores = project.root / round_.folder / "scores"
        self.pool = Pool(project)
        self.pool.check_columns()
        self.strategy: Strategy = STRATEGIES.build(self.config.query.strategy)
        self.strategy_name = split_spec(self.config.query.strategy)[0]
        self.trained = Trained.of(read_model(model_folder(project, round_)), FEATURES, MODELS)
        self.standing = standing
        self.closed = set(standing.closed)
        self.n_candidates = 0
        self.batch = Batch(self.config.query.max_similarity)
        self.unknown = set(self.closed)

    def choose(self, size: int) -> list[Choice]:
        """`size` rows, fewer only where the distinct candidates run out."""
        n_explore = round(size * self.config.query.explore)
        explored = self._pick(n_explore, self._at_random)
        self.closed |= {choice.id for choice in explored}
        by_strategy = self._by_score if self.strategy.kind == "score" else self._as_a_set
        return [*self._pick(size - n_explore, by_strategy), *explored]

    def warnings(self, size: int, found: int) -> list[str]:
        """Why there are fewer rows than were asked for."""
        if found == size:
            return []
        passed = f"{self.batch.copies:,} copies, {self.batch.near:,} too similar by query.max_similarity"
        return [f"only {found:,} of {size:,} rows: no more distinct candidates ({passed})"]

    def _pick(self, size: int, look: Callable[[int, int], tuple[list[Choice], Ranked]]) -> list[Choice]:
        """Choices from the top of a ranking, looking further down it while copies leave too few."""
        chosen: list[Choice] = []
        width = _WINDOW * size
        while len(chosen) < size:
            found, ranked = look(width, size - len(chosen))
            self.n_candidates = max(self.n_candidates, ranked.n_candidates)
            chosen += found
            if len(chosen) == size or len(ranked) == ranked.n_candidates:
                break
            self.closed |= set(ranked.ids.to_pylist())  # each is chosen now, or a copy, or too near
            width = min(4 * width, max(width, _WIDEST))
        return chosen

    def _at_random(self, width: int, size: int) -> tuple[list[Choice], Ranked]:
        ranked = self._top(width, lambda hashes: salted(self._keys(hashes), "explore"), by_score=False)
        rows = self._rows(ranked)
        kept = self.batch.accept(rows.content(), self._units(rows), size)
        return [Choice(id_, "random_sampling", "explore") for id_ in take(rows.ids, kept).to_pylist()], ranked

    def _by_score(self, width: int, size: int) -> tuple[list[Choice], Ranked]:
        ranked = self._top(width, self._keys, by_score=True)
        rows = self._rows(ranked)
        kept = self.batch.accept(rows.content(), self._units(rows), size)
        ids, score = take(rows.ids, kept).to_pylist(), ranked.score[kept].tolist()
        choices = [
            Choice(id_, self.strategy_name, "strategy", value) for id_, value in zip(ids, score, strict=True)
        ]
        return choices, ranked

    def _as_a_set(self, width: int, size: int) -> tuple[list[Choice], Ranked]:
        """The strategy chooses among distinct rows of a random shortlist, again while too few are apart."""
        width = max(width, self.config.query.shortlist or 10 * size)
        ranked = self._top(width, self._keys, by_score=False)
        rows = self._rows(ranked)
        rows = rows.take(np.argsort(self._keys(rows.id_hash), kind="stable"))
        rng = np.random.default_rng([self.config.random_state, self.round.number, _STEP])
        chosen: list[Choice] = []
        while len(chosen) < size and len(rows):
            rows = rows.take(self.batch.distinct(rows.content()))
            wanted = self._selected(rows, size - len(chosen), rng)
            picked = rows.take(wanted)
            kept = self.batch.accept(picked.content(), self._units(picked), size - len(chosen))
            chosen += [
                Choice(id_, self.strategy_name, "strategy") for id_ in take(picked.ids, kept).to_pylist()
            ]
            if not len(wanted):
                break
            rows = rows.take(np.setdiff1d(np.arange(len(rows)), wanted))
        return chosen, ranked

    def _selected(self, rows: Rows, size: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """The strategy's choice among some rows, which come by rising key."""
        evidence = self.trained.evidence(rows.features, self.strategy.needs)
        candidates = Candidates(key=self._keys(rows.id_hash), labeled=self._labeled(), **evidence)
        return asked_choice(self.strategy, self.strategy_name, candidates, size, rng)

    def _top(self, width: int, key_of: KeyOf, *, by_score: bool) -> Ranked:
        closed = Members(pa.array(sorted(self.closed), pa.string()))
        return Scores(self.scores, closed).top(width, key_of, by_score=by_score)

    def _keys(self, hashes: Hashes) -> Hashes:
        return salted(hashes, self.config.random_state, self.round.number)

    def _rows(self, ranked: Ranked) -> Rows:
        """The ranked rows' features, in the order of their ranks.

        The first look finds those of closed rows too, which the batch must know: a pass over the pool less.
        """
        ids = ranked.ids.to_pylist()
        rows = self.pool.take({*ids, *self.unknown}, self.config.features)
        at = {id_: n for n, id_ in enumerate(rows.ids.to_pylist())}
        if self.unknown:
            known = rows.take(np.array(sorted(at[id_] for id_ in self.unknown & at.keys()), dtype=np.int64))
            self.batch.know(known.content(), self._units(known))
            self.unknown = set()
        return rows.take(np.array([at[id_] for id_ in ids], dtype=np.int64))

    def _units(self, rows: Rows) -> Any | None:
        if self.config.query.max_similarity is None:
            return None
        return self.trained.space.similar(rows.features)

    def _labeled(self) -> Labeled | None:
        """The training rows, where the strategy looks at them."""
        if "labeled" not in self.strategy.needs:
            return None
        number = {name: n for n, name in enumerate(self.trained.classes)}
        label_of = {id_: label for id_, label in self.standing.labels.items() if label in number}
        rows = self.pool.take(label_of, self.config.features)
        y = np.array([number[label_of[id_]] for id_ in rows.ids.to_pylist()], dtype=np.int64)
        return Labeled(self.trained.space.transform(rows.features), y)
