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

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.data.distinct_texts import DistinctTexts, DistinctTextsBuilder, Map
from bywords.text.ragged import offsets_of
from bywords.text.threads import chunks_of, in_threads

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


def find_duplicates(train: pl.Series, test: pl.Series | None = None, *, by: Map | None = None) -> Duplicates:
    """The duplicates among N training texts, among the test texts, and across; strings without nulls.

    `by` as `DistinctTextsBuilder.add` takes it.
    """
    builder = DistinctTextsBuilder()
    builder.add(_blocks(train, by), by=by)
    if test is not None:
        builder.add(_blocks(test, by), is_test=True, by=by)
    return duplicates_of(builder, has_test=test is not None)


def _blocks(texts: pl.Series, by: Map | None) -> list[pl.Series]:
    return [texts] if by is None else [texts[start:stop] for start, stop in chunks_of(texts)]


def duplicates_of(builder: DistinctTextsBuilder, *, has_test: bool) -> Duplicates:
    """The duplicates of texts that came some at a time: the same however they were cut, and wherever they are held."""
    texts, n_train = builder.built()
    near, n_documents = _near_pairs(texts), len(texts.of_document)
    return Duplicates(
        _within(texts, near, 0, 0, n_train),
        _within(texts, near, 1, n_train, n_documents) if has_test else None,
        _across(texts, near, n_train) if has_test else None,
    )


def _near_pairs(texts: DistinctTexts) -> pl.DataFrame:
    """Unlike texts that are nearly the same, by either rule, in their order.

    A row a pair: `one` and `other`, the texts; `similarity`; `part`, in which both are, or ACROSS.
    """
    from bywords.kernels.overlap import shared_by

    sizes = np.diff(texts.offsets)
    found, short = _similar(texts), _alike_but_for_one(texts)
    meant = np.unique(short)
    shared = shared_by(*texts.elements_of(meant), *np.searchsorted(meant, short))
    larger = np.maximum(*sizes[short])
    is_one_off = (shared >= larger - 1) & (larger >= MIN_WORDS)  # a hash may have met another by chance
    rows = np.concatenate([np.stack(found), np.stack([*short, shared])[:, is_one_off]], axis=1)
    rows = rows[:, texts.keys[rows[0]] != texts.keys[rows[1]]]
    _, once = np.unique(rows[0] * len(texts) + rows[1], return_index=True)
    one, other, shared = rows[:, once]
    part = np.where(texts.part[one] == texts.part[other], texts.part[one], ACROSS)
    similarity = shared / (sizes[one] + sizes[other] - shared)
    return pl.DataFrame({"one": one, "other": other, "similarity": similarity, "part": part})


def _similar(texts: DistinctTexts) -> tuple[Indices, Indices, Indices]:
    """Texts that share enough words, the earlier and the later, and how many: every block of them with every other.

    Blocks are left out whose texts are too short for those of the other.
    """
    from bywords.kernels.overlap import listed_pairs, similar_pairs

    blocks, sizes = texts.blocks(0, len(texts)), np.diff(texts.offsets)

    def joined(pair: tuple[tuple[int, int], tuple[int, int]], elements: npt.NDArray[np.int32]) -> Indices:
        """The pairs of one block and a later one, or of all in one, with their indices among all, int64 (3, P)."""
        (first, last), later = pair
        rows = np.arange(first, last)
        if pair[0] != later:
            rows = np.concatenate([rows, np.arange(*later)])
        found = similar_pairs(
            elements, offsets_of(sizes[rows]), texts.part[rows], texts.n_elements, THRESHOLD, MOST_PARTNERS,
            n_earlier=None if pair[0] == later else last - first,
        )  # fmt: skip
        return np.stack([rows[found[0]], rows[found[1]], found[2]])

    def read() -> Iterator[tuple[tuple[tuple[int, int], tuple[int, int]], npt.NDArray[np.int32]]]:
        for number, later in enumerate(blocks):
            those = texts.elements(*later)
            yield (later, later), those
            for earlier in blocks[:number]:
                if sizes[earlier[1] - 1] >= THRESHOLD * sizes[later[0]] - 1e-9:
                    yield (earlier, later), np.concatenate([texts.elements(*earlier), those])

    found = [np.zeros((3, 0), dtype=np.int64), *in_threads(lambda one: joined(*one), read())]
    earlier, later, shared = np.concatenate(found, axis=1)
    if len(blocks) > 1:
        order = np.lexsort((earlier, later))
        earlier, later, shared = earlier[order], later[order], shared[order]
        is_listed = listed_pairs(earlier, later, texts.part, MOST_PARTNERS)
        earlier, later, shared = earlier[is_listed], later[is_listed], shared[is_listed]
    return earlier, later, shared


def _alike_but_for_one(texts: DistinctTexts) -> Indices:
    """Short texts that may be the same but for one word, and are not of a template: int64 (2, P), ascending.

    Each text is entered with each of its words left out, and with none, under the sum of its words' random numbers;
    of very many, some of the sums at a time.
    """
    sizes = np.diff(texts.offsets)
    n_words = np.arange(1, 1_000)
    longest = int(n_words[(n_words - 1) / (n_words + 1) < THRESHOLD].max())  # the join finds longer ones
    first, last = np.searchsorted(sizes, [2, longest + 1]).tolist()
    numbers = np.random.default_rng(0).integers(0, 1 << 64, texts.n_elements, dtype=np.uint64)
    n_keys = int(texts.offsets[last] - texts.offsets[first]) + last - first
    n_turns = -(-n_keys // texts.most_words)
    found = [np.zeros((2, 0), dtype=np.int64)]
    for turn in range(n_turns):
        keys, owners = [], []
        for begin, end in texts.blocks(first, last):
            some, lengths = np.arange(begin, end), sizes[begin:end]
            hashes = numbers[texts.elements(begin, end)]
            whole = np.add.reduceat(hashes, offsets_of(lengths)[:-1])
            its = np.concatenate([np.repeat(whole, lengths) - hashes, whole])
            is_due = its % np.uint64(n_turns) == turn
            keys.append(its[is_due])
            owners.append(np.concatenate([np.repeat(some, lengths), some])[is_due])
        found.append(_of_equal_keys(np.concatenate(keys), np.concatenate(owners), texts))
    return np.unique(np.concatenate(found, axis=1), axis=1)


def _of_equal_keys(keys: npt.NDArray[np.uint64], owners: Indices, texts: DistinctTexts) -> Indices:
    """Texts that have a key in common which no more than MOST_ALIKE have, int64 (2, P)."""
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    later = np.flatnonzero(keys[1:] == keys[:-1]) + 1
    shared = np.union1d(later, later - 1)
    owners = owners[order[shared]]
    table = pl.DataFrame({"key": keys[shared], "node": owners, "text": texts.keys[owners]})
    table = table.unique()  # a word that occurs twice is left out twice
    table = table.filter(pl.col("text").n_unique().over("key").is_between(2, MOST_ALIKE))
    pairs = table.join(table, on="key").filter(pl.col("node") < pl.col("node_right"))
    return pairs.select("node", "node_right").to_numpy().T


def _within(texts: DistinctTexts, near: pl.DataFrame, part: int, start: int, end: int) -> Within:
    """What there is in one part, whose documents are those from `start` to `end`."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    near = near.filter(pl.col("part") == part)
    near_nodes = near.select("one", "other").to_numpy().T
    of_document, n_documents = texts.of_document[start:end], end - start
    firsts = np.where(of_document >= 0, _taken(texts.firsts, of_document, -1) - start, np.arange(n_documents))
    copies = np.flatnonzero(firsts != np.arange(n_documents))
    one, other = np.concatenate(
        [[firsts[copies], copies], np.sort(texts.firsts[near_nodes] - start, axis=0)], axis=1
    )  # fmt: skip
    similarities = np.concatenate([np.ones(len(copies)), near["similarity"].to_numpy()])
    pairs = _in_order(one, other, similarities, np.arange(len(one)) < len(copies))
    links = coo_array((np.ones(len(pairs)), (pairs.firsts, pairs.seconds)), shape=(n_documents, n_documents))
    groups = connected_components(links, directed=False)[1].astype(np.int64) if n_documents else of_document
    is_near = np.isin(np.arange(len(texts.keys)), near_nodes)
    return Within(pairs, groups, _taken(texts.n_copies, of_document, 0) > 1, _taken(is_near, of_document, False))


def _across(texts: DistinctTexts, near: pl.DataFrame, n_train: int) -> Across:
    """What test documents have among the training documents."""
    near = near.filter(pl.col("part") == ACROSS)
    near_nodes = near.select("one", "other").to_numpy().T
    near_nodes = np.where(texts.part[near_nodes[0]] == 1, near_nodes[::-1], near_nodes)  # of training first
    in_train, in_test = np.where(texts.part == 0, texts.keys, -1), np.where(texts.part == 1, texts.keys, -2)
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
    documents = pl.DataFrame({"node": texts.of_document, "document": np.arange(len(texts.of_document))})
    listed = documents.filter(pl.int_range(pl.len()).over("node") < MOST_PARTNERS)
    pairs = pairs.join(listed, left_on="train_node", right_on="node")
    pairs = pairs.join(documents, left_on="test_node", right_on="node", suffix="_of_test")
    columns = pairs.select("document", pl.col("document_of_test") - n_train, "similarity", "is_exact")
    is_exact, is_near = (np.isin(np.arange(len(texts.keys)), those) for those in (exact_nodes, near_nodes))
    return Across(
        _in_order(*(column.to_numpy() for column in columns)),
        _taken(is_exact, texts.of_document[n_train:], False),
        _taken(is_near, texts.of_document[n_train:], False),
        _taken(is_exact | is_near, texts.of_document[:n_train], False),
    )


def _in_order(firsts: Indices, seconds: Indices, similarities: npt.NDArray[np.float64], is_exact: Flags) -> Pairs:
    order = np.lexsort((firsts, seconds, ~is_exact, -similarities))
    return Pairs(firsts[order], seconds[order], similarities[order], is_exact[order])


def _taken(values: npt.NDArray[Any], indices: Indices, empty: Any) -> npt.NDArray[Any]:
    """values[indices], and `empty` where the index is -1."""
    return np.append(values, empty)[indices]
