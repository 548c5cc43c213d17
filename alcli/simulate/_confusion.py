"""Which classes are taken for which: by the configured model, on rows that it was not trained on."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from alcli.config import Config
from alcli.engine import Trained, Views
from alcli.loop._learning import fit_space, learn
from alcli.project.splits import SCHEMA, Splits
from alcli.simulate._data import Data
from alcli.tables.hashing import hash_strings, salted

_FOLDS, _MOST = 5, 5_000


def confusion_of(config: Config, data: Data) -> NDArray[np.float64]:
    """(C, C): mean probability that the model gives each class, of rows of each true class.

    By cross-validation in five parts over 5,000 rows at most.
    """
    truth = data.truth
    keys = salted(hash_strings(truth.ids), config.random_state, "confusion")
    chosen = np.sort(np.argsort(keys, kind="stable")[:_MOST])
    rows, y, keys = data.pool.take(truth.ids.take(pa.array(chosen))), truth.y[chosen], keys[chosen]
    views = Views(fit_space(config, data.pool, Splits(SCHEMA.empty_table())), rows.features)
    total = np.zeros((len(truth.classes),) * 2)
    for fold in range(_FOLDS):
        held = keys % np.uint64(_FOLDS) == np.uint64(fold)
        inside = Views(views.space, rows.take(~held).features)
        model, _ = learn(config, 0, inside, y[~held], len(truth.classes), votes=False)
        trained = Trained(views.space, model, [], truth.classes, config.model.name)
        proba = trained.evidence(rows.take(held).features, ("proba",))["proba"]
        np.add.at(total, y[held], proba.astype(np.float64))
    return total
