"""The record of a comparison: several systems fitted to and tested on the same documents."""

from __future__ import annotations

from dataclasses import field
from typing import Any, ClassVar, Literal

from bywords.display import shown_table
from bywords.extras import needed
from bywords.records.base import (
    EpochRecord,
    ExperimentRecord,
    Interval,
    Part,
    Quantiles,
    RecordPart,
    Spread,
    VectorsSummary,
    scalars,
)

MOST_WITH_WORDS = 1_000  # classes of which a record has the words that speak for them


class Zipf(RecordPart):
    """Ranks of words, thinned evenly in their logarithm, and how often the word of each rank occurs."""

    rank: list[int] = field(default_factory=list)
    count: list[int] = field(default_factory=list)


class VocabularyCoverage(RecordPart):
    """The share of the tokens of each part that so many of the most frequent words of training cover."""

    size: int
    train: float | None
    test: float | None


class LengthHistogram(RecordPart):
    """Documents of each part by their tokens."""

    edges: list[int] = field(default_factory=list)
    train: list[int] = field(default_factory=list)
    test: list[int] = field(default_factory=list)


class LongDocuments(RecordPart):
    """The share of documents with more than `length` tokens."""

    length: int
    train: float | None
    test: float | None


class DocumentLengths(RecordPart):
    """The tokens of a document, in each part."""

    train: Quantiles | None = None
    test: Quantiles | None = None
    histogram: LengthHistogram = field(default_factory=LengthHistogram)
    cut: list[LongDocuments] = field(default_factory=list)


class TextStatistics(RecordPart):
    """What `bywords.text.statistics` counts."""

    n_tokens: dict[Part, int] = field(default_factory=dict)
    n_types: int | None = None  # in training
    zipf: Zipf = field(default_factory=Zipf)
    coverage: list[VocabularyCoverage] = field(default_factory=list)
    lengths: DocumentLengths = field(default_factory=DocumentLengths)


class SeedScores(RecordPart):
    """One fit of a system, tested."""

    seed: int
    accuracy: float  # of documents with any number of labels, all have to be right
    micro_f1: float | None = None  # of documents with any number of labels
    macro_f1: float
    log_loss: float | None
    calibration_error: float | None = None
    valid_accuracy: float | None = None
    fit_seconds: float
    predict_documents_per_second: float
    n_epochs: int
    size_bytes: int
    answers: str  # the classes given, as `pairwise.as_text` writes them
    first_right: str = ""  # of any number of labels: which of the likeliest are right, as `pairwise.first_right` has it


class ClassScores(RecordPart):
    """Precision and recall of one class, and its test documents."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int
    threshold: float | None = None  # of any number of labels: the probability from which it is given


class Example(RecordPart):
    """A test document that got a wrong label, and the probability of that."""

    row: int
    text: str
    probability: float


class Confusion(RecordPart):
    """Documents of one class that got the label of another; `share` is that of the true class."""

    true: str
    predicted: str
    count: int
    share: float
    examples: list[Example] = field(default_factory=list)


class SliceScores(RecordPart):
    """Some test documents beside all others, as `bywords.evaluation.slices` compares them."""

    by: str
    name: str
    n_documents: int
    metric: Literal["accuracy", "micro_f1"]
    accuracy: float | None = None
    micro_f1: float | None = None
    interval: Interval
    others: float
    difference: float | None = None
    difference_interval: Interval | None = None
    p_value: float | None = None
    p_value_holm: float | None = None
    is_worse: bool = False

    @property
    def score(self) -> float | None:
        """By its metric."""
        return self.accuracy if self.metric == "accuracy" else self.micro_f1

    @property
    def n_lost(self) -> float:
        """How many right answers fewer than if it were like all others, as a negative number."""
        return (self.difference or 0.0) * self.n_documents


class ClassWord(RecordPart):
    """A word that speaks for a class: what it adds to the logit, on average in the documents that have it."""

    word: str
    attribution: float
    n_documents: int


class ReliabilityBin(RecordPart):
    """Answers whose probability is in a bin: how probable on average, and how often right."""

    from_: float
    to: float
    n_documents: int
    probability: float
    share: float
    interval: Interval


class ReliabilityCurve(RecordPart):
    """How far probabilities are from how often answers are right, after and before calibration."""

    bins: list[ReliabilityBin] = field(default_factory=list)
    error: float | None = None
    error_interval: Interval | None = None
    bins_before: list[ReliabilityBin] = field(default_factory=list)
    error_before: float | None = None


class AnswerCoverage(RecordPart):
    """If only answers at least this probable are given: how many documents get one, and how many of those are right."""

    min_confidence: float
    coverage: float
    accuracy: float
    interval: Interval


class LevelScores(RecordPart):
    """Labels that are paths, cut to some levels, and answers cut to as many."""

    level: int
    n_labels: int
    accuracy: float | None = None
    accuracy_interval: Interval | None = None
    micro_f1: float | None = None  # instead of the accuracy, of documents with any number of labels
    micro_f1_interval: Interval | None = None
    macro_f1: float
    macro_f1_interval: Interval | None = None


class HierarchyScores(RecordPart):
    """Labels that are paths: each level, and every level of a path counted, as `bywords.evaluation.levels` does."""

    separator: str
    levels: list[LevelScores] = field(default_factory=list)
    precision: float
    precision_interval: Interval | None = None
    recall: float
    recall_interval: Interval | None = None
    f1: float
    f1_interval: Interval | None = None


class RankingScores(RecordPart):
    """How many of the first k labels are right, as `bywords.evaluation.ranking` counts them."""

    precision: float
    precision_interval: Interval
    recall: float
    recall_interval: Interval
    ndcg: float
    ndcg_interval: Interval
    propensity_scored_precision: float | None = None
    propensity_scored_precision_interval: Interval | None = None


class WrongDocument(RecordPart):
    """A test document with a wrong label."""

    row: int
    text: str
    label: str
    predicted: str
    probability: float


class SystemScores(RecordPart):
    """One system. Scores are means over the seeds; what is about one fit is about that of the first seed."""

    name: str
    description: str = ""
    kind: Literal["neural", "linear"]
    accuracy: float
    accuracy_interval: Interval
    accuracy_spread: Spread
    micro_f1: float | None = None  # of documents with any number of labels, by which systems are ranked then
    micro_f1_interval: Interval | None = None
    micro_f1_spread: Spread | None = None
    macro_f1: float
    macro_f1_interval: Interval | None = None
    ranking: dict[str, RankingScores] = field(default_factory=dict)  # by k, of the first seed
    log_loss: float | None
    calibration_error: float | None = None
    valid_accuracy: float | None = None
    fit_seconds: float
    predict_documents_per_second: float
    size_bytes: int
    seeds: list[SeedScores] = field(default_factory=list)
    epochs: list[EpochRecord] = field(default_factory=list)
    best_epoch: int | None = None
    interrupted: bool = False
    limit: int | None = None  # training documents that it was limited to
    per_class: list[ClassScores] = field(default_factory=list)
    n_classes_left_out: int = 0  # of `per_class`, those with the fewest test documents
    confusion: list[list[int]] = field(default_factory=list)
    hardest_confusions: list[Confusion] = field(default_factory=list)
    slices: list[SliceScores] = field(default_factory=list)
    class_words: dict[str, list[ClassWord]] = field(default_factory=dict)
    reliability: ReliabilityCurve = field(default_factory=ReliabilityCurve)
    coverage: list[AnswerCoverage] = field(default_factory=list)
    hierarchy: HierarchyScores | None = None  # of labels that are paths
    vectors: VectorsSummary | None = None
    notes: list[str] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    wrong_documents: list[WrongDocument] = field(default_factory=list)

    @property
    def score(self) -> float:
        """What systems are ranked by: accuracy, or micro F1 where documents have any number of labels."""
        return self.accuracy if self.micro_f1 is None else self.micro_f1

    @property
    def score_interval(self) -> Interval:
        """The 95 % interval of `score`; the score itself where none is known."""
        return self.accuracy_interval if self.micro_f1 is None else self.micro_f1_interval or (self.score, self.score)

    @property
    def score_spread(self) -> Spread:
        """How far apart the seeds are by `score`."""
        return self.micro_f1_spread or self.accuracy_spread


class FailedSystem(RecordPart):
    """A system that could not be fitted, and why."""

    name: str
    reason: str


class MetricDifference(RecordPart):
    """A metric of one system less that of the other, on the same documents; `p_holm` is corrected for all pairs."""

    difference: float
    interval: Interval
    p_value: float
    p_holm: float
    n_needed: int | None = None  # test documents that would show it


class SystemPair(RecordPart):
    """Two systems compared, the better one by `score` first; `sentence` says no more than the numbers."""

    one: str
    other: str
    n_documents: int
    accuracy: MetricDifference
    micro_f1: MetricDifference | None = None  # of documents with any number of labels
    macro_f1: MetricDifference
    precision: dict[str, MetricDifference] = field(default_factory=dict)  # of the first k labels, by k
    is_better: bool
    sentence: str

    @property
    def score(self) -> MetricDifference:
        """What decides: accuracy, or micro F1 where documents have any number of labels."""
        return self.micro_f1 or self.accuracy


class RunRecord(ExperimentRecord):
    """Several systems fitted to and tested on the same documents."""

    FORMAT: ClassVar[str] = "bywords-run/3"
    MADE_BY: ClassVar[str] = "bywords compare"
    PAGE: ClassVar[str] = "bywords.report.comparison:render_comparison"

    is_multilabel: bool = False  # whether documents have any number of labels
    words: TextStatistics = field(default_factory=TextStatistics)
    test_labels: str  # the true classes, as `pairwise.as_text` writes them
    systems: list[SystemScores] = field(default_factory=list)
    failed: list[FailedSystem] = field(default_factory=list)
    best: str | None = None
    pairwise: list[SystemPair] = field(default_factory=list)
    wrong_documents: list[WrongDocument] = field(default_factory=list)  # of the best system

    def rows(self) -> list[dict[str, Any]]:
        """The scores of each system, the best first as in the record."""
        return [scalars(system, "description", "interrupted", "limit", "best_epoch") for system in self.systems]

    def plot(self, axes: Any = None) -> Any:
        """Draw each system's score with its 95 % interval, the best above; matplotlib's axes."""
        if axes is None:
            axes = needed("matplotlib.pyplot", what="to draw a comparison").subplots()[1]
        systems = sorted(self.systems, key=lambda system: system.score, reverse=True)[
            ::-1
        ]  # of equal ones the first above
        for height, system in enumerate(systems):
            axes.plot(system.score_interval, [height, height], color="C0", alpha=0.5)
            axes.plot(system.score, height, marker="o", color="C0")
        axes.set_yticks(range(len(systems)), [system.name for system in systems])
        axes.set(xlabel="micro F1" if self.is_multilabel else "accuracy")
        return axes

    def _repr_html_(self) -> str:
        rows = [scalars(system, "description", "kind", "interrupted", "limit", "best_epoch") for system in self.systems]
        notes = [f"{one.name} could not be fitted: {one.reason}" for one in self.failed]
        notes += [pair.sentence for pair in self.pairwise[:3]]
        title = f"{len(rows)} systems on {self.corpus.name}: {self.corpus.n_train:,} training documents, "
        return shown_table(f"{title}{self.corpus.n_test:,} to test on", rows, notes=notes)
