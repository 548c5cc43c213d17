"""Several files changed as one: all of them, or, after a crash at any moment, none or all at the next start.

New files are written under `.alcli/staged/`. To commit, a journal naming the moves is written; then
the files move to their places and the journal goes. A command that finds a journal finishes its moves
first; one that finds staged files without a journal sweeps them away.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alcli.project.manifest import File, Round
from alcli.tables.atomic import atomic_write, file_error, fsync, sha256_file

_DONE = "done.json"


class Transaction:
    """Files to be written in a project; paths are relative to it."""

    def __init__(self, root: Path, scratch: Path, command: str) -> None:
        self._root = root
        self._command = command
        self._staged = scratch / "staged"
        self._journal = scratch / "journal.json"
        self._moves: list[str] = []
        self._removals: list[str] = []

    def path(self, target: str) -> Path:
        """Where to write what shall become the file or folder `target`, replacing what is there."""
        if target not in self._moves:
            self._moves.append(target)
        staged = self._staged / target
        staged.parent.mkdir(parents=True, exist_ok=True)
        return staged

    def folder(self, target: str) -> Path:
        """A new, empty folder that shall become the folder `target`."""
        staged = self.path(target)
        staged.mkdir(parents=True, exist_ok=True)
        return staged

    def write(self, target: str, content: str | bytes) -> None:
        """Stage a small file."""
        staged = self.path(target)
        staged.write_bytes(content.encode() if isinstance(content, str) else content)

    def file(self, target: str, rows: int | None = None) -> File:
        """The identity of a staged file, for the manifest."""
        return File(sha256_file(self._staged / target), rows)

    def record(self, round_: Round) -> None:
        """Stage the round's `round.json`."""
        self.write(f"{round_.folder}/round.json", round_.to_json())

    def remove(self, target: str) -> None:
        """What is at `target` goes when the transaction commits."""
        self._removals.append(target)

    def commit(self) -> None:
        """Make it so: from here on a crash is finished by the next command."""
        for path in [*self._staged.rglob("*"), self._staged] if self._staged.exists() else []:
            fsync(path)
        atomic_write(
            self._journal,
            json.dumps({"command": self._command, "move": self._moves, "remove": self._removals}),
        )
        _finish(self._root, self._staged, self._journal)


def _finish(root: Path, staged: Path, journal: Path) -> None:
    """Carry out a journal; doing it twice, or half and then whole, comes to the same."""
    steps = json.loads(journal.read_text())
    for target in steps["remove"]:
        _delete(root / target)
    for target in steps["move"]:
        source, final = staged / target, root / target
        if not source.exists():
            continue  # moved before the crash
        final.parent.mkdir(parents=True, exist_ok=True)
        if final.is_dir():
            _delete(final)
        source.replace(final)
        fsync(final.parent)
    fsync(root)
    shutil.rmtree(staged, ignore_errors=True)
    journal.replace(journal.with_name(_DONE))  # until the command ends, it may still die without a word


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def recover(root: Path, scratch: Path) -> str | None:
    """Finish a commit that was cut off, and sweep what an uncommitted command left. The lock must be held.

    Returns:
        The command that was killed after its commit began, if there was one: its work is done.
    """
    journal, staged, done = scratch / "journal.json", scratch / "staged", scratch / _DONE
    killed = None
    try:
        if journal.exists():
            _finish(root, staged, journal)
        if done.exists():
            killed = str(json.loads(done.read_text())["command"])
            done.unlink()
        for folder in (staged, scratch / "ids"):
            if folder.exists():
                shutil.rmtree(folder)
        for leftover in scratch.glob(".*.tmp-*"):
            leftover.unlink()
    except OSError as error:
        raise file_error(error) from error
    return killed


def moving(scratch: Path) -> frozenset[str]:
    """What a commit under way, or cut off, replaces: a reader without the lock may meet it half done."""
    try:
        return frozenset(json.loads((scratch / "journal.json").read_text())["move"])
    except OSError:
        return frozenset()


def end(scratch: Path) -> None:
    """The command that committed has ended as it should."""
    (scratch / _DONE).unlink(missing_ok=True)


@contextmanager
def transaction(root: Path, scratch: Path, command: str) -> Iterator[Transaction]:
    """Stage files in the block; they are committed together when it ends well, swept away when not."""
    change = Transaction(root, scratch, command)
    try:
        yield change
        change.commit()
    except BaseException as error:
        if not (scratch / "journal.json").exists():
            shutil.rmtree(scratch / "staged", ignore_errors=True)
        if isinstance(error, OSError):
            raise file_error(error) from error
        raise
