"""The arithmetic between a trained model and a batch: predictions for a strategy, distinct rows for people.

Arrays in, arrays out; models and features come as objects of their contracts.
"""

from alcli.engine.asking import asked_choice, asked_score, asked_survey
from alcli.engine.batch import Batch, highest_cosine
from alcli.engine.space import FeatureSpace, Part, Views, size_of_a_row, stacked
from alcli.engine.trained import Trained, fit_model, predict, stratified_bootstrap

__all__ = [
    "Batch",
    "FeatureSpace",
    "Part",
    "Trained",
    "Views",
    "asked_choice",
    "asked_score",
    "asked_survey",
    "fit_model",
    "highest_cosine",
    "predict",
    "size_of_a_row",
    "stacked",
    "stratified_bootstrap",
]
