"""The ledger: nothing lost, nothing counted twice, the same labels whatever the order of the files."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alcli.errors import DataError, IntegrityError
from alcli.project.ledger import (
    LEDGER_SCHEMA,
    as_rows,
    content_digest,
    current,
    new_answers,
    next_file,
    read_ledger,
    retract,
    write_ledger,
)
from alcli.project.relabeling import command_words, entries, labels_now, renamed
from alcli.project.resolve import resolve

START = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = [name for name in LEDGER_SCHEMA.names if name not in {"source", "source_sha256", "ingested_at"}]
POLICIES = ["majority", "unanimous", "latest", "weighted"]


def hours(number):
    return None if number is None else START + timedelta(hours=number)


def answers(*rows):
    """Answers from (id, annotator, label, hour or None); skip and unsure are statuses, x! is adjudicated."""
    records = [
        {
            "id": id_,
            "label": None if label in {"skip", "unsure", "!"} else label.removesuffix("!"),
            "annotator": annotator,
            "status": {"skip": "skipped", "unsure": "unsure"}.get(
                label, "adjudicated" if label.endswith("!") else "labeled"
            ),
            "labeled_at": hours(hour),
            "seconds": None,
            "comment": "",
            "guideline": "",
            "round": 1,
        }
        for id_, annotator, label, hour in rows
    ]
    return pa.Table.from_pylist(records, pa.schema([LEDGER_SCHEMA.field(name) for name in NAMES]))


class Ledger:
    """A ledger folder that ingests as the command does: what is new, a file each time, the clock going on."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def ingest(self, *rows, source=None):
        path = next_file(self.folder)
        number = int(path.stem)
        news = new_answers(answers(*rows), self.table)
        if news.rows.num_rows:
            source = source or f"{number}.csv"
            write_ledger(
                path, as_rows(news.rows, source=source, sha256=f"sha-{source}", at=hours(1000 + number))
            )
        return news

    def retract(self, **what):
        path = next_file(self.folder)
        rows = retract(self.table, at=hours(1000 + int(path.stem)), **what)
        if rows.num_rows:
            write_ledger(path, rows)
        return rows.num_rows

    def relabel(self, maps=None, reopen=None):
        path = next_file(self.folder)
        number = int(path.stem)
        words = command_words(maps or {}, sorted(set((reopen or {}).values())))
        rows = entries(maps or {}, reopen or {}, source=words, round_=1, number=number)
        at = pa.repeat(pa.scalar(hours(1000 + number), pa.timestamp("us", "UTC")), rows.num_rows)
        write_ledger(path, rows.append_column("ingested_at", at))

    @property
    def table(self):
        return read_ledger(self.folder)

    def labels(self, policy="majority"):
        return {row["id"]: row["label"] for row in resolve(self.table, policy).labels.to_pylist()}

    def statuses(self, policy="majority"):
        return {row["id"]: row["status"] for row in resolve(self.table, policy).rows.to_pylist()}


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger")


# files


def test_an_empty_ledger_has_the_columns_and_no_rows(ledger):
    assert ledger.table.schema.names == [*LEDGER_SCHEMA.names, "ingest"]
    assert resolve(ledger.table).labels.num_rows == resolve(ledger.table).rows.num_rows == 0


def test_answers_come_back_in_the_order_of_ingest_with_their_files_number(ledger):
    ledger.ingest(("b", "", "x", None), ("a", "", "skip", 1))
    ledger.ingest(("c", "", "y", None))
    assert ledger.table["id"].to_pylist() == ["b", "a", "c"]
    assert ledger.table["ingest"].to_pylist() == [1, 1, 2]
    assert ledger.table["label"].to_pylist() == ["x", None, "y"]
    assert ledger.table["labeled_at"].to_pylist() == [None, hours(1), None]


def test_some_columns_can_be_read_alone(ledger):
    ledger.ingest(("a", "", "x", None))
    assert read_ledger(ledger.folder, ["id", "label"]).column_names == ["id", "label", "ingest"]


@pytest.mark.parametrize("damage", ["truncated", "other columns"])
def test_a_damaged_ledger_file_is_named(ledger, damage):
    ledger.ingest(("a", "", "x", None))
    path = ledger.folder / "000001.parquet"
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:100])
    else:
        pq.write_table(pa.table({"id": ["a"]}), path)
    with pytest.raises(IntegrityError) as caught:
        read_ledger(ledger.folder)
    assert caught.value.where == "ledger/000001.parquet"


def test_scratch_files_beside_the_ledger_are_no_answers(ledger):
    (ledger.folder / ".000001.parquet.tmp-1").write_bytes(b"half")
    (ledger.folder / "notes.parquet").write_bytes(b"?")
    assert ledger.table.num_rows == 0
    assert next_file(ledger.folder).name == "000001.parquet"


def test_the_digest_is_of_the_answers_and_not_of_times_or_files(ledger, tmp_path):
    ledger.ingest(("a", "", "x", None), ("b", "anna", "skip", 3), source="s")
    digest = content_digest(ledger.table)
    other = Ledger(tmp_path / "other")
    for number, row in enumerate([("a", "", "x", None), ("b", "anna", "skip", 3)]):
        write_ledger(
            next_file(other.folder), as_rows(answers(row), source="s", sha256="sha-s", at=hours(number))
        )
    assert content_digest(other.table) == digest
    other.ingest(("c", "", "x", None))
    assert content_digest(other.table) != digest


@pytest.mark.parametrize(
    "change",
    [
        ("ab", "c", "x", 1),
        ("a", "bc", "y", 1),
        ("a", "bc", "x", 2),
        ("a", "bc", "x", None),
        ("a", "bc", "skip", 1),
    ],
)
def test_the_digest_sees_every_change(change):
    def digest(row):
        return content_digest(as_rows(answers(row), source="s", sha256="h", at=START))

    assert digest(change) != digest(("a", "bc", "x", 1))


# what is new


def test_the_same_file_again_brings_nothing(ledger):
    rows = [("a", "", "x", None), ("b", "anna", "y", 1), ("c", "", "skip", None)]
    assert ledger.ingest(*rows).rows.num_rows == 3
    again = ledger.ingest(*rows[::-1])
    assert (again.rows.num_rows, again.n_known, again.n_superseded) == (0, 3, 0)


def test_an_answer_that_stands_twice_in_a_file_counts_once(ledger):
    news = ledger.ingest(("a", "", "x", None), ("a", "", "x", None), ("a", "ben", "x", None))
    assert (news.rows.num_rows, news.n_repeated) == (2, 1)


def test_a_correction_supersedes_and_the_old_answer_sent_again_does_not_win_back(ledger):
    ledger.ingest(("a", "", "x", None))
    correction = ledger.ingest(("a", "", "y", None))
    assert (correction.rows.num_rows, correction.n_changed) == (1, 1)
    assert ledger.labels() == {"a": "y"}
    again = ledger.ingest(("a", "", "x", None))
    assert (again.rows.num_rows, again.n_known, again.n_superseded) == (0, 1, 1)
    assert ledger.labels() == {"a": "y"}
    assert ledger.table.num_rows == 2  # history is kept


def test_the_later_date_wins_whatever_file_comes_first(ledger):
    ledger.ingest(("a", "", "new", 5))
    ledger.ingest(("a", "", "old", 2))
    assert ledger.labels() == {"a": "new"}


def test_an_undated_answer_counts_as_of_its_ingest(ledger):
    ledger.ingest(("a", "", "dated", 5))
    ledger.ingest(("a", "", "undated", None))
    assert ledger.labels() == {"a": "undated"}
    ledger.ingest(("a", "", "much later", 9999))
    assert ledger.labels() == {"a": "much later"}


def test_a_clock_that_was_set_back_does_not_change_the_order_of_undated_answers(ledger):
    for number, label in ((50, "first"), (10, "second")):
        rows = as_rows(answers(("a", "", label, None)), source="s", sha256="h", at=hours(number))
        write_ledger(next_file(ledger.folder), rows)
    assert ledger.labels() == {"a": "second"}


# tombstones


def test_a_retracted_source_is_gone_from_the_labels_and_kept_in_the_ledger(ledger):
    ledger.ingest(("a", "", "x", None), ("b", "", "x", None), source="good.csv")
    ledger.ingest(("a", "", "y", None), ("c", "", "skip", None), source="bad.csv")
    assert ledger.retract(source="bad.csv") == 2
    assert ledger.labels() == {"a": "x", "b": "x"}
    assert ledger.statuses() == {"a": "labeled", "b": "labeled"}
    assert ledger.table.num_rows == 6
    assert ledger.retract(source="bad.csv") == 0


def test_a_retracted_answer_sent_again_is_new(ledger):
    ledger.ingest(("a", "", "x", None), source="s.csv")
    ledger.retract(source="sha-s.csv")
    assert ledger.labels() == {}
    assert ledger.ingest(("a", "", "x", None), source="s.csv").rows.num_rows == 1
    assert ledger.labels() == {"a": "x"}
    assert ledger.retract(source="s.csv") == 1
    assert ledger.labels() == {}


def test_an_annotator_is_retracted_alone(ledger):
    ledger.ingest(("a", "anna", "x", None), ("a", "ben", "y", None))
    assert ledger.statuses() == {"a": "disputed"}
    ledger.retract(annotator="ben")
    assert ledger.labels() == {"a": "x"}


def test_an_unknown_source_or_annotator_names_the_nearest(ledger):
    ledger.ingest(("a", "anna", "x", None), source="labels.csv")
    with pytest.raises(DataError) as caught:
        ledger.retract(annotator="ana")
    assert caught.value.hint == "did you mean 'anna'?"
    with pytest.raises(DataError) as caught:
        ledger.retract(source="label.csv")
    assert caught.value.hint == "did you mean 'labels.csv'?"


# several annotators


def votes(*labels):
    return [("a", f"annotator {number}", label, number) for number, label in enumerate(labels)]


@pytest.mark.parametrize(
    ("policy", "labels", "expected"),
    [
        ("majority", ["x"], ("x", 1, 1.0, "single")),
        ("majority", ["x", "x"], ("x", 2, 1.0, "unanimous")),
        ("majority", ["x", "y", "x"], ("x", 3, 2 / 3, "majority")),
        ("majority", ["x", "y"], None),
        ("majority", ["x", "x", "y", "z"], None),
        ("majority", ["x", "skip", "unsure"], ("x", 1, 1.0, "single")),
        ("unanimous", ["x", "x"], ("x", 2, 1.0, "unanimous")),
        ("unanimous", ["x", "x", "y"], None),
        ("latest", ["x", "x", "y"], ("y", 3, 1 / 3, "latest")),
        ("latest", ["x", "x", "skip"], ("x", 2, 1.0, "unanimous")),
        ("latest", ["x"], ("x", 1, 1.0, "single")),
        ("majority", ["x", "x", "y!"], ("y", 3, 1 / 3, "adjudicated")),
        ("latest", ["y!", "x", "x"], ("y", 3, 1 / 3, "adjudicated")),
        ("unanimous", ["z!", "z!"], ("z", 2, 1.0, "adjudicated")),
        ("weighted", ["x"], ("x", 1, 1.0, "single")),
        ("weighted", ["x", "x", "skip"], ("x", 2, 1.0, "unanimous")),
        ("weighted", ["x", "y"], None),
        ("weighted", ["x", "x", "y!"], ("y", 3, 1 / 3, "adjudicated")),
        ("majority", ["x", "x", "x!", "y!"], None),
    ],
)
def test_several_answers_become_one_label_or_a_dispute(ledger, policy, labels, expected):
    ledger.ingest(*votes(*labels))
    found = [tuple(row.values())[1:] for row in resolve(ledger.table, policy).labels.to_pylist()]
    assert found == ([] if expected is None else [expected])
    assert ledger.statuses(policy) == {"a": "disputed" if expected is None else "labeled"}


@pytest.mark.parametrize(
    ("labels", "status"),
    [
        (["skip"], "skipped"),
        (["x", "!"], "skipped"),
        (["skip", "skip"], "skipped"),
        (["skip", "unsure"], "unsure"),
    ],
)
def test_a_row_without_a_label_is_skipped_or_unsure(ledger, labels, status):
    ledger.ingest(*votes(*labels))
    assert resolve(ledger.table).rows.drop_columns("round").to_pylist() == [
        {"id": "a", "status": status, "n_annotators": len(labels)}
    ]


# properties, against plain loops

WHOLE_FOLDERS = settings(deadline=None, max_examples=40)  # each example writes and reads files
IDS, PEOPLE, CLASSES = ["a", "b", "c"], ["", "anna", "ben"], ["x", "y", "skip", "unsure", "x!", "y!", "!"]
DATED = st.tuples(st.sampled_from(IDS), st.sampled_from(PEOPLE), st.sampled_from(CLASSES), st.integers(0, 6))
UNDATED = st.tuples(st.sampled_from(IDS), st.sampled_from(PEOPLE), st.sampled_from(CLASSES), st.none())


def plain_current(rows):
    """The answer that stands for each (id, annotator), one row after the other."""
    standing = {}
    for position, row in enumerate(rows):
        moment = row["labeled_at"] or row["ingested_at"]
        undated = row["labeled_at"] is None
        rank = (moment, position if undated else -1, row["label"] or "", row["status"])
        key = (row["id"], row["annotator"], row["status"] == "adjudicated")
        if key not in standing or rank >= standing[key][0]:
            standing[key] = (rank, row)
    return {key: row for key, (_, row) in standing.items()}


def plain_resolve(rows, policy):
    by_id = defaultdict(list)
    for (id_, *_), row in plain_current(rows).items():
        by_id[id_].append(row)
    labels, statuses = {}, {}
    for id_, own in by_id.items():
        cast = [row for row in own if row["label"] is not None]
        counts = Counter(row["label"] for row in cast)
        rulings = {row["label"] for row in own if row["status"] == "adjudicated"}
        if rulings:
            ruling = rulings.pop()
            statuses[id_] = "disputed" if rulings else "skipped" if ruling is None else "labeled"
            if statuses[id_] == "labeled":
                labels[id_] = (ruling, len(cast), counts[ruling] / len(cast))
            continue
        if not cast:
            statuses[id_] = "unsure" if any(row["status"] == "unsure" for row in own) else "skipped"
            continue
        best, count = counts.most_common(1)[0]
        if policy == "latest":
            best = max(cast, key=lambda row: (row["labeled_at"] or row["ingested_at"], row["label"]))["label"]
        needed = {"majority": len(cast) // 2 + 1, "unanimous": len(cast), "latest": 0}[policy]
        statuses[id_] = "labeled" if count >= needed else "disputed"
        if count >= needed:
            labels[id_] = (best, len(cast), counts[best] / len(cast))
    return labels, statuses


def as_plain(resolution):
    labels = {r["id"]: (r["label"], r["n_annotators"], r["agreement"]) for r in resolution.labels.to_pylist()}
    return labels, {row["id"]: row["status"] for row in resolution.rows.to_pylist()}


@WHOLE_FOLDERS
@given(st.lists(st.lists(DATED | UNDATED, max_size=6), max_size=6), st.sampled_from(POLICIES[:3]))
def test_resolve_agrees_with_plain_loops(tmp_path_factory, files, policy):
    ledger = Ledger(tmp_path_factory.mktemp("ledger"))
    for rows in files:
        ledger.ingest(*rows)
    table = ledger.table
    assert as_plain(resolve(table, policy)) == plain_resolve(table.to_pylist(), policy)
    ids = resolve(table, policy).labels["id"].to_pylist()
    assert ids == sorted(ids)


@WHOLE_FOLDERS
@given(st.lists(DATED, max_size=12), st.sampled_from(POLICIES), st.data())
def test_dated_answers_in_any_order_split_and_repetition_give_the_same_labels(
    tmp_path_factory, rows, policy, data
):
    once = Ledger(tmp_path_factory.mktemp("once"))
    once.ingest(*rows)
    mixed = Ledger(tmp_path_factory.mktemp("mixed"))
    sent = data.draw(
        st.permutations(rows + data.draw(st.lists(st.sampled_from(rows), max_size=6)) if rows else [])
    )
    while sent:
        size = data.draw(st.integers(1, len(sent)))
        mixed.ingest(*sent[:size])
        sent = sent[size:]
    assert resolve(mixed.table, policy).labels.equals(resolve(once.table, policy).labels)
    assert resolve(mixed.table, policy).rows.equals(resolve(once.table, policy).rows)


@WHOLE_FOLDERS
@given(
    st.dictionaries(st.tuples(st.sampled_from(IDS), st.sampled_from(PEOPLE)), st.sampled_from(CLASSES)),
    st.data(),
)
def test_undated_answers_without_conflict_may_come_in_any_order_too(tmp_path_factory, said, data):
    rows = [(id_, annotator, label, None) for (id_, annotator), label in said.items()]
    once, mixed = (Ledger(tmp_path_factory.mktemp(name)) for name in ("once", "mixed"))
    once.ingest(*rows)
    for row in data.draw(st.permutations(rows * 2)):
        mixed.ingest(row)
    assert resolve(mixed.table).labels.equals(resolve(once.table).labels)
    assert resolve(mixed.table).rows.equals(resolve(once.table).rows)


@WHOLE_FOLDERS
@given(st.lists(st.lists(DATED, min_size=1, max_size=6), max_size=4), st.sampled_from(POLICIES), st.data())
def test_answer_files_cut_interleaved_and_sent_again_give_the_same_labels_and_lose_nothing(
    tmp_path_factory, files, policy, data
):
    once, mixed = (Ledger(tmp_path_factory.mktemp(name)) for name in ("once", "mixed"))
    for rows in files:
        once.ingest(*rows)
    left = [list(rows) for rows in files]
    while any(left):  # each turn sends on a piece of one file, and perhaps a whole one once more
        rows = data.draw(st.sampled_from([rows for rows in left if rows]))
        size = data.draw(st.integers(1, len(rows)))
        mixed.ingest(*rows[:size])
        del rows[:size]
        mixed.ingest(*data.draw(st.sampled_from([[], *files])))
    assert resolve(mixed.table, policy).labels.equals(resolve(once.table, policy).labels)
    names = ["id", "annotator", "label", "status", "labeled_at"]
    kept = [sorted(map(str, ledger.table.select(names).to_pylist())) for ledger in (once, mixed)]
    assert kept[0] == kept[1]


@WHOLE_FOLDERS
@given(st.lists(st.lists(DATED | UNDATED, max_size=6), max_size=5))
def test_no_answer_is_lost_or_counted_twice(tmp_path_factory, files):
    ledger = Ledger(tmp_path_factory.mktemp("ledger"))
    for rows in files:
        news = ledger.ingest(*rows)
        assert news.rows.num_rows + news.n_known + news.n_repeated == len(rows)
    kept = answers(*(row for rows in files for row in rows)).select(
        ["id", "annotator", "label", "status", "labeled_at"]
    )
    expected = {tuple(row.values()) for row in kept.to_pylist()}
    found = [tuple(row.values()) for row in ledger.table.select(kept.column_names).to_pylist()]
    assert len(found) == len(set(found))
    assert set(found) == expected
    answered = {(row[0], row[1], row[3] == "adjudicated") for row in expected}
    assert len(current(ledger.table)) == len(answered)


@WHOLE_FOLDERS
@given(st.lists(DATED | UNDATED, max_size=8), st.lists(DATED | UNDATED, max_size=8))
def test_retracting_a_source_leaves_the_labels_as_if_it_had_never_come(tmp_path_factory, good, bad):
    alone, both = (Ledger(tmp_path_factory.mktemp(name)) for name in ("alone", "both"))
    alone.ingest(*good, source="good")
    both.ingest(*good, source="good")
    if both.ingest(*bad, source="bad").rows.num_rows:
        both.retract(source="bad")
    for policy in POLICIES:
        assert resolve(both.table, policy).labels.equals(resolve(alone.table, policy).labels)
        assert resolve(both.table, policy).rows.equals(resolve(alone.table, policy).rows)


MAPS = st.dictionaries(st.sampled_from(["x", "y", "z"]), st.sampled_from(["x", "y", "z", "w"]), max_size=3)


def as_mapped(rows, maps):
    """Answers as they would read if people had used the new names."""

    def now(label):
        ruled = "!" if label.endswith("!") and label != "!" else ""
        return maps.get(label.removesuffix(ruled), label.removesuffix(ruled)) + ruled if label else label

    return [(id_, annotator, now(label), hour) for id_, annotator, label, hour in rows]


@WHOLE_FOLDERS
@given(
    st.lists(st.lists(DATED | UNDATED, max_size=6), max_size=4),
    st.lists(st.tuples(st.integers(0, 4), MAPS), max_size=3),
    st.sampled_from(POLICIES),
    st.data(),
)
def test_mapped_answers_count_as_if_the_files_had_the_new_names(
    tmp_path_factory, files, commands, policy, data
):
    """Commands come after so many files, in any number; files sent again at the end change nothing."""
    ledger, plain = (Ledger(tmp_path_factory.mktemp(name)) for name in ("mapped", "plain"))
    read = [list(rows) for rows in files]
    for number in range(len(files) + 1):
        for _, maps in [command for command in commands if command[0] == number]:
            ledger.relabel(maps)
            read[:number] = [as_mapped(rows, maps) for rows in read[:number]]
        if number < len(files):
            # what was sent before is known, under whatever name: a new file with the same answer is none
            before = {row for rows in read[:number] for row in rows} | {
                row for f in files[:number] for row in f
            }
            read[number] = [row for row in read[number] if row not in before]
            ledger.ingest(*files[number])
    for rows in read:
        plain.ingest(*rows)
    assert resolve(ledger.table, policy).labels.equals(resolve(plain.table, policy).labels)
    assert resolve(ledger.table, policy).rows.equals(resolve(plain.table, policy).rows)
    again = data.draw(st.permutations(files))
    assert sum(ledger.ingest(*rows).rows.num_rows for rows in again) == 0


@WHOLE_FOLDERS
@given(st.lists(st.lists(DATED, max_size=6), max_size=4), MAPS, st.sampled_from(POLICIES), st.data())
def test_dated_files_may_come_in_any_order_before_a_mapping(tmp_path_factory, files, maps, policy, data):
    once, mixed = (Ledger(tmp_path_factory.mktemp(name)) for name in ("once", "mixed"))
    for ledger, order in ((once, files), (mixed, data.draw(st.permutations(files)))):
        for rows in order:
            ledger.ingest(*rows)
        ledger.relabel(maps)
    assert resolve(once.table, policy).labels.equals(resolve(mixed.table, policy).labels)


@WHOLE_FOLDERS
@given(st.lists(st.lists(DATED | UNDATED, max_size=6), max_size=4), MAPS)
def test_a_mapping_and_a_reopening_taken_back_leave_no_trace_in_the_labels(tmp_path_factory, files, maps):
    ledger = Ledger(tmp_path_factory.mktemp("ledger"))
    for rows in files:
        ledger.ingest(*rows)
    before = resolve(ledger.table)
    for command in ((maps, {}), ({}, dict.fromkeys(IDS, "x"))):
        ledger.relabel(*command)
        words = command_words(command[0], sorted(set(command[1].values())))
        if any(command):
            ledger.retract(source=words)
        assert resolve(ledger.table).labels.equals(before.labels)
        assert resolve(ledger.table).rows.equals(before.rows)


@WHOLE_FOLDERS
@given(
    st.lists(DATED | UNDATED, max_size=8),
    st.lists(DATED | UNDATED, max_size=8),
    st.sets(st.sampled_from(IDS), min_size=1),
)
def test_after_a_reopening_only_what_comes_later_counts(tmp_path_factory, before, after, ids):
    ledger, plain = (Ledger(tmp_path_factory.mktemp(name)) for name in ("ledger", "plain"))
    ledger.ingest(*before)
    ledger.relabel(reopen=dict.fromkeys(sorted(ids), "x"))
    kept = [row for row in before if row[0] not in ids]
    plain.ingest(*kept)
    assert resolve(ledger.table).labels.equals(resolve(plain.table).labels)
    ledger.ingest(*after)
    plain.ingest(*(row for row in after if row not in before))
    assert resolve(ledger.table).labels.equals(resolve(plain.table).labels)
    assert resolve(ledger.table).rows.equals(resolve(plain.table).rows)


def test_names_follow_all_mappings_and_end_at_a_class(ledger):
    ledger.ingest(("a", "", "x", None), ("b", "", "y", None))
    ledger.relabel({"x": "z"})
    ledger.relabel({"z": "w", "y": "x"})
    assert labels_now(ledger.table).to_pylist()[:2] == ["w", "x"]
    assert renamed(ledger.table, ["w", "x"]) == {"z": "w", "y": "x"}
