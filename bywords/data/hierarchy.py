"""Labels that are paths, as billing/refund/late → their levels, what they are when cut to some, and the tree of all.

The classes are whole paths, so that one name may stand under two parents. A path may end where others go on: a document
labelled billing alone is of a class of its own, in the node that billing/refund is in too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from bywords.data.label_paths import check_separator, levels_of, tidied
from bywords.errors import DataError, SettingError, quoted
from bywords.forks import cached_property

if TYPE_CHECKING:
    from bywords.data.corpus import Corpus

MOST_LEVELS = 30  # of a path; more is no hierarchy but a column of something else
AT_MOST = 3  # named in a sentence
Codes: TypeAlias = npt.NDArray[np.int64]
Tree: TypeAlias = "int | list[Tree]"  # the index of a class, or a cluster of some


@dataclass(frozen=True, eq=False)
class Level:
    """K labels cut to some levels: M nodes, in the order of their paths. A shorter label is a node of its own."""

    names: tuple[str, ...]  # (M,)
    lengths: Codes  # (M,), how many levels each has
    codes: Codes  # (K,), the node of each class
    starts: Codes  # (M,), where the classes of each begin in `Hierarchy.order`

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """The paths of K labels, and what follows from them.

    >>> from bywords.data.hierarchy import Hierarchy
    >>> hierarchy = Hierarchy.of(["billing/invoice", "billing/refund", "delivery/late"], "/")
    >>> hierarchy.levels[0].names, hierarchy.depth
    (('billing', 'delivery'), 2)
    >>> hierarchy.tree()
    [[0, 1], 2]
    """

    separator: str
    labels: tuple[str, ...]  # (K,)
    paths: tuple[tuple[str, ...], ...]  # (K,), the names of the levels of each

    @classmethod
    def of(cls, labels: Sequence[Any], separator: str) -> Hierarchy:
        """The hierarchy of K labels, each of which is written once.

        Raises: DataError, naming the label, for one that is no string, has a level without a name, blanks around one or
        more levels than MOST_LEVELS; and where the separator is in no label.
        """
        check_separator(separator)
        for label in labels:
            if problem := problem_of(label, separator):
                raise DataError(problem)
        paths = tuple(tuple(levels_of(label, separator)) for label in labels)
        if all(len(path) == 1 for path in paths):
            raise DataError(no_paths(labels, separator))
        return cls(separator, tuple(labels), paths)

    @cached_property
    def lengths(self) -> Codes:
        """How many levels each label has, int64 (K,)."""
        return np.array([len(path) for path in self.paths], dtype=np.int64)

    @property
    def depth(self) -> int:
        """How many levels the longest labels have."""
        return int(self.lengths.max())

    @cached_property
    def order(self) -> Codes:
        """The classes by their paths, int64 (K,), so that those of each node are one after the other."""
        return np.array(sorted(range(len(self.paths)), key=self.paths.__getitem__), dtype=np.int64)

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """The labels cut to one level, to two, …, and as they are."""
        return tuple(self._level(n) for n in range(1, self.depth + 1))

    def _level(self, n: int) -> Level:
        ordered = [self.paths[index][:n] for index in self.order.tolist()]
        starts = [0, *(at for at in range(1, len(ordered)) if ordered[at] != ordered[at - 1])]
        codes = np.empty(len(ordered), dtype=np.int64)
        codes[self.order] = np.repeat(np.arange(len(starts)), np.diff([*starts, len(ordered)]))
        nodes = [ordered[start] for start in starts]
        lengths = np.array([len(node) for node in nodes], dtype=np.int64)
        return Level(tuple(map(self.separator.join, nodes)), lengths, codes, np.array(starts, dtype=np.int64))

    def level(self, n: int) -> Level:
        """The labels cut to n levels. Raises SettingError where there are not as many."""
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or not 1 <= n <= self.depth:
            raise SettingError(f"the level is {n!r}, and the labels have {self.depth}: expected 1 to {self.depth}.")
        return self.levels[int(n) - 1]

    def probabilities_at(
        self, level: Level, probabilities: npt.NDArray[np.float64], *, is_multilabel: bool = False
    ) -> npt.NDArray[np.float64]:
        """The probability of each node of a level, float64 (N, M), from those of the classes, (N, K).

        With one label a document it is the sum of its classes'. With any number it is the highest of them: that a
        document has some label of the node is at least as probable, however its labels depend on each other.
        """
        join = np.maximum if is_multilabel else np.add
        return np.asarray(join.reduceat(probabilities[:, self.order], level.starts, axis=1))

    def tree(self) -> list[Tree]:
        """Nested clusters of the indices of classes: the children of the root, each a class or a list of its children.

        A cluster with one child is that child. A label that others go on from is a class among their clusters.
        """
        found = self._cluster(self.order.tolist(), 0)
        return found if isinstance(found, list) else [found]

    def _cluster(self, classes: list[int], n_levels: int) -> Tree:
        """Classes that are the same in so many levels."""
        if len(classes) == 1:
            return classes[0]
        ends = [index for index in classes if len(self.paths[index]) == n_levels]
        rest = [index for index in classes if len(self.paths[index]) > n_levels]
        groups = groupby(rest, key=lambda index: self.paths[index][n_levels])
        children = [*ends, *(self._cluster(list(its), n_levels + 1) for _, its in groups)]
        return children[0] if len(children) == 1 else children

    def described(self) -> str:
        """What the labels are, in one sentence."""
        counts = ", ".join(f"{len(level):,} at level {n}" for n, level in enumerate(self.levels, start=1))
        return f"Labels are paths of up to {self.depth} levels, separated by {self.separator!r}: {counts}."


def problem_of(label: Any, separator: str) -> str | None:
    """What is wrong with a label as a path, a sentence; None where nothing is."""
    what = f"labels are to be paths separated by {separator!r}, and the label {label!r:.200}"
    if not isinstance(label, str):
        return f"{what} is no string: expected paths, as in 'a{separator}b'."
    levels = levels_of(label, separator)
    if not all(levels):
        return (
            f"{what} has a level without a name: it begins or ends with the separator, or has it twice in a row. "
            f"Correct the label, or rename it: {separator.join(filter(None, levels))!r}, say."
        )
    if (expected := separator.join(levels)) != label:
        return f"{what} has blanks around a level: expected {expected!r}."
    return f"{what} has {len(levels)} levels, expected {MOST_LEVELS} at most." if len(levels) > MOST_LEVELS else None


def no_paths(labels: Sequence[Any], separator: str) -> str:
    """What to say where the separator is in no label."""
    return f"labels are to be paths separated by {separator!r}, which is in none of them. The labels: {quoted(labels)}."


def with_tidy_levels(corpus: Corpus, separator: str | None) -> Corpus:
    """The corpus with labels without blanks around their levels, and a remark where that changes some."""
    from bywords.data.corpus import renamed

    if separator is None:
        return corpus
    mapping = {name: new for name in corpus.label_names if (new := tidied(name, separator)) != name}
    corpus = dataclasses.replace(renamed(corpus, mapping), label_hierarchy=separator)
    if not mapping:
        return corpus
    pairs = [f"{old!r} is {new!r}" for old, new in list(mapping.items())[:AT_MOST]]
    more = f" and {len(mapping) - AT_MOST:,} more" if len(mapping) > AT_MOST else ""
    remark = f"Blanks around the levels of labels are left out: {', '.join(pairs)}{more}."
    return dataclasses.replace(corpus, remarks=(*corpus.remarks, remark))


def check_paths(corpus: Corpus) -> None:
    """Raise DataError, naming the first row, where labels are to be paths and one is none, or none is one."""
    separator = corpus.label_hierarchy
    if separator is None or not len(corpus):
        return
    counts = corpus.counts()
    names = [name for name, count in zip(corpus.label_names, counts.tolist(), strict=True) if count]
    for name in names:
        if problem := problem_of(name, separator):
            code = corpus.label_names.index(name)
            has = corpus.labels[:, code] if corpus.is_multilabel else corpus.labels == code
            row = int(corpus.rows[np.flatnonzero(has)[0]])
            raise DataError(f"{corpus.name}, row {row} (counted from 0): {problem}")
    if names and all(len(levels_of(name, separator)) == 1 for name in names):
        raise DataError(f"{corpus.name}: {no_paths(names, separator)}")
