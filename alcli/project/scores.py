"""`scores/part-*.parquet` as a stream, and the distinct rows that stand highest in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from alcli.errors import ConfigError, IntegrityError
from alcli.project.columns import take
from alcli.project.pool import RowSource, isin_sorted
from alcli.tables.hashing import Hashes, hash_strings

Floats = NDArray[np.float32]
KeyOf = Callable[[Hashes], Hashes]
ScoreTables = Callable[[Sequence[str]], Iterator[pa.RecordBatch]]
"""Gives some columns of all scored rows, as often as it is asked."""
PREDICTION = "prediction"
_MOST_SEGMENTS = 1000


@dataclass(frozen=True)
class Ranked:
    """Candidates of distinct content as they are wanted: by falling score, ties by rising key.

    Attributes:
        ids: the rows.
        score: theirs; zeros where they are ranked at random.
        content: hashes of theirs.
        beyond: the highest score of a distinct candidate that is not among them; minus infinity: all are.
        n_copies: where all are: rows passed over as copies of these, or of rows that are closed.
    """

    ids: pa.Array
    score: Floats
    content: Hashes
    beyond: float
    n_copies: int

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def complete(self) -> bool:
        """Whether there is no further candidate."""
        return self.beyond == -np.inf


def score_files(folder: Path) -> ScoreTables:
    """The scores that a folder holds in `part-*.parquet`."""

    def batches(columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        for path in sorted(folder.glob("part-*.parquet")):
            with pq.ParquetFile(path) as part:
                yield from part.iter_batches(1 << 16, columns=list(columns))

    return batches


def held_scores(tables: Sequence[pa.Table]) -> ScoreTables:
    """Scores that lie in memory."""

    def batches(columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        for table in tables:
            yield from table.select(list(columns)).to_batches()

    return batches


class Scores:
    """A round's scores; only rows whose content nobody was asked about are candidates.

    Args:
        tables: the scored rows.
        closed: ids that may not be asked, nor any copy of them.
    """

    def __init__(self, tables: ScoreTables, closed: pa.Array) -> None:
        self.tables = tables
        self._known: Hashes = np.empty(0, dtype=np.uint64)
        self._n_closed = 0
        found = [self._known]
        for batch in self.tables(["id", "content"]):
            of_closed = pc.is_in(batch.column("id"), value_set=closed)
            found.append(_hashes(batch)[of_closed.to_numpy(zero_copy_only=False)])
        self.close(np.concatenate(found))

    def over(self, tables: ScoreTables) -> Scores:
        """The same candidates by other scores."""
        other = copy(self)
        other.tables = tables
        return other

    def close(self, contents: Hashes) -> None:
        """No row with one of these contents is a candidate from now on."""
        self._n_closed += len(contents)
        self._known = np.union1d(self._known, contents)

    @property
    def n_candidates(self) -> int:
        """Rows that may be asked, copies of each other among them."""
        return sum(int(self._open(batch).sum()) for batch in self.tables(["content"]))

    def top(self, k: int, key_of: KeyOf, *, by_score: bool) -> Ranked:
        """The k candidates that stand highest, in one pass and memory of order k.

        Args:
            k: how many.
            key_of: from id hashes to keys.
            by_score: rank by score, ties by key; else by key alone, that is at random.
        """
        front, n_rows = _Front(k + 1), 0
        for batch in self.tables(["id", "content", *(["score"] if by_score else [])]):
            n_rows += batch.num_rows
            front.add(batch, _scores(batch), np.flatnonzero(self._open(batch)), key_of)
        return front.ranked(n_rows - self._n_closed)

    def top_of(
        self, segments: Segments, sizes: Mapping[str, int], key_of: KeyOf, *, by_score: bool
    ) -> dict[str, Ranked]:
        """For each segment, as many of its candidates as `sizes` says, those that stand highest.

        One pass for all of them; memory of the order of all sizes together.
        """
        fronts = {name: _Front(k + 1) for name, k in sizes.items()}
        n_open: Counter[str] = Counter()
        for batch, names in self._with(segments, ["id", "content", *(["score"] if by_score else [])]):
            score, open_ = _scores(batch), self._open(batch)
            for name, rows in _by_name(names, open_):
                if name in fronts:
                    n_open[name] += len(rows)
                    fronts[name].add(batch, score, rows, key_of)
        return {name: front.ranked(n_open[name]) for name, front in fronts.items()}

    def sizes(self, segments: Segments) -> Counter[str]:
        """How many candidates each segment has.

        Raises:
            ConfigError: far too many segments.
        """
        sizes: Counter[str] = Counter()
        for batch, names in self._with(segments, ["id", "content"]):
            sizes.update({name: len(rows) for name, rows in _by_name(names, self._open(batch))})
            if len(sizes) > _MOST_SEGMENTS:
                what = f"{segments.column!r} has more than {_MOST_SEGMENTS:,} values"
                hint = "name a column of few distinct values, or the values and their shares"
                raise ConfigError(what, where="query.quotas", hint=hint)
        return sizes

    def names(self, segments: Segments, wanted: Collection[str]) -> set[str]:
        """The segments that there are: of many, at least those of the wanted ones."""
        found: set[str] = set()
        for _, names in self._with(segments, ["id"]):
            here = set(names.unique().to_pylist())
            found |= here if len(found) < _MOST_SEGMENTS else here & set(wanted)
        return found

    def _with(self, segments: Segments, columns: Sequence[str]) -> Iterator[tuple[pa.RecordBatch, pa.Array]]:
        if segments.pool is None:
            for batch in self.tables([*columns, segments.column]):
                yield batch, batch.column(segments.column)
            return
        beside = _Beside(segments.column, segments.pool)
        for batch in self.tables(columns):
            yield batch, beside.texts(hash_strings(batch.column("id")))

    def _open(self, batch: pa.RecordBatch) -> NDArray[np.bool_]:
        return ~isin_sorted(_hashes(batch), self._known)


@dataclass(frozen=True)
class Segments:
    """What parts the candidates: a column of the pool, or, without a pool, one of the scores themselves."""

    column: str
    pool: RowSource | None


def _hashes(batch: pa.RecordBatch) -> Hashes:
    hashes: Hashes = batch.column("content").to_numpy()
    return hashes


def _scores(batch: pa.RecordBatch) -> Floats:
    if "score" not in batch.schema.names:
        return np.zeros(batch.num_rows, dtype=np.float32)
    score: Floats = batch.column("score").to_numpy(zero_copy_only=False)
    return score.astype(np.float32, copy=False)


def _by_name(names: pa.Array, allowed: NDArray[np.bool_]) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Each name in a column, and the positions of the allowed rows that have it, if there are any."""
    encoded = names.dictionary_encode()
    codes = encoded.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    order = order[allowed[order]]
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    for rows in np.split(order, starts)[1:]:
        yield encoded.dictionary[int(codes[rows[0]])].as_py(), rows


class _Beside:
    """A pool column's texts for batches of scored rows: both streams come in the pool's order."""

    def __init__(self, column: str, pool: RowSource) -> None:
        self._column = column
        self._rows = pool.rows(shown=[column])
        self._hashes: Hashes = np.empty(0, dtype=np.uint64)
        self._texts = pa.array([], pa.string())

    def texts(self, wanted: Hashes) -> pa.Array:
        """The texts of the next scored rows, by the hashes of their ids.

        Raises:
            IntegrityError: the pool does not have them.
        """
        known = np.sort(wanted)
        found = np.flatnonzero(isin_sorted(self._hashes, known))
        while len(found) < len(wanted):
            more = next(self._rows, None)
            if more is None:
                raise IntegrityError("the scores are not those of this pool", hint="run `alcli score` again")
            found = np.append(found, len(self._hashes) + np.flatnonzero(isin_sorted(more.id_hash, known)))
            self._hashes = np.append(self._hashes, more.id_hash)
            self._texts = pa.concat_arrays([self._texts, more.shown[self._column]])
        texts = take(self._texts, found)
        done = int(found[-1]) + 1 if len(found) else 0
        self._hashes, self._texts = self._hashes[done:], self._texts[done:]
        return texts


class _Front:
    """The best k rows of distinct content so far, and the score below which no row need be looked at."""

    def __init__(self, k: int) -> None:
        self._k = k
        self._ids = pa.array([], pa.string())
        self._score: Floats = np.empty(0, dtype=np.float32)
        self._keys: Hashes = np.empty(0, dtype=np.uint64)
        self._content: Hashes = np.empty(0, dtype=np.uint64)
        self._last: tuple[np.float32, np.uint64] | None = None

    def add(self, batch: pa.RecordBatch, score: Floats, rows: NDArray[np.int64], key_of: KeyOf) -> None:
        """Look at some rows of a batch."""
        if self._last is not None:
            rows = rows[score[rows] >= self._last[0]]
        if not len(rows):
            return
        ids = take(batch.column("id"), rows)
        score, keys, content = score[rows], key_of(hash_strings(ids)), _hashes(batch)[rows]
        if self._last is not None:
            near = np.flatnonzero((score > self._last[0]) | (keys < self._last[1]))
            ids, score, keys, content = take(ids, near), score[near], keys[near], content[near]
        self._ids = pa.concat_arrays([self._ids, ids])
        self._score = np.concatenate([self._score, score])
        self._keys = np.concatenate([self._keys, keys])
        self._content = np.concatenate([self._content, content])
        if len(self._keys) > 2 * self._k:
            self._cut()

    def ranked(self, n_rows: int) -> Ranked:
        """All but the last of them, which tells what lies beyond.

        Args:
            n_rows: rows that were looked at, without the closed ones.
        """
        self._cut()
        last, full = self._k - 1, len(self._ids) == self._k
        return Ranked(
            self._ids[:last],
            self._score[:last],
            self._content[:last],
            float(self._score[last]) if full else -np.inf,
            n_rows - len(self._ids),
        )

    def _cut(self) -> None:
        order = np.lexsort((self._keys, -self._score))
        _, first = np.unique(self._content[order], return_index=True)
        order = order[np.sort(first)[: self._k]]
        self._ids, self._score = take(self._ids, order), self._score[order]
        self._keys, self._content = self._keys[order], self._content[order]
        if len(order) == self._k:
            self._last = (self._score[-1], self._keys[-1])
