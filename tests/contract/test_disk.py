"""A full disk, a file that may not grow, a read-only directory: clear words, and nothing half done."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

STEPS = ("seed", "ingest", "train", "score", "query")
_LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)), resource.RLIM_INFINITY))
from alcli.cli import main
main()
"""


def mounted(folder, *options):
    """Mount a file system; the test is skipped where that is not allowed."""
    if shutil.which("mount") is None:
        pytest.skip("there is no mount here")
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")


def before(lab, step):
    """The project as it is before a step; the command."""
    for done in STEPS[: STEPS.index(step)]:
        if done == "ingest":
            lab("ingest", lab.labels(lab.ids(0)))
        else:
            lab(done)
    if step == "ingest":
        return ["ingest", lab.labels(lab.ids(0))]
    return [step]


@pytest.fixture
def small_disk(make_lab):
    """A project alone on a disk of 3 MiB."""
    folder = Path(tempfile.mkdtemp(prefix="alcli-small-disk-"))
    mounted(folder, "-t", "tmpfs", "-o", "size=3m", "tmpfs")
    try:
        lab = make_lab("text")
        lab.root.rename(lab.root.with_name("elsewhere"))
        shutil.copytree(lab.root.with_name("elsewhere"), folder / "project")
        lab.root = folder / "project"
        yield lab
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)
        folder.rmdir()


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("left", [0, 4096, 3 * 4096])
def test_on_a_full_disk_a_command_says_so_and_runs_through_once_there_is_space(small_disk, step, left):
    lab = small_disk
    command = before(lab, step)
    filler = lab.root.parent / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            size = file.tell()
        file.truncate(size - left)
    files = lab.bytes()
    document = lab(*command, code=1)
    assert "no space is left on the disk" in document["error"]["message"]
    assert document["error"]["where"]
    assert "free some space" in document["error"]["hint"]
    assert lab.bytes() == files
    assert not (lab.root / ".alcli/staged").exists()
    assert lab("status")["command"] == "status"
    filler.unlink()
    assert lab(*command)["changed"] is True


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_a_file_that_may_grow_no_further_is_named_and_nothing_is_written(make_lab, step):
    lab = make_lab("text")
    command = before(lab, step)
    files = lab.bytes()
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, "700", *map(str, command)],
        cwd=lab.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "error" in done.stderr
    assert lab.bytes() == files
    assert lab(*command)["changed"] is True


@pytest.mark.parametrize("step", STEPS)
def test_in_a_read_only_directory_a_command_says_so(make_lab, step):
    lab = make_lab("text")
    command = before(lab, step)
    mounted(lab.root, "--bind", str(lab.root))
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(lab.root)], check=True)
        error = lab.fails(*command)
        assert "the file system is read-only" in error
        assert ".alcli" in error
        assert lab("status")["command"] == "status"
    finally:
        subprocess.run(["umount", "--lazy", str(lab.root)], check=False)
    assert lab(*command)["changed"] is True
