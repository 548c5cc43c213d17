"""What to do about a label file that cannot be taken: commands that read one have different options."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Advice:
    """Hints, by what is wrong.

    Attributes:
        column: there is no column called as `labels.id` or `labels.label` says; `{name}` is which of the two.
        rows: some rows cannot be taken.
        new_class: a label is none of the classes.
    """

    column: str
    rows: str
    new_class: str


INGEST = Advice(
    column="--{name}-column or labels.{name} in alcli.yaml names it",
    rows="--skip-invalid takes the good rows and lists the others in rejected.csv",
    new_class="--new-class adds a class",
)
PULLED = Advice(
    column="labels.{name} in alcli.yaml names it",
    rows="correct it there and pull again; --skip-invalid takes the good answers and lists the others",
    new_class="--new-class adds a class",
)
BROUGHT = Advice(
    column="labels.{name} in alcli.yaml, or --set labels.{name}=NAME, names it",
    rows="correct the file, or remove these rows from it",
    new_class="task.classes in alcli.yaml lists the classes",
)
"""For commands that start from labels a team has: they take a file as a whole, or not at all."""
