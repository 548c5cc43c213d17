"""What every stopping criterion keeps to; a new file in `alcli/stopping` is held to it by itself."""

from __future__ import annotations

import dataclasses
from copy import deepcopy

import pytest

from alcli.errors import ConfigError
from alcli.metrics import NAMES
from alcli.registry import STOPPING
from alcli.stopping import Criterion, Past, StopSet, Verdict

EXAMPLES = {"int": 500, "float": 0.9, "str": "accuracy"}
ONE_OF = {"budget": {"labels": 500}}
"""Of several parameters one must be given."""


def example(name: str) -> Criterion:
    """The criterion with its defaults, and with a sound value for each parameter that has none."""
    needed = {
        field.name: EXAMPLES[str(field.type)]
        for field in dataclasses.fields(STOPPING.load(name))
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    criterion = STOPPING.build({"name": name, **needed, **ONE_OF.get(name, {})})
    assert isinstance(criterion, Criterion)
    return criterion


def rounds(count: int, *, measured: bool = True, watched: bool = True) -> list[Past]:
    """A loop that learns quickly, then slowly, and asks its last candidates in the newest of 12 rounds."""
    return [
        Past(
            round=i,
            n_labels=200 * i,
            n_candidates=max(2400 - 200 * i, 0),
            metrics=dict.fromkeys(NAMES, (1 - 0.5 / i, 0.95 - 0.5 / i, 1 - 0.3 / i)) if measured else {},
            stop_set=stop_set(i) if watched else None,
        )
        for i in range(1, count + 1)
    ]


def stop_set(i: int) -> StopSet:
    """Of 480 rows, all labeled in the twelfth round."""
    is_open = i < 12
    return StopSet(
        n_rows=480,
        kappa=1 - 0.1 / i if is_open and i > 1 else None,
        changed=0.05 / i if is_open and i > 1 else None,
        n_unlabeled=480 - 40 * i,
        mean_entropy=0.4 / i if is_open else None,
        max_entropy=1 / i if is_open else None,
    )


HISTORIES = {
    "one round": rounds(1),
    "two rounds": rounds(2),
    "many rounds": rounds(11),
    "one round without validation labels": rounds(1, measured=False),
    "many rounds without validation labels": rounds(12, measured=False),
    "twelve rounds": rounds(12),
    "rounds of an older alcli": rounds(5, watched=False),
    "a stop set since the fourth round": [*rounds(3, watched=False), *rounds(6)[3:]],
    "no row ever unlabeled": [
        dataclasses.replace(past, stop_set=StopSet(0, 0, None, None, None, None)) for past in rounds(5)
    ],
    "one label more a round, and none": [
        dataclasses.replace(past, n_labels=n) for past, n in zip(rounds(5), (1, 2, 3, 3, 3), strict=True)
    ],
    "with money": [
        dataclasses.replace(past, spent=0.5 * past.n_labels, cost_per_label=0.5, value_per_point=90.0)
        for past in rounds(6)
    ],
    "validation labels since the second round": [*rounds(1, measured=False), *rounds(6)[1:]],
}

every_criterion = pytest.mark.parametrize("name", STOPPING.names())
every_history = pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES.keys())


def test_the_criteria_that_configs_name_are_there() -> None:
    assert {
        "budget",
        "target",
        "plateau",
        "stabilizing_predictions",
        "classification_change",
        "overall_uncertainty",
        "max_confidence",
        "expected_gain",
        "pool_exhausted",
    } == set(STOPPING.names())


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
