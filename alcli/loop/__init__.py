"""The loop: one module a step. A step works on a project's files and returns a `Result`: what it did."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from alcli.config import Config
from alcli.config.schema import Stop
from alcli.errors import ConfigError
from alcli.loop._money import Spent
from alcli.project import Project
from alcli.registry import MODELS, STOPPING, STRATEGIES, Registry, split_spec
from alcli.stopping import Past, StopSet, Verdict


@dataclass(frozen=True)
class Result:
    """What a step did.

    Attributes:
        command: its name.
        round: the round it worked in.
        changed: False where everything was up to date.
        counts: rows by what they are, for people and for scripts.
        files: what was written, relative to the project.
        warnings: what the user should know although it went well.
        summary: sentences for people.
        more: further keys of the JSON document.
        exit_code: of the process, where the user asked for one that tells.
    """

    command: str
    round: int | None
    changed: bool
    counts: Mapping[str, int] = field(default_factory=dict)
    files: Sequence[str] = ()
    warnings: Sequence[str] = ()
    summary: Sequence[str] = ()
    more: Mapping[str, Any] = field(default_factory=dict)
    exit_code: int = 0


Progress = Callable[[int, int | None], None]
"""Is told how far a long step is: rows done, and all rows where their number is known."""


def silent(done: int, total: int | None) -> None:
    """The progress that nobody watches."""


def plural(count: int, word: str, words: str | None = None) -> str:
    """`1 row`, `2,000 rows`."""
    return f"{count:,} {word if count == 1 else words or word + 's'}"


def judge(config: Config, history: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the configured stopping criteria say of the past, as keys of a JSON document.

    Args:
        config: its `stop` section names criteria of which any, all, or enough by vote must say stop.
        history: as `alcli.project.history` reads it.

    Returns:
        `stop`, {verdict: go_on | stop, reason}; and `criteria`, as `said` has them.
    """
    if not history:
        return {"stop": {"verdict": "go_on", "reason": "no model is trained yet"}, "criteria": []}
    criteria = said(config, past_of(config, history))
    return {"stop": combined(config.stop, criteria), "criteria": criteria}


def past_of(config: Config, history: Sequence[Mapping[str, Any]]) -> list[Past]:
    """The trained rounds as criteria see them.

    A round without a further label, as after the validation set was extended, takes the place of the one
    before it, since it has no news of what labels bring.
    """
    cost, seen = config.cost, list[Mapping[str, Any]]()
    for entry in history:
        again = seen.pop() if seen and entry["n_labels"] == seen[-1]["n_labels"] else None
        seen.append({**entry, "stop_set": again.get("stop_set")} if again else entry)
    return [
        Past(
            entry["round"],
            entry["n_labels"],
            entry["n_candidates"],
            {name: (value[0], value[1], value[2]) for name, value in entry["metrics"].items()},
            Spent(**entry["spent"]).money(cost) if cost is not None and entry.get("spent") else None,
            _watched(entry),
            cost.per_label if cost is not None else None,
            cost.value_per_point if cost is not None else None,
        )
        for entry in seen
    ]


def _watched(entry: Mapping[str, Any]) -> StopSet | None:
    """What a round says of it; figures that a newer alcli added are passed over."""
    found = entry.get("stop_set")
    return StopSet(**{each.name: found[each.name] for each in fields(StopSet)}) if found else None


def said(config: Config, past: Sequence[Past]) -> list[dict[str, Any]]:
    """What each configured criterion says of the past: {rule: any | all | vote, criterion, stop, reason}."""
    found = []
    for key, spec in criteria_of(config):
        verdict: Verdict = STOPPING.build(spec).judge(past)
        rule, name = key.split(".")[1], split_spec(spec)[0]
        found.append({"rule": rule, "criterion": name, "stop": verdict.stop, "reason": verdict.reason})
    return found


def combined(stop: Stop, verdicts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One verdict from those of all criteria: {verdict: go_on | stop, reason}."""
    by_rule = {rule: [one for one in verdicts if one["rule"] == rule] for rule in ("any", "all", "vote")}
    deciding = [one for one in by_rule["any"] if one["stop"]]
    if by_rule["all"] and all(one["stop"] for one in by_rule["all"]):
        deciding += by_rule["all"]
    votes = [one for one in by_rule["vote"] if one["stop"]]
    if len(votes) >= stop.vote.needed:
        deciding += votes
    reason = "; ".join(one["reason"] for one in deciding or verdicts)
    return {
        "verdict": "stop" if deciding else "go_on",
        "reason": reason or "no stopping criterion is configured",
    }


def check_names(project: Project) -> None:
    """Every strategy, model and criterion that the config names is there, with parameters that it has.

    Built-in ones that are named plainly are looked up without being imported.

    Raises:
        ConfigError: the first that is not, with its line and the nearest right name.
    """
    for key, registry, spec in _named(project):
        try:
            name, parameters = split_spec(spec)
            if ":" in name:
                find_beside(project.pool_base)
            # a criterion may need parameters, and costs next to nothing to build
            if parameters or ":" in name or registry is STOPPING or name not in registry.names():
                registry.build(spec)
        except ConfigError as error:
            raise ConfigError(error.message, where=project.source.where(key), hint=error.hint) from error
    _check_diversity(project)
    _check_calibration(project)
    _check_relabel(project)


def _check_diversity(project: Project) -> None:
    """A set strategy on top of a score strategy; and only those that rank can look at the pool before."""
    query = project.config.query
    for key, spec in (("query.strategy", query.strategy), ("query.diversity", query.diversity)):
        if spec is not None and ":" in split_spec(spec)[0]:
            _check_survey(STRATEGIES.load(split_spec(spec)[0]), project.source.where(key))
    if query.diversity is None:
        return
    for key, spec, kind in (
        ("query.strategy", query.strategy, "score"),
        ("query.diversity", query.diversity, "set"),
    ):
        name = split_spec(spec)[0]
        found = STRATEGIES.load(name).kind
        if found != kind:
            message = f"query.diversity needs a {kind} strategy in {key}; {name!r} is a {found} strategy"
            raise ConfigError(message, where=project.source.where(key), hint="see `alcli strategies`")


def _check_calibration(project: Project) -> None:
    """Of a team's own predictions nobody knows which labels they were learned from."""
    model = project.config.model
    if model.calibrate != "none" and not MODELS.load(model.name).learns:
        message = f"{model.calibrate!r} needs a model that alcli trains, and {model.name!r} is none"
        hint = "remove it; calibrate your predictions before you write them into the pool"
        raise ConfigError(message, where=project.source.where("model.calibrate"), hint=hint)


def _check_relabel(project: Project) -> None:
    """Doubt is what a model says of a label that it has not learned from."""
    name = project.config.model.name
    if project.config.query.relabel and not MODELS.load(name).learns:
        message = f"query.relabel needs a model that alcli trains, and {name!r} is none"
        hint = "remove it; a file of labels to correct can be ingested at any time"
        raise ConfigError(message, where=project.source.where("query.relabel"), hint=hint)


def _check_survey(strategy: Any, where: str) -> None:
    """A survey is made by `score`, for what gives a score."""
    wrong = set(strategy.survey_needs) - {"proba", "votes", "features", "embedding"}
    if wrong:
        message = f"the strategy's survey needs {min(wrong)!r}, which a survey cannot have"
        raise ConfigError(message, where=where, hint="it may need proba, votes, features, embedding")
    if strategy.survey_needs and strategy.kind == "set":
        message = "a strategy of kind set cannot survey the pool"
        raise ConfigError(message, where=where, hint="remove survey_needs, or make it a score strategy")


def strategies_of(config: Config) -> list[Any]:
    """The strategies that choose a batch."""
    return [spec for spec in (config.query.strategy, config.query.diversity) if spec is not None]


def _named(project: Project) -> Iterator[tuple[str, Registry[Any], Any]]:
    config = project.config
    yield "query.strategy", STRATEGIES, config.query.strategy
    if config.query.diversity is not None:
        yield "query.diversity", STRATEGIES, config.query.diversity
    yield "seed.strategy", STRATEGIES, config.seed.strategy
    yield "model", MODELS, config.model.spec
    for member in config.committee.members or ():
        yield "committee.members", MODELS, member
    for key, criterion in criteria_of(config):
        yield key, STOPPING, criterion


def criteria_of(config: Config) -> Iterator[tuple[str, Any]]:
    """Each stopping criterion's key and spec."""
    stop = config.stop
    yield from (("stop.any", spec) for spec in stop.any)
    yield from (("stop.all", spec) for spec in stop.all)
    yield from (("stop.vote.criteria", spec) for spec in stop.vote.criteria)


def find_beside(folder: Path) -> None:
    """A user's modules may lie beside the config; last, so that none of them hides a library."""
    found = str(folder.resolve())
    if found not in sys.path:
        sys.path.append(found)
