"""Fits the peers' model on the rows that alcli's was trained on; this is not measured."""

import sys

import joblib
import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

kind, project, pool, model = sys.argv[1:]
labels = pd.read_parquet(f"{project}/labels.parquet")
labels = labels[labels["split"] == "train"]
df = pd.read_parquet(pool).set_index("id").loc[labels["id"]]
if kind in ("text", "grams"):
    words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2)
    if kind == "grams":
        grams = TfidfVectorizer(sublinear_tf=True, analyzer="char_wb", ngram_range=(2, 3), min_df=2)
        words = make_union(words, grams)
    classifier = make_pipeline(words, LogisticRegression(C=30, max_iter=1000)).fit(df["text"], labels["label"])
else:
    X = df.to_numpy() if kind == "wide" else np.stack(df["vector"])
    classifier = LogisticRegression(max_iter=1000).fit(X, labels["label"])
joblib.dump(classifier, model)
