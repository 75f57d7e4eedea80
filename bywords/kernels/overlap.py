"""Documents as sets of numbers → all pairs that share enough of them, without comparing all with all."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bywords.kernels import _native

Numbers = npt.NDArray[np.int32]
Indices = npt.NDArray[np.int64]


def occurrences(codes: Numbers, offsets: Indices, most: Indices) -> Numbers:
    """How often each word occurred in its document before it, int32 (T,).

    `codes` is int32 (T,). `most`, int64 of as many as there are words, becomes at least how often each occurs in one
    of these documents: of several arrays of documents one after the other, in one of all of them.
    """
    found = np.empty(len(codes), dtype=np.int32)
    _native.occurrences(codes, offsets, most, found)
    return found


def numbered(codes: Numbers, offsets: Indices, n_words: int) -> tuple[Indices, int]:
    """Each occurrence of a word in its document as a separate element: the second "the" is not the first.

    `codes` is int32 (T,), below `n_words`.
    Returns: elements int64 (T,), each at most once a document, and their number.
    """
    most = np.zeros(n_words, dtype=np.int64)
    found = occurrences(codes, offsets, most)
    return (np.cumsum(most) - most)[codes] + found, int(most.sum())


def sort_each(elements: Numbers, offsets: Indices) -> None:
    """Sort the elements of each document, int32 (T,), in place."""
    _native.sort_each(elements, offsets)


def similar_pairs(
    elements: Numbers,
    offsets: Indices,
    part: Indices,
    n_elements: int,
    threshold: float,
    most: int,
    *,
    n_earlier: int | None = None,
) -> tuple[Indices, Indices, Indices]:
    """All pairs of documents whose Jaccard similarity, shared over all of their elements, is `threshold` or more.

    `elements` int32 (T,) are ascending in each document, the rarest the smallest number; documents are in ascending
    order of size, `offsets` int64 (N + 1,); an empty one has no pair. `part` int64 (N,) is 0 or 1, the corpus that each
    is of. A document that already has `most` pairs with earlier ones of a part gets no more, unless the pair joins two
    groups of documents of that part or, across parts, one of the two has no pair across yet. So the groups, and which
    documents have a pair across, are those of all pairs, while n texts that are all alike do not give n² pairs.
    With `n_earlier`, pairs are of one of the first so many documents and one of the others only.

    Two documents can be that similar only where they share one of their few rarest elements, so only those are looked
    up; and the elements after a shared one bound how many more can be shared.
    Returns: earlier and later documents, int64 (P,) each, ascending by the later, then by the earlier; and how many
    elements they share, int64 (P,).
    Source: Chaudhuri, Ganti, Kaushik (2006), "A Primitive Operator for Similarity Joins in Data Cleaning" (prefixes);
    Bayardo, Ma, Srikant (2007), "Scaling Up All Pairs Similarity Search" (order by size); Xiao et al. (2008),
    "Efficient Similarity Joins for Near Duplicate Detection" (PPJoin: the bound by position).
    """
    _, pairs = _native.similar_pairs(
        elements, offsets, part, n_elements, threshold, most, -1 if n_earlier is None else n_earlier
    )
    earlier, later, shared = np.frombuffer(pairs, dtype=np.int64).reshape(-1, 3).T.copy()
    return earlier, later, shared


def listed_pairs(earlier: Indices, later: Indices, part: Indices, most: int) -> npt.NDArray[np.bool_]:
    """Which of these pairs `similar_pairs` gives of all documents, bool (P,); found as pairs of some and some of them.

    `earlier` and `later` are int64 (P,), ascending by the later, then by the earlier. A pair that is left out of some
    is left out of all: what it would join is joined by pairs of before.
    """
    is_listed = np.empty(len(earlier), dtype=np.uint8)
    _native.listed_pairs(earlier, later, part, most, is_listed)
    return is_listed.view(np.bool_)


def shared_by(elements: Numbers, offsets: Indices, lefts: Indices, rights: Indices) -> Indices:
    """How many elements the documents of each pair share, int64 (P,)."""
    shared = np.empty(len(lefts), dtype=np.int64)
    _native.shared_by(elements, offsets, lefts, rights, shared)
    return shared
