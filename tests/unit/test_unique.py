"""Equal ids are found among any number of them."""

from __future__ import annotations

import numpy as np

from alcli.project.unique import DuplicateFinder


def test_what_comes_twice_is_found_and_nothing_else(tmp_path):
    with DuplicateFinder(tmp_path) as finder:
        finder.add(np.array([5, 1, 9], dtype=np.uint64))
        finder.add(np.array([7, 9, 9, 5], dtype=np.uint64))
        assert finder.duplicates().tolist() == [5, 9]
    assert list(tmp_path.iterdir()) == []


def test_more_ids_than_memory_is_given_go_to_scratch_files_that_are_swept(tmp_path):
    hashes = np.random.default_rng(0).permutation(9_000_000).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    with DuplicateFinder(tmp_path) as finder:
        for start in range(0, len(hashes), 1 << 20):
            finder.add(hashes[start : start + (1 << 20)])
        assert list(tmp_path.iterdir()) != []
        finder.add(hashes[[17, 8_999_999]])
        assert finder.duplicates().tolist() == sorted(hashes[[17, 8_999_999]].tolist())
    assert list(tmp_path.iterdir()) == []


def test_no_ids_have_no_duplicates(tmp_path):
    with DuplicateFinder(tmp_path) as finder:
        assert finder.duplicates().tolist() == []
