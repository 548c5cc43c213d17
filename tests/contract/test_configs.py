"""Every strategy has a runnable config in `configs/`, and it runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from alcli.cli import app
from alcli.registry import STRATEGIES

ROOT = Path(__file__).parents[2]


def test_every_strategy_has_a_config() -> None:
    assert sorted(path.stem for path in (ROOT / "configs").glob("*.yaml")) == STRATEGIES.names()


@pytest.mark.parametrize("name", STRATEGIES.names())
def test_a_config_runs_a_whole_round(name: str, tmp_path: Path) -> None:
    common = ["-C", str(tmp_path), "--config", str(ROOT / "configs" / f"{name}.yaml"), "--json"]
    oracle = str(ROOT / "sample_data" / "oracle.csv")
    for step in (["seed"], ["ingest", oracle, "--requested-only"], ["train"], ["score"], ["query"]):
        done = CliRunner().invoke(app, [*step, *common])
        assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["counts"]["asked"] == 200
