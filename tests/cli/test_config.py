"""What is wrong in alcli.yaml or in --set is named first of all, with its line and the nearest right word."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("line", "where", "hint"),
    [
        ("querry: {batch_size: 5}", "line 6, querry", "did you mean 'query'?"),
        ("labels: {lable: x}", "line 6, labels.lable", "did you mean 'label'?"),
        ("committee:\n  size: 3\n  mebers: [a, b]", "line 8, committee.mebers", "did you mean 'members'?"),
        ("stop: {every: []}", "line 6, stop.every", "one of: any, all"),
    ],
)
def test_an_unknown_key_is_named_with_its_line_and_the_nearest_right_one(at, line, where, hint):
    loop = at("new")
    loop.write("alcli.yaml", (loop.root / "alcli.yaml").read_text() + line + "\n")
    loop.refused("seed", kind="config", says="unknown key", where=f"alcli.yaml, {where}", hint=hint)


def test_all_unknown_keys_are_named_at_once(at):
    loop = at("new")
    loop.config(query={"batchsize": 5, "strategie": "margin"})
    loop.refused("seed", kind="config", says="unknown key 'batchsize'", hint="unknown key 'strategie'")


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("query", "batch_size", 0),
        ("query", "batch_size", "many"),
        ("query", "batch_size", 2.5),
        ("query", "batch_size", None),
        ("query", "explore", 2),
        ("query", "max_similarity", 0),
        ("query", "shortlist", -1),
        ("split", "validation", -1),
        ("split", "reserve", "all"),
        ("seed", "size", [1]),
        ("labels", "resolve", "vote"),
        ("labels", "skip", 7),
        ("features", "missing", "maybe"),
        ("features", "embedding", ["a", "b"]),
        ("committee", "size", 1),
        ("model", "calibrate", "platt"),
        ("task", "classes", "pets"),
    ],
)
def test_a_wrong_value_is_named_with_its_key_and_line(at, section, key, value):
    loop = at("new")
    loop.config(**{section: {"text": ["text"], key: value} if section == "features" else {key: value}})
    loop.refused(
        "seed", kind="config", says="found", where=f"alcli.yaml, line {loop.line(section)}, {section}.{key}"
    )


@pytest.mark.parametrize(
    ("sections", "says"),
    [
        ({"random_state": -1}, "greater than or equal to 0"),
        ({"random_state": 1.5}, "integer"),
        ({"task": {"type": "regression"}}, "'classification'"),
        ({"task": {"classes": ["a", "b", "a"]}}, "listed twice"),
        ({"task": {"classes": ["a", "skip"]}}, "a class is also a value of labels.skip"),
        ({"task": {"classes": ["a", " "]}}, "a class name is empty"),
        ({"labels": {"skip": ["x"], "unsure": ["x"]}}, "overlap"),
        ({"features": {"text": ["text"], "categorical": ["text"]}}, "'text' is listed twice"),
        ({"features": {"text": ["id"]}}, "the id column 'id' cannot be a feature"),
        ({"committee": {"members": ["random_forest"]}}, "at least two members"),
    ],
)
def test_values_that_cannot_be_are_explained(at, sections, says):
    loop = at("new")
    loop.config(**sections)
    loop.refused("seed", kind="config", says=says, where="alcli.yaml")


@pytest.mark.parametrize("value", [".nan", ".inf", "-.inf", "1e400"])
@pytest.mark.parametrize("key", ["split.validation", "seed.size", "query.explore"])
def test_a_size_or_share_that_is_no_finite_number_is_refused(at, key, value):
    at("new").refused("seed", "--set", f"{key}={value}", kind="config", says="", where=f"--set {key}")


def test_a_size_between_rows_is_refused(at):
    at("new").refused("seed", "--set", "seed.size=12.5", kind="config", says="whole", where="--set seed.size")


def test_a_key_that_stands_twice_is_named_with_both_lines(at):
    loop = at("new")
    loop.write("alcli.yaml", "pool: pool.csv\nfeatures: {text: text}\npool: other.csv\n")
    loop.refused(
        "status", kind="config", says="the key 'pool' stands twice", where="alcli.yaml, lines 1 and 3"
    )


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("pool: pool.csv\nquery: {batch_size: 5\n", "alcli.yaml, line 3"),
        ("pool: pool.csv\n\tid: id\n", "alcli.yaml, line 2"),
        ("pool: 'pool.csv\n", "alcli.yaml, line"),
        ("pool: a: b\n", "alcli.yaml, line 1"),
        ("a: *nowhere\n", "alcli.yaml, line 1"),
        ("pool: pool.csv\n---\npool: other.csv\n", "alcli.yaml"),
        ("random_state: !!int many\n", "alcli.yaml"),
    ],
)
def test_broken_yaml_is_named_with_its_line(at, text, where):
    loop = at("new")
    loop.write("alcli.yaml", text)
    loop.refused("status", kind="config", says="no valid YAML", where=where)


@pytest.mark.parametrize("text", ["- pool.csv\n", "pool.csv\n", "17\n"])
def test_a_config_that_is_no_mapping_is_refused(at, text):
    loop = at("new")
    loop.write("alcli.yaml", text)
    loop.refused("status", kind="config", says="must be a mapping", where="alcli.yaml")


def test_a_config_that_is_not_utf_8_is_refused(at):
    loop = at("new")
    loop.write("alcli.yaml", "pool: pöol.csv\n".encode("latin-1"))
    loop.refused("status", kind="file", says="cannot be read", where="alcli.yaml")


def test_a_config_that_is_a_folder_is_refused(at):
    loop = at("new")
    (loop.root / "alcli.yaml").unlink()
    (loop.root / "alcli.yaml").mkdir()
    loop.refused("status", kind="file", says="cannot be read", where="alcli.yaml")


def test_without_a_config_the_hint_says_how_to_make_one(at):
    loop = at("new")
    (loop.root / "alcli.yaml").unlink()
    for command in ("seed", "train", "score", "query", "status"):
        loop.refused(command, kind="file", says="there is no alcli.yaml here", hint="alcli init")


def test_a_config_with_a_byte_order_mark_and_windows_lines_is_read(at):
    loop = at("new")
    loop.write(
        "alcli.yaml", b"\xef\xbb\xbf" + (loop.root / "alcli.yaml").read_bytes().replace(b"\n", b"\r\n")
    )
    assert loop.doc("seed")["counts"]["seed"] == 12


def test_a_section_with_every_key_commented_out_is_an_empty_section(at):
    loop = at("new")
    loop.write("alcli.yaml", "pool: pool.csv\nfeatures: {text: text}\nquery:\n  # strategy: margin\nseed:\n")
    assert loop.doc("status")["stage"] == "new"


@pytest.mark.parametrize(
    ("setting", "says", "hint"),
    [
        ("nonsense", "'nonsense' is no setting", "key.path=value"),
        ("=3", "'=3' is no setting", "key.path=value"),
        ("", "'' is no setting", "key.path=value"),
        ("query.batchsize=3", "unknown key 'batchsize'", "did you mean 'batch_size'?"),
        ("batch_size=3", "unknown key 'batch_size'", ""),
        ("a.b.c=1", "unknown key 'a'", ""),
        ("query..batch_size=1", "unknown key ''", ""),
        ("query.batch_size=", "integer", ""),
        ("query.batch_size=[", "no valid YAML", ""),
        ("query.batch_size.x=1", "integer", ""),
        ("query=5", "dictionary", ""),
        ("query.strategy=", "string", ""),
        ("query.strategy={metric: cosine}", "needs a `name`", ""),
        ("stop.any=[{labels: 5}]", "needs a `name`", ""),
    ],
)
def test_nonsense_in_set_is_refused_and_said_to_come_from_there(at, setting, says, hint):
    at("new").refused("seed", "--set", setting, kind="config", says=says, where="--set", hint=hint)


@pytest.mark.parametrize(
    ("setting", "says", "hint"),
    [
        ("query.strategy=marginn", "unknown strategy 'marginn'", "did you mean 'margin'?"),
        ("query.strategy={name: margin, top: 3}", "strategy 'margin' has no parameter 'top'", ""),
        ("query.strategy={name: query_by_committee, disagreement: loud}", "query_by_committee", ""),
        ("seed.strategy=stratifed", "unknown strategy 'stratifed'", "did you mean 'stratified'?"),
        ("model.name=logistic_reg", "unknown model 'logistic_reg'", "did you mean 'logistic_regression'?"),
        ("model={name: logistic_regression, c: 1}", "has no parameter 'c'", ""),
        ("model={name: logistic_regression, C: -1}", "logistic_regression", ""),
        (
            "committee.members=[random_forest, randomforest]",
            "unknown model 'randomforest'",
            "'random_forest'",
        ),
        ("stop.any=[bugdet]", "unknown stopping criterion 'bugdet'", "did you mean 'budget'?"),
        ("stop.any=[{name: budget, labels: none}]", "budget", ""),
        ("stop.all=[budget]", "budget", ""),
        ("query.strategy=no.such:Thing", "cannot be imported", "package.module:Class"),
        ("query.strategy=json:dumps", "is no dataclass that derives from", ""),
        ("query.strategy=../margin", "unknown strategy", ""),
    ],
)
def test_a_wrong_name_or_parameter_is_named_with_the_nearest_right_one(at, setting, says, hint):
    key = setting.split("=")[0]
    at("new").refused("seed", "--set", setting, kind="config", says=says, where=f"--set {key}", hint=hint)


def test_a_wrong_strategy_in_the_file_is_named_with_its_line(at):
    loop = at("new")
    loop.config(query={"strategy": "margn"})
    loop.refused(
        "status", kind="config", says="'margn'", where="alcli.yaml, line 5, query.strategy", hint="margin"
    )


def test_a_seed_strategy_that_needs_a_model_is_refused(at):
    loop = at("new")
    loop.refused(
        "seed", "--set", "seed.strategy=margin", kind="config", says="needs proba", hint="stratified"
    )


def test_wrong_config_is_said_before_wrong_state(at):
    loop = at("new")
    for command in ("train", "score", "query", "ingest x.csv"):
        loop.refused(
            *command.split(), "--set", "query.strategy=x", kind="config", says="unknown strategy 'x'"
        )


def test_set_overrides_the_file_and_stands_in_the_manifest(at):
    loop = at("new")
    assert loop.doc("seed", "--set", "seed.size=5", "--set", "random_state=3")["counts"]["seed"] == 5
    assert '"seed.size=5"' in (loop.root / "rounds/000/round.json").read_text()


def test_another_config_file_may_be_named(at):
    loop = at("new")
    other = loop.write("other.yaml", (loop.root / "alcli.yaml").read_text().replace("12", "7"))
    (loop.root / "alcli.yaml").unlink()
    assert loop.doc("seed", "--config", other)["counts"]["seed"] == 7
    loop.refused("status", "--config", "nowhere.yaml", kind="file", says="there is no nowhere.yaml here")


@pytest.mark.parametrize(
    ("sections", "says", "where"),
    [
        ({"features": {"text": ["review"]}}, "the pool has no column 'review'", "features.text"),
        ({"features": {"text": "txt"}}, "the pool has no column 'txt'", "features.text"),
        ({"id": "uid"}, "the pool has no column 'uid'", "id"),
        ({"split": {"group_by": "patient"}}, "the pool has no column 'patient'", "split.group_by"),
        ({"seed": {"stratify_by": "country"}}, "the pool has no column 'country'", "seed.stratify_by"),
        ({"query": {"show": ["text", "picture"]}}, "the pool has no column 'picture'", "query.show"),
        ({"features": {}}, "no features are named", "features"),
    ],
)
def test_a_config_for_another_pool_is_refused_before_anything_is_drawn(at, sections, says, where):
    loop = at("new")
    loop.config(**sections)
    loop.refused("seed", kind="config", says=says, where=where)


def test_classes_that_yaml_would_read_otherwise_keep_their_spelling(at):
    loop = at("seeded")
    loop.config(task={"classes": None})
    loop.write(
        "alcli.yaml", (loop.root / "alcli.yaml").read_text() + "labels: {skip: [null, off], unsure: [~]}\n"
    )
    loop.write(
        "alcli.yaml",
        (loop.root / "alcli.yaml")
        .read_text()
        .replace('task: {"classes": null}', "task: {classes: [no, NA, 1.0, yes]}"),
    )
    answers = ["no", "NA", "1.0", "yes", "null", "off", "~"]
    found = loop.doc("ingest", loop.csv("a.csv", zip(loop.asked(), answers, strict=False)))
    assert found["labels"] == {"1.0": 1, "NA": 1, "no": 1, "yes": 1}
    assert (found["counts"]["skipped"], found["counts"]["unsure"]) == (2, 1)
