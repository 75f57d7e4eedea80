"""A sentence transformer, run once over each word → static vectors of words: what it knows, at no cost afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.annotations import check_fields
from bywords.checkpoint import NO_CHECKPOINT, Checkpoint
from bywords.errors import SettingError, VectorFileError, check_range
from bywords.extras import needed
from bywords.validation import check_array, check_finite, check_shapes
from bywords.vectors.load import hub_folder
from bywords.vectors.word_vectors import WordVectors

WORDS_AT_A_TIME = 2048  # between two steps that can be resumed
WORDS_IN_A_BATCH = 256
POOLINGS = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}

Floats = npt.NDArray[np.float32]
OnWords = Callable[[int, int], None]  # how many words are done, of how many


@dataclass(frozen=True, kw_only=True)
class DistillConfig:
    """How a transformer's vectors of words are made small.

    They are cut to `dimension` principal components, and those of frequent words shortened by a / (a + p) with p the
    share of words that are this one, and a = `smoothing`.
    Source: Arora, Liang, Ma (2017), "A Simple but Tough-to-Beat Baseline for Sentence Embeddings" (SIF).
    """

    dimension: int = 256
    smoothing: float = 1e-3

    def __post_init__(self) -> None:
        check_fields(self)
        check_range("dimension", self.dimension, least=1, most=10_000)
        check_range("smoothing", self.smoothing, above=0, most=1)


class Transformer:
    """A sentence transformer in a folder, or by its name on the hub of Hugging Face; no code of the folder is run."""

    def __init__(self, source: str | Path) -> None:
        """Raises: VectorFileError where it cannot be read; SettingError without the packages that run it."""
        torch = needed("torch", what="a transformer")
        transformers = needed("transformers", what="to distill a transformer")
        folder = Path(source) if Path(source).is_dir() else hub_folder(str(source))
        transformers.utils.logging.disable_progress_bar()
        try:
            self._model = transformers.AutoModel.from_pretrained(folder, trust_remote_code=False, use_safetensors=True)
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise VectorFileError(
                f"{folder}: the transformer cannot be read: {reason} Expected the folder of a sentence transformer, "
                "with config.json, tokenizer.json and model.safetensors."
            ) from error
        self._model.eval()
        self._torch, self.name, self._pooling = torch, folder.name, _pooling(folder)

    def encode(self, texts: Sequence[str], *, most_pieces: int = 128) -> Floats:
        """A vector of length 1 for each of n texts, float32 (n, D): the mean of its pieces, or its first one."""
        order = np.argsort([len(text) for text in texts], kind="stable")  # alike in length, so that little is padded
        found: Floats | None = None
        for start in range(0, len(texts), WORDS_IN_A_BATCH):
            rows = order[start : start + WORDS_IN_A_BATCH]
            batch = self._tokenizer(
                [texts[row] for row in rows], padding=True, truncation=True, max_length=most_pieces, return_tensors="pt"
            )
            with self._torch.inference_mode():
                states = self._model(**batch).last_hidden_state
                if self._pooling == "mean":
                    mask = batch["attention_mask"].unsqueeze(-1).to(states.dtype)
                    pooled = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
                else:
                    pooled = states[:, 0]
                unit = self._torch.nn.functional.normalize(pooled, dim=1).float().numpy()
            if found is None:
                found = np.zeros((len(texts), unit.shape[1]), dtype=np.float32)
            found[rows] = unit
        return np.zeros((0, 0), dtype=np.float32) if found is None else found


def distill(
    transformer: Transformer,
    words: Sequence[str],
    shares: npt.NDArray[np.float64],
    config: DistillConfig | None = None,
    *,
    checkpoint: Checkpoint = NO_CHECKPOINT,
    on_words: OnWords | None = None,
) -> WordVectors:
    """Static vectors of V different words; `shares`, float64 (V,), is what part of all words each is expected to be.

    Words that `checkpoint` has already are not run again.
    Raises: SettingError where there are fewer words than dimensions.
    """
    config = config or DistillConfig()
    if len(words) < config.dimension:
        raise SettingError(
            f"{len(words)} words for {config.dimension} dimensions: give more words, or set dimension to less."
        )
    parts = list(_encoded(transformer, words, checkpoint, on_words))
    centred = np.concatenate(parts).astype(np.float64)
    centred -= centred.mean(axis=0)
    if config.dimension < centred.shape[1]:
        centred = centred @ _components(centred, config.dimension)
    weights = config.smoothing / (config.smoothing + shares)
    matrix = (centred * weights[:, np.newaxis]).astype(np.float32)
    return WordVectors(pl.Series("word", list(words), dtype=pl.String), matrix, f"{transformer.name}, distilled")


def zipf_shares(n_words: int) -> npt.NDArray[np.float64]:
    """What part of all words each of a list in the order of frequency is, float64 (V,), by Zipf's law: ~ 1 / rank."""
    ranks = 1.0 / np.arange(1, n_words + 1)
    return ranks / ranks.sum() if n_words else ranks


def _encoded(
    transformer: Transformer, words: Sequence[str], checkpoint: Checkpoint, on_words: OnWords | None
) -> Iterator[Floats]:
    """The transformer's vectors, some words at a time."""
    for start in range(0, len(words), WORDS_AT_A_TIME):
        name, some = f"words-{start}", words[start : start + WORDS_AT_A_TIME]

        def restore(entry: Any, n: int = len(some)) -> Floats:
            check_shapes(entry.arrays, {"vectors": (n, "D")}, no_others=True)
            check_array("vectors", entry.arrays["vectors"], np.float32)
            check_finite("vectors", entry.arrays["vectors"])
            return np.asarray(entry.arrays["vectors"])

        part = checkpoint.restored(name, restore)
        if part is None:
            part = transformer.encode(some)
            checkpoint.save(name, {"vectors": part})
        if on_words is not None:
            on_words(start + len(some), len(words))
        yield part


def _components(centred: npt.NDArray[np.float64], dimension: int) -> npt.NDArray[np.float64]:
    """The directions of greatest variance, (D, dimension), each with its greatest number positive."""
    _, vectors = np.linalg.eigh(centred.T @ centred)
    found = vectors[:, ::-1][:, :dimension]
    signs = np.sign(found[np.abs(found).argmax(axis=0), np.arange(found.shape[1])])
    return np.asarray(found * signs)


def _pooling(folder: Path) -> str:
    """How the pieces of a text become one vector: "mean" or "cls"; the mean where nothing is said.

    Raises: VectorFileError for another way.
    """
    path = folder / "1_Pooling" / "config.json"
    if not path.is_file():
        return "mean"
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        modes = [name for name, is_on in said.items() if name.startswith("pooling_mode_") and is_on is True]
    except (ValueError, AttributeError, OSError) as error:
        raise VectorFileError(f"{path}: expected JSON: {error}. Fetch the folder again.") from error
    if "pooling_mode" in said:
        modes = [f"pooling_mode_{said['pooling_mode']}_token{'s' if said['pooling_mode'] != 'cls' else ''}"]
    if len(modes) != 1 or modes[0] not in POOLINGS:
        raise VectorFileError(f"{path}: expected a mean over all pieces or the first piece, found {modes}.")
    return POOLINGS[modes[0]]
