"""Imports go one way: the table of the design, held against the import graph of the code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import alcli

ROOT = Path(alcli.__file__).parent
MEMBERS = {"strategies", "models", "features", "stopping", "formats", "remote"}
_LOOP = {"errors", "config", "project", "registry", "tables", "engine", "metrics", "estimate", "temperature"}
_ABOVE = {"simulate", "report", "status", "evidence", "check", "plan", "labeling"}
_ALL = {*_LOOP, "loop", *MEMBERS, *_ABOVE, "curves", "drawing", "cli"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "strategies": {"errors"},
    "features": {"errors"},
    "stopping": {"errors", "curves", "estimate"},
    "estimate": {"errors"},
    "temperature": {"errors"},
    "metrics": {"errors", "estimate"},
    "curves": {"errors", "estimate"},
    "drawing": {"errors"},
    "models": {"errors", "tables"},
    "formats": {"errors", "tables"},
    "remote": {"errors", "formats"},
    "config": {"errors"},
    "registry": {"errors"},
    "tables": {"errors"},
    "engine": {"errors", "temperature"},
    "project": {"config", "tables", "errors"},
    "loop": {*_LOOP, "curves", *MEMBERS},
    "simulate": {*_LOOP, "loop", "curves", "drawing", "stopping"},
    "report": {*_LOOP, "loop"},
    "status": {*_LOOP, "loop"},
    "evidence": {*_LOOP, "loop", "models", "curves"},
    "check": {*_LOOP, "loop", "evidence", "models", "curves"},
    "plan": {*_LOOP, "loop", "curves"},
    "labeling": {*_LOOP, "loop", "formats"},
    "cli": _ALL,
    "__main__": {"cli"},
    "__init__": set(),
}


def modules() -> dict[str, ast.Module]:
    """Every module of alcli by its dotted name, parsed."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    return found


MODULES = modules()


def imported(tree: ast.Module) -> Iterator[str]:
    """Dotted names of everything that a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(tree: ast.Module) -> Iterator[str]:
    """Names below `alcli` of the modules that a module imports."""
    for name in imported(tree):
        if name.startswith("alcli."):
            parts = name.split(".")[1:]
            while parts and ".".join(parts) not in MODULES:
                parts.pop()  # the last part is a name in a module
            if parts:
                yield ".".join(parts)


def calls(tree: ast.Module) -> Iterator[str]:
    """Dotted names of everything that a module calls or reads."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            yield ast.unparse(node)


def layer(name: str) -> str:
    return name.partition(".")[0]


def test_every_module_has_its_place_in_the_table():
    assert {layer(name) for name in MODULES} <= MAY_IMPORT.keys()


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_only_what_its_layer_may(name):
    allowed = MAY_IMPORT[layer(name)] | {layer(name)}
    wrong = {target for target in ours(MODULES[name]) if layer(target) not in allowed}
    assert not wrong, f"alcli.{name} imports {sorted(wrong)}"


@pytest.mark.parametrize("name", [name for name in MODULES if layer(name) == "loop" and "." in name])
def test_a_step_of_the_loop_imports_no_other_step_and_no_member_of_a_registry(name):
    targets = set(ours(MODULES[name]))
    others = {target for target in targets if target.startswith("loop.")}
    assert all(other.split(".")[1].startswith("_") for other in others), others  # helpers are no steps
    assert not {target for target in targets if layer(target) in MEMBERS and "." in target}


@pytest.mark.parametrize("name", [name for name in MODULES if layer(name) in MEMBERS and "." in name])
def test_a_member_of_a_registry_imports_its_contract_and_helpers_but_no_other_member(name):
    own = layer(name)
    siblings = {target for target in ours(MODULES[name]) if layer(target) == own and target != own}
    assert all(sibling.split(".")[1].startswith("_") for sibling in siblings)


@pytest.mark.parametrize(
    "name", [name for name in MODULES if layer(name) in {"strategies", "stopping", "metrics", "curves"}]
)
def test_strategies_stopping_metrics_and_curves_know_arrays_only(name):
    packages = {layer(target) for target in imported(MODULES[name])}
    assert not packages & {"pandas", "pyarrow", "pathlib", "os", "io"}


@pytest.mark.parametrize("name", [name for name in MODULES if layer(name) not in {"cli", "__main__"}])
def test_only_the_command_line_prints_and_exits(name):
    tree = MODULES[name]
    assert not {layer(target) for target in imported(tree)} & {"typer", "rich", "click", "textual"}
    assert not set(calls(tree)) & {"print", "input", "exit", "quit", "sys.exit", "os._exit", "SystemExit"}


@pytest.mark.parametrize("name", MODULES)
def test_chance_comes_from_a_generator_that_is_handed_down(name):
    tree = MODULES[name]
    assert not {layer(target) for target in imported(tree)} & {"random", "secrets"}
    assert not {target for target in imported(tree) if target.startswith("numpy.random")}
    drawn = {call.removeprefix("np.random.") for call in calls(tree) if call.startswith("np.random.")}
    assert drawn <= {"default_rng", "Generator"}


def test_no_module_imports_another_that_imports_it():
    below = {name: set(ours(tree)) - {name} for name, tree in MODULES.items()}
    left = dict(below)
    while leaves := [name for name, targets in left.items() if not targets & left.keys()]:
        for name in leaves:
            del left[name]
    assert not left, f"an import cycle among {sorted(left)}"
