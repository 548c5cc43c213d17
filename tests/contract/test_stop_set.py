"""The stop set: pool rows drawn once, predicted by every model, and what is read off these predictions."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alcli.loop._stop_set import Predicted, agreement, entropies

NAME = "stop_set.parquet"


def stop_set(lab: Any, round_: int) -> list[dict[str, Any]]:
    return pq.read_table(lab.root / f"rounds/{round_:03d}" / NAME).to_pylist()


def ids(lab: Any, round_: int) -> set[str]:
    return {row["id"] for row in stop_set(lab, round_)}


def figures(lab: Any, round_: int) -> dict[str, Any]:
    """What the round's history entry says of it."""
    report = json.loads((lab.root / f"rounds/{round_:03d}/metrics.json").read_text())
    found: dict[str, Any] = report["history"][-1]["stop_set"]
    return found


def predicted(lab: Any, round_: int) -> dict[str, str]:
    """The class that a round's model gives each row."""
    steps = json.loads((lab.root / f"rounds/{round_:03d}/round.json").read_text())["steps"]
    classes = steps["train"]["classes"]
    return {row["id"]: classes[int(np.argmax(row["proba"]))] for row in stop_set(lab, round_)}


def changed(lab: Any, round_: int) -> float:
    """The share of the unlabeled rows that a round predicts otherwise than the round before."""
    labeled = set(pq.read_table(lab.root / "labels.parquet")["id"].to_pylist())
    before, now = predicted(lab, round_ - 1), predicted(lab, round_)
    return float(np.mean([before[id_] != now[id_] for id_ in set(now) - labeled]))


def two_rounds(lab: Any) -> Any:
    lab.seeded().one_round(1)
    lab("train")
    return lab


def test_it_has_the_unlabeled_unsealed_rows_and_keeps_them(make_lab):
    lab = two_rounds(make_lab())
    everything = set(lab.data.truth)
    assert ids(lab, 1) == everything - lab.split() - lab.split("seed")
    assert ids(lab, 2) == ids(lab, 1)
    assert set(lab.ids(1)) <= ids(lab, 2), "rows stay when they are labeled"


@pytest.mark.parametrize("state", [0, 1])
def test_of_a_large_pool_it_is_a_random_sample(make_lab, make_data_of, state):
    data = make_data_of("embedding", 3_000)
    lab = make_lab(data=data, random_state=state).seeded()
    lab("train")
    assert len(stop_set(lab, 1)) == 2_000
    numbers = np.array([int(id_.removeprefix("r")) for id_ in ids(lab, 1)])
    assert abs(numbers.mean() - 1_500) < 60  # 5 standard errors of a mean without replacement
    mixed = make_lab(name="mixed", data=data.shuffled(), random_state=state).seeded()
    mixed("train")
    assert stop_set(mixed, 1) == stop_set(lab, 1)


def test_the_figures_are_those_of_the_predictions(make_lab):
    lab = two_rounds(make_lab("text"))
    assert (figures(lab, 1)["kappa"], figures(lab, 1)["changed"]) == (None, None)
    still_open = ids(lab, 2) - set(lab.ids(1))
    before, now = ({i: one[i] for i in still_open} for one in (predicted(lab, 1), predicted(lab, 2)))
    same = np.mean([before[id_] == now[id_] for id_ in now])
    by_chance = sum(
        np.mean([cls == name for cls in before.values()]) * np.mean([cls == name for cls in now.values()])
        for name in {*before.values(), *now.values()}
    )
    found = figures(lab, 2)
    assert found["changed"] == pytest.approx(1 - same, abs=1e-6)
    assert found["kappa"] == pytest.approx((same - by_chance) / (1 - by_chance), abs=1e-6)
    proba = np.array([row["proba"] for row in stop_set(lab, 2) if row["id"] in still_open])
    doubts = -(proba * np.log(proba)).sum(axis=1) / np.log(3)
    assert (found["n_rows"], found["n_unlabeled"]) == (len(ids(lab, 2)), len(still_open))
    assert found["mean_entropy"] == pytest.approx(doubts.mean(), abs=1e-5)
    assert found["max_entropy"] == pytest.approx(doubts.max(), abs=1e-5)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([0, 1, 2, 0], [0, 1, 2, 0], 1.0),
        ([0, 0, 1, 1], [0, 1, 0, 1], 0.0),
        ([0, 0, 1, 1], [1, 1, 0, 0], -1.0),
        ([0, 0, 0, 1], [0, 0, 1, 1], 0.5),
        ([1, 1, 1, 1], [1, 1, 1, 1], 0.0),
    ],
    ids=["alike", "as chance has it", "against each other", "between", "one class only"],
)
def test_kappa_by_hand(one, other, expected):
    ids = pa.array(["a", "b", "c", "d"])
    said = (Predicted(ids, np.eye(3, dtype=np.float32)[labels], ("x", "y", "z")) for labels in (one, other))
    assert agreement(*said)[0] == pytest.approx(expected)


def test_entropy_by_hand():
    proba = np.array([[0.5, 0.5], [1.0, 0.0], [0.75, 0.25]], dtype=np.float32)
    assert entropies(proba) == pytest.approx([1.0, 0.0, 0.811278], abs=1e-6)
    assert entropies(np.ones((2, 1), dtype=np.float32)).tolist() == [0.0, 0.0]


def test_a_copy_of_a_sealed_row_under_a_new_id_is_not_in_it(make_lab):
    lab = make_lab()
    lab("seed")
    copied = min(lab.split("validation"))
    row = next(row for row in lab.data.table.to_pylist() if row["id"] == copied)
    lab.data.with_rows([{**row, "id": "r-copy"}]).write_parquet(lab.root / "pool.parquet")
    lab.answer(0)
    lab("train")
    assert "r-copy" not in ids(lab, 1)
    assert len(ids(lab, 1)) == 240 - len(lab.split()) - 18


def test_rows_that_leave_the_pool_leave_it_and_are_not_compared(make_lab):
    lab = make_lab().seeded().one_round(1)
    gone = sorted(ids(lab, 1) - set(lab.ids(1)))[:50]
    stays = [id_ not in gone for id_ in lab.data.table["id"].to_pylist()]
    pq.write_table(lab.data.table.filter(stays), lab.root / "pool.parquet")
    lab("train")
    assert ids(lab, 2) == ids(lab, 1) - set(gone)
    assert figures(lab, 2)["n_rows"] == figures(lab, 1)["n_rows"] - 50
    assert figures(lab, 2)["changed"] == pytest.approx(changed(lab, 2), abs=1e-6)


def test_a_class_that_is_new_in_between_is_compared_by_its_name(make_lab):
    lab = make_lab()
    lab("seed")
    seed = sorted(lab.split("seed"))
    known = [id_ for id_ in seed if lab.data.truth[id_] != "sea"]
    lab("ingest", lab.labels(known, "some.csv"))
    for step in ("train", "score", "query"):
        lab(step)
    lab("ingest", "--new-class", lab.labels(set(seed) - set(known), "sea.csv"))
    lab("train")
    assert "sea" not in predicted(lab, 1).values()
    assert "sea" in predicted(lab, 2).values()
    assert figures(lab, 2)["changed"] == pytest.approx(changed(lab, 2), abs=1e-6)


def test_where_every_row_is_labeled_already_it_is_empty_and_the_criteria_say_so(make_lab):
    lab = make_lab(stop={"any": ["overall_uncertainty", "stabilizing_predictions"]})
    lab("seed")
    lab("ingest", lab.labels(set(lab.data.truth) - lab.split("reserve")), "--unrequested", "accept")
    found = lab("train")
    assert (figures(lab, 1)["n_rows"], stop_set(lab, 1)) == (0, [])
    assert found["stop"]["verdict"] == "go_on"
    assert "round 1's stop set has no unlabeled row (0 in all)" in found["stop"]["reason"]


def as_an_older_alcli_left_it(lab: Any, round_: int) -> None:
    """The round without a stop set, and the manifest that says so."""
    folder = lab.root / f"rounds/{round_:03d}"
    (folder / NAME).unlink()
    report = json.loads((folder / "metrics.json").read_text())
    del report["history"][-1]["stop_set"], report["criteria"]
    content = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
    (folder / "metrics.json").write_text(content)
    manifest = json.loads((folder / "round.json").read_text())
    outputs = manifest["steps"]["train"]["outputs"]
    del outputs[f"rounds/{round_:03d}/{NAME}"]
    outputs[f"rounds/{round_:03d}/metrics.json"]["sha256"] = hashlib.sha256(content.encode()).hexdigest()
    (folder / "round.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")


def test_a_project_of_an_older_alcli_goes_on_and_draws_it_at_the_next_train(make_lab):
    stop = {"any": [{"name": "classification_change", "share": 1.0}]}
    lab = make_lab(stop=stop).seeded()
    lab("train")
    as_an_older_alcli_left_it(lab, 1)
    before = lab.bytes()
    assert not lab("train")["changed"]
    assert lab.bytes() == before
    assert lab("status")["stop"]["reason"] == "round 1 has no stop set: an older alcli trained it"
    lab("score")
    lab("query")
    lab.answer(1)
    assert "round 2 is the first with a stop set" in lab("train")["stop"]["reason"]
    assert not ids(lab, 2) & (lab.split() | lab.split("seed") | set(lab.ids(1)))
    lab("score")
    lab("query")
    lab.answer(2)
    assert lab("train")["stop"]["verdict"] == "stop"
    assert ids(lab, 3) == ids(lab, 2)


@pytest.mark.parametrize("damage", ["lost", "changed"])
def test_a_stop_set_that_was_lost_or_changed_is_made_again(make_lab, damage):
    lab = make_lab().seeded()
    lab("train")
    lab("score")
    before = lab.bytes()
    path = lab.root / "rounds/001" / NAME
    path.unlink() if damage == "lost" else path.write_bytes(b"PAR1")
    assert lab("train")["changed"]
    assert lab.bytes() == before


def test_one_of_an_earlier_round_that_was_changed_stops_train(make_lab):
    lab = make_lab().seeded().one_round(1)
    (lab.root / "rounds/001" / NAME).write_bytes(b"PAR1")
    assert "rounds/001/stop_set.parquet" in lab.fails("train")


def test_trained_again_in_the_same_round_it_is_compared_with_the_round_before(make_lab):
    lab = make_lab().seeded().one_round(1)
    lab("train")
    lab(
        "ingest",
        lab.labels(sorted(ids(lab, 2) - set(lab.ids(1)))[:20], "more.csv"),
        "--unrequested",
        "accept",
    )
    lab("train")
    assert ids(lab, 2) == ids(lab, 1)
    assert figures(lab, 2)["changed"] == pytest.approx(changed(lab, 2), abs=1e-6)
