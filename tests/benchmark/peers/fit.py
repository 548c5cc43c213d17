"""Fits the scripts' models on the rows that alcli's was trained on; this is not measured."""

import sys

import joblib
import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union


def main(kind, project, pool, model):
    labels = pd.read_parquet(f"{project}/labels.parquet")
    labels = labels[labels["split"] == "train"]
    df = pd.read_parquet(pool).set_index("id").loc[labels["id"]]
    classifier = LogisticRegression(max_iter=1000)
    if kind == "vectors":
        rows = np.stack(df["vector"])
    elif kind == "wide":
        rows = df.to_numpy()
    else:
        words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2)
        grams = TfidfVectorizer(sublinear_tf=True, analyzer="char_wb", ngram_range=(2, 3), min_df=2)
        classifier = make_pipeline(make_union(words, grams) if kind == "grams" else words, classifier)
        rows = df["text"]
    joblib.dump(classifier.fit(rows, labels["label"]), model)


if __name__ == "__main__":
    main(*sys.argv[1:])
