"""Encoded documents and targets → a linear model on TF-IDF: a support vector machine or naive Bayes.

Kept as plain arrays, so that it saves without pickle and predicts by adding up rows.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from bywords.annotations import check_fields
from bywords.checkpoint import NO_CHECKPOINT, Checkpoint
from bywords.cluster import Holder, HolderHere
from bywords.data.targets import Rows, Targets
from bywords.errors import check_range
from bywords.models.bags_in_parts import BagsInParts, Tell
from bywords.models.base import Arrays, FittedModel, Growth, LinearModel, ModelConfig, Shapes
from bywords.models.counted import CountedTable
from bywords.models.naive_bayes import count_ratios, naive_bayes
from bywords.models.svm import support_vectors
from bywords.models.svm_in_parts import support_vectors_in_parts
from bywords.text.bags import Bags, Floats, Weighting, inverse_document_frequency, weighed_rows
from bywords.text.memory_mapped import JoinedDocuments, MappedDocuments
from bywords.text.ragged import Ragged
from bywords.text.stored_bags import StoredBags
from bywords.text.vocabulary import Features, Vocabulary

Estimator = Literal["svc", "nb-svc", "nb"]
MOST_PARTS = 10_000
MOST_KEPT = 10_000_000  # numbers that are kept rather than computed anew
NAMES = {"svc": "SVM", "nb-svc": "naive Bayes SVM", "nb": "naive Bayes"}
ON_FEATURES = {"words": "words", "ngrams": "words and n-grams", "all": "words, n-grams and character n-grams"}


@dataclass(frozen=True, kw_only=True)
class TfidfConfig(ModelConfig):
    """TF-IDF (Salton and Buckley 1988) and the linear model on it."""

    estimator: Estimator = "svc"  # linear SVM; the same on features scaled by naive Bayes; complement naive Bayes
    C: float = 1.0  # svc and nb-svc: the inverse of the regularisation
    alpha: float = 1.0  # nb: the additive smoothing
    sublinear: bool = False  # a word that occurs n times counts 1 + ln n
    features: Features = "all"  # which of the vocabulary's rows play a part
    interpolation: float = 0.5  # nb-svc: from 0, scaled by naive Bayes alone, to 1, not scaled
    parts: int = 1  # of the documents, which are learned from one beside the other

    def __post_init__(self) -> None:
        check_fields(self)
        check_range("C", self.C, above=0, below=float("inf"))
        check_range("alpha", self.alpha, above=0, below=float("inf"))
        check_range("interpolation", self.interpolation, least=0, most=1)
        check_range("parts", self.parts, least=1, most=MOST_PARTS)

    @property
    def title(self) -> str:
        return f"{NAMES[self.estimator]} on {ON_FEATURES[self.features]}"

    @property
    def weighting(self) -> Weighting:
        return "log-tfidf" if self.sublinear else "tfidf"

    def with_features(self, features: Features) -> Self:
        return replace(self, features=features)

    def with_strength(self, C: float) -> Self:
        return self if self.estimator == "nb" else replace(self, C=C)

    def in_parts(self, n_parts: int) -> Self | None:
        return replace(self, parts=n_parts)

    def numbers_per_row(self, n_classes: int) -> int:
        return n_classes


@dataclass(eq=False)
class TfidfFeatures:
    """The idf of some documents, float32 (V,), 0 for rows that none of them has, and the features of N of them.

    `rows`, int64 (N,), says which of the bags they are; None all. To select copies no features. Rows that are true in
    `is_unseen`, bool (V,), are of words that no text has; None where there are none. `blocks` are those of the bags,
    and `frequency`, int64 (V,), says how many of them have each row.
    """

    idf: Floats
    bags: Bags | StoredBags | BagsInParts
    rows: Rows | None = None
    is_unseen: npt.NDArray[np.bool_] | None = None
    blocks: tuple[int, ...] = ()
    frequency: npt.NDArray[np.int64] | None = None
    _ratios: tuple[Targets, Floats] | None = None

    def count_ratios(self, targets: Targets) -> Floats:
        """As `naive_bayes.count_ratios`, of the same targets only once: machines that differ in their C share them."""
        if self._ratios is not None and self._ratios[0] is targets:
            return self._ratios[1]
        ratios = count_ratios(self.bags, targets, rows=self.rows, is_unseen=self.is_unseen)
        if self.keeps_ratios(targets):
            self._ratios = targets, ratios
        return ratios

    def keeps_ratios(self, targets: Targets) -> bool:
        return self.bags.n_rows * targets.n_classes <= MOST_KEPT

    def select(self, rows: npt.NDArray[np.integer[Any]]) -> TfidfFeatures:
        """The features of these documents only, with the same idf."""
        chosen = rows.astype(np.int64, copy=False) if self.rows is None else self.rows[rows]
        return TfidfFeatures(self.idf, self.bags, chosen, self.is_unseen, self.blocks, self.frequency)

    def held_out(self, rows: npt.NDArray[np.integer[Any]]) -> TfidfFeatures:
        """The features that these documents would have if they were new: without the rows that no other document has.

        Their own rare words make no new text longer. With them log-odds were smaller than those of new texts, and a
        temperature of these made the answers for new texts too sure. Of bags that are not in memory all rows count.
        """
        if self.frequency is None or self.rows is not None or not isinstance(self.bags, Bags):
            return self.select(rows)
        bags = self.bags.select(rows)
        is_elsewhere = (self.frequency > bags.document_frequency()).astype(np.float32)
        return TfidfFeatures(self.idf, bags.weighed("tfidf", is_elsewhere, blocks=self.blocks), None, self.is_unseen)


class TfidfLinear(LinearModel):
    """TF-IDF vectors of length 1, and one linear layer.

    On words alone, the features are those of scikit-learn's `TfidfVectorizer`: counts times smoothed idf, scaled to
    length 1. Character n-grams are scaled apart from the words before the whole is. Unknown words play no part.
    """

    Config = TfidfConfig
    row_arrays = ("weights", "idf")
    rarities = ("idf",)
    trains_on_disk = True
    counts_unlabelled = True
    idf: Floats

    def __init__(
        self,
        config: TfidfConfig,
        blocks: tuple[int, ...],
        idf: Floats,
        weights: Floats,
        bias: Floats,
        duals: Floats | None = None,
    ) -> None:
        """`idf` is float32 (V,), `weights` (V, K), `bias` (K,); `blocks` as `Bags.weighed` takes them."""
        super().__init__(config, weights, bias)
        self.blocks, self.idf, self.duals = blocks, idf, duals

    @classmethod
    def prepare(
        cls,
        config: TfidfConfig,
        documents: Ragged | MappedDocuments | JoinedDocuments,
        vocabulary: Vocabulary,
        unlabelled: Ragged | None = None,
        holder: Holder | None = None,
        tell: Tell = lambda n_done, n_rounds, what: None,
    ) -> TfidfFeatures:
        """As of any model. Where it learns in parts, `holder` has them, else this process or a folder on its disk."""
        n_rows = vocabulary.n_rows(config.features)
        counts: Bags | StoredBags | BagsInParts
        if config.parts > 1:
            holder = holder or HolderHere(None if isinstance(documents, Ragged) else documents.folder)
            counts = BagsInParts.of(documents, n_rows, config.parts, holder, tell)
        else:
            counts = Bags.of(documents, n_rows) if isinstance(documents, Ragged) else StoredBags.of(documents, n_rows)
        own = frequency = counts.document_frequency()
        n_documents = len(counts)
        if unlabelled is not None:
            frequency = frequency + Bags.of(unlabelled, n_rows).document_frequency() * (frequency > 0)
            n_documents += len(unlabelled)
        idf = inverse_document_frequency(frequency, n_documents)
        idf[frequency == 0] = 0
        is_unseen = vocabulary.is_unseen[: len(idf)] if vocabulary.is_unseen.any() else None
        bags = counts.weighed(config.weighting, idf, blocks=vocabulary.blocks)
        return TfidfFeatures(idf, bags, is_unseen=is_unseen, blocks=vocabulary.blocks, frequency=own)

    @classmethod
    def prepared_by(cls, config: TfidfConfig, vocabulary: Vocabulary) -> Hashable:
        return vocabulary.n_rows(config.features), config.sublinear, config.parts

    @classmethod
    def look_ahead(cls, config: TfidfConfig, prepared: TfidfFeatures, targets: Targets) -> None:
        if config.estimator == "nb-svc" and prepared.keeps_ratios(targets):
            prepared.count_ratios(targets)

    @classmethod
    def fit(
        cls,
        config: TfidfConfig,
        prepared: TfidfFeatures,
        targets: Targets,
        *,
        vocabulary: Vocabulary,
        seed: int = 0,
        duals: Floats | None = None,
        sampled: Rows | None = None,
        checkpoint: Checkpoint = NO_CHECKPOINT,
        **_: Any,
    ) -> tuple[Self, list[str]]:
        """Fit to the features of N documents. An SVM goes on from `duals`, and then needs fewer passes.

        They are of all documents, or of those `sampled`. In parts it begins anew.
        """
        bags, rows, is_unseen = prepared.bags, prepared.rows, prepared.is_unseen
        notes = [f"Trained in {len(bags.held)} parts."] if isinstance(bags, BagsInParts) else []
        if config.estimator == "nb":
            weights, bias = naive_bayes(bags, targets, smoothing=config.alpha, rows=rows, is_unseen=is_unseen)
        else:
            scales = None
            if config.estimator == "nb-svc":
                scales = prepared.count_ratios(targets)
                scales = (1 - config.interpolation) * scales + np.float32(config.interpolation)
            if isinstance(bags, BagsInParts):
                weights, bias, notes[0] = support_vectors_in_parts(
                    bags, targets, C=config.C, scales=scales, rows=rows, checkpoint=checkpoint
                )
                duals = None
            else:
                weights, bias, duals = support_vectors(
                    bags, targets, C=config.C, scales=scales, duals=duals, sampled=sampled, seed=seed, rows=rows
                )
        return cls(config, vocabulary.blocks, prepared.idf, weights, bias, duals), notes

    def bags(self, documents: Ragged) -> Bags:
        return Bags.of(documents, len(self.idf)).weighed(self.config.weighting, self.idf, blocks=self.blocks)

    def logits(self, documents: Ragged) -> Floats:
        return weighed_rows(documents, self.weights, self.config.weighting, self.idf, self.blocks) + self.bias

    @classmethod
    def held_out(cls, prepared: TfidfFeatures, rows: Rows) -> TfidfFeatures:
        return prepared.held_out(rows)

    def logits_of(self, prepared: TfidfFeatures) -> Floats:
        return prepared.bags.products(prepared.rows, self.weights) + self.bias

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {"idf": self.idf, "weights": self.weights, "bias": self.bias}

    @classmethod
    def from_arrays(cls, config: TfidfConfig, arrays: Arrays, *, vocabulary: Vocabulary, n_classes: int) -> Self:
        return cls(config, vocabulary.blocks, arrays["idf"], arrays["weights"], arrays["bias"])

    @classmethod
    def expected_shapes(cls, config: TfidfConfig, vocabulary: Vocabulary, n_classes: int) -> Shapes:
        of_rows = {"idf": (vocabulary.n_rows(config.features),)}
        return {**of_rows, **super().expected_shapes(config, vocabulary, n_classes)}

    def with_output_layer(self, weights: Floats, bias: Floats) -> Self:
        """The same idf. The dual variables stay those of the classifiers as they were fitted."""
        return type(self)(self.config, self.blocks, self.idf, weights, bias, self.duals)

    def grown(self, growth: Growth) -> Self:
        n_rows = growth.vocabulary.n_rows(self.config.features)
        weights, bias = growth.classes(growth.table(self.weights, n_rows)), growth.classes(self.bias)
        return type(self)(self.config, growth.vocabulary.blocks, growth.table(self.idf, n_rows), weights, bias)

    def counted_tables(self) -> list[CountedTable]:
        weighting: Any = self.config.weighting
        return [
            CountedTable(
                weighting=weighting, idf=self.idf, rows=self.weights, bias=self.bias, blocks=self.blocks,
                stored_as="weights",
            )
        ]  # fmt: skip

    def added_to(self, other: FittedModel) -> FittedModel | None:
        """One table, where both see the same features. The first's settings stand for both."""
        if not isinstance(other, TfidfLinear) or other.config.sublinear != self.config.sublinear:
            return None
        if not np.array_equal(self.idf, other.idf):
            return None
        return TfidfLinear(
            self.config, self.blocks, self.idf, self.weights + other.weights, self.bias + other.bias
        )  # fmt: skip
