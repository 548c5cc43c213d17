"""Tiny projects on real files, run through the command line, and an oracle that answers what they ask."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

CLASSES = ("sea", "sky", "stone")
_WORDS = {
    "sea": "wave tide reef harbour sail gull salt anchor drift shoal current kelp",
    "sky": "cloud wing star breeze thunder height flight moon ray gust dawn comet",
    "stone": "quartz cliff pebble granite ore quarry slate crystal cave marble ridge flint",
}
_COMMON = "the a of with near under over every small large old new grey white long found"
_OUTSIDE_THE_CONTRACT = {".alcli", "round.log.jsonl"}


@dataclass(frozen=True)
class Data:
    """A pool and everybody's answer to each of its rows."""

    table: pa.Table
    truth: Mapping[str, str]
    features: Mapping[str, Any]

    def shuffled(self, seed: int = 1) -> Data:
        """The same rows in another order."""
        order = np.random.default_rng(seed).permutation(self.table.num_rows)
        return Data(self.table.take(pa.array(order)), self.truth, self.features)

    def with_rows(self, rows: Iterable[Mapping[str, Any]]) -> Data:
        """With further rows at the end."""
        more = pa.Table.from_pylist(list(rows), schema=self.table.schema)
        return Data(pa.concat_tables([self.table, more]), self.truth, self.features)

    def repeated(self, times: int) -> Data:
        """Every row so many times, the copies under ids of their own: `r00007-copy-3`."""
        names = [f"-copy-{n}" if n else "" for n in range(times)]
        rows = [{**row, "id": row["id"] + name} for name in names for row in self.table.to_pylist()]
        truth = {id_ + name: label for name in names for id_, label in self.truth.items()}
        return Data(pa.Table.from_pylist(rows, schema=self.table.schema), truth, self.features)

    def write_parquet(self, path: Path) -> Path:
        """One file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(self.table, path)
        return path

    def write_csv(self, path: Path) -> Path:
        """One file; embeddings as `[0.1, 0.2]`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        table = self.table
        for n, field in enumerate(table.schema):
            if pa.types.is_fixed_size_list(field.type):
                cells = [json.dumps([float(str(np.float32(x))) for x in v]) for v in table[n].to_pylist()]
                table = table.set_column(n, field.name, pa.array(cells))
        pa_csv.write_csv(table, path)
        return path

    def write_folder(self, path: Path, cuts: Iterable[int]) -> Path:
        """Several files of unequal size, in small row groups."""
        path.mkdir(parents=True)
        edges = [0, *cuts, self.table.num_rows]
        for n, (start, end) in enumerate(pairwise(edges)):
            pq.write_table(self.table.slice(start, end - start), path / f"{9 - n}.parquet", row_group_size=17)
        return path


def make_data(kind: str, rows: int = 240, seed: int = 0) -> Data:
    """A pool of one feature kind (text, mixed, embedding), three classes that overlap somewhat."""
    rng = np.random.default_rng(seed)
    y = rng.integers(3, size=rows)
    ids = [f"r{n:05d}" for n in rng.permutation(rows)]
    columns: dict[str, Any] = {"id": pa.array(ids)}
    if kind == "text":
        columns["text"] = pa.array([_text(rng, int(label)) for label in y])
        features: dict[str, Any] = {"text": ["text"]}
    elif kind == "mixed":
        columns["size"] = pa.array(np.round(rng.normal(size=rows) + y, 4))
        columns["weight"] = pa.array(np.round(rng.normal(size=rows) - y, 4))
        columns["place"] = pa.array(
            [f"place-{(label + int(rng.random() < 0.4)) % 3}" for label in y.tolist()]
        )
        features = {"numeric": ["size", "weight"], "categorical": ["place"]}
    else:
        vectors = (rng.normal(size=(rows, 12)) + 1.2 * np.eye(3, 12)[y]).astype(np.float32)
        columns["vector"] = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), 12)
        features = {"embedding": "vector"}
    truth = {id_: CLASSES[label] for id_, label in zip(ids, y.tolist(), strict=True)}
    return Data(pa.table(columns), truth, features)


def _text(rng: np.random.Generator, label: int) -> str:
    own = _WORDS[CLASSES[label]].split()
    other = _WORDS[CLASSES[int(rng.integers(3))]].split()
    words = [*rng.choice(own, 3), *rng.choice(other, 2), *rng.choice(_COMMON.split(), 4)]
    return " ".join(str(word) for word in rng.permutation(words))


@dataclass
class Lab:
    """A project directory, its pool, and the people who answer."""

    root: Path
    data: Data

    def configure(self, **sections: Any) -> Lab:
        """Write `alcli.yaml`: small sizes, with these sections in place of them or beside them."""
        config: dict[str, Any] = {
            "pool": "pool.parquet",
            "features": dict(self.data.features),
            "split": {"validation": 24, "reserve": 12},
            "seed": {"size": 18},
            "query": {"batch_size": 12, "strategy": "margin"},
        }
        for name, section in sections.items():
            old = config.get(name)
            config[name] = {**old, **section} if isinstance(old, dict) else section
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "alcli.yaml").write_text(json.dumps(config, indent=1) + "\n")
        return self

    def __call__(self, *arguments: str | Path, code: int = 0) -> dict[str, Any]:
        """Run a command in this process; its JSON document, after a look at the exit code."""
        from alcli.cli import app

        name, *rest = map(str, arguments)
        result = CliRunner().invoke(app, [name, "-C", str(self.root), "--json", *rest])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, f"alcli {name} {rest}: {result.output}"
        document: dict[str, Any] = json.loads(result.stdout)
        return document

    def fails(self, *arguments: str | Path, code: int = 1) -> str:
        """Run a command that must refuse, writing nothing; the error in one line."""
        before = self.bytes()
        error = self(*arguments, code=code)["error"]
        assert self.bytes() == before
        return " | ".join(error[key] or "" for key in ("where", "message", "hint"))

    def shell(self, *arguments: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run a command in a process of its own, standing in the project."""
        return subprocess.run(
            [sys.executable, "-m", "alcli", *map(str, arguments)],
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
            **more,
        )

    def asked(self, round_: int) -> pa.Table:
        """A round's `selection.parquet`."""
        return pq.read_table(self.root / f"rounds/{round_:03d}/selection.parquet")

    def ids(self, round_: int) -> list[str]:
        """The ids that a round asked."""
        ids: list[str] = self.asked(round_)["id"].to_pylist()
        return ids

    def split(self, *names: str) -> set[str]:
        """The ids of some splits; of the sealed ones where none is named."""
        table = pq.read_table(self.root / "splits.parquet").to_pylist()
        wanted = names or ("validation", "reserve", "held_out")
        return {row["id"] for row in table if row["split"] in wanted}

    def labels(self, ids: Iterable[str], name: str = "answers.csv", label: str | None = None) -> Path:
        """A label file with the oracle's answers (or one and the same label) to some rows."""
        path = self.root / name
        lines = [f"{id_},{label or self.data.truth[id_]}" for id_ in ids]
        path.write_text("\n".join(["id,label", *lines]) + "\n")
        return path

    def answer(self, round_: int, name: str | None = None) -> dict[str, Any]:
        """People answer all of a round's rows."""
        return self("ingest", self.labels(self.ids(round_), name or f"answers-{round_}.csv"))

    def seeded(self) -> Lab:
        """Up to the answers to the seed set."""
        self("seed")
        self.answer(0)
        return self

    def one_round(self, round_: int, *settings: str) -> Lab:
        """train, score, query, and the answers."""
        for step in ("train", "score", "query"):
            self(step, *settings)
        self.answer(round_)
        return self

    def scores(self, round_: int = 1) -> pa.Table:
        """All parts of a round's scores."""
        return pq.read_table(self.root / f"rounds/{round_:03d}/scores")

    def bytes(self) -> dict[str, str]:
        """sha256 of every file of the contract; of a ledger file: of all columns but `ingested_at`."""
        return contents(self.root)

    def stamps(self) -> dict[str, tuple[str, int]]:
        """sha256 of the bytes, and the time of change, of every file outside `.alcli`."""
        return {
            str(path.relative_to(self.root)): (
                hashlib.sha256(path.read_bytes()).hexdigest(),
                path.stat().st_mtime_ns,
            )
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and ".alcli" not in path.parts
        }


def _files(root: Path) -> list[Path]:
    return [
        path
        for path in sorted(root.rglob("*"))
        if path.is_file() and not _OUTSIDE_THE_CONTRACT & set(path.relative_to(root).parts)
    ]


def contents(root: Path) -> dict[str, str]:
    """sha256 of every contract file's content."""
    found = {}
    for path in _files(root):
        content = path.read_bytes()
        if path.parent.name == "ledger" and path.suffix == ".parquet":
            with contextlib.suppress(pa.ArrowInvalid):  # a damaged one is compared by its bytes
                rows = pq.read_table(path).drop_columns(["ingested_at"]).to_pylist()
                content = json.dumps(rows, default=str).encode()
        found[str(path.relative_to(root))] = hashlib.sha256(content).hexdigest()
    return found


MakeLab = Callable[..., Lab]


@pytest.fixture
def make_data_of() -> Callable[..., Data]:
    """`make_data_of(kind, rows, seed)`: a pool and its truth."""
    return make_data


@pytest.fixture
def make_lab(tmp_path: Path) -> MakeLab:
    """`make_lab(kind="embedding", rows=240, name="project", **config_sections)`: a project, before seed."""

    def make(
        kind: str = "embedding",
        rows: int = 240,
        name: str = "project",
        data: Data | None = None,
        **config: Any,
    ) -> Lab:
        data = data or make_data(kind, rows)
        lab = Lab(tmp_path / name, data)
        data.write_parquet(lab.root / "pool.parquet")
        return lab.configure(**config)

    return make


@pytest.fixture(scope="session")
def shown_session() -> Callable[[str], list[tuple[str, str]]]:
    """(command, output) of each `$` line in a page's console blocks."""

    def read(page: str) -> list[tuple[str, str]]:
        text = "\n".join(re.findall(r"```console\n(.*?)```", page, re.DOTALL))
        parts = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
        assert len(parts) > 8
        return [(command, output.strip()) for command, _, output in (part.partition("\n") for part in parts)]

    return read


@pytest.fixture(scope="session")
def without_figures() -> Callable[[str], str]:
    """Words and layout; measured figures may differ in the last digit on another machine."""

    def strip(text: str) -> str:
        lines = [" ".join(line.split()) for line in text.splitlines()]
        return re.sub(r"[▁▂▃▄▅▆▇█]+", "#", re.sub(r"[+-]?\d+\.\d+", "#", "\n".join(lines))).strip()

    return strip
