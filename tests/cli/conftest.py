"""A project directory, and the commands that a person types in it."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from alcli.cli import app

_WORDS = {
    "pets": ("dog", "cat", "puppy", "kitten", "paw", "tail", "bark", "meow", "leash", "collar", "fur"),
    "food": ("bread", "cheese", "soup", "apple", "spoon", "dinner", "lunch", "pepper", "salt", "rice", "jam"),
}
CONFIG = """\
pool: pool.csv
features: {text: [text]}
split: {validation: 8, reserve: 4}
seed: {size: 12}
query: {batch_size: 6, strategy: margin}
"""
DOCUMENT = ("command", "round", "changed", "counts", "files", "warnings")


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


class Loop:
    """A project directory; `pool.csv` has 80 short texts, of pets (even ids) and food (odd ones)."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def alcli(self, command: str, *args: Any, code: int = 0) -> Outcome:
        """Run one command here, as typed; it must end with that exit code, and never in a traceback."""
        line = [command, "-C", str(self.root), *map(str, args)]
        result = CliRunner().invoke(app, line, catch_exceptions=False)
        outcome = Outcome(result.exit_code, result.stdout, result.stderr)
        assert outcome.code == code, outcome
        return outcome

    def doc(self, command: str, *args: Any, code: int = 0) -> dict[str, Any]:
        """What the command says with --json: one document on stdout, and nothing else anywhere."""
        outcome = self.alcli(command, *args, "--json", code=code)
        assert outcome.err == ""
        assert outcome.out.count("\n") == 1
        document: dict[str, Any] = json.loads(outcome.out)
        assert tuple(document)[: len(DOCUMENT)] == DOCUMENT
        assert document["command"] == command
        return document

    def refused(
        self, command: str, *args: Any, kind: str, says: str, where: str = "", hint: str = ""
    ) -> None:
        """The command ends with exit code 1 and one clear error, in words and as JSON, and writes nothing."""
        before = self.tree()
        words = self.alcli(command, *args, code=1)
        assert words.out == ""
        assert words.err.startswith("error: ")
        assert "Traceback" not in words.err
        document = self.alcli(command, *args, "--json", code=1)
        assert document.err == ""
        error = json.loads(document.out)["error"]
        assert list(error) == ["kind", "message", "where", "hint"]
        assert error["kind"] == kind, error
        assert says in error["message"], error
        assert where in (error["where"] or ""), error
        assert hint in (error["hint"] or ""), error
        assert error["message"] in words.err
        assert self.tree() == before

    def tree(self) -> dict[str, str]:
        """sha256 of every file, `.alcli` aside."""
        if not self.root.exists():
            return {}
        names = {path.relative_to(self.root).as_posix(): path for path in self.root.rglob("*")}
        return {
            name: hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
            for name, path in names.items()
            if not name.startswith(".alcli")
        }

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def csv(self, name: str, rows: Iterable[Sequence[Any]], header: Sequence[str] = ("id", "label")) -> Path:
        path = self.root / name
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *rows])
        return path

    def asked(self, round_: int = 0) -> list[str]:
        """The ids of a round's query.csv, in its order."""
        with (self.root / f"rounds/{round_:03d}/query.csv").open(newline="") as file:
            return [row["id"] for row in csv.DictReader(file)]

    def of_split(self, split: str) -> list[str]:
        return [row["id"] for row in self.table("splits.parquet") if row["split"] == split]

    def table(self, name: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = pq.read_table(self.root / name).to_pylist()
        return rows

    def content(self, name: str) -> bytes | None:
        """A file's bytes; None where there is none."""
        path = self.root / name
        return path.read_bytes() if path.exists() else None

    def labels(self) -> dict[str, str]:
        return {row["id"]: row["label"] for row in self.table("labels.parquet")}

    def ledger(self) -> list[dict[str, Any]]:
        return [row for path in sorted((self.root / "ledger").glob("*")) for row in self.table(path)]

    def answer(self, round_: int = 0, truth: Callable[[str], str] | None = None) -> Path:
        """Fill in a round's query.csv."""
        truth = truth or topic
        path = self.root / f"rounds/{round_:03d}/query.csv"
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        return self.csv(
            f"rounds/{round_:03d}/query.csv",
            [[*list(r.values())[:-1], truth(r["id"])] for r in rows],
            list(rows[0]),
        )

    def config(self, **sections: Any) -> None:
        """Rewrite alcli.yaml: the usual one with some sections replaced; JSON is YAML."""
        lines = [line for line in CONFIG.splitlines() if line.split(":")[0] not in sections]
        lines += [f"{key}: {json.dumps(value)}" for key, value in sections.items()]
        self.write("alcli.yaml", "\n".join(lines) + "\n")

    def line(self, key: str) -> int:
        """The line of alcli.yaml in which a top-level key stands."""
        lines = (self.root / "alcli.yaml").read_text().splitlines()
        return 1 + next(number for number, line in enumerate(lines) if line.startswith(f"{key}:"))


def topic(id_: str) -> str:
    """The true label of a row of the usual pool."""
    return ("pets", "food")[int(id_.removeprefix("r")) % 2]


def pool_rows(n_rows: int = 80, first: int = 0) -> list[tuple[str, str]]:
    """(id, text); the words of a text are those at the set bits of its number: no two are alike."""
    return [(f"r{n:03d}", text_of(n)) for n in range(first, first + n_rows)]


def text_of(number: int) -> str:
    words = _WORDS[("pets", "food")[number % 2]]
    chosen = [words[(number * step + step) % len(words)] for step in (1, 2, 3, 5)]
    return " ".join([*chosen, f"word{number}", f"sign{number * 7 % 83}"])


def _at_stages(root: Path) -> Mapping[str, Path]:
    """A project copied at every stage of its first two rounds."""
    loop = Loop(root / "loop")
    loop.write("alcli.yaml", CONFIG)
    loop.csv("pool.csv", pool_rows(), ("id", "text"))
    stages: dict[str, Path] = {}

    def keep(stage: str) -> None:
        stages[stage] = root / stage
        shutil.copytree(loop.root, stages[stage])

    keep("new")
    loop.alcli("seed")
    keep("seeded")
    loop.alcli("ingest", loop.answer())
    keep("labeled")
    loop.alcli("train")
    keep("trained")
    loop.alcli("score")
    keep("scored")
    loop.alcli("query")
    keep("queried")
    loop.alcli("ingest", loop.answer(1))
    keep("answered")
    return stages


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    return _at_stages(tmp_path_factory.mktemp("stages"))


@pytest.fixture
def at(stages: Mapping[str, Path], tmp_path: Path) -> Callable[[str], Loop]:
    """`at("scored")`: a project of one's own that stands there."""

    def copy(stage: str) -> Loop:
        shutil.copytree(stages[stage], tmp_path / "project")
        return Loop(tmp_path / "project")

    return copy


@pytest.fixture
def empty(tmp_path: Path) -> Loop:
    """A project directory that is not there yet."""
    return Loop(tmp_path / "project")
