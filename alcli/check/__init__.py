"""`check`: is active learning the right call here, is it working, and what has it saved. Writes nothing.

    Project -> Facts (one pass over the pool) -> a Finding a module of this folder -> the page

Each module looks at one thing: `look(facts)` gives a verdict, the figure behind it, and what to do.
"""

from __future__ import annotations

from importlib import import_module

from alcli.check._facts import Facts
from alcli.check._finding import STOP, Finding, worst
from alcli.loop import Progress, Result, silent
from alcli.project import Project

CHECKS = (
    "seed",
    "learning",
    "calibration",
    "ranking",
    "pool",
    "copies",
    "drift",
    "validation",
    "leakage",
    "people",
    "guideline",
    "money",
    "saving",
    "replays",
    "forecast",
)
"""In the order of the page."""


def check(project: Project, progress: Progress = silent) -> Result:
    """A verdict on everything that decides whether active learning pays here."""
    facts = Facts.read(project, progress)
    findings = [_named(name, facts) for name in CHECKS]
    verdict = worst(finding.verdict for finding in findings if finding.decides)
    return Result(
        "check",
        round=facts.round,
        changed=False,
        counts=facts.counts,
        warnings=facts.warnings,
        more={"verdict": verdict, "checks": [finding.to_json() for finding in findings]},
        exit_code=10 if verdict == STOP else 0,
    )


def _named(name: str, facts: Facts) -> Finding:
    found: Finding = import_module(f"alcli.check.{name}").look(facts)
    return found
