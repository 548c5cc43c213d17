"""A round's `model/` folder, and whether its card is the one that train wrote."""

from __future__ import annotations

from pathlib import Path

from alcli.errors import IntegrityError, StateError
from alcli.project import Project, Round


def card_of(round_: Round) -> str:
    """The card's path: it names the digests of all other files of the folder."""
    return f"{round_.folder}/model/card.json"


def model_folder(project: Project, round_: Round) -> Path:
    """The folder of a round's model, its card checked.

    Raises:
        StateError: the round has none.
        IntegrityError: the card was changed or is missing.
    """
    if "train" not in round_.steps:
        raise StateError("no model is trained yet", where=round_.folder, hint="run `alcli train` first")
    try:
        project.check(round_.steps["train"], card_of(round_))
    except IntegrityError as error:
        hint = "run `alcli train`: it writes the same model again"
        raise IntegrityError(error.message, where=error.where, hint=hint) from error
    return project.root / round_.folder / "model"
