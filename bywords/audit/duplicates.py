"""Training and test texts → their exact and near duplicates: pairs within each part and across, and groups.

Two texts are exact duplicates when they are the same but for capitals, white space and Unicode's form; punctuation
counts. They are near duplicates when

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

from bywords.text.ragged import ragged_positions
from bywords.text.tokenizer import Tokenizer, TokenizerConfig, Tokens

THRESHOLD = 0.8
MIN_WORDS = 3
MOST_ALIKE = 3
ACROSS = 2  # the part of a pair that has a document of each
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
    nodes = _Nodes.of(texts, (np.arange(len(texts)) >= n_train).astype(np.int64))
    near = _near_pairs(nodes)
    return Duplicates(
        _within(nodes, near, 0, 0, n_train),
        None if test is None else _within(nodes, near, 1, n_train, len(texts)),
        None if test is None else _across(nodes, near, n_train),
    )


@dataclass(frozen=True, eq=False)
class _Nodes:
    """The M distinct texts of each part, by the number of their words, and which documents have them.

    Document i has the node `of_document[i]`, -1 where its text is empty.
    """

    texts: Indices  # (M,): the same text has the same number in both parts
    part: Indices  # (M,)
    firsts: Indices  # (M,), the first document with the text
    n_copies: Indices  # (M,), how many documents have it
    elements: npt.NDArray[np.int32]  # (T,): its words, each occurrence one of its own, ascending
    offsets: Indices  # (M + 1,)
    n_elements: int
    of_document: Indices  # (N,)

    @classmethod
    def of(cls, texts: pl.Series, part: Indices) -> _Nodes:
        folded = texts.str.to_lowercase().str.normalize("NFC").str.replace_all(r"\s+", " ").str.strip_chars()
        numbers = folded.rank("dense").cast(pl.Int64).to_numpy() if len(folded) else np.zeros(0, dtype=np.int64)
        filled = np.flatnonzero((folded != "").to_numpy())
        keys, firsts, node_of, n_copies = np.unique(
            2 * numbers[filled] + part[filled], return_index=True, return_inverse=True, return_counts=True
        )
        firsts = filled[firsts]
        tokens = Tokenizer(TokenizerConfig(punctuation=False))(folded.gather(firsts))
        order = np.argsort(tokens.lengths, kind="stable")
        of_document = np.full(len(texts), -1, dtype=np.int64)
        of_document[filled] = np.argsort(order)[node_of]
        of_texts = keys[order] // 2, keys[order] % 2, firsts[order], n_copies[order]
        return cls(*of_texts, *_elements(tokens, order), of_document)


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


def _near_pairs(nodes: _Nodes) -> pl.DataFrame:
    """Nodes of unlike texts that are nearly the same, by either rule, in the order of their nodes.

    A row a pair: `one` and `other`, the nodes; `similarity`; `part`, in which both are, or ACROSS.
    """
    from bywords.kernels.overlap import shared_by, similar_pairs

    sizes = np.diff(nodes.offsets)
    found = similar_pairs(nodes.elements, nodes.offsets, nodes.part, nodes.n_elements, THRESHOLD, MOST_PARTNERS)
    short = _alike_but_for_one(nodes)
    shared = shared_by(nodes.elements, nodes.offsets, *short)
    larger = np.maximum(*sizes[short])
    is_one_off = (shared >= larger - 1) & (larger >= MIN_WORDS)  # a hash may have met another by chance
    rows = np.concatenate([np.stack(found), np.stack([*short, shared])[:, is_one_off]], axis=1)
    rows = rows[:, nodes.texts[rows[0]] != nodes.texts[rows[1]]]
    _, once = np.unique(rows[0] * len(nodes.texts) + rows[1], return_index=True)
    one, other, shared = rows[:, once]
    part = np.where(nodes.part[one] == nodes.part[other], nodes.part[one], ACROSS)
    similarity = shared / (sizes[one] + sizes[other] - shared)
    return pl.DataFrame({"one": one, "other": other, "similarity": similarity, "part": part})


def _alike_but_for_one(nodes: _Nodes) -> Indices:
    """Short texts that may be the same but for one word, and are not of a template: int64 (2, P), ascending.

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
    table = pl.DataFrame({"key": keys, "node": owners, "text": nodes.texts[owners]})
    table = table.filter(pl.col("key").is_duplicated()).unique()  # a word that occurs twice is left out twice
    table = table.filter(pl.col("text").n_unique().over("key").is_between(2, MOST_ALIKE))
    pairs = table.join(table, on="key").filter(pl.col("node") < pl.col("node_right"))
    return pairs.select("node", "node_right").to_numpy().T


def _within(nodes: _Nodes, near: pl.DataFrame, part: int, start: int, end: int) -> Within:
    """What there is in one part, whose documents are those from `start` to `end`."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    near = near.filter(pl.col("part") == part)
    near_nodes = near.select("one", "other").to_numpy().T
    of_document, n_documents = nodes.of_document[start:end], end - start
    firsts = np.where(of_document >= 0, _taken(nodes.firsts, of_document, -1) - start, np.arange(n_documents))
    copies = np.flatnonzero(firsts != np.arange(n_documents))
    one, other = np.concatenate(
        [[firsts[copies], copies], np.sort(nodes.firsts[near_nodes] - start, axis=0)], axis=1
    )  # fmt: skip
    similarities = np.concatenate([np.ones(len(copies)), near["similarity"].to_numpy()])
    pairs = _in_order(one, other, similarities, np.arange(len(one)) < len(copies))
    links = coo_array((np.ones(len(pairs)), (pairs.firsts, pairs.seconds)), shape=(n_documents, n_documents))
    groups = connected_components(links, directed=False)[1].astype(np.int64) if n_documents else of_document
    is_near = np.isin(np.arange(len(nodes.texts)), near_nodes)
    return Within(pairs, groups, _taken(nodes.n_copies, of_document, 0) > 1, _taken(is_near, of_document, False))


def _across(nodes: _Nodes, near: pl.DataFrame, n_train: int) -> Across:
    """What test documents have among the training documents."""
    near = near.filter(pl.col("part") == ACROSS)
    near_nodes = near.select("one", "other").to_numpy().T
    near_nodes = np.where(nodes.part[near_nodes[0]] == 1, near_nodes[::-1], near_nodes)  # of training first
    in_train, in_test = np.where(nodes.part == 0, nodes.texts, -1), np.where(nodes.part == 1, nodes.texts, -2)
    exact_nodes = np.stack(np.intersect1d(in_train, in_test, return_indices=True)[1:])
    train_nodes, test_nodes = np.concatenate([exact_nodes, near_nodes], axis=1)
    pairs = pl.DataFrame(
        {
            "train_node": train_nodes,
            "test_node": test_nodes,
            "similarity": np.concatenate([np.ones(exact_nodes.shape[1]), near["similarity"].to_numpy()]),
            "is_exact": np.arange(len(train_nodes)) < exact_nodes.shape[1],
        }
    )
    documents = pl.DataFrame({"node": nodes.of_document, "document": np.arange(len(nodes.of_document))})
    listed = documents.filter(pl.int_range(pl.len()).over("node") < MOST_PARTNERS)
    pairs = pairs.join(listed, left_on="train_node", right_on="node")
    pairs = pairs.join(documents, left_on="test_node", right_on="node", suffix="_of_test")
    columns = pairs.select("document", pl.col("document_of_test") - n_train, "similarity", "is_exact")
    is_exact, is_near = (np.isin(np.arange(len(nodes.texts)), those) for those in (exact_nodes, near_nodes))
    return Across(
        _in_order(*(column.to_numpy() for column in columns)),
        _taken(is_exact, nodes.of_document[n_train:], False),
        _taken(is_near, nodes.of_document[n_train:], False),
        _taken(is_exact | is_near, nodes.of_document[:n_train], False),
    )


def _in_order(firsts: Indices, seconds: Indices, similarities: npt.NDArray[np.float64], is_exact: Flags) -> Pairs:
    order = np.lexsort((firsts, seconds, ~is_exact, -similarities))
    return Pairs(firsts[order], seconds[order], similarities[order], is_exact[order])


def _taken(values: npt.NDArray[Any], indices: Indices, empty: Any) -> npt.NDArray[Any]:
    """values[indices], and `empty` where the index is -1."""
    return np.append(values, empty)[indices]
