"""A command that dies at any moment is simply run again: it ends with the bytes of an undisturbed run.

A small server process imports alcli once and forks a child for each command, so that hundreds of deaths
take seconds. A child kills itself with SIGKILL at its n-th file-system event in the project (Python's
audit events), or is killed by a timer after some milliseconds, wherever it is then.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from alcli.labeling import Journal, Session, Wanted, open_work
from alcli.project import Project
from alcli.project.answers import LABELED

SERVER = """
import gc, importlib, json, os, pathlib, pkgutil, signal, sys
import alcli, alcli.cli
import pyarrow.dataset, sklearn.cluster, sklearn.linear_model, scipy.sparse
for module in pkgutil.walk_packages(alcli.__path__, "alcli."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree"}

def child(order):
    root = pathlib.Path(order["root"])
    for stream, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{order['log']}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    os.chdir(root)
    if order.get("uid"):
        os.setgroups([]); os.setgid(order["uid"]); os.setuid(order["uid"])
    seen, kill_at, inside = [0], order.get("kill_at", 0), str(root)
    def hook(event, arguments):
        if event in EVENTS and arguments and isinstance(arguments[0], (str, bytes, os.PathLike)):
            path = os.path.abspath(os.fsdecode(arguments[0]))
            if path.startswith(inside):
                seen[0] += 1
                if seen[0] == kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
    if order.get("kill_after"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, order["kill_after"])
    sys.argv = ["alcli", *order["arguments"]]
    code = 70
    try:
        alcli.cli.main()
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        import traceback
        traceback.print_exc()
    signal.setitimer(signal.ITIMER_REAL, 0)
    if order.get("count"):
        pathlib.Path(order["log"] + ".events").write_text(str(seen[0]))
    sys.stdout.flush(); sys.stderr.flush()
    os._exit(code)

gc.freeze()
print("ready", flush=True)
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        child(json.loads(line))
    _, status = os.waitpid(pid, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


class Server:
    """Runs commands in forked children of a process that has alcli imported."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout.readline() == "ready\n"

    def run(self, root: Path, *arguments: str, **order) -> int:
        """The exit code of a command; minus the signal that ended it."""
        line = {"root": str(root), "log": str(self.log), "arguments": list(arguments), **order}
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def text(self, name: str) -> str:
        """What the last child wrote: out, err or events."""
        return Path(f"{self.log}.{name}").read_text()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server") / "child")
    yield server
    server.process.communicate()


def before_seed(_lab):
    return ["seed"]


def before_ingest(lab):
    lab("seed")
    lab.labels(lab.ids(0))
    return ["ingest", "answers.csv"]


def before_train(lab):
    lab.seeded()
    return ["train"]


def before_train_again(lab):
    """A model and scores are there, and labels were added since: they are replaced."""
    lab("seed")
    lab("ingest", lab.labels(lab.ids(0)[:15], "some.csv"))
    lab("train")
    lab("score")
    lab("ingest", lab.labels(lab.ids(0), "all.csv"))
    return ["train"]


def before_score(lab):
    before_train(lab)
    lab("train")
    return ["score"]


def before_score_again(lab):
    before_score(lab)
    lab("score")
    return ["score", "--set", "query.strategy=entropy"]


def before_query(lab):
    before_score(lab)
    lab("score")
    return ["query"]


def before_query_with_doubts(lab):
    lab.configure(
        query={"batch_size": 6, "relabel": 0.5}, seed={"size": 24}, split={"validation": 10, "reserve": 5}
    )
    before_train(lab)
    lab("train")
    lab("score")
    return ["query", "--annotators", "ann,ben"]


def before_second_opinions(lab):
    """Rows asked once more: one answer is as before, the others are not, so that these are in dispute."""
    before_query_with_doubts(lab)
    lab("query")
    again = [row["id"] for row in lab.asked(1).to_pylist() if row["reason"] == "relabel"]
    told = [lab.data.truth[again[0]], *(("sea", "sky")[lab.data.truth[id_] == "sea"] for id_ in again[1:])]
    lines = [f"{id_},{label},ann" for id_, label in zip(again, told, strict=True)]
    (lab.root / "second.csv").write_text("\n".join(["id,label,annotator", *lines]) + "\n")
    return ["ingest", "second.csv"]


def before_more(lab):
    before_query(lab)
    lab("query")
    return ["query", "--more", "7"]


def before_release(lab):
    before_query(lab)
    lab("query")
    lab("ingest", lab.labels(lab.ids(1)[:5], "some.csv"))
    return ["query", "--release"]


def before_extension(lab):
    before_query(lab)
    return ["seed", "--extend-validation", "3"]


def before_retract(lab):
    before_query(lab)
    lab("query")
    lab.answer(1)
    return ["ingest", "--retract", "answers-1.csv"]


def before_relabel(lab):
    before_query(lab)
    lab("query", "--release")
    return ["relabel", "--map", "sea=sky", "--map", "sky=sea", "--reopen", "stone"]


def before_next_round(lab):
    before_query(lab)
    lab("query")
    lab.answer(1)
    return ["train"]


def before_skip_invalid(lab):
    lab("seed")
    lab.labels([*lab.ids(0), "nobody"], "answers.csv", label="sea")
    return ["ingest", "answers.csv", "--skip-invalid"]


def before_label(lab):
    """All rows were answered in a session that was cut off before it gave the answers to ingest."""
    lab("seed")
    work = open_work(Project.open(lab.root), Wanted(), "")
    session = Session(work, Journal(work.journal, ""))
    for row in session.rows:
        session.answer(LABELED, lab.data.truth[row.id])
    return ["label"]


STATES = [
    before_seed,
    before_ingest,
    before_skip_invalid,
    before_train,
    before_train_again,
    before_score,
    before_score_again,
    before_query,
    before_query_with_doubts,
    before_second_opinions,
    before_more,
    before_release,
    before_extension,
    before_retract,
    before_relabel,
    before_next_round,
    before_label,
]


class Trials:
    """One state of a project, from which a command is run again and again."""

    def __init__(self, lab, command, server, folder):
        self.lab, self.command, self.server, self.folder = lab, command, server, folder
        self.trial = folder / "trial"
        started = time.monotonic()
        assert self.run(self.fresh(), count=True) == 0, server.text("err")
        self.seconds = time.monotonic() - started
        self.events = int(server.text("events"))
        self.wanted = self.contents()
        assert self.wanted != lab.bytes()

    def fresh(self):
        """A copy of the project as it was."""
        shutil.rmtree(self.trial, ignore_errors=True)
        shutil.copytree(self.lab.root, self.trial)
        return self.trial

    def run(self, root, **order):
        return self.server.run(root, *self.command, **order)

    def contents(self):
        return type(self.lab)(self.trial, self.lab.data).bytes()

    def unfinished(self):
        """Whether the dead command left word that it had not ended."""
        return any((self.trial / ".alcli" / name).exists() for name in ("journal.json", "done.json"))

    def die_and_run_again(self, **order):
        """Whether it died; either way a second run must end with the bytes of an undisturbed one."""
        code = self.run(self.fresh(), **order)
        assert code in {0, -signal.SIGKILL, -signal.SIGALRM}, self.server.text("err")
        assert self.server.run(self.trial, "status") == 0, f"{order}: {self.server.text('err')}"
        if "--more" in self.command and self.contents() == self.wanted and not self.unfinished():
            return code != 0  # it died after its very last word: run again, it rightly asks for more
        again = self.run(self.trial)
        assert again == 0, f"{order}: {self.server.text('err')}"
        assert self.contents() == self.wanted, order
        left = {path.name for path in (self.trial / ".alcli").iterdir()}
        assert left <= {"lock", "label", "digests.json"}, order
        assert not list(self.trial.rglob("*.tmp-*")), order
        return code != 0


@pytest.fixture(params=STATES, ids=lambda state: state.__name__.removeprefix("before_"))
def trials(request, make_lab, server, tmp_path):
    lab = make_lab("embedding", 120, seed={"size": 12}, split={"validation": 10, "reserve": 5})
    lab.configure(query={"batch_size": 6}, seed={"size": 12}, split={"validation": 10, "reserve": 5})
    return Trials(lab, request.param(lab), server, tmp_path)


@pytest.mark.slow
def test_killed_at_any_file_system_event_a_command_is_simply_run_again(trials):
    moments = np.unique(np.linspace(1, trials.events, 10).round().astype(int)).tolist()
    moments += range(max(1, trials.events - 9), trials.events + 1)  # the commit, event by event
    deaths = [trials.die_and_run_again(kill_at=moment) for moment in sorted(set(moments))]
    assert sum(deaths) > 10


@pytest.mark.slow
def test_killed_at_any_moment_a_command_is_simply_run_again(trials):
    rng = np.random.default_rng(0)
    for moment in rng.uniform(0.001, trials.seconds, 5):
        trials.die_and_run_again(kill_after=float(moment))


@pytest.mark.slow
def test_real_processes_killed_from_outside_leave_nothing_that_a_second_run_does_not_put_right(make_lab):
    """Each step of a loop is killed once, then run again; another loop is left in peace."""
    rng = np.random.default_rng(1)
    calm, rough = (make_lab("text", 400, name=name) for name in ("calm", "rough"))
    calm.seeded().one_round(1)
    for step in ("seed", "ingest 0", "train", "score", "query", "ingest 1"):
        name, *number = step.split()
        command = [name]
        if number:
            rough.labels(rough.ids(int(number[0])), f"answers-{number[0]}.csv")
            command.append(f"answers-{number[0]}.csv")
        process = subprocess.Popen(
            [sys.executable, "-m", "alcli", *command], cwd=rough.root, stdout=subprocess.DEVNULL
        )
        time.sleep(rng.uniform(0.3, 1.2))
        process.kill()
        process.wait()
        assert rough.shell("status").returncode == 0
        rough(name, *(rough.root / file for file in command[1:]))
    assert rough.bytes() == calm.bytes()
