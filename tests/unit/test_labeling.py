"""A labeling session and its journal, without a terminal."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcli.cli.labeler.drawing import visible
from alcli.cli.labeler.keys import CLASS_KEYS, COMMANDS, class_of, matching
from alcli.errors import DataError
from alcli.formats.labeler import Labeler, whole_lines
from alcli.labeling import Entry, Journal, Row, Session, Wanted, Work, annotator_of, open_work
from alcli.labeling.journal import clean, journal_name
from alcli.labeling.pace import Pace
from alcli.labeling.work import Taken
from alcli.project import Project
from alcli.project.answers import LABELED, SKIPPED, UNSURE
from alcli.tables.atomic import scratch_of

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds

    def now(self):
        return NOON + timedelta(seconds=self.seconds)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def begin(tmp_path, clock):
    """`begin(given)`: a session over rows a to e; begun again, it goes on."""

    def session(given=(), classes=("food", "pets")):
        rows = [Row(id_, {"text": f"text of {id_}"}) for id_ in "abcde"]
        taken = Taken(tmp_path / "ledger", "anna")
        path = tmp_path / journal_name("anna")
        known = {entry.id: entry for entry in given}
        work = Work("anna", 1, ["query.csv"], rows, known, classes, ("skip", "unsure"), taken, path)
        return Session(work, Journal(path, "anna"), Pace({}, clock), clock.now)

    return session


def on_disk(session):
    path = session.journal.path
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_every_answer_is_a_line_before_the_next_row_is_shown(begin, clock):
    session = begin()
    for n, (status, label) in enumerate([(LABELED, "pets"), (SKIPPED, ""), (UNSURE, "")]):
        clock.seconds += 4
        session.answer(status, label)
        assert session.row.id == "bcd"[n]
        line = on_disk(session)[n]
        assert (line["alcli_id"], line["label"], line["status"]) == ("abc"[n], label, status)
        assert (line["annotator"], line["seconds"], line["comment"]) == ("anna", 4.0, "")
        assert datetime.fromisoformat(line["labeled_at"]) == clock.now()
    again = begin()
    assert (again.row.id, again.n_open) == ("d", 2)


def test_an_answer_is_changed_by_going_back_and_the_place_is_found_again(begin):
    session = begin()
    for _ in range(3):
        session.answer(LABELED, "pets")
    session.move(-1)
    session.move(-1)
    session.answer(LABELED, "food")
    assert session.row.id == "d"
    assert [line["label"] for line in on_disk(session)] == ["pets", "pets", "pets", "food"]
    assert session.said("b").label == "food"


def test_the_same_answer_again_is_no_further_one(begin):
    session = begin()
    session.answer(LABELED, "pets")
    session.answer(SKIPPED)
    before = on_disk(session)
    session.move(-1)
    session.answer(SKIPPED)
    session.move(-1)
    session.move(-1)
    session.answer(LABELED, "pets")
    assert on_disk(session) == before
    assert session.row.id == "c"


def test_a_row_that_was_passed_by_comes_again_at_the_end(begin):
    session = begin()
    session.move(1)
    for _ in range(4):
        session.answer(LABELED, "pets")
    assert session.row.id == "a"
    session.answer(LABELED, "pets")
    assert (session.row, session.n_open) == (None, 0)
    session.move(-1)
    assert session.row.id == "e"
    session.move(1)
    assert session.row is None


def test_moving_stays_among_the_rows(begin):
    session = begin()
    session.move(-1)
    assert session.row.id == "a"
    for _ in range(9):
        session.move(1)
    assert session.row.id == "e"


def test_undo_takes_back_one_after_the_other_and_an_earlier_answer_stands_again(begin):
    session = begin()
    session.answer(LABELED, "pets")
    session.answer(LABELED, "pets")
    session.move(-1)
    session.answer(LABELED, "food")
    session.undo()
    assert (session.row.id, session.said("b").label) == ("b", "pets")
    session = begin()  # also after a restart
    session.undo()
    assert (session.row.id, session.said("b")) == ("b", None)
    session.undo()
    assert not session.journal.path.exists()
    assert session.undo() is None
    session.answer(LABELED, "food")
    assert [line["label"] for line in on_disk(session)] == ["food"]


def test_what_the_ledger_has_is_changed_but_not_taken_back(begin):
    session = begin([Entry("a", LABELED, "pets", NOON, 9.0, "mine")])
    assert session.row.id == "b"
    assert session.undo() is None
    session.move(-1)
    assert session.said("a").label == "pets"
    session.answer(LABELED, "food")
    assert session.undo().label == "food"
    assert session.said("a").label == "pets"


def test_a_comment_goes_with_the_answer_whichever_comes_first(begin):
    session = begin()
    session.comment(" two\twords\x1b ")
    assert (session.row.id, session.n_open) == ("a", 5)
    session.answer(LABELED, "pets")
    session.answer(LABELED, "food")
    session.move(-1)
    session.comment("late")
    assert session.row.id == "b"
    last = {line["alcli_id"]: (line["label"], line["comment"]) for line in on_disk(session)}
    assert last == {"a": ("pets", "two words"), "b": ("food", "late")}


def test_a_comment_alone_outlasts_the_answers(begin):
    session = begin()
    session.answer(LABELED, "pets")
    session.comment("whose?")
    session.journal.keep_comments()
    assert begin().said("b").comment == "whose?"
    assert [line["alcli_id"] for line in on_disk(session)] == ["b"]
    assert Labeler().read(session.journal.path).table.num_rows == 0


def test_the_later_answer_is_the_later_one_whatever_the_clock_does(begin, clock):
    session = begin([Entry("a", LABELED, "pets", NOON + timedelta(hours=1))])
    session.move(-1)
    session.answer(LABELED, "food")
    clock.seconds = -7200
    session.answer(LABELED, "food")
    session.move(-1)
    session.answer(LABELED, "pets")
    times = [datetime.fromisoformat(line["labeled_at"]) for line in on_disk(session)]
    assert NOON + timedelta(hours=1) < times[0] < times[1] < times[2]


def test_a_break_is_no_work_and_all_looks_at_a_row_count(begin, clock):
    session = begin()
    clock.seconds = 50
    session.touch()
    clock.seconds += 3600
    session.answer(LABELED, "pets")
    assert on_disk(session)[-1]["seconds"] == 110
    clock.seconds += 5
    session.move(-1)
    clock.seconds += 2
    session.answer(LABELED, "food")
    assert on_disk(session)[-1]["seconds"] == 112
    clock.seconds += 1
    session.answer(LABELED, "food")
    assert on_disk(session)[-1]["seconds"] == 6
    assert session.pace.median == 110
    assert session.pace.left(2) == pytest.approx(2 * (110 + 112 + 6) / 3)


def test_wherever_the_last_line_is_cut_off_the_lines_above_it_are_kept(begin):
    session = begin()
    for label in ("pets", "größe 犬"):
        session.answer(LABELED, label)
    whole = session.journal.path.read_bytes()
    first = whole.index(b"\n") + 1
    for end in range(first, len(whole) + 1):
        for tail in (b"", b"\0" * 3):
            session.journal.path.write_bytes(whole[:end] + (tail if end < len(whole) - 1 else b""))
            n_whole = 2 if end >= len(whole) - 1 else 1
            assert len(Labeler().read(session.journal.path).table) == n_whole
            again = Journal(session.journal.path, "anna")
            assert len(again.entries) == n_whole
            assert session.journal.path.read_bytes() == (whole if n_whole == 2 else whole[:first])


def test_a_first_line_that_is_cut_off_leaves_no_file(begin):
    path = begin().journal.path
    path.write_bytes(b'{"alcli_id": "a", "lab')
    scratch_of(path).write_bytes(b"of a killed session")
    assert begin().n_open == 5
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize(
    "change", [{"labeled_at": "noon"}, {"seconds": "x"}, {"seconds": []}, {"comment": None}]
)
def test_a_journal_that_was_edited_is_refused_with_its_line(begin, change):
    session = begin()
    session.answer(LABELED, "pets")
    line = on_disk(session)[0] | change
    if change == {"comment": None}:
        del line["comment"]
    session.journal.path.write_text(json.dumps(line) + "\n")
    with pytest.raises(DataError, match=r"line 1: this is not as `alcli label` wrote it"):
        begin()


def test_a_file_of_something_else_is_not_cut():
    for text in (b"id,label\na,b", b"{}", b"no\0thing", b'[{"alcli_id": "a"'):
        assert whole_lines(text) == text


@pytest.mark.parametrize(
    ("name", "says"), [("  ", "needs a name"), ("skip", "means skip or unsure"), (" unsure\t", "means skip")]
)
def test_what_cannot_be_a_class_is_refused(begin, name, says):
    with pytest.raises(ValueError, match=says):
        begin().class_called(name)


def test_a_new_name_that_is_nearly_a_class_is_noticed(begin):
    session = begin()
    assert session.class_called(" hot\tfood ") == "hot food"
    assert session.class_called("1.0") == "1"
    assert [session.like(name) for name in ("PETS", "pet", "Foood", "plants")] == [
        "pets",
        "pets",
        "food",
        None,
    ]


@given(st.text(max_size=40))
def test_typed_text_is_one_line_without_controls(text):
    found = clean(text)
    assert found == found.strip()
    assert all(character.isprintable() or ord(character) > 0x9F for character in found)


@given(st.text())
def test_no_control_character_is_visible(text):
    found = visible(text)
    assert not {character for character in found if character != "\n"} & {
        *map(chr, range(32)),
        *map(chr, range(0x7F, 0xA0)),
        *"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
    }


def test_no_key_means_two_things():
    assert not set(CLASS_KEYS) & COMMANDS.keys()
    assert len(set(CLASS_KEYS)) == len(CLASS_KEYS) == 28
    classes = [f"class {n}" for n in range(40)]
    assert [class_of(key, classes) for key in "19ay/s"] == [
        "class 0",
        "class 8",
        "class 9",
        "class 27",
        None,
        None,
    ]
    assert class_of("3", classes[:2]) is None


def test_a_class_is_found_by_its_beginning_a_words_or_its_letters():
    classes = ["top up failed", "card fee", "cash", "refund", "card_payment"]
    assert matching("ca", classes) == ["card fee", "cash", "card_payment"]
    assert matching("FEE", classes) == ["card fee"]
    assert matching("pay", classes) == ["card_payment"]
    assert matching("und", classes) == ["refund"]
    assert matching("tuf", classes) == ["top up failed"]
    assert matching("", classes) == classes
    assert matching("zzz", classes) == []


def test_names_of_journals_are_names_of_files():
    names = {journal_name(who) for who in ("", "anna", "a/b", "../x", "anna b", "é", "%2F", "answers")}
    assert len(names) == 8
    assert not any("/" in name for name in names)


# from a project's files


@pytest.fixture
def rows_for():
    """`rows_for(lab, ...)`: what a person would be shown."""

    def work(lab, annotator=None, file=None, round_=None):
        project = Project.open(lab.root)
        wanted = Wanted(annotator, round_, file)
        return open_work(project, wanted, annotator_of(project, wanted))

    return work


def test_a_row_for_two_is_shown_to_a_second_person_and_not_to_the_first_again(make_lab, rows_for):
    lab = make_lab(query={"overlap": 0.5}).seeded()
    for step in ("train", "score", "query"):
        lab(step)
    ids = lab.ids(1)
    twice = {row["id"] for row in lab.asked(1).to_pylist() if row["reason"] == "overlap"}
    assert 0 < len(twice) < len(ids)
    lines = [f"{id_},{lab.data.truth[id_]},anna" for id_ in ids]
    path = lab.root / "a.csv"
    path.write_text("\n".join(["id,label,annotator", *lines]))
    lab("ingest", path)
    assert {row.id for row in rows_for(lab, "ben").rows} == twice
    mine = rows_for(lab, "anna")
    assert [row.id for row in mine.rows] == ids  # to go back to
    assert Session(mine, Journal(mine.journal, "anna")).n_open == 0
    assert mine.n_elsewhere == len(twice)


def test_no_row_is_shown_that_was_given_back(make_lab, rows_for):
    lab = make_lab().seeded()
    for step in ("train", "score", "query"):
        lab(step)
    lab("ingest", lab.labels(lab.ids(1)[:3]))
    lab("query", "--release")
    assert len(rows_for(lab).rows) == 3  # answered ones
    assert len(rows_for(lab, "ben").rows) == 0


def test_a_sealed_row_is_not_shown_though_the_file_has_it(make_lab, rows_for):
    lab = make_lab("text")
    lab("seed")
    path = lab.root / "rounds/000/query.csv"
    sealed = sorted(lab.split("reserve", "held_out"))
    path.write_text(path.read_text() + "".join(f"{id_},words,\n" for id_ in sealed))
    work = rows_for(lab)
    assert {row.id for row in work.rows} == set(lab.ids(0))
    assert f"{len(sealed)} rows left out" in work.notes[0]


def test_classes_keep_their_order_as_answers_come(make_lab, rows_for):
    lab = make_lab()
    lab("seed")
    ids = lab.ids(0)
    lab("ingest", lab.labels(ids[:30]))
    first = rows_for(lab).classes
    assert first == sorted(first)
    (lab.root / "b.csv").write_text(
        f"id,label,labeled_at\n{ids[30]},ant,2026-01-02\n{ids[31]},bee,2026-01-01\n{ids[32]},sky,2020-01-01\n"
    )
    lab("ingest", lab.root / "b.csv", "--new-class")
    assert rows_for(lab).classes == [*first, "bee", "ant"]
    lab.configure(task={"classes": ["stone", "fire", "sea"]})
    assert rows_for(lab).classes == ["stone", "fire", "sea", "sky", "bee", "ant"]


def test_a_pool_with_columns_named_as_ours_is_labeled_all_the_same(make_lab, make_data_of):
    data = make_data_of("text", 120)
    extra = {name: pa.array(["theirs"] * 120) for name in ("annotator", "comment", "seconds", "status")}
    for name, column in extra.items():
        data = type(data)(data.table.append_column(name, column), data.truth, data.features)
    lab = make_lab(data=data, query={"show": ["text", "annotator", "comment"]})
    lab("seed")
    project = Project.open(lab.root)
    work = open_work(project, Wanted("anna"), "anna")
    assert list(work.rows[0].cells) == ["text", "annotator", "comment"]
    session = Session(work, Journal(work.journal, "anna"))
    session.comment("ours")
    for name in ("sea", "sky"):
        session.answer(LABELED, name)
    lab("ingest", work.journal)
    given = open_work(project, Wanted("anna"), "anna").given
    assert [given[row.id].label for row in work.rows[:2]] == ["sea", "sky"]
    assert given[work.rows[0].id].comment == "ours"
    assert not work.journal.exists()  # all of it is in the ledger


def test_ids_and_labels_under_other_names(make_lab, rows_for):
    lab = make_lab(labels={"id": "key", "label": "topic"})
    lab("seed")
    work = rows_for(lab)
    session = Session(work, Journal(work.journal, ""))
    session.answer(LABELED, "sea")
    assert lab("ingest", work.journal)["counts"]["new"] == 1
