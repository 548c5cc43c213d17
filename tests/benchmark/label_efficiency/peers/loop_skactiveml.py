"""scikit-activeml's loop, as its tutorials show it: labels are NaN until known, `query`, `fit`.

It takes no sparse rows. Two fair ways are here. `margin_dense` hands it the features as a dense array, as a
user would. All others hand it the rows' numbers, one a row, and a model that looks the features up: the same
model and picks, without the cost of dense rows. Strategies of distances get the 100 numbers a row that every
peer's are given, as the embedding of the classifier or as the rows where there is none.
The tutorials fit twice a round, once in `query`; here `query` is given the fitted model. DropQuery is left
out: it sets features of dense rows to zero, and would have to be given thousands a row.
"""

from functools import partial

import numpy as np
from loop_problem import main
from skactiveml.classifier import SklearnClassifier
from skactiveml.pool import (
    Badge,
    Clue,
    ContrastiveAL,
    CoreSet,
    Falcun,
    GreedyBALD,
    MaxHerding,
    ProbCover,
    QueryByCommittee,
    RandomSampling,
    TypiClust,
    UncertaintySampling,
)
from skactiveml.utils import MISSING_LABEL
from sklearn.cluster import MiniBatchKMeans
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

MEMBERS = 5


class ByNumber(LogisticRegression):
    """Logistic regression on rows that are named by number.

    The rows lie on the class: scikit-activeml makes a deep copy of a model before each fit.
    """

    rows = None

    def fit(self, X, y, sample_weight=None):  # noqa: N803 - scikit-learn's name
        return super().fit(self.rows[number(X)], y, sample_weight)

    def decision_function(self, X):  # noqa: N803
        return super().decision_function(self.rows[number(X)])


class Embedding(SklearnClassifier):
    """A classifier that tells the short form of rows, when asked."""

    narrow = None

    def predict_proba(self, X, embed=False):  # noqa: N803
        proba = super().predict_proba(X)
        return (proba, self.narrow[number(X)]) if embed else proba


def number(column):
    """(n,) row numbers from the one column of what scikit-activeml takes for features."""
    return np.ravel(column).astype(np.intp)


class Learner:
    """One model; positions count from 0 where the problem has `train`."""

    def __init__(self, make, repeat):
        self.problem, self.repeat, self.train = repeat.problem, repeat, repeat.train
        self.strategy = make(repeat.number)
        self.x, self.rows_to_predict = self.given()
        self.y = np.full(len(self.train), MISSING_LABEL)
        self.model = self.classifier()
        self.tell(repeat.seed)

    def given(self):
        """What stands for the training rows, and a function that gives what stands for others."""
        ByNumber.rows = self.problem.features
        return self.train[:, None], lambda rows: rows[:, None]

    def classifier(self):
        plain = self.problem.model().get_params()
        return Embedding(ByNumber(**plain), classes=range(self.problem.n_classes))

    def query(self, batch):
        return self.strategy.query(self.x, self.y, clf=self.model, fit_clf=False, batch_size=batch)

    def ask(self, batch):
        return self.train[self.query(batch)]

    def tell(self, rows):
        self.y[np.searchsorted(self.train, rows)] = self.problem.y[rows]
        self.model.fit(self.x, self.y)

    def predict(self, rows):
        return self.model.predict(self.rows_to_predict(rows)).astype(int)


class Dense(Learner):
    """The features as a dense array."""

    def given(self):
        features = self.problem.features
        dense = features.toarray() if hasattr(features, "toarray") else features
        return dense[self.train], lambda rows: dense[rows]

    def classifier(self):
        return SklearnClassifier(self.problem.model(), classes=range(self.problem.n_classes))


class Embedded(Learner):
    """A strategy of distances and a classifier."""

    def given(self):
        Embedding.narrow = self.problem.narrow
        return super().given()


class Weighing(Embedded):
    """CLUE, which calls the classifier by another name."""

    def query(self, batch):
        return self.strategy.query(
            self.x, self.y, estimator=self.model, fit_estimator=False, batch_size=batch
        )


class Alone(Learner):
    """A strategy that asks no model."""

    def query(self, batch):
        return self.strategy.query(self.x, self.y, batch_size=batch)


class Distant(Alone):
    """A strategy of distances that asks no model."""

    def __init__(self, make, repeat, scale=np.asarray):
        super().__init__(make, repeat)
        self.short = scale(self.problem.narrow[self.train])

    def query(self, batch):
        return self.strategy.query(self.short, self.y, batch_size=batch)


class Voting(Learner):
    """A committee, fitted on bootstraps, asks."""

    def query(self, batch):
        known = np.flatnonzero(~np.isnan(self.y))
        members = [self.classifier() for _ in range(MEMBERS)]
        for member in members:
            drawn = np.random.choice(known, len(known))  # noqa: NPY002 - seeded by the repeat
            weights = np.bincount(drawn, minlength=len(self.y)).astype(float)
            member.fit(self.x, self.y, sample_weight=weights)
        return self.strategy.query(self.x, self.y, ensemble=members, fit_ensemble=False, batch_size=batch)


def uncertainty(method, how=Learner):
    """One of the measures of UncertaintySampling."""
    return partial(how, lambda seed: UncertaintySampling(method=method, random_state=seed))


def seeded(make, **options):
    """A strategy for a repeat."""
    return lambda seed: make(random_state=seed, **options)


def clustered(make, **options):
    """With MiniBatchKMeans: the default, KMeans, takes many times as long."""
    return lambda seed: make(
        cluster_algo=MiniBatchKMeans, cluster_algo_dict={"random_state": seed}, random_state=seed, **options
    )


def prob_cover(repeat):
    """On rows of length 1, for which its grid of radii is made."""
    make = seeded(ProbCover, n_classes=repeat.problem.n_classes)
    return Distant(make, repeat, normalize)


EMBED = {"clf_embedding_flag_name": "embed"}
LEARNERS = {
    "random": partial(Alone, seeded(RandomSampling)),
    "margin": uncertainty("margin_sampling"),
    "margin_dense": uncertainty("margin_sampling", Dense),
    "entropy": uncertainty("entropy"),
    "least_confidence": uncertainty("least_confident"),
    "vote_entropy": partial(Voting, seeded(QueryByCommittee, method="vote_entropy")),
    "consensus_kl": partial(Voting, seeded(QueryByCommittee, method="KL_divergence")),
    "bald": partial(Voting, seeded(GreedyBALD)),
    "core_set": partial(Distant, seeded(CoreSet)),
    "typiclust": partial(Distant, clustered(TypiClust)),
    "prob_cover": prob_cover,
    "max_herding": partial(Distant, seeded(MaxHerding, metric_dict={"gamma": 1.0}), scale=normalize),
    "badge": partial(Embedded, seeded(Badge, **EMBED)),
    "contrastive": partial(
        Embedded, seeded(ContrastiveAL, nearest_neighbors_dict={"n_neighbors": 10}, **EMBED)
    ),
    "falcun": partial(Learner, seeded(Falcun)),
    "clue": partial(Weighing, clustered(Clue, predict_dict={"embed": True})),
}

if __name__ == "__main__":
    main(LEARNERS)
