"""Encoded documents and targets → a tree of labels with sparse linear classifiers at its nodes, searched by a beam.

For many labels or classes: what is fitted and asked grows with the depth of the tree, not with the labels.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, cast

import numpy as np
import numpy.typing as npt

from bywords.annotations import check_fields
from bywords.data.targets import Targets
from bywords.errors import SettingError, check_range
from bywords.evaluation.top_scores import TopScores
from bywords.memory import check_memory
from bywords.models.base import RAREST, Arrays, DifferentiableLogits, FittedModel, Indices, ModelConfig
from bywords.models.label_clusters import TreeShape, balanced_clusters
from bywords.models.linear_terms import LinearTerms, terms_of_bags
from bywords.models.tfidf_linear import ON_FEATURES, TfidfFeatures, TfidfLinear
from bywords.text.bags import Bags, Floats, Weighting
from bywords.text.memory_mapped import MappedDocuments
from bywords.text.ragged import Ragged, offsets_of
from bywords.text.stored_bags import StoredBags
from bywords.text.threads import in_threads, n_threads
from bywords.text.vocabulary import Features, Vocabulary
from bywords.validation import check_array, check_finite, check_ids, check_lengths, check_shapes, check_within

DIMENSION = 128  # of the vectors of labels, by random projection
TOLERANCE = 0.1  # of the optimality conditions
STEEPNESS = 3.0  # of the sigmoid of a score, as in LibMultiLabel's tree
DECAY = 0.1  # of the score of the node above: classifiers below have seen documents that are led there by mistake
MOST_SCORES = 1 << 24  # of children, of some documents at a time
FEW_LABELS = 1_000  # of so many each gets its score; of more the best alone
_DTYPES: dict[str, type[np.generic]] = {
    "idf": np.float32, "children": np.int32, "bias": np.float32, "child_lengths": np.int32,
    "feature_lengths": np.int32, "features": np.int32, "weight_lengths": np.int32, "columns": np.int32,
    "values": np.float32,
}  # fmt: skip
Ids = npt.NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class LabelTreeConfig(ModelConfig):
    """TF-IDF (Salton and Buckley 1988), the tree on it, and how it is searched."""

    max_leaf: int = 100  # labels of a node that has no nodes below
    beam: int = 10  # nodes of each depth from which the search goes on
    C: float = 1.0  # the inverse of the regularisation
    threshold: float = 0.05  # weights of no more than it, without their sign, are cut off
    passes: int = 10  # over the documents of a node, at most
    sublinear: bool = True  # a word that occurs n times counts 1 + ln n
    features: Features = "all"  # which of the vocabulary's rows play a part

    def __post_init__(self) -> None:
        check_fields(self)
        check_range("max_leaf", self.max_leaf, least=2, most=10_000)
        check_range("beam", self.beam, least=1, most=1_000_000)
        check_range("C", self.C, above=0, below=float("inf"))
        check_range("threshold", self.threshold, least=0, below=float("inf"))
        check_range("passes", self.passes, least=1, most=1_000)

    @property
    def title(self) -> str:
        return f"label tree on {ON_FEATURES[self.features]}"

    @property
    def weighting(self) -> Weighting:
        return "log-tfidf" if self.sublinear else "tfidf"

    def with_features(self, features: Features) -> Self:
        return replace(self, features=features)

    def is_ranked(self, n_classes: int) -> bool:
        return n_classes > FEW_LABELS

    def validate(self, arrays: Arrays, vocabulary: Vocabulary, n_classes: int) -> None:
        """Every index is within the array that it is of, each label once in the tree, each node behind its parent."""
        n_rows = vocabulary.n_rows(self.features)
        shapes: dict[str, tuple[int | str, ...]] = {
            "idf": (n_rows,), "children": ("C",), "bias": ("C",), "child_lengths": ("M",), "feature_lengths": ("M",),
            "features": ("F",), "weight_lengths": ("F",), "columns": ("E",), "values": ("E",),
        }  # fmt: skip
        check_shapes(arrays, shapes, no_others=True)
        for name, dtype in _DTYPES.items():
            check_array(name, arrays[name], dtype)
            if dtype is np.float32:
                check_finite(name, arrays[name])
        check_within("idf", arrays["idf"], 0, RAREST)
        children, lengths = arrays["children"], arrays["child_lengths"]
        if len(children) != n_classes + len(lengths) - 1 or not len(lengths):
            raise SettingError(
                f"the array 'children' is {len(children)}, expected {n_classes} labels and {len(lengths)} nodes but one"
            )
        check_lengths("child_lengths", lengths, len(children), least=1)
        check_lengths("feature_lengths", arrays["feature_lengths"], len(arrays["features"]))
        check_lengths("weight_lengths", arrays["weight_lengths"], len(arrays["values"]), least=1)
        check_ids("children", children, n_classes + len(lengths))
        times = np.bincount(children, minlength=n_classes + len(lengths))
        parents = np.repeat(np.arange(len(lengths)), lengths)
        if times[n_classes] or (np.delete(times, n_classes) != 1).any():
            raise SettingError("children have a label or a node twice, and another not at all, expected each once")
        if (is_wrong := (children >= n_classes) & (children - n_classes <= parents)).any():
            raise SettingError(f"children[{is_wrong.argmax()}] is no node behind that which it is a child of")
        features = arrays["features"]
        check_ids("features", features, n_rows)
        nodes = np.repeat(np.arange(len(lengths)), arrays["feature_lengths"])
        if (is_wrong := (np.diff(features) <= 0) & (np.diff(nodes) == 0)).any():
            raise SettingError(f"features[{is_wrong.argmax() + 1}] is not above the one before, of the same node")
        columns = arrays["columns"]
        check_ids("columns", columns, int(lengths.max()))
        if (is_wrong := columns >= np.repeat(lengths[nodes], arrays["weight_lengths"])).any():
            raise SettingError(f"columns[{is_wrong.argmax()}] is {columns[is_wrong.argmax()]}, expected a child")


class LabelTree(FittedModel):
    """TF-IDF vectors of length 1, and at each node of a tree a linear classifier for each of its children.

    Labels are in clusters of like ones, by what words the documents that have them have, and clusters in clusters. The
    classifiers of a node are SVMs, each child against the others, learned from the documents that have a label below
    the node, and from those that a search by the nodes above leads there all the same; small weights are cut off, the
    others are stored sparse. The score of a child is log σ(3 s), of its classifier's s, and a tenth of the score of the
    node; a search goes on from the best `beam` nodes of each depth.

    Fitting takes, for as many nodes at a time as there are threads, 4 bytes for each of its children and each of its
    documents and their words together; and 12 bytes for each weight that is kept. Refused where that is not free. Of
    documents in files the features are, too: the system has in memory what of them there is room for.

    Source: Prabhu et al. (2018), "Parabel"; Khandagale, Xiao, Babbar (2020), "Bonsai: Diverse and Shallow Trees for
    Extreme Multi-label Classification"; Yu et al. (2022), "PECOS", for the documents that are led there.
    """

    Config = LabelTreeConfig
    trains_on_disk = True
    row_arrays = ("idf",)
    rarities = ("idf",)
    idf: Floats

    def __init__(self, config: LabelTreeConfig, blocks: tuple[int, ...], arrays: Arrays, n_labels: int) -> None:
        """`blocks` as `Bags.weighed` takes them; `arrays` as `config.validate` has them."""
        self.config, self.blocks, self.n_labels, self._arrays = config, blocks, n_labels, dict(arrays)
        self.idf = arrays["idf"]

    @classmethod
    def prepare(
        cls, config: LabelTreeConfig, documents: Ragged | MappedDocuments, vocabulary: Vocabulary
    ) -> TfidfFeatures:
        return TfidfLinear.prepare(config, documents, vocabulary)  # type: ignore[arg-type]

    @classmethod
    def prepared_by(cls, config: LabelTreeConfig, vocabulary: Vocabulary) -> tuple[int, bool]:
        return vocabulary.n_rows(config.features), config.sublinear

    @classmethod
    def fit(
        cls,
        config: LabelTreeConfig,
        prepared: TfidfFeatures,
        targets: Targets,
        *,
        vocabulary: Vocabulary,
        seed: int = 0,
        **_: Any,
    ) -> tuple[Self, list[str]]:
        """Fit to the features of N documents. A `tree` that the targets have takes the place of the learned one.

        Raises: SettingError for a tree that does not have each label once, DataError where there is not the memory.
        """
        bags = cast(Bags | StoredBags, prepared.bags)  # it does not learn in parts
        if targets.tree is not None:
            shape = TreeShape.of_nested(targets.tree, targets.n_classes)
        else:
            shape = balanced_clusters(_label_vectors(bags, targets, seed), max_leaf=config.max_leaf, seed=seed)
        arrays = {"idf": prepared.idf, "children": shape.children, "child_lengths": shape.lengths}
        arrays |= _trained(config, bags, targets, shape, seed)
        return cls(config, vocabulary.blocks, arrays, targets.n_classes), []

    # Answering.

    def bags(self, documents: Ragged) -> Bags:
        return Bags.of(documents, len(self.idf)).weighed(self.config.weighting, self.idf, blocks=self.blocks)

    def logits(self, documents: Ragged) -> Floats:
        """The score of each label, wherever it is in the tree, ≤ 0: float32 (N, K), for few documents or few labels."""
        everywhere = len(self._arrays["child_lengths"])
        found = searched(self._arrays, self.bags(documents), self.n_labels, self.n_labels, beam=everywhere)
        table = np.empty((len(found), self.n_labels), dtype=np.float32)
        np.put_along_axis(table, found.labels.astype(np.int64), found.scores, axis=1)
        return table

    def logits_of(self, prepared: TfidfFeatures) -> Floats:
        raise NotImplementedError

    @property
    def is_ranked(self) -> bool:
        return self.config.is_ranked(self.n_labels)

    def top_logits(self, documents: Ragged, m: int) -> TopScores:
        """The best labels that the search has reached; a label's score is that of `logits`."""
        return searched(self._arrays, self.bags(documents), self.n_labels, min(m, self.n_labels), beam=self.config.beam)

    # Saving and compressing.

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        return self._arrays

    @classmethod
    def from_arrays(cls, config: LabelTreeConfig, arrays: Arrays, *, vocabulary: Vocabulary, n_classes: int) -> Self:
        return cls(config, vocabulary.blocks, arrays, n_classes)

    def arrays_of_rows(self, rows: Indices) -> dict[str, npt.NDArray[Any]]:
        own, arrays = rows[rows < len(self.idf)], self._arrays
        new = np.full(len(self.idf), -1, dtype=np.int32)
        new[own] = np.arange(len(own), dtype=np.int32)
        is_kept = new[arrays["features"]] >= 0
        nodes = np.repeat(np.arange(len(arrays["child_lengths"])), arrays["feature_lengths"])
        is_weight_kept = np.repeat(is_kept, arrays["weight_lengths"])
        return {
            **arrays, "idf": self.idf[own], "features": new[arrays["features"]][is_kept],
            "feature_lengths": np.bincount(nodes[is_kept], minlength=len(arrays["child_lengths"])).astype(np.int32),
            "weight_lengths": arrays["weight_lengths"][is_kept], "columns": arrays["columns"][is_weight_kept],
            "values": arrays["values"][is_weight_kept],
        }  # fmt: skip

    def weights_of_rows(self) -> npt.NDArray[np.int64]:
        features, lengths = self._arrays["features"], self._arrays["weight_lengths"]
        return np.bincount(features, weights=lengths, minlength=len(self.idf)).astype(np.int64)

    def row_strength(self) -> npt.NDArray[np.float64]:
        rows = np.repeat(self._arrays["features"], self._arrays["weight_lengths"])
        squares = np.bincount(rows, weights=self._arrays["values"].astype(np.float64) ** 2, minlength=len(self.idf))
        return np.asarray(np.sqrt(squares))

    # Explaining.

    def narrowed(self, labels: Indices) -> LabelTree:
        """The same tree with nothing but what leads to these labels, ascending: their scores are what they were."""
        arrays, lengths = self._arrays, self._arrays["child_lengths"]
        starts = offsets_of(lengths)
        is_kept = np.zeros(len(arrays["children"]), dtype=np.bool_)
        for node, child in TreeShape(arrays["children"], lengths, self.n_labels).paths():
            own = labels[node[labels] >= 0]
            is_kept[starts[node[own]] + child[own]] = True
        parents = np.repeat(np.arange(len(lengths)), lengths)
        n_kept = np.bincount(parents[is_kept], minlength=len(lengths))
        new = np.empty(self.n_labels + len(lengths), dtype=np.int32)
        new[labels] = np.arange(len(labels))
        new[self.n_labels :] = len(labels) - 1 + np.cumsum(n_kept > 0)
        nodes = np.repeat(np.arange(len(lengths)), arrays["feature_lengths"])
        rows = np.repeat(np.arange(len(nodes)), arrays["weight_lengths"])
        children = starts[nodes[rows]] + arrays["columns"]
        is_weight = is_kept[children]
        n_weights = np.bincount(rows[is_weight], minlength=len(nodes))
        of_nodes = np.bincount(nodes[n_weights > 0], minlength=len(lengths))
        before = np.cumsum(is_kept) - 1
        firsts = offsets_of(n_kept)[:-1]
        columns = (before[children] - firsts[nodes[rows]])[is_weight]
        return LabelTree(self.config, self.blocks, {
            "idf": self.idf, "children": new[arrays["children"][is_kept]], "bias": arrays["bias"][is_kept],
            "child_lengths": n_kept[n_kept > 0].astype(np.int32),
            "feature_lengths": of_nodes[n_kept > 0].astype(np.int32), "features": arrays["features"][n_weights > 0],
            "weight_lengths": n_weights[n_weights > 0].astype(np.int32), "columns": columns.astype(np.int32),
            "values": arrays["values"][is_weight],
        }, len(labels))  # fmt: skip

    def differentiable(self, documents: Ragged) -> DifferentiableLogits:
        """The logits are a function of the weights of one document's words, (1, T')."""
        if self.n_labels > FEW_LABELS:
            raise SettingError(
                f"the model is a tree of {self.n_labels:,} labels, and one of more than {FEW_LABELS:,} cannot be "
                "explained by its words. Train tfidf-svc on the labels that are in question."
            )
        import torch
        from torch import Tensor

        bags = self.bags(documents)
        table, bias = torch.from_numpy(self._weights_of(bags.ids)), torch.from_numpy(self._arrays["bias"])
        shape = TreeShape(self._arrays["children"], self._arrays["child_lengths"], self.n_labels)
        starts = offsets_of(shape.lengths)
        ways = [np.where(node < 0, len(bias), starts[node] + child) for node, child in shape.paths()]

        def logits(weights: Tensor) -> Tensor:
            scores = torch.nn.functional.logsigmoid(STEEPNESS * (weights @ table + bias))
            padded, total = torch.nn.functional.pad(scores, (0, 1)), torch.zeros(())
            for way in ways:
                is_on = torch.from_numpy(way < len(bias))
                total = torch.where(is_on, DECAY * total + padded[:, torch.from_numpy(way)], total)
            return total

        order = np.argsort(bags.ids)

        def terms(gradients: npt.NDArray[np.float64]) -> LinearTerms:
            def of_rows(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
                places = order[np.searchsorted(bags.ids[order], rows)]
                return gradients.T[places]

            return terms_of_bags(documents, bags, of_rows, np.zeros(self.n_labels))

        return DifferentiableLogits(torch.from_numpy(bags.weights[np.newaxis]), logits, terms)

    def _weights_of(self, rows: Ids) -> Floats:
        """What each child has of these rows, float32 (R, C)."""
        arrays, starts = self._arrays, offsets_of(self._arrays["child_lengths"])
        nodes = np.repeat(np.arange(len(arrays["child_lengths"])), arrays["feature_lengths"])
        place = np.full(len(self.idf), -1, dtype=np.int64)
        place[rows] = np.arange(len(rows))
        at = np.repeat(place[arrays["features"]], arrays["weight_lengths"])
        column = np.repeat(starts[nodes], arrays["weight_lengths"]) + arrays["columns"]
        table = np.zeros((len(rows), len(arrays["bias"])), dtype=np.float32)
        table[at[at >= 0], column[at >= 0]] = arrays["values"][at >= 0]
        return table


def searched(arrays: Arrays, bags: Bags | StoredBags, n_labels: int, m: int, *, beam: int) -> TopScores:
    """The best m labels of each of N bags, by a search in the tree of these arrays."""
    from bywords.kernels.label_tree import search_tree

    lengths = arrays["child_lengths"]
    size = max(1, MOST_SCORES // (min(beam, len(lengths)) * int(lengths.max())))
    tree = (
        offsets_of(lengths), arrays["children"], arrays["bias"], offsets_of(arrays["feature_lengths"]),
        arrays["features"], offsets_of(arrays["weight_lengths"]), arrays["columns"], arrays["values"],
    )  # fmt: skip

    def part(start: int) -> TopScores:
        offsets = bags.offsets[start : min(start + size, len(bags)) + 1]
        return TopScores(
            *search_tree(
                bags.ids, offsets, bags.weights, tree, n_rows=bags.n_rows, n_labels=n_labels, beam=beam,
                scale=STEEPNESS, decay=DECAY, most=m,
            )
        )  # fmt: skip

    return TopScores.joined(list(in_threads(part, range(0, max(len(bags), 1), size))))


def _label_vectors(bags: Bags | StoredBags, targets: Targets, seed: int) -> Floats:
    """The direction of the sum of the documents of each label, by random projection: float32 (K, DIMENSION).

    Source: Achlioptas (2003), "Database-friendly Random Projections".
    """
    generator = np.random.default_rng(seed)
    signs = generator.integers(0, 2, size=(bags.n_rows, DIMENSION), dtype=np.int8)
    documents = bags.products(None, 2 * signs.astype(np.float32) - 1)
    rows, labels = targets.pairs()
    sorted_rows = rows[np.argsort(labels, kind="stable")].astype(np.int32)
    offsets = offsets_of(np.bincount(labels, minlength=targets.n_classes))
    sums = Bags(sorted_rows, offsets, np.ones(len(rows), dtype=np.float32), len(documents)).times(documents)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.asarray(sums / np.maximum(lengths, np.finfo(np.float32).tiny), dtype=np.float32)


@dataclass(frozen=True)
class _Node:
    """What a node is learned from: its documents, ascending, and which of its children each has."""

    number: int
    rows: Indices
    children: Ids
    child_offsets: Indices


def _trained(
    config: LabelTreeConfig, bags: Bags | StoredBags, targets: Targets, shape: TreeShape, seed: int
) -> dict[str, Any]:
    """The classifiers of all nodes, as arrays of the model: those of one depth after the other."""
    from bywords.kernels.label_tree import train_node

    slacks = (0.5 / config.C / np.maximum(targets.weights, np.finfo(np.float32).tiny)).astype(np.float32)

    def train(node: _Node) -> tuple[Ids, Ids, Ids, Floats, Floats]:
        return train_node(
            bags.ids, bags.offsets, bags.weights, node.rows, node.children, node.child_offsets,
            slacks[node.rows], n_rows=bags.n_rows, n_children=int(shape.lengths[node.number]), n_passes=config.passes,
            tolerance=TOLERANCE, threshold=config.threshold, seed=(seed << 32) + node.number + 1,
        )  # fmt: skip

    parts = list[tuple[Ids, Ids, Ids, Floats, Floats]]()
    for of_labels, child_of_labels in shape.paths():
        led = _led_to(config, bags, shape, parts) if parts else np.zeros((len(bags), 0), dtype=np.int64)
        nodes = _nodes(targets, of_labels, child_of_labels, led, first=len(parts))
        _check_memory(bags, nodes, shape)
        parts += in_threads(train, nodes)
    return _joined(parts)


def _joined(parts: Sequence[tuple[Ids, Ids, Ids, Floats, Floats]]) -> dict[str, npt.NDArray[Any]]:
    """What the kernel gave of each node, as arrays of the model."""
    columns = list(zip(*parts, strict=True))
    features, lengths, children, values, bias = map(np.concatenate, columns)
    return {
        "features": features, "weight_lengths": lengths, "columns": children, "values": values, "bias": bias,
        "feature_lengths": np.array(list(map(len, columns[0])), dtype=np.int32),
    }  # fmt: skip


def _led_to(
    config: LabelTreeConfig,
    bags: Bags | StoredBags,
    shape: TreeShape,
    parts: Sequence[tuple[Ids, Ids, Ids, Floats, Floats]],
) -> Indices:
    """The nodes without classifiers yet to which a search by those of `parts` leads each document: int64 (N, beam).

    -1 where there are fewer. Nodes stand for labels in this search, and labels come behind them.
    """
    n_labels, n_nodes = shape.n_labels, len(shape.lengths)
    children = shape.children[: int(shape.lengths[: len(parts)].sum())].astype(np.int64)
    number = children - n_labels
    children = np.where(number < 0, n_nodes + children, np.where(number < len(parts), n_nodes + children, number))
    arrays = {"children": children.astype(np.int32), "child_lengths": shape.lengths[: len(parts)], **_joined(parts)}
    found = searched(arrays, bags, n_nodes + n_labels, config.beam, beam=config.beam).labels.astype(np.int64)
    return np.where(found < n_nodes, found, -1)


def _nodes(targets: Targets, of_labels: Indices, child_of_labels: Indices, led: Indices, *, first: int) -> list[_Node]:
    """The nodes of one depth, from `first` on; `led`, (N, beam), are nodes that documents are to be told from, too.

    Source: Yu et al. (2022), "PECOS: Prediction for Enormous and Correlated Output Spaces", matcher-aware negatives.
    """
    n, widest, n_nodes = len(targets), int(child_of_labels.max()) + 2, int(of_labels.max()) + 1
    rows, labels = targets.pairs()
    keys = ((of_labels[labels] * n + rows) * widest + child_of_labels[labels] + 1)[of_labels[labels] >= 0]
    led_rows = np.repeat(np.arange(n), led.shape[1])
    keys = np.unique(np.concatenate([keys, ((led.ravel() * n + led_rows) * widest)[led.ravel() >= 0]]))
    keys, children = np.divmod(keys, widest)  # child 0 is none
    nodes, rows = np.divmod(keys, n)
    counts_most = targets.weights[rows] > 0
    nodes, rows, children = nodes[counts_most], rows[counts_most], children[counts_most]
    found = list[_Node]()
    for start, stop in itertools.pairwise(np.searchsorted(nodes, np.arange(first, n_nodes + 1)).tolist()):
        distinct, places = np.unique(rows[start:stop], return_inverse=True)
        is_child = children[start:stop] > 0
        counts = np.bincount(places[is_child], minlength=len(distinct))
        own = (children[start:stop][is_child] - 1).astype(np.int32)
        found.append(_Node(first + len(found), distinct, own, offsets_of(counts)))
    return found


def _check_memory(bags: Bags | StoredBags, nodes: list[_Node], shape: TreeShape) -> None:
    """Raise DataError where the tables of the largest nodes, of as many as there are threads, are not free."""
    lengths = bags.lengths
    sizes = [
        4 * int(shape.lengths[node.number]) * (len(node.rows) + min(int(lengths[node.rows].sum()), bags.n_rows))
        for node in nodes
    ]
    check_memory(
        sum(sorted(sizes)[-n_threads() :]),
        f"A label tree of {shape.n_labels:,} labels on {bags.n_rows:,} words and n-grams",
        "Learn from a part of the documents, leave out rare words with vocabulary.min_count=2, or allow fewer labels a "
        "node with model.max_leaf=50.",
    )
