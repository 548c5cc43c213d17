"""Makes pools of any size, the same ones every time: `python -m tests.benchmark.pools KIND FOLDER ROWS`.

A process of its own, so that the memory it takes is nobody else's. Writes `pool.parquet`, `oracle.csv`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq

GROUP = 1 << 16
WIDTH = 64
CLASSES = 10
SAMPLE = Path(__file__).parents[2] / "sample_data"


def mixture(rows: int) -> Iterator[tuple[pa.Array, np.ndarray, np.ndarray]]:
    """Ids, (n, 64) float32 and class numbers: Gaussians about 10 centers, in groups of rows."""
    centers = 0.25 * np.random.default_rng(0).standard_normal((CLASSES, WIDTH), dtype=np.float32)
    for start in range(0, rows, GROUP):
        n = min(GROUP, rows - start)
        rng = np.random.default_rng([1, start])
        label = rng.integers(CLASSES, size=n)
        yield ids(start, n), centers[label] + rng.standard_normal((n, WIDTH), dtype=np.float32), label


def fixed(vectors: np.ndarray) -> dict[str, pa.Array]:
    """One column, lists of a fixed size."""
    return {"vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), WIDTH)}


def lists(vectors: np.ndarray) -> dict[str, pa.Array]:
    """One column of lists, as pandas writes arrays."""
    offsets = pa.array(np.arange(0, vectors.size + 1, WIDTH, dtype=np.int32))
    return {"vector": pa.ListArray.from_arrays(offsets, pa.array(vectors.ravel()))}


def wide(vectors: np.ndarray) -> dict[str, pa.Array]:
    """64 columns of numbers."""
    return {f"x{n:02d}": pa.array(np.ascontiguousarray(vectors[:, n])) for n in range(WIDTH)}


def vectors(columns: Callable[[np.ndarray], dict[str, pa.Array]]) -> Callable[[int], Iterator[Any]]:
    """A pool of embeddings, kept in one of the three ways."""

    def groups(rows: int) -> Iterator[tuple[pa.Table, pa.Array]]:
        for names, points, label in mixture(rows):
            oracle = pa.array(np.char.add("class-", label.astype(str)))
            yield pa.table({"id": names, **columns(points)}), oracle

    return groups


def texts(rows: int) -> Iterator[tuple[pa.Table, pa.Array]]:
    """Texts of 50 to 200 characters: pieces of the definitions of one topic of the sample, joined."""
    pool = pq.read_table(SAMPLE / "pool.parquet", columns=["id", "text"]).to_pylist()
    oracle = pc_csv.read_csv(SAMPLE / "oracle.csv").to_pylist()
    topic_of = {str(row["id"]): row["label"] for row in oracle}
    words: dict[str, list[list[str]]] = {}
    for row in pool:
        words.setdefault(topic_of[str(row["id"])], []).append(row["text"].split())
    topics = sorted(words)
    for start in range(0, rows, GROUP):
        n = min(GROUP, rows - start)
        rng = np.random.default_rng([2, start])
        made, label = [], rng.integers(len(topics), size=n)
        size = np.exp(rng.uniform(np.log(50), np.log(200), size=n))
        for topic, length in zip(label, size, strict=True):
            source, text = words[topics[topic]], ""
            while len(text) < length:
                piece = source[rng.integers(len(source))]
                first = int(rng.integers(len(piece)))
                text += " " * bool(text) + " ".join(piece[first : first + int(rng.integers(3, 9))])
            made.append(text[: int(length)])
        yield (
            pa.table({"id": ids(start, n), "text": pa.array(made)}),
            pa.array([topics[topic] for topic in label]),
        )


def ids(start: int, n: int) -> pa.Array:
    """`row-0000017`."""
    return pa.array([f"row-{number:07d}" for number in range(start, start + n)])


KINDS = {"fixed": vectors(fixed), "list": vectors(lists), "wide": vectors(wide), "text": texts}


def split(folder: Path, source: str) -> None:
    """Part a labeled file (id, features, label) into a pool and its labels."""
    table = pq.read_table(source)
    pq.write_table(table.drop_columns("label"), folder / "pool.parquet")
    pc_csv.write_csv(table.select(["id", "label"]), folder / "oracle.csv")


def make(folder: Path, kind: str, rows: int) -> None:
    """Write a pool and the labels of its rows."""
    writer = None
    with (folder / "oracle.csv").open("w", encoding="utf-8") as answers:
        answers.write("id,label\n")
        for table, label in KINDS[kind](rows):
            writer = writer or pq.ParquetWriter(folder / "pool.parquet", table.schema)
            writer.write_table(table, row_group_size=GROUP)
            pairs = zip(table["id"].to_pylist(), label.to_pylist(), strict=True)
            answers.writelines(f"{row},{answer}\n" for row, answer in pairs)
    if writer is not None:
        writer.close()


def main(kind: str, folder: str, size: str) -> None:
    """Make a pool of `size` rows, or split the labeled file `size`."""
    if kind == "split":
        split(Path(folder), size)
    else:
        make(Path(folder), kind, int(size))


if __name__ == "__main__":
    main(*sys.argv[1:])
