"""A simulation is the loop itself: what it replays is what the commands do, whatever it runs on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

FILES = ("results.parquet", "splits.parquet", "summary.json", "curves.svg", "curves.png")
ROUNDS = 2
COMPOSED = {"strategy": "margin", "diversity": "core_set", "explore": 0.25, "quotas": {"place": "equal"}}


def truth_of(lab: Any) -> Path:
    """A file with everybody's answer to every row."""
    return lab.labels(sorted(lab.data.truth), "truth.csv")


def results(lab: Any, folder: str = "simulation") -> list[dict[str, Any]]:
    return pq.read_table(lab.root / folder / "results.parquet").to_pylist()


def figures(lab: Any, strategy: str, repeat: int, metric: str) -> list[float]:
    """A metric round by round."""
    return [
        row["value"]
        for row in results(lab)
        if (row["strategy"], row["repeat"], row["metric"]) == (strategy, repeat, metric)
    ]


def kept(lab: Any) -> list[list[dict[str, Any]]]:
    """The points of every replay that was finished."""
    files = [json.loads(path.read_text()) for path in (lab.root / ".alcli/simulate").glob("*.json")]
    return [points for points in files if isinstance(points[0], dict)]


def content(lab: Any, folder: str = "simulation") -> dict[str, bytes]:
    return {name: (lab.root / folder / name).read_bytes() for name in FILES}


@pytest.mark.parametrize(
    ("kind", "query"),
    [
        ("text", {"strategy": "margin"}),
        ("mixed", {"strategy": "badge"}),
        ("embedding", {"strategy": "query_by_committee"}),
        ("embedding", {"strategy": "typiclust"}),
        ("text", {"strategy": "information_density"}),
        (
            "mixed",
            {"strategy": "margin", "diversity": "core_set", "explore": 0.25, "quotas": {"place": "equal"}},
        ),
        ("text", {"strategy": "margin", "class_balance": True, "overlap": 0.25, "overlap_annotators": 3}),
        ("text", {"strategy": "margin", "relabel": 0.25}),
    ],
)
def test_a_replay_is_what_the_commands_do(make_lab, kind, query):
    lab = make_lab(kind, split={"validation": 40, "reserve": 0}, seed={"size": 30}, query=query)
    lab("simulate", "--labels", truth_of(lab), "--repeats", 1, "--rounds", ROUNDS, "--test", 40)
    lab.seeded()
    for number in range(1, ROUNDS + 1):
        for step in ("train", "score", "query"):
            lab(step)
        reasons = [row["reason"] for row in lab.asked(number).to_pylist()]
        assert reasons.count("relabel") == round(12 * query.get("relabel", 0))
        lab.answer(number)
        for other in ("second", "third") if "overlap" in query else ():  # they answer the shared rows
            shared = [row["id"] for row in lab.asked(number).to_pylist() if row["reason"] == "overlap"]
            assert shared
            path = lab.labels(shared, f"{other}-{number}.csv")
            lines = path.read_text().splitlines()
            path.write_text("\n".join([lines[0] + ",annotator", *(f"{line},{other}" for line in lines[1:])]))
            lab("ingest", path)
    lab("train")
    walked = [
        json.loads((lab.root / f"rounds/{number:03d}/metrics.json").read_text())
        for number in range(1, ROUNDS + 2)
    ]
    name = query["strategy"]
    for metric in ("accuracy", "log_loss", "ece"):
        expected = [report["metrics"][metric]["value"] for report in walked]
        assert figures(lab, name, 0, metric) == pytest.approx(expected, abs=1e-6)
    labels = [
        row["n_labels"] for row in results(lab) if (row["strategy"], row["metric"]) == (name, "accuracy")
    ]
    again = round(12 * query.get("relabel", 0))  # second answers count in a replay
    assert labels == [report["n_labels"] + again * n for n, report in enumerate(walked)]
    pasts = [report["history"][-1] for report in walked]
    watched = [[past["stop_set"], past["n_candidates"]] for past in pasts]
    assert watched in [[[point["stop_set"], point["n_candidates"]] for point in arm] for arm in kept(lab)]
    drawn = pq.read_table(lab.root / "simulation/splits.parquet").to_pylist()
    assert {row["id"] for row in drawn if row["split"] == "validation"} == lab.split("validation")
    assert {row["id"] for row in drawn if row["split"] == "seed"} == lab.split("seed")


def test_a_second_opinion_is_another_draw_and_always_the_same(make_lab):
    from alcli.project import Project
    from alcli.simulate._data import from_file
    from alcli.simulate._oracle import Faults, Oracle

    lab = make_lab("text", rows=2000)
    truth = from_file(Project.open(lab.root), truth_of(lab), {}).truth
    oracle = Oracle(truth, Faults(noise=0.2), 0)
    ids = truth.ids.to_pylist()
    right = [lab.data.truth[id_] for id_ in ids]
    first, second = oracle.answer(ids, 0), oracle.answer_again(ids, 3)
    assert set(second["annotator"].to_pylist()) == {"oracle 2"}
    wrong = [np.array(answers["label"].to_pylist()) != right for answers in (first, second)]
    for one in wrong:
        assert 0.16 < one.mean() < 0.24
    assert (
        0.02 < (wrong[0] & wrong[1]).mean() < 0.06
    )  # 0.2 * 0.2, as of people who know nothing of each other
    assert Oracle(truth, Faults(noise=0.2), 0).answer_again(ids[::-1], 1)["label"].to_pylist() == [
        *reversed(second["label"].to_pylist())
    ]


def test_second_opinions_are_paid_from_the_same_budget(make_lab):
    lab = make_lab("text", rows=300)
    options = ("--labels", truth_of(lab), "--repeats", 2, "--budget", 60, "--noise", 0.3)
    found = lab("simulate", *options, "--relabel", "0,0.5", "--strategies", "margin")
    assert list(found["strategies"]) == ["random_sampling", "margin, relabel 0", "margin, relabel 0.5"]
    assert {arm["baseline"] for arm in found["strategies"].values()} == {"random_sampling"}
    for name in found["strategies"]:
        assert figures(lab, name, 0, "answers") == [18, 30, 42, 54, 60]
        rows = [row for row in results(lab) if (row["strategy"], row["repeat"]) == (name, 0)]
        labels = sorted({(row["round"], row["n_labels"]) for row in rows})
        assert [n for _, n in labels] == [18, 30, 42, 54, 60]
    both = ("log_loss", "accuracy")
    assert [figures(lab, "margin, relabel 0", 0, name)[0] for name in both] == [
        figures(lab, "margin, relabel 0.5", 0, name)[0] for name in both
    ]
    assert figures(lab, "margin, relabel 0", 0, "log_loss") != figures(
        lab, "margin, relabel 0.5", 0, "log_loss"
    )


@pytest.mark.parametrize("shares", ["2", "-0.1", "half", "true"])
def test_what_is_no_share_to_relabel_is_refused(make_lab, shares):
    lab = make_lab("text")
    assert "--relabel" in lab.fails("simulate", "--labels", truth_of(lab), "--relabel", shares)


def test_every_strategy_starts_a_repeat_from_the_same_split_and_seed_set(make_lab):
    lab = make_lab("text")
    arguments = (
        "--labels",
        truth_of(lab),
        "--repeats",
        3,
        "--rounds",
        1,
        "--strategies",
        "margin,badge,entropy",
    )
    lab("simulate", *arguments)
    for repeat in range(3):
        first = {name: figures(lab, name, repeat, "log_loss")[0] for name in ("margin", "badge", "entropy")}
        assert len(set(first.values())) == 1
    drawn = pq.read_table(lab.root / "simulation/splits.parquet").to_pylist()
    parts = [
        frozenset(row["id"] for row in drawn if (row["repeat"], row["split"]) == (repeat, "validation"))
        for repeat in range(3)
    ]
    assert len(set(parts)) == 3


def test_the_number_of_processes_the_order_of_the_pool_and_its_files_change_no_byte(make_lab, make_data_of):
    data = make_data_of("embedding", 200)
    one = make_lab(data=data, name="one")
    arguments = ("--repeats", 3, "--rounds", 2, "--strategies", "margin,core_set", "--noise", 0.1)
    one("simulate", "--labels", truth_of(one), *arguments, "--jobs", 1)
    two = make_lab(data=data, name="two")
    (two.root / "pool.parquet").unlink()
    data.shuffled().write_folder(two.root / "pool", (40, 90))
    two.configure(pool="pool")
    two("simulate", "--labels", truth_of(two), *arguments, "--jobs", 2)
    assert content(one) == content(two)


def test_again_it_is_up_to_date_and_further_repeats_or_strategies_keep_the_finished_ones(make_lab):
    lab = make_lab("text")
    arguments = ("--labels", truth_of(lab), "--rounds", 1)
    assert lab("simulate", *arguments, "--repeats", 2)["changed"]
    before = lab.stamps()
    again = lab("simulate", *arguments, "--repeats", 2)
    assert not again["changed"]
    assert again["files"] == []
    assert lab.stamps() == before
    kept = {path: path.stat().st_mtime_ns for path in (lab.root / ".alcli/simulate").glob("*.json")}
    first = [row for row in results(lab) if row["strategy"] == "margin"]
    lab("simulate", *arguments, "--repeats", 3, "--strategies", "margin,entropy")
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert [r for r in results(lab) if r["strategy"] == "margin" and r["repeat"] < 2] == first
    assert {row["strategy"] for row in results(lab)} == {"random_sampling", "margin", "entropy"}


def ends(group: int) -> bool:
    """Whether a process group has no member left, after a while."""
    for _ in range(200):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_simulation_ends_with_all_its_processes_and_keeps_what_is_finished(make_lab, stop):
    lab = make_lab("text", 400)
    arguments = ("--labels", str(truth_of(lab)), "--repeats", "40", "--rounds", "3", "--jobs", "2")
    command = [sys.executable, "-m", "alcli", "simulate", *arguments]
    process = subprocess.Popen(
        command, cwd=lab.root, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    kept = lab.root / ".alcli/simulate"
    while not list(kept.glob("[0-9a-f]*.json")):
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, stop)
    _, words = process.communicate(timeout=60)
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[stop]
    assert "Traceback" not in words
    assert ends(process.pid)
    assert list(kept.glob("[0-9a-f]*.json"))
    assert not (lab.root / "simulation").exists()


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_killed_simulation_goes_on_where_it_was_and_comes_to_the_same(make_lab, make_data_of, jobs):
    data = make_data_of("text", 400)
    whole, cut = (make_lab(data=data, name=name) for name in ("whole", "cut"))
    arguments = ("--repeats", "6", "--rounds", "3", "--strategies", "margin,typiclust", "--jobs", str(jobs))
    whole("simulate", "--labels", truth_of(whole), *arguments)
    command = [sys.executable, "-m", "alcli", "simulate", "--labels", str(truth_of(cut)), *arguments]
    process = subprocess.Popen(command, cwd=cut.root, stdout=subprocess.DEVNULL, start_new_session=True)
    kept = cut.root / ".alcli/simulate"
    while len(list(kept.glob("[0-9a-f]*.json"))) < 3:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert ends(process.pid), "its workers live on"
    finished = {path: path.read_bytes() for path in kept.glob("[0-9a-f]*.json")}
    assert not (cut.root / "simulation").exists()
    cut("simulate", "--labels", truth_of(cut), *arguments)
    assert {path: path.read_bytes() for path in finished} == finished
    assert content(cut) == content(whole)


def test_test_rows_are_never_asked_and_no_row_twice(make_lab):
    """Asked rows cannot be seen from outside, so the replay itself is asked."""
    from alcli.config import load_config
    from alcli.project import Project
    from alcli.simulate._data import from_file
    from alcli.simulate._oracle import Faults, Oracle
    from alcli.simulate._replay import Replay, Start, space_of

    lab = make_lab("text", split={"validation": 60, "reserve": 0})
    project = Project.open(lab.root)
    data = from_file(project, truth_of(lab), {})
    config, source = load_config(lab.root / "alcli.yaml")
    start = Start.of(config, source.where, data.pool, None)
    test = set(start.splits.ids("validation").to_pylist())
    asked: list[str] = []

    class Listening(Oracle):
        def answer(self, ids, *args):
            asked.extend(ids)
            return super().answer(ids, *args)

    oracle = Listening(data.truth, Faults(), 0)
    space = space_of(config, data.pool, start.splits)
    points = list(Replay(config, source.where, data.pool, start, space, oracle, 10_000).points())
    assert len(asked) == len(set(asked))
    assert not test & set(asked)
    assert points[-1].n_labels == len(asked) == len(data.pool) - len(test)
