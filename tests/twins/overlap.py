"""Documents as sets of numbers → all pairs that share enough of them, without comparing all with all."""

from __future__ import annotations

import numpy as np

TINY = 1e-9  # a fraction of integers that exceeds an integer by less equals it


def occurrences(codes, offsets, most):
    """How often each word occurred in its document before; `most` becomes how often it occurs in one at most."""
    occurrence = np.empty(len(codes), dtype=np.int32)
    for document in range(len(offsets) - 1):
        count = {}
        for index in range(offsets[document], offsets[document + 1]):
            code = codes[index]
            occurrence[index] = count.get(code, 0)
            count[code] = occurrence[index] + 1
            most[code] = max(most[code], count[code])
    return occurrence


def numbered(codes, offsets, n_words):
    """Each occurrence of a word in its document as a separate element: the second "the" is not the first.

    `codes` is int32 (T,), below `n_words`.
    Returns: elements int64 (T,), each at most once a document, and their number.
    """
    most = np.zeros(n_words, dtype=np.int64)
    occurrence = occurrences(codes, offsets, most)
    return (np.cumsum(most) - most)[codes] + occurrence, most.sum()


def sort_each(elements, offsets):
    """Sort the elements of each document, in place."""
    for document in range(len(offsets) - 1):
        elements[offsets[document] : offsets[document + 1]].sort()


def _root(parent, node):
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


def _least(share, size):
    """The smallest integer that is at least share * size."""
    return np.int64(np.ceil(share * size - TINY))


def _overlap(elements, one, one_end, other, other_end, needed):
    """How many elements two ascending slices share; a lower number once `needed` cannot be reached."""
    n_shared = 0
    while one < one_end and other < other_end:
        if n_shared + min(one_end - one, other_end - other) < needed:
            return n_shared
        left, right = elements[one], elements[other]
        if left == right:
            n_shared += 1
            one += 1
            other += 1
        elif left < right:
            one += 1
        else:
            other += 1
    return n_shared


class _Listing:
    """Which pairs are listed, of documents in their order and each one's with earlier documents in theirs."""

    def __init__(self, part, most):
        self.part, self.most = part, most
        self.parent = list(range(len(part)))
        self.has_across = [False] * len(part)
        self.n_found = {}

    def takes(self, document, earlier):
        """Whether the pair is listed; then it is."""
        is_across, found = self.part[document] != self.part[earlier], (document, self.part[earlier])
        if self.n_found.get(found, 0) >= self.most:
            if is_across and self.has_across[document] and self.has_across[earlier]:
                return False
            if not is_across and _root(self.parent, document) == _root(self.parent, earlier):
                return False
        if is_across:
            self.has_across[document] = self.has_across[earlier] = True
        else:
            self.parent[_root(self.parent, document)] = _root(self.parent, earlier)
        self.n_found[found] = self.n_found.get(found, 0) + 1
        return True


def listed_pairs(earlier, later, part, most):
    """Which of these pairs are listed when all are seen, bool (P,)."""
    listing = _Listing(part, most)
    return np.array([listing.takes(*pair) for pair in zip(later, earlier, strict=True)], dtype=np.bool_)


def similar_pairs(elements, offsets, part, n_elements, threshold, most, *, n_earlier=None):
    """All pairs of documents whose Jaccard similarity is `threshold` or more: all are compared with all.

    The kernel looks up the rarest elements instead. With `n_earlier`, pairs of the first so many and the others.
    """
    n_documents = len(offsets) - 1
    sizes, listing, pairs = np.diff(offsets), _Listing(part, most), []
    for later in range(n_documents):
        for earlier in range(later):
            if n_earlier is not None and not earlier < n_earlier <= later:
                continue
            needed = max(_least(threshold / (1 + threshold), sizes[earlier] + sizes[later]), 1)
            bounds = offsets[earlier], offsets[earlier + 1], offsets[later], offsets[later + 1]
            shared = _overlap(elements, *bounds, 0)
            if shared >= needed and listing.takes(later, earlier):
                pairs.append((earlier, later, shared))
    return tuple(np.array(pairs, dtype=np.int64).reshape(-1, 3).T.copy())


def shared_by(elements, offsets, lefts, rights):
    """How many elements the documents of each pair share, int64 (P,)."""
    shared = np.empty(len(lefts), dtype=np.int64)
    for pair in range(len(lefts)):
        left, right = lefts[pair], rights[pair]
        shared[pair] = _overlap(
            elements, offsets[left], offsets[left + 1], offsets[right], offsets[right + 1], 0
        )  # fmt: skip
    return shared
