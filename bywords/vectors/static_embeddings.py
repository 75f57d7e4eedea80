"""Static embeddings → vectors of words: a tokenizer's pieces with a vector each, as model2vec and others publish them.

What a sentence transformer knows of single pieces of words, without the transformer. A word has the mean of its pieces,
so that what follows needs to know of words alone.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.errors import VectorFileError
from bywords.extras import needed

WORDLLAMA = "wordllama"  # the package, and the name of its vectors
TOKENIZER, TENSORS, NESTED = "tokenizer.json", "model.safetensors", "0_StaticEmbedding"
MATRICES = ("embeddings", "embedding.weight")  # model2vec's name for it, and sentence-transformers'
TEXTS_AT_A_TIME = 1024

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class StaticEmbeddings:
    """The vectors of a tokenizer's P pieces.

    `matrix` is float32 (P, D), weights multiplied into it; `tokenizer` is one of the package tokenizers. Texts have
    length 1 where `is_normalized`. `unknown` is the id of the piece for what is unknown, if there is one; it is left
    out of texts where `skips_unknown`, as model2vec does, and counts like others elsewhere.
    """

    tokenizer: Any
    matrix: Floats
    name: str
    is_normalized: bool = False
    unknown: int | None = None
    skips_unknown: bool = True

    def encode(self, texts: Sequence[str]) -> Floats:
        """The mean of the pieces of each of N texts of any length, float32 (N, D); zeros for a text without any."""
        found = self._means(texts)
        if self.is_normalized:
            found /= np.linalg.norm(found, axis=1, keepdims=True) + np.float32(1e-32)
        return found

    def vectors(self, words: Sequence[str]) -> Floats:
        """The mean of the pieces of each of n words, float32 (n, D); zeros for a word without any."""
        return self._means([self._before + word for word in words])

    def has(self, words: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Which of n words have a piece that is known, bool (n,)."""
        encoded = self._encoded([self._before + word for word in words])
        return np.array([any(piece != self.unknown for piece in ids) for ids in encoded], dtype=bool)

    def words(self) -> pl.Series:
        """The pieces that are whole words, in the order of their ids: which the tokenizer reads as this piece alone."""
        decoded = [self.tokenizer.decode([piece]).strip() for piece in range(len(self.matrix))]
        read = self._encoded([self._before + word for word in decoded])
        whole = [word for piece, word in enumerate(decoded) if word and read[piece] == [piece]]
        return pl.Series("word", whole, dtype=pl.String).unique(maintain_order=True)

    @property
    def _before(self) -> str:
        """What stands before a word in a text: pieces of bytes are other ones at a text's beginning."""
        return " " if self.tokenizer.token_to_id("Ġthe") is not None else ""

    def _encoded(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text's pieces."""
        found = self.tokenizer.encode_batch([text.encode("utf-8", "replace").decode() for text in texts],
                                            add_special_tokens=False)  # fmt: skip
        if not self.skips_unknown:
            return [encoding.ids for encoding in found]
        return [[piece for piece in encoding.ids if piece != self.unknown] for encoding in found]

    def _means(self, texts: Sequence[str]) -> Floats:
        found = np.zeros((len(texts), self.matrix.shape[1]), dtype=np.float32)
        for start in range(0, len(texts), TEXTS_AT_A_TIME):
            ids = self._encoded(texts[start : start + TEXTS_AT_A_TIME])
            lengths = np.array([len(each) for each in ids])
            is_filled = lengths > 0
            if is_filled.any():
                flat = np.fromiter((piece for each in ids for piece in each), np.int64, count=int(lengths.sum()))
                offsets = np.cumsum(np.append(0, lengths[is_filled]))[:-1]
                sums = np.add.reduceat(self.matrix[flat], offsets)
                found[start : start + len(ids)][is_filled] = sums / lengths[is_filled, np.newaxis].astype(np.float32)
        return found


def is_static(path: Path) -> bool:
    """Whether a folder holds static embeddings: a tokenizer and its tensors, here or in 0_StaticEmbedding."""
    return any((folder / TOKENIZER).is_file() and (folder / TENSORS).is_file() for folder in (path, path / NESTED))


def read_static(path: Path, name: str | None = None) -> StaticEmbeddings:
    """Read the folder of a model2vec or a StaticEmbedding model; nothing in it is run.

    Raises: VectorFileError where a file is missing, damaged, or of another kind; SettingError without the package
    tokenizers.
    """
    inner = path / NESTED if (path / NESTED).is_dir() else path
    tokenizer = _tokenizer(inner / TOKENIZER)
    tensors = _tensors(inner / TENSORS)
    matrix = next((tensors[key] for key in MATRICES if key in tensors), None)
    if matrix is None:
        raise VectorFileError(
            f"{inner / TENSORS}: expected a matrix named {' or '.join(map(repr, MATRICES))}, found "
            f"{', '.join(sorted(tensors)[:5])}: a transformer, or something else. Give the folder of static embeddings."
        )
    matrix = _by_piece(matrix, tensors, tokenizer, inner / TENSORS)
    is_ours = MATRICES[0] in tensors  # as model2vec writes it, which leaves out the piece for what is unknown
    unknown = _unknown(tokenizer)
    return StaticEmbeddings(tokenizer, matrix, name or path.name, _is_normalized(path), unknown, skips_unknown=is_ours)


def read_wordllama() -> StaticEmbeddings:
    """The vectors that the package wordllama brings: 32,000 pieces of 256 numbers.

    Raises: VectorFileError where it is not installed, or has other files than it had.
    """
    found = importlib.util.find_spec(WORDLLAMA)  # not imported: it compiles on first use, and logs
    if found is None or found.origin is None:
        raise VectorFileError(f"the vectors {WORDLLAMA!r} are not installed: pip install wordllama, or give a path.")
    folder = Path(found.origin).parent
    tokenizer = _tokenizer(folder / "tokenizers" / "l2_supercat_tokenizer_config.json")
    path = folder / "weights" / "l2_supercat_256.safetensors"
    tensors = _tensors(path)
    matrix = _by_piece(tensors.get(MATRICES[1]), {}, tokenizer, path)
    return StaticEmbeddings(tokenizer, matrix, WORDLLAMA, unknown=_unknown(tokenizer), skips_unknown=False)


def _tokenizer(path: Path) -> Any:
    """The tokenizer in a file of the package tokenizers, without padding and cutting off."""
    tokenizers = needed("tokenizers", what=f"to read {path}")
    try:
        found = tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # it raises Exception, of no kind of its own
        raise VectorFileError(f"{path}: the tokenizer cannot be read: {error}. Fetch the folder again.") from error
    found.no_padding()
    found.no_truncation()
    return found


def _tensors(path: Path) -> dict[str, npt.NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise VectorFileError(f"{path}: the tensors cannot be read: {error}. Fetch the folder again.") from error


def _by_piece(matrix: Any, tensors: dict[str, npt.NDArray[Any]], tokenizer: Any, path: Path) -> Floats:
    """A row for each piece: those that share one by `mapping` get it, times their `weights`."""
    if not isinstance(matrix, np.ndarray) or matrix.ndim != 2 or matrix.dtype.kind not in "fi":
        raise VectorFileError(f"{path}: expected a matrix of numbers (P, D), a row for each piece.")
    n_pieces = tokenizer.get_vocab_size()
    mapping, weights = tensors.get("mapping"), tensors.get("weights")
    if mapping is not None:
        if mapping.ndim != 1 or mapping.dtype.kind not in "iu" or not ((mapping >= 0) & (mapping < len(matrix))).all():
            raise VectorFileError(f"{path}: its mapping names rows that the matrix does not have. Fetch it again.")
        matrix = matrix[mapping]
    found = matrix.astype(np.float32)
    if weights is not None:
        if weights.shape != (len(found),):
            raise VectorFileError(f"{path}: {len(found)} rows and weights {weights.shape}. Fetch it again.")
        found *= weights.astype(np.float32)[:, np.newaxis]
    if len(found) < n_pieces:
        raise VectorFileError(f"{path}: {len(found)} rows, but its tokenizer has {n_pieces} pieces. Fetch it again.")
    if not np.isfinite(found).all():
        raise VectorFileError(f"{path}: the numbers are not all finite. The file may be damaged: fetch it again.")
    return found


def _unknown(tokenizer: Any) -> int | None:
    """The id of the piece for what is unknown."""
    model = json.loads(tokenizer.to_str())["model"]
    named = model.get("unk_token")
    return model.get("unk_id") if named is None else tokenizer.token_to_id(named)


def _is_normalized(path: Path) -> bool:
    """Whether the config, or the list of modules, says that texts get length 1.

    Raises: VectorFileError where they are no JSON.
    """
    for name in ("config.json", "modules.json"):
        if not (path / name).is_file():
            continue
        try:
            found = json.loads((path / name).read_text(encoding="utf-8"))
        except (ValueError, OSError) as error:
            raise VectorFileError(f"{path / name}: expected JSON: {error}. Fetch the folder again.") from error
        if isinstance(found, dict) and isinstance(found.get("normalize"), bool):
            return bool(found["normalize"])
        if isinstance(found, list):
            return any(isinstance(each, dict) and str(each.get("type", "")).endswith("Normalize") for each in found)
    return False
