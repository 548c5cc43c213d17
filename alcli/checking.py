"""Checks the names in a config against what there is, before a command looks at anything else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from alcli.errors import ConfigError
from alcli.project import Project
from alcli.registry import MODELS, STOPPING, STRATEGIES, Registry, split_spec


def check_names(project: Project) -> None:
    """Every strategy, model and criterion that the config names is there, with parameters that it has.

    Built-in ones that are named plainly are looked up without being imported.

    Raises:
        ConfigError: the first that is not, with its line and the nearest right name.
    """
    config = project.config
    for key, value in (
        ("query.diversity", config.query.diversity),
        ("query.quotas", config.query.quotas),
        ("query.overlap", config.query.overlap),
        ("cost", config.cost),
    ):
        if value:
            message = f"{key} is not available in this version of alcli"
            raise ConfigError(message, where=project.source.where(key), hint="remove it")
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
    yield "seed.strategy", STRATEGIES, config.seed.strategy
    yield "model", MODELS, config.model.spec
    for member in config.committee.members or ():
        yield "committee.members", MODELS, member
    for criterion in config.stop.any:
        yield "stop.any", STOPPING, criterion
    for criterion in config.stop.all:
        yield "stop.all", STOPPING, criterion


def _find_beside(project: Project) -> None:
    """A user's modules may lie beside the config."""
    folder = str(project.pool_base.resolve())
    if folder not in sys.path:
        sys.path.insert(0, folder)
