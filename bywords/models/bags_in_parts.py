"""Documents → bags in parts that stay where they are worked on: in this process, or in the workers of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.cluster import Holder
from bywords.data.targets import Rows
from bywords.text.bags import Bags, Floats, Weighting, inverse_document_frequency
from bywords.text.memory_mapped import JoinedDocuments, MappedDocuments
from bywords.text.ragged import Ragged

RUNS = 1024  # of neighbouring documents that a part is made of, at least: a file may be sorted by class

Tell = Callable[[int, int, str], None]


@dataclass(frozen=True, eq=False)
class BagsInParts:
    """N bags as `Bags` has them, in P parts. Which document is in which part depends on N and P alone."""

    held: tuple[Any, ...]  # bags of each part
    rows: tuple[Rows, ...]  # of each part, ascending
    n_rows: int
    frequency: npt.NDArray[np.int64]  # (V,), how many documents have each id
    holder: Holder
    tell: (
        Tell  # how many rounds over the parts are done, about how many there are, and what there is to say of the last
    )

    @classmethod
    def of(
        cls,
        documents: Ragged | MappedDocuments | JoinedDocuments,
        n_rows: int,
        n_parts: int,
        holder: Holder,
        tell: Tell = lambda n_done, n_rounds, what: None,
    ) -> BagsInParts:
        """As those of `Bags`; fewer parts where there are fewer documents."""
        rows = parts_of(len(documents), n_parts)
        held, frequency = [], np.zeros(n_rows, dtype=np.int64)
        for its_frequency, its in holder.map_held(_counted, ((documents.select(its), n_rows) for its in rows), 1):
            held.append(its)
            frequency += its_frequency
        return cls(tuple(held), rows, n_rows, frequency, holder, tell)

    def __len__(self) -> int:
        return sum(map(len, self.rows))

    def document_frequency(self) -> npt.NDArray[np.int64]:
        """How many documents have each id, int64 (V,)."""
        return self.frequency

    def inverse_document_frequency(self) -> Floats:
        """As those of `Bags`."""
        return inverse_document_frequency(self.frequency, len(self))

    def weighed(self, weighting: Weighting, idf: Floats, *, blocks: Sequence[int] = ()) -> BagsInParts:
        """As those of `Bags`."""
        shared = self.holder.hold((weighting, idf, tuple(blocks)))
        return replace(
            self, held=tuple(its for (its,) in self.holder.map_held(_weighed, ((its, shared) for its in self.held), 1))
        )

    def among(self, rows: Rows) -> Iterator[tuple[Any, Rows, Rows]]:
        """Of each part: its bags, where its documents are among `rows` (ascending), and which of its bags those are."""
        for held, its in zip(self.held, self.rows, strict=True):
            if len(rows) == len(self):
                yield held, its, np.arange(len(its))
                continue
            chosen = np.minimum(np.searchsorted(its, rows), len(its) - 1)
            at = np.flatnonzero(its[chosen] == rows)
            yield held, at, chosen[at]

    def products(self, rows: Rows | None, matrix: Floats) -> Floats:
        """As those of `Bags`."""
        rows = np.arange(len(self)) if rows is None else rows
        found, shared = np.empty((len(rows), matrix.shape[1]), dtype=np.float32), self.holder.hold(matrix)
        parts = list(self.among(rows))
        chunks = ((held, chosen, shared) for held, _, chosen in parts)
        for (_, at, _), (scores,) in zip(parts, self.holder.map_held(_products, chunks), strict=True):
            found[at] = scores
        return found


def parts_of(n_documents: int, n_parts: int) -> tuple[Rows, ...]:
    """The rows of each part, ascending, as many in each as can be: runs of neighbours, dealt out at random."""
    n_parts = max(1, min(n_parts, n_documents))
    length = max(1, n_documents // (RUNS * n_parts))
    n_runs = -(-n_documents // length)
    part_of = np.random.default_rng(0).permutation(np.arange(n_runs) % n_parts)
    return tuple(np.flatnonzero(np.repeat(part_of == part, length)[:n_documents]) for part in range(n_parts))


def _counted(documents: Ragged, n_rows: int) -> tuple[npt.NDArray[np.int64], Bags]:
    bags = Bags.of(documents, n_rows)
    return bags.document_frequency(), bags


def _weighed(bags: Bags, shared: tuple[Weighting, Floats, tuple[int, ...]]) -> tuple[Bags]:
    weighting, idf, blocks = shared
    return (bags.weighed(weighting, idf, blocks=blocks),)


def _products(bags: Bags, chosen: Rows, matrix: Floats) -> tuple[Floats]:
    return (bags.products(chosen, matrix),)
