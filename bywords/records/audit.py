"""The record of an audit: what is wrong with labelled documents. Rows count from 0 in the files given."""

from __future__ import annotations

from dataclasses import field
from typing import Any, ClassVar, Literal

from bywords.display import shown_table
from bywords.extras import needed
from bywords.records.base import Interval, Part, Quantiles, Record, RecordPart, scalars


class AuditedData(RecordPart):
    """The documents that were looked at; `test` is None where there was no test part."""

    train: str
    test: str | None = None
    n_train: int
    n_test: int = 0
    columns: str | None = None  # which were read as what; None where the files have none
    label_names: list[str]
    class_counts: dict[Part, list[int]]
    n_drawn: int | None = None  # training documents that leakage, drift and profile are of, where not of all


class DuplicatesWithin(RecordPart):
    """Documents of one part that have duplicates there. One with an exact duplicate is not counted for its near ones.

    Of the groups with different labels, `n_conflicting`, `n_conflicting_exact` have them for one and the same text.
    """

    n_exact: int
    n_near: int
    n_groups: int
    n_conflicting: int
    n_conflicting_exact: int


class DuplicatesAcross(RecordPart):
    """Test documents that have duplicates in training; `n_conflicting` have one with another label."""

    n_exact: int
    n_near: int
    n_test_documents: int
    n_conflicting: int


class AccuracyOn(RecordPart):
    """How often a system is right on some test documents; None where there are none."""

    n_documents: int
    accuracy: float | None = None
    interval: Interval | None = None


class Gain(RecordPart):
    """How much more often a system is right when it learns from something than when it does not."""

    difference: float
    interval: Interval


class DuplicateImpact(RecordPart):
    """What duplicates across the parts do to a test score."""

    system: str
    all_documents: AccuracyOn
    without_duplicates: AccuracyOn
    duplicates_only: AccuracyOn
    gain: Gain | None = None  # of learning from the duplicates; None where it cannot be measured


class DuplicateCounts(RecordPart):
    """How many documents have duplicates, and what these do; None where it was not looked at."""

    threshold: float  # similarity at or above which two texts are near duplicates
    train: DuplicatesWithin
    test: DuplicatesWithin | None = None
    across: DuplicatesAcross | None = None
    impact: DuplicateImpact | None = None


class DuplicatePair(RecordPart):
    """Two documents of one part, the earlier first, or (across) a training document and a test document."""

    row: int
    other_row: int
    similarity: float
    kind: Literal["exact", "near"]
    same_label: bool
    labels: list[str]  # of both; where a document has several, with commas between them


class DuplicatePairs(RecordPart):
    """The pairs of each kind, the most similar first."""

    across: list[DuplicatePair]
    train: list[DuplicatePair]
    test: list[DuplicatePair]


class LabelError(RecordPart):
    """A training document, the label that models give it that have not seen it, and how sure they are."""

    row: int
    label: str
    suggested: str
    confidence: float
    is_flagged: bool  # as likely wrong


class PatternName(RecordPart):
    """A pattern in texts, by its kind."""

    kind: str
    what: str


class LeakingPattern(PatternName):
    """A pattern that gives its class away: `n_of_class` of its `n_documents` are of that class, a `share` of them."""

    label: str
    n_documents: int
    n_of_class: int
    share: float
    lower_bound: float  # Wilson's, of the share
    share_of_class: float  # that has the pattern
    lift: float  # over guessing
    rows: list[int]  # of some
    also: list[PatternName]  # others that nearly the same documents have


class LeakageKind(RecordPart):
    """The patterns of one kind, and how often they alone are right."""

    kind: str
    n_patterns: int
    n_documents: int
    accuracy: float | None = None


class HeaderField(RecordPart):
    """How often the value of a header field gives the class; `guess` is the accuracy of the commonest class."""

    field: str
    n_documents: int
    n_values: int
    accuracy: float
    interval: Interval
    guess: float


class LeakageRule(RecordPart):
    """How often patterns are right on documents that they were not chosen on; `n_decided` documents have one."""

    n_documents: int
    n_decided: int
    accuracy_of_decided: float | None
    accuracy: float
    interval: Interval
    guess: float


class Leakage(RecordPart):
    """What gives classes away, the patterns of the most documents first; `n_found` counts those not listed too."""

    found: list[LeakingPattern] = field(default_factory=list)
    n_found: int = 0
    kinds: list[LeakageKind] = field(default_factory=list)
    fields: list[HeaderField] = field(default_factory=list)
    rule: LeakageRule | None = None  # None where documents have any number of labels


class DriftWord(RecordPart):
    """A word that is commoner in one part, with its documents in a thousand of each; `g2` says how surely."""

    word: str
    train_per_thousand: float
    test_per_thousand: float
    g2: float


class Drift(RecordPart):
    """How well a classifier tells test documents from training documents; None where there are too few.

    `auc` is how often it ranks a test document above a training document, .5 being chance. `roc` has the shares of the
    documents of each part above ever lower thresholds, `words` the words that are commoner in that part.
    """

    auc: float | None = None
    interval: Interval | None = None
    n_compared: int  # of each part
    is_drift: bool | None = None  # the whole interval is above .5
    verdict: str
    roc: dict[Part, list[float]] | None = None
    median_tokens: dict[Part, float | None]
    words: dict[Part, list[DriftWord]]


class DocumentCount(RecordPart):
    """How many documents, their share of the part, and the rows of the first of them."""

    n_documents: int
    share: float | None
    rows: list[int]


class ScriptCount(RecordPart):
    """Documents whose letters are mostly of one script."""

    script: str
    n_documents: int
    share: float


class Remains(RecordPart):
    """Documents with traces of markup and of broken encodings."""

    html_tag: DocumentCount
    html_entity: DocumentCount
    url: DocumentCount
    broken_encoding: DocumentCount
    control_sign: DocumentCount


class PartProfile(RecordPart):
    """What the documents of one part look like."""

    n_documents: int
    n_distinct_texts: int
    characters: Quantiles | None
    tokens: Quantiles | None
    very_long: DocumentCount
    very_short: DocumentCount
    without_words: DocumentCount
    unlike_the_rest: DocumentCount
    scripts: list[ScriptCount]
    mixed: DocumentCount
    remains: Remains


class ClassProfile(RecordPart):
    """The documents of one class; `length_auc` is how often one of them is longer than one of the others."""

    label: str
    n_train: int
    share: float | None
    n_test: int | None
    is_small: bool
    median_tokens: float | None
    length_auc: float | None
    is_told_by_length: bool


class ClassHistograms(RecordPart):
    """Training documents by their tokens, a row of counts for each class."""

    edges: list[int]
    counts: list[list[int]]


class WordCount(RecordPart):
    """A word, and the documents that have it."""

    word: str
    n_documents: int


class KnownWords(RecordPart):
    """How much of the test part's words training has."""

    n_tokens: int
    tokens_share: float | None
    n_types: int
    types_share: float | None
    half_unknown: DocumentCount  # test documents of whose words training has less than half
    unknown_words: list[WordCount]


class ProfileLimits(RecordPart):
    """The limits that a profile was made with."""

    small_class: int
    very_long: float
    very_short: float
    mixed: float
    told_by_length: float
    half_known: float


class Profile(RecordPart):
    """What the documents look like; `names_alike` are label names that differ by case and spaces only."""

    parts: dict[Part, PartProfile]
    classes: list[ClassProfile]
    lengths_by_class: ClassHistograms
    names_alike: list[list[str]]
    known_words: KnownWords | None
    limits: ProfileLimits


class AuditRecord(Record):
    """What is wrong with labelled documents. What could not be found out is None or empty, and `notes` say why."""

    FORMAT: ClassVar[str] = "bywords-audit/3"
    MADE_BY: ClassVar[str] = "bywords audit"
    PAGE: ClassVar[str] = "bywords.report.audit:render_audit"

    seed: int
    data: AuditedData
    notes: list[str]
    duplicates: DuplicateCounts
    duplicate_pairs: DuplicatePairs
    label_errors: list[LabelError]  # training documents, the likeliest errors first: all, or of very many the first
    n_flagged: int  # of all
    without_words: dict[Part, list[int]]  # rows
    leakage: Leakage
    drift: Drift | None
    profile: Profile
    texts: dict[Part, dict[str, str]]  # the beginnings of those that a page shows, by their rows
    interrupted: bool = False  # by Ctrl-C; `notes` say what is missing

    @property
    def small_classes(self) -> list[ClassProfile]:
        """Classes with too few training documents, the smallest first."""
        return sorted((row for row in self.profile.classes if row.is_small), key=lambda row: row.n_train)

    def rows(self) -> list[dict[str, Any]]:
        """The training documents whose label is doubtful, the likeliest error first."""
        return [scalars(error) for error in self.label_errors]

    def plot(self, axes: Any = None) -> Any:
        """Draw which share of each part's documents each finding concerns, with their number; matplotlib's axes."""
        if axes is None:
            axes = needed("matplotlib.pyplot", what="to draw an audit").subplots()[1]
        found = self._shares()
        for height, (name, n_concerned, n_documents) in enumerate(reversed(found)):
            share = n_concerned / n_documents
            axes.barh(height, share, color="C1" if name.startswith("test") else "C0")
            axes.annotate(f"{n_concerned:,}", (share, height), (4, 0), textcoords="offset points", va="center")
        axes.set_yticks(range(len(found)), [name for name, *_ in reversed(found)])
        axes.set(xlabel="share of the part's documents")
        axes.margins(x=0.15)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:.3g} %")
        return axes

    def _shares(self) -> list[tuple[str, int, int]]:
        """Each finding that was looked for: its name with the part, how many documents it concerns, of how many."""
        kinds, sizes = self.duplicates, {"train": self.data.n_train, "test": self.data.n_test}
        found = [("train: label likely wrong", self.n_flagged, self.data.n_train)]
        for part, within in (("train", kinds.train), ("test", kinds.test)):
            if within is not None:
                found.append((f"{part}: exact duplicate in it", within.n_exact, sizes[part]))
                found.append((f"{part}: near duplicate in it", within.n_near, sizes[part]))
        if kinds.across is not None:
            found.append(("test: duplicate in train", kinds.across.n_test_documents, self.data.n_test))
        found += [(f"{part}: without words", len(rows), sizes[part]) for part, rows in self.without_words.items()]
        return [row for row in found if row[2]]

    def _repr_html_(self) -> str:
        flagged = [row for row in self.rows() if row.pop("is_flagged")]
        small = [f"Few documents have {row.label}: {row.n_train:,}." for row in self.small_classes[:3]]
        title = f"{self.n_flagged:,} labels are likely wrong"
        return shown_table(title, flagged, notes=[*self.notes, *small])
