"""A corpus, and perhaps a test part → what they look like: lengths, classes, scripts, remains of markup, words."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bywords.auditing.patterns import TAG
from bywords.auditing.scripts import NONE, letters_by_script, name_of
from bywords.data.corpus import Corpus
from bywords.evaluation.metrics import midranks
from bywords.records.audit import (
    ClassHistograms,
    ClassProfile,
    DocumentCount,
    KnownWords,
    PartProfile,
    Profile,
    ProfileLimits,
    Remains,
    ScriptCount,
    WordCount,
)
from bywords.records.base import Part, Quantiles
from bywords.text.tokenizer import Tokens
from bywords.text.word_table import WordTable

SMALL_CLASS = 10  # training documents: with fewer, neither learning nor held-out documents say much of a class
LONG, SHORT = 10.0, 0.1  # times the median of tokens: a document above is very long, one at or below very short
MIXED = 0.1  # of the letters are not of the document's main script
ALIKE_WORDS, ALIKE_LENGTH, UNLIKE = 100, 20, 0.25  # commonest words, tokens of a document, and of the median share
TOLD_BY_LENGTH = 0.75  # area under the curve at or above which length alone tells a class
HALF_KNOWN = 0.5
MOST_ROWS = 20
N_BINS = 24
QUANTILES = {"min": 0.0, "p10": 0.1, "median": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
REMAINS = {
    "html_tag": rf"(?i){TAG}",
    "html_entity": r"&(?:[a-z]{2,8}|#\d{1,7}|#x[0-9a-fA-F]{1,6});",
    "url": r"(?i)\b(?:(?:https?|ftp)://|www\.)\S",
    "broken_encoding": "\ufffd|Ã[\u0080-\u00bf]|â€",
    "control_sign": r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]",
}


def profile(train: Corpus, test: Corpus | None, tokens: Tokens, test_tokens: Tokens | None) -> Profile:
    """What the documents look like. Rows are those of the file, counted from 0."""
    parts: dict[Part, PartProfile] = {"train": _part(train, tokens)}
    known_words = None
    if test is not None and test_tokens is not None:
        parts["test"] = _part(test, test_tokens)
        known_words = _known_words(tokens, test_tokens, test)
    return Profile(
        parts=parts,
        classes=_classes(train, tokens.lengths, test),
        lengths_by_class=_lengths_by_class(train, tokens.lengths),
        names_alike=names_alike(train.label_names),
        known_words=known_words,
        limits=ProfileLimits(
            small_class=SMALL_CLASS, very_long=LONG, very_short=SHORT, mixed=MIXED, told_by_length=TOLD_BY_LENGTH,
            half_known=HALF_KNOWN,
        ),
    )  # fmt: skip


def names_alike(label_names: tuple[str, ...]) -> list[list[str]]:
    """Label names that differ by case, spaces, hyphens and underscores only: "Spam" and "spam ", in lots."""
    lots: dict[str, list[str]] = {}
    for name in label_names:
        folded = " ".join(name.casefold().replace("_", " ").replace("-", " ").split())
        lots.setdefault(folded, []).append(name)
    return [lot for lot in lots.values() if len(lot) > 1]


def _part(corpus: Corpus, tokens: Tokens) -> PartProfile:
    """The profile of one part."""
    lengths = tokens.lengths
    middle = float(np.median(lengths)) if len(lengths) else 0.0
    letters = letters_by_script(corpus.texts)
    n_letters = letters.sum(axis=1)
    main = letters.argmax(axis=1)
    by_script = np.bincount(np.where(n_letters > 0, main, letters.shape[1]), minlength=letters.shape[1] + 1).tolist()
    names = [*map(name_of, range(letters.shape[1])), NONE]
    commonest = sorted(zip(names, by_script, strict=True), key=lambda row: -row[1])
    return PartProfile(
        n_documents=len(corpus),
        n_distinct_texts=corpus.texts.n_unique(),
        characters=_quantiles(corpus.texts.str.len_chars().to_numpy().astype(np.int64)),
        tokens=_quantiles(lengths),
        very_long=_those(corpus, lengths > LONG * max(middle, 1.0), order=-lengths),
        very_short=_those(corpus, (lengths > 0) & (lengths <= SHORT * middle), order=lengths),
        without_words=_those(corpus, lengths == 0),
        unlike_the_rest=_those(corpus, _is_unlike(tokens)),
        scripts=[ScriptCount(script=name, n_documents=n, share=n / len(corpus)) for name, n in commonest if n],
        mixed=_those(corpus, n_letters - letters.max(axis=1) > MIXED * n_letters),
        remains=Remains(
            **{name: _those(corpus, corpus.texts.str.contains(found).to_numpy()) for name, found in REMAINS.items()}
        ),
    )


def _those(
    corpus: Corpus, is_meant: npt.NDArray[np.bool_], order: npt.NDArray[np.int64] | None = None
) -> DocumentCount:
    """How many documents are meant, their share, and the rows of the first of them, in `order` where it is given."""
    indices = np.flatnonzero(is_meant)
    if order is not None:
        indices = indices[np.argsort(order[indices], kind="stable")]
    share = len(indices) / len(corpus) if len(corpus) else None
    return DocumentCount(n_documents=len(indices), share=share, rows=corpus.rows[indices[:MOST_ROWS]].tolist())


def _quantiles(lengths: npt.NDArray[np.int64]) -> Quantiles | None:
    if not len(lengths):
        return None
    found = np.quantile(lengths, list(QUANTILES.values())).tolist()
    return Quantiles(**dict(zip(QUANTILES, found, strict=True)), mean=float(lengths.mean()))


def _is_unlike(tokens: Tokens) -> npt.NDArray[np.bool_]:
    """Documents with hardly any of the words that all others are full of: of another language, or lists; bool (N,).

    Of ALIKE_LENGTH tokens or more, of which the ALIKE_WORDS commonest words of the part make less than UNLIKE times
    what they make of half of such documents.
    """
    is_common = np.zeros(len(tokens.words), dtype=np.float64)
    is_common[np.argsort(-tokens.counts(), kind="stable")[:ALIKE_WORDS]] = 1
    running = np.concatenate([[0.0], np.cumsum(is_common[tokens.codes])])
    shares = np.diff(running[tokens.offsets]) / np.maximum(tokens.lengths, 1)
    is_long = tokens.lengths >= ALIKE_LENGTH
    return is_long & (shares < UNLIKE * (np.median(shares[is_long]) if is_long.any() else 0))


def _classes(train: Corpus, lengths: npt.NDArray[np.int64], test: Corpus | None) -> list[ClassProfile]:
    """Documents of each class, in the order of the label names, and whether length alone tells it."""
    n, test_counts = train.counts(), [None] * len(train.label_names) if test is None else test.counts().tolist()
    documents, labels = train.label_pairs()
    rank_sums = np.bincount(labels, midranks(lengths)[documents], len(n))
    pairs = np.maximum(n * (len(train) - n), 1)  # a document of the class with one that is not
    aucs = np.where(pairs == n * (len(train) - n), (rank_sums - n * (n + 1) / 2) / pairs, np.nan)
    return [
        ClassProfile(
            label=name,
            n_train=count,
            share=count / len(train) if len(train) else None,
            n_test=n_test,
            is_small=count < SMALL_CLASS,
            median_tokens=median if count else None,
            length_auc=None if np.isnan(auc) else auc,
            is_told_by_length=count >= SMALL_CLASS and max(auc, 1 - auc) >= TOLD_BY_LENGTH,
        )
        for name, count, n_test, median, auc in zip(
            train.label_names,
            n.tolist(),
            test_counts,
            _medians(lengths[documents], labels, n),
            aucs.tolist(),
            strict=True,
        )
    ]


def _medians(
    values: npt.NDArray[np.int64], labels: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]
) -> list[float]:
    """The median of the values of each label, of which there are so many; 0 of none."""
    ordered = np.append(values[np.lexsort([values, labels])], 0)
    starts = np.cumsum(counts) - counts
    middle = ordered[starts + np.maximum(counts - 1, 0) // 2] + ordered[starts + counts // 2]
    medians: list[float] = np.where(counts > 0, middle / 2, 0.0).tolist()
    return medians


def _lengths_by_class(train: Corpus, lengths: npt.NDArray[np.int64]) -> ClassHistograms:
    """Documents of each class by tokens, in bins that grow by a constant factor; the first is for none at all."""
    edges = np.unique(np.geomspace(1, max(int(lengths.max(initial=1)), 1) + 1, N_BINS).round().astype(np.int64))
    edges = np.concatenate([[0], edges])
    documents, labels = train.label_pairs()
    n_labels, n_bins = len(train.label_names), len(edges) - 1
    bins = np.searchsorted(edges, lengths, side="right") - 1
    counts = np.bincount(labels * n_bins + bins[documents], minlength=n_labels * n_bins).reshape(n_labels, n_bins)
    return ClassHistograms(edges=edges.tolist(), counts=counts.tolist())


def _known_words(train: Tokens, test: Tokens, corpus: Corpus) -> KnownWords:
    """How many of the test part's words occur in training, and which test documents have hardly any that do."""
    used = np.flatnonzero(train.counts())
    table = WordTable.of(train.words.select(used))
    is_known = table.find(test.words) >= 0
    counts = test.counts()
    known = np.concatenate([[0], np.cumsum(is_known[test.codes])])
    shares = np.diff(known[test.offsets]) / np.maximum(test.lengths, 1)
    unknown = np.flatnonzero(~is_known & (counts > 0))
    frequency = test.document_frequency()[unknown]
    order = np.lexsort([unknown, -frequency])[:MOST_ROWS]
    n_types = int((counts > 0).sum())
    return KnownWords(
        n_tokens=len(test.codes),
        tokens_share=float(is_known[test.codes].mean()) if len(test.codes) else None,
        n_types=n_types,
        types_share=float(is_known[counts > 0].mean()) if n_types else None,
        half_unknown=_those(corpus, (test.lengths > 0) & (shares < HALF_KNOWN)),
        unknown_words=[
            WordCount(word=word, n_documents=int(n))
            for word, n in zip(test.words.strings(unknown[order]), frequency[order].tolist(), strict=True)
        ],
    )
