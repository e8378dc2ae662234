"""SPEC G1: reading tensors and cutting words, as the files of a model ask for it."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yaoki.systems.chat.embeddings.embedder import ModelFilesError
from yaoki.systems.chat.embeddings.safetensors import read_tensors
from yaoki.systems.chat.embeddings.wordpiece import WordPiece

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "sort", "##ing", "a", "list", "!", "天", "strasse", "the", "“"]


def written(file: Path, header: object, content: bytes = b"") -> Path:
    head = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(head)) + head + content)
    return file


def test_g1_tensors_have_the_numbers_and_shapes_of_the_file(tmp_path: Path) -> None:
    """SPEC G1: two kinds, one after the other."""
    numbers = np.arange(6, dtype="<f4").reshape(2, 3)
    whole = np.array([7, 8], "<i8")
    header = {
        "__metadata__": {"format": "pt"},
        "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
        "b": {"dtype": "I64", "shape": [2], "data_offsets": [24, 40]},
    }

    found = read_tensors(written(tmp_path / "m", header, numbers.tobytes() + whole.tobytes()))

    assert set(found) == {"a", "b"}
    np.testing.assert_array_equal(found["a"], numbers)
    np.testing.assert_array_equal(found["b"], whole)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]},
        {"dtype": "F32", "shape": [2], "data_offsets": [100, 108]},
        {"dtype": "F99", "shape": [2], "data_offsets": [0, 8]},
        {"dtype": "F32", "data_offsets": [0, 8]},
        5,
    ],
)
def test_g1_a_header_that_lies_is_refused(tmp_path: Path, entry: object) -> None:
    """SPEC G1: nothing outside of the file is read."""
    with pytest.raises(ModelFilesError):
        read_tensors(written(tmp_path / "m", {"a": entry}, bytes(16)))


@pytest.mark.parametrize("content", [b"", b"short", struct.pack("<Q", 1 << 60) + b"{}", struct.pack("<Q", 3) + b"abc"])
def test_g1_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """SPEC G1: with the name of the file."""
    (tmp_path / "m").write_bytes(content)

    with pytest.raises(ModelFilesError, match="/m"):
        read_tensors(tmp_path / "m")


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Sorting a LIST!", [4, 5, 6, 7, 8]),
        ("sorted", [1]),
        ("天天 a", [9, 9, 6]),
        ("\u201cthe\u201c", [12, 11, 12]),
        ("thé\u0000 \ufffda\u200d", [11, 6]),
        ("x" * 101, [1]),
        ("", []),
    ],
)
def test_g1_words_are_cut_as_the_model_was_trained(text: str, pieces: list[int]) -> None:
    """SPEC G1: longest piece first; no case, no accents; Chinese characters and marks alone; what is unknown is one piece."""
    assert WordPiece(VOCABULARY).numbers(text, 256) == [2, *pieces, 3]


@given(st.text(max_size=200), st.integers(2, 20))
def test_g1_any_text_is_cut(text: str, longest: int) -> None:
    """SPEC G1: between its two marks, never longer than asked for."""
    numbers = WordPiece(VOCABULARY).numbers(text, longest)

    assert (numbers[0], numbers[-1]) == (2, 3)
    assert len(numbers) <= longest
