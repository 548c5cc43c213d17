"""What every peer's loop is given, asked and measured by; the folders' contents are told in `peer_loops`.

A peer's learner holds the labels it was told and has

    ask(batch)      rows to label next, as numbers of the problem's rows
    tell(rows)      their labels are known now: fit again
    predict(rows)   classes of rows

and this module does the rest: the same rounds, the same judge, the same clock for all of them.
"""

import csv
import json
import resource
import sys
import warnings
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from scipy.sparse import csr_matrix
from sklearn.decomposition import TruncatedSVD
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score

COLUMNS = ("strategy", "repeat", "round", "n_labels", "metric", "value")
NARROW = 100
"""Numbers a row in the embedding that strategies of distances are given when the features are sparse."""


class Problem:
    """Features, labels, splits and options, as the folder has them."""

    def __init__(self, folder):
        folder = Path(folder)
        self.options = json.loads((folder / "options.json").read_text())
        self.features, self.y = load_features(folder / "features.npz"), np.load(folder / "y.npy")
        self.n_classes = int(self.y.max()) + 1
        self.place = {row: i for i, row in enumerate((folder / "ids.txt").read_text("utf-8").splitlines())}
        self._splits = pq.read_table(folder / "splits.parquet").to_pydict()
        self._narrow = None

    def split(self, repeat, name):
        """Row numbers of the repeat's `validation` or `seed`, in order."""
        columns = zip(*(self._splits[column] for column in ("repeat", "id", "split")), strict=True)
        return np.sort([self.place[row] for r, row, s in columns if (r, s) == (repeat, name)])

    def model(self):
        """The one model, unfitted."""
        return LogisticRegression(C=self.options["C"], max_iter=1000)

    @property
    def narrow(self):
        """(n, 100) dense rows: latent semantic analysis of sparse features; dense features as they are."""
        if self._narrow is None:
            self._narrow = self.features
            if isinstance(self.features, csr_matrix):
                n_components = min(NARROW, self.features.shape[1] - 1)
                self._narrow = TruncatedSVD(n_components, random_state=0).fit_transform(self.features)
        return self._narrow


class Repeat:
    """One repeat of a problem: its validation rows, its pool, and which of the pool are labeled."""

    def __init__(self, problem, number):
        self.problem, self.number = problem, number
        self.validation, self.seed = (problem.split(number, name) for name in ("validation", "seed"))
        self.train = np.setdiff1d(np.arange(len(problem.y)), self.validation)
        self.labeled = self.seed

    def label(self, picks, batch):
        """Note what was picked.

        Raises:
            ValueError: a pick comes twice, is labeled already or is no row of the pool.
        """
        together = np.concatenate([self.labeled, picks])
        if len(picks) != batch or len(np.unique(together)) != len(together):
            raise ValueError(f"{batch} new rows were asked for, found {len(picks)} with rows that come twice")
        if not np.isin(picks, self.train).all():
            raise ValueError("a pick is outside the pool")
        self.labeled = together


class Clock:
    """CPU seconds of this process and of the children it waited for, by what they were spent on."""

    def __init__(self):
        self.spent = {}
        self._last = cpu()

    def lap(self, on):
        """Count the time since the last lap."""
        now = cpu()
        self.spent[on] = self.spent.get(on, 0.0) + now - self._last
        self._last = now


def cpu():
    """CPU seconds so far, user and system; os.times would count in steps of 10 ms."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def load_features(path):
    """A CSR matrix from data, indices, indptr and shape; an array from dense.

    In float64: scikit-learn 1.9 fits float32 rows in float32 and 1.7, which modAL needs, does not; on float64
    both reach the same coefficients.
    """
    with np.load(path) as arrays:
        if "dense" in arrays:
            return arrays["dense"].astype(np.float64)
        data = arrays["data"].astype(np.float64)
        return csr_matrix((data, arrays["indices"], arrays["indptr"]), arrays["shape"])


def judge(y, found):
    """The two metrics, as scikit-learn defines them."""
    yield "accuracy", accuracy_score(y, found)
    yield "macro_f1", f1_score(y, found, average="macro", zero_division=0)


def replay(repeat, make, clock):
    """(round, n_labels, metric, value) of every round; round 0 knows the seed."""
    problem, batch = repeat.problem, repeat.problem.options["batch_size"]
    np.random.seed(repeat.number)  # noqa: NPY002 - small-text and modAL draw from the global generator
    learner = make(repeat)
    clock.lap("fit")
    for number in range(problem.options["rounds"] + 1):
        if number:
            picks = np.asarray(learner.ask(batch))
            clock.lap("query")
            repeat.label(picks, batch)
            learner.tell(picks)
            clock.lap("fit")
        found = learner.predict(repeat.validation)
        for metric, value in judge(problem.y[repeat.validation], found):
            yield number, len(repeat.labeled), metric, value
        clock.lap("judge")


def main(learners):
    """Run the strategies of `options.json` on the folder of the command line: `python loop_X.py PROBLEM OUT`.

    A learner is made by `learners[strategy](repeat)`. Without strategies in the options, all run.
    """
    imports = cpu()
    warnings.simplefilter("ignore")
    folder, out = map(Path, sys.argv[1:])
    problem = Problem(folder)
    loading = cpu() - imports
    asked = problem.options.get("strategies") or list(learners)
    lines, clocks, said = [], {}, {}
    for strategy in [name for name in asked if name in learners]:
        clocks[strategy] = Clock()
        try:
            for number in range(problem.options["repeats"]):
                found = replay(Repeat(problem, number), learners[strategy], clocks[strategy])
                lines += [(strategy, number, *line) for line in found]
        except Exception as error:  # one that fails is told, and the others run
            said[strategy] = f"{type(error).__name__}: {error}"
    write(out, lines, clocks, {"imports": imports, "loading": loading, "failed": said})


def write(out, lines, clocks, more):
    """`results.csv` and `cpu.json`."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / "results.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *lines])
    strategies = {name: {"cpu": sum(c.spent.values()), **c.spent} for name, c in clocks.items()}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    document = {**more, "strategies": strategies, "process": cpu(), "peak_mib": peak}
    (out / "cpu.json").write_text(json.dumps(document, indent=1))
