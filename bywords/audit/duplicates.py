"""Training and test texts → their exact and near duplicates: pairs within each part and across, and groups.

Two texts are exact duplicates when they are the same but for capitals, white space and what the tokenizer's
normalisation takes for the same; punctuation counts. They are near duplicates when

- their Jaccard similarity is THRESHOLD or more: the words that they share over all words of both, each occurrence a
  word of its own, punctuation and order no part of it; or
- all their words but one are the same, of MIN_WORDS or more, and no more than MOST_ALIKE texts have those words in
  common. A change of one word leaves texts of less than nine words with a similarity below THRESHOLD. But "What is the
  capital of Peru?" is no copy of "What is the capital of Laos?": words that many texts share with a gap between them
  are a template, and those that two or three share are a copy.

All pairs are found, by an exact join (`bywords.kernels.overlap`) and a table of all texts with one word left out,
not most of them as by MinHash. A text without words has exact duplicates only, an empty one none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.text.normalization import normalized
from bywords.text.ragged import ragged_positions
from bywords.text.tokenizer import Tokenizer, TokenizerConfig, Tokens

THRESHOLD = 0.8
MIN_WORDS = 3
MOST_ALIKE = 3
MOST_PARTNERS = 20  # listed for a document in each part; of a text with thousands of copies not each pair is

Indices = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Pairs:
    """P pairs of documents, by their indices, the most similar first, then in the order of the documents."""

    firsts: Indices  # (P,)
    seconds: Indices  # (P,); of the same part a later document
    similarities: npt.NDArray[np.float64]  # (P,), from 0 to 1
    is_exact: Flags  # (P,)

    def __len__(self) -> int:
        return len(self.firsts)


@dataclass(frozen=True, eq=False)
class Within:
    """The duplicates among the N documents of one part.

    `pairs` leads from every document of a group to every other of it; of copies of one text each is paired with the
    first of them only.
    """

    pairs: Pairs
    groups: Indices  # (N,): documents with the same number are linked by pairs; one without duplicates is alone
    has_exact: Flags  # (N,): another has the same text
    has_near: Flags  # (N,): another has nearly the same text


@dataclass(frozen=True, eq=False)
class Across:
    """The duplicates that test documents have among the training documents.

    `pairs` are (training, test); for each text no more than MOST_PARTNERS of the training documents are listed.
    """

    pairs: Pairs
    test_has_exact: Flags  # (N_test,)
    test_has_near: Flags  # (N_test,)
    train_has_any: Flags  # (N_train,)


@dataclass(frozen=True, eq=False)
class Duplicates:
    """All duplicates of a corpus; `test` and `across` are None without test documents."""

    train: Within
    test: Within | None
    across: Across | None


def find_duplicates(train: pl.Series, test: pl.Series | None = None) -> Duplicates:
    """The duplicates among N training texts, among the test texts, and across; strings without nulls."""
    n_train = len(train)
    texts = train if test is None else pl.concat([train.rename("text"), test.rename("text")])
    part = (np.arange(len(texts)) >= n_train).astype(np.int64)
    nodes = _Nodes.of(texts, part)
    near = _near_pairs(nodes)
    return Duplicates(
        _within(nodes, near, 0, 0, n_train),
        None if test is None else _within(nodes, near, 1, n_train, len(texts)),
        None if test is None else _across(nodes, near, n_train, len(texts)),
    )


@dataclass(frozen=True, eq=False)
class _Nodes:
    """The M distinct texts of each part, by the number of their words, and which documents have them.

    Document i has the node `of_document[i]`; the documents of node m are
    `documents[starts[m]:starts[m + 1]]`, ascending. Empty texts have the node -1.
    """

    texts: Indices  # (M,): the same text has the same number in both parts
    part: Indices  # (M,)
    elements: npt.NDArray[np.int32]  # (T,): its words, each occurrence one of its own, ascending
    offsets: Indices  # (M + 1,)
    n_elements: int
    of_document: Indices  # (N,)
    documents: Indices  # (N',)
    starts: Indices  # (M + 1,)

    @classmethod
    def of(cls, texts: pl.Series, part: Indices) -> _Nodes:
        folded = pl.Series(normalized(texts.to_list()), dtype=pl.String).str.replace_all(r"\s+", " ").str.strip_chars()
        numbers = folded.rank("dense").cast(pl.Int64).to_numpy() if len(folded) else np.zeros(0, dtype=np.int64)
        filled = np.flatnonzero((folded != "").to_numpy())
        keys, firsts, node_of = np.unique(2 * numbers[filled] + part[filled], return_index=True, return_inverse=True)
        tokens = Tokenizer(TokenizerConfig(punctuation=False))(folded.gather(filled[firsts]))
        order = np.argsort(tokens.lengths, kind="stable")
        elements, offsets, n_elements = _elements(tokens, order)
        index = np.empty(len(order), dtype=np.int64)
        index[order] = np.arange(len(order))
        of_document = np.full(len(texts), -1, dtype=np.int64)
        of_document[filled] = index[node_of]
        documents = filled[np.argsort(of_document[filled], kind="stable")]
        starts = np.searchsorted(of_document[documents], np.arange(len(order) + 1))
        return cls(keys[order] // 2, keys[order] % 2, elements, offsets, n_elements, of_document, documents, starts)

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def firsts(self) -> Indices:
        """The first document of each node, (M,)."""
        return self.documents[self.starts[:-1]]

    def members(self, node: int, most: int | None = None) -> Indices:
        """The documents of a node, or the first `most` of them."""
        start, end = self.starts[node : node + 2].tolist()
        return self.documents[start : end if most is None else min(end, start + most)]


@dataclass(frozen=True, eq=False)
class _NodePairs:
    """Pairs of nodes of unlike texts, each once, and their similarity."""

    firsts: Indices
    seconds: Indices
    similarities: npt.NDArray[np.float64]

    def where(self, chosen: Flags) -> _NodePairs:
        return _NodePairs(self.firsts[chosen], self.seconds[chosen], self.similarities[chosen])


def _elements(tokens: Tokens, order: Indices) -> tuple[npt.NDArray[np.int32], Indices, int]:
    """The words of documents in this order as numbers, each document's ascending, the rarest the smallest; offsets."""
    from bywords.kernels.overlap import numbered, sort_each

    occurrences, n_elements = numbered(tokens.codes, tokens.offsets, len(tokens.words))
    rank = np.empty(n_elements, dtype=np.int32)
    rank[np.argsort(np.bincount(occurrences, minlength=n_elements), kind="stable")] = np.arange(n_elements)
    positions, offsets = ragged_positions(tokens.offsets, order)
    elements = rank[occurrences[positions]]
    sort_each(elements, offsets)
    return elements, offsets, int(n_elements)


def _near_pairs(nodes: _Nodes) -> _NodePairs:
    """Nodes of unlike texts that are nearly the same, by either rule, in the order of their nodes."""
    from bywords.kernels.overlap import shared_by, similar_pairs

    sizes = np.diff(nodes.offsets)
    firsts, seconds, shared = similar_pairs(
        nodes.elements, nodes.offsets, nodes.part, nodes.n_elements, THRESHOLD, MOST_PARTNERS
    )
    short_firsts, short_seconds = _alike_but_for_one(nodes)
    short_shared = shared_by(nodes.elements, nodes.offsets, short_firsts, short_seconds)
    larger = np.maximum(sizes[short_firsts], sizes[short_seconds])
    is_one_off = (short_shared >= larger - 1) & (larger >= MIN_WORDS)  # a hash may have met another by chance
    firsts = np.concatenate([firsts, short_firsts[is_one_off]])
    seconds = np.concatenate([seconds, short_seconds[is_one_off]])
    shared = np.concatenate([shared, short_shared[is_one_off]])
    _, once = np.unique(firsts * len(nodes) + seconds, return_index=True)
    once = once[nodes.texts[firsts[once]] != nodes.texts[seconds[once]]]
    firsts, seconds, shared = firsts[once], seconds[once], shared[once]
    return _NodePairs(firsts, seconds, shared / (sizes[firsts] + sizes[seconds] - shared))


def _alike_but_for_one(nodes: _Nodes) -> tuple[Indices, Indices]:
    """Short texts that may be the same but for one word, and are not of a template: nodes, the first the smaller.

    Each text is entered with each of its words left out, and with none, under the sum of its words' random numbers.
    """
    sizes = np.diff(nodes.offsets)
    n_words = np.arange(1, 1_000)
    longest = int(n_words[(n_words - 1) / (n_words + 1) < THRESHOLD].max())  # the join finds longer ones
    short = np.flatnonzero((sizes > 1) & (sizes <= longest))
    positions, offsets = ragged_positions(nodes.offsets, short)
    numbers = np.random.default_rng(0).integers(0, 1 << 64, nodes.n_elements, dtype=np.uint64)
    hashes = numbers[nodes.elements[positions]]
    whole = np.add.reduceat(hashes, offsets[:-1]) if len(short) else hashes
    keys = np.concatenate([np.repeat(whole, sizes[short]) - hashes, whole])
    owners = np.concatenate([np.repeat(short, sizes[short]), short])
    texts = nodes.texts[owners]
    order = np.lexsort((owners, texts, keys))
    keys, owners, texts = keys[order], owners[order], texts[order]
    is_new = np.ones(len(keys), dtype=bool)  # a word that occurs twice is left out twice
    is_new[1:] = (keys[1:] != keys[:-1]) | (owners[1:] != owners[:-1])
    keys, owners, texts = keys[is_new], owners[is_new], texts[is_new]
    is_first = np.ones(len(keys), dtype=bool)
    is_first[1:] = keys[1:] != keys[:-1]
    is_text = is_first.copy()
    is_text[1:] |= texts[1:] != texts[:-1]
    group = np.cumsum(is_first) - 1
    n_texts = np.bincount(group, is_text) if len(group) else np.zeros(0)
    is_kept = (n_texts[group] >= 2) & (n_texts[group] <= MOST_ALIKE)
    group, owners = group[is_kept], owners[is_kept]
    firsts, seconds = [], []
    for gap in range(1, 2 * MOST_ALIKE):  # a group has a node of each text and part
        is_same = group[gap:] == group[:-gap]
        firsts.append(owners[:-gap][is_same])
        seconds.append(owners[gap:][is_same])
    one, other = np.concatenate(firsts), np.concatenate(seconds)
    return np.minimum(one, other), np.maximum(one, other)


def _within(nodes: _Nodes, near: _NodePairs, part: int, start: int, end: int) -> Within:
    """What there is in one part, whose documents are those from `start` to `end`."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    near = near.where((nodes.part[near.firsts] == part) & (nodes.part[near.seconds] == part))
    firsts_of, n_copies = nodes.firsts, np.diff(nodes.starts)
    document_node = nodes.of_document[start:end]
    is_filled = document_node >= 0
    indices = np.arange(start, end)
    copies = indices[is_filled & (indices != _taken(firsts_of, document_node, -1))]
    exact_firsts = firsts_of[nodes.of_document[copies]]
    pairs = _pairs(
        np.concatenate([exact_firsts, firsts_of[near.firsts]]) - start,
        np.concatenate([copies, firsts_of[near.seconds]]) - start,
        np.concatenate([np.ones(len(copies)), near.similarities]),
        np.arange(len(copies) + len(near.firsts)) < len(copies),
        is_ordered=False,
    )
    n_documents = end - start
    links = coo_array((np.ones(len(pairs)), (pairs.firsts, pairs.seconds)), shape=(n_documents, n_documents))
    groups = connected_components(links, directed=False)[1].astype(np.int64) if n_documents else document_node
    node_is_near = np.zeros(len(nodes), dtype=bool)
    node_is_near[near.firsts] = node_is_near[near.seconds] = True
    return Within(pairs, groups, _taken(n_copies, document_node, 0) > 1, _taken(node_is_near, document_node, False))


def _across(nodes: _Nodes, near: _NodePairs, n_train: int, n_documents: int) -> Across:
    """What test documents have among the training documents."""
    is_across = nodes.part[near.firsts] != nodes.part[near.seconds]
    near = near.where(is_across)
    is_turned = nodes.part[near.firsts] == 1
    train_nodes = np.where(is_turned, near.seconds, near.firsts)
    test_nodes = np.where(is_turned, near.firsts, near.seconds)
    _, in_train, in_test = np.intersect1d(
        np.where(nodes.part == 0, nodes.texts, -1), np.where(nodes.part == 1, nodes.texts, -2), return_indices=True
    )
    exact = np.zeros(len(nodes), dtype=bool)
    exact[in_train] = exact[in_test] = True
    is_near = np.zeros(len(nodes), dtype=bool)
    is_near[train_nodes] = is_near[test_nodes] = True
    firsts, seconds, similarities, is_exact = list[Indices](), list[Indices](), list[Any](), list[Flags]()
    for train_node, test_node, similarity, same in [
        *zip(in_train.tolist(), in_test.tolist(), np.ones(len(in_train)).tolist(), [True] * len(in_train), strict=True),
        *zip(
            train_nodes.tolist(), test_nodes.tolist(), near.similarities.tolist(), [False] * len(near.firsts),
            strict=True,
        ),
    ]:  # fmt: skip
        some, all_test = nodes.members(train_node, MOST_PARTNERS), nodes.members(test_node)
        firsts.append(np.tile(some, len(all_test)))
        seconds.append(np.repeat(all_test, len(some)) - n_train)
        similarities.append(np.full(len(firsts[-1]), similarity))
        is_exact.append(np.full(len(firsts[-1]), same))
    none = np.zeros(0, dtype=np.int64)
    pairs = _pairs(
        np.concatenate([none, *firsts]), np.concatenate([none, *seconds]), np.concatenate([none * 1.0, *similarities]),
        np.concatenate([none > 0, *is_exact]), is_ordered=True,
    )  # fmt: skip
    train_node_of, test_node_of = nodes.of_document[:n_train], nodes.of_document[n_train:n_documents]
    return Across(
        pairs,
        _taken(exact, test_node_of, False),
        _taken(is_near, test_node_of, False),
        _taken(exact | is_near, train_node_of, False),
    )


def _pairs(
    firsts: Indices, seconds: Indices, similarities: npt.NDArray[np.float64], is_exact: Flags, *, is_ordered: bool
) -> Pairs:
    """Pairs in their order; unless `is_ordered`, the earlier document of each is put first."""
    if not is_ordered:
        firsts, seconds = np.minimum(firsts, seconds), np.maximum(firsts, seconds)
    order = np.lexsort((firsts, seconds, ~is_exact, -similarities))
    return Pairs(firsts[order], seconds[order], similarities[order], is_exact[order])


def _taken(values: npt.NDArray[Any], indices: Indices, empty: Any) -> npt.NDArray[Any]:
    """values[indices], and `empty` where the index is -1."""
    return np.append(values, empty)[indices]
