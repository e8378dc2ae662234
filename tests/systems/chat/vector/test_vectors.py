"""SPEC G1: which passages are nearest in meaning."""

from __future__ import annotations

import numpy as np
import pytest

from yaoki.systems.chat.embeddings.embedder import Matrix, unit_rows
from yaoki.systems.chat.vector.index.vectors import Vectors

ONES = np.ones(1000, np.float32)


def vectors_of(matrix: Matrix) -> Vectors:
    keys = [str(place).encode() for place in range(len(matrix))]
    vectors = Vectors(keys, matrix.shape[1])
    vectors.add(dict(zip(keys, matrix, strict=True)))
    return vectors


def test_g1_of_two_that_are_equally_near_the_more_usual_one_comes_first() -> None:
    """SPEC G1: a stray passage, unlike all the others, has to be nearer."""
    usual, asked, *others = np.eye(12, dtype=np.float32)
    crowd = [usual + 0.6 * direction for direction in others] * 60
    matrix = unit_rows(np.array([0.2 * usual + asked, usual + 0.2 * asked, *crowd], np.float32))
    question = unit_rows(np.array([usual + asked], np.float32))[0]

    vectors = vectors_of(matrix)

    assert vectors.similarity(0, question) == pytest.approx(vectors.similarity(1, question))
    assert vectors.search(question, ONES[: len(matrix)], 1)[0][0] == 1


def test_g1_few_passages_are_compared_as_they_are() -> None:
    """SPEC G1: the mean of two says nothing, so the farther one is still found."""
    matrix = unit_rows(np.array([[1.0, 0.2], [1.0, 1.0]], np.float32))

    assert [number for number, _ in vectors_of(matrix).search(matrix[0], ONES[:2], 5)] == [0, 1]


def test_g1_a_passage_without_a_vector_is_not_near() -> None:
    """SPEC G1: whatever the question, and however far it is from all that is known."""
    vectors = Vectors([b"a", b"b", None], 2)
    vectors.add({b"a": np.array([1.0, 0.0], np.float32)})

    assert [number for number, _ in vectors.search(np.array([1.0, 0.0], np.float32), ONES[:3], 5)] == [0]
    assert vectors.search(np.array([-1.0, 0.0], np.float32), ONES[:3], 5) == []
    assert vectors.similarity(1, np.array([1.0, 0.0], np.float32)) is None


def test_g1_vectors_are_taken_over() -> None:
    """SPEC G1: a changed index has at once what the one before it had of the same texts."""
    before = vectors_of(unit_rows(np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)))
    after = Vectors([b"1", b"new"], 2)
    after.take(before)

    assert (after.known, after.wanted) == (1, 2)
    assert [number for number, _ in after.search(np.array([0.0, 1.0], np.float32), ONES[:2], 5)] == [0]
