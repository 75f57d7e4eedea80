"""Labels → the rows to keep and those to hold out: seeded, every class in both parts where that is possible.

Where documents are in groups, of equal texts say, a group is never divided, and a class is as large as it has groups.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from numbers import Real

import numpy as np
import numpy.typing as npt

from bywords.data.label_sets import Codes, LabelSets
from bywords.errors import SettingError, check_seed, shown

Rows = npt.NDArray[np.int64]
TOO_FEW = "too few documents to hold one out for validation: no class has two different texts. Add documents."


def stratified_split(
    labels: npt.NDArray[np.int64], share: float, seed: int, groups: Rows | None = None
) -> tuple[Rows, Rows]:
    """Split N documents at random so that each class gives about `share` of its documents to the second part.

    `labels` are class numbers from 0, (N,). A class of two documents or more has at least one in each part, a
    class of one stays in the first. Within that, the second part is as near to share * N documents as can be.
    No documents give two empty parts. Documents with the same number in `groups`, int64 (N,), are in the same part; a
    group counts for the class of its first document, and no class is without a document in the first part.

    Returns: the kept and the held-out rows, int64, ascending; together they are 0 to N - 1.
    Raises: SettingError when share is not a number between 0 and 1, or seed not one of `check_seed`.
    """
    check_split(share, seed)
    generator = np.random.default_rng(seed)
    firsts, group_of = _grouped(len(labels), groups)
    sizes = np.bincount(group_of, minlength=len(firsts))
    of_groups = labels[firsts]
    n_held = _held_out_counts(np.bincount(of_groups, sizes).astype(np.int64), share)
    is_held = np.zeros(len(firsts), dtype=bool)
    ends = np.cumsum(np.bincount(of_groups, minlength=len(n_held)))[:-1]
    for of_class, count in zip(np.split(np.argsort(of_groups, kind="stable"), ends), n_held, strict=False):
        indices = generator.permutation(of_class)
        is_held[_drawn(indices, sizes[indices], int(count))] = True
    for label in np.setdiff1d(labels, labels[~is_held[group_of]]):  # only in groups that count for another class
        is_held[group_of[labels == label][0]] = False
    return np.flatnonzero(~is_held[group_of]), np.flatnonzero(is_held[group_of])


def rows_of_shares(
    labels: npt.NDArray[np.int64], shares: Sequence[float], seed: int, groups: Rows | None = None
) -> list[Rows]:
    """Split N documents into parts of these shares, each drawn as by `stratified_split`: the rows of each, ascending.

    Raises: SettingError where the shares are not above 0 or do not sum to 1, and for a seed as `check_seed`.
    """
    if len(shares) < 2 or not all(share > 0 for share in shares) or abs(sum(shares) - 1) > 1e-9:
        raise SettingError(
            f"the shares are {shown(shares)}, expected two or more above 0 that sum to 1, as in (0.8, 0.2)."
        )
    groups = np.arange(len(labels)) if groups is None else groups
    left, parts, whole = np.arange(len(labels)), list[Rows](), 1.0
    for share in reversed(shares[1:]):
        kept, held_out = stratified_split(labels[left], share / whole, seed, groups[left])
        parts.append(left[held_out])
        left, whole = left[kept], whole - share
    return [left, *reversed(parts)]


def strata_of(labels: Codes) -> npt.NDArray[np.int64]:
    """Of what kind each document is when documents are held out, int64 (N,).

    Class numbers (N,) are taken as they are. Of documents with any number of labels it is the rarest of theirs that
    counts, of equals the first, so that no label is missed; those without labels are one more kind, K.
    """
    if not isinstance(labels, LabelSets):
        return labels.astype(np.int64, copy=False)
    strata = np.full(len(labels), labels.n_labels, dtype=np.int64)
    by_rarity = np.argsort(labels.counts(), kind="stable")
    rank = np.empty(labels.n_labels, dtype=np.int64)
    rank[by_rarity] = np.arange(labels.n_labels)
    is_filled = labels.lengths > 0
    if is_filled.any():
        strata[is_filled] = by_rarity[np.minimum.reduceat(rank[labels.labels], labels.offsets[:-1][is_filled])]
    return strata


def check_split(share: float, seed: int) -> None:
    """Raise SettingError when share is not a number between 0 and 1, or seed not one of `check_seed`."""
    if not isinstance(share, Real) or not 0 < share < 1:
        raise SettingError(f"the share to hold out is {shown(share)}, expected a number between 0 and 1, as in 0.2.")
    check_seed(seed)


def stratified_folds(
    labels: npt.NDArray[np.int64], n_folds: int, seed: int, groups: Rows | None = None
) -> list[tuple[Rows, Rows]]:
    """Split N documents into `n_folds` parts of like size, each class spread evenly; each part is held out once.

    Documents with the same number in `groups` are in the same part; so there may be fewer parts.
    Returns: for each part, the kept and the held-out rows, int64, ascending.
    """
    generator = np.random.default_rng(seed)
    firsts, group_of = _grouped(len(labels), groups)
    n_folds = min(n_folds, max(len(firsts), 1))
    sizes = np.bincount(group_of, minlength=len(firsts))
    shuffled = generator.permutation(len(firsts))
    by_class = shuffled[np.lexsort([-sizes[shuffled], labels[firsts][shuffled]])]  # the large ones first
    fold_of_group = np.empty(len(firsts), dtype=np.int64)
    fold_of_group[by_class] = np.arange(len(firsts)) % n_folds
    fold = fold_of_group[group_of]
    return [(np.flatnonzero(fold != number), np.flatnonzero(fold == number)) for number in range(n_folds)]


def nested_order(labels: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.int64]:
    """N rows in an order of which any first part is a stratified subset, drawn with `seed`; int64 (N,).

    Two documents of each class, or its only one, come first; of any more each class has as near to its share as can be.
    So subsets of several sizes are nested: a larger one has the documents of a smaller one and others.
    Raises: SettingError for a seed as `check_seed`.
    """
    check_seed(seed)
    generator = np.random.default_rng(seed)
    shuffled = generator.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    counts = np.bincount(labels, minlength=1)
    rank = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)  # within its class
    turn = (rank + generator.random(len(labels))) / np.repeat(counts, counts)
    return by_class[np.argsort(np.where(rank < 2, turn - 2, turn), kind="stable")]


def first_of_groups(n_documents: int, groups: Rows | None) -> Rows:
    """The first document of each group, int64 (G,), ascending; all documents where there are no groups."""
    return _grouped(n_documents, groups)[0]


def _grouped(n_documents: int, groups: Rows | None) -> tuple[Rows, Rows]:
    """The first document of each group, (G,), ascending, and the index of each document's group among them, (N,)."""
    if groups is None:
        return np.arange(n_documents), np.arange(n_documents)
    _, firsts, index = np.unique(groups, return_index=True, return_inverse=True)
    order = np.argsort(firsts)
    rank = np.empty(len(firsts), dtype=np.int64)
    rank[order] = np.arange(len(firsts))
    return firsts[order].astype(np.int64), rank[index]


def _drawn(indices: Rows, sizes: Rows, count: int) -> Rows:
    """Of these groups in this order the first that have together about `count` documents; never all, nor none of two.

    One that is too large for what is left is passed over.
    """
    if (sizes == 1).all():
        return indices[:count]
    chosen, n_left = list[int](), float(count)
    for index, size in zip(indices.tolist(), sizes.tolist(), strict=True):
        if size <= 2 * n_left and len(chosen) + 1 < len(indices):
            chosen.append(index)
            n_left -= size
    if not chosen and len(indices) > 1:
        chosen.append(int(indices[sizes.argmin()]))
    return np.array(chosen, dtype=np.int64)


def _held_out_counts(counts: npt.NDArray[np.int64], share: float) -> npt.NDArray[np.int64]:
    """How many documents of each class to hold out, int64 (K,): by largest remainder, within each one's bounds."""
    least = (counts >= 2).astype(np.int64)
    most = np.maximum(counts - 1, 0)
    wanted = share * counts
    n_held: npt.NDArray[np.int64] = np.clip(np.floor(wanted).astype(np.int64), least, most)
    total = np.clip(np.floor(share * counts.sum() + 0.5), least.sum(), most.sum())
    step = 1 if n_held.sum() < total else -1
    bounds = most if step > 0 else least
    queue = [(step * (n - w), label) for label, (n, w) in enumerate(zip(n_held.tolist(), wanted.tolist(), strict=True))]
    queue = [entry for entry in queue if n_held[entry[1]] != bounds[entry[1]]]
    heapq.heapify(queue)  # what is furthest from its share is first
    for _ in range(abs(int(total - n_held.sum()))):
        label = queue[0][1]
        n_held[label] += step
        if n_held[label] == bounds[label]:
            heapq.heappop(queue)
        else:
            heapq.heapreplace(queue, (step * float(n_held[label] - wanted[label]), label))
    return n_held
