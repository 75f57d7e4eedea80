"""Documents as sets of numbers → all pairs that share enough of them, without comparing all with all."""

from __future__ import annotations

import numpy as np

NEVER = -(1 << 30)
TINY = 1e-9  # a fraction of integers that exceeds an integer by less equals it


def numbered(codes, offsets, n_words):
    """Each occurrence of a word in its document as a separate element: the second "the" is not the first.

    `codes` is int32 (T,), below `n_words`.
    Returns: elements int64 (T,), each at most once a document, and their number.
    """
    occurrence = np.empty(len(codes), dtype=np.int64)
    most = np.zeros(n_words, dtype=np.int64)
    count = np.zeros(n_words, dtype=np.int64)
    last = np.full(n_words, -1, dtype=np.int64)
    for document in range(len(offsets) - 1):
        for index in range(offsets[document], offsets[document + 1]):
            code = codes[index]
            if last[code] != document:
                last[code] = document
                count[code] = 0
            occurrence[index] = count[code]
            count[code] += 1
            most[code] = max(most[code], count[code])
    first = np.zeros(n_words + 1, dtype=np.int64)
    first[1:] = np.cumsum(most)
    for index in range(len(codes)):
        occurrence[index] += first[codes[index]]
    return occurrence, first[n_words]


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


def _rare_elements(elements, offsets, n_elements, threshold):
    """How many of its rarest elements to look up for each document, int32 (N,), and room for lists of who has which.

    A document that is similar to it has one of these. Returns: also the offsets of the lists, int64 (n_elements + 1,).
    """
    n_rare = np.empty(len(offsets) - 1, dtype=np.int32)
    list_offsets = np.zeros(n_elements + 1, dtype=np.int64)
    for document in range(len(n_rare)):
        size = offsets[document + 1] - offsets[document]
        n_rare[document] = min(size, size - _least(threshold, size) + 1)
        for index in range(offsets[document], offsets[document] + n_rare[document]):
            list_offsets[elements[index] + 1] += 1
    return n_rare, np.cumsum(list_offsets)


def _find_candidates(
    rare, size, least_size, sizes, needed_of, list_starts, list_ends, listed, listed_indices, n_shared, candidates
):
    """Put the earlier documents that share one of the `rare` elements into `candidates`, and return their number.

    `n_shared` becomes how many they share, or NEVER once they cannot share enough.
    """
    n_candidates = 0
    for index in range(len(rare)):
        element = rare[index]
        start = list_starts[element]
        while start < list_ends[element] and sizes[listed[start]] < least_size:
            start += 1  # too small for this document and for all later ones
        list_starts[element] = start
        for entry in range(start, list_ends[element]):
            earlier = listed[entry]
            shared = n_shared[earlier]
            if shared < 0:
                continue
            if shared == 0:
                candidates[n_candidates] = earlier
                n_candidates += 1
            behind = min(size - index, sizes[earlier] - listed_indices[entry])
            is_possible = shared + behind >= needed_of[size + sizes[earlier]]
            n_shared[earlier] = shared + 1 if is_possible else NEVER
    return n_candidates


def similar_pairs(elements, offsets, part, n_elements, threshold, most):
    """All pairs of documents whose Jaccard similarity, shared over all of their elements, is `threshold` or more.

    `elements` int32 (T,) are ascending in each document, the rarest the smallest number; documents are in ascending
    order of size, `offsets` int64 (N + 1,); an empty one has no pair. `part` int64 (N,) is 0 or 1, the corpus that each
    is of. A document that already has `most` pairs with earlier ones of a part gets no more, unless the pair joins two
    groups of documents of that part or, across parts, one of the two has no pair across yet. So the groups, and which
    documents have a pair across, are those of all pairs, while n texts that are all alike do not give n² pairs.

    Two documents can be that similar only where they share one of their few rarest elements, so only those are looked
    up; and the elements after a shared one bound how many more can be shared.
    Returns: earlier and later documents, int64 (P,) each, and how many elements they share, int64 (P,).
    Source: Chaudhuri, Ganti, Kaushik (2006), "A Primitive Operator for Similarity Joins in Data Cleaning" (prefixes);
    Bayardo, Ma, Srikant (2007), "Scaling Up All Pairs Similarity Search" (order by size); Xiao et al. (2008),
    "Efficient Similarity Joins for Near Duplicate Detection" (PPJoin: the bound by position).
    """
    n_documents = len(offsets) - 1
    sizes = np.diff(offsets).astype(np.int32)
    of_both = threshold / (1 + threshold)  # the share of both sizes together that has to be shared
    needed_of = np.empty(2 * (sizes[-1] if n_documents else 0) + 1, dtype=np.int32)
    for both in range(len(needed_of)):
        needed_of[both] = _least(of_both, both)
    n_rare, list_offsets = _rare_elements(elements, offsets, n_elements, threshold)
    list_starts, list_ends = list_offsets[:-1].copy(), list_offsets[:-1].copy()
    # For each element, the documents that have it among their rarest, and its index there.
    listed = np.empty(list_offsets[-1], dtype=np.int32)
    listed_indices = np.empty(list_offsets[-1], dtype=np.int32)

    parent = np.arange(n_documents)
    has_across = np.zeros(n_documents, dtype=np.bool_)
    n_shared = np.zeros(n_documents, dtype=np.int32)
    candidates = np.empty(n_documents, dtype=np.int32)
    n_found = np.zeros(2, dtype=np.int64)
    n_pairs = 0
    pairs = np.empty((1 << 10, 3), dtype=np.int64)
    for document in range(n_documents):
        first, end = offsets[document], offsets[document + 1]
        size = end - first
        if size == 0:
            continue
        n_candidates = _find_candidates(
            elements[first : first + n_rare[document]], size, _least(threshold, size), sizes, needed_of,
            list_starts, list_ends, listed, listed_indices, n_shared, candidates,
        )  # fmt: skip
        n_found[:] = 0
        for number in range(n_candidates):
            earlier = candidates[number]
            shared = n_shared[earlier]
            n_shared[earlier] = 0
            if shared < 0:
                continue
            needed, earlier_first = needed_of[size + sizes[earlier]], offsets[earlier]
            last, earlier_last = n_rare[document] - 1, n_rare[earlier] - 1
            if elements[first + last] < elements[earlier_first + earlier_last]:
                behind = size - last - 1  # all shared before is counted: the other's list reaches further
            else:
                behind = sizes[earlier] - earlier_last - 1
            if shared + behind < needed:
                continue
            is_across = part[document] != part[earlier]
            if n_found[part[earlier]] >= most:
                if is_across and has_across[document] and has_across[earlier]:
                    continue
                if not is_across and _root(parent, document) == _root(parent, earlier):
                    continue
            overlap = _overlap(elements, first, end, earlier_first, offsets[earlier + 1], needed)
            if overlap < needed:
                continue
            if is_across:
                has_across[document] = has_across[earlier] = True
            else:
                parent[_root(parent, document)] = _root(parent, earlier)
            n_found[part[earlier]] += 1
            if n_pairs == len(pairs):
                larger = np.empty((2 * n_pairs, 3), dtype=np.int64)
                larger[:n_pairs] = pairs
                pairs = larger
            pairs[n_pairs, 0], pairs[n_pairs, 1], pairs[n_pairs, 2] = earlier, document, overlap
            n_pairs += 1
        for index in range(n_rare[document]):
            element = elements[first + index]
            listed[list_ends[element]] = document
            listed_indices[list_ends[element]] = index
            list_ends[element] += 1
    return pairs[:n_pairs, 0].copy(), pairs[:n_pairs, 1].copy(), pairs[:n_pairs, 2].copy()


def shared_by(elements, offsets, lefts, rights):
    """How many elements the documents of each pair share, int64 (P,)."""
    shared = np.empty(len(lefts), dtype=np.int64)
    for pair in range(len(lefts)):
        left, right = lefts[pair], rights[pair]
        shared[pair] = _overlap(
            elements, offsets[left], offsets[left + 1], offsets[right], offsets[right + 1], 0
        )  # fmt: skip
    return shared
