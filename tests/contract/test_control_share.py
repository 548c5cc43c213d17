"""The saving that a project measures holds the true one, which replays know."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from sklearn.datasets import load_digits

from alcli.curves.control import Saving


@pytest.fixture(scope="module")
def replays() -> ModuleType:
    path = Path(__file__).parents[1] / "control_replays.py"
    spec = importlib.util.spec_from_file_location("control_replays", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["control_replays"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "explore", "metric"),
    [("digits", 0.1, "accuracy"), ("digits", 0.2, "brier"), ("embedding", 0.15, "accuracy")],
)
def test_the_95_percent_interval_holds_the_true_saving_in_nine_of_ten_replays(
    replays, make_data_of, name, explore, metric
):
    if name == "digits":
        digits = load_digits()
        problem = replays.Problem({"numeric": list(digits.data.T)}, digits.target.astype(str))
    else:
        data = make_data_of(name, 3000)
        vectors = np.array(data.table["vector"].to_pylist(), dtype=np.float32)
        labels = [data.truth[id_] for id_ in data.table["id"].to_pylist()]
        problem = replays.Problem({"embedding": [vectors]}, labels)
    setting = replays.Setting(explore=explore, metric=metric)
    random = replays.Random(problem, setting, repeats=12)
    found = list(replays.outcomes(problem, random, setting, repeats=12))
    assert all(isinstance(outcome.saving, Saving) for outcome in found)
    assert sum(outcome.covered for outcome in found) >= 0.9 * len(found)
    # an interval that is all there is would hold everything: it has to leave something out
    widths = [outcome.saving.share.high - outcome.saving.share.low for outcome in found]
    assert np.median(widths) < 1.6
