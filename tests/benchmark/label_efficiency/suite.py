"""`alcli simulate` over many data sets and budgets: which strategy saves labels, and which never hurts."""

from __future__ import annotations

import json
import subprocess
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.benchmark.measure import ALCLI, say, show

NOT_FEATURES = {"id", "label", "sample_code", "original"}


@dataclass(frozen=True)
class Scenario:
    """How much is asked, and of whom.

    Attributes:
        seed: rows of the seed set.
        batch: rows a round.
        rounds: queries.
        options: further ones of `alcli simulate`.
        copies: how often every row stands in the pool, the copies a word or a breath apart.
    """

    seed: int
    batch: int
    rounds: int
    options: tuple[str, ...] = ()
    copies: int = 1


SCENARIOS = {
    "low": Scenario(40, 10, 12),
    "middle": Scenario(100, 50, 12),
    "high": Scenario(200, 100, 15),
    "noise": Scenario(200, 100, 15, ("--noise", "0.1")),
    "duplicates": Scenario(100, 50, 12, copies=4),
}


@dataclass(frozen=True)
class DataSet:
    """Labeled rows in a file: id, label, and a text or numbers."""

    name: str
    path: Path

    def features(self) -> dict[str, list[str]]:
        """As the config names them."""
        schema = pq.read_schema(self.path)
        if "text" in schema.names:
            return {"text": ["text"]}
        return {"numeric": [name for name in schema.names if name not in NOT_FEATURES]}

    def copied(self, copies: int, folder: Path) -> Path:
        """The set with near-copies of every row."""
        if copies == 1:
            return self.path
        target = folder / f"{self.name}-{copies}.parquet"
        table = pq.read_table(self.path)
        table = table.append_column("original", table["id"])
        parts = [table]
        for copy in range(1, copies):
            names = [f"{id_}-copy-{copy}" for id_ in table["id"].to_pylist()]
            ids = pa.array(names, table.schema.field("id").type)
            part = table.set_column(table.column_names.index("id"), "id", ids)
            for name in [n for names in self.features().values() for n in names]:
                place = part.column_names.index(name)
                cells = part[name].to_pylist()
                near = [f"{c} {'~' * copy}" if isinstance(c, str) else c * (1 + 1e-4 * copy) for c in cells]
                part = part.set_column(place, name, pa.array(near, part.schema.field(name).type))
            parts.append(part)
        pq.write_table(pa.concat_tables(parts), target)
        return target


OWN = ("digits", "breast_cancer", "wine")
"""Of scikit-learn."""


def data_sets(folder: Path | None, only: Sequence[str] | None, scratch: Path) -> Iterator[DataSet]:
    """Those of a folder, and scikit-learn's own; or the named ones among them."""
    for path in sorted(folder.glob("*.parquet")) if folder else ():
        if only is None or path.stem in only:
            yield DataSet(path.stem, path)
    for name in OWN:
        if only is None or name in only:
            yield DataSet(name, _own(name, scratch))


def _own(name: str, scratch: Path) -> Path:
    from sklearn import datasets

    path = scratch / f"{name}.parquet"
    found = getattr(datasets, f"load_{name}")()
    columns: dict[str, Any] = {"id": [f"r{n:05d}" for n in range(len(found.target))]}
    columns |= {f"f{n}": found.data[:, n] for n in range(found.data.shape[1])}
    pq.write_table(pa.table({**columns, "label": [f"class {y}" for y in found.target]}), path)
    return path


def simulate(
    data: DataSet,
    scenario: Scenario,
    strategies: Sequence[str],
    repeats: int,
    scratch: Path,
    more: Sequence[str] = (),
) -> dict[str, Any]:
    """The JSON document of one simulation."""
    path = data.copied(scenario.copies, scratch)
    n_distinct = pq.read_metadata(path).num_rows // scenario.copies
    n_test = min(2000, n_distinct // 4)  # no two of one group: the others of its group are held out
    n_pool = (n_distinct - n_test) * scenario.copies
    seed = max(10, min(scenario.seed, n_pool // 8))
    batch = max(2, min(scenario.batch, (n_pool // 2 - seed) // scenario.rounds))
    folder = scratch / f"project-{data.name}"
    folder.mkdir(exist_ok=True)
    config = {"pool": str(path), "features": data.features(), "seed": {"size": seed}}
    if scenario.copies > 1:  # a test row's copies would be learned by heart
        config["split"] = {"group_by": "original"}
    (folder / "alcli.yaml").write_text(json.dumps({**config, "query": {"batch_size": batch}}))
    command = [ALCLI, "simulate", "-C", folder, "--labels", path, "--strategies", ",".join(strategies)]
    command += ["--repeats", repeats, "--rounds", scenario.rounds, "--test", n_test]
    command += ["--json", "--out", folder / "out"]
    done = subprocess.run(
        [str(word) for word in (*command, *scenario.options, *more)],
        capture_output=True,
        text=True,
        check=False,
    )
    document: dict[str, Any] = json.loads(done.stdout)
    if "error" in document:
        raise RuntimeError(f"{data.name}: {document['error']}")
    return document


def benchmark(options: Namespace) -> None:
    """Every set in every scenario; all documents are kept in `--scratch`."""
    strategies = options.only or ["uncertainty_herding", "margin", "badge"]
    for name, scenario in SCENARIOS.items():
        if options.scenarios and name not in options.scenarios:
            continue
        rows = []
        for data in data_sets(options.data, options.sets, options.scratch):
            document = simulate(data, scenario, strategies, options.runs, options.scratch)
            kept = options.scratch / f"label_efficiency-{name}-{data.name}.json"
            kept.write_text(json.dumps(document))
            rows.append([data.name, *_cells(document)])
            say(f"{name}: {data.name} done")
        header = ["data", "random", *strategies]
        show(f"label_efficiency, {name}: area under the curve against random sampling's", header, rows)


def _cells(document: dict[str, Any]) -> list[str]:
    arms = document["strategies"]
    base = arms[document["baseline"]]["auc"]
    cells = [f"{base:.3f}"]
    for name, arm in arms.items():
        if name != document["baseline"]:
            sure = "*" if arm["p_value"] < 0.05 else ""
            cells.append(f"{100 * (arm['auc'] - base):+.1f}{sure}, {arm['saving']['value']:.0%}")
    return cells
