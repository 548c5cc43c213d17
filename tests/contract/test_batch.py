"""The batch contract: what is asked, what is never asked, and why each row was."""

from __future__ import annotations

import csv
import json
from itertools import pairwise
from typing import ClassVar

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from alcli.registry import STRATEGIES

every_strategy = pytest.mark.parametrize("strategy", STRATEGIES.names())


def steps(lab, *names, **sections):
    """Commands with `--set` values for keys of `query`."""
    options = [word for key, value in sections.items() for word in ("--set", f"query.{key}={value}")]
    return [lab(name, *options) for name in names or ("train", "score", "query")]


def features(lab):
    """Each id's embedding, of length 1; or text."""
    table = lab.data.table
    if "text" in table.column_names:
        return dict(zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True))
    vectors = np.array(table["vector"].to_pylist(), dtype=np.float64)
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    return dict(zip(table["id"].to_pylist(), vectors, strict=True))


def batch(lab, query):
    """The ids in the file that a query has written for people."""
    name = next(name for name in query["files"] if name.endswith(".csv"))
    with (lab.root / name).open(newline="") as file:
        return [row["id"] for row in csv.DictReader(file)]


@every_strategy
@pytest.mark.parametrize("kind", ["text", "mixed", "embedding"])
def test_a_batch_has_exactly_the_rows_asked_for_and_none_that_may_not_be_asked(make_lab, kind, strategy):
    lab = make_lab(kind, query={"strategy": strategy})
    lab("seed")
    ids = lab.ids(0)
    skipped, unsure, silent, labeled = ids[:3], ids[3:6], ids[6:9], ids[9:]
    lab("ingest", lab.labels(skipped, "skipped.csv", "skip"), lab.labels(unsure, "unsure.csv", "unsure"))
    lab("ingest", lab.labels(labeled))
    answered = {*skipped, *unsure, *silent, *labeled}
    for number in (1, 2, 3):
        *_, query = steps(lab)
        chosen = lab.ids(number)
        assert query["counts"]["asked"] == len(chosen) == len(set(chosen)) == 12
        assert not query["warnings"]
        assert not set(chosen) & answered
        assert not set(chosen) & lab.split()
        assert set(chosen) <= set(lab.data.truth)
        answered |= set(chosen)
        lab("ingest", lab.labels(chosen[:6], f"half-{number}.csv"))  # the other half stays pending


@every_strategy
def test_every_row_has_a_reason_and_a_rank(make_lab, strategy):
    lab = make_lab(query={"strategy": strategy, "explore": 0.25}).seeded()
    steps(lab)
    rows = lab.asked(1).to_pylist()
    assert [row["rank"] for row in rows] == list(range(1, 13))
    reasons = [row["reason"] for row in rows]
    assert reasons.count("explore") == 3
    assert reasons.count("strategy") == 9
    assert {row["strategy"] for row in rows if row["reason"] == "strategy"} == {strategy}
    assert {row["strategy"] for row in rows if row["reason"] == "explore"} == {"random_sampling"}
    seeds = lab.asked(0).to_pylist()
    assert {row["reason"] for row in seeds} == {"seed", "validation"}
    assert {row["id"] for row in seeds if row["reason"] == "validation"} == lab.split("validation")


@pytest.mark.parametrize(
    "strategy", [name for name in STRATEGIES.names() if STRATEGIES.load(name).kind == "score"]
)
def test_a_score_strategy_asks_the_highest_scores_first(make_lab, strategy):
    lab = make_lab(query={"strategy": strategy, "max_similarity": None}).seeded()
    steps(lab)
    score = dict(zip(*(lab.scores()[name].to_pylist() for name in ("id", "score")), strict=True))
    rows = lab.asked(1).to_pylist()
    asked = [row["score"] for row in rows]
    assert asked == sorted(asked, reverse=True)
    assert asked == [score[row["id"]] for row in rows]
    open_rows = set(score) - set(lab.ids(0)) - set(lab.ids(1))
    assert min(asked) >= max(score[id_] for id_ in open_rows)


def test_the_share_drawn_at_random_does_not_depend_on_the_strategy(make_lab):
    drawn = []
    for strategy in ("margin", "entropy"):
        lab = make_lab(name=strategy, query={"strategy": strategy, "explore": 0.5}).seeded()
        steps(lab)
        drawn.append([row["id"] for row in lab.asked(1).to_pylist() if row["reason"] == "explore"])
    assert drawn[0] == drawn[1]


@every_strategy
def test_no_content_is_asked_twice_in_a_pool_where_every_row_stands_fifty_times(
    make_lab, make_data_of, strategy
):
    data = make_data_of("text", 60).repeated(50)
    lab = make_lab(data=data, query={"strategy": strategy, "max_similarity": 1.0},
                   seed={"size": 10}, split={"validation": 10, "reserve": 5}).seeded()  # fmt: skip
    text = features(lab)
    contents = [text[id_] for id_ in lab.ids(0)]
    assert len(lab.split("held_out")) == 15 * 49
    sealed = {text[id_] for id_ in lab.split()}
    for number in (1, 2):
        steps(lab)
        new = [text[id_] for id_ in lab.ids(number)]
        assert len(new) == 12
        assert not set(new) & sealed
        contents += new
        lab.answer(number)
    assert len(set(contents)) == len(contents) == 20 + 24
    *_, query = steps(lab, batch_size=100)
    assert query["counts"]["asked"] == 60 - 15 - 10 - 24  # no distinct row is left after these
    assert "only 11 of 100 rows" in query["warnings"][0]
    assert "copies" in query["warnings"][0]


@every_strategy
@pytest.mark.parametrize("rows", [300, 3000])
def test_near_duplicates_are_capped(make_lab, make_data_of, strategy, rows):
    """Twenty places in space, each with many rows nearly there: one batch asks of each place once."""
    data = make_data_of("embedding", rows)
    rng = np.random.default_rng(0)
    places = np.eye(20, 24) * 5
    near = (places[rng.integers(20, size=rows)] + rng.normal(scale=0.1, size=(rows, 24))).astype(np.float32)
    table = data.table.to_pydict()
    data = type(data)(
        type(data.table).from_pydict({**table, "vector": near.tolist()}), data.truth, data.features
    )
    lab = make_lab(
        data=data,
        query={"strategy": strategy, "max_similarity": 0.9, "batch_size": 8},
        seed={"size": 5, "strategy": "random"},
        split={"validation": 5, "reserve": 5},
    ).seeded()
    unit = features(lab)
    before = np.array([unit[id_] for id_ in lab.ids(0)])
    open_places = 20 - len({int(v.argmax()) for v in before})
    *_, query = steps(lab)
    chosen = np.array([unit[id_] for id_ in lab.ids(1)])
    assert (chosen @ before.T).max() <= 0.9
    assert (chosen @ chosen.T - 2 * np.eye(len(chosen))).max() <= 0.9
    assert len(chosen) == min(8, open_places)
    if open_places < 8:
        assert f"only {open_places} of 8 rows" in query["warnings"][0]
        assert "too similar" in query["warnings"][0]


@every_strategy
def test_a_batch_larger_than_the_pool_asks_all_there_is_and_says_so(make_lab, strategy):
    lab = make_lab(rows=100, query={"strategy": strategy, "max_similarity": None}).seeded()
    *_, query = steps(lab, batch_size=500)
    left = 100 - 24 - 12 - 18
    assert query["counts"]["asked"] == left
    assert f"only {left} of 500 rows" in query["warnings"][0]
    lab.answer(1)
    before = lab.bytes()
    *_, query = steps(lab)
    assert query["counts"]["asked"] == 0
    assert query["changed"] is False
    assert set(lab.bytes()) - set(before) == {path for path in lab.bytes() if path.startswith("rounds/002/")}
    assert not (lab.root / "rounds/002/query.csv").exists()


def test_people_see_the_shown_columns_and_never_the_prediction(make_lab):
    lab = make_lab("text").seeded()
    steps(lab)
    for number in (0, 1):
        with (lab.root / f"rounds/{number:03d}/query.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0]) == ["id", "text", "label"]
        assert [row["id"] for row in rows] == lab.ids(number)
        assert {row["label"] for row in rows} == {""}
        text = features(lab)
        assert all(row["text"] == text[row["id"]] for row in rows)


def test_a_prediction_is_shown_only_on_demand(make_lab):
    lab = make_lab("text", query={"show_prediction": True}).seeded()
    steps(lab)
    with (lab.root / "rounds/001/query.csv").open(newline="") as file:
        shown = {row["id"]: row["prediction"] for row in csv.DictReader(file)}
    scores = lab.scores()
    predicted = dict(zip(scores["id"].to_pylist(), scores["prediction"].to_pylist(), strict=True))
    assert shown == {id_: predicted[id_] for id_ in lab.ids(1)}
    assert "prediction" not in (lab.root / "rounds/000/query.csv").read_text().splitlines()[0]


def test_nobody_can_tell_validation_rows_from_seed_rows(make_lab):
    lab = make_lab("text", 1000, split={"validation": 60, "reserve": 0}, seed={"size": 60})
    lab("seed")
    validation = [id_ in lab.split("validation") for id_ in lab.ids(0)]
    changes = sum(a != b for a, b in pairwise(validation))
    assert 40 < changes < 80  # mixed, as a coin would


def test_more_asks_further_rows_from_the_same_scores(make_lab):
    lab = make_lab().seeded()
    steps(lab)
    first = lab.ids(1)
    files = lab.bytes()
    more = lab("query", "--more", "7")
    assert more["counts"]["added"] == 7
    assert more["files"][0] == "rounds/001/query-2.csv"
    ids = lab.ids(1)
    assert ids[:12] == first
    assert len(set(ids)) == 19
    assert [row["rank"] for row in lab.asked(1).to_pylist()] == list(range(1, 20))
    changed = {name for name, digest in lab.bytes().items() if files.get(name) != digest}
    assert changed == {"rounds/001/query-2.csv", "rounds/001/selection.parquet", "rounds/001/round.json"}
    assert lab("ingest", lab.labels(ids))["counts"]["new"] == 19


def test_a_batch_and_a_further_one_are_what_one_large_batch_would_have_been(make_lab):
    split, whole = make_lab(name="split").seeded(), make_lab(name="whole").seeded()
    steps(split)
    split("query", "--more", "8")
    steps(whole, batch_size=20)
    assert split.ids(1) == whole.ids(1)


def test_released_rows_are_candidates_again_and_a_late_answer_is_taken(make_lab):
    lab = make_lab().seeded()
    steps(lab)
    first = lab.ids(1)
    lab("ingest", lab.labels(first[:4], "some.csv"))
    released = lab("query", "--release")
    assert released["counts"]["released"] == 8
    assert lab("status")["pending"] == 0
    again = lab("query", "--more", "8")
    assert again["counts"]["pending"] == 8
    assert first[4:] == batch(lab, again)  # the scores are the same: so are the best rows left
    assert sorted(lab.ids(1)) == sorted(first)  # each row once
    late = lab("ingest", lab.labels(first[4:], "late.csv"))
    assert late["counts"]["new"] == 8
    assert late["counts"]["pending"] == 0


def test_a_late_answer_to_a_row_given_back_and_not_asked_again_is_taken(make_lab):
    lab = make_lab().seeded()
    steps(lab)
    lab("query", "--release")
    late = lab("ingest", lab.labels(lab.ids(1)[:5], "late.csv"))
    assert late["counts"]["new"] == 5
    assert late["counts"]["unrequested"] == 0
    assert lab("train")["counts"]["labeled"] == 18 + 5


def test_validation_rows_are_never_given_back(make_lab):
    lab = make_lab()
    lab("seed")
    assert lab("query", "--release")["counts"]["released"] == 18
    assert lab("status")["pending"] == 24


def test_query_refuses_scores_of_another_strategy_and_an_unscored_pool(make_lab):
    lab = make_lab().seeded()
    assert "run `alcli train` first" in lab.fails("query")
    lab("train")
    assert "run `alcli score` first" in lab.fails("query")
    lab("score")
    refused = lab.fails("query", "--set", "query.strategy=entropy")
    assert "margin" in refused
    assert "entropy" in refused
    assert "run `alcli score` again" in refused


def test_a_row_in_dispute_is_no_candidate(make_lab):
    lab = make_lab(task={"classes": ["sea", "sky", "stone"]})
    lab("seed")
    ids = [id_ for id_ in lab.ids(0) if id_ not in lab.split("validation")]
    lines = [f"{id_},{label},{who}" for id_ in ids[:2] for who, label in (("ann", "sea"), ("bob", "sky"))]
    (lab.root / "two.csv").write_text("\n".join(["id,label,annotator", *lines]) + "\n")
    assert lab("ingest", lab.root / "two.csv")["counts"]["disputed"] == 2
    lab("ingest", lab.labels(ids[2:], "one.csv"))
    lab("query", "--release")
    steps(lab, batch_size=500, max_similarity=1.0)
    assert not set(lab.ids(1)) & set(ids[:2])
    labels = pq.read_table(lab.root / "labels.parquet")["id"].to_pylist()
    assert not set(labels) & set(ids[:2])


class Programme(RuleBasedStateMachine):
    """A team at work in any order: asks, answers some rows, skips some, gives rows back, asks more."""

    new_lab: ClassVar = None

    def __init__(self):
        super().__init__()
        self.lab = type(self).new_lab()
        self.lab("seed")
        self.with_people = set(self.lab.ids(0))
        self.done = set()
        self.again = set()
        self.files = 0

    def answer(self, share, label=None):
        ids = sorted(self.with_people)[: max(1, round(share * len(self.with_people)))]
        self.files += 1
        document = self.lab("ingest", self.lab.labels(ids, f"file-{self.files}.csv", label))
        assert document["counts"]["new"] == len(ids)
        self.with_people -= set(ids)
        self.done |= set(ids)

    @precondition(lambda self: self.with_people)
    @rule(share=st.floats(0.1, 1))
    def people_answer(self, share):
        self.answer(share)

    @precondition(lambda self: self.with_people)
    @rule(label=st.sampled_from(["skip", "unsure"]))
    def people_skip(self, label):
        self.answer(0.2, label)

    @rule()
    def rows_are_given_back(self):
        self.lab("query", "--release")
        given_back = self.with_people - self.lab.split("validation")
        self.done |= given_back & self.again
        self.again -= given_back
        self.with_people -= given_back

    @precondition(lambda self: self.done - self.lab.split("validation"))
    @rule(
        strategy=st.sampled_from(STRATEGIES.names()),
        explore=st.sampled_from([0, 0.3]),
        relabel=st.sampled_from([0, 0.4]),
    )
    def a_round_runs(self, strategy, explore, relabel):
        if self.lab("status")["labeled"] == 0:
            return
        if not steps(self.lab, "train", strategy=strategy)[0]["changed"]:
            return
        shares = {"explore": explore, "relabel": relabel}
        query = steps(self.lab, "score", "query", strategy=strategy, batch_size=5, **shares)[-1]
        if query["changed"]:
            self.is_sound(query)

    @precondition(lambda self: (self.lab.root / "rounds/001/selection.parquet").exists())
    @rule(size=st.integers(1, 4))
    def more_is_asked(self, size):
        newest = max(self.lab.root.glob("rounds/*/round.json"))
        if not (newest.parent / "selection.parquet").exists():
            return
        strategy = json.loads(newest.read_text())["steps"]["score"]["strategy"]
        options = ("--set", f"query.strategy={strategy}", "--set", "query.relabel=0.5")
        query = self.lab("query", "--more", str(size), *options)
        if query["changed"]:
            self.is_sound(query)

    def is_sound(self, query):
        chosen = batch(self.lab, query)
        assert set(chosen) <= set(self.lab.ids(query["round"]))
        assert len(set(chosen)) == len(chosen)
        assert not set(chosen) & self.with_people, "a row with people was asked again"
        rows = self.lab.asked(query["round"]).to_pylist()
        again = {row["id"] for row in rows if row["reason"] == "relabel"} & set(chosen)
        assert again <= self.done, "a row without an answer was asked once more"
        assert not again & self.again, "a row was asked a third time"
        assert not (set(chosen) - again) & self.done, "an answered row was asked again"
        assert not set(chosen) & self.lab.split()
        self.with_people |= set(chosen)
        self.done -= again
        self.again |= again
        assert query["counts"]["pending"] == len(self.with_people)

    @invariant()
    def status_counts_the_rows_with_people(self):
        assert self.lab("status")["pending"] == len(self.with_people)


def test_whatever_a_team_does_no_row_is_asked_while_people_have_it_or_after_they_answered(make_lab):
    count = iter(range(10_000))
    Programme.new_lab = staticmethod(
        lambda: make_lab(
            "embedding",
            120,
            name=f"team-{next(count)}",
            task={"classes": ["sea", "sky", "stone"]},
            seed={"size": 8},
            split={"validation": 6, "reserve": 4},
        )
    )
    case = Programme.TestCase
    case.settings = settings(
        max_examples=12,
        stateful_step_count=10,
        phases=[Phase.generate],
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    case().runTest()
