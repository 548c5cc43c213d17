"""The arithmetic between a trained model and a batch: predictions for a strategy, distinct rows for people.

Arrays in, arrays out; models and features come as objects of their contracts.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from alcli.errors import AlcliError, ConfigError
from alcli.temperature import Tempered

Arrays = Mapping[str, NDArray[Any]]
Hashes = NDArray[np.uint64]
Positions = NDArray[np.int64]
_BLOCK, _SPARE = 512, 16


class FeatureSpace:
    """The features of rows, from one `Feature` a kind.

    Args:
        parts: by kind, in the order of the matrix's columns.
    """

    def __init__(self, parts: Mapping[str, Any]) -> None:
        self.parts = dict(parts)

    @classmethod
    def of(cls, stored: Any, registry: Any) -> Self:
        """The features that a model folder holds, built by the registry of features."""
        known = registry.names()  # predictions are no features: nothing is learned of them
        parts = {kind: registry.build(kind) for kind in stored.kinds if kind in known}
        return cls(parts).load_arrays(stored.features)

    def fit(self, columns: Mapping[str, list[Any]]) -> Self:
        """Learn every kind from a sample's raw columns, by kind."""
        for kind, part in self.parts.items():
            part.fit(_plain(columns[kind]))
        return self

    def transform(self, columns: Mapping[str, list[Any]]) -> Any:
        """(n, d) float32 array, or CSR matrix where a kind is sparse."""
        return _beside([part.transform(_plain(columns[kind])) for kind, part in self.parts.items()])

    def similar(self, columns: Mapping[str, list[Any]]) -> Any | None:
        """(n, s) rows of length 1 whose products are cosines of likeness; None where no kind has such."""
        blocks = [part.transform(_plain(columns[kind])) for kind, part in self.parts.items() if part.similar]
        return _unit(_beside(blocks)) if blocks else None

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """What all kinds learned, as `kind/name` arrays."""
        return {
            f"{kind}/{name}": array
            for kind, part in self.parts.items()
            for name, array in part.to_arrays().items()
        }

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Take back what `to_arrays` gave."""
        for kind, part in self.parts.items():
            prefix = f"{kind}/"
            part.load_arrays(
                {
                    name.removeprefix(prefix): array
                    for name, array in arrays.items()
                    if name.startswith(prefix)
                }
            )
        return self


class Views:
    """Some rows as features, and as models read them; each is made when it is first asked for.

    Args:
        space: of the features.
        columns: the rows' raw columns by kind.
    """

    def __init__(self, space: FeatureSpace, columns: Mapping[str, list[Any]]) -> None:
        self.space = space
        self._columns = columns
        self._raw: dict[tuple[str, ...], Any] = {}

    @cached_property
    def features(self) -> Any:
        """(n, d) float32 array, or CSR matrix where a kind is sparse."""
        return self.space.transform(self._columns)

    def read_by(self, model: Any) -> Any:
        """(n, d) the features, or the columns of the kinds that the model names, as the pool has them."""
        if model.reads is None:
            return self.features
        if model.reads not in self._raw:
            kinds = [kind for kind in model.reads if kind in self._columns]
            self._raw[model.reads] = _beside([column for kind in kinds for column in self._columns[kind]])
        return self._raw[model.reads]


class Part(Views):
    """Some of the rows of others, by position or mask: what is worked out for those serves these."""

    def __init__(self, whole: Views, rows: NDArray[Any]) -> None:
        self._whole = whole
        self._rows = rows

    @cached_property
    def features(self) -> Any:
        """(n, d) as those of the others."""
        return self._whole.features[self._rows]

    def read_by(self, model: Any) -> Any:
        """(n, d) as those of the others."""
        return self._whole.read_by(model)[self._rows]


def _plain(columns: list[Any]) -> list[Any]:
    """Arrow strings as arrays of str; numbers as they are."""
    return [c if isinstance(c, np.ndarray) else c.to_numpy(zero_copy_only=False) for c in columns]


def stacked(blocks: list[Any]) -> Any:
    """Blocks of rows one below the other, dense or CSR."""
    if all(isinstance(block, np.ndarray) for block in blocks):
        return np.concatenate(blocks)
    from scipy import sparse

    return sparse.vstack(blocks, format="csr", dtype=np.float32)


def size_of_a_row(rows: Any) -> dict[str, int]:
    """The numbers that a row of features has, of CSR those that are not 0, on average; and its bytes."""
    if isinstance(rows, np.ndarray):
        return {"numbers": int(rows.shape[1]), "bytes": 4 * int(rows.shape[1])}
    numbers = -(-int(rows.nnz) // max(1, int(rows.shape[0])))
    return {"numbers": numbers, "bytes": 8 * (numbers + 1)}


def _beside(blocks: list[Any]) -> Any:
    if len(blocks) == 1:
        return blocks[0]
    if all(isinstance(block, np.ndarray) for block in blocks):
        return np.hstack(blocks)
    from scipy import sparse

    return sparse.hstack(blocks, format="csr", dtype=np.float32)


def _unit(rows: Any) -> Any:
    if isinstance(rows, np.ndarray):
        norms = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
        return (rows / np.where(norms > 0, norms, 1)[:, None]).astype(np.float32)
    from scipy import sparse

    norms = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1), dtype=np.float64)).ravel()
    return sparse.csr_matrix(sparse.diags(1 / np.where(norms > 0, norms, 1)) @ rows, dtype=np.float32)


@dataclass(frozen=True)
class Trained:
    """What train made: features, model and committee, over the classes in their order."""

    space: Any
    model: Any
    members: Sequence[Any]
    classes: tuple[str, ...]
    model_name: str

    @classmethod
    def of(cls, stored: Any, features: Any, models: Any) -> Self:
        """What a model folder holds, brought to life by the registries of features and models."""
        return cls(
            FeatureSpace.of(stored, features),
            Tempered.loaded(models.build(stored.spec), stored.model),
            [Tempered.loaded(models.build(spec), arrays) for spec, arrays in stored.members],
            tuple(stored.classes),
            stored.spec["name"],
        )

    @property
    def temperature(self) -> float | None:
        """That of the model's probabilities; None where it is not calibrated."""
        return self.model.temperature if isinstance(self.model, Tempered) else None

    def evidence(self, columns: Any, needs: Collection[str]) -> dict[str, Any]:
        """What a strategy needs of some rows: proba, votes, features, embedding (and with it the head).

        Args:
            columns: the rows' raw feature columns by kind.
            needs: as the strategy declares them.

        Raises:
            ConfigError: the model cannot give what the strategy needs.
        """
        unknown = set(needs) - {"features", "proba", "votes", "embedding", "labeled"}
        if unknown:
            what = f"the strategy needs {min(unknown)!r}, which nothing gives"
            raise ConfigError(what, hint="it may need proba, votes, features, embedding, labeled")
        rows = Views(self.space, columns)
        found: dict[str, Any] = {}
        if "features" in needs:
            found["features"] = rows.features
        if "proba" in needs:
            found["proba"] = self._proba(self.model, rows)
        if "votes" in needs and not self.members:
            what = "the strategy needs a committee's votes, and this round's model has no committee"
            raise ConfigError(what, hint="run `alcli train` again with this strategy")
        if "votes" in needs:
            found["votes"] = np.stack([self._proba(member, rows) for member in self.members])
        if "embedding" in needs:
            found["embedding"] = self.model.embedding(rows.read_by(self.model))
            found["head"] = self.model.head
            if found["embedding"] is None:
                raise ConfigError(
                    f"the strategy needs a model with a last linear layer, and {self.model_name} has none",
                    hint="use logistic_regression, mlp, or external with features.embedding",
                )
        return found

    def predict(self, rows: Views) -> NDArray[np.float32]:
        """(n, C) float32, the model's class probabilities of some rows."""
        return self._proba(self.model, rows)

    def _proba(self, model: Any, views: Views) -> NDArray[np.float32]:
        return predict(self.model_name, model, views.read_by(model), len(self.classes))


def asked_score(strategy: Any, name: str, candidates: Any) -> NDArray[np.float32]:
    """(n,) float32, a strategy's score of some rows.

    Raises:
        ConfigError: it fails, or gives anything but one finite number a row.
    """
    try:
        score = np.asarray(strategy.score(candidates), dtype=np.float32)
    except Exception as error:  # a user's strategy may raise anything
        raise _faulty(name, f"score raised {type(error).__name__}: {error}") from error
    if score.shape != (len(candidates),):
        raise _faulty(name, f"score gave an array of shape {score.shape} for {len(candidates)} rows")
    if not np.isfinite(score).all():
        raise _faulty(name, "score gave NaN or infinite numbers")
    return score


def asked_survey(strategy: Any, name: str, pool: Iterable[Any]) -> Any:
    """A strategy that has looked at the whole pool.

    Raises:
        ConfigError: it fails.
    """
    try:
        return strategy.survey(pool)
    except AlcliError:
        raise
    except Exception as error:  # a user's strategy may raise anything
        raise _faulty(name, f"survey raised {type(error).__name__}: {error}") from error


def asked_choice(strategy: Any, name: str, candidates: Any, size: int, rng: np.random.Generator) -> Positions:
    """Positions of the rows that a strategy chooses together.

    Raises:
        ConfigError: it fails, gives anything but distinct positions, or too few where there are no others.
    """
    try:
        chosen = np.asarray(strategy.select(candidates, size, rng))
    except Exception as error:  # a user's strategy may raise anything
        raise _faulty(name, f"select raised {type(error).__name__}: {error}") from error
    if chosen.ndim != 1 or not (np.issubdtype(chosen.dtype, np.integer) or not len(chosen)):
        raise _faulty(name, f"select gave {chosen.dtype} of shape {chosen.shape}, positions are needed")
    inside = (chosen >= 0) & (chosen < len(candidates))
    if not inside.all() or len(np.unique(chosen)) < len(chosen):
        raise _faulty(name, "select gave a position twice, or one that is no row")
    wanted = min(size, len(candidates))
    if len(chosen) < wanted and candidates.beyond == -np.inf:
        raise _faulty(name, f"select gave {len(chosen):,} of {wanted:,} rows")
    return chosen[:size].astype(np.int64)


def _faulty(name: str, what: str) -> ConfigError:
    return ConfigError(f"the strategy {name!r} cannot be used: {what}", where="query.strategy")


def fit_model(
    name: str, model: Any, rows: Any, y: NDArray[np.int64], n_classes: int, rng: np.random.Generator
) -> None:
    """Fit a model; what it cannot learn from becomes a clear error.

    Raises:
        ConfigError: the model refuses such features.
    """
    try:
        with warnings.catch_warnings():
            # scikit-learn takes many classes of few rows for numbers
            warnings.filterwarnings("ignore", message="The number of unique classes", category=UserWarning)
            model.fit(rows, y, n_classes, rng)
    except ValueError as error:
        raise ConfigError(f"the model {name!r} cannot be trained: {error}") from error
    except Exception as error:
        if ":" not in name:
            raise
        what = f"{type(error).__name__}: {error}"
        raise ConfigError(f"the model {name!r} cannot be trained: {what}") from error


def predict(name: str, model: Any, rows: Any, n_classes: int) -> NDArray[np.float32]:
    """(n, C) float32, what a model predicts; a user's model may give anything.

    Raises:
        ConfigError: it fails, or gives anything but finite numbers of that shape.
    """
    try:
        proba = np.asarray(model.predict_proba(rows), dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"the model {name!r} cannot predict: {error}") from error
    if proba.shape != (rows.shape[0], n_classes) or not np.isfinite(proba).all():
        wanted = f"finite numbers of shape ({rows.shape[0]}, {n_classes})"
        raise ConfigError(f"the model {name!r} gave {proba.shape} instead of {wanted}")
    return proba


def stratified_bootstrap(y: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Positions of a sample with replacement that keeps the number of rows of every class."""
    by_class = [np.flatnonzero(y == label) for label in np.unique(y)]
    return np.concatenate([rng.choice(rows, len(rows)) for rows in by_class])


class Batch:
    """Takes rows in the order in which they are wanted, and keeps those that are distinct.

    A row is kept when its content is new, and when no kept or known row is nearer than `cap`.

    Args:
        cap: the highest cosine allowed; None: any.
    """

    def __init__(self, cap: float | None) -> None:
        self._contents: Hashes = np.empty(0, dtype=np.uint64)
        self._cap = 1.0 if cap is None else cap
        self._capped = cap is not None
        self._units: list[Any] = []
        self.near = 0

    def know(self, content: Hashes, units: Any | None) -> None:
        """Count rows that were asked before as known.

        Args:
            content: their contents.
            units: their features, rows of length 1; None: likeness is not looked at.
        """
        self._contents = np.union1d(self._contents, content)
        if units is not None and units.shape[0]:
            self._add(units)

    def accept(self, content: Hashes, units: Any | None, limit: int) -> Positions:
        """Positions of at most `limit` rows that are kept, in their order; these are known from now on."""
        kept: list[int] = []
        start = 0
        while start < len(content) and len(kept) < limit:
            # few rows are passed over: hardly more are looked at than are needed
            size = min(_BLOCK, limit - len(kept) + _SPARE)
            block = np.arange(start, min(start + size, len(content)))
            start += size
            block = self._new_content(block, content)
            if self._capped and units is not None and len(block):
                block = self._apart(block, units, limit - len(kept))
            block = block[: limit - len(kept)]
            self._contents = np.union1d(self._contents, content[block])
            kept.extend(block.tolist())
        return np.array(kept, dtype=np.int64)

    def _new_content(self, block: Positions, content: Hashes) -> Positions:
        _, first = np.unique(content[block], return_index=True)
        distinct = block[np.sort(first)]
        # by sorting: the other way of numpy 2.0 overflows on 64-bit hashes
        return distinct[~np.isin(content[distinct], self._contents, kind="sort")]

    def _apart(self, block: Positions, units: Any, limit: int) -> Positions:
        """Those rows of a block that are near neither to a known row nor to an earlier kept one."""
        rows = units[block]
        far = np.ones(len(block), dtype=np.bool_)
        for known in self._units:
            far &= highest_cosine(rows, known) <= self._cap
        among = _dense(rows @ rows.T)
        kept: list[int] = []
        for row in range(len(block)):
            if len(kept) == limit:
                break
            if far[row] and (not kept or among[row, kept].max() <= self._cap):
                kept.append(row)
            else:
                self.near += 1
        if kept:
            self._add(rows[np.array(kept)])
        return block[np.array(kept, dtype=np.int64)]

    def _add(self, units: Any) -> None:
        """Blocks of about the same size become one, so that there are few, and each row is copied seldom."""
        while self._units and self._units[-1].shape[0] <= units.shape[0]:
            units = stacked([self._units.pop(), units])
        self._units.append(units)


def highest_cosine(rows: Any, known: Any) -> NDArray[np.float32]:
    """(n,) the highest product of each row with any known row; both of length 1, dense or CSR."""
    highest = np.full(rows.shape[0], -1.0, dtype=np.float32)
    for start in range(0, known.shape[0], 4096):
        np.maximum(highest, _dense((rows @ known[start : start + 4096].T).max(axis=1)).ravel(), out=highest)
    return highest


def _dense(matrix: Any) -> NDArray[np.float32]:
    return np.asarray(matrix if isinstance(matrix, np.ndarray) else matrix.todense(), dtype=np.float32)
