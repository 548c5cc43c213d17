"""The same replay as an afternoon's script: scikit-learn and numpy, nothing else. The baseline of speed.

    python by_hand.py PROBLEM OUT [--features]

reads `text.parquet` (id, text, label), `splits.parquet` and `options.json`, and refits TF-IDF on each
repeat's pool; with `--features` it takes `features.npz` and `y.npy` as they are, for the peers' curves.
"""

import csv
import json
import resource
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def margin(proba):
    best = np.partition(proba, -2, axis=1)
    return best[:, -2] - best[:, -1]


def entropy(proba):
    return -(proba * np.log(np.maximum(proba, 1e-12))).sum(axis=1)


SCORES = {"margin": margin, "entropy": entropy}


def replay(strategy, rows, y, split, options, rng):
    seed, pool, validation = split
    labeled = np.zeros(len(y), dtype=bool)
    labeled[seed] = True
    for number in range(options["rounds"] + 1):
        model = LogisticRegression(C=options["C"], max_iter=1000).fit(rows[labeled], y[labeled])
        found, truth = model.predict(rows[validation]), y[validation]
        yield number, labeled.sum(), "accuracy", accuracy_score(truth, found)
        yield number, labeled.sum(), "macro_f1", f1_score(truth, found, average="macro", zero_division=0)
        if number == options["rounds"]:
            return
        left = pool[~labeled[pool]]
        if strategy == "random":
            picks = rng.choice(left, options["batch_size"], replace=False)
        else:
            score = SCORES[strategy](model.predict_proba(rows[left]))
            picks = left[np.argpartition(-score, options["batch_size"])[: options["batch_size"]]]
        labeled[picks] = True


def load_features(path):
    with np.load(path) as arrays:
        if "dense" in arrays:
            return arrays["dense"].astype(np.float64)
        data = arrays["data"].astype(np.float64)  # float32 rows would be fitted in float32
        return csr_matrix((data, arrays["indices"], arrays["indptr"]), arrays["shape"])


def main(folder, out, *flags):
    imports = cpu()
    folder, out = Path(folder), Path(out)
    options = json.loads((folder / "options.json").read_text())
    splits = pd.read_parquet(folder / "splits.parquet")
    texts = None
    if "--features" in flags:
        ids = (folder / "ids.txt").read_text(encoding="utf-8").splitlines()
        fixed, y = load_features(folder / "features.npz"), np.load(folder / "y.npy")
    else:
        table = pd.read_parquet(folder / "text.parquet")
        ids, texts, y = table["id"], table["text"].to_numpy(), table["label"].to_numpy()
    place = pd.Series(np.arange(len(y)), index=ids)
    strategies = [s for s in options.get("strategies") or ("random", *SCORES) if s in ("random", *SCORES)]
    lines, spent = [], dict.fromkeys(strategies, 0.0)
    loading, shared = cpu() - imports, 0.0
    for repeat in range(options["repeats"]):
        rng, started = np.random.default_rng(repeat), cpu()
        mine = splits[splits["repeat"] == repeat]
        seed = place[mine["id"][mine["split"] == "seed"]].to_numpy()
        validation = place[mine["id"][mine["split"] == "validation"]].to_numpy()
        pool = np.setdiff1d(np.arange(len(y)), validation)
        if texts is None:
            rows = fixed
        else:
            words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit(texts[pool])
            rows = words.transform(texts)
        shared += cpu() - started
        for strategy in strategies:
            started = cpu()
            found = replay(strategy, rows, y, (seed, pool, validation), options, rng)
            lines += [(strategy, repeat, *line) for line in found]
            spent[strategy] += cpu() - started
    out.mkdir(parents=True, exist_ok=True)
    with (out / "results.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("strategy", "repeat", "round", "n_labels", "metric", "value"), *lines])
    more = {"imports": imports, "loading": loading, "features": shared, "process": cpu(), "failed": {}}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    strategies = {name: {"cpu": seconds} for name, seconds in spent.items()}
    document = {**more, "strategies": strategies, "peak_mib": peak}
    (out / "cpu.json").write_text(json.dumps(document, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
