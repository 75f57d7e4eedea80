"""The one value that a training gives: texts → labels and probabilities. Saved, loaded, asked, explained as it is.

It needs neither scikit-learn nor, for linear models, PyTorch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Required, TypedDict

import numpy as np
import numpy.typing as npt

from bywords.data.columns import Columns, frame_columns
from bywords.data.groups import Together
from bywords.data.hierarchy import Hierarchy
from bywords.data.labels import GivenLabels, LabelFormat, Labels, are_known, codes_of, names_of, read_labels
from bywords.data.targets import Codes
from bywords.errors import DataError, ModelFolderError, SettingError, check_range, did_you_mean, quoted
from bywords.evaluation.back_off import BackOff, NodeAnswers, thresholds_for
from bywords.evaluation.calibration import Calibration, Sigmoids, sigmoid
from bywords.evaluation.evaluation import AnyEvaluation, Evaluation, ManyLabelsEvaluation
from bywords.evaluation.levels import cut
from bywords.evaluation.metrics import softmax
from bywords.evaluation.reliability import Reliability
from bywords.forks import cached_property, check_polars
from bywords.io.on_disk import OnDiskPart
from bywords.models.base import FittedModel, StorageFormat
from bywords.records.base import EpochRecord, VectorsSummary
from bywords.system_config import FitParameters, SystemConfig
from bywords.text.inputs import Texts, checked_texts
from bywords.text.ragged import Ragged
from bywords.text.threads import chunks_of, in_threads
from bywords.text.tokenizer import Tokenizer, Tokens
from bywords.text.vocabulary import Vocabulary

DOCUMENTS_AT_A_TIME = 4096  # of documents on disk that are answered
Numbers = npt.NDArray[np.float64]


@dataclass
class History:
    """What a training in epochs did."""

    epochs: list[EpochRecord] = field(default_factory=list)
    best_epoch: int = 0
    interrupted: bool = False  # by Ctrl-C; the best weights so far are kept


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
    per_class: list[LabelScores]
    coverage: list[Coverage]
    hierarchy: HierarchyScores


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

    >>> from bywords import load_classifier
    >>> answers = load_classifier("tickets-model").predict(["the printer is on fire", "zxqv"])
    >>> answers.labels.tolist()[0], answers.probabilities.shape
    ('office', (2, 2))
    >>> answers.all_out_of_vocabulary.tolist()
    [False, True]
    """

    labels: npt.NDArray[Any]  # as `FittedClassifier.predict` says
    probabilities: Numbers  # (N, K); each row sums to 1, or each number is for itself
    in_vocabulary_share: npt.NDArray[np.float32]  # (N,), share of the tokens that the vocabulary has
    all_out_of_vocabulary: npt.NDArray[np.bool_]  # (N,), true where no word is known, nor an n-gram of one
    out_of_distribution: npt.NDArray[np.bool_]  # (N,), true where fewer words are known than of nearly all training
    logits: npt.NDArray[np.float32]  # (N, K), what the probabilities are made of by the calibration


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
    classes: npt.NDArray[Any]
    label_format: LabelFormat
    record: TrainingRecord
    storage: Mapping[str, StorageFormat] = field(default_factory=dict)

    @property
    def is_multilabel(self) -> bool:
        """Whether texts have any number of labels."""
        return self.label_format != "one"

    @cached_property
    def hierarchy(self) -> Hierarchy | None:
        """The levels of labels that are paths; None where they are not."""
        separator = self.record.parameters.label_hierarchy
        return None if separator is None else Hierarchy.of(self.classes.tolist(), separator)

    def encode(self, texts: Texts) -> Ragged:
        """N texts → their ids; one in which nothing is known has one id, the unknown word's."""
        return self.vocabulary.encode(self.tokenizer(self.texts_of(texts)))

    def texts_of(self, texts: Texts) -> list[str]:
        """N texts as they are; or the rows of a frame, or dicts, as texts of the columns that were learned from.

        Raises: DataError for missing columns, and for texts that are not strings.
        """
        return documents_of(texts, self.record.columns)

    def predict(self, texts: Texts) -> Predictions:
        """An answer for each of N texts; every text gets one, an empty one too.

        Labels are (N,) of the dtype of `classes`. Where texts have any number of labels, those at or above their
        thresholds, in the form in which they were learned: a tuple for each text, object (N,), or a table of 0 and 1,
        int64 (N, K).
        """
        checked = self.texts_of(texts)
        parts = list(in_threads(self._answers, (checked[start:stop] for start, stop in chunks_of(checked))))
        return Predictions(*(parts[0] if len(parts) == 1 else map(np.concatenate, zip(*parts, strict=True))))

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

    def _answers(self, texts: list[str]) -> tuple[npt.NDArray[Any], ...]:
        """The columns of `Predictions`, for some of the texts."""
        if not texts:
            logits, share = np.zeros((0, len(self.classes)), dtype=np.float32), np.zeros(0, dtype=np.float32)
            is_nothing = share.astype(bool)
        else:
            documents = self.vocabulary.encode_texts(texts, self.tokenizer)
            logits = self.logits_of(documents)
            share, is_nothing = documents.in_vocabulary_share, documents.all_out_of_vocabulary
        probabilities = self.calibration.probabilities(logits)
        labels = names_of(self.calibration.predict(probabilities), self.classes, self.label_format)
        is_other = self.reliability.is_out_of_distribution(share, is_nothing)
        return labels, probabilities, share, is_nothing, is_other, logits

    def probabilities_of(self, tokens: Tokens) -> Numbers:
        """The probability of each class for documents that have been tokenized, float64 (N, K)."""
        return self.calibration.probabilities(self.logits_of(self.vocabulary.encode(tokens)))

    def logits_of(self, documents: Ragged) -> npt.NDArray[np.float32]:
        """The logits of N documents, float32 (N, K). Raises ModelFolderError where they are no finite numbers."""
        with np.errstate(over="ignore", invalid="ignore"):  # said below
            logits = self.model.logits(documents)
        if not np.isfinite(logits).all():
            raise ModelFolderError(
                "the numbers of the model are so large that its logits are no finite numbers. Train it again, with a "
                "lower learning rate or another seed."
            )
        return logits

    def evaluate(self, texts: Texts, labels: Labels) -> AnyEvaluation:
        """Compare the answers for N texts with their true labels. Raises DataError for a label that is not a class."""
        answers = self.predict(texts)
        _, codes = self.true_codes(labels, len(answers.probabilities))
        return self._evaluation(codes, answers.logits, answers.in_vocabulary_share, answers.all_out_of_vocabulary)

    def evaluate_on_disk(self, part: OnDiskPart) -> AnyEvaluation:
        """Compare the answers for documents in files with their true labels; memory holds some texts at a time."""
        logits, shares, is_nothing = [], [], []
        for documents in part.documents.batches(DOCUMENTS_AT_A_TIME):
            logits.append(self.logits_of(documents))
            shares.append(documents.in_vocabulary_share)
            is_nothing.append(documents.all_out_of_vocabulary)
        return self._evaluation(
            part.codes, np.concatenate(logits), np.concatenate(shares), np.concatenate(is_nothing)
        )  # fmt: skip

    def known_labels(self, labels: Labels, n_texts: int) -> tuple[GivenLabels, npt.NDArray[np.bool_]]:
        """The true labels of so many texts, and which texts have no others than those of training, bool (N,).

        Raises: DataError where there are not as many, or they are of another form or type.
        """
        given = _as_many(labels, n_texts, part="test")
        is_known = are_known(given, self.classes)
        if not is_known.any() and (given.values.dtype.kind == "U") != (self.classes.dtype.kind == "U"):
            codes_of(given, self.classes, self.label_format, part="test")  # raises
        return given, is_known

    def true_codes(self, labels: Labels, n_texts: int, *, part: str = "test") -> tuple[GivenLabels, Codes]:
        """The true labels of so many texts, and their codes. Raises DataError where there are not as many."""
        given = _as_many(labels, n_texts, part=part)
        return given, codes_of(given, self.classes, self.label_format, part=part)

    def _evaluation(
        self,
        codes: Codes,
        logits: npt.NDArray[np.float32],
        share: npt.NDArray[np.float32],
        is_nothing: npt.NDArray[np.bool_],
    ) -> AnyEvaluation:
        names = tuple(map(str, self.classes))
        probabilities = self.calibration.probabilities(logits)
        if isinstance(self.calibration, Sigmoids):
            return ManyLabelsEvaluation(
                names, codes.astype(bool), self.calibration.predict(probabilities), probabilities,
                self.calibration.thresholds, share, is_nothing, sigmoid(logits.astype(np.float64)), self.hierarchy,
            )  # fmt: skip
        return Evaluation(
            names, codes.astype(np.int64), probabilities, share, is_nothing, softmax(logits), self.hierarchy
        )

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


def _as_many(labels: Labels, n_texts: int, *, part: str) -> GivenLabels:
    """The labels of so many texts. Raises DataError where there are not as many."""
    given = read_labels(labels, part=part)
    if len(given) != n_texts:
        raise DataError(f"{n_texts} {part} texts and {len(given)} labels: expected as many.")
    return given


def documents_of(data: Any, columns: Columns | None) -> list[str]:
    """N documents: texts as they are, or made of the columns of a frame, of a mapping of columns or of dicts.

    A table of one column needs no name. Raises: DataError for missing columns, and for texts that are not strings.
    """
    if columns is None or (hasattr(data, "collect_schema") and hasattr(data, "collect")):
        return checked_texts(data)  # which refuses what has to be collected first
    names = getattr(data, "columns", data if isinstance(data, Mapping) else None)
    is_rows = isinstance(data, Sequence) and bool(len(data)) and isinstance(data[0], Mapping)
    is_one = names is not None and len(names) == 1
    if (names is None and not is_rows) or (columns.is_one_text and is_one):
        return checked_texts(data)
    check_polars(what="a row of several columns")
    return columns.texts(frame_columns(data, columns.inputs)).to_list()


def index_of_label(label: Any, labels: Sequence[Any]) -> int:
    """The index of a label, given itself or as it is written. Raises SettingError, with the nearest, for an unknown."""
    if label in labels:
        return list(labels).index(label)
    names = list(map(str, labels))
    if str(label) not in names:
        near = did_you_mean(str(label), names)
        raise SettingError(f"the model has no label {label!r}.{near} Its labels are {quoted(names)}.")
    return names.index(str(label))
