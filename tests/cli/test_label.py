"""`alcli label` in real processes at a real pseudo-terminal, its screen read as a person would see it."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections import Counter
from pathlib import Path

import pyte
import pytest

from alcli.project.lock import locked

_UNKNOWN = re.compile(rb"\x1b\[[<>][0-9;]*u|\x1b\[\?[0-9;]*\$p|\x1b\][^\x07]*\x07")  # pyte would print these
_OWN = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)"  # closing it hangs up
_SIZED_BY_THE_TERMINAL = {"COLUMNS": "", "LINES": ""}  # a test runner sets them
_LEFT = b"\x1b[?1049l"  # back to the screen that was there before
LEFT, ESCAPE, INTERRUPT, UNDO = "\x1b[D", "\x1b", "\x03", "\x1a"


class Terminal:
    """`alcli label` at a terminal of some size."""

    def __init__(self, loop, *args, size=(24, 80), env=None, code="pass"):
        self.own, theirs = pty.openpty()
        self._set_size(*size)
        self.screen = pyte.Screen(size[1], size[0])
        self._stream = pyte.ByteStream(self.screen)
        self.raw, self._held = b"", b""
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                f"{_OWN}; {code}; from alcli.cli import main; main()",
                "label",
                *map(str, args),
            ],
            cwd=loop.root,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, **_SIZED_BY_THE_TERMINAL, "TERM": "xterm-256color", **(env or {})},
            start_new_session=True,
        )
        os.close(theirs)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.hang_up()

    def _set_size(self, rows, columns):
        fcntl.ioctl(self.own, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, rows, columns):
        self.screen.resize(rows, columns)
        self._set_size(rows, columns)

    def _read(self, seconds):
        """Whether something came."""
        if not select.select([self.own], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.own, 1 << 16)
        except OSError:  # the other end is closed
            return False
        self.raw += data
        data = self._held + data
        at = data.rfind(b"\x1b", max(0, len(data) - 40))
        self._held, data = (data[at:], data[:at]) if at >= 0 else (b"", data)
        self._feed(data)
        return True

    def _feed(self, data):
        for number, part in enumerate(data.split(_LEFT)):
            if number:
                self.screen.reset()
            self._stream.feed(_UNKNOWN.sub(b"", part))

    @property
    def text(self):
        """The screen as lines of text."""
        self._feed(self._held)
        self._held = b""
        return "\n".join(
            "".join(self.screen.buffer[y][x].data for x in range(self.screen.columns)).rstrip()
            for y in range(self.screen.lines)
        )

    def until(self, *wanted, seconds=30):
        """Wait until the screen shows some words; what it shows then."""
        end = time.monotonic() + seconds
        while not all(words in self.text for words in wanted):
            assert time.monotonic() < end, f"{wanted} not on the screen:\n{self.text}"
            if not self._read(0.1):
                assert self.process.poll() is None, f"it ended:\n{self.text}"
        return self.text

    def type(self, keys, *wanted):
        """Type, not faster than a person, and wait until the screen shows some words."""
        time.sleep(0.1)
        os.write(self.own, keys.encode())
        return self.until(*wanted)

    def end(self, keys="q", code=0, seconds=30):
        """Quit; what stands on the terminal then."""
        if keys:
            os.write(self.own, keys.encode())
        end = time.monotonic() + seconds
        while self._read(0.05) or self.process.poll() is None:
            assert time.monotonic() < end, f"it goes on:\n{self.text}"
        assert self.process.wait() == code, self.text
        return self.text

    def hang_up(self):
        """The terminal's window is closed."""
        if self.own >= 0:
            os.close(self.own)
        self.own = -1


@pytest.fixture
def loop(at):
    """Round 1 is asked: 6 rows; the classes are food and pets, in that order."""
    return at("queried")


KEYS = {"food": "1", "pets": "2"}
JOURNAL = "rounds/001/answers.label.jsonl"


def key(id_):
    """What a person who knows the truth types."""
    return "21"[int(id_.removeprefix("r")) % 2]


def truth(id_):
    return ("pets", "food")[int(id_.removeprefix("r")) % 2]


def new(loop):
    """The ledger's rows of round 1, by id; each row once."""
    rows = [row for row in loop.ledger() if row["round"] == 1]
    assert max(Counter(row["id"] for row in rows).values(), default=1) == 1
    return {row["id"]: row for row in rows}


def texts(loop, name="rounds/001/query.csv"):
    with (loop.root / name).open(newline="") as file:
        return {row["id"]: row["text"] for row in csv.DictReader(file)}


def test_a_person_labels_a_round(loop):
    ids, shown = loop.asked(1), texts(loop)
    with Terminal(loop) as terminal:
        for number, id_ in enumerate(ids):
            text = terminal.until("round 001", f"{number} of 6", shown[id_][:40])
            assert "1 food" in text
            assert "2 pets" in text
            terminal.type(key(id_))
        terminal.until("All 6 rows are answered.")
        journal = [json.loads(line) for line in (loop.root / JOURNAL).read_text().splitlines()]
        assert [line["alcli_id"] for line in journal] == ids
        text = terminal.end()
    assert "6 new answers." in text
    assert "Next: alcli train" in text
    rows = new(loop)
    assert {id_: row["label"] for id_, row in rows.items()} == {id_: truth(id_) for id_ in ids}
    for row in rows.values():
        assert (row["annotator"], row["status"], row["source"]) == ("", "labeled", JOURNAL)
        assert row["labeled_at"] is not None
        assert 0 <= row["seconds"] < 60
    assert not (loop.root / JOURNAL).exists()
    assert loop.doc("status")["stage"] == "ready_to_train"
    before = loop.tree()
    loop.write(JOURNAL, "".join(f"{json.dumps(line)}\n" for line in journal))  # killed before it was removed
    assert loop.doc("label")["changed"] is False  # nothing waits, and no terminal is needed to say so
    assert loop.tree() == before


def test_answers_are_changed_taken_back_commented_and_found(loop):
    ids = loop.asked(1)
    with Terminal(loop, "--annotator", "anna") as terminal:
        terminal.until("0 of 6", "anna")
        terminal.type("1", "1 of 6")
        terminal.type("b", "answered food")
        terminal.type("2", "1 of 6")  # on to the first row without an answer
        terminal.type("1", "2 of 6")
        terminal.type("z", "taken back: food", "1 of 6")
        terminal.type("1" + UNDO, "taken back: food", "1 of 6")
        terminal.type("s", "2 of 6")
        terminal.type("u", "3 of 6")
        terminal.type("c", "Comment")
        terminal.type("odd, it is\r", "comment odd, it is", "3 of 6")
        terminal.type("/pet\r", "4 of 6")  # typed ahead of the dialog
        terminal.type("bbc", "Comment")
        terminal.type(" later\r", "answered unsure", "comment later")
        terminal.end()
    rows = {row["id"]: row for row in loop.ledger() if row["annotator"] == "anna"}
    said = [(rows[id_]["status"], rows[id_]["label"], rows[id_]["comment"]) for id_ in ids if id_ in rows]
    assert said == [
        ("labeled", "pets", ""),
        ("skipped", None, ""),
        ("unsure", None, "later"),
        ("labeled", "pets", "odd, it is"),
    ]


def test_a_key_that_is_held_down_answers_once(loop):
    with Terminal(loop) as terminal:
        terminal.until("0 of 6")
        terminal.type("1111121", "3 of 6")
        terminal.type("zzzz", "2 of 6", "taken back: food")
        assert "2 new answers." in terminal.end()


def test_a_new_class_is_asked_for_and_confirmed(loop):
    first, second = loop.asked(1)[:2]
    with Terminal(loop) as terminal:
        terminal.until("0 of 6")
        terminal.type("npet\r", "much like 'pets'", "y yes")
        terminal.type("n", "0 of 6", "s skip")
        terminal.type("nskip\r", "'skip' means skip or unsure")
        terminal.type("nplants\r", "Add the class 'plants'")
        terminal.type("y", "1 of 6", "3 plants")
        terminal.type("3", "2 of 6")
        terminal.end()
    assert {id_: row["label"] for id_, row in new(loop).items()} == {first: "plants", second: "plants"}
    with Terminal(loop) as terminal:  # its key stays, though the name would sort elsewhere
        terminal.until("1 food", "2 pets", "3 plants")


def test_before_any_class_is_known_the_first_ones_get_keys_that_stay(at):
    loop = at("seeded")
    with Terminal(loop) as terminal:
        terminal.until("round 000", "No class is known yet")
        for number, name in enumerate(("pets", "food")):
            terminal.type(f"n{name}\r", f"Add the class '{name}'")
            terminal.type("y", f"{number + 1} of 20")
        terminal.type("1", "3 of 20")
        assert "validation" not in terminal.until("1 pets", "2 food", "q quit")
        terminal.end()
    with Terminal(loop) as terminal:
        terminal.until("3 of 20", "1 pets", "2 food")


def test_reopened_rows_are_answered_under_the_guideline_of_their_file(loop):
    loop.alcli("query", "--release")
    loop.alcli("relabel", "--reopen", "pets", "--guideline", "v2")
    again = loop.table("labels.parquet")
    with Terminal(loop) as terminal:
        terminal.until("round 001", "0 of", "1 food", "2 pets")  # a class though no answer of it stands
        terminal.type("1", "1 of")
        terminal.type("cwhy\r", "comment why")
        terminal.type("2", "2 of")
        terminal.end()
    said = [row for row in loop.ledger() if row["source"] == JOURNAL]
    assert [(row["label"], row["guideline"]) for row in said] == [("food", "v2"), ("pets", "v2")]
    assert len(loop.table("labels.parquet")) == len(again) + 2


@pytest.mark.slow
def test_all_keys_can_be_read_in_a_small_window(loop):
    with Terminal(loop, size=(12, 60)) as terminal:
        terminal.until("0 of 6", "q quit")
        assert "a break is no work" not in terminal.type("?", "find a class")
        terminal.type("\x1b[B" * 12, "a break is no work")
        terminal.type("1", "0 of 6", "q quit")  # closes it, and answers nothing
        terminal.type("1", "1 of 6")


CUTS = (b'{"alcli_id": "r001", "label": "pets", "anno', b"", b'{"alcli_id": "r0', b"\0\0\0")


@pytest.mark.parametrize("cut", [CUTS[0], *(pytest.param(cut, marks=pytest.mark.slow) for cut in CUTS[1:])])
def test_after_kill_9_nothing_is_lost_and_it_goes_on(loop, cut):
    ids = loop.asked(1)
    with Terminal(loop) as terminal:
        for number, id_ in enumerate(ids[:3]):
            terminal.until(f"{number} of 6")
            terminal.type(key(id_), f"{number + 1} of 6")
        terminal.process.kill()
        terminal.process.wait()
    assert new(loop) == {}
    assert f"answers wait in {JOURNAL}" in loop.doc("status")["warnings"][0]
    with (loop.root / JOURNAL).open("ab") as file:
        file.write(cut)
    with Terminal(loop) as terminal:
        terminal.until("3 of 6", texts(loop)[ids[3]][:40])
        terminal.type("z", "2 of 6", f"taken back: {truth(ids[2])}")
        for number, id_ in enumerate(ids[2:], start=3):
            terminal.type(key(id_), f"{number} of 6")
        terminal.end()
    assert {id_: row["label"] for id_, row in new(loop).items()} == {id_: truth(id_) for id_ in ids}
    assert loop.doc("status")["warnings"] == []


def test_ingest_takes_what_a_kill_left_cut_off_as_it_is(loop):
    with Terminal(loop) as terminal:
        terminal.until("0 of 6")
        terminal.type("12", "2 of 6")
        terminal.process.kill()
        terminal.process.wait()
    with (loop.root / JOURNAL).open("ab") as file:
        file.write(b'{"alcli_id": "r0')
    assert loop.doc("ingest", loop.root / JOURNAL)["counts"]["new"] == 2
    found = loop.doc("ingest", "--retract", JOURNAL)
    assert found["counts"]["retracted"] == 2
    with Terminal(loop) as terminal:  # what was retracted is not sent again
        terminal.until("0 of 6")
        terminal.end()
    assert loop.doc("status")["pending"] == 6


SIGNALS = [(None, 129), (signal.SIGTERM, 143), pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow)]


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_or_a_closed_window_loses_no_answer_and_no_half_written_comment(loop, number, code):
    with Terminal(loop) as terminal:
        terminal.until("0 of 6")
        terminal.type("12", "2 of 6")
        terminal.type("chalf a com", "half a com")
        if number is None:
            terminal.hang_up()
        else:
            os.kill(terminal.process.pid, number)
        assert terminal.process.wait(30) == code
    assert [row["label"] for row in new(loop).values()] == ["food", "pets"]
    with Terminal(loop) as terminal:
        terminal.until("2 of 6", "comment half a com")


def test_ctrl_c_closes_a_dialog_then_the_session(loop):
    with Terminal(loop) as terminal:
        terminal.until("0 of 6")
        terminal.type("1", "1 of 6")
        terminal.type("cno", "Comment", "no")
        terminal.type(INTERRUPT, "q quit")
        assert "1 new answer." in terminal.end(INTERRUPT)
    assert [row["comment"] for row in new(loop).values()] == [""]


def test_what_cannot_be_written_is_said_and_nothing_counts_that_is_not_on_the_disk(loop):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400))"
    with Terminal(loop, code=limit) as terminal:
        terminal.until("0 of 6")
        terminal.type("1", "1 of 6")
        terminal.type("1", "2 of 6")
        terminal.type("1", "not saved", "2 of 6")
        assert len((loop.root / JOURNAL).read_text().splitlines()) == 2
        text = terminal.end(code=1)
    assert "2 answers safe in rounds/001/answers.label.jsonl" in text
    with Terminal(loop) as terminal:
        terminal.until("2 of 6")
        assert "2 new answers." in terminal.end()


def test_where_another_alcli_is_at_work_the_answers_wait(loop):
    with Terminal(loop) as terminal:
        terminal.until("0 of 6")
        terminal.type("1", "1 of 6")
        with locked(loop.root / ".alcli", "score"):
            text = terminal.end(code=75)
    assert "another alcli is at work here" in text
    assert f"1 answer safe in {JOURNAL}" in text
    assert new(loop) == {}
    with Terminal(loop) as terminal:
        terminal.until("1 of 6")
        assert "1 new answer." in terminal.end()


def test_two_people_label_at_once_and_one_does_not_twice(loop):
    with Terminal(loop, "--annotator", "anna") as anna, Terminal(loop, "--annotator", "ben") as ben:
        anna.until("0 of 6")
        ben.until("0 of 6")
        with Terminal(loop, "--annotator", "ben") as again:
            assert "'ben' has a session open already" in again.end("", code=75)
        anna.type("12", "2 of 6")
        ben.type("212", "3 of 6")
        anna.end()
        ben.end()
    said = Counter((row["annotator"], row["label"]) for row in loop.ledger() if row["annotator"])
    assert said == {("anna", "food"): 1, ("anna", "pets"): 1, ("ben", "pets"): 2, ("ben", "food"): 1}
    with Terminal(loop, "--annotator", "anna") as anna:  # ben's third is answered, hers are her own
        anna.until("2 of 5")


def test_a_share_of_the_batch_says_whose_it_is(loop):
    with (loop.root / "rounds/001/query.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    shares = [[row["id"], row["text"], "anna" if n < 4 else "ben", ""] for n, row in enumerate(rows)]
    header = ("id", "text", "annotator", "label")
    one = loop.csv("rounds/001/query-anna.csv", shares[:4], header)
    both = loop.csv("both.csv", shares, header)
    loop.refused("label", both, kind="data", says="rows are for anna, ben", hint="--annotator")
    with Terminal(loop, one) as terminal:
        terminal.until("0 of 4", "anna")
        terminal.type("1", "1 of 4")
        terminal.end()
    with Terminal(loop, both, "--annotator", "ben") as terminal:
        terminal.until("0 of 2", "ben")
    assert [row["annotator"] for row in new(loop).values()] == ["anna"]


def test_of_a_batch_that_is_shared_out_everyone_sees_their_own_rows(loop):
    loop.doc("query", "--annotators", "anna,ben")
    loop.refused("label", kind="data", says="rows are for anna, ben", hint="--annotator")
    first = next(iter(texts(loop, "rounds/001/query-ben.csv").values()))
    with Terminal(loop, "--annotator", "ben") as terminal:
        terminal.until("0 of 3", "ben", first[:40])
    with Terminal(loop, "--annotator", "dan") as terminal:
        terminal.until("0 of 6", "dan")


def test_only_rows_that_were_asked_are_shown_and_none_that_the_file_answers(loop):
    asked, sealed = loop.asked(1), loop.of_split("reserve")[0]
    rows = [[sealed, "sealed words", ""], *([id_, texts(loop)[id_], ""] for id_ in asked)]
    rows[1][2] = "pets"
    loop.csv("rounds/001/query.csv", rows, ("id", "text", "label"))
    with Terminal(loop) as terminal:
        assert "sealed words" not in terminal.until("0 of 5", "q quit")
        text = terminal.end().replace("\n", "")
    assert "1 row left out: nobody was asked about it" in text
    assert "1 row left out with a label in the file that was not ingested" in text


@pytest.mark.slow
def test_a_prediction_is_seen_only_where_the_config_says_so(at):
    loop = at("scored")
    loop.doc("query", "--set", "query.show_prediction=true")
    for setting, seen in (("false", False), ("true", True)):
        with Terminal(loop, "--set", f"query.show_prediction={setting}") as terminal:
            assert ("prediction" in terminal.until("0 of 6", "q quit")) is seen
    assert b"prediction" in (loop.root / "rounds/001/query.csv").read_bytes()


HOSTILE = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x9b0m \u202ereversed\u202c\r\nnext [bold]line[/] 日本語 שלום 🙂"


def test_a_text_with_escapes_is_shown_and_not_obeyed(at):
    loop = at("new")
    rows = [(f"r{n:03d}", f"{HOSTILE} word{n} sign{n * 7}") for n in range(60)]
    loop.csv("pool.csv", rows, ("id", "text"))
    loop.doc("seed")
    with Terminal(loop) as terminal:
        text = terminal.until(
            "0 of 20", "next [bold]line[/]", "␛]0;owned␇␛[2J␛[31mred\N{REPLACEMENT CHARACTER}0m"
        )
    assert "\u202e" not in text
    for obeyed in (b"\x1b]0;", b"\x1b[2J\x1b[31m", b"\xc2\x9b", "\u202e".encode()):
        assert obeyed not in terminal.raw


@pytest.mark.slow
def test_a_long_text_scrolls(at):
    loop = at("new")
    words = " ".join(f"word{n}" for n in range(400))
    loop.csv("pool.csv", [(f"r{n:03d}", f"begin{n} {words} end{n}") for n in range(60)], ("id", "text"))
    loop.doc("seed")
    with Terminal(loop) as terminal:
        assert "word399" not in terminal.until("begin", "word10", "q quit")
        terminal.type(" ", "word200")
        terminal.type("\x1b[F", "word399", "end")
        terminal.type("\x1b[H", "begin")


SIZES = [(15, 60), *(pytest.param(size, marks=pytest.mark.slow) for size in ((24, 80), (10, 40), (50, 200)))]


@pytest.mark.parametrize("size", SIZES)
def test_every_window_shows_the_row_the_classes_and_the_way_out(loop, size):
    with Terminal(loop, size=size) as terminal:
        shown = texts(loop)[loop.asked(1)[0]]
        text = terminal.until("0 of 6", shown[:15], "1 food", "2 pets", "? help", "q quit")
        assert max(map(len, text.splitlines())) <= size[1]


@pytest.mark.slow
def test_a_window_may_change_its_size(loop):
    with Terminal(loop, size=(40, 120)) as terminal:
        terminal.until("0 of 6", "n new class")
        terminal.resize(15, 60)
        terminal.type("1", "1 of 6", "q quit")
        terminal.until("2 pets")
        terminal.resize(30, 100)
        terminal.type("1", "2 of 6", "q quit")
        assert "2 new answers." in terminal.end()


def test_many_classes_are_found_by_typing(loop):
    names = [
        f"{word} {n}"
        for n in range(11)
        for word in ("card", "cash", "top up", "refund", "fee", "limit", "pin")
    ]
    loop.config(task={"classes": ["food", "pets", *names]})
    with Terminal(loop) as terminal:
        text = terminal.until("0 of 6", "/ finds any of 79 classes", "1 food", "3 card 0")
        assert not re.search(r"(^|\s)[scbuzn] [a-z]+ \d", text)  # a command's key is no class's
        terminal.type("/refund 9", "Find a class", "refund 9")
        terminal.type("\r", "1 of 6")
        terminal.type("/up 1", "top up 1", "top up 10")
        terminal.type("\x1b[B\r", "2 of 6")
        terminal.type("/no such class\r", "no class has that")
        terminal.type(ESCAPE, "q quit")
        terminal.type("y", "3 of 6")
        terminal.end()
    assert [row["label"] for row in new(loop).values()] == ["refund 9", "top up 10", "fee 3"]


def test_what_ingest_took_meanwhile_is_changed_and_not_taken_back(loop):
    with Terminal(loop) as terminal:
        terminal.until("0 of 6")
        terminal.type("1", "1 of 6")
        assert loop.doc("ingest", loop.root / JOURNAL)["counts"]["new"] == 1
        terminal.type("z", "nothing to take back", "1 of 6")
        terminal.type("b2", "1 of 6")
        terminal.end()
    rows = [row for row in loop.ledger() if row["round"] == 1]
    assert [row["label"] for row in rows] == ["food", "pets"]
    assert loop.labels()[rows[0]["id"]] == "pets"


def test_the_result_is_ingests_document_and_stdout_may_be_a_file(loop):
    to_file = "import os; os.dup2(os.open('out.json', os.O_WRONLY | os.O_CREAT), 1)"
    with Terminal(loop, "--json", code=to_file) as terminal:
        terminal.until("0 of 6")
        terminal.type("1", "1 of 6")
        terminal.end()
    document = json.loads((loop.root / "out.json").read_text())
    assert (document["command"], document["changed"], document["left"]) == ("label", True, 5)
    assert document["counts"]["new"] == 1


@pytest.mark.slow
def test_no_color_is_obeyed(loop):
    for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        with Terminal(loop, env=env) as terminal:
            terminal.until("q quit")
            terminal.end()
        codes = [code for part in re.findall(rb"\x1b\[([0-9;]*)m", terminal.raw) for code in part.split(b";")]
        assert any(re.fullmatch(rb"3[0-7]|9[0-7]|38", code) for code in codes) is coloured


@pytest.mark.parametrize("closed", ["stdin", "stderr"])
def test_without_a_terminal_it_says_so_at_once(loop, closed):
    own, theirs = pty.openpty()
    streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs} | {closed: subprocess.PIPE}
    done = subprocess.run(
        [sys.executable, "-m", "alcli", "label"], cwd=loop.root, check=False, timeout=60, **streams
    )
    os.close(theirs)
    words = done.stderr if closed == "stderr" else os.read(own, 1 << 16)
    os.close(own)
    assert done.returncode == 1
    assert b"needs a terminal" in words
    assert b"Traceback" not in words
    loop.refused("label", kind="state", says="needs a terminal", hint="alcli ingest FILE")


def test_a_terminal_that_cannot_draw_is_refused(loop):
    with Terminal(loop, env={"TERM": "dumb"}) as terminal:
        assert "TERM is dumb" in terminal.end("", code=1)


def test_without_the_extra_the_error_names_it(loop, tmp_path):
    (tmp_path / "textual.py").write_text("raise ModuleNotFoundError('no textual', name='textual')")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    with Terminal(loop, env={"PYTHONPATH": path}) as terminal:
        text = terminal.end("", code=1)
    assert "pip install 'alcli[label]'" in text
    assert "Traceback" not in text


def test_a_wrong_round_or_file_is_refused(loop):
    loop.refused("label", "--round", "7", kind="state", says="round 007 has asked nothing", hint="001")
    loop.refused(
        "label", loop.csv("x.csv", [("r001", "pets")], ("key", "label")), kind="data", says="no column 'id'"
    )
    loop.alcli("label", "--round", "1", "x.csv", code=2)
    (loop.root / "rounds/001/query.csv").unlink()
    loop.refused(
        "label", kind="state", says="the query file is gone", where="rounds/001/query.csv", hint="alcli query"
    )


def test_before_seed_there_is_nothing_to_label(at):
    at("new").refused("label", kind="state", says="no seed set yet", hint="alcli seed")


@pytest.mark.slow
def test_late_rows_of_an_older_round_come_after_those_of_the_newest(loop):
    ids = loop.asked(1)
    late = loop.asked(0)[:1]
    loop.doc("ingest", "--retract", "rounds/000/query.csv")
    answered = loop.csv("rest.csv", [(id_, truth(id_)) for id_ in [*loop.asked(0)[1:], *ids]])
    loop.doc("ingest", answered)
    with Terminal(loop) as terminal:
        terminal.until("round 000", "19 of 20", texts(loop, "rounds/000/query.csv")[late[0]][:40])


def _guide_screen(loop):
    """The screen of docs/label.md; the times in its head line are another day's."""
    messages = (
        "My card has not come yet, two weeks after I ordered it. Can you find out where it is?",
        "The rate that was applied to my transfer is not the one that the app had shown.",
        "You took a fee for cash from a machine, although the first 200 a month are free.",
        "Your app refuses the card of my other bank and says that such cards cannot top up. It did in May.",
    )
    rows = [
        (f"m{n:03d}", f"{messages[n % 4]} (No. {n})", ("app", "email", "phone")[n % 3], ("en", "fr")[n % 2])
        for n in range(150)
    ]
    loop.csv("pool.csv", rows, ("id", "message", "channel", "country"))
    classes = [
        "card",
        "cash",
        "exchange rate",
        "fee",
        "identity check",
        "top up",
        "transfer",
        "something else",
    ]
    loop.config(
        features={"text": ["message"], "categorical": ["channel", "country"]},
        task={"classes": classes},
        seed={"size": 92, "strategy": "random"},
    )
    loop.doc("seed")
    with Terminal(loop, "--annotator", "anna") as terminal:
        terminal.until("0 of 100", "q quit")
        for number in range(12):
            terminal.type(f"{1 + number % 8}", f"{number + 1} of 100")
        terminal.type("b", "answered fee")
        terminal.type("cwhich card?\r", "comment which card?", "q quit")
        return terminal.text


@pytest.mark.slow
def test_the_guide_shows_a_real_screen(at):
    head, *below = _guide_screen(at("new")).splitlines()
    guide = (Path(__file__).parents[2] / "docs/label.md").read_text()
    shown_head, *shown = re.search(r"```text\n(.*?)\n```", guide, re.DOTALL)[1].splitlines()
    assert shown == below
    assert shown_head.split(" · ")[0].split() == head.split(" · ")[0].split()
