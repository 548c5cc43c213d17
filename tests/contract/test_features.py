"""What every feature kind keeps to; a new file in `alcli/features` is held to it by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import hstack, issparse
from sklearn.feature_extraction.text import TfidfVectorizer

from alcli.errors import ConfigError
from alcli.features import Feature, pack, unpack
from alcli.registry import FEATURES

WORDS = np.array(
    ["free", "prize", "call", "now", "the", "Ünïcode", "猫が好き", "😀😀", "a", "!?", "don't"], dtype=object
)


def texts(n: int, rng: np.random.Generator) -> np.ndarray:
    lines = [" ".join(rng.choice(WORDS, size=rng.integers(0, 9))) for _ in range(n)]
    return np.array(lines, dtype=object)


def columns(kind: str, n: int, seed: int = 0) -> list[np.ndarray]:
    """Two columns of a pool, as each kind reads them."""
    rng = np.random.default_rng(seed)
    if kind == "text":
        return [texts(n, rng), texts(n, rng)]
    if kind == "numeric":
        price = rng.lognormal(size=n).astype(np.float32)
        price[::7] = np.nan
        return [rng.normal(40, 9, size=n).astype(np.float32), price]
    if kind == "categorical":
        names = np.array(["", "de", "fr", "it", "rare"], dtype=object)
        return [rng.choice(names, size=n, p=[0.1, 0.4, 0.3, 0.19, 0.01]), rng.choice(names[:2], size=n)]
    if kind == "embedding":
        vectors = rng.normal(size=(n, 9)).astype(np.float32)
        vectors[0] = 0
        return [vectors, 3 * rng.normal(size=(n, 4)).astype(np.float32)]
    raise AssertionError(f"give the contract tests a sample of {kind!r}")


def dense(rows: Any) -> np.ndarray:
    return np.asarray(rows.toarray() if issparse(rows) else rows)


def fitted(kind: str, sample: list[np.ndarray]) -> Feature:
    feature = FEATURES.build(kind)
    assert isinstance(feature, Feature)
    feature.fit(sample)
    return feature


@pytest.fixture(params=FEATURES.names())
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_features_are_finite_float32_dense_or_csr(kind: str) -> None:
    sample = columns(kind, 400)
    rows = fitted(kind, sample).transform(sample)
    assert rows.shape[0] == 400
    assert rows.dtype == np.float32
    assert isinstance(rows, np.ndarray) or rows.format == "csr"
    assert np.isfinite(dense(rows)).all()


def test_rows_have_a_mean_squared_norm_of_about_one(kind: str) -> None:
    """So that kinds weigh the same side by side, and a model's penalty means the same for all."""
    sample = columns(kind, 2000)
    assert (dense(fitted(kind, sample).transform(sample)) ** 2).sum(axis=1).mean() == pytest.approx(
        1, abs=0.1
    )


@pytest.mark.parametrize("size", [1, 7, 299])
def test_a_rows_features_are_the_same_to_the_last_bit_in_whatever_chunk(kind: str, size: int) -> None:
    sample = columns(kind, 300)
    feature = fitted(kind, sample)
    parts = [feature.transform([c[i : i + size] for c in sample]) for i in range(0, 300, size)]
    assert np.array_equal(np.concatenate([dense(part) for part in parts]), dense(feature.transform(sample)))


def test_equal_rows_have_equal_features_in_a_pool_of_many_blocks(kind: str) -> None:
    sample = columns(kind, 100)
    feature = fitted(kind, sample)
    many = dense(feature.transform([np.concatenate([c] * 170) for c in sample]))
    assert np.array_equal(many, np.tile(dense(feature.transform(sample)), (170, 1)))


@pytest.mark.parametrize("n", [20, 3000])
def test_the_order_of_the_sample_changes_no_bit(kind: str, n: int) -> None:
    sample = columns(kind, n)
    order = np.random.default_rng(1).permutation(n)
    one, other = fitted(kind, sample).to_arrays(), fitted(kind, [c[order] for c in sample]).to_arrays()
    assert list(one) == list(other)
    assert all(one[key].tobytes() == other[key].tobytes() for key in one)


def test_a_file_read_without_pickle_gives_the_same_features_to_the_last_bit(
    kind: str, tmp_path: Path
) -> None:
    sample = columns(kind, 300)
    feature = fitted(kind, sample)
    np.savez(tmp_path / "features.npz", **feature.to_arrays())
    with np.load(tmp_path / "features.npz", allow_pickle=False) as file:
        again = FEATURES.build(kind).load_arrays(dict(file))
    fresh = columns(kind, 300, seed=9)
    assert np.array_equal(dense(again.transform(fresh)), dense(feature.transform(fresh)))


@pytest.mark.parametrize("n", [1, 2, 20])
def test_a_tiny_sample_is_enough(kind: str, n: int) -> None:
    rows = fitted(kind, columns(kind, n)).transform(columns(kind, 50, seed=2))
    assert rows.shape[0] == 50
    assert np.isfinite(dense(rows)).all()


def test_no_rows_give_no_features_but_their_width(kind: str) -> None:
    sample = columns(kind, 50)
    feature = fitted(kind, sample)
    assert feature.transform([c[:0] for c in sample]).shape == (0, feature.transform(sample).shape[1])


def test_what_it_is_given_is_left_as_it_was(kind: str) -> None:
    sample = columns(kind, 50)
    for column in sample:
        column.flags.writeable = False
    assert fitted(kind, sample).transform(sample).shape[0] == 50


@pytest.mark.parametrize(
    "rows",
    [
        ["", " ", "\n"],
        ["!!!", "???", "..."],
        ["the", "a", "of"],
        ["😀", "😀😀", "👍"],
        ["猫が好き", "犬が好き", "鳥"],
        ["x" * 5000] * 3,
    ],
    ids=["blank", "symbols", "stop words", "emoji", "no spaces", "one long word"],
)
def test_a_pool_of_odd_texts_still_has_features(rows: list[str]) -> None:
    column = np.array(rows, dtype=object)
    features = dense(fitted("text", [column]).transform([column]))
    assert features.shape[0] == 3
    assert np.allclose(np.linalg.norm(features, axis=1), [bool(text.strip()) for text in rows], atol=1e-6)


def test_text_is_weighed_as_scikit_learn_weighs_it() -> None:
    rng = np.random.default_rng(0)
    column = np.array(
        [" ".join(rng.choice(WORDS, size=rng.integers(1, 9))) for _ in range(500)], dtype=object
    )
    settings_ = {"min_df": 2, "sublinear_tf": True, "token_pattern": r"(?u)\w+"}
    words = TfidfVectorizer(ngram_range=(1, 2), **settings_).fit_transform(column)
    grams = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(2, 5), min_df=2, sublinear_tf=True
    ).fit_transform(column)
    both = np.diff(words.indptr) > 0  # where a text has no word, ours has length 1 all the same
    expected = dense(hstack([words, grams]))[both] / np.sqrt(2)
    ours = dense(fitted("text", [column]).transform([column]))[both]
    assert ours.shape == expected.shape
    assert np.allclose(ours @ ours.T, expected @ expected.T, atol=1e-5)


def test_text_keeps_only_the_most_frequent_terms_where_there_are_too_many() -> None:
    column = columns("text", 500)[:1]
    few = FEATURES.build({"name": "text", "max_features": 5, "characters": None})
    few.fit(column)
    assert few.transform(column).shape == (500, 5)


@given(st.lists(st.text(max_size=40), min_size=1, max_size=30))
@settings(max_examples=50, deadline=None)
def test_no_text_is_too_strange(rows: list[str]) -> None:
    column = np.array([*rows, ""], dtype=object)
    features = dense(fitted("text", [column]).transform([column]))
    lengths = np.linalg.norm(features, axis=1)
    assert np.allclose(lengths, [bool(text.strip()) for text in column], atol=1e-5)


@given(st.lists(st.text(), max_size=20))
def test_any_strings_survive_being_stored(strings: list[str]) -> None:
    assert unpack("terms", pack("terms", strings)) == strings


def test_a_missing_or_unvarying_number_is_the_mean() -> None:
    same = np.full(30, 7, dtype=np.float32)
    nothing = np.full(30, np.nan, dtype=np.float32)
    feature = fitted("numeric", [same, nothing])
    assert not feature.transform([same + 5, nothing]).any()


def test_a_huge_number_stays_finite() -> None:
    feature = fitted("numeric", [np.linspace(0, 1e-30, 50, dtype=np.float32)])
    assert np.isfinite(feature.transform([np.array([3e38, -3e38], dtype=np.float32)])).all()


def test_rare_and_unknown_categories_share_a_column() -> None:
    sample = np.array(["de"] * 150 + ["fr"] * 149 + ["rare"], dtype=object)
    rows = fitted("categorical", [sample]).transform([np.array(["rare", "new", "de"], dtype=object)])
    assert np.array_equal(rows[0], rows[1])
    assert not np.array_equal(rows[0], rows[2])


def test_many_categories_are_stored_sparsely() -> None:
    sample = np.array([f"city {i % 150}" for i in range(1500)], dtype=object)
    rows = fitted("categorical", [sample, sample]).transform([sample, sample])
    assert issparse(rows)
    assert np.allclose((rows * rows).sum(axis=1), 1)


def test_an_embeddings_cosines_are_kept() -> None:
    vectors = columns("embedding", 60)[0][1:]
    ours = fitted("embedding", [vectors]).transform([vectors])
    cosines = [v @ v.T / np.outer(*[np.linalg.norm(v, axis=1)] * 2) for v in (vectors, ours)]
    assert np.allclose(*cosines, atol=1e-5)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"name": "text", "characters": [3, 2]}, "found [3, 2]"),
        ({"name": "text", "characters": [3]}, "found [3]"),
        ({"name": "text", "min_df": 0}, "at least 1"),
        ({"name": "text", "max_feature": 5}, "did you mean 'max_features'"),
        ({"name": "categorical", "min_count": 0}, "at least 1"),
    ],
)
def test_a_wrong_parameter_is_refused_in_clear_words(spec: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        FEATURES.build(spec)
    assert words in str(refused.value)
