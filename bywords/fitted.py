"""The one value that a training gives: texts → labels and probabilities. Saved, loaded, asked, explained as it is.

It needs neither scikit-learn nor, for linear models, PyTorch.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Required, TypedDict, TypeVar, cast

import numpy as np
import numpy.typing as npt

from bywords.data.columns import Columns, frame_columns
from bywords.data.groups import Together
from bywords.data.hierarchy import Hierarchy
from bywords.data.label_sets import Codes, LabelSets, joined_codes
from bywords.data.labels import GivenLabels, LabelFormat, Labels, are_known, codes_of, names_of, read_labels
from bywords.display import shown_table
from bywords.errors import DataError, ModelFolderError, SettingError, check_kind, check_range, did_you_mean, quoted
from bywords.evaluation.back_off import BackOff, NodeAnswers, thresholds_for
from bywords.evaluation.calibration import Calibration, Sigmoids, sigmoid
from bywords.evaluation.evaluation import MOST_RANKED, AnyEvaluation, Evaluation, KeptAnswers, ManyLabelsEvaluation
from bywords.evaluation.levels import cut
from bywords.evaluation.metrics import softmax
from bywords.evaluation.operating_points import AtLeast, OperatingCurves, OperatingPoint, decided, with_points
from bywords.evaluation.reliability import Reliability
from bywords.evaluation.top_scores import MOST_SCORES, TopScores
from bywords.extras import needed
from bywords.forks import cached_property, check_polars
from bywords.io.on_disk import OnDiskPart
from bywords.memory import check_memory
from bywords.models.base import Answers, FittedModel, StorageFormat
from bywords.records.base import EpochRecord, VectorsSummary
from bywords.system_config import FitParameters, SystemConfig
from bywords.text.inputs import Texts, as_list, checked_column, warn_of_other_order
from bywords.text.ragged import UNKNOWN, Ragged
from bywords.text.threads import chunks_of, in_threads
from bywords.text.tokenizer import Tokenizer
from bywords.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    import polars as pl

    from bywords.cluster import Executor

MOST_KEPT = 1 << 24  # probabilities of more classes that are kept
N_FOUND = 50  # labels of a document that a model which finds the best alone is asked for
FEW_CLASSES = 100  # all probabilities of so many are kept, however many documents are evaluated
BYTES_PER_ANSWER = 12  # a logit and a probability
LEAST_SURPRISED = 20  # rows: of fewer, values that were not learned from are no wonder
DOCUMENTS_AT_A_TIME = 4096  # of documents on disk that are answered
Numbers = npt.NDArray[np.float64]
DType = TypeVar("DType", bound=np.generic)
# Of some documents: what they get, what is kept of the answers, all probabilities and uncalibrated ones, what is known.
_Judged = tuple[Codes, KeptAnswers, Numbers | None, Numbers | None, npt.NDArray[np.float32], npt.NDArray[np.bool_]]


@dataclass
class History:
    """What a training in epochs did."""

    epochs: list[EpochRecord] = field(default_factory=list)
    best_epoch: int = 0
    interrupted: bool = False  # by Ctrl-C; the best weights so far are kept

    def _repr_html_(self) -> str:
        epochs = f"{len(self.epochs)} {'epoch' if len(self.epochs) == 1 else 'epochs'}"
        best = f", of which epoch {self.best_epoch} is the best" if self.best_epoch else ""
        rows = [asdict(record) for record in self.epochs]
        return shown_table(f"{epochs}{best}{' (interrupted)' if self.interrupted else ''}", rows)

    def plot(self, axes: Any = None) -> Any:
        """Draw the loss of each epoch, in training and validation, and mark the best; matplotlib's axes."""
        if axes is None:
            axes = needed("matplotlib.pyplot", what="to draw a history").subplots()[1]
        epochs = [record.epoch for record in self.epochs]
        axes.plot(epochs, [record.train_loss for record in self.epochs], marker="o", label="training")
        if any(record.valid_loss is not None for record in self.epochs):
            axes.plot(epochs, [record.valid_loss for record in self.epochs], marker="o", label="validation")
        if self.best_epoch:
            axes.axvline(self.best_epoch, color="grey", linestyle=":", label=f"best: epoch {self.best_epoch}")
        axes.set(xlabel="epoch", ylabel="loss, nats a document")
        axes.legend()
        return axes


@dataclass(frozen=True, kw_only=True)
class FitSummary:
    """What a fit used and found. Counts are documents."""

    n_train: int
    n_valid: int
    n_dropped: int  # without tokens, in both parts
    n_learned_after: int = 0  # that it was tested on, and has learned from since
    valid_accuracy: float  # where documents have any number of labels, the F1 of all decisions together
    n_before: int = 0  # that a model which was continued had been fitted to
    n_new_words: int = 0
    new_classes: list[Any] = field(default_factory=list)
    kept_classes: list[Any] = field(default_factory=list)  # old ones that few of the documents were of
    named_classes: list[Any] = field(default_factory=list)  # that no document was of: known by their names alone
    n_by_label: list[int] = field(default_factory=list)  # of any number of labels: documents of each, learned from

    @property
    def n_documents(self) -> int:
        """All that were learned from."""
        return self.n_before + self.n_train + self.n_valid + self.n_learned_after


@dataclass(frozen=True, kw_only=True)
class SelectionSummary:
    """What a system that selects its model has tried: JSON values, ready for the run record."""

    reason: str
    trials: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class DataSummary:
    """The labelled documents that a model was trained on, as the command line read them."""

    name: str
    test: str | None = None  # the name of the test part, where it is a file of its own
    n_documents: int
    fingerprint: str | None = None  # of the training documents
    classes: Mapping[str, int] = field(default_factory=dict)  # documents of each
    dropped: int = 0  # documents without words
    skipped: int = 0  # rows that could not be read


class LabelScores(TypedDict):
    """Of `Evaluation.per_class()`, what a card and `info` show."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


class Coverage(TypedDict):
    """Of `Evaluation.coverage()`, what a card shows."""

    coverage: float
    min_confidence: float
    accuracy: float


class LevelScores(TypedDict, total=False):
    """Of `hierarchy_scores`, one level."""

    level: Required[int]
    n_labels: Required[int]
    accuracy: float
    accuracy_interval: tuple[float, float]
    micro_f1: float
    micro_f1_interval: tuple[float, float] | None
    macro_f1: Required[float]
    macro_f1_interval: Required[tuple[float, float] | None]


class HierarchyScores(TypedDict):
    """Of `hierarchy_scores`, what a card shows."""

    levels: list[LevelScores]
    f1: float
    f1_interval: tuple[float, float] | None


class FirstLabels(TypedDict):
    """Of `ranking_scores`, what a card and `info` show of the first k labels."""

    precision: float
    precision_interval: tuple[float, float]
    recall: float
    recall_interval: tuple[float, float]
    ndcg: float
    ndcg_interval: tuple[float, float]
    propensity_scored_precision: float | None
    propensity_scored_precision_interval: tuple[float, float] | None


class TakenInTurn(TypedDict, total=False):
    """Of `InTurn`, what a card shows."""

    n_folds: Required[int]
    n_repeats: Required[int]
    n_done: int


class Scores(TypedDict, total=False):
    """Of `Evaluation.summary()`, what a card and `info` show."""

    n_documents: Required[int]
    accuracy: Required[float]
    accuracy_interval: Required[tuple[float, float]]
    macro_f1: Required[float]
    micro_f1: float
    log_loss: float | None
    macro_f1_interval: tuple[float, float] | None
    micro_f1_interval: tuple[float, float] | None
    samples_f1: float | None
    samples_f1_interval: tuple[float, float] | None
    calibration_error: float | None
    calibration_error_interval: tuple[float, float] | None
    held_out_in_turn: TakenInTurn  # of documents that are not those of a test part
    per_class: list[LabelScores]
    coverage: list[Coverage]
    hierarchy: HierarchyScores
    ranking: dict[str, int | FirstLabels]  # by k, beside n_documents


class Seen(TypedDict):
    """How many test documents are in training too, and the scores of the others; None where there are none."""

    n_documents: int
    without_them: Scores | None


class Confusion(TypedDict):
    """Of `Evaluation.hardest_confusions()`, one."""

    true: str
    predicted: str
    count: int
    share: float


class TrainedOn(TypedDict, total=False):
    """What `evaluate` needs to find the documents that were held out; older models have not all of it."""

    data: Required[str]
    test: Required[str | None]
    test_share: Required[float]
    seed: Required[int]
    keep_together: Together
    map_label: list[str] | None
    n_folds: int  # in which all documents were held out in turn, and then learned


@dataclass(frozen=True, kw_only=True)
class CardRecord:
    """What a model card says beside what the classifier knows itself. What is missing is not spoken of."""

    system: str | None = None  # as the screen has it; else the name in the table
    data: DataSummary | None = None
    test: Annotated[Mapping[str, Any], Scores] | None = None  # `Evaluation.summary()` of documents that were not seen
    also_in_training: Annotated[Mapping[str, Any], Seen] | None = None
    hardest_confusions: Sequence[Annotated[Mapping[str, Any], Confusion]] = ()
    reduction: str | None = None  # what was left out to make it smaller, and what that cost
    limits: Sequence[str] = ()  # more sentences on what it is not for


@dataclass(frozen=True, kw_only=True)
class TrainingRecord:
    """How a classifier came to be: what was asked for, what was fitted, and how that went.

    A model folder keeps all but `seconds`, `vectors` and `notes`, so that equal trainings give equal folders.
    """

    system: str | SystemConfig  # a name of the table, or custom settings
    parameters: FitParameters
    config: SystemConfig  # the settings that were fitted, after a selection say
    summary: FitSummary
    selection: SelectionSummary | None = None  # None where there was nothing to select
    history: History = field(default_factory=History)
    seconds: float = 0.0
    vectors: VectorsSummary | None = None
    notes: tuple[str, ...] = ()
    trained_on: Annotated[Mapping[str, Any], TrainedOn] | None = None  # the files, and how they were read and split
    columns: Columns | None = None  # of a table, that documents are made of; None where texts were given
    card: CardRecord = field(default_factory=CardRecord)


@dataclass(frozen=True, eq=False)
class Predictions:
    """Answers for N documents, in their order.

    A model that finds the best classes of many alone has neither probabilities nor logits of all: see
    `FittedClassifier.top`.

    >>> from bywords import load_classifier
    >>> answers = load_classifier("tickets-model").predict(["the printer is on fire", "zxqv"])
    >>> answers.labels.tolist()[0], answers.probabilities.shape
    ('office', (2, 2))
    >>> answers.all_out_of_vocabulary.tolist()
    [False, True]
    """

    labels: npt.NDArray[Any]  # as `FittedClassifier.predict` says
    table: Numbers | None  # `probabilities`, where there are any
    in_vocabulary_share: npt.NDArray[np.float32]  # (N,), share of the tokens that the vocabulary has
    all_out_of_vocabulary: npt.NDArray[np.bool_]  # (N,), true where no word is known, nor an n-gram of one
    out_of_distribution: npt.NDArray[np.bool_]  # (N,), true where fewer words are known than of nearly all training
    all_logits: npt.NDArray[np.float32] | None  # `logits`, where there are any

    @property
    def probabilities(self) -> Numbers:
        """(N, K); each row sums to 1, or each number is for itself. Raises SettingError where there are none."""
        return _of_all(self.table)

    @property
    def logits(self) -> npt.NDArray[np.float32]:
        """(N, K), what the probabilities are made of by the calibration. Raises SettingError where there are none."""
        return _of_all(self.all_logits)


@dataclass(frozen=True, eq=False)
class TopPredictions:
    """The m likeliest labels of N documents, the likeliest first.

    >>> from bywords import load_classifier
    >>> answers = load_classifier("tickets-model").top(["the printer is on fire", "zxqv"], 1)
    >>> answers.labels.tolist()[0], answers.probabilities.shape
    (['office'], (2, 1))
    """

    labels: npt.NDArray[Any]  # (N, m), of the dtype of `classes`; objects, and None, where fewer were found
    probabilities: Numbers  # (N, m), descending; 0 where fewer were found
    indices: npt.NDArray[np.int32]  # (N, m), of the labels among the classes; -1 where fewer were found
    in_vocabulary_share: npt.NDArray[np.float32]  # (N,), as in `Predictions`
    all_out_of_vocabulary: npt.NDArray[np.bool_]  # (N,)
    out_of_distribution: npt.NDArray[np.bool_]  # (N,)


@dataclass(frozen=True, eq=False)
class LevelPredictions:
    """Answers for N texts among labels cut to some levels."""

    labels: npt.NDArray[Any]  # (N,) strings; object (N,) of tuples of them where texts have any number of labels
    probabilities: Numbers  # (N, M), as `Hierarchy.probabilities_at` has them
    names: tuple[str, ...]  # (M,), of the nodes


@dataclass(frozen=True, eq=False, kw_only=True)
class FittedClassifier:
    """A tokenizer, a vocabulary, a model, and what makes labels and probabilities of its logits.

    `classes` (K,) are sorted, of the dtype in which they were given. `storage` says which arrays of the model are
    stored in fewer bits. Nothing in it changes: to compress, continue or record more gives another one.

    >>> from bywords import load_classifier
    >>> classifier = load_classifier("tickets-model")
    >>> classifier.classes.tolist()
    ['garage', 'office']
    >>> classifier.predict(["the printer is on fire"]).labels.tolist()
    ['office']
    >>> classifier.evaluate(texts, labels).accuracy
    1.0
    """

    tokenizer: Tokenizer
    vocabulary: Vocabulary
    model: FittedModel
    calibration: Calibration
    reliability: Reliability
    operating_curves: OperatingCurves
    classes: npt.NDArray[Any]
    label_format: LabelFormat
    record: TrainingRecord
    storage: Mapping[str, StorageFormat] = field(default_factory=dict)

    @property
    def is_multilabel(self) -> bool:
        """Whether texts have any number of labels."""
        return self.label_format != "one"

    @property
    def is_ranked(self) -> bool:
        """Whether it finds the likeliest of many labels alone, and has no probability for each of them all."""
        return self.model.is_ranked

    @cached_property
    def hierarchy(self) -> Hierarchy | None:
        """The levels of labels that are paths; None where they are not."""
        separator = self.record.parameters.label_hierarchy
        return None if separator is None else Hierarchy.of(self.classes.tolist(), separator)

    def encode(self, texts: Texts) -> Ragged:
        """N texts → their ids; one in which nothing is known has one id, the unknown word's."""
        return self.vocabulary.encode(self.tokenizer(documents_of(texts, self.record.columns, self.tokenizer.read)))

    def n_known_words(self, texts: Texts) -> tuple[int, int]:
        """How many words of N texts are known, and how many of these by vectors alone: no training text has them."""
        ids = self.encode(texts).ids
        ids = ids[(ids > UNKNOWN) & (ids < self.vocabulary.n_words)]
        return len(ids), int(self.is_by_vector[ids].sum())

    def texts_of(self, texts: Texts) -> list[str]:
        """N texts as they are; or the rows of a frame, or dicts, as texts of the columns that were learned from.

        Raises: DataError for missing columns, and for texts that are not strings.
        """
        return as_list(documents_of(texts, self.record.columns, self.tokenizer.read))

    def predict(self, texts: Texts, *, at_least: AtLeast | None = None) -> Predictions:
        """An answer for each of N texts; every text gets one, an empty one too.

        `at_least` has the precision or recall that is wanted of some labels, {"refund": {"precision": 0.95}}: they are
        given by their `operating_point`. Labels are objects then, None where the answer is left open.

        Labels are (N,) of the dtype of `classes`. Where texts have any number of labels, those at or above their
        thresholds, in the form in which they were learned: a tuple for each text, object (N,), or a table of 0 and 1,
        int64 (N, K).
        """
        if at_least is not None:
            answers = self.predict(texts)
            return replace(answers, labels=self.labels_at_least(answers, at_least))
        checked = documents_of(texts, self.record.columns, self.tokenizer.read)
        self._check_room(len(checked))
        chunks = self._chunks(checked)
        if len(chunks) == 1:
            return Predictions(*self._answers(checked))
        parts = in_threads(self._answers, (checked[start:stop] for start, stop in chunks))
        return Predictions(*map(_concatenated, zip(*parts, strict=True)))

    def top(self, texts: Texts, m: int) -> TopPredictions:
        """The `m` likeliest labels of each of N texts and their probabilities, or all where there are fewer.

        Memory holds no table of all texts by all classes, however many there are of both.
        """
        checked = documents_of(texts, self.record.columns, self.tokenizer.read)

        def answers(texts: list[str] | pl.Series) -> tuple[TopScores, npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
            documents = self.encoded(texts)
            return self.top_of(documents, m), documents.in_vocabulary_share, documents.all_out_of_vocabulary

        parts = list(in_threads(answers, (checked[start:stop] for start, stop in self._chunks(checked))))
        top = TopScores.joined([part[0] for part in parts])
        share, is_nothing = (np.concatenate([part[index] for part in parts]) for index in (1, 2))
        labels = self.classes[top.labels]
        if not top.is_there.all():
            labels = labels.astype(object)
            labels[~top.is_there] = None
        return TopPredictions(
            labels, np.where(top.is_there, top.scores, 0), top.labels, share, is_nothing,
            self.reliability.is_out_of_distribution(share, is_nothing),
        )  # fmt: skip

    def top_of(self, documents: Ragged, m: int) -> TopScores:
        """The `m` likeliest labels of N documents and their probabilities, worked out for some of them at a time."""
        if self.model.is_ranked:
            return self._found(documents).best(m)
        tables = (self.calibration.probabilities(self.logits_of(some)) for some in self._some(documents))
        parts = [TopScores.of_table(table, m) for table in tables]
        return TopScores.joined(parts) if parts else TopScores.of_table(np.zeros((0, len(self.classes))), m)

    def decided(self, documents: Ragged) -> Codes:
        """The class of each of N documents, or its labels, worked out for some of them at a time."""
        parts: list[Codes] = []
        for some in self._some(documents) if len(documents) else [documents]:
            if self.model.is_ranked:
                parts.append(self.calibration.predict_top(self._found(some)))
            else:
                parts.append(self.calibration.predict(self.calibration.probabilities(self._logits_of_any(some))))
        return joined_codes(parts)

    def _found(self, documents: Ragged) -> TopScores:
        """The probabilities of the labels that a model which `is_ranked` finds."""
        found = self.model.top_logits(documents, N_FOUND)
        _check_finite(found.scores[found.is_there])
        return self.calibration.top_probabilities(found)

    def narrowed(self, labels: npt.NDArray[np.int64]) -> FittedClassifier:
        """A classifier of these classes alone, by their indices, ascending; itself where its model cannot be narrowed.

        Of a model that finds the likeliest labels alone, their probabilities are those of the whole model where they
        are the labels that it finds.
        """
        model = self.model.narrowed(labels)
        if model is None:
            return self
        calibration = self.calibration
        own = calibration.narrowed(labels) if isinstance(calibration, Sigmoids) else calibration
        return replace(self, model=model, calibration=own, classes=self.classes[labels])

    def found_labels(self, documents: Ragged) -> npt.NDArray[np.int64]:
        """The indices of the labels that a model which `is_ranked` finds for one document, ascending."""
        found = self._found(documents)
        return np.sort(found.labels[found.is_there]).astype(np.int64)

    def _some(self, documents: Ragged) -> Iterator[Ragged]:
        """The documents, so many at a time that there is room for a table of them by all classes."""
        return documents.batches(max(1, MOST_SCORES // len(self.classes)))

    def encoded(self, texts: list[str] | pl.Series) -> Ragged:
        """As `encode`, of texts that are strings, also of none."""
        if not len(texts):
            return Ragged(np.zeros(0, np.int32), np.zeros(1, np.int64), np.zeros(0, np.float32))
        return self.vocabulary.encode_texts(texts, self.tokenizer)

    def _chunks(self, texts: list[str] | pl.Series) -> list[tuple[int, int]]:
        """Where to cut for threads; nowhere where a custom function cuts the texts, which gets one after the other."""
        return [(0, len(texts))] if self.tokenizer.config.calls else chunks_of(texts)

    def _check_room(self, n_texts: int) -> None:
        """Raise DataError where there is no memory for the probabilities of so many texts."""
        if self.model.is_ranked or n_texts * len(self.classes) <= MOST_KEPT:
            return
        check_memory(
            BYTES_PER_ANSWER * n_texts * len(self.classes),
            f"a probability for each of {len(self.classes):,} classes of {n_texts:,} texts",
            "Ask for fewer texts at a time, or for the likeliest labels alone: `top`, predict --top-k.",
        )

    def predict_at(self, texts: Texts, level: int) -> LevelPredictions:
        """The answer for each of N texts among labels cut to so many levels, 1 or more: the likeliest node.

        Where texts have any number of labels: the nodes of those that `predict` gives. Raises SettingError where labels
        are no paths, or have not as many levels.
        """
        hierarchy = self._paths()
        at, found = hierarchy.level(level), self.predict(texts).probabilities
        probabilities = hierarchy.probabilities_at(at, found, is_multilabel=self.is_multilabel)
        names = np.array(at.names)
        if not self.is_multilabel:
            return LevelPredictions(names[probabilities.argmax(axis=1)], probabilities, at.names)
        given = cut(self.calibration.predict(found), hierarchy, level)
        return LevelPredictions(names_of(given, names, "sets"), probabilities, at.names)

    def back_off(
        self, texts: Texts, *, accuracy: float | None = None, min_confidence: float | None = None
    ) -> NodeAnswers:
        """For each of N texts the label, or where it is not sure enough the deepest node of its hierarchy that is.

        Either `accuracy` says which share of the answers of each level is to be right, as it was on documents held out,
        or `min_confidence` how probable an answer has to be. Texts unlike those of the training get none.
        Raises: SettingError as `back_off_by`.
        """
        found, by = self.predict(texts), self.back_off_by(accuracy=accuracy, min_confidence=min_confidence)
        return by(found.probabilities, found.out_of_distribution)

    def back_off_by(self, *, accuracy: float | None = None, min_confidence: float | None = None) -> BackOff:
        """What `back_off` decides by. Raises SettingError where labels are no paths, or texts have any number of them;
        for a share that held-out answers do not reach; and where not one of the two is given.
        """
        hierarchy = self._paths()
        if self.is_multilabel or (accuracy is None) == (min_confidence is None):
            what = "the model gives any number of labels" if self.is_multilabel else "back_off takes one of the two"
            raise SettingError(f"{what}: accuracy and min_confidence are for one label a text, give one of them.")
        for name, value in (("accuracy", accuracy), ("min_confidence", min_confidence)):
            check_range(name, value, least=0, most=1)
        if accuracy is None:
            return BackOff(hierarchy, [min_confidence] * hierarchy.depth)
        return BackOff(hierarchy, thresholds_for(self.reliability.back_off, accuracy, self.reliability.n_documents))

    def _paths(self) -> Hierarchy:
        if self.hierarchy is None:
            raise SettingError("the labels of the model are no paths: train it with label_hierarchy, as in '/'.")
        return self.hierarchy

    def _answers(self, texts: list[str] | pl.Series) -> tuple[Any, ...]:
        """The columns of `Predictions`, for some of the texts."""
        logits = probabilities = None
        predicted: Codes
        if self.model.is_ranked:
            documents = self.encoded(texts)
            share, is_nothing = documents.in_vocabulary_share, documents.all_out_of_vocabulary
            predicted = self.calibration.predict_top(self._found(documents))
        else:
            logits, share, is_nothing = self._answered(texts)
            probabilities = self.calibration.probabilities(logits)
            predicted = self.calibration.predict(probabilities)
        labels = names_of(predicted, self.classes, self.label_format)
        is_other = self.reliability.is_out_of_distribution(share, is_nothing)
        return labels, probabilities, share, is_nothing, is_other, logits

    def _answered(self, texts: list[str] | pl.Series) -> Answers:
        """The logits of N texts, also of none, and what of each is known. Raises ModelFolderError as `logits_of`."""
        if not len(texts):
            none = self.encoded(texts)
            return Answers(self._logits_of_any(none), none.in_vocabulary_share, none.all_out_of_vocabulary)
        with np.errstate(over="ignore", invalid="ignore"):  # said below
            answers = self.model.answers(texts, self.vocabulary, self.tokenizer)
        _check_finite(answers.logits)
        return answers

    @cached_property
    def is_by_vector(self) -> npt.NDArray[np.bool_]:
        """Which rows are words that no text of the training has, and that are known by their vectors: bool (V,)."""
        is_unseen = self.vocabulary.is_unseen.copy()
        known = self.model.knows_by_vector
        n_rows = 0 if known is None else len(known)
        is_unseen[n_rows:] = False
        if known is not None:
            is_unseen[:n_rows] &= known
        return is_unseen

    def logits_of(self, documents: Ragged) -> npt.NDArray[np.float32]:
        """The logits of N documents, float32 (N, K). Raises ModelFolderError where they are no finite numbers."""
        with np.errstate(over="ignore", invalid="ignore"):  # said below
            logits = self.model.logits(documents)
        _check_finite(logits)
        return logits

    def _logits_of_any(self, documents: Ragged) -> npt.NDArray[np.float32]:
        """The logits of N documents, also of none."""
        return self.logits_of(documents) if len(documents) else np.zeros((0, len(self.classes)), dtype=np.float32)

    def evaluate(self, texts: Texts, labels: Labels, *, workers: Executor | None = None) -> AnyEvaluation:
        """Compare the answers for N texts with their true labels. Raises DataError for a label that is not a class.

        Threads work them out, or `workers`.
        """
        warn_of_other_order(texts, labels)
        checked = self.texts_of(texts)
        _, codes = self.true_codes(labels, len(checked))
        chunks = ((checked[start:stop], codes[start:stop], len(checked)) for start, stop in chunks_of(checked))
        if workers is not None:
            return self._evaluation(codes, workers.map(_judged_texts, self, chunks))
        return self._evaluation(codes, in_threads(lambda chunk: _judged_texts(self, chunk), chunks))

    def evaluate_on_disk(self, part: OnDiskPart) -> AnyEvaluation:
        """Compare the answers for documents in files with their true labels; memory holds some texts at a time.

        Raises: SettingError where they have been encoded for other words than those of the model.
        """
        mapped = part.documents_for(self.vocabulary)

        def judged() -> Iterator[_Judged]:
            start = 0
            for documents in mapped.batches(DOCUMENTS_AT_A_TIME):
                codes = part.codes[start : start + len(documents)]
                start += len(documents)
                yield self._judged(documents, codes, len(part.codes))

        return self._evaluation(part.codes, judged())

    def known_labels(self, labels: Labels, n_texts: int) -> tuple[GivenLabels, npt.NDArray[np.bool_]]:
        """The true labels of so many texts, and which texts have no others than those of training, bool (N,).

        Raises: DataError where there are not as many, or they are of another form or type.
        """
        given = _as_many(labels, n_texts, part="test")
        is_known = are_known(given, self.classes)
        is_name = given.label_format != "indicator" and given.values.dtype.kind == "U"
        if not is_known.any() and is_name != (self.classes.dtype.kind == "U"):
            codes_of(given, self.classes, self.label_format, part="test")  # raises
        return given, is_known

    def true_codes(self, labels: Labels, n_texts: int, *, part: str = "test") -> tuple[GivenLabels, Codes]:
        """The true labels of so many texts, and their codes. Raises DataError where there are not as many."""
        given = _as_many(labels, n_texts, part=part)
        return given, codes_of(given, self.classes, self.label_format, part=part)

    def _evaluation(self, codes: Codes, parts: Iterable[_Judged]) -> AnyEvaluation:
        """What the answers for N documents, which come in parts, say beside their codes."""
        predicted, kept, tables, before, shares, is_nothing = zip(*parts, strict=True)
        has_table = all(table is not None for table in tables)
        names, table = tuple(map(str, self.classes)), np.concatenate(tables) if has_table else None
        known = np.concatenate(shares), np.concatenate(is_nothing)
        more: dict[str, Any] = {"uncalibrated": np.concatenate(before) if has_table else None}
        more |= {"kept": KeptAnswers.joined(kept), "hierarchy": self.hierarchy}
        if not isinstance(codes, LabelSets):
            return Evaluation(names, codes, table, *known, **more)
        summary = self.record.summary
        if summary.n_by_label:
            more |= {"n_by_label": np.array(summary.n_by_label), "n_learned": summary.n_documents}
        given, thresholds = cast(LabelSets, joined_codes(predicted)), cast(Sigmoids, self.calibration).thresholds
        return ManyLabelsEvaluation(names, codes, given, table, thresholds, *known, **more)

    def _judged(self, documents: Ragged, codes: Codes, n_all: int) -> _Judged:
        """The answers for some of `n_all` documents beside their codes, worked out for so many as there is room for.

        Their tables are kept where those of all documents are small.
        """
        n_classes = len(self.classes)
        has_table = not self.model.is_ranked and (n_classes <= FEW_CLASSES or n_all * n_classes <= MOST_KEPT)
        parts, start = [], 0
        for some in self._some(documents) if len(documents) else [documents]:
            its = codes[start : start + len(some)]
            start += len(some)
            if self.model.is_ranked:
                found = self._found(some)
                parts.append((self.calibration.predict_top(found), KeptAnswers(found.best(MOST_RANKED)), None, None))
                continue
            logits = self._logits_of_any(some)
            probabilities = self.calibration.probabilities(logits)
            before = sigmoid(logits.astype(np.float64)) if isinstance(codes, LabelSets) else softmax(logits)
            kept = KeptAnswers.of(its, probabilities, before)
            tables = (probabilities, before) if has_table else (None, None)
            parts.append((self.calibration.predict(probabilities), kept, *tables))
        predicted, kept_of, probable, uncalibrated = zip(*parts, strict=True)
        return (
            joined_codes(predicted), KeptAnswers.joined(kept_of), _concatenated(probable), _concatenated(uncalibrated),
            documents.in_vocabulary_share, documents.all_out_of_vocabulary,
        )  # fmt: skip

    def scaled(self, logits: npt.ArrayLike) -> Numbers:
        """Logits, or parts of them, (…, K) → the same on the scale of the probabilities, float64.

        With one label a document: without their mean over the classes, which changes no probability and says nothing,
        and divided by the temperature; a softmax gives the probabilities, but for the curve that bends the highest.
        With any number of labels: times each label's scale. Sums stay sums.
        """
        logits = np.asarray(logits, dtype=np.float64)
        if isinstance(self.calibration, Sigmoids):
            return logits * self.calibration.scales
        centred = logits - logits.mean(axis=-1, keepdims=True)
        return np.asarray(centred / self.calibration.temperature)

    @property
    def offsets(self) -> Numbers:
        """What is added to scaled logits, float64 (K,), so that a sigmoid gives the probability of each label."""
        if isinstance(self.calibration, Sigmoids):
            return self.calibration.offsets
        return np.zeros(len(self.classes))

    def index_of(self, label: Any) -> int:
        """The index of a class, given itself or as it is written. Raises SettingError for an unknown one."""
        return index_of_label(label, self.classes.tolist())

    def labels_at_least(self, answers: Predictions, at_least: AtLeast) -> npt.NDArray[Any]:
        """The labels of N answers by what is wanted, as `predict` gives them."""
        points = self.operating_points(at_least)
        if self.is_multilabel:
            given = self.with_points(points).calibration.predict(answers.probabilities)
            return names_of(given, self.classes, self.label_format)
        own = answers.probabilities[:, [point.index for point in points]]
        codes = decided(points, own, answers.probabilities.argmax(axis=1))
        return np.array([*self.classes.tolist(), None], dtype=object)[codes]

    def with_points(self, points: Sequence[OperatingPoint]) -> FittedClassifier:
        """The same with the thresholds of these; itself where texts have one label, of which `decided` takes care."""
        if not isinstance(self.calibration, Sigmoids) or not points:
            return self
        thresholds = with_points(self.calibration.thresholds, points)
        return replace(self, calibration=replace(self.calibration, thresholds=thresholds))

    def operating_points(self, at_least: AtLeast) -> list[OperatingPoint]:
        """The operating point of each label of which something is wanted. Raises SettingError as `operating_point`."""
        check_kind("at_least", at_least, Mapping, "wanted precision or recall by label")
        indices = {self.index_of(label): wanted for label, wanted in at_least.items()}
        if len(indices) < len(at_least):
            raise SettingError(f"at_least has a label twice: {quoted(list(at_least))}.")
        return [self.point_of(index, wanted) for index, wanted in indices.items()]

    def operating_point(
        self, label: Any, *, precision: float | None = None, recall: float | None = None
    ) -> OperatingPoint:
        """The threshold of a label that gives at least this precision, this recall, or both, and what it gives.

        Raises: SettingError for an unknown label, a share that is none, what no threshold gives, and where too few of
        the documents held out have the label.
        """
        index, wanted = self.index_of(label), {"precision": precision, "recall": recall}
        given = {kind: least for kind, least in wanted.items() if least is not None}
        return self.point_of(index, given)

    def point_of(self, index: int, wanted: Mapping[str, float]) -> OperatingPoint:
        """The same of a class by its index. Raises SettingError too for a model that finds the likeliest alone."""
        if self.is_ranked:
            raise SettingError(
                "the model finds the likeliest of many labels alone, so that it is not known which documents get a "
                "label by another threshold: leave out the wanted precision or recall."
            )
        return self.operating_curves.point(index, self.classes.tolist()[index], wanted)


def _judged_texts(classifier: FittedClassifier, chunk: tuple[list[str], Codes, int]) -> _Judged:
    texts, codes, n_all = chunk
    return classifier._judged(classifier.encoded(texts), codes, n_all)


def _check_finite(logits: npt.NDArray[np.floating[Any]]) -> None:
    """Raise ModelFolderError for logits that are no finite numbers."""
    if not np.isfinite(logits).all():
        raise ModelFolderError(
            "the numbers of the model are so large that its logits are no finite numbers. Train it again, with a "
            "lower learning rate or another seed."
        )


def _concatenated(parts: Sequence[Any]) -> Any:
    """Arrays one after the other; None where there are none."""
    return None if parts[0] is None else np.concatenate(parts)


def _of_all(table: npt.NDArray[DType] | None) -> npt.NDArray[DType]:
    if table is None:
        raise SettingError(
            "the model finds the likeliest of many labels alone, and has no probability for each of them all. Ask for "
            "the likeliest, with `top`."
        )
    return table


def _as_many(labels: Labels, n_texts: int, *, part: str) -> GivenLabels:
    """The labels of so many texts. Raises DataError where there are not as many."""
    given = read_labels(labels, part=part)
    if len(given) != n_texts:
        raise DataError(f"{n_texts} {part} texts and {len(given)} labels: expected as many.")
    return given


def documents_of(
    data: Any, columns: Columns | None, read: Callable[[Any], list[str] | pl.Series] = checked_column
) -> list[str] | pl.Series:
    """N documents, a list or a column: texts as they are, or made of the columns of a frame, a mapping or dicts.

    Texts alone are checked by `read`: that of the tokenizer, where it has an own way. A table of one column needs no
    name. Values beside the texts that are unlike those learned from are warned of, of LEAST_SURPRISED rows or more.

    Raises: DataError for missing columns, and for texts that are not strings.
    """
    if columns is None or (hasattr(data, "collect_schema") and hasattr(data, "collect")):
        return read(data)  # which refuses what has to be collected first
    names = getattr(data, "columns", data if isinstance(data, Mapping) else None)
    is_rows = isinstance(data, Sequence) and bool(len(data)) and isinstance(data[0], Mapping)
    is_one = names is not None and len(names) == 1
    if (names is None and not is_rows) or (columns.is_one_text and is_one):
        return read(data)
    check_polars(what="a row of several columns")
    found = frame_columns(data, columns.inputs, tokens=columns.tokens)
    if len(found[columns.inputs[0]]) >= LEAST_SURPRISED:
        for surprise in columns.surprises(found):
            warnings.warn(surprise, stacklevel=4)
    return columns.texts(found)


def index_of_label(label: Any, labels: Sequence[Any]) -> int:
    """The index of a label, given itself or as it is written. Raises SettingError, with the nearest, for an unknown."""
    if isinstance(label, Hashable) and label in labels:
        return list(labels).index(label)
    names = list(map(str, labels))
    if str(label) not in names:
        near = did_you_mean(str(label), names)
        raise SettingError(f"the model has no label {label!r}.{near} Its labels are {quoted(names)}.")
    return names.index(str(label))
