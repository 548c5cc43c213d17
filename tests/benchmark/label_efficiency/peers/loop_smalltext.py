"""small-text's loop, as its documentation shows it: a data set with labels to come, `query`, `update`.

Sparse rows go in as they are. Its classifier for scikit-learn has no embeddings, so that strategies of
distances refuse it; here it has them: the 100 numbers that every peer's strategies of distances are given.
"""

import warnings
from functools import partial

import numpy as np
from loop_problem import main
from small_text import (
    BreakingTies,
    ContrastiveActiveLearning,
    DiscriminativeActiveLearning,
    EmbeddingKMeans,
    GreedyCoreset,
    LeastConfidence,
    LightweightCoreset,
    PoolBasedActiveLearner,
    PredictionEntropy,
    RandomSampling,
    SklearnClassifier,
    SklearnClassifierFactory,
    SklearnDataset,
)
from small_text.base import LABEL_UNLABELED

warnings.simplefilter("ignore")  # GreedyCoreset tells that a default has changed


class Rows(SklearnDataset):
    """A data set whose rows know their short form; views of it lead back here."""

    def __init__(self, features, narrow, n_classes):
        super().__init__(features, np.full(features.shape[0], LABEL_UNLABELED), np.arange(n_classes))
        self.narrow = narrow


class Embedding(SklearnClassifier):
    """Logistic regression that tells the short form of rows."""

    def embed(self, rows, return_proba=False, **_):
        short = rows.dataset.narrow[rows.selection]
        return (short, self.predict_proba(rows)) if return_proba else short


class Factory(SklearnClassifierFactory):
    """Makes them."""

    def new(self):
        made = super().new()
        return Embedding(made.model, made.num_classes)


class Learner:
    """The active learner on the repeat's rows; it counts from 0 where the problem has `train`."""

    def __init__(self, strategy, repeat):
        problem = self.problem = repeat.problem
        self.train = repeat.train
        narrow = problem.narrow[self.train] if strategy in BY_DISTANCE else None
        rows = Rows(problem.features[self.train], narrow, problem.n_classes)
        factory = Factory(problem.model(), problem.n_classes)
        self.model = PoolBasedActiveLearner(factory, STRATEGIES[strategy](problem), rows)
        self.model.initialize_data(np.searchsorted(self.train, repeat.seed), problem.y[repeat.seed])

    def ask(self, batch):
        return self.train[self.model.query(num_samples=batch)]

    def tell(self, rows):
        self.model.update(self.problem.y[rows])

    def predict(self, rows):
        """By the model inside: the classifier's own `predict` gives places among the classes it has seen."""
        return self.model.classifier.model.predict(self.problem.features[rows])


def discriminative(problem):
    """Two classes, labeled and not, told apart by the same model; ten parts of a batch."""
    return DiscriminativeActiveLearning(SklearnClassifierFactory(problem.model(), 2), 10, pbar=None)


BY_DISTANCE = {
    "k_means": lambda _: EmbeddingKMeans(),
    "core_set": lambda _: GreedyCoreset(),
    "lightweight_core_set": lambda _: LightweightCoreset(),
    "contrastive": lambda _: ContrastiveActiveLearning(pbar=None),
}
STRATEGIES = {
    "random": lambda _: RandomSampling(),
    "margin": lambda _: BreakingTies(),
    "entropy": lambda _: PredictionEntropy(),
    "least_confidence": lambda _: LeastConfidence(),
    "discriminative": discriminative,
    **BY_DISTANCE,
}

if __name__ == "__main__":
    main({name: partial(Learner, name) for name in STRATEGIES})
