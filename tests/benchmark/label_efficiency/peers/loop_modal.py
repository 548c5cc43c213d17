"""modAL's loop, as its documentation shows it: a learner, `query` on what is left of the pool, `teach`.

Sparse rows go in as they are. The committee's members are fitted on bootstraps; the one model judges.
"""

from functools import partial

import numpy as np
from loop_problem import main
from modAL.disagreement import consensus_entropy_sampling, max_disagreement_sampling, vote_entropy_sampling
from modAL.models import ActiveLearner, Committee
from modAL.uncertainty import entropy_sampling, margin_sampling, uncertainty_sampling

MEMBERS = 5


def random_sampling(_, rows, n_instances):
    """As the documentation writes it; a second value, or `query` would swallow an error and call twice."""
    picks = np.random.choice(rows.shape[0], size=n_instances, replace=False)  # noqa: NPY002
    return picks, np.zeros(n_instances)


class Learner:
    """One model."""

    def __init__(self, query, repeat):
        self.rows, self.y = repeat.problem.features, repeat.problem.y
        self.pool = np.setdiff1d(repeat.train, repeat.seed)
        self.model = self.fitted(repeat.problem.model(), repeat.seed, query_strategy=query)

    def fitted(self, model, rows, **more):
        """An ActiveLearner that knows the rows."""
        return ActiveLearner(model, X_training=self.rows[rows], y_training=self.y[rows], **more)

    def ask(self, batch):
        """Positions in what is left of the pool become row numbers."""
        positions, _ = self.model.query(self.rows[self.pool], n_instances=batch)
        picks, self.pool = self.pool[positions], np.delete(self.pool, positions)
        return picks

    def tell(self, rows):
        self.model.teach(self.rows[rows], self.y[rows])

    def predict(self, rows):
        return self.model.predict(self.rows[rows])


class Voting(Learner):
    """A committee asks; a model of its own predicts."""

    def __init__(self, query, repeat):
        super().__init__(random_sampling, repeat)
        models = [repeat.problem.model() for _ in range(MEMBERS)]
        members = [self.fitted(model, repeat.seed, bootstrap_init=True) for model in models]
        self.judge, self.model = self.model, Committee(members, query_strategy=query)

    def tell(self, rows):
        self.judge.teach(self.rows[rows], self.y[rows])
        self.model.teach(self.rows[rows], self.y[rows], bootstrap=True)

    def predict(self, rows):
        return self.judge.predict(self.rows[rows])


if __name__ == "__main__":
    main(
        {
            "random": partial(Learner, random_sampling),
            "margin": partial(Learner, margin_sampling),
            "entropy": partial(Learner, entropy_sampling),
            "least_confidence": partial(Learner, uncertainty_sampling),
            "vote_entropy": partial(Voting, vote_entropy_sampling),
            "consensus_entropy": partial(Voting, consensus_entropy_sampling),
            "max_disagreement": partial(Voting, max_disagreement_sampling),
        }
    )
