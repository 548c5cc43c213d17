"""Learning curves of several strategies, made into evidence: what is saved, how surely, and in words.

The curves are those of `alcli simulate`: R repeats an arm, paired, so that repeat r of every arm starts from
the same split and the same seed set. Every interval is over the repeats, and so are the tests.
"""

from __future__ import annotations

from alcli.curves.comparison import Arm, Comparison, Curves, compare
from alcli.curves.verdict import verdict

__all__ = ["Arm", "Comparison", "Curves", "compare", "verdict"]
