"""What every stopping criterion keeps to; a new file in `alcli/stopping` is held to it by itself."""

from __future__ import annotations

import dataclasses
from copy import deepcopy

import pytest

from alcli.errors import ConfigError
from alcli.metrics import NAMES
from alcli.registry import STOPPING
from alcli.stopping import Criterion, Past, Verdict

EXAMPLES = {"int": 500, "float": 0.9, "str": "accuracy"}


def example(name: str) -> Criterion:
    """The criterion with its defaults, and with a sound value for each parameter that has none."""
    needed = {
        field.name: EXAMPLES[str(field.type)]
        for field in dataclasses.fields(STOPPING.load(name))
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    criterion = STOPPING.build({"name": name, **needed})
    assert isinstance(criterion, Criterion)
    return criterion


def rounds(count: int, *, measured: bool = True) -> list[Past]:
    """A loop that learns quickly, then slowly, and asks its last candidates in the newest of 12 rounds."""
    return [
        Past(
            round=i,
            n_labels=200 * i,
            n_candidates=max(2400 - 200 * i, 0),
            metrics=dict.fromkeys(NAMES, (1 - 0.5 / i, 0.95 - 0.5 / i, 1 - 0.3 / i)) if measured else {},
        )
        for i in range(1, count + 1)
    ]


HISTORIES = {
    "one round": rounds(1),
    "two rounds": rounds(2),
    "many rounds": rounds(12),
    "one round without validation labels": rounds(1, measured=False),
    "many rounds without validation labels": rounds(12, measured=False),
    "validation labels since the second round": [*rounds(1, measured=False), *rounds(6)[1:]],
}

every_criterion = pytest.mark.parametrize("name", STOPPING.names())
every_history = pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES.keys())


def test_the_four_criteria_of_the_first_release_are_there() -> None:
    assert {"budget", "target", "plateau", "pool_exhausted"} <= set(STOPPING.names())


@every_criterion
@every_history
def test_a_verdict_says_yes_or_no_and_why_in_one_line(name: str, history: list[Past]) -> None:
    verdict = example(name).judge(history)
    assert isinstance(verdict, Verdict)
    assert type(verdict.stop) is bool
    assert verdict.reason == verdict.reason.strip() != ""
    assert "\n" not in verdict.reason


@every_criterion
@every_history
def test_a_reason_gives_figures(name: str, history: list[Past]) -> None:
    assert any(letter.isdigit() for letter in example(name).judge(history).reason)


@every_criterion
@every_history
def test_the_same_history_has_the_same_verdict_and_is_left_untouched(name: str, history: list[Past]) -> None:
    copy = deepcopy(history)
    assert example(name).judge(history) == example(name).judge(tuple(copy))
    assert history == copy


@every_criterion
def test_a_criterion_is_a_frozen_dataclass_that_says_what_it_does(name: str) -> None:
    member = STOPPING.load(name)
    assert dataclasses.is_dataclass(member)
    assert member.__doc__ is not None
    assert len(member.__doc__.strip().splitlines()[0]) > 20
    assert hash(example(name)) == hash(example(name))


@every_criterion
def test_a_misspelled_parameter_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="has no parameter 'labells'"):
        STOPPING.build({"name": name, "labells": 3})
