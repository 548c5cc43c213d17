"""How `train` and `status` show what the stopping criteria say, and `simulate` what they would have said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alcli.cli.common import aligned


def reason(more: Mapping[str, Any]) -> str:
    """Why to stop or to go on, in one line of bearable length."""
    criteria = more["criteria"]
    if more["stop"]["verdict"] == "stop" or len(criteria) < 2:
        return str(more["stop"]["reason"])
    saying = sum(one["stop"] for one in criteria)
    return f"{saying} of {len(criteria)} criteria {'says' if saying == 1 else 'say'} stop (-v shows each)"


def criteria_table(more: Mapping[str, Any]) -> list[str]:
    """A line for each configured criterion, below a header."""
    rows = [
        [one["criterion"], one["rule"], "stop" if one["stop"] else "go on", one["reason"]]
        for one in more["criteria"]
    ]
    return aligned([["criterion", "rule", "says", "why"], *rows], right=False)


def back_test_lines(more: Mapping[str, Any], strategy: str) -> list[str]:
    """A line for each criterion that would have ended some of a strategy's replays; one for the others."""
    found = more["stopping"][strategy]
    rows = [[f"{strategy}, ended by", "stopped", "labels", "saved", "lost", "at most"]]
    for name, test in found.items():
        if test["stopped"]:
            figures = [f"{test['stopped']} of {more['n_repeats']}", f"{test['labels']:,.0f}"]
            figures += [f"{test['saved']:.0%}", f"{test['lost']:.3f}", f"{test['worst']:.3f}"]
            rows.append([name, *figures])
    never = [name for name, test in found.items() if not test["stopped"]]
    return [*(aligned(rows) if len(rows) > 1 else []), *([f"never: {', '.join(never)}"] if never else [])]
