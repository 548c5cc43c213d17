"""What calibration would change, told without changing anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alcli.config import Config
from alcli.engine import Views
from alcli.estimate import Estimate, rounded
from alcli.loop._learning import out_of_fold, training_rng
from alcli.metrics import figures, paired_losses
from alcli.tables.hashing import Hashes
from alcli.temperature import apply_temperature, fit_temperature

_FIGURES = ("ece", "brier", "log_loss")


@dataclass(frozen=True)
class Prospect:
    """The figures of a model on validation rows without and with temperature scaling.

    Attributes:
        temperature: fitted to held-out predictions of training labels; above 1 the model is too sure.
        before, after: ece, brier and log_loss.
        change: of log_loss and brier, after minus before, paired; below 0 is better.
    """

    temperature: float
    before: Mapping[str, float]
    after: Mapping[str, float]
    change: Mapping[str, Estimate]

    @property
    def helps(self) -> bool:
        """Whether the log loss, which the temperature is fitted to lessen, is surely less."""
        return self.change["log_loss"].high < 0

    def to_json(self) -> dict[str, Any]:
        return {
            "temperature": rounded(self.temperature),
            "before": {name: rounded(value) for name, value in self.before.items()},
            "after": {name: rounded(value) for name, value in self.after.items()},
            "change": {name: value.to_json() for name, value in self.change.items()},
            "helps": self.helps,
        }


def prospect(
    config: Config,
    round_: int,
    labeled: Views,
    y: NDArray[np.int64],
    proba: NDArray[np.float32],
    y_validation: NDArray[np.int64],
    *,
    groups: Hashes | None = None,
) -> Prospect | None:
    """What `model.calibrate: temperature` would change in a round.

    Args:
        labeled: the training rows, sorted by id, and `y` their class numbers, (n,).
        proba: (m, C), what the round's model gives validation rows, not calibrated (of a calibrated model,
            `apply_temperature(proba, 1 / trained.temperature)`).
        y_validation: (m,) their class numbers.
        groups: (n,) of the training rows, as in `out_of_fold`.

    Returns:
        None where there is too little to calibrate on, or the model does not learn: see `out_of_fold`.

    Raises:
        ValueError: no validation rows.
    """
    n_classes = proba.shape[1]
    held_out = out_of_fold(config, round_, labeled, y, n_classes, groups=groups)
    if held_out is None:
        return None
    temperature = fit_temperature(held_out.proba, y[held_out.positions])
    tempered = apply_temperature(proba, temperature)
    names = tuple(str(number) for number in range(n_classes))
    before, after = (figures(each, y_validation, names) for each in (proba, tempered))
    return Prospect(
        temperature,
        {name: before[name] for name in _FIGURES},
        {name: after[name] for name in _FIGURES},
        paired_losses(proba, tempered, y_validation, training_rng(config, round_, 3)),
    )
