"""What training labels lack, in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


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
    return warnings


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:5])
    return shown + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _it(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "them"
