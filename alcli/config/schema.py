"""Every key of the config: its type, default and meaning, said once.

`alcli init` and the JSON Schema take their words from here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _rows_or_share(value: int | float) -> int | float:
    if value > 1 and value != int(value):
        raise ValueError("should be a whole number of rows, or a share below 1")
    return value


Names = Annotated[tuple[str, ...], BeforeValidator(_one_or_many)]
Labels = tuple[str, ...]
Size = Annotated[int | float, Field(ge=0, allow_inf_nan=False), AfterValidator(_rows_or_share)]
Share = Annotated[float, Field(ge=0, le=1)]
Spec = str | dict[str, Any]


class Section(BaseModel):
    """A part of the config: frozen, and closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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


Quota = dict[str, float] | str


class Query(Section):
    """Which rows are asked next."""

    strategy: Spec = Field("uncertainty_herding", description="see `alcli strategies`")
    batch_size: Annotated[int, Field(ge=1)] = Field(200, description="rows a query, distinct")
    shortlist: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="distinct rows among which a set strategy (or diversity) chooses: those of the highest "
        "score, or random ones; null: the strategy's own number",
    )
    diversity: Spec | None = Field(
        None, description="a set strategy that chooses the batch from the shortlist of a score strategy"
    )
    quotas: dict[str, Quota] | None = Field(
        None,
        description="{column: {value: share}}: at least these shares of the batch; {column: equal}: as many "
        "rows of each value",
    )
    class_balance: bool = Field(False, description="as many rows of each predicted class")
    explore: Share = Field(0.0, description="share of the batch drawn at random from all candidates")
    seek: dict[str, Names] | None = Field(
        None,
        description="{class: [ids]}: a share of the batch are the rows nearest to these examples of a class "
        "that has hardly a label, and to labeled ones",
    )
    seek_share: Share = Field(0.1, description="that share, of all classes that are sought")
    seek_until: Annotated[int, Field(ge=1)] = Field(
        10, description="training labels with which a class is sought no more"
    )
    overlap: Share = Field(0.0, description="share of the batch that several annotators answer")
    overlap_annotators: Annotated[int, Field(ge=2)] = Field(
        2, description="how many annotators answer a row of the overlap"
    )
    relabel: Share = Field(
        0.0,
        description="share of the batch spent on labeled rows whose label is most likely wrong, for a second "
        "opinion; strategy, quotas, explore and overlap share out the others",
    )
    max_similarity: Annotated[float, Field(gt=0, le=1)] | None = Field(
        0.95, description="no row nearer than this (cosine of text or embedding) to another or a labeled one"
    )
    max_minutes: Annotated[float, Field(gt=0)] = Field(
        60.0, description="a choice that would take more CPU minutes is refused before it starts"
    )
    max_gib: Annotated[float, Field(gt=0)] = Field(
        1.0, description="memory for a shortlist: what would take more is refused, or its shortlist shortened"
    )
    show: Names | None = Field(
        None, description="pool columns that annotators see; null: text, categorical, numeric"
    )
    show_prediction: bool = Field(False, description="show the model's guess (it anchors people)")

    @model_validator(mode="before")
    @classmethod
    def _score_strategy_for_diversity(cls, data: Any) -> Any:
        """A set strategy on top of the default needs scores below it: margin's."""
        if isinstance(data, dict) and data.get("diversity") is not None and "strategy" not in data:
            return {**data, "strategy": "margin"}
        return data

    @model_validator(mode="after")
    def _seek_leaves_room(self) -> Query:
        for name, ids in (self.seek or {}).items():
            if not ids:
                raise ValueError(f"seek.{name} names no example: at least one id is needed")
        quotas = [sum(shares.values()) for shares in (self.quotas or {}).values() if isinstance(shares, dict)]
        if self.seek and self.explore + self.seek_share + sum(quotas) > 1 + 1e-9:
            raise ValueError("explore, seek_share and the quotas together take more than the whole batch")
        return self

    @model_validator(mode="after")
    def _quotas_add_up(self) -> Query:
        for column, shares in (self.quotas or {}).items():
            if isinstance(shares, str):
                if shares != "equal":
                    raise ValueError(f"quotas.{column} must be equal, or shares by value; found {shares!r}")
            elif not shares or min(shares.values()) <= 0 or not sum(shares.values()) <= 1 + 1e-9:
                raise ValueError(f"the shares of quotas.{column} must be above 0, and add up to 1 at most")
            elif self.explore + sum(shares.values()) > 1 + 1e-9:
                raise ValueError("explore and the shares of quotas together take more than the whole batch")
        if self.quotas is not None and len(self.quotas) != 1:
            raise ValueError("quotas must name one column")
        if self.quotas and self.class_balance:
            raise ValueError("quotas and class_balance cannot be had together: choose one")
        if self.explore + self.overlap > 1:
            raise ValueError("explore and overlap together take more than the whole batch")
        return self


class Committee(Section):
    """The members whose votes `query_by_committee` reads."""

    size: Annotated[int, Field(ge=2)] = Field(5, description="members, each on a stratified bootstrap")
    members: tuple[Spec, ...] | None = Field(
        None, description="model names instead of bootstraps, each on all labels"
    )

    @model_validator(mode="after")
    def _at_least_two(self) -> Committee:
        if self.members is not None and len(self.members) < 2:
            raise ValueError("a committee needs at least two members")
        return self


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


def plain_address(value: str) -> str:
    """A server's address, without a slash at its end.

    Raises:
        ValueError: it is none, or holds more than an address; it is not repeated, as that may be a secret.
    """
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
        raise ValueError("should be an address such as http://localhost:8080")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("should be an address alone, without a user, a password or a question mark")
    return value.rstrip("/")


Address = Annotated[str, AfterValidator(plain_address)]


class LabelStudio(Section):
    """The Label Studio server of `alcli push` and `alcli pull`; its token comes from LABEL_STUDIO_API_KEY."""

    url: Address | None = Field(
        None, description="its address; null: LABEL_STUDIO_URL, or else http://localhost:8080"
    )
    project: Annotated[int, Field(ge=1)] | None = Field(
        None, description="the number of a project that you made there; null: `alcli push` makes one"
    )
    timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        60.0, description="seconds to wait for an answer of the server"
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


def section_of(annotation: Any) -> type[Section] | None:
    """The section that a key holds, though it may be null; None where it holds plain values."""
    for found in (annotation, *get_args(annotation)):
        if isinstance(found, type) and issubclass(found, Section):
            return found
    return None
