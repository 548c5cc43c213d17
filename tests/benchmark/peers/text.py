"""The 500 texts of the smallest margin; the model is a pipeline of TfidfVectorizer and LogisticRegression."""

import sys

import joblib
import numpy as np
import pandas as pd


def main(pool, model, out):
    df = pd.read_parquet(pool)
    proba = joblib.load(model).predict_proba(df["text"])
    best = np.sort(proba, axis=1)
    margin = best[:, -1] - best[:, -2]
    top = np.argsort(margin)[:500]
    df.iloc[top][["id", "text"]].to_csv(out, index=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
