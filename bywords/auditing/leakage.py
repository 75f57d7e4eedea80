"""Labelled texts → what gives their class away: addresses, headers, names, fixed phrases; and how much they give.

Leakage is no part of what a text is about: a classifier that leans on it fails on texts without it. What a text has
beside its sentences is looked at, and no ordinary word, but one that nearly all documents of a class have and hardly
any other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.auditing.fields import judged_fields
from bywords.auditing.patterns import LEAST_DOCUMENTS, Patterns, find_patterns
from bywords.data.corpus import Corpus
from bywords.evaluation.metrics import wilson_bounds, wilson_interval
from bywords.records.audit import Leakage, LeakageKind, LeakageRule, LeakingPattern, PatternName
from bywords.text.tokenizer import Tokens

HALFWAY = 0.5  # of the way from guessing a class to being certain of it: what a pattern reaches that gives it away
EVERYWHERE, ALMOST_PURE = 0.9, 0.95  # share of a class that has a word, and of that word's documents, to count
NGRAM_SHARES = {1: 0.5, 2: 0.5, 3: 0.3, 4: 0.05}  # of a class that begins or ends with so many tokens; of more:
LEAST_NGRAM_SHARE = 0.02  # ordinary sentences begin and end alike now and then
MOST_SHOWN, MOST_ROWS, MOST_ALSO = 200, 5, 8  # patterns; rows of each; others that the same documents have
SAME_DOCUMENTS = 0.8  # Jaccard similarity at or above which two patterns are shown as one

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def find_leakage(train: Corpus, tokens: Tokens, side_tokens: Sequence[Sequence[str]] = ()) -> Leakage:
    """What gives the class away without being what the class is about.

    A pattern counts when the Wilson lower bound (95 %) of the share of its documents that are of one class is at least
    halfway from the share of that class among all documents to 1. `tokens` are those of its texts, `side_tokens` those
    of the columns beside them, N lists: their patterns are of the kind "column". Fields and rule need one label a
    document; the rule is chosen on one half of the documents and asked about the other. Fewer than two classes have no
    leakage.
    """
    if (train.counts() > 0).sum() < 2:
        return Leakage()
    patterns, fields = find_patterns(train.texts, tokens, train.label_names)
    patterns = patterns.joined("word", *_words_everywhere(train, tokens))
    patterns = patterns.joined("column", *_values_of_columns(side_tokens))
    told = _told(patterns, train, np.arange(len(train)))
    kinds = _kinds(patterns, told)
    found = Leakage(found=_rows(patterns, told, train), n_found=int(told.is_leak.sum()), kinds=kinds)
    if train.is_multilabel or len(train) < 2:
        return found
    halves = _halves(train.labels)
    by_half = [(_told(patterns, train, chosen), asked) for chosen, asked in (halves, halves[::-1])]
    return replace(
        found,
        kinds=[replace(row, accuracy=_rule(patterns, train, by_half, kind=row.kind).accuracy) for row in kinds],
        fields=judged_fields(fields, train, halves),
        rule=_rule(patterns, train, by_half),
    )


def _values_of_columns(side_tokens: Sequence[Sequence[str]]) -> tuple[list[str], Ints, Ints]:
    """What enough documents have in the columns beside their texts, and which: as `Patterns.joined` takes it."""
    counts = Counter(token for row in side_tokens for token in row)
    what = sorted(token for token, count in counts.items() if count >= LEAST_DOCUMENTS)
    index = {token: number for number, token in enumerate(what)}
    pairs = [(index[token], row) for row, tokens in enumerate(side_tokens) for token in tokens if token in index]
    codes, documents = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return what, codes, documents


@dataclass(frozen=True)
class _Told:
    """What each of P patterns tells, arrays (P,)."""

    classes: Ints  # the class it speaks for
    n_documents: Ints  # that have it
    n_of_class: Ints  # among them
    lower: Floats  # Wilson's bound of the share of the two
    base: Floats  # the share of the class among all documents
    is_leak: npt.NDArray[np.bool_]

    @property
    def gain(self) -> Floats:
        """Documents of the class beyond those that chance would give."""
        return self.n_of_class - self.n_documents * self.base


def _told(patterns: Patterns, train: Corpus, documents: Ints) -> _Told:
    """What the patterns tell by these documents alone."""
    from scipy.sparse import csr_matrix

    one_hot = _one_hot(train)
    is_asked = np.zeros(len(train), dtype=np.bool_)
    is_asked[documents] = True
    asked = is_asked[patterns.documents]
    indices = patterns.codes[asked], patterns.documents[asked]
    has = csr_matrix((np.ones(len(indices[0])), indices), shape=(len(patterns), len(train)))
    counts = (has @ one_hot).tocoo()  # of a class that has none of its documents a pattern tells nothing
    n_documents = np.asarray(has.sum(axis=1)).ravel().astype(np.int64)
    base = np.asarray(one_hot[documents].mean(axis=0)).ravel()
    lower, _ = wilson_bounds(counts.data / n_documents[counts.row], n_documents[counts.row])
    surplus = (lower - base[counts.col]) / np.maximum(1 - base[counts.col], 1e-9)
    order = np.lexsort([counts.col, -surplus, counts.row])
    told, first = np.unique(counts.row[order], return_index=True)
    best = order[first]  # the class that each pattern speaks for most, of equal ones the first
    classes, n_of_class = np.zeros(len(patterns), dtype=np.int64), np.zeros(len(patterns), dtype=np.int64)
    bounds, more = np.zeros(len(patterns)), np.full(len(patterns), -np.inf)
    classes[told], n_of_class[told] = counts.col[best], counts.data[best].astype(np.int64)
    bounds[told], more[told] = lower[best], surplus[best]
    of_whole = np.asarray(one_hot[documents].sum(axis=0)).ravel()[classes]
    least_share, least_purity = _least(patterns)
    is_leak = (more >= HALFWAY) & (n_of_class >= least_share * of_whole) & (n_of_class >= least_purity * n_documents)
    return _Told(classes, n_documents, n_of_class, bounds, base[classes], is_leak)


def _least(patterns: Patterns) -> tuple[Floats, Floats]:
    """Share of its class that a pattern needs, and share of its documents that are of it, beside the bound; (P,)."""
    shares, purities = np.zeros(len(patterns)), np.zeros(len(patterns))
    for index, kind in enumerate(patterns.kinds):
        if kind == "word":
            shares[index], purities[index] = EVERYWHERE, ALMOST_PURE
        elif kind in ("beginning", "end"):
            length = patterns.what[index].count(" ") + 1
            shares[index] = NGRAM_SHARES.get(length, LEAST_NGRAM_SHARE)
            purities[index] = ALMOST_PURE if length in NGRAM_SHARES else 0
    return shares, purities


def _one_hot(train: Corpus) -> Any:
    """Which classes each document has, a sparse matrix (N, K)."""
    from scipy.sparse import csr_matrix

    rows, labels = train.label_pairs()
    return csr_matrix((np.ones(len(rows)), (rows, labels)), shape=(len(train), len(train.label_names)))


def _words_everywhere(train: Corpus, tokens: Tokens) -> tuple[list[str], Ints, Ints]:
    """The words that may be in nearly all documents of a class: they, and the pairs of their indices and documents."""
    least = EVERYWHERE * max(int(train.counts()[train.counts() > 0].min()), 1)
    codes, documents = tokens.distinct()
    frequency = np.bincount(codes, minlength=len(tokens.words))
    # A word that most documents have speaks for a class only when that is most of them.
    indices = np.flatnonzero(frequency >= least)
    new = np.full(len(tokens.words), -1, dtype=np.int64)
    new[indices] = np.arange(len(indices))
    is_kept = new[codes] >= 0
    return tokens.words.strings(indices), new[codes][is_kept], documents[is_kept]


def _rows(patterns: Patterns, told: _Told, train: Corpus) -> list[LeakingPattern]:
    """The patterns that give a class away, the one that tells of the most documents first."""
    order = np.flatnonzero(told.is_leak)
    order = order[np.lexsort([order, -told.gain[order]])]
    starts = np.searchsorted(patterns.codes, np.arange(len(patterns) + 1))
    class_counts = train.counts()
    rows = []
    for leader, others in _with_same_documents(patterns, order)[:MOST_SHOWN]:
        documents = patterns.documents[starts[leader] : starts[leader + 1]]
        k = int(told.classes[leader])
        is_of_class = train.of_class(k)[documents]
        n, n_of_class = int(told.n_documents[leader]), int(told.n_of_class[leader])
        rows.append(
            LeakingPattern(
                kind=patterns.kinds[leader],
                what=patterns.what[leader],
                label=train.label_names[k],
                n_documents=n,
                n_of_class=n_of_class,
                share=n_of_class / n,
                lower_bound=float(told.lower[leader]),
                share_of_class=n_of_class / int(class_counts[k]),
                lift=n_of_class / n / float(told.base[leader]),
                rows=train.rows[documents[is_of_class][:MOST_ROWS]].tolist(),
                also=[PatternName(kind=patterns.kinds[i], what=patterns.what[i]) for i in others[:MOST_ALSO]],
            )
        )
    return rows


def _with_same_documents(patterns: Patterns, order: Ints) -> list[tuple[int, list[int]]]:
    """Patterns put together where nearly the same documents have them: the first of each lot, and the others."""
    from scipy.sparse import csr_matrix

    rank = np.full(len(patterns), -1, dtype=np.int64)
    rank[order] = np.arange(len(order))
    is_kept = rank[patterns.codes] >= 0
    indices = rank[patterns.codes[is_kept]], patterns.documents[is_kept]
    has = csr_matrix((np.ones(len(indices[0])), indices), shape=(len(order), patterns.n_documents))
    sizes = np.asarray(has.sum(axis=1)).ravel()
    both = (has @ has.T).tocoo()
    is_same = both.data >= SAME_DOCUMENTS * (sizes[both.row] + sizes[both.col] - both.data)
    is_same &= both.col > both.row
    near: dict[int, list[int]] = {}
    for row, column in zip(both.row[is_same].tolist(), both.col[is_same].tolist(), strict=True):
        near.setdefault(row, []).append(column)
    lots, is_taken = [], np.zeros(len(order), dtype=np.bool_)
    for leader in range(len(order)):
        if not is_taken[leader]:
            others = [other for other in sorted(near.get(leader, [])) if not is_taken[other]]
            is_taken[others] = True
            lots.append((int(order[leader]), order[others].tolist() if others else []))
    return lots


def _halves(labels: Ints) -> tuple[Ints, Ints]:
    """Every second document of each class, and the others."""
    order = np.argsort(labels, kind="stable")
    return np.sort(order[::2]), np.sort(order[1::2])


def _rule(
    patterns: Patterns, train: Corpus, by_half: list[tuple[_Told, Ints]], *, kind: str | None = None
) -> LeakageRule:
    """How often the patterns, all or of one kind, are right about documents that they were not chosen on.

    `by_half` is what one half tells, and the documents of the other. Of the patterns in a document the one with the
    highest lower bound decides; without any, the commonest class of such documents is guessed.
    """
    is_meant = np.array([kind in (None, found) for found in patterns.kinds], dtype=np.bool_)
    answers, guesses, guess = np.full(len(train), -1), np.zeros(len(train), dtype=np.int64), train.counts().argmax()
    for told, asked in by_half:
        is_asked = np.zeros(len(train), dtype=np.bool_)
        is_asked[asked] = True
        is_spoken_of = np.zeros(len(train), dtype=np.bool_)
        speaks = (told.is_leak & is_meant)[patterns.codes]
        is_spoken_of[patterns.documents[speaks]] = True
        rest = np.bincount(train.labels[~is_asked & ~is_spoken_of], minlength=1)
        guesses[asked] = rest.argmax() if rest.any() else guess
        speaks &= is_asked[patterns.documents]
        codes, documents = patterns.codes[speaks], patterns.documents[speaks]
        order = np.lexsort([codes, -told.lower[codes], documents])
        first, indices = np.unique(documents[order], return_index=True)
        answers[first] = told.classes[codes[order][indices]]
    decided = answers >= 0
    is_right = np.where(decided, answers, guesses) == train.labels
    accuracy = float(is_right.mean())
    return LeakageRule(
        n_documents=len(train),
        n_decided=int(decided.sum()),
        accuracy_of_decided=float(is_right[decided].mean()) if decided.any() else None,
        accuracy=accuracy,
        interval=wilson_interval(accuracy, len(train)),
        guess=float((train.labels == guess).mean()),
    )


def _kinds(patterns: Patterns, told: _Told) -> list[LeakageKind]:
    """Each kind that gives a class away, the one in most documents first: how many, and in how many."""
    kinds = np.array(patterns.kinds, dtype=np.str_)
    rows = []
    for kind in sorted(set(kinds[told.is_leak].tolist())):
        is_meant = told.is_leak & (kinds == kind)
        n_documents = len(np.unique(patterns.documents[is_meant[patterns.codes]]))
        rows.append(LeakageKind(kind=kind, n_patterns=int(is_meant.sum()), n_documents=n_documents))
    return sorted(rows, key=lambda row: (-row.n_documents, row.kind))
