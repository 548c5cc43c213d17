"""The stopping criteria as people meet them: in the config, train and status, and back-tested in simulate."""

from __future__ import annotations

import json

import pytest

STOPPING_NOW = {
    "stabilizing_predictions": {"kappa": 0.01, "rounds": 1},
    "classification_change": {"share": 1.0},
    "overall_uncertainty": {"threshold": 1.0},
    "max_confidence": {"threshold": 1.0},
    "expected_gain": {"points": 100},
    "plateau": {"rounds": 1},
    "budget": {"labels": 18},
    "target": {"value": 0.01},
}
"""With parameters by which each holds in the second round."""
NEVER = {"name": "budget", "labels": 10_000}


@pytest.mark.parametrize("name", STOPPING_NOW)
def test_every_criterion_can_stop_the_loop(at, name):
    loop = at("answered")
    loop.config(stop={"any": [{"name": name, **STOPPING_NOW[name]}]})
    trained = loop.doc("train")
    assert trained["stop"]["verdict"] == "stop", trained["stop"]
    found = loop.doc("status", "--exit-code", code=10)
    assert (found["stage"], found["stop"]) == ("stopped", trained["stop"])
    (one,) = found["criteria"]
    assert one == {"rule": "any", "criterion": name, "stop": True, "reason": found["stop"]["reason"]}


def test_the_first_round_has_nothing_to_compare_with_and_goes_on(at):
    loop = at("labeled")
    loop.config(stop={"any": ["stabilizing_predictions", "classification_change"]})
    assert loop.doc("train")["stop"] == {
        "verdict": "go_on",
        "reason": "4 trained rounds give 3 comparisons; so far: 1; "
        "round 1 is the first with a stop set: its predictions have none to compare with",
    }


def test_train_says_stop_or_go_on_and_why(at):
    loop = at("answered")
    assert "Go on" not in loop.alcli("train").out
    loop.config(stop={"any": [NEVER]})
    assert "Go on: 18 of 10000 training labels: 9982 to go\n" in loop.alcli("train").out
    loop.config(stop={"any": [{"name": "budget", "labels": 18}]})
    assert "Stop: 18 of 18 training labels: the budget is spent\n" in loop.alcli("train").out


def test_of_several_criteria_each_has_a_line_of_its_own_with_v(at):
    loop = at("answered")
    held = {"name": "classification_change", "share": 1.0}
    loop.config(stop={"any": [NEVER], "all": [held, "max_confidence"]})
    loop.doc("train")
    for command in ("train", "status"):
        short, long = loop.alcli(command).out, loop.alcli(command, "-v").out
        assert "1 of 3 criteria says stop (-v shows each)" in short
        assert "max_confidence" not in short
        lines = [line.split()[:4] for line in long.splitlines()]
        assert ["criterion", "rule", "says", "why"] in lines
        assert ["budget", "any", "go", "on"] in lines
        assert ["classification_change", "all", "stop", lines[-2][3]] in lines
        assert ["max_confidence", "all", "go", "on"] in lines


@pytest.mark.parametrize(
    ("at_least", "verdict"), [(1, "stop"), (2, "stop"), (3, "go_on"), (None, "stop")], ids=str
)
def test_a_vote_stops_when_enough_criteria_say_so(at, at_least, verdict):
    loop = at("answered")
    votes = [{"name": name, **STOPPING_NOW[name]} for name in ("budget", "overall_uncertainty")]
    loop.config(stop={"vote": {"criteria": [*votes, NEVER], "at_least": at_least}})
    found = loop.doc("train")
    assert found["stop"]["verdict"] == verdict
    assert [one["stop"] for one in found["criteria"]] == [True, True, False]
    if verdict == "stop":
        assert found["stop"]["reason"] == "; ".join(one["reason"] for one in found["criteria"][:2])


def test_half_of_the_votes_are_not_more_than_half(at):
    loop = at("answered")
    loop.config(stop={"vote": {"criteria": [{"name": "budget", "labels": 18}, NEVER]}})
    assert loop.doc("train")["stop"]["verdict"] == "go_on"


@pytest.mark.parametrize(
    ("stop", "says", "where"),
    [
        (
            {"vote": {"criteria": ["plateau"], "at_least": 2}},
            "at_least is 2, of 1 criteria",
            "stop.vote",
        ),
        (
            {"vote": {"criteria": ["plateau"], "at_least": 0}},
            "greater than or equal to 1",
            "stop.vote.at_least",
        ),
        ({"vote": {"criteria": ["platau"]}}, "unknown stopping criterion 'platau'", "stop.vote.criteria"),
        ({"vote": {"criterion": ["plateau"]}}, "unknown key 'criterion'", "stop.vote.criterion"),
        ({"any": [{"name": "budget", "money": -1}]}, "money must be a number above 0", "stop.any"),
        ({"any": ["budget"]}, "write labels: a number of labels", "stop.any"),
    ],
)
def test_a_wrong_stop_section_is_refused(at, stop, says, where):
    loop = at("answered")
    loop.config(stop=stop)
    loop.refused("train", kind="config", says=says, where=where)


def test_the_verdict_is_that_of_the_config_as_it_is_now(at):
    loop = at("trained")
    loop.config(stop={"any": [{"name": "budget", "labels": 12}]})
    before = loop.tree()
    found = loop.doc("train")
    assert (found["changed"], found["stop"]["verdict"]) == (False, "stop")
    assert loop.tree() == before


def truth(loop):
    return loop.csv("truth.csv", [(f"r{n:03d}", ("pets", "food")[n % 2]) for n in range(80)])


def simulated(loop, *options):
    return loop.doc("simulate", "--labels", truth(loop), "--repeats", 3, "--rounds", 4, *options)


def test_simulate_says_where_each_criterion_would_have_stopped(at):
    loop = at("new")
    wanted = {"name": "target", "value": 0.5}
    loop.config(stop={"any": [wanted, {"name": "budget", "labels": 25}]})
    found = simulated(loop)
    tests = found["stopping"]["margin"]
    assert {"stabilizing_predictions", "classification_change", "plateau", "expected_gain"} <= set(tests)
    assert {"overall_uncertainty", "max_confidence", "pool_exhausted"} <= set(tests)
    assert {"target (value 0.5)", "budget (labels 25)", "stop, as configured"} <= set(tests)
    assert not {"target", "budget"} & set(tests), "these have no defaults"
    assert found["stopping"].keys() == found["strategies"].keys()
    written = json.loads(loop.content("simulation/summary.json"))
    assert written["stopping"] == found["stopping"]


def test_a_back_test_is_what_the_curve_shows(at):
    loop = at("new")
    loop.config(stop={"any": [{"name": "budget", "labels": 20}, {"name": "budget", "labels": 999}]})
    found = simulated(loop)
    values = {}
    for row in loop.table("simulation/results.parquet"):
        if (row["strategy"], row["metric"]) == ("margin", "accuracy"):
            values.setdefault(row["repeat"], []).append((row["n_labels"], row["value"]))
    assert [n for n, _ in values[0]] == [12, 18, 24, 30, 36]
    lost = [curve[-1][1] - curve[2][1] for curve in values.values()]
    assert found["stopping"]["margin"]["budget (labels 20)"] == {
        "stopped": 3,
        "labels": 24.0,
        "saved": pytest.approx(1 - 24 / 36, abs=1e-6),
        "lost": pytest.approx(sum(lost) / 3, abs=1e-6),
        "worst": pytest.approx(max(lost), abs=1e-6),
    }
    never = {"stopped": 0, "labels": 36.0, "saved": 0.0, "lost": 0.0, "worst": 0.0}
    assert found["stopping"]["margin"]["budget (labels 999)"] == never


def test_a_budget_of_money_is_back_tested_by_the_cost_of_the_answers(at):
    loop = at("new")
    loop.config(stop={"any": [{"name": "budget", "money": 6}]})
    found = simulated(loop, "--cost", "price=0.25")
    assert found["stopping"]["margin"]["budget (money 6)"]["labels"] == 24.0
    without = simulated(loop)
    assert without["stopping"]["margin"]["budget (money 6)"]["stopped"] == 0


def test_the_terminal_shows_the_back_tests_of_the_configured_strategy_and_of_all_with_v(at):
    loop = at("new")
    loop.config(stop={"any": [{"name": "budget", "labels": 20}]})
    arguments = ("--labels", truth(loop), "--repeats", 2, "--rounds", 3)
    short, long = loop.alcli("simulate", *arguments).out, loop.alcli("simulate", *arguments, "-v").out
    assert "margin, ended by" in short
    assert "random_sampling, ended by" not in short
    assert ["budget", "(labels", "20)", "2", "of", "2", "24"] in [
        line.split()[:7] for line in short.splitlines()
    ]
    assert "never: " in short
    assert "random_sampling, ended by" in long
