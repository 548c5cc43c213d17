"""What a model is worth, in numbers with the interval that chance alone gives them.

`quality` is what `train` reports. Of those who ask further: `calibration` whether confidence can be trusted,
`ranking` whether uncertainty finds the errors, `agreement` how far labels or models agree. They stand apart,
since they load scipy.
"""

from __future__ import annotations

from alcli.metrics.quality import (
    HIGHER_IS_BETTER,
    NAMES,
    ClassMetrics,
    Metrics,
    evaluate,
    figures,
    paired_change,
    paired_losses,
    resampled,
    standard_errors,
)

__all__ = [
    "HIGHER_IS_BETTER",
    "NAMES",
    "ClassMetrics",
    "Metrics",
    "evaluate",
    "figures",
    "paired_change",
    "paired_losses",
    "resampled",
    "standard_errors",
]
