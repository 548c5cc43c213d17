"""Classes: what training labels lack, in words, and what the classes of an earlier model are called now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from alcli.project import Project, Step
from alcli.project.relabeling import RELABELED
from alcli.project.reopening import Reopened


def mapped(project: Project) -> list[Mapping[str, str]]:
    """What `alcli relabel` has mapped so far, one command after the other."""
    ingest = _newest_ingest(project)
    return list(ingest.more.get(RELABELED, ())) if ingest is not None else []


def answered_classes(project: Project) -> list[str]:
    """The classes as the newest ingest knew them."""
    ingest = _newest_ingest(project)
    return list(ingest.more.get("classes", ())) if ingest is not None else []


def named_otherwise(project: Project, train: Step) -> bool:
    """Whether classes were renamed or merged since a training, or were then and are not any more."""
    return list(train.more.get(RELABELED, ())) != mapped(project)


def names_now(project: Project, train: Step, classes: Sequence[str]) -> list[str]:
    """What the classes of a training are called now, in their order; merged ones by the same name."""
    then, now = list(train.more.get(RELABELED, ())), mapped(project)
    names = list(classes)
    for one in now[len(then) :] if now[: len(then)] == then else ():
        names = [one.get(name, name) for name in names]
    return names


def _newest_ingest(project: Project) -> Step | None:
    steps = [round_.steps["ingest"] for round_ in project.rounds if "ingest" in round_.steps]
    return steps[-1] if steps else None


def about_classes(classes: Sequence[str], y: NDArray[np.int64], y_validation: NDArray[np.int64]) -> list[str]:
    """Warnings about classes of which there is no label, or only one.

    Args:
        y: (n,) class numbers of the training labels, and `y_validation`, (m,), those of validation.
    """
    counts = np.bincount(y, minlength=len(classes))
    seen = [classes[n] for n in np.flatnonzero(counts).tolist()]
    warnings = []
    if len(seen) == 1:
        all_labels = "the only label is" if len(y) == 1 else f"all {len(y):,} labels are"
        warnings.append(
            f"{all_labels} {seen[0]!r}: the model knows no other class yet, "
            "and cannot tell which rows would teach it most"
        )
    elif single := [classes[n] for n in np.flatnonzero(counts == 1).tolist()]:
        warnings.append(f"only one label of {_names(single)}: the model hardly knows {_it(single)}")
    unseen = [classes[n] for n in np.unique(y_validation).tolist() if not counts[n]]
    if unseen:
        warnings.append(
            f"no training label of {_names(unseen)}, though validation has some: "
            f"the model gives {_it(unseen)} probability 0"
        )
    validated = np.bincount(y_validation, minlength=len(classes))
    if nowhere := [classes[n] for n in np.flatnonzero(counts + validated == 0).tolist()]:
        warnings.append(
            f"no label of {_names(nowhere)} yet: query.seek finds rows like examples that you name"
        )
    unmeasured = [classes[n] for n in np.flatnonzero((counts > 0) & (validated == 0)).tolist()]
    if unmeasured and len(y_validation):
        warnings.append(f"no validation label of {_names(unmeasured)}: no figure tells of {_it(unmeasured)}")
    return warnings


def about_reopened(project: Project) -> list[str]:
    """A warning where rows that are asked again are not all answered."""
    files = Reopened.of(project.rounds).waiting(_newest_ingest(project))
    if not files:
        return []
    return [f"{', '.join(files)}: not all answered yet, and what is not is missing from model and figures"]


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:5])
    return shown + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _it(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "them"
