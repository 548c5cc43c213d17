"""What all checks look at, read once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from textwrap import shorten
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from alcli.check._look import Look, look
from alcli.check._shared import Shared
from alcli.curves.control import Saving
from alcli.curves.forecast import Rounds
from alcli.curves.power_law import PowerLaw
from alcli.engine import FeatureSpace, Trained, Views
from alcli.errors import StateError
from alcli.estimate import Estimate
from alcli.evidence import Unmeasured, measure_saving
from alcli.loop import Progress
from alcli.loop._calibration import Prospect, prospect
from alcli.loop._classes import named_otherwise
from alcli.loop._learning import Labeled, classes_of, groups_of
from alcli.loop._people import Answers
from alcli.models import read_model
from alcli.project import LABELS, Project, Round
from alcli.project.history import Past, read_history
from alcli.project.intake import checked_ledger
from alcli.project.model_folder import model_folder
from alcli.project.pool import Pool, Rows
from alcli.project.resolve import resolve
from alcli.project.splits import HELD_OUT, RESERVE, SCHEMA, VALIDATION, Splits
from alcli.project.standing import Standing
from alcli.registry import FEATURES, MODELS

_WIDE = 60
"""Letters of an example."""


@dataclass(frozen=True)
class Facts:
    """A project as the checks see it.

    Attributes:
        project: the project.
        look: at the pool.
        splits: empty before `seed`.
        standing: of asked rows; None before `seed`.
        answers: of people; None before `seed`.
        shared: their votes on rows that several labeled; None before `seed`.
        accuracy: of each annotator, where `labels.resolve` weighs answers by it.
        labels: `labels.parquet`; empty before the first ingest.
        history: trained rounds.
        trained: the newest model; None before `train`.
        model_round: where it was trained.
    """

    project: Project
    look: Look
    splits: Splits
    standing: Standing | None
    answers: Answers | None
    shared: Shared | None
    accuracy: Mapping[str, float]
    labels: pa.Table
    history: Sequence[Past]
    trained: Trained | None
    model_round: Round | None

    @classmethod
    def read(cls, project: Project, progress: Progress) -> Facts:
        """All of it, in one pass over the pool.

        Raises:
            IntegrityError: a file is not as its step wrote it.
        """
        project.check_sealed()
        pool = Pool(project)
        pool.check_columns()
        seeded = bool(project.rounds) and "seed" in project.rounds[0].steps
        splits = Splits.read(project) if seeded else Splits(SCHEMA.empty_table())
        labels = _labels(project)
        standing, answers, shared, accuracy = _people(project) if seeded else (None, None, None, {})
        ids = [splits.ids(VALIDATION, RESERVE), labels["id"].combine_chunks()]
        if answers is not None and shared is not None:
            ids.append(answers.ids.take(shared.example_rows()))
        never = splits.ids(VALIDATION, RESERVE, HELD_OUT)
        if standing is not None:
            never = pc.unique(pa.concat_arrays([never, pa.array(sorted(standing.closed), pa.string())]))
        group_by = project.rounds[0].steps["seed"].more["group_by"] if seeded else None
        shown = {group_by: None} if group_by is not None else {}
        if shared:  # rows in which people differ are shown
            shown |= dict.fromkeys(pool.shown[:1])
        found = look(project, pool, pc.unique(pa.concat_arrays(ids)), never, list(shown), progress)
        if group_by is not None:
            sealed = _among(found.wanted.ids, splits.ids(VALIDATION, RESERVE))
            splits = splits.grouped(group_by, found.wanted.take(sealed))
        trained = [round_ for round_ in project.rounds if "train" in round_.steps]
        stored = read_model(model_folder(project, trained[-1])) if trained else None
        fits = stored is not None and stored.kinds == project.config.features.by_kind
        fits = fits and not named_otherwise(project, trained[-1].steps["train"])
        return cls(
            project,
            found,
            splits,
            standing,
            answers,
            shared,
            accuracy,
            labels,
            read_history(project),
            Trained.of(stored, FEATURES, MODELS) if fits else None,
            trained[-1] if fits else None,
        )

    @property
    def round(self) -> int | None:
        """The newest round's number."""
        return self.project.rounds[-1].number if self.project.rounds else None

    @property
    def counts(self) -> Mapping[str, int]:
        """For the document."""
        return {
            "pool": self.look.n_rows,
            "labeled": len(self.train),
            "validation_labeled": len(self.validation),
            "sample": len(self.look.sample),
        }

    @property
    def warnings(self) -> list[str]:
        """What is missing for a full page."""
        if self.standing is None:
            return ["nothing is seeded yet: only the pool and the prices are looked at"]
        if self.trained is None and self.history:
            newest = [round_.steps["train"] for round_ in self.project.rounds if "train" in round_.steps][-1]
            what = "classes" if named_otherwise(self.project, newest) else "features"
            return [f"{what} were changed since the model was trained: `alcli train` first"]
        if self.trained is None:
            return ["no model is trained yet: what it knows and saves is not looked at"]
        return []

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The model's, or those of the labels."""
        if self.trained is not None:
            return self.trained.classes
        return classes_of(self.project.config, pc.unique(self.labels["label"]).to_pylist())

    @cached_property
    def train(self) -> Labeled:
        """Training rows that have a label and are in the pool."""
        return self._labeled("train")

    @cached_property
    def validation(self) -> Labeled:
        """Validation rows that have a label."""
        return self._labeled("validation")

    def _labeled(self, split: str) -> Labeled:
        of_split = self.labels.filter(pc.equal(self.labels["split"], split))
        known = pa.array(self.classes, pa.string())
        of_split = of_split.filter(pc.is_in(of_split["label"], value_set=known))
        at = pc.index_in(of_split["id"], value_set=self.look.wanted.ids)
        here = pc.is_valid(at)
        places = at.filter(here).to_numpy().astype(np.int64)
        y = pc.index_in(of_split["label"].filter(here), value_set=known).to_numpy().astype(np.int64)
        return Labeled(self.look.wanted.take(places), y)

    @cached_property
    def sealed_rows(self) -> Rows:
        """Validation rows, labeled or not."""
        return self.look.wanted.take(_among(self.look.wanted.ids, self.splits.ids(VALIDATION)))

    @cached_property
    def open_sample(self) -> Rows:
        """Sampled rows that are not sealed."""
        sample = self.look.sample
        return sample.take(~self.sealed_of(sample))

    def sealed_of(self, rows: Rows) -> NDArray[np.bool_]:
        """(n,) which rows are sealed, by id, content or group."""
        return self.splits.find_sealed(rows, rows.content())

    @cached_property
    def space(self) -> FeatureSpace:
        """The newest model's features; before it is trained, learned from the sample."""
        if self.trained is not None:
            found: FeatureSpace = self.trained.space
            return found
        kinds = self.project.config.features.describing
        space = FeatureSpace({kind: FEATURES.build(kind) for kind in kinds})
        return space.fit(self.open_sample.features)

    def text_of(self, ids: Collection[str]) -> dict[str, str]:
        """The first column that annotators see, shortened, of those examples that the pool still has."""
        rows = self.look.wanted
        here = rows.take(_among(rows.ids, pa.array(list(ids), pa.string())))
        column = next((here.shown[name] for name in Pool(self.project).shown[:1] if name in here.shown), None)
        if column is None:
            return {}
        texts = (shorten(text, _WIDE, placeholder=" ...") for text in column.to_pylist())
        return dict(zip(here.ids.to_pylist(), texts, strict=True))

    def views(self, rows: Rows) -> Views:
        """Some rows as features."""
        return Views(self.space, rows.features)

    def units(self, rows: Rows) -> Any:
        """Some rows at length 1, for likeness; None where no kind of feature has such."""
        return self.space.similar(rows.features)

    @cached_property
    def proba(self) -> NDArray[np.float32]:
        """(n, C) of the labeled validation rows, by the newest model."""
        if self.trained is None:
            raise StateError("no model is trained yet", hint="run `alcli train` first")
        found = self.trained.evidence(self.validation.rows.features, ("proba",))
        return np.asarray(found["proba"])

    @property
    def metric(self) -> str:
        """What the project looks at: `cost.metric`, accuracy where there are no prices."""
        cost = self.project.config.cost
        return cost.metric if cost is not None else "accuracy"

    def law(self, metric: str) -> PowerLaw | None:
        """The learning curve of the project's rounds; None with fewer than two."""
        return Rounds.of(self.history, metric).law()

    @cached_property
    def saving(self) -> Saving | Unmeasured:
        """What selection has saved so far, by the rows that were drawn at random."""
        if self.trained is None:
            return Unmeasured("no model is trained yet")
        metric = self.metric if self.metric != "ece" else "accuracy"
        return measure_saving(self.project, self.look.wanted, metric)

    @property
    def known_saving(self) -> Estimate | None:
        """The share of random collection's labels that selection saves, or costs; None: that is not clear."""
        found = self.saving
        if isinstance(found, Unmeasured) or found.verdict == "alike":
            return None
        low, value, high = found.share.low, found.share.value, found.share.high
        return Estimate(low if found.open else value, low, high)

    @property
    def most_saved(self) -> float | None:
        """The largest saving that the control share allows for; None: it sets no bound."""
        found = self.saving
        return None if isinstance(found, Unmeasured) or found.open else found.share.high

    @property
    def measured(self) -> bool:
        """Whether there is a model, and a labeled validation set to hold it against."""
        return self.trained is not None and len(self.validation) > 0

    @cached_property
    def prospect(self) -> Prospect | None:
        """What calibration would change; None where the model is calibrated already, or learns too little."""
        config, newest = self.project.config, self.model_round
        calibrated = self.trained is not None and self.trained.temperature is not None
        if config.model.calibrate != "none" or calibrated or newest is None or not len(self.train):
            return None
        rows = self.train.rows
        return prospect(
            config,
            newest.number,
            self.views(rows),
            self.train.y,
            self.proba,
            self.validation.y,
            groups=groups_of(rows, self.splits),
        )

    def rng(self, *stream: int) -> np.random.Generator:
        """A check's chance."""
        return np.random.default_rng([self.project.config.random_state, 7, *stream])

    @property
    def n_candidates(self) -> int:
        """Rows of the pool that could still be asked, copies among them."""
        return self.look.n_open


def _people(project: Project) -> tuple[Standing, Answers, Shared, Mapping[str, float]]:
    """From the ledger, read once."""
    ledger = checked_ledger(project)
    resolution = resolve(ledger, project.config.labels.resolve)
    answers = Answers.of(ledger, resolution.standing)
    shared = Shared.of(answers, project.config.random_state)
    return Standing.of_project(project, ledger, resolution), answers, shared, resolution.accuracy


def _labels(project: Project) -> pa.Table:
    steps = [round_.steps["ingest"] for round_ in project.rounds if "ingest" in round_.steps]
    if not steps:
        names = ("id", "label", "split")
        return pa.table({name: pa.array([], pa.string()) for name in names})
    project.check(steps[-1], LABELS)
    return pq.read_table(project.root / LABELS)


def _among(ids: pa.Array, some: pa.Array) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = pc.is_in(ids, value_set=some).to_numpy(zero_copy_only=False)
    return found
