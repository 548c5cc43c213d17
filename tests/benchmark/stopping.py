"""Where two stopping criteria end the loop on twelve sets, half of which need no folder of data.

Each set is replayed by `alcli simulate` with the default strategy, in 20 rounds up to half of its rows, or
2,000 labels. A criterion does well on a set where it stops within 2 points of what all labels give, and saves
30% of these labels, on average over the repeats.
"""

from __future__ import annotations

import json
import subprocess
from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.benchmark.label_efficiency.suite import DataSet, data_sets
from tests.benchmark.measure import ALCLI, say, show

GIVEN = ("letter", "satimage", "sms_spam", "snips", "spambase", "trec6")
"""Sets of `--data`."""
OWN = ("digits", "breast_cancer")
"""Of scikit-learn."""
MADE = ("blobs", "hyperplanes", "moons", "phrases")
"""Generated."""
CRITERIA = ("stabilizing_predictions", "expected_gain")
ROUNDS, MOST_LABELS = 20, 2000
_ROWS = 6000
_NEAR, _SAVED = 0.02, 0.3


def benchmark(options: Namespace) -> None:
    """Every set; the documents are kept in `--scratch`."""
    documents = {}
    for data in _sets(options):
        documents[data.name] = replayed(data, options.runs, options.scratch)
        say(f"{data.name} done")
    for criterion in CRITERIA:
        report(criterion, documents)


def report(criterion: str, documents: Mapping[str, Mapping[str, Any]]) -> None:
    """A criterion's table, and on how many sets it does well."""
    tests = {name: found["stopping"][found["default"]][criterion] for name, found in documents.items()}
    rows = [_row(documents[name], name, test) for name, test in tests.items()]
    header = ["data", "labels", "final", "stopped", "at", "accuracy", "points lost", "at most", "saved"]
    show(criterion, header, rows)
    near = [test for test in tests.values() if test["stopped"] and test["lost"] <= _NEAR]
    saving = sum(test["saved"] >= _SAVED for test in near)
    mean = np.mean([test["saved"] for test in tests.values()])
    say(f"\nwithin 2 points on {len(near)} of {len(tests)} sets, on {saving} of them saving 30%")
    say(f"saved on average: {mean:.0%}")


def _row(document: Mapping[str, Any], name: str, test: Mapping[str, Any]) -> list[str]:
    final = document["strategies"][document["default"]]["final"]
    return [
        name,
        f"{document['budget']:,.0f}",
        f"{final:.3f}",
        f"{test['stopped']} of {document['n_repeats']}",
        f"{test['labels']:,.0f}",
        f"{final - test['lost']:.3f}",
        f"{100 * test['lost']:.1f}",
        f"{100 * test['worst']:.1f}",
        f"{test['saved']:.0%}",
    ]


def _sets(options: Namespace) -> Iterator[DataSet]:
    wanted = options.sets or (*GIVEN, *OWN, *MADE)
    yield from data_sets(options.data, [name for name in wanted if name not in MADE], options.scratch)
    for name in MADE:
        if name in wanted:
            yield made(name, options.scratch)


def made(name: str, folder: Path) -> DataSet:
    """A generated set."""
    from sklearn import datasets

    path = folder / f"{name}.parquet"
    if name == "phrases":
        columns, y = _phrases(np.random.default_rng(0))
    else:
        if name == "blobs":
            x, y = datasets.make_blobs(_ROWS, 8, centers=10, cluster_std=4.0, random_state=0)
        elif name == "moons":
            x, y = datasets.make_moons(_ROWS, noise=0.3, random_state=0)
        else:
            x, y = datasets.make_classification(
                _ROWS, 30, n_informative=10, n_classes=4, flip_y=0.05, random_state=0
            )
        columns = {f"f{n}": x[:, n] for n in range(x.shape[1])}
    ids = [f"r{n:05d}" for n in range(_ROWS)]
    pq.write_table(pa.table({"id": ids, **columns, "label": [f"class {n}" for n in y]}), path)
    return DataSet(name, path)


def _phrases(rng: np.random.Generator) -> tuple[dict[str, Any], Any]:
    """Texts of 12 words, a third of them by the text's class, the others by chance; Zipf's law in both."""
    vocabulary, n_classes, length = 3000, 6, 12
    shares = 1 / np.arange(1, vocabulary + 1)
    shares /= shares.sum()
    order = np.array([rng.permutation(vocabulary) for _ in range(n_classes + 1)])
    y = rng.integers(n_classes, size=_ROWS)
    ranks = rng.choice(vocabulary, size=(_ROWS, length), p=shares)
    own = rng.random((_ROWS, length)) < 1 / 3
    words = np.where(own, order[y[:, np.newaxis], ranks], order[n_classes][ranks])
    return {"text": [" ".join(f"w{word}" for word in row) for row in words.tolist()]}, y


def replayed(data: DataSet, repeats: int, scratch: Path) -> dict[str, Any]:
    """The JSON document of one simulation."""
    folder = scratch / f"stopping-{data.name}"
    folder.mkdir(exist_ok=True)
    n = pq.read_metadata(data.path).num_rows
    n_pool = n - min(2000, n // 4)
    batch = min(MOST_LABELS, n_pool // 2) // (ROUNDS + 1)
    config = {
        "pool": str(data.path),
        "features": data.features(),
        "seed": {"size": batch},
        "query": {"batch_size": batch},
    }
    (folder / "alcli.yaml").write_text(json.dumps(config))
    command = [ALCLI, "simulate", "-C", folder, "--labels", data.path, "--repeats", repeats]
    command += ["--rounds", ROUNDS, "--json"]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    document: dict[str, Any] = json.loads(done.stdout)
    if "error" in document:
        raise RuntimeError(f"{data.name}: {document['error']}")
    (scratch / f"stopping-{data.name}.json").write_text(done.stdout)
    return document
