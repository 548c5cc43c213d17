"""Which rows make a batch: a random share, shares by segment, the strategy's rows; all distinct and apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from alcli.engine import Batch, asked_choice
from alcli.loop._ground import Ground
from alcli.loop._handed import Handing
from alcli.loop._quotas import check_segments, equal_seats, named_seats
from alcli.loop._seeking import Sought
from alcli.loop._shortlists import AT_RANDOM, Order, Shortlist, Shortlists
from alcli.loop._work import check_work
from alcli.project.scores import ScoreTables
from alcli.project.selection import Choice
from alcli.project.standing import Standing
from alcli.registry import STRATEGIES, split_spec
from alcli.strategies import Strategy
from alcli.tables.hashing import hash_strings, salted

Name = TypeVar("Name", str, None)
_STEP, _WINDOW, _WIDEST, _AGAIN = 3, 4, 1 << 16, 4


@dataclass(frozen=True)
class Chooser:
    """A set strategy that chooses from a shortlist."""

    strategy: Strategy
    name: str
    key: str
    handing: Handing


@dataclass(frozen=True)
class Stage:
    """One way to choose rows.

    Attributes:
        name: what `selection.parquet` calls the strategy.
        reason: why its rows are asked.
        order: how candidates are ranked.
        chooser: who chooses from a shortlist; None: the ranks do.
        shortlist: how many candidates it is shown; None: as few as it takes.
        bounded: whether the rows beyond the shortlist do not matter.
    """

    name: str
    reason: str
    order: Order
    chooser: Chooser | None = None
    shortlist: int | None = None
    bounded: bool = False

    def width(self, size: int) -> int:
        """Candidates to look at for `size` rows."""
        return max(self.shortlist, size) if self.shortlist is not None else _WINDOW * size


class Picking:
    """Chooses a batch: the random share, rows like examples, shares by segment, the strategy's rows."""

    def __init__(
        self, ground: Ground, scores: ScoreTables, standing: Standing, sought: Sequence[Sought] = ()
    ) -> None:
        self.ground = ground
        self.config = ground.config.query
        self.standing = standing
        self._scores = scores
        self._sought = sought
        self.batch = Batch(self.config.max_similarity)
        self.shortlists = Shortlists(ground, scores, standing.closed, self.batch)
        self.n_candidates = self.shortlists.n_candidates
        self.notes: list[str] = []
        self._copies = 0

    def check_quotas(self) -> None:
        """Every segment that the quotas name is there.

        Raises:
            ConfigError: the first that no row of the pool has.
        """
        for column, shares in (self.config.quotas or {}).items():
            if not isinstance(shares, str):
                there = self.shortlists.segment_names(shares)
                check_segments(column, shares, there, "row of the pool", self.ground.where)

    def choose(self, size: int) -> list[Choice]:
        """`size` rows, fewer only where the distinct candidates run out."""
        n_explore = round(size * self.config.explore)
        explored = self._fill({None: n_explore}, Stage("random_sampling", "explore", AT_RANDOM))[None]
        near = self._near_examples(round(size * self.config.seek_share), size - n_explore)
        n_taken = n_explore + len(near)
        stage = self._stage(size - n_taken, [choice.id for choice in [*explored, *near]])
        chosen = [*near, *self._by_quota(size, n_taken, stage)]
        chosen += self._fill({None: size - n_explore - len(chosen)}, stage)[None]
        return [*self._overlapping(chosen, round(size * self.config.overlap)), *explored]

    def warnings(self, size: int, found: int) -> list[str]:
        """What the user should know: quotas not filled, why there are fewer rows than were asked for."""
        if found == size:
            return self.notes
        passed = f"{self._copies:,} copies, {self.batch.near:,} too similar by query.max_similarity"
        short = f"only {found:,} of {size:,} rows: no more distinct candidates ({passed})"
        return [*self.notes, short]

    def _stage(self, size: int, explored: Sequence[str]) -> Stage:
        """How the configured strategy, with its diversity, chooses beside the rows drawn at random."""
        query = self.config
        strategy: Strategy = STRATEGIES.build(query.strategy)
        name = split_spec(query.strategy)[0]
        order = Order(by_score=strategy.ranks())
        if query.diversity is not None:
            strategy = STRATEGIES.build(query.diversity)
            chooser = self._chooser(strategy, split_spec(query.diversity)[0], "query.diversity", explored)
            shortlist = query.shortlist or strategy.shortlist(size)
            return Stage(f"{name} + {chooser.name}", "strategy", order, chooser, shortlist, bounded=True)
        if strategy.kind == "score":
            if query.shortlist is not None:
                self.notes.append(f"query.shortlist has no effect: {name} ranks the whole pool")
            return Stage(name, "strategy", order)
        chooser = self._chooser(strategy, name, "query.strategy", explored)
        shortlist = query.shortlist or strategy.shortlist(size)
        bounded = query.shortlist is not None or not strategy.ranks()
        return Stage(name, "strategy", order, chooser, shortlist, bounded)

    def _chooser(self, strategy: Strategy, name: str, key: str, explored: Sequence[str]) -> Chooser:
        # validation rows are with people too, but must not steer what is chosen
        reasons = self.standing.asked.reason
        asked = {id_ for id_ in self.standing.pending if reasons[id_] != "validation"} | set(explored)
        handing = Handing(self.ground, strategy, self.standing.labels, asked)
        return Chooser(strategy, name, key, handing)

    def _near_examples(self, count: int, most: int) -> list[Choice]:
        """As many rows for each sought class, those nearest to its examples."""
        seats = named_seats({one.name: 1 / len(self._sought) for one in self._sought}, count, most)
        chosen: list[Choice] = []
        for one in self._sought:
            nearness = one.nearness(self._scores, self.ground.pool, self.ground)
            stage = Stage("seek", "quota", Order(by_score=True, scores=nearness))
            found = self._fill({None: seats[one.name]}, stage)[None]
            if len(found) < seats[one.name]:
                self.notes.append(f"only {len(found):,} rows are left that can be like {one.name!r}")
            chosen += [replace(choice, group=one.name) for choice in found]
        return chosen

    def _by_quota(self, size: int, n_taken: int, stage: Stage) -> list[Choice]:
        """The rows that segments have a right to: shares of the whole batch, or of what is not drawn."""
        stage = replace(stage, reason="quota")
        if self.config.quotas:
            (shares,) = self.config.quotas.values()
            if not isinstance(shares, str):
                return self._by_share(named_seats(shares, size, size - n_taken), stage)
        return self._levelled(size - n_taken, stage)

    def _by_share(self, seats: Mapping[str, int], stage: Stage) -> list[Choice]:
        found = self._fill(seats, stage)
        for name, choices in found.items():
            if len(choices) < seats[name]:
                self.notes.append(f"the quota of {name!r} has only {len(choices):,} of {seats[name]:,} rows")
        return _grouped(found)

    def _levelled(self, size: int, stage: Stage) -> list[Choice]:
        """As many rows of each segment; what some do not have goes to the others, again level."""
        sizes, chosen = self.shortlists.segment_sizes(), list[Choice]()
        while sizes and len(chosen) < size:
            seats = equal_seats(sizes, size - len(chosen))
            found = self._fill(seats, stage)
            chosen += _grouped(found)
            full = [name for name, choices in found.items() if len(choices) == seats[name] > 0]
            sizes = Counter({name: sizes[name] - seats[name] for name in full if sizes[name] > seats[name]})
        return chosen

    def _fill(self, seats: Mapping[Name, int], stage: Stage) -> dict[Name, list[Choice]]:
        """For each segment, choices from the top of a ranking; further down while there are too few."""
        chosen: dict[Name, list[Choice]] = {name: [] for name in seats}
        total = sum(seats.values())
        widths = {name: -(-stage.width(total) * size // total) for name, size in seats.items() if size}
        while widths:
            for name, look in self.shortlists.look(widths, stage.order).items():
                found = self._from(look, seats[name] - len(chosen[name]), stage)
                chosen[name] += found
                if look.complete:
                    self._copies = max(self._copies, look.n_copies)
                elif look.capped and len(found) and stage.chooser is not None and not stage.bounded:
                    self._note_capped(stage, len(look))
                if look.complete or len(chosen[name]) == seats[name]:
                    del widths[name]
                else:  # without a choice nothing was passed over either: only more rows can help
                    width = 4 * widths[name]
                    widths[name] = min(width, max(widths[name], _WIDEST)) if found else width
        return chosen

    def _note_capped(self, stage: Stage, rows: int) -> None:
        note = (
            f"{stage.name} chose among the {rows:,} rows that stand highest, not the whole pool: "
            "query.max_gib holds no more"
        )
        if note not in self.notes:
            self.notes.append(note)

    def _from(self, look: Shortlist, size: int, stage: Stage) -> list[Choice]:
        """Choices from a shortlist; fewer where rows beyond it could be wanted more, or it has no more."""
        chosen: list[Choice] = []
        while len(chosen) < size and len(look):
            left = size - len(chosen)
            # some were too near: it is asked for more at a time, since each choice costs
            wanted = self._wanted(look, left if not chosen else min(_AGAIN * left, len(look)), stage)
            if len(wanted) < min(left, len(look)):
                break
            picked = look.take(wanted)
            kept = self.batch.accept(picked.content, self.shortlists.units(picked.rows), left)
            taken = picked.take(kept)
            chosen += _choices(taken, stage)
            # the others are copies, or too near; unless there was no need to look at them
            self.shortlists.close((taken if len(chosen) == size else picked).content)
            if stage.chooser is not None:
                stage.chooser.handing.ask(taken.rows)
            look = look.take(np.setdiff1d(np.arange(len(look)), wanted))
        return chosen

    def _wanted(self, look: Shortlist, size: int, stage: Stage) -> NDArray[np.int64]:
        """Positions of the rows to try, the most wanted first."""
        if stage.chooser is None:
            return np.arange(len(look))
        chooser = stage.chooser
        by_key = np.argsort(chooser.handing.keys(look.rows.id_hash), kind="stable")
        rows = look.rows.take(by_key)
        beyond = -np.inf if stage.bounded else look.beyond
        candidates = chooser.handing.candidates(rows, beyond=beyond)
        scale = self.ground.size(len(rows), len(chooser.handing), size)
        check_work(self.ground, chooser.key, chooser.name, chooser.strategy, scale)
        rng = np.random.default_rng([self.ground.config.random_state, self.ground.round, _STEP])
        return by_key[asked_choice(chooser.strategy, chooser.name, candidates, size, rng)]

    def _overlapping(self, chosen: list[Choice], count: int) -> list[Choice]:
        """The same choices, `count` of them, drawn at random, for two annotators."""
        ids = pa.array([choice.id for choice in chosen], pa.string())
        keys = salted(hash_strings(ids), self.ground.config.random_state, self.ground.round, "overlap")
        twice = set(np.argsort(keys, kind="stable")[:count].tolist())
        return [
            replace(choice, reason="overlap") if n in twice else choice for n, choice in enumerate(chosen)
        ]


def _grouped(found: Mapping[str, list[Choice]]) -> list[Choice]:
    """All choices, each with its segment as its group."""
    return [replace(choice, group=name) for name, choices in found.items() for choice in choices]


def _choices(taken: Shortlist, stage: Stage) -> list[Choice]:
    """What `selection.parquet` says of rows."""
    ids = taken.rows.ids.to_pylist()
    score: list[float | None] = taken.score.tolist() if stage.order.by_score else [None] * len(ids)
    return [Choice(id_, stage.name, stage.reason, value) for id_, value in zip(ids, score, strict=True)]
