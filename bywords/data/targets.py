"""What is to be learned of N documents: a class, or any number of labels, each, and how much each document counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.data.label_sets import Codes, LabelSets, joined_codes
from bywords.data.splits import first_of_groups, strata_of, stratified_folds, stratified_split

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Targets:
    """`codes` is int64 (N,), a class number each, or `LabelSets` of N documents: the labels that each has, if any.

    `weights` is float32 (N,), 0 or more: a document of weight 2 counts like two. `n_classes` is K. Documents with the
    same number in `groups`, int64 (N,), are on the same side of every split; None where each is alone. What `weights`
    have of the class is in `class_weights` too, float32 (K,), None where classes are not weighed. `tree`, nested
    clusters of class numbers as [[0, 3], [1, 2]], is that of labels that are paths.
    """

    codes: Codes
    weights: npt.NDArray[np.float32]
    n_classes: int
    groups: Rows | None = None
    class_weights: npt.NDArray[np.float32] | None = None
    tree: Sequence[Any] | None = None

    @classmethod
    def of(
        cls,
        codes: Codes,
        n_classes: int | None = None,
        *,
        weights: npt.ArrayLike | None = None,
        groups: Rows | None = None,
        class_weights: npt.ArrayLike | None = None,
    ) -> Targets:
        """By default each document counts 1, and there are as many classes as occur."""
        if isinstance(codes, LabelSets):
            n_classes = codes.n_labels
        elif n_classes is None:
            n_classes = int(codes.max()) + 1 if len(codes) else 0
        weighed = np.ones(len(codes)) if weights is None else np.asarray(weights)
        by_class = None if class_weights is None else np.asarray(class_weights).astype(np.float32)
        return cls(codes, weighed.astype(np.float32), n_classes, groups, by_class)

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def is_multilabel(self) -> bool:
        return isinstance(self.codes, LabelSets)

    @property
    def is_binary(self) -> bool:
        """Whether one class is the absence of the other."""
        return self.n_classes == 2 and not self.is_multilabel

    @property
    def is_weighed(self) -> bool:
        """Whether the documents count differently."""
        return bool(len(self)) and bool((self.weights != self.weights[0]).any())

    @property
    def document_weights(self) -> npt.NDArray[np.float32]:
        """What each document counts, whatever its class, float32 (N,)."""
        if self.class_weights is None:
            return self.weights
        of_class = self.class_weights[self.codes]  # type: ignore[index]
        return np.divide(self.weights, of_class, out=np.zeros_like(self.weights), where=of_class > 0)

    def one_hot(self) -> npt.NDArray[np.bool_]:
        """Which labels each document has, bool (N, K): a table that few documents, or few classes, have room for."""
        if isinstance(self.codes, LabelSets):
            return self.codes.table()
        return self.codes[:, np.newaxis] == np.arange(self.n_classes)

    def pairs(self) -> tuple[Rows, npt.NDArray[np.int64]]:
        """Each document with each of its labels: rows int64 (P,) and labels int64 (P,)."""
        if isinstance(self.codes, LabelSets):
            return self.codes.pairs()
        return np.arange(len(self), dtype=np.int64), self.codes.astype(np.int64, copy=False)

    def counts(self) -> npt.NDArray[np.int64]:
        """Documents of each class, int64 (K,)."""
        return np.bincount(self.pairs()[1], minlength=self.n_classes).astype(np.int64, copy=False)

    def select(self, rows: npt.NDArray[np.integer[Any]]) -> Targets:
        """Only these documents (int, any order, repeats allowed), in this order."""
        groups = None if self.groups is None else self.groups[rows]
        return replace(self, codes=self.codes[rows], weights=self.weights[rows], groups=groups)

    def joined(self, others: Targets) -> Targets:
        """These documents, then the others; whose groups the one has, the other has not, so that none are left."""
        codes, weights = joined_codes([self.codes, others.codes]), np.concatenate([self.weights, others.weights])
        return replace(self, codes=codes, weights=weights, groups=None)

    def can_be_split(self) -> bool:
        """Whether a group of documents can be held out without a class that loses its only one."""
        strata = strata_of(self.codes)[first_of_groups(len(self), self.groups)]
        return bool(len(strata)) and int(np.bincount(strata).max()) >= 2

    @property
    def n_groups(self) -> int:
        """How many groups there are; as many as documents where each is alone."""
        return len(first_of_groups(len(self), self.groups))

    def split(self, share: float, seed: int) -> tuple[Rows, Rows]:
        """Rows to keep and to hold out, as `stratified_split`, of many labels by the rarest of each document."""
        return stratified_split(strata_of(self.codes), share, seed, self.groups)

    def folds(self, n_folds: int, seed: int) -> list[tuple[Rows, Rows]]:
        """Rows to keep and to hold out, in turn, as `stratified_folds`."""
        return stratified_folds(strata_of(self.codes), n_folds, seed, self.groups)
