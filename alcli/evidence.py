"""What random collection would have reached, by the project's own rows that were drawn at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from alcli.config import Config
from alcli.curves.control import Measured, Saving, saving
from alcli.engine import Part, Trained, Views
from alcli.loop import plural
from alcli.loop._by_chance import reasons
from alcli.loop._classes import named_otherwise
from alcli.loop._learning import Labeled, classes_of, learn, training_rng
from alcli.loop._spending import second_opinions
from alcli.metrics import HIGHER_IS_BETTER, resampled
from alcli.models import read_model
from alcli.project import LABELS, Project
from alcli.project.model_folder import model_folder
from alcli.project.pool import Rows
from alcli.project.splits import VALIDATION
from alcli.registry import FEATURES, MODELS

Positions = NDArray[np.int64]

ORDERS, SIZES, RATIO, SMALLEST, FEWEST_SIZES = 6, 6, 2**0.5, 20, 3
_STREAM = 2
_SEALED = ("validation", "reserve", "held_out")


@dataclass(frozen=True)
class Unmeasured:
    """Why there is no saving to tell."""

    sentence: str


@dataclass(frozen=True)
class Origin:
    """How each of n training rows came to be asked.

    Attributes:
        round: (n,) when.
        by_chance: (n,) whether it was drawn at random.
    """

    round: NDArray[np.int64]
    by_chance: NDArray[np.bool_]

    @property
    def n_random(self) -> int:
        """Rows that were drawn at random."""
        return int(self.by_chance.sum())

    @property
    def n_control(self) -> int:
        """Rows of `query.explore`."""
        return int((self.by_chance & (self.round > 0)).sum())


def measure_saving(project: Project, rows: Rows, metric: str = "accuracy") -> Saving | Unmeasured:
    """The labels that the newest trained round did without, against random collection.

    Args:
        project: its labels and selections are read; the pool is not.
        rows: the pool's labeled rows, training and validation ones, with the columns of `config.features`.
        metric: accuracy, macro_f1, log_loss or brier.

    Raises:
        IntegrityError: the model or a selection is not as it was written.
    """
    config = project.config
    trained_rounds = [round_ for round_ in project.rounds if "train" in round_.steps]
    if not trained_rounds:
        return Unmeasured("no model is trained yet")
    if not MODELS.load(config.model.name).learns:
        return Unmeasured(f"{config.model.name} is trained elsewhere: random rows cannot train it here")
    round_ = trained_rounds[-1]
    stored = read_model(model_folder(project, round_))
    if stored.spec != config.model.spec or stored.kinds != config.features.by_kind:
        return Unmeasured("model or features were changed since the model was trained: `alcli train` first")
    if named_otherwise(project, round_.steps["train"]):
        return Unmeasured("classes were renamed or merged since the model was trained: `alcli train` first")
    labels = pq.read_table(project.root / LABELS)
    at = pc.index_in(rows.ids, value_set=labels["id"].combine_chunks())
    known = np.flatnonzero(at.is_valid().to_numpy(zero_copy_only=False))
    rows, labels = rows.take(known), labels.take(at.drop_null())
    trained = Trained.of(stored, FEATURES, MODELS)
    classes = classes_of(config, [*trained.classes, *pc.unique(labels["label"]).to_pylist()])
    y = pc.index_in(labels["label"].combine_chunks(), value_set=pa.array(classes)).to_numpy().astype(np.int64)
    validation = pc.equal(labels["split"], VALIDATION).to_numpy(zero_copy_only=False)
    train, held = (Labeled(rows.take(part), y[part]) for part in (~validation, validation))
    if not len(held.rows):
        return Unmeasured("no validation row has a label yet")
    counts = project.rounds[0].steps["seed"].counts
    evidence = Evidence(config, round_.number, trained, classes, train, _origin(project, train.rows), held)
    n_pool = int(counts["pool"]) - sum(int(counts[name]) for name in _SEALED)
    n_labels = int(round_.steps["train"].counts["labeled"]) + second_opinions(project, round_.number)
    return evidence.saving(n_labels, n_pool, metric)


def _origin(project: Project, rows: Rows) -> Origin:
    """Rows that nobody asked for were chosen, by whoever brought them, at the start."""
    why = reasons(project)
    asked = [why.get(id_) for id_ in rows.ids.to_pylist()]
    return Origin(
        np.array([found.round if found else 0 for found in asked], dtype=np.int64),
        np.array([found is not None and found.by_chance for found in asked], dtype=np.bool_),
    )


@dataclass(frozen=True)
class Evidence:
    """What a saving is measured from.

    Attributes:
        round: the trained one's number; with the config's random state it is all chance there is.
        trained: its model.
        classes: all that labels name; the model may know fewer.
        train, origin: the training rows, sorted by id, and how they came.
        validation: the validation rows.
    """

    config: Config
    round: int
    trained: Trained
    classes: tuple[str, ...]
    train: Labeled
    origin: Origin
    validation: Labeled

    def saving(self, n_labels: int, n_pool: int, metric: str = "accuracy") -> Saving | Unmeasured:
        """The labels that the trained model did without.

        Args:
            n_labels: that it learned from, and further answers to rows whose label was in doubt.
            n_pool: rows that may be labeled at all.
        """
        if self.origin.by_chance.all():
            return Unmeasured("no row was chosen by a strategy yet")
        sample = self.sample(n_pool)
        sizes = sizes_of(len(sample), len(self.classes))
        if len(sizes) < FEWEST_SIZES:
            rows = plural(self.origin.n_random, "training row was", "training rows were")
            return Unmeasured(f"only {rows} drawn at random: too few to tell; query.explore draws more")
        with threadpool_limits(1, user_api="blas"):
            measured = self.measure(sample, sizes, metric)
        counts = {"n_random": self.origin.n_random, "n_control": self.origin.n_control}
        return saving(measured, n_labels, n_pool, **counts)

    def sample(self, n_pool: int) -> Positions:
        """Positions of training rows that are a random sample of the pool.

        A row that was drawn in a round comes from the candidates that were left, not from the pool: what a
        strategy had chosen until then was missing. These rows are known, so as many of them are added, at
        random, as a draw from the whole pool would have given.
        """
        rng, origin = training_rng(self.config, self.round, _STREAM), self.origin
        parts = [np.flatnonzero(origin.by_chance & (origin.round == 0))]
        for number in np.unique(origin.round[origin.by_chance & (origin.round > 0)]).tolist():
            before, drawn = origin.round < number, origin.by_chance & (origin.round == number)
            missing = np.setdiff1d(np.flatnonzero(before & ~origin.by_chance), np.concatenate(parts))
            left = max(1, n_pool - int(before.sum()))
            wanted = int(drawn.sum()) * len(missing) / left + rng.random()
            parts += [
                np.flatnonzero(drawn),
                rng.choice(missing, min(len(missing), int(wanted)), replace=False),
            ]
        return np.sort(np.concatenate(parts))

    def measure(self, sample: Positions, sizes: Sequence[int], metric: str) -> Measured:
        """Models of nested subsets of the sample, and the trained one, on the validation rows."""
        rng = training_rng(self.config, self.round, _STREAM, 1)
        space = self.trained.space
        rows, beside = Views(space, self.train.rows.features), Views(space, self.validation.rows.features)

        def proba(chosen: Positions) -> NDArray[np.float32]:
            chosen = np.sort(chosen)
            part, y = Part(rows, chosen), self.train.y[chosen]
            model, _ = learn(self.config, self.round, part, y, len(self.classes), votes=False)
            return replace(self.trained, model=model, classes=self.classes).predict(beside)

        orders = [rng.permutation(sample) for _ in range(ORDERS)]
        probas = [proba(order[:size]) for order in orders for size in sizes[:-1]]
        probas += [proba(sample), _aligned(self.trained.predict(beside), self.trained.classes, self.classes)]
        found = resampled(probas, self.validation.y, self.classes, metric, rng)
        smaller, (whole, own) = found[:-2].reshape(ORDERS, len(sizes) - 1, -1), found[-2:]
        return Measured(
            sizes=np.array(sizes, dtype=np.float64),
            values=np.column_stack([smaller[:, :, 0], np.full(ORDERS, whole[0])]),
            own=float(own[0]),
            resampled=np.vstack([smaller.mean(axis=0), whole, own])[:, 1:],
            higher_is_better=metric in HIGHER_IS_BETTER,
        )


def sizes_of(n: int, n_classes: int) -> list[int]:
    """Sizes of subsets of n rows, each 1.4 times the one before, the last all of them; none too small."""
    sizes = [round(n / RATIO**step) for step in reversed(range(SIZES))]
    return [size for size in sizes if size >= max(SMALLEST, 2 * n_classes)]


def _aligned(
    proba: NDArray[np.float32], classes: Sequence[str], wanted: Sequence[str]
) -> NDArray[np.float32]:
    """(n, C) with a column for each wanted class, 0 where the model does not know it."""
    found = np.zeros((len(proba), len(wanted)), dtype=np.float32)
    found[:, [wanted.index(name) for name in classes]] = proba
    return found
