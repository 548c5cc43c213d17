"""`alcli relabel`: classes renamed, merged and asked again; the answers stay as they were given."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest


def labels_of(lab):
    rows = pq.read_table(lab.root / "labels.parquet").to_pylist()
    return {row["id"]: row["label"] for row in rows}


def ledger_of(lab):
    return [
        row for path in sorted((lab.root / "ledger").glob("*")) for row in pq.read_table(path).to_pylist()
    ]


def answers_file(lab, name, rows, columns="id,label,annotator,labeled_at"):
    path = lab.root / name
    path.write_text("\n".join([columns, *(",".join(row) for row in rows)]) + "\n")
    return path


def renamed(truth, **names):
    return {id_: names.get(label, label) for id_, label in truth.items()}


@pytest.fixture
def lab(make_lab):
    """A project after its first round."""
    return make_lab("text").seeded().one_round(1)


def test_a_renamed_class_is_another_in_the_labels_and_the_same_in_the_ledger(lab):
    before = labels_of(lab)
    document = lab("relabel", "--map", "sea=ocean")
    assert document["changed"] is True
    assert {"command", "round", "changed", "counts", "files", "warnings"} <= document.keys()
    assert all((lab.root / name).exists() for name in document["files"])
    assert labels_of(lab) == renamed(before, sea="ocean")
    (one,) = document["map"]
    assert one["answers"] == one["train"] + one["validation"] == list(before.values()).count("sea")
    given = [row for row in ledger_of(lab) if row["status"] == "labeled"]
    assert {row["label"] for row in given} == {"sea", "sky", "stone"}
    (entry,) = [row for row in ledger_of(lab) if row["status"] == "mapped"]
    assert (entry["comment"], entry["label"]) == ("sea", "ocean")
    assert entry["source"] == "relabel --map sea=ocean"


def test_a_merged_class_goes_and_its_rows_join_the_other(lab):
    before = labels_of(lab)
    lab("relabel", "--map", "sea=sky")
    assert labels_of(lab) == renamed(before, sea="sky")
    assert lab("train")["counts"]["classes"] == 2


def test_all_mappings_of_a_command_hold_at_once_and_it_swaps_names_only_once(lab):
    before = labels_of(lab)
    swap = ("relabel", "--map", "sea=sky", "--map", "sky=sea")
    lab(*swap)
    assert labels_of(lab) == renamed(before, sea="sky", sky="sea")
    stamps = lab.stamps()
    assert lab(*swap)["changed"] is False
    assert lab.stamps() == stamps


def test_mappings_follow_each_other(lab):
    before = labels_of(lab)
    lab("relabel", "--map", "sea=ocean")
    lab("relabel", "--map", "ocean=water")
    assert labels_of(lab) == renamed(before, sea="water")
    assert lab("relabel", "--map", "sea=ocean")["changed"] is False
    lab("relabel", "--map", "water=sea")
    assert labels_of(lab) == before


@pytest.mark.parametrize("command", [("--map", "sea=ocean"), ("--reopen", "sea")])
def test_run_again_it_changes_no_byte(lab, command):
    assert lab("relabel", *command)["changed"] is True
    stamps = lab.stamps()
    again = lab("relabel", *command)
    assert again["changed"] is False
    assert lab.stamps() == stamps


@pytest.mark.parametrize("command", [("--map", "sea=ocean"), ("--map", "sea=sky"), ("--reopen", "sea")])
def test_a_dry_run_says_how_many_rows_would_change_and_writes_nothing(lab, command):
    stamps = lab.stamps()
    dry = lab("relabel", *command, "--dry-run")
    assert lab.stamps() == stamps
    assert dry["changed"] is False
    done = lab("relabel", *command)
    for key in ("map", "reopen", "counts"):
        assert dry[key] == done[key]
    by_class = list(labels_of(lab).values()).count("sea")
    assert by_class == 0


def test_the_files_sent_again_bring_no_old_label_back(lab):
    lab("relabel", "--map", "sea=ocean")
    labels = labels_of(lab)
    stamps = lab.stamps()
    document = lab("ingest", *sorted(lab.root.glob("answers-*.csv")))
    assert document["changed"] is False
    assert document["counts"]["new"] == 0
    assert lab.stamps() == stamps
    as_now = answers_file(lab, "now.csv", [[id_, labels[id_]] for id_ in labels], "id,label")
    assert lab("ingest", as_now)["counts"]["new"] == 0
    lab("ingest", "--rebuild")
    assert labels_of(lab) == labels


def test_a_late_answer_under_the_old_name_counts_as_the_new_one(make_lab):
    lab = make_lab("text")
    lab("seed")
    ids = lab.ids(0)
    lab("ingest", lab.labels(ids[:30], "some.csv"))
    lab("relabel", "--map", "sea=ocean")
    late = lab("ingest", lab.labels(ids[30:], "late.csv"))
    n_late = sum(lab.data.truth[id_] == "sea" for id_ in ids[30:])
    assert late["warnings"] == [
        f"'sea' counts as 'ocean' since `alcli relabel`: so do these answers ({n_late})"
    ]
    assert labels_of(lab) == renamed({id_: lab.data.truth[id_] for id_ in ids}, sea="ocean")
    assert sum(row["label"] == "sea" for row in ledger_of(lab)) == sum(
        lab.data.truth[id_] == "sea" for id_ in ids
    )
    stamps = lab.stamps()
    assert lab("ingest", lab.root / "late.csv", lab.root / "some.csv")["changed"] is False
    assert lab.stamps() == stamps
    assert lab("ingest", "--retract", "late.csv")["counts"]["retracted"] == 12
    assert set(labels_of(lab)) == set(ids[:30])


@pytest.mark.parametrize("to", ["ocean", "sky"])
@pytest.mark.parametrize("seed", range(2))
def test_dated_files_come_to_the_same_before_and_after_a_mapping(make_lab, to, seed):
    rng = np.random.default_rng(seed)
    found = []
    for name in ("before", "between"):
        lab = make_lab("text", name=name)
        lab("seed")
        ids = lab.ids(0)
        lab(
            "ingest", answers_file(lab, "all.csv", [[i, lab.data.truth[i], "ann", "2026-01-01"] for i in ids])
        )
        draw = np.random.default_rng(7)
        files = [
            answers_file(
                lab,
                f"{n}.csv",
                [
                    [ids[int(row)], str(draw.choice(["sea", "sky", "stone"])), who, f"2026-02-{day + 1:02d}"]
                    for row, who, day in zip(
                        draw.permutation(len(ids))[:8],
                        draw.choice(["ann", "ben", "eve"], 8),
                        draw.integers(27, size=8).tolist(),
                        strict=True,
                    )
                ],
            )
            for n in range(4)
        ]
        order = [files[int(n)] for n in rng.permutation(4)]
        steps = [("ingest", file) for file in order]
        steps.insert(4 if name == "before" else 2, ("relabel", "--map", f"sea={to}"))
        for step in steps:
            lab(*step)
        found.append(pq.read_table(lab.root / "labels.parquet").to_pylist())
    assert found[0] == found[1]
    assert "sea" not in {row["label"] for row in found[0]}


def test_an_older_undated_answer_that_was_corrected_does_not_win_by_being_mapped(make_lab):
    lab = make_lab("text")
    lab("seed")
    first, *others = lab.ids(0)
    lab("ingest", lab.labels(others, "others.csv"))
    lab("ingest", lab.labels([first], "old.csv", "sea"))
    lab("ingest", lab.labels([first], "new.csv", "sky"))
    lab("relabel", "--map", "sea=ocean")
    assert labels_of(lab)[first] == "sky"
    lab("ingest", "--retract", "new.csv")
    assert labels_of(lab)[first] == "ocean"


def test_a_swap_is_made_once_though_other_names_came_late(make_lab):
    lab = make_lab("text")
    lab("seed")
    first, *others = [id_ for id_ in lab.ids(0) if lab.data.truth[id_] == "stone"]
    ids = [id_ for id_ in lab.ids(0) if id_ != first]
    lab("ingest", lab.labels(ids, "some.csv"))
    lab("relabel", "--map", "stone=rock")
    swap = ("relabel", "--map", "sea=sky", "--map", "sky=sea")
    lab(*swap)
    lab("ingest", lab.labels([first], "late.csv"))
    assert labels_of(lab)[first] == labels_of(lab)[others[0]] == "rock"
    assert lab(*swap)["changed"] is False


def test_a_merge_settles_what_annotators_disagreed_about(make_lab):
    lab = make_lab("text")
    lab("seed")
    first, *others = lab.ids(0)
    lab("ingest", lab.labels(others, "others.csv"))
    votes = [[first, "sea", "ann", ""], [first, "sky", "ben", ""]]
    assert lab("ingest", answers_file(lab, "votes.csv", votes))["counts"]["disputed"] == 1
    assert lab("relabel", "--map", "sea=sky")["counts"]["disputed"] == 0
    row = pq.read_table(lab.root / "labels.parquet", filters=[("id", "==", first)]).to_pylist()[0]
    assert (row["label"], row["resolution"], row["n_annotators"]) == ("sky", "unanimous", 2)


def test_a_mapping_is_taken_back_by_its_words(lab):
    before = labels_of(lab)
    lab("relabel", "--map", "sea=sky")
    taken_back = ("ingest", "--retract", "relabel --map sea=sky")
    assert lab(*taken_back)["counts"]["retracted"] == 1
    assert labels_of(lab) == before
    assert lab(*taken_back)["counts"]["retracted"] == 0
    lab("relabel", "--map", "sea=sky")
    assert labels_of(lab) == renamed(before, sea="sky")


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("--map", "seaa=ocean"), "no answer has the label 'seaa' | did you mean 'sea'"),
        (("--map", "sea"), "'sea' is no mapping | write --map OLD=NEW"),
        (("--map", "sea=sea"), "'sea' is mapped to itself"),
        (("--map", "sea=skip"), "'skip' is an answer without a label"),
        (("--map", "sea=sky", "--map", "sea=ocean"), "'sea' cannot become 'sky' and 'ocean'"),
        (("--reopen", "seaa"), "there is no class 'seaa' | did you mean 'sea'"),
    ],
)
def test_what_cannot_be_relabeled_is_refused_with_what_to_do(lab, command, says):
    assert says in lab.fails("relabel", *command)


def test_of_several_mappings_none_is_made_where_one_is_wrong(lab):
    lab.fails("relabel", "--map", "sea=ocean", "--map", "skyy=air")
    assert "ocean" not in labels_of(lab).values()


def test_before_there_are_answers_it_says_so(make_lab):
    lab = make_lab("text")
    assert "this project has no seed set yet" in lab.fails("relabel", "--map", "a=b")
    lab("seed")
    assert "there are no answers yet" in lab.fails("relabel", "--map", "a=b")


def test_a_name_with_an_equals_sign_is_read_by_what_there_is(make_lab):
    lab = make_lab("text")
    lab("seed")
    ids = lab.ids(0)
    lab(
        "ingest",
        answers_file(lab, "a.csv", [[i, "x=1" if n % 2 else "y"] for n, i in enumerate(ids)], "id,label"),
    )
    lab("relabel", "--map", "x=1=x=2")
    assert set(labels_of(lab).values()) == {"x=2", "y"}


def test_a_new_name_that_is_nearly_an_old_one_is_pointed_out(lab):
    (warning,) = lab("relabel", "--map", "sea=stonee", "--dry-run")["warnings"]
    assert "'stonee' becomes a new class: if you mean 'stone'" in warning


# the config


def test_configured_classes_are_edited_first_and_the_error_says_how(make_lab):
    lab = make_lab("text", task={"classes": ["sea", "sky", "stone"]}).seeded().one_round(1)
    error = lab.fails("relabel", "--map", "sea=ocean")
    assert "task.classes" in error
    assert "write 'ocean' in place of 'sea'" in error
    assert "remove 'sea'" in lab.fails("relabel", "--map", "sea=sky")
    lab.configure(task={"classes": ["ocean", "sky", "stone"]})
    for step in ("train", "score", "query", "status"):  # all goes on between the two
        lab(step)
    lab("relabel", "--map", "sea=ocean")
    assert set(labels_of(lab).values()) == {"ocean", "sky", "stone"}
    assert lab("train")["counts"]["classes"] == 3
    assert lab("relabel", "--map", "sea=ocean")["changed"] is False


def test_a_swap_of_configured_classes_needs_no_edit(make_lab):
    lab = make_lab("text", task={"classes": ["sea", "sky", "stone"]}).seeded()
    before = labels_of(lab)
    lab("relabel", "--map", "sea=sky", "--map", "sky=sea")
    assert labels_of(lab) == renamed(before, sea="sky", sky="sea")


def test_a_name_that_the_config_lists_again_is_a_class_again(make_lab):
    lab = make_lab("text")
    lab("seed")
    first, *others = lab.ids(0)
    lab("ingest", lab.labels(others, "others.csv"))
    lab("relabel", "--map", "sea=ocean")
    lab("ingest", lab.labels([first], "first.csv", "sea"), "--set", "task.classes=[ocean, sea, sky, stone]")
    assert labels_of(lab)[first] == "sea"


# rows asked again


def reopened_ids(lab, name="rounds/001/reopened.csv"):
    return [line.partition(",")[0] for line in (lab.root / name).read_text().splitlines()[1:]]


def answered(lab, name, label=None):
    """The file of reopened rows as people fill it in, the lab's truth or one label in each row."""
    path = lab.root / name
    header, *rows = path.read_text().splitlines()
    assert header.endswith(",label")
    filled = [f"{row}{label or lab.data.truth[row.partition(',')[0]]}" for row in rows]
    path.write_text("\n".join([header, *filled]) + "\n")
    return path


def test_reopened_rows_leave_the_labels_and_wait_in_a_file_of_their_own(lab):
    before = labels_of(lab)
    wanted = {id_ for id_, label in before.items() if label == "sea"}
    document = lab("relabel", "--reopen", "sea")
    (one,) = document["reopen"]
    assert one["train"] + one["validation"] == document["counts"]["reopened"] == len(wanted)
    assert one["validation"] == len(wanted & lab.split("validation")) > 0
    assert labels_of(lab) == {id_: label for id_, label in before.items() if label != "sea"}
    ids = reopened_ids(lab)
    assert set(ids) == wanted
    assert ids != sorted(ids)
    status = lab("status")
    assert status["pending"] == len(wanted)
    assert status["stage"] == "awaiting_labels"
    assert "rounds/001/reopened.csv" in status["next"]


def test_new_answers_to_reopened_rows_stand_and_old_ones_do_not_come_back(lab):
    before = labels_of(lab)
    lab("relabel", "--reopen", "sea")
    ids = reopened_ids(lab)
    again = lab("ingest", *sorted(lab.root.glob("answers-*.csv")))
    assert again["changed"] is False
    assert again["counts"]["new"] == 0
    assert any("set aside when their rows were reopened" in warning for warning in again["warnings"])
    half = {id_: "reef" if n % 2 else "wave" for n, id_ in enumerate(ids)}
    new = answers_file(lab, "new.csv", half.items(), "id,label")
    assert lab("ingest", "--new-class", new)["counts"]["pending"] == 0
    assert labels_of(lab) == {id_: half.get(id_, label) for id_, label in before.items()}
    splits = {row["id"]: row for row in pq.read_table(lab.root / "labels.parquet").to_pylist()}
    assert all((splits[id_]["split"] == "validation") == (id_ in lab.split("validation")) for id_ in ids)
    assert lab("train")["counts"]["classes"] == 4
    other = next(id_ for id_, label in before.items() if label == "sky")
    assert "'sea' is none of the classes" in lab.fails("ingest", lab.labels([other], "old.csv", "sea"))


def test_status_names_the_file_of_reopened_rows_until_they_are_answered(lab):
    for step in ("train", "score", "query"):
        lab(step)
    lab.answer(2)
    lab("relabel", "--reopen", "sea")
    file = lab.root / "rounds/002/reopened.csv"
    assert lab("status")["next"].startswith("label rounds/002/reopened.csv, then")
    lab("train")  # all the same
    lab("score")
    lab("query")
    following = lab("status")["next"]
    assert "rounds/002/reopened.csv" in following
    assert "rounds/003/query.csv" in following
    assert "rounds/000/query.csv" not in following
    document = lab("ingest", answered(lab, file.relative_to(lab.root)))
    assert document["counts"]["changed"] == 0
    assert lab("status")["pending"] == len(lab.ids(3))
    assert lab("status")["next"] == "alcli train"


def test_reopened_rows_are_never_asked_by_a_strategy_and_train_leaves_them_out(lab):
    lab("relabel", "--reopen", "sea")
    ids = set(reopened_ids(lab))
    counts = lab("train")["counts"]
    assert counts["labeled"] + counts["validation_labeled"] == len(labels_of(lab))
    lab("score")
    lab("query")
    assert not ids & set(lab.ids(2))


def test_released_reopened_rows_are_candidates_and_validation_rows_stay_with_people(lab):
    lab("relabel", "--reopen", "sea")
    ids = set(reopened_ids(lab))
    validation = ids & lab.split("validation")
    assert lab("query", "--release")["counts"]["released"] == len(ids - validation)
    assert lab("status")["pending"] == len(validation)
    assert lab("status")["next"].startswith("label rounds/001/reopened.csv, then")
    late = lab("ingest", lab.labels(sorted(ids - validation)[:2], "late.csv", "sky"))
    assert late["counts"]["new"] == 2
    lab("train")
    lab("score")
    assert lab("query", "--set", "query.batch_size=400", "--set", "query.max_similarity=null")["counts"][
        "asked"
    ]
    assert ids - validation - set(sorted(ids - validation)[:2]) <= set(lab.ids(2))


def test_a_row_that_was_released_answered_late_and_reopened_waits_again(make_lab):
    lab = make_lab("text")
    lab("seed")
    ids = [id_ for id_ in lab.ids(0) if id_ not in lab.split("validation")]
    lab("ingest", lab.labels([id_ for id_ in lab.ids(0) if id_ not in ids[:4]]))
    lab("query", "--release")
    lab("ingest", lab.labels(ids[:4], "late.csv", "sea"))
    lab("relabel", "--reopen", "sea")
    assert set(ids[:4]) <= set(reopened_ids(lab, "rounds/000/reopened.csv"))
    assert lab("status")["pending"] == len(reopened_ids(lab, "rounds/000/reopened.csv"))


def test_rows_that_were_never_asked_are_reopened_too(lab):
    lab("train")
    known = {*lab.ids(0), *lab.ids(1), *lab.split()}
    stranger = min(set(lab.data.truth) - known)
    lab("ingest", lab.labels([stranger], "gift.csv", "sea"), "--unrequested", "accept")
    lab("relabel", "--reopen", "sea")
    assert stranger in reopened_ids(lab, "rounds/002/reopened.csv")
    lab("query", "--release")
    assert lab("ingest", lab.labels([stranger], "late.csv", "sky"))["counts"]["new"] == 1
    assert labels_of(lab)[stranger] == "sky"


def test_the_same_answer_to_a_reopened_row_counts_where_the_file_a_guideline_or_a_date_tells_it(lab):
    before = labels_of(lab)
    lab("relabel", "--reopen", "sea", "--guideline", "v4")
    first, second, third, fourth, *_ = reopened_ids(lab)
    assert lab("ingest", lab.labels([first], "bare.csv", "sea"))["counts"]["new"] == 0
    assert lab("ingest", lab.labels([second], "named.csv", "sea"), "--guideline", "v4")["counts"]["new"] == 1
    dated = answers_file(lab, "dated.csv", [[third, "sea", "", "2026-01-05"]])
    assert lab("ingest", dated)["counts"]["new"] == 1
    assert fourth not in labels_of(lab)
    lab("ingest", answered(lab, "rounds/001/reopened.csv"))
    assert labels_of(lab) == before
    new = [row for row in ledger_of(lab) if row["source"] == "rounds/001/reopened.csv"]
    assert {row["guideline"] for row in new} == {"v4"}


def test_a_late_answer_by_the_old_rubric_is_pointed_out(make_lab):
    lab = make_lab("text")
    lab("seed")
    rows = [[id_, lab.data.truth[id_], "ann", "2026-01-05"] for id_ in lab.ids(0)]
    lab("ingest", answers_file(lab, "ann.csv", rows))
    lab("relabel", "--reopen", "sea")
    first, second, *_ = reopened_ids(lab, "rounds/000/reopened.csv")
    late = answers_file(lab, "ben.csv", [[first, "sea", "ben", "2026-01-06"], [second, "sky", "ben", ""]])
    (warning,) = lab("ingest", late)["warnings"]
    assert warning.startswith("1 answer to a reopened row is dated before it was asked again")


def test_dated_answers_sent_again_under_another_guideline_do_not_come_back(make_lab):
    lab = make_lab("text")
    lab("seed")
    rows = [[id_, lab.data.truth[id_], "ann", "2026-01-05"] for id_ in lab.ids(0)]
    lab("ingest", answers_file(lab, "export.csv", rows))
    lab("relabel", "--reopen", "sea")
    assert lab("ingest", lab.root / "export.csv", "--guideline", "v4")["counts"]["new"] == 0
    assert "sea" not in labels_of(lab).values()


def test_a_lost_file_of_reopened_rows_comes_back(lab):
    lab("relabel", "--reopen", "sea")
    file = lab.root / "rounds/001/reopened.csv"
    before = file.read_bytes()
    file.unlink()
    assert lab("relabel", "--reopen", "sea")["files"] == ["rounds/001/reopened.csv"]
    assert file.read_bytes() == before


def test_a_second_class_is_reopened_beside_the_first_and_answers_may_come_in_any_order(lab):
    lab("relabel", "--reopen", "sea")
    lab("relabel", "--reopen", "sea", "--reopen", "sky")
    first, second = (reopened_ids(lab, f"rounds/001/{name}.csv") for name in ("reopened", "reopened-2"))
    assert not set(first) & set(second)
    lab("ingest", answered(lab, "rounds/001/reopened-2.csv"), answered(lab, "rounds/001/reopened.csv"))
    assert lab("status")["pending"] == 0
    assert lab("relabel", "--reopen", "sea")["counts"]["reopened"] == len(first)  # deliberately once more


def test_a_reopening_is_taken_back_by_its_words(lab):
    before = labels_of(lab)
    lab("relabel", "--reopen", "sea")
    lab("ingest", "--retract", "relabel --reopen sea")
    assert labels_of(lab) == before
    assert lab("status")["pending"] == 0


def test_mapped_and_reopened_at_once(lab):
    before = labels_of(lab)
    document = lab("relabel", "--map", "sea=sky", "--reopen", "sky")
    assert document["counts"]["reopened"] == sum(label in {"sea", "sky"} for label in before.values())
    assert set(labels_of(lab).values()) == {"stone"}


def test_a_disputed_row_stays_where_it_is_decided(make_lab):
    lab = make_lab("text")
    lab("seed")
    first, *others = lab.ids(0)
    lab("ingest", lab.labels(others, "others.csv"))
    votes = [[first, "sea", "ann", ""], [first, "sky", "ben", ""]]
    lab("ingest", answers_file(lab, "votes.csv", votes))
    lab("relabel", "--reopen", "sea")
    assert first not in reopened_ids(lab, "rounds/000/reopened.csv")
    assert lab("status")["adjudicate"] == ["rounds/000/adjudicate.csv"]


def test_an_answer_to_a_reopened_row_is_paid_for_again(lab):
    lab("relabel", "--reopen", "sea")
    ids = reopened_ids(lab)
    n_before = len(lab.ids(0)) + len(lab.ids(1))
    lab("ingest", answered(lab, "rounds/001/reopened.csv"))
    lab("train")
    spent = json.loads((lab.root / "rounds/002/metrics.json").read_text())["history"][-1]["spent"]
    assert spent["answers"] + spent["validation_answers"] == n_before + len(ids)


def test_a_labeling_tools_file_comes_with_it(lab):
    files = lab("relabel", "--reopen", "sea", "--format", "label_studio")["files"]
    assert "rounds/001/reopened.label_studio.json" in files
    assert len(json.loads((lab.root / "rounds/001/reopened.label_studio.json").read_text())) == len(
        reopened_ids(lab)
    )


def test_an_earlier_alcli_refuses_what_it_would_misread(lab):
    """Only rounds in which something was relabeled have the newer format."""
    lab("relabel", "--map", "sea=ocean")
    formats = [
        json.loads(Path(lab.root / f"rounds/{n:03d}/round.json").read_text())["format_version"]
        for n in (0, 1)
    ]
    assert formats == [1, 2]


# models, figures and criteria across a relabeling


def history_of(lab, number):
    return json.loads((lab.root / f"rounds/{number:03d}/metrics.json").read_text())["history"]


@pytest.mark.parametrize("command", [["--map", "sea=ocean"], ["--map", "sea=sky", "--map", "sky=sea"]])
def test_a_rename_changes_no_figure_of_any_round(lab, command):
    lab("train")
    before = history_of(lab, 2)
    lab("score")
    lab("query")
    lab("relabel", *command)
    document = lab("train")
    after = history_of(lab, 3)
    assert document["change"]["accuracy"]["value"] == 0
    for old, new in zip(before, after, strict=False):
        for name, figures in old["metrics"].items():
            assert new["metrics"][name][0] == pytest.approx(figures[0], abs=1e-6), name
    assert after[-1]["metrics"]["accuracy"] == before[-1]["metrics"]["accuracy"]
    assert after[-1]["stop_set"]["changed"] == 0


def test_after_a_merge_earlier_models_are_measured_by_the_merged_classes(lab):
    lab("train")
    before = history_of(lab, 2)
    lab("score")
    lab("query")
    lab("relabel", "--map", "sea=sky")
    lab("train")
    after = history_of(lab, 3)
    for old, new in zip(before, after, strict=False):
        assert new["metrics"]["accuracy"][0] >= old["metrics"]["accuracy"][0]
        assert new["validation"] == after[-1]["validation"]


def test_between_relabel_and_train_every_command_works_or_says_what_to_do(lab):
    lab("train")
    lab("relabel", "--map", "sea=ocean")
    assert lab("status")["stage"] == "ready_to_train"
    assert any("by the names from before `alcli relabel`" in said for said in lab("score")["warnings"])
    for command in (["query"], ["check"], ["plan"], ["status"]):
        lab(*command)
    assert any("`alcli train` first" in said for said in lab("check")["warnings"])
    lab("train")
    assert lab("score")["warnings"] == []
    assert set(lab.scores(3)["prediction"].to_pylist()) == {"ocean", "sky", "stone"}
    assert not any("`alcli train` first" in said for said in lab("check")["warnings"])
    lab("query")
    drift = {found["name"]: found for found in lab("check")["checks"]}["drift"]
    assert drift["value"] == 0  # the same model under another name changes no prediction


def test_training_without_the_reopened_rows_says_so(lab):
    lab("relabel", "--reopen", "sea")
    warnings = lab("train")["warnings"]
    assert any(said.startswith("rounds/001/reopened.csv: not all answered yet") for said in warnings)
    lab("ingest", answered(lab, "rounds/001/reopened.csv"))
    assert not any("reopened" in said for said in lab("train")["warnings"])


def test_a_simulation_from_the_project_goes_by_the_classes_of_now(lab):
    lab("relabel", "--map", "sea=ocean", "--map", "sky=ocean")
    document = lab("simulate", "--from-project", "--repeats", "1", "--rounds", "1", "--jobs", "1")
    assert document["n_repeats"] == 1


def test_after_fewer_labels_than_before_curves_and_criteria_go_on(make_lab):
    stop = {"any": ["stabilizing_predictions", "plateau", "classification_change", "expected_gain"]}
    lab = make_lab("text", stop=stop).seeded().one_round(1).one_round(2)
    lab("train")
    lab("score")
    lab("query")
    lab("relabel", "--map", "sea=ocean", "--reopen", "stone")
    for command in ("train", "score", "query", "status", "check", "plan"):
        lab(command)
    counts = [past["n_labels"] for past in history_of(lab, 4)]
    assert counts[-1] < counts[-2]
    lab("ingest", answered(lab, "rounds/003/reopened.csv"))
    lab.answer(4)
    for command in ("train", "status", "check", "plan"):
        lab(command)
