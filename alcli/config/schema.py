"""Every key of the config: its type, default and meaning, said once.

`alcli init` and the JSON Schema take their words from here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from alcli.config.query import Committee, Query
from alcli.config.section import Labels, Names, Section, Size, Spec
from alcli.config.servers import LabelStudio


class Features(Section):
    """Which pool columns the model reads. Any combination; `alcli init` guesses them."""

    text: Names = Field((), description="text columns, joined and read as TF-IDF of words and characters")
    numeric: Names = Field((), description="number columns, standardized")
    categorical: Names = Field((), description="columns of few distinct values, one-hot")
    embedding: str | None = Field(None, description="one column of fixed-size lists of numbers")
    predictions: str | None = Field(
        None,
        description="one column of lists: class probabilities from your own model, in the order of "
        "task.classes; read by model.name: external",
    )
    missing: Literal["refuse", "fill"] = Field(
        "refuse",
        description="an empty text or missing number: refuse = an error that names the row; "
        "fill = the mean of numbers, nothing for texts",
    )

    @model_validator(mode="after")
    def _no_column_twice(self) -> Features:
        names = self.columns
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"column {twice[0]!r} is listed twice")
        return self

    @property
    def by_kind(self) -> dict[str, tuple[str, ...]]:
        """The columns of each kind that has any: all that is read of a row."""
        kinds = dict(self.describing)
        if self.predictions:
            kinds["predictions"] = (self.predictions,)
        return kinds

    @property
    def describing(self) -> dict[str, tuple[str, ...]]:
        """The ones that say what a row is; each kind is a module in `alcli/features`.

        They are its content, in the order in which it is hashed.
        """
        embedding = (self.embedding,) if self.embedding else ()
        kinds = {
            "text": self.text,
            "numeric": self.numeric,
            "categorical": self.categorical,
            "embedding": embedding,
        }
        return {kind: columns for kind, columns in kinds.items() if columns}

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns."""
        return tuple(column for columns in self.by_kind.values() for column in columns)


class Task(Section):
    """What is predicted."""

    type: Literal["classification"] = Field("classification", description="one class a row")
    classes: Labels | None = Field(
        None, description="the classes, in order; null: learned from the first answers, then fixed"
    )

    @model_validator(mode="after")
    def _distinct(self) -> Task:
        if self.classes is not None:
            if len(set(self.classes)) < len(self.classes):
                raise ValueError("a class is listed twice")
            if len(self.classes) < 2:
                raise ValueError("at least two classes are needed")
            if any(not name.strip() for name in self.classes):
                raise ValueError("a class name is empty")
        return self


class Split(Section):
    """The honest validation set, drawn at random before any query. Rows, or a share of the pool below 1."""

    validation: Size = Field(300, description="rows people label to measure the model, never trained on")
    reserve: Size = Field(300, description="sealed too: the validation set can be extended from these only")
    group_by: str | None = Field(None, description="a column (patient, document): a group is never split")


class Seed(Section):
    """The first rows people label, before there is a model."""

    strategy: Spec = Field(
        "stratified", description="any that needs no model: stratified, random, typiclust, core_set ..."
    )
    size: Size = Field(200, description="rows, or a share of the pool below 1")
    stratify_by: Names | None = Field(
        None, description="pool columns to stratify by; null: k-means clusters of the features"
    )


class ModelSection(Section):
    """The model that is trained, scored with and delivered. A model's own parameters go beside its name."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str = Field("logistic_regression", description="a module in alcli/models, or package.module:Class")
    calibrate: Literal["none", "temperature"] = Field(
        "none",
        description="none; temperature = probabilities made less, or more, sure by one number, fitted to "
        "predictions for training labels that were held out (Guo et al. 2017)",
    )

    @property
    def spec(self) -> dict[str, Any]:
        """Name and parameters, as the registry builds from them."""
        return {"name": self.name, **(self.model_extra or {})}


class LabelsSection(Section):
    """How label files are read and several answers to a row become one label."""

    id: str = Field("id", description="the id column of label files")
    label: str = Field("label", description="the label column of label files")
    skip: Labels = Field(("skip",), description="answers that mean: cannot be labeled")
    unsure: Labels = Field(("unsure",), description="answers that mean: I do not know")
    resolve: Literal["majority", "unanimous", "latest", "weighted"] = Field(
        "majority",
        description="how several annotators' answers become one, else they are in dispute: majority (more "
        "than half of them), unanimous (all), latest (the newest), weighted (who mostly agrees with others "
        "counts for more; the label must be right with a probability of 0.8)",
    )


class Vote(Section):
    """Stopping criteria that decide by vote."""

    criteria: tuple[Spec, ...] = Field((), description="those that vote")
    at_least: Annotated[int, Field(ge=1)] | None = Field(
        None, description="as many must say stop; null = more than half"
    )

    @model_validator(mode="after")
    def _can_be_reached(self) -> Vote:
        if (self.at_least or 0) > len(self.criteria):
            raise ValueError(f"at_least is {self.at_least}, of {len(self.criteria)} criteria")
        return self

    @property
    def needed(self) -> int:
        """Votes that stop the loop."""
        return self.at_least or len(self.criteria) // 2 + 1


class Stop(Section):
    """When to stop asking: criteria of which any, all, or enough by vote say so."""

    any: tuple[Spec, ...] = Field((), description="stop when one of these says so")
    all: tuple[Spec, ...] = Field((), description="stop when every one of these says so")
    vote: Vote = Field(Vote(), description="stop when at_least so many of its criteria say so")


Money = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Cost(Section):
    """What labels and rounds cost, for `alcli check` and `alcli plan`."""

    currency: str = Field("", description="shown behind amounts: USD, EUR ...")
    per_label: Money = Field(examples=[0.1], description="price of one answer of one annotator")
    per_validation_label: Money | None = Field(
        None, description="price of an answer to a validation row; null: as per_label"
    )
    minutes_per_label: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        None, description="people's time for an answer; null: as measured, where answers came with seconds"
    )
    per_round: Money = Field(
        25.0, description="price of a round aside from labels: your own time to run it and hand it out"
    )
    per_million_scored: Money = Field(0.0, description="price of computing, for a million rows scored")
    metric: Literal["accuracy", "macro_f1", "log_loss", "brier", "ece"] = Field(
        "accuracy", description="what value_per_point and target speak of"
    )
    value_per_point: Money | None = Field(
        None, description="what one point (0.01) of the metric is worth; null: unknown"
    )
    target: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        None, description="the value of the metric that is to be reached; null: unknown"
    )


class Config(Section):
    """An alcli project's settings."""

    pool: str = Field("pool.parquet", description="file, folder or glob; relative to this file")
    id: str = Field("id", description="the pool's unique row id")
    features: Features = Features()
    task: Task = Task()
    split: Split = Split()
    seed: Seed = Seed()
    model: ModelSection = ModelSection()
    query: Query = Query()
    committee: Committee = Committee()
    labels: LabelsSection = LabelsSection()
    stop: Stop = Stop()
    cost: Cost | None = Field(None, description="what labels and rounds cost; null: unknown")
    label_studio: LabelStudio = LabelStudio()
    random_state: Annotated[int, Field(ge=0)] = Field(0, description="the one seed of all chance")

    @model_validator(mode="after")
    def _fits_together(self) -> Config:
        if self.id in self.features.columns:
            raise ValueError(f"the id column {self.id!r} cannot be a feature")
        if set(self.labels.skip) & set(self.labels.unsure):
            raise ValueError("labels.skip and labels.unsure overlap")
        if self.task.classes and set(self.task.classes) & {*self.labels.skip, *self.labels.unsure}:
            raise ValueError("a class is also a value of labels.skip or labels.unsure")
        return self

    def digest(self, keys: Sequence[str]) -> str:
        """sha256 of the values of some keys (`query.strategy`, `model`), for `round.json`."""
        # without defaults: a key that a later version adds does not make finished work look changed
        values = {key: self._set_value(key) for key in keys}
        return hashlib.sha256(json.dumps(values, sort_keys=True, default=list).encode()).hexdigest()

    def value(self, key: str) -> Any:
        """The plain value at a dotted key."""
        node: Any = self.model_dump(mode="json")
        for part in key.split("."):
            node = node[part]
        return node

    def _set_value(self, key: str) -> Any:
        """The plain value at a dotted key, without what is at its default; None where all of it is."""
        node: Any = self.model_dump(mode="json", exclude_defaults=True)
        for part in key.split("."):
            node = node.get(part) if isinstance(node, dict) else None
        return node

    def is_set(self, key: str) -> bool:
        """Whether the user wrote this dotted key, rather than taking its default."""
        node: BaseModel = self
        *sections, last = key.split(".")
        for part in sections:
            if part not in node.model_fields_set:
                return False
            node = getattr(node, part)
        return last in node.model_fields_set
