"""The 500 rows of the smallest margin in a pool with a column of vectors."""

import sys

import joblib
import numpy as np
import pandas as pd


def main(pool, model, out):
    df = pd.read_parquet(pool)
    proba = joblib.load(model).predict_proba(np.stack(df["vector"]))
    best = np.sort(proba, axis=1)
    margin = best[:, -1] - best[:, -2]
    top = np.argsort(margin)[:500]
    df["id"].iloc[top].to_csv(out, index=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
