"""One alcli at a time works in a project; the lock falls free however its holder ends. Real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest


@pytest.fixture
def lab(make_lab):
    """A project whose `score` takes long enough to be met at work."""
    lab = make_lab("text", 20_000).seeded()
    lab("train")
    return lab


@pytest.fixture
def at_work(lab):
    """`alcli score` with the lock held, stopped there until it is told to go on."""
    process = subprocess.Popen(
        [sys.executable, "-m", "alcli", "score"],
        cwd=lab.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    holder = lab.root / ".alcli/lock.json"
    try:
        while not (holder.exists() and holder.read_text().endswith("}")):
            assert process.poll() is None
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGSTOP)
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_second_command_exits_75_and_names_the_holder(lab, at_work):
    before = lab.bytes()
    second = lab.shell("train")
    assert second.returncode == 75
    assert "another alcli is at work here" in second.stderr
    assert "`alcli score`" in second.stderr
    assert f"process {at_work.pid}" in second.stderr
    assert lab.bytes() == before

    document = lab.shell("query", "--json")
    assert document.returncode == 75
    assert json.loads(document.stdout)["error"]["kind"] == "locked"

    os.kill(at_work.pid, signal.SIGCONT)
    assert at_work.wait() == 0
    assert lab("query")["changed"] is True


def test_status_needs_no_lock(lab, at_work):
    status = lab.shell("status", "--json")
    assert status.returncode == 0
    assert json.loads(status.stdout)["stage"] == "trained"
    assert at_work.poll() is None


def test_after_kill_9_of_the_holder_the_lock_is_free(lab, at_work):
    at_work.kill()
    at_work.wait()
    assert lab("score")["changed"] is True


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_command_leaves_nothing_behind(lab, at_work, number, code):
    before = lab.bytes()
    os.kill(at_work.pid, number)
    os.kill(at_work.pid, signal.SIGCONT)
    _, errors = at_work.communicate()
    assert at_work.returncode == code
    assert "Traceback" not in errors
    assert lab.bytes() == before
    assert not (lab.root / ".alcli/staged").exists()
    assert lab("score")["changed"] is True


def test_of_many_at_once_one_works_and_the_others_say_so(make_lab):
    lab = make_lab("embedding")
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "alcli", "seed", "-q"], cwd=lab.root, stderr=subprocess.DEVNULL
        )
        for _ in range(4)
    ]
    codes = [process.wait() for process in processes]
    assert 0 in codes
    assert set(codes) <= {0, 75}
    assert lab("seed")["changed"] is False
