"""How a batch is chosen: the sections `query` and `committee`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from alcli.config.section import Names, Section, Share, Spec

Quota = dict[str, float] | str


def _by_class(value: Any) -> Any:
    """`{class: name, like: ids}` as `{name: ids}`."""
    if isinstance(value, dict) and value.keys() == {"class", "like"} and isinstance(value["class"], str):
        return {value["class"]: value["like"]}
    return value


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
    seek: Annotated[dict[str, Names] | None, BeforeValidator(_by_class)] = Field(
        None,
        description="{class: refund, like: [ids]}, or {refund: [ids], ...}: a share of the batch are rows "
        "nearest to these examples of a class that has hardly a label, and to its labeled ones",
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
