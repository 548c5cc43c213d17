"""Models are fitted and asked for what strategies need of them."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from alcli.engine.space import FeatureSpace, Views
from alcli.errors import ConfigError
from alcli.temperature import Tempered


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
