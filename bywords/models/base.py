"""What every model is: frozen settings, and a fitted model that answers, saves, explains, grows and compresses itself.

A new model is one class: a `LinearModel` needs a `Config` and a `fit`, any other `FittedModel` its `logits` and
`arrays` too. `register_model` adds it; nothing else in the package asks what kind of model it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Self, TypeVar

import numpy as np
import numpy.typing as npt

from bywords.config import kind_of
from bywords.data.targets import Targets
from bywords.errors import SettingError
from bywords.evaluation.top_scores import MOST_SCORES, TopScores
from bywords.kernels.ids import Pool
from bywords.models.counted import CountedTable
from bywords.models.linear_terms import LinearTerms, terms_of_bags
from bywords.text.bags import Bags, Floats
from bywords.text.ragged import UNKNOWN, Ragged
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import Features, Vocabulary
from bywords.validation import check_array, check_finite, check_shapes, check_within
from bywords.vectors.word_vectors import Aligned

if TYPE_CHECKING:
    import polars as pl
    from torch import Tensor

Arrays = Mapping[str, npt.NDArray[Any]]
Shapes = Mapping[str, Sequence[int | str]]  # of arrays, by name; a letter stands for a length that is not known before
StorageFormat = Literal["float32", "float16", "int8", "int8-rows"]  # how an array is stored; see quantization
Indices = npt.NDArray[np.int64]
RAREST = 1e3  # inverse document frequency: of as many documents as there can be it is 45
ModelType = TypeVar("ModelType", bound="type[Any]")


class Answers(NamedTuple):
    """What a model gives for N texts."""

    logits: Floats  # float32 (N, K)
    in_vocabulary_share: npt.NDArray[np.float32]  # (N,), as `Ragged` has it
    all_out_of_vocabulary: npt.NDArray[np.bool_]  # (N,), too


class ModelConfig:
    """The settings of a model: the base of small frozen dataclasses, and what is known of a model before it is fitted.

    Every answer has a default; a model says what is different about it.

    >>> from dataclasses import dataclass
    >>> from bywords import ModelConfig
    >>> @dataclass(frozen=True, kw_only=True)
    ... class CentroidConfig(ModelConfig):
    ...     smoothing: float = 1.0
    >>> CentroidConfig(smoothing=0.5).candidates
    ()
    """

    features: Features = "all"  # which of the vocabulary's rows the model sees
    dimension: int | None = None  # of its word vectors, where the settings say so
    C: float = 1.0  # the inverse of its regularisation, where the settings say so
    parts: int = 1  # of the documents, which it learns from one beside the other, where the settings say so
    candidates: tuple[ModelConfig, ...] = ()  # the models to select from; empty where there is nothing to select
    candidates_of_many: tuple[ModelConfig, ...] = ()  # instead, where there are too many tokens for character n-grams
    of_many_labels: ModelConfig | None = None  # instead of all candidates, where there are very many labels
    is_race: bool = True  # of candidates that differ in C only, those beyond one that is worse are not tried
    knows_unseen: bool = False  # whether it knows words that no text has, by vectors of them
    library: str | None = None  # the package that it is trained by, beside numpy

    @property
    def title(self) -> str:
        """What the model is called on the screen, "SVM on words" say."""
        return model_class(self).__name__

    def unsuitable(self, vocabulary: Vocabulary, n_documents: int) -> str | None:
        """Why the model is not to be tried on so many documents with these words; None where it is."""
        return None

    def widened(self, vocabulary: Vocabulary) -> Vocabulary:
        """The vocabulary with the words that no text has, but that the model would know."""
        return vocabulary

    def with_label_names(self, names: tuple[str, ...]) -> Self | None:
        """The same model, learning from the names of its classes too; None of one that does not know what they mean."""
        return None

    def with_features(self, features: Features) -> Self:
        """The same model on other rows, where it can see others."""
        return self

    def with_strength(self, C: float) -> Self:
        """The same model with another C, the inverse of its regularisation, where it goes on from another's duals."""
        return self

    def in_parts(self, n_parts: int) -> Self | None:
        """The same model, learned from the documents in so many parts; None of one that cannot be."""
        return None

    def numbers_per_row(self, n_classes: int) -> int:
        """How many numbers it has for each row of the vocabulary, as far as that grows with the classes."""
        return 1

    def is_ranked(self, n_classes: int) -> bool:
        """Whether, of so many classes, it finds the best of a document alone, and has no logits of all."""
        return False

    @property
    def can_continue(self) -> bool:
        """Whether what was fitted can learn from new documents without the old ones."""
        return self.can_be_member

    @property
    def can_be_member(self) -> bool:
        """Whether it can be a member of an ensemble, grown by new words and classes."""
        return model_class(self).can_be_member

    def validate(self, arrays: Arrays, vocabulary: Vocabulary, n_classes: int) -> None:
        """Raise SettingError where arrays are not those of a fitted model with these settings.

        Where the model says what arrays it has, there are these and no others, float32; none has a number that is not
        finite.
        """
        model = model_class(self)
        shapes = model.expected_shapes(self, vocabulary, n_classes)
        knows_all = issubclass(_defining(model, "expected_shapes"), _defining(model, "arrays"))
        check_shapes(arrays, shapes, no_others=knows_all)
        for name, array in arrays.items():
            if name in shapes:
                check_array(name, array, np.float32)
                if not array.size:
                    raise SettingError(f"the array {name!r} is empty")
            if array.dtype.kind == "f":
                check_finite(name, array)
            if name in model.rarities:
                check_within(name, array, 0, RAREST)


@dataclass(frozen=True)
class Growth:
    """A vocabulary and classes that have become more."""

    vocabulary: Vocabulary
    rows: Indices  # (V,), where the old rows are now
    columns: Indices  # (K,), where the old classes are now
    n_classes: int

    def table(self, old: Floats, n_rows: int) -> Floats:
        """An old table (V', …) of the first rows of the old vocabulary, with rows of 0 for what is new."""
        table = np.zeros((n_rows, *old.shape[1:]), dtype=np.float32)
        table[self.rows[: len(old)]] = old
        return table

    def classes(self, old: Floats, filling: float = 0.0) -> Floats:
        """An old array (…, K) with columns of `filling` for classes that are new."""
        wider = np.full((*old.shape[:-1], self.n_classes), filling, dtype=np.float32)
        wider[..., self.columns] = old
        return wider


@dataclass(frozen=True, eq=False)
class DifferentiableLogits:
    """A model with a hidden layer as a function of one input, for one document.

    `logits` maps inputs (B, …), of which `inputs` (1, …) is the document's, to (B, K); all zeros stand for a document
    without words. `terms` makes linear terms of the gradients of each logit, float64 (K, …), times the inputs.
    """

    inputs: Tensor
    logits: Callable[[Tensor], Tensor]
    terms: Callable[[npt.NDArray[np.float64]], LinearTerms]


class FittedModel:
    """A model that was fitted: documents of ids in, logits out. Plain arrays are all that it has learned.

    >>> from bywords import load_classifier
    >>> classifier = load_classifier("tickets-model")
    >>> classifier.model.logits(classifier.encode(["the printer is on fire"])).shape
    (1, 2)
    """

    Config: ClassVar[type[ModelConfig]]
    trains_in_epochs: ClassVar[bool] = False  # by `bywords.training.loop`, from what `new_module` gives; else by `fit`
    trains_on_disk: ClassVar[bool] = False  # its documents may be in files instead of memory
    why_in_memory: ClassVar[str] = ""  # where they may not: what needs them there, after "because"
    fits_in_parts: ClassVar[bool] = False  # of documents in files, also where its settings do not say how many
    reads_in_order: ClassVar[bool] = False  # its logits depend on the order of the words
    can_be_member: ClassVar[bool] = False  # of an ensemble: it can be scaled, shifted and grown
    row_arrays: ClassVar[tuple[str, ...]] = ()  # the names of its arrays with an entry for each row of the vocabulary
    counts_unlabelled: ClassVar[bool] = (
        False  # whether `prepare` takes `unlabelled` documents, to count idf in them too
    )
    rarities: ClassVar[tuple[str, ...]] = ()  # of its arrays, those of idf: none is negative

    config: Any
    idf: Floats | None = None  # (V,), how rare each row is, where the model knows
    duals: Floats | None = None  # of an SVM, (N, K), for the documents that it was fitted to: a place to go on from

    # Fitting.

    @classmethod
    def prepare(cls, config: Any, documents: Any, vocabulary: Vocabulary) -> Any:
        """What `fit` and `logits_of` take of N documents: made once, selected from for each fit.

        They are `Ragged`, or mapped where it `trains_on_disk`.
        """
        return documents

    @classmethod
    def held_out(cls, prepared: Any, rows: npt.NDArray[np.int64]) -> Any:
        """What `logits_of` takes of some documents of `prepare`, which a model is asked about as if they were new."""
        return prepared.select(rows)

    @classmethod
    def prepared_by(cls, config: Any, vocabulary: Vocabulary) -> Hashable:
        """What `prepare` depends on beside the documents; models of one kind with equal keys share it."""
        return None

    @classmethod
    def look_ahead(cls, config: Any, prepared: Any, targets: Targets) -> None:
        """Work out, while a thread is free, what a `fit` to these will ask for. Nothing, unless a model says so."""

    @classmethod
    def fit(
        cls,
        config: Any,
        prepared: Any,
        targets: Targets,
        *,
        vocabulary: Vocabulary,
        seed: int = 0,
        aligned: Aligned | None = None,
        duals: Floats | None = None,
    ) -> tuple[Self, list[str]]:
        """Fit to N documents; also what there is to say of it, sentences. `aligned` are given word vectors."""
        raise NotImplementedError

    # Answering.

    def logits(self, documents: Ragged) -> Floats:
        """Float32 (N, K); the calibration makes probabilities of them."""
        raise NotImplementedError

    def answers(self, texts: Sequence[str] | pl.Series, vocabulary: Vocabulary, tokenizer: Tokenizer) -> Answers:
        """The logits of N texts, and what of each is known; one thread reads them."""
        documents = vocabulary.encode_texts(texts, tokenizer)
        return Answers(self.logits(documents), documents.in_vocabulary_share, documents.all_out_of_vocabulary)

    def logits_of(self, prepared: Any) -> Floats:
        """The same, of what `prepare` gave."""
        return self.logits(prepared)

    def features(self, documents: Ragged) -> Any:
        """What its last layer reads of N documents, float32 (N, D), or sparse in scipy's CSR; here its logits.

        Linear models on words give the weighed words, TF-IDF say; mean vectors the mean; a network its last hidden
        layer; an ensemble those of its members side by side.
        """
        return self.logits(documents)

    def feature_names(self, vocabulary: Vocabulary) -> list[str]:
        """The names of the D columns of `features`."""
        kind, n_columns = (
            kind_of(type(self.config)).removesuffix("Config").lower(),
            self.features(Ragged.of([[]])).shape[1],
        )
        return [f"{kind}_{number}" for number in range(n_columns)]

    @property
    def is_ranked(self) -> bool:
        """Whether it is to be asked for the best classes of a document alone, by `top_logits`."""
        return False

    def top_logits(self, documents: Ragged, m: int) -> TopScores:
        """The best `m` logits of each of N documents, or of K where there are fewer classes.

        They are worked out for some documents at a time, so that memory holds no table of all of them by K classes. A
        model that `is_ranked` finds them in another way, and may find fewer.
        """
        n_classes = self.logits(Ragged.of([[]])).shape[1]
        batches = documents.batches(max(1, MOST_SCORES // n_classes))
        parts = [TopScores.of_table(self.logits(batch), m) for batch in batches]
        return TopScores.joined(parts) if parts else TopScores.of_table(np.zeros((0, n_classes), dtype=np.float32), m)

    @property
    def knows_by_vector(self) -> npt.NDArray[np.bool_] | None:
        """Which of the first rows it would know without having seen them, bool (V',); None where it knows none."""
        return None

    # Saving.

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All that was learned, by name."""
        raise NotImplementedError

    @classmethod
    def from_arrays(cls, config: Any, arrays: Arrays, *, vocabulary: Vocabulary, n_classes: int) -> Self:
        """The model that gave these arrays. Raises KeyError or SettingError where they are not those of the config."""
        raise NotImplementedError

    @classmethod
    def expected_shapes(cls, config: Any, vocabulary: Vocabulary, n_classes: int) -> Shapes:
        """The shapes of its arrays, by name: of all, where it is beside `arrays` in one class; see `check_shapes`."""
        return {}

    def arrays_of_rows(self, rows: Indices) -> dict[str, npt.NDArray[Any]]:
        """The same of some rows of the vocabulary alone, int (V',), ascending: what it knows of the others goes."""
        arrays = self.arrays()
        return arrays | {name: arrays[name][rows[rows < len(arrays[name])]] for name in self.row_arrays}

    # As a member of an ensemble; `members` add up to the whole, each by how the names of its arrays begin.

    @property
    def members(self) -> Mapping[str, FittedModel]:
        return {"": self}

    def output_layer(self) -> tuple[Floats, Floats]:
        """The weights (…, K) and the bias (K,) that its logits come from: what a member of an ensemble has."""
        raise SettingError(f"{self.config.title} cannot be a member of an ensemble.")

    def with_output_layer(self, weights: Floats, bias: Floats) -> Self:
        """The same model with another such layer; a subclass hands on what else it has."""
        raise NotImplementedError

    def scaled_by(self, weight: Floats) -> FittedModel:
        """The model with its logits times a number, or times a number for each class, float32 (K,)."""
        weights, bias = self.output_layer()
        return self.with_output_layer(weights * weight, bias * weight)

    def shifted(self, shift: Floats) -> FittedModel:
        """The model with `shift`, float32 (K,), added to all its logits."""
        weights, bias = self.output_layer()
        return self.with_output_layer(weights, bias + shift)

    def added_to(self, other: FittedModel) -> FittedModel | None:
        """One model with the sum of both logits, where two can be one; else None."""
        return None

    def grown(self, growth: Growth) -> FittedModel:
        """The model for more rows and classes; what is new adds nothing."""
        raise SettingError(f"{self.config.title} cannot take new words and classes.")

    def without_opinion(self, classes: Indices, others: Indices) -> FittedModel:
        """The model whose logits for `classes` are the mean of those of `others`: it does not tell one from another."""
        weights, bias = (array.copy() for array in self.output_layer())
        weights[:, classes] = weights[:, others].mean(axis=1, keepdims=True)
        bias[classes] = bias[others].mean()
        return self.with_output_layer(weights, bias)

    # Compressing.

    def centred(self) -> FittedModel:
        """The model without what is common to all classes, which changes no probability of classes that exclude."""
        return self

    def row_strength(self) -> npt.NDArray[np.float64]:
        """How far each row tells classes apart, float64 (V,); 1 where that cannot be said of a row alone."""
        return np.ones(len(self.arrays()[self.row_arrays[0]]))

    def weights_of_rows(self) -> npt.NDArray[np.int64]:
        """How many numbers, each with an index, it has for each row beside `row_arrays`, int64 (V,)."""
        return np.zeros(len(self.arrays()[self.row_arrays[0]]), dtype=np.int64)

    # Explaining.

    @property
    def is_linear(self) -> bool:
        """Whether its logits are a bias and a sum over words, as `linear_terms` has them; else see `differentiable`."""
        return False

    def linear_terms(self, documents: Ragged) -> LinearTerms:
        """Its logits for N documents, taken apart."""
        raise SettingError("the logits of a model with a hidden layer are no sum over words.")

    def narrowed(self, labels: Indices) -> FittedModel | None:
        """The same model of these labels alone, int64, ascending; None of one whose labels are told apart together."""
        return None

    def differentiable(self, documents: Ragged) -> DifferentiableLogits:
        """Its logits for one document, as a function that PyTorch differentiates."""
        raise SettingError(f"there are no gradients of a {type(self).__name__} by its words.")

    # Exporting.

    def counted_tables(self) -> list[CountedTable]:
        """Its logits as sums over counted ids, which add up. Raises SettingError where they are none."""
        raise SettingError(f"{self.config.title} is not linear in counted words and n-grams.")

    @property
    def pool(self) -> Pool | None:
        """How the kernels add up the first of these tables together, to the bit; None where each is for itself."""
        return None


class LinearModel(FittedModel):
    """A weighted sum of rows of one table, and a bias: logits (N, K) = bags · weights (V, K) + bias (K,).

    A subclass gives a `Config` and a `fit`; it may weigh the ids of a document in `bags`, by default their counts.

    >>> from bywords import SYSTEMS, LinearModel, fit_classifier
    >>> model = fit_classifier(SYSTEMS["tfidf-nb"], texts, labels).model
    >>> isinstance(model, LinearModel), model.weights.shape[1]
    (True, 2)
    """

    can_be_member: ClassVar[bool] = True
    row_arrays: ClassVar[tuple[str, ...]] = ("weights",)

    def __init__(self, config: Any, weights: Floats, bias: Floats) -> None:
        self.config, self.weights, self.bias = config, weights, bias

    def bags(self, documents: Ragged) -> Bags:
        """What each row counts in the sums of N documents."""
        return Bags.of(documents, len(self.weights)).without_unknown()

    def logits(self, documents: Ragged) -> Floats:
        return self.bags(documents).times(self.weights) + self.bias

    def features(self, documents: Ragged) -> Any:
        """The weights of its words and n-grams, sparse (N, V - 2): a column for each of the vocabulary's `names`."""
        from scipy import sparse

        bags = self.bags(documents)
        return sparse.csr_array((bags.weights, bags.ids, bags.offsets), shape=(len(bags), bags.n_rows))[
            :, UNKNOWN + 1 :
        ]

    def feature_names(self, vocabulary: Vocabulary) -> list[str]:
        return vocabulary.names()[: len(self.weights) - UNKNOWN - 1]

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {"weights": self.weights, "bias": self.bias}

    @classmethod
    def from_arrays(cls, config: Any, arrays: Arrays, *, vocabulary: Vocabulary, n_classes: int) -> Self:
        return cls(config, arrays["weights"], arrays["bias"])

    @classmethod
    def expected_shapes(cls, config: Any, vocabulary: Vocabulary, n_classes: int) -> Shapes:
        return {"weights": (vocabulary.n_rows(config.features), n_classes), "bias": (n_classes,)}

    def output_layer(self) -> tuple[Floats, Floats]:
        return self.weights, self.bias

    def with_output_layer(self, weights: Floats, bias: Floats) -> Self:
        return type(self)(self.config, weights, bias)

    def grown(self, growth: Growth) -> Self:
        n_rows = growth.vocabulary.n_rows(self.config.features)
        return self.with_output_layer(growth.classes(growth.table(self.weights, n_rows)), growth.classes(self.bias))

    def centred(self) -> Self:
        return self.with_output_layer(centred(self.weights), self.bias)

    def row_strength(self) -> npt.NDArray[np.float64]:
        return strength_of_table(self.weights)

    @property
    def is_linear(self) -> bool:
        return True

    def linear_terms(self, documents: Ragged) -> LinearTerms:
        weights = self.weights
        return terms_of_bags(documents, self.bags(documents), lambda rows: weights[rows], self.bias)

    def counted_tables(self) -> list[CountedTable]:
        if _defining(type(self), "bags") is not LinearModel:  # ids are weighed in a way that is not known here
            return super().counted_tables()
        idf = np.ones(len(self.weights), dtype=np.float32)
        idf[UNKNOWN] = 0
        return [CountedTable(weighting="count", idf=idf, rows=self.weights, bias=self.bias, stored_as="weights")]


def last_layer(features: Floats, weights: Floats, bias: Floats) -> Floats:
    """Features · weights + bias, float32 (N, K), added up in 64 bits: how many documents are asked changes nothing."""
    return (features.astype(np.float64) @ weights + bias).astype(np.float32)


def centred(table: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Weights (V, K) without their mean over the classes."""
    if table.shape[1] == 2:
        half = (table[:, 1:] - table[:, :1]) / np.float32(2)
        return np.concatenate([-half, half], axis=1)
    return table - table.mean(axis=1, keepdims=True)


def strength_of_table(table: npt.NDArray[Any], *, is_of_classes: bool = True) -> npt.NDArray[np.float64]:
    """The length of each row of a table (V, K), without its mean where the columns are classes; 0 for the markers."""
    strength: npt.NDArray[np.float64] = np.linalg.norm(centred(table) if is_of_classes else table, axis=1)
    strength[: UNKNOWN + 1] = 0
    return strength


# The table of models by the name of their settings: `bywords/models/__init__.py` has a row for each that the package
# brings, and `register_model` adds others.
MODELS: dict[str, type[FittedModel]] = {}


def register_model(model: ModelType) -> ModelType:
    """Add a model, so that systems with its settings are trained, saved, loaded and explained like all others.

    `model` is a subclass of `LinearModel` or `FittedModel` with a `Config`, a frozen dataclass that is a `ModelConfig`;
    or one of `torch.nn.Module`, as `module_system` takes it. Settings are saved under the name of their class, or that
    of the model where they are called just Config. A model folder holds arrays and settings, no code: whoever loads it
    has to register the model first.

    Returns: the class, so that it can be used as a decorator.
    Raises: SettingError where there is another model of this name, and for what is no model.

    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from bywords import LinearModel, ModelConfig, SystemConfig, TextClassifier, register_model
    >>> @register_model
    ... class ClassCounts(LinearModel):
    ...     @dataclass(frozen=True, kw_only=True)
    ...     class Config(ModelConfig):
    ...         smoothing: float = 1.0
    ...
    ...     @classmethod
    ...     def fit(cls, config, prepared, targets, *, vocabulary, **_):
    ...         counts = np.full((len(vocabulary), targets.n_classes), config.smoothing, dtype=np.float32)
    ...         np.add.at(counts, (prepared.ids, np.repeat(targets.codes, prepared.lengths)), 1)
    ...         bias = np.zeros(targets.n_classes, dtype=np.float32)
    ...         return cls(config, np.log(counts / counts.sum(axis=0)), bias), []
    >>> counting = SystemConfig(description="naive Bayes, by hand", model=ClassCounts.Config())
    >>> TextClassifier(counting).fit(texts, labels).predict(["the printer is on fire"]).tolist()
    ['office']
    """
    kind: type[FittedModel] = model
    if not (isinstance(model, type) and issubclass(model, FittedModel)):
        from bywords.models.custom import model_of_module

        kind = model_of_module(model)
    name = kind_of(kind.Config)
    if MODELS.get(name, kind).__qualname__ != kind.__qualname__:
        raise SettingError(f"there is a model with the settings {name!r} already: {MODELS[name].__qualname__}.")
    MODELS[name] = kind
    return model


def _defining(model: type[FittedModel], name: str) -> type:
    """The class that a method of a model is written in."""
    return next(one for one in model.__mro__ if name in vars(one))


def model_class(config: ModelConfig) -> type[FittedModel]:
    """The model that has these settings. Raises SettingError for one that is not registered."""
    name = kind_of(type(config))
    if name not in MODELS:
        raise SettingError(f"there is no model with the settings {name!r}: add it with bywords.register_model.")
    return MODELS[name]


def restore_model(config: ModelConfig, arrays: Arrays, *, vocabulary: Vocabulary, n_classes: int) -> FittedModel:
    """A fitted model from the arrays that it gave. Raises SettingError where they are not those of the config."""
    config.validate(arrays, vocabulary, n_classes)
    return model_of(config, arrays, vocabulary=vocabulary, n_classes=n_classes)


def model_of(config: ModelConfig, arrays: Arrays, *, vocabulary: Vocabulary, n_classes: int) -> FittedModel:
    """The same of arrays that `config.validate` has passed."""
    with np.errstate(over="ignore", invalid="ignore"):  # said of the answers that it gives
        model = model_class(config).from_arrays(config, arrays, vocabulary=vocabulary, n_classes=n_classes)
        n_found = model.logits(Ragged.of([[]])).shape[1]
    if n_found != n_classes:
        raise SettingError(f"the weights are for {n_found} classes, and there are {n_classes} labels")
    return model
