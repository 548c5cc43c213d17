"""`measure_saving` on real projects: what it reads, what it refuses to say, and that it says it again."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

from alcli.curves.control import Saving
from alcli.evidence import Evidence, Origin, Unmeasured, measure_saving, sizes_of
from alcli.project import Project
from alcli.project.pool import Pool

QUERY = {"explore": 0.25, "batch_size": 40}


def saving_of(lab, metric="accuracy"):
    project = Project.open(lab.root, None, ())
    labels = pq.read_table(lab.root / "labels.parquet")
    rows = Pool(project).take(labels["id"].combine_chunks(), project.config.features)
    return measure_saving(project, rows, metric)


def walked(lab, rounds=2):
    lab.seeded()
    for number in range(1, rounds + 1):
        lab.one_round(number)
    lab("train")
    return lab


@pytest.mark.parametrize("kind", ["embedding", "text", "mixed"])
def test_a_project_with_explored_rows_measures_its_saving(make_lab, kind):
    lab = walked(make_lab(kind, rows=600, seed={"size": 60}, query=QUERY))
    before = lab.stamps()
    found = saving_of(lab)
    assert isinstance(found, Saving)
    assert (found.n_labels, found.n_control) == (140, 20)
    assert found.n_random == 80
    assert found == saving_of(lab)
    assert lab.stamps() == before
    assert found.sentence.startswith(("labels saved", "not distinguishable", "random collection"))
    for metric in ("macro_f1", "log_loss", "brier"):
        assert isinstance(saving_of(lab, metric), Saving)


def test_the_order_of_the_pool_changes_no_figure(make_lab, make_data_of):
    data = make_data_of("embedding", 400)
    labs = [
        walked(make_lab(data=rows, name=name, seed={"size": 60}, query=QUERY), rounds=1)
        for name, rows in (("one", data), ("two", data.shuffled()))
    ]
    assert saving_of(labs[0]) == saving_of(labs[1])


@pytest.mark.parametrize(
    ("rounds", "settings", "said"),
    [
        (0, {}, "no row was chosen by a strategy yet"),
        (1, {"seed": {"size": 18}}, "only 28 training rows were drawn at random"),
        (1, {"seed": {"size": 60, "strategy": "typiclust"}}, "only 10 training rows were drawn at random"),
    ],
)
def test_without_enough_random_rows_it_says_why_there_is_no_saving(make_lab, rounds, settings, said):
    found = saving_of(walked(make_lab(**{"seed": {"size": 60}, "query": QUERY, **settings}), rounds))
    assert isinstance(found, Unmeasured)
    assert found.sentence.startswith(said)


def test_before_training_and_after_a_change_of_the_model_it_says_so(make_lab):
    lab = make_lab(seed={"size": 60}, query=QUERY).seeded()
    assert saving_of(lab) == Unmeasured("no model is trained yet")
    lab.one_round(1)
    lab.configure(seed={"size": 60}, query=QUERY, model={"name": "random_forest"})
    found = saving_of(lab)
    assert isinstance(found, Unmeasured)
    assert "`alcli train` first" in found.sentence


def evidence(origin, random_state=0):
    """Only what `sample` looks at."""
    from alcli.config import Config

    config = Config(random_state=random_state)
    return Evidence(config, 3, None, ("a", "b"), None, origin, None)


def test_rows_that_were_chosen_stand_in_for_what_later_draws_missed():
    """A draw from a pool of 1,000 finds the 300 that are chosen now and then."""
    round_ = np.repeat([0, 1, 2], [100, 300, 60])
    origin = Origin(round_, round_ != 1)
    sizes = []
    for random_state in range(20):
        sample = evidence(origin, random_state).sample(1000)
        assert set(np.flatnonzero(origin.by_chance)) <= set(sample.tolist())
        assert len(np.unique(sample)) == len(sample)
        sizes.append(len(sample) - 160)
    assert np.mean(sizes) == pytest.approx(60 * 300 / 600, abs=0.5)  # 600 candidates were left
    assert len(evidence(origin).sample(10_000_000)) == 160


def test_a_sample_takes_no_row_twice_where_the_pool_runs_out():
    round_ = np.repeat([0, 1, 2, 3], [10, 30, 40, 30])
    origin = Origin(round_, np.isin(round_, [0, 2, 3]))
    sample = evidence(origin).sample(len(round_))
    assert np.array_equal(np.unique(sample), sample)
    assert len(sample) <= len(round_)


def test_subsets_are_not_so_small_that_classes_are_missing():
    assert sizes_of(320, 5) == [57, 80, 113, 160, 226, 320]
    assert sizes_of(320, 77) == [160, 226, 320]
    assert sizes_of(30, 2) == [21, 30]


def test_an_origin_knows_its_control_rows():
    origin = Origin(np.array([0, 0, 1, 2]), np.array([True, False, True, False]))
    assert origin.n_control == 1
    assert origin.n_random == 2
