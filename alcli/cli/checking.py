"""Checks the names in a config against what there is, before a command looks at anything else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from alcli.errors import ConfigError
from alcli.project import Project
from alcli.registry import MODELS, STOPPING, STRATEGIES, Registry, split_spec

_SHORT = {"random": "random_sampling"}


def check_names(project: Project) -> None:
    """Every strategy, model and criterion that the config names is there, with parameters that it has.

    Built-in ones that are named plainly are looked up without being imported.

    Raises:
        ConfigError: the first that is not, with its line and the nearest right name.
    """
    for key, registry, spec in _named(project):
        try:
            name, parameters = split_spec(spec)
            # a criterion may need parameters, and costs next to nothing to build
            if parameters or ":" in name or registry is STOPPING or name not in registry.names():
                registry.build(spec)
        except ConfigError as error:
            raise ConfigError(error.message, where=project.source.where(key), hint=error.hint) from error


def _named(project: Project) -> Iterator[tuple[str, Registry[Any], Any]]:
    config = project.config
    yield "query.strategy", STRATEGIES, config.query.strategy
    if config.query.diversity is not None:
        yield "query.diversity", STRATEGIES, config.query.diversity
    name, parameters = split_spec(config.seed.strategy)
    yield "seed.strategy", STRATEGIES, {**parameters, "name": _SHORT.get(name, name)}
    yield "model", MODELS, config.model.spec
    for member in config.committee.members or ():
        yield "committee.members", MODELS, member
    for criterion in config.stop.any:
        yield "stop.any", STOPPING, criterion
    for criterion in config.stop.all:
        yield "stop.all", STOPPING, criterion
