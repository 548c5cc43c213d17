"""No command scores, asks or trains on a sealed row, whatever is done to the files around it.

Each attack changes a project in which a round has run; then every command is tried. A command may refuse, or
go on without the sealed rows. Who rewrites every file that names a digest is not caught, and not tried here.
"""

from __future__ import annotations

import hashlib
import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from alcli.cli import app
from alcli.labeling import Wanted, open_work
from alcli.project import Project
from alcli.project.standing import Standing

COMPOSED = (
    "explore=0.2",
    "overlap=0.2",
    "quotas={topic: equal}",
    "show=[text, topic]",
    "show_prediction=true",
)
SET = [part for setting in COMPOSED for part in ("--set", f"query.{setting}")]
CORE_SET = ["--set", "query.strategy=core_set"]
COMMANDS = {
    "seed": ["seed"],
    "extend": ["seed", "--extend-validation", "2"],
    "train": ["train"],
    "score": ["score"],
    "query": ["query", *SET],
    "more": ["query", "--more", "4", *SET],
    "ingest": ["ingest"],
    "train again": ["train"],
    "score for a set": ["score", *CORE_SET],
    "query for a set": ["query", *SET, *CORE_SET],
    "more for a set": ["query", "--more", "4", *CORE_SET],
    "release": ["query", "--release"],
    "simulate": ["simulate", "--from-project", "--repeats", "1", "--rounds", "1", "--jobs", "1"],
    "status": ["status"],
    "relabel": ["relabel", "--map", "sea=ocean"],
    "reopen": ["relabel", "--reopen", "sky"],
}


@pytest.fixture
def lab(make_lab, make_data_of):
    """A pool with copies, groups and segments; round 1 is asked and answered."""
    data = make_data_of("text", 150)
    rows = [
        {**row, "topic": "ab"[n % 2], "speaker": f"s{n % 70}"} for n, row in enumerate(data.table.to_pylist())
    ]
    rows += [{**row, "id": f"{row['id']}-copy", "speaker": f"c{n}"} for n, row in enumerate(rows[:40])]
    truth = {row["id"]: data.truth[row["id"].removesuffix("-copy")] for row in rows}
    lab = make_lab(data=type(data)(pa.Table.from_pylist(rows), truth, data.features))
    lab.configure(
        split={"validation": 12, "reserve": 8, "group_by": "speaker"},
        query={"batch_size": 8, "strategy": "margin"},
        seed={"size": 14},
    )
    lab.seeded().one_round(1)
    lab.texts = {row["id"]: row["text"] for row in rows}
    lab.secret = {name: lab.split(name) for name in ("validation", "reserve", "held_out")}
    lab.planted = ()
    return lab


def attempt(lab, name, *rest):
    """Whether a command went through; else it refused, in words."""
    result = CliRunner().invoke(app, [name, "-C", str(lab.root), "--json", *map(str, rest)])
    assert result.exit_code in {0, 1}, result.output
    if result.exit_code:
        assert json.loads(result.stdout)["error"]["message"]
    return result.exit_code == 0


def sealed_ids(lab):
    """Ids that are sealed, or that have what a sealed row had, in the pool as it is now."""
    texts = {lab.texts[id_] for id_ in lab.secret["validation"] | lab.secret["reserve"]}
    pool = pq.read_table(lab.root / "pool.parquet").to_pylist()
    return set().union(*lab.secret.values()) | {row["id"] for row in pool if row["text"] in texts}


def try_everything(lab):
    """Every command, and after each a look whether a sealed row got where it must not."""
    before, through = lab.bytes(), {}
    for name, command in COMMANDS.items():
        files = []
        if name == "ingest":
            late = set(asked(lab, "rounds/002/query*.csv")) & lab.data.truth.keys()
            files = [lab.labels(sorted(late), "late.csv")]
        through[name] = attempt(lab, *command, *files)
        look(lab, {path for path, digest in lab.bytes().items() if before.get(path) != digest})
    return through


def asked(lab, files):
    """The ids in some query files."""
    texts = [path.read_text() for path in lab.root.glob(files)]
    return [line.split(",")[0] for text in texts for line in text.splitlines()[1:]]


def look(lab, written):
    """At what was written since the attack."""
    sealed, validation = sealed_ids(lab), lab.split("validation")
    for path in sorted(written):
        if "/query" in path:
            assert not set(asked(lab, path)) & sealed - (validation if "000" in path else set()), path
        if "/reopened" in path:
            assert not set(asked(lab, path)) & sealed - validation, path
        if "/scores/" in path and path not in lab.planted:
            assert not set(pq.read_table(lab.root / path)["id"].to_pylist()) & sealed, path
        if path.endswith("/metrics.json"):
            labels = pq.read_table(lab.root / "labels.parquet").to_pylist()
            pool = set(pq.read_table(lab.root / "pool.parquet")["id"].to_pylist())
            trained = {row["id"] for row in labels if row["split"] == "train"} & pool
            assert not trained & sealed, path


# the attacks


def rewrite(lab, change):
    path = lab.root / "pool.parquet"
    table = pq.read_table(path)
    pq.write_table(pa.Table.from_pylist(change(table.to_pylist()), schema=table.schema), path)


def edit(lab, name, change, *, forge=None):
    """Change a Parquet file of the project; `forge` names the step whose entry gets the new digest."""
    path = lab.root / name
    table = pq.read_table(path)
    pq.write_table(pa.Table.from_pylist(change(table.to_pylist()), schema=table.schema), path)
    if forge is not None:
        round_, step = forge
        manifest = lab.root / f"rounds/{round_:03d}/round.json"
        document = json.loads(manifest.read_text())
        document["steps"][step]["outputs"][name]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
        manifest.write_text(json.dumps(document))


def some(lab, split):
    return min(lab.secret[split])


def candidate(lab):
    """A row that may be asked."""
    return max(set(lab.data.truth) - set().union(*lab.secret.values()) - set(lab.ids(0)) - set(lab.ids(1)))


def renamed(split):
    def attack(lab):
        old = some(lab, split)
        rewrite(lab, lambda rows: [{**r, "id": "new" if r["id"] == old else r["id"]} for r in rows])
        attempt(lab, "ingest", lab.labels(["new"], "new.csv", "sea"), "--unrequested", "accept")

    return attack


def all_renamed(lab):
    rewrite(lab, lambda rows: [{**r, "id": f"x{r['id']}"} for r in rows])


def copied(split):
    def attack(lab):
        old = some(lab, split)
        rewrite(
            lab, lambda rows: [*rows, *({**r, "id": "new", "speaker": "new"} for r in rows if r["id"] == old)]
        )
        attempt(lab, "ingest", lab.labels(["new"], "new.csv", "sea"), "--unrequested", "accept")

    return attack


def mate(lab):
    """A new row of a validation row's speaker."""
    speaker = {row["id"]: row["speaker"] for row in pq.read_table(lab.root / "pool.parquet").to_pylist()}
    row = {
        "id": "new",
        "text": "words of their own",
        "topic": "a",
        "speaker": speaker[some(lab, "validation")],
    }
    lab.secret["mates"] = {"new"}
    rewrite(lab, lambda rows: [*rows, row])
    attempt(lab, "ingest", lab.labels(["new"], "new.csv", "sea"), "--unrequested", "accept")


def swapped_ids(split, other):
    def attack(lab):
        pair = (some(lab, split), other(lab))
        to = dict((pair, pair[::-1]))
        rewrite(lab, lambda rows: [{**r, "id": to.get(r["id"], r["id"])} for r in rows])

    return attack


def trained_row(lab):
    return min(lab.ids(1))


def swapped_splits(*, forge):
    def attack(lab):
        pair = {some(lab, "validation"): "seed", min(lab.split("seed")): "validation"}
        edit(
            lab,
            "splits.parquet",
            lambda rows: [{**r, "split": pair.get(r["id"], r["split"])} for r in rows],
            forge=(0, "seed") if forge else None,
        )

    return attack


def another_seeding(lab):
    """Splits and round 000 of another draw over the same pool, whole and consistent."""
    other = type(lab)(lab.root.parent / "other", lab.data)
    other.root.mkdir()
    for name in ("pool.parquet", "alcli.yaml"):
        shutil.copy(lab.root / name, other.root / name)
    other("seed", "--set", "random_state=5")
    shutil.copy(other.root / "splits.parquet", lab.root)
    shutil.copytree(other.root / "rounds/000", lab.root / "rounds/000", dirs_exist_ok=True)


def labels_under_train(lab):
    """The labeled set comes back as a label file, its validation rows called train."""
    rows = pq.read_table(lab.root / "labels.parquet").to_pylist()
    table = pa.Table.from_pylist([{**row, "split": "train"} for row in rows])
    pq.write_table(table, lab.root / "again.parquet")
    assert attempt(lab, "ingest", "--retract", "answers-0.csv")
    assert attempt(lab, "ingest", lab.root / "again.parquet")


def edited_labels(lab):
    edit(lab, "labels.parquet", lambda rows: [{**r, "split": "train"} for r in rows])


def planted_score(*, forge):
    def attack(lab):
        lab("train")
        lab("score")
        lab.planted = ("rounds/002/scores/part-00000.parquet",)
        edit(
            lab,
            "rounds/002/scores/part-00000.parquet",
            lambda rows: [
                *rows,
                *(
                    {**rows[0], "id": id_, "score": 9.0, "content": n}
                    for n, id_ in enumerate(sorted(lab.secret["validation"] | lab.secret["reserve"]))
                ),
            ],
            forge=(2, "score") if forge else None,
        )

    return attack


def planted_choice(*, forge, split="validation"):
    def attack(lab):
        row = {
            "id": some(lab, split),
            "rank": 9,
            "score": 9.0,
            "strategy": "margin",
            "reason": "strategy",
        }
        edit(
            lab,
            "rounds/001/selection.parquet",
            lambda rows: [*rows, {**row, "group": None}],
            forge=(1, "query") if forge else None,
        )

    return attack


# what is done, and the commands that must go through all the same, or must refuse
ALL = frozenset(COMMANDS)
ATTACKS = {
    "nothing": (id, ALL, set()),
    "a validation row renamed": (renamed("validation"), ALL, set()),
    "a reserve row renamed": (renamed("reserve"), ALL, set()),
    "all rows renamed": (all_renamed, set(), {"train", "extend"}),
    "a validation row copied": (copied("validation"), ALL, set()),
    "a reserve row copied": (copied("reserve"), ALL, set()),
    "a new group-mate": (mate, ALL, set()),
    "ids swapped with a candidate": (swapped_ids("validation", candidate), set(), {"train", "simulate"}),
    "ids swapped with a trained row": (swapped_ids("validation", trained_row), set(), {"train", "simulate"}),
    "a reserve row's id swapped with a trained row's": (
        swapped_ids("reserve", trained_row),
        set(),
        {"extend", "train", "simulate"},
    ),
    "splits swapped": (swapped_splits(forge=False), set(), ALL),
    "splits swapped and their digest forged": (swapped_splits(forge=True), set(), ALL),
    "splits of another draw": (another_seeding, set(), ALL),
    "labels sent again under train": (labels_under_train, ALL, set()),
    "labels edited": (edited_labels, set(), {"train", "simulate"}),
    "a score planted": (planted_score(forge=False), {"train", "score"}, set()),
    "a score planted and its digest forged": (planted_score(forge=True), {"train"}, {"query"}),
    "a choice planted": (planted_choice(forge=False), {"train"}, {"query", "extend"}),
    "a choice planted and its digest forged": (planted_choice(forge=True), ALL, set()),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_command_gets_at_a_sealed_row(lab, attack):
    apply, go_on, refuse = ATTACKS[attack]
    apply(lab)
    through = try_everything(lab)
    assert {name for name in go_on if not through[name]} == set()
    assert {name for name in refuse if through[name]} == set()


def test_a_strategy_that_looks_at_labels_is_shown_none_of_a_sealed_row(lab):
    planted_choice(forge=True)(lab)
    known = Standing.read(Project.open(lab.root))
    assert known.asked.reason[some(lab, "validation")] == "strategy"
    assert not known.labels.keys() & sealed_ids(lab)
    assert known.labels.keys() == {*lab.ids(1), *lab.split("seed")} - sealed_ids(lab)


def test_the_labeler_shows_no_row_of_which_nobody_may_know_the_label(lab):
    planted_choice(forge=True, split="reserve")(lab)
    query = lab.root / "rounds/001/query.csv"
    sealed = lab.secret["reserve"] | lab.secret["held_out"]
    query.write_text(query.read_text() + "".join(f"{id_},words,\n" for id_ in sorted(sealed)))
    lab("ingest", "--retract", "answers-1.csv")
    shown = {row.id for row in open_work(Project.open(lab.root), Wanted(), "").rows}
    assert shown >= set(lab.ids(1)) - sealed
    assert not shown & sealed
