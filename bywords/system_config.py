"""The settings of a system: tokenizer, vocabulary, word vectors, model, training. Small, frozen, and saved as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from numbers import Real
from typing import Any, NamedTuple, Self, get_args

from bywords.annotations import check_fields
from bywords.config import kind_of
from bywords.data.groups import Together
from bywords.data.label_paths import check_separator
from bywords.errors import SettingError, check_choice, check_kind, check_range, check_seed
from bywords.evaluation.metrics import Metric
from bywords.models.base import MODELS, ModelConfig
from bywords.text.tokenizer import TokenizerConfig
from bywords.text.vocabulary import VocabularyConfig
from bywords.vectors.glove import GloveConfig
from bywords.vectors.load import GivenVectors, PretrainedConfig
from bywords.vectors.word2vec import Word2VecConfig
from bywords.vectors.word_vectors import VectorsConfig


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Everything `fit` reads. Times are epochs, sizes are documents.

    >>> from dataclasses import replace
    >>> from bywords import SYSTEMS, TrainingConfig
    >>> quick = replace(SYSTEMS["averaging"], training=TrainingConfig(max_epochs=3))
    >>> quick.training.patience
    3
    """

    max_epochs: int = 30
    patience: int = 3  # epochs without a better validation score before stopping
    metric: Metric = "log_loss"  # what the validation score is; of equals the earliest epoch wins
    batch_size: int = 64
    learning_rate: float = 5e-3  # Adam; of the layers behind the word vectors, where those have a rate of their own
    row_learning_rate: float | None = None  # Adagrad, of the word vectors of models that touch few of them in a batch
    decay: bool = False  # all rates fall linearly, to 0 after max_epochs
    weight_decay: float = 0.0  # decoupled, on the linear and recurrent weights, not on word vectors
    max_norm: float | None = None  # length to which a longer gradient is cut
    refit: bool = False  # train once more on all documents, those of validation too, for as many epochs as were best
    like_length: bool = False  # batches of documents of like length, for models whose cost is the longest

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("max_epochs", "patience", "batch_size"):
            check_range(name, getattr(self, name), least=1)
        check_range("learning_rate", self.learning_rate, least=0, below=float("inf"))
        check_range("row_learning_rate", self.row_learning_rate, least=0, below=float("inf"))
        check_range("weight_decay", self.weight_decay, least=0, below=float("inf"))
        check_range("max_norm", self.max_norm, above=0)


@dataclass(frozen=True, kw_only=True)
class SelectionConfig(ModelConfig):
    """Models of which the one that does best on documents held out is selected, or an ensemble of some.

    `bywords.training.model_selection` does it.
    """

    candidates: tuple[ModelConfig, ...] = ()
    candidates_of_many: tuple[ModelConfig, ...] = ()  # instead, where there are too many tokens for character n-grams
    is_race: bool = True  # of candidates that differ in C only, those beyond one that is worse are not tried
    of_many_labels: ModelConfig | None = None  # instead of all, on words alone, where there are very many labels
    title = "selection"

    def __post_init__(self) -> None:
        check_fields(self)
        if not self.candidates:
            raise SettingError("there is nothing to select from: give one candidate at least.")

    def with_label_names(self, names: tuple[str, ...]) -> Self | None:
        """With more candidates, each that learns from names; None where none does."""
        named = tuple(found for one in self.candidates if (found := one.with_label_names(names)) is not None)
        many = self.candidates_of_many and (*self.candidates_of_many, *named)
        return replace(self, candidates=(*self.candidates, *named), candidates_of_many=many) if named else None

    def in_parts(self, n_parts: int) -> Self | None:
        """With those of its candidates in parts that can be; None where none can."""
        of_few, of_many = (
            tuple(one.in_parts(n_parts) or one for one in some) for some in (self.candidates, self.candidates_of_many)
        )
        if (of_few, of_many) == (self.candidates, self.candidates_of_many) and n_parts > 1:
            return None
        return replace(self, candidates=of_few, candidates_of_many=of_many)


@dataclass(frozen=True, kw_only=True)
class SystemConfig:
    """All that makes a system. `training` is for the models that have epochs; the others do not read it.

    >>> from dataclasses import replace
    >>> from bywords import SYSTEMS, TextClassifier, VocabularyConfig
    >>> config = replace(SYSTEMS["tfidf-nb"], vocabulary=VocabularyConfig(max_size=1000))
    >>> TextClassifier(config).fit(texts, labels).predict(["a flat tyre"]).tolist()
    ['garage']
    """

    description: str
    model: ModelConfig
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    vocabulary: VocabularyConfig = field(default_factory=VocabularyConfig)
    vectors: VectorsConfig | None = None
    leave_out_missing: bool = False  # words without a vector leave the vocabulary; else they get a seeded start
    training: TrainingConfig | None = None

    def __post_init__(self) -> None:
        """Raises SettingError, naming the setting, for one that is not of its class: a tokenizer that is a function."""
        check_kind("model", self.model, ModelConfig, "the settings of a model, a ModelConfig as in TfidfConfig()")
        check_kind("tokenizer", self.tokenizer, TokenizerConfig, "settings, as in TokenizerConfig(custom=str.split)")
        check_kind("vocabulary", self.vocabulary, VocabularyConfig, "settings, as in VocabularyConfig(min_count=2)")
        optional = "or None"
        check_kind(
            "vectors", self.vectors, (VectorsConfig, type(None)),
            f'settings, as in PretrainedConfig(name="vectors.txt"), {optional}',
        )  # fmt: skip
        check_kind(
            "training", self.training, (TrainingConfig, type(None)), f"settings, as in TrainingConfig(), {optional}"
        )
        check_fields(self)


@dataclass(frozen=True, kw_only=True)
class FitParameters:
    """What a fit is asked for beside the system; `TextClassifier` has the same parameters, and says what they are."""

    vectors: str | None = None
    class_weight: str | Mapping[Any, float] | None = None
    metric: Metric = "log_loss"
    validation_share: float = 0.1
    budget_seconds: float | None = None
    keep_together: Together = "equal"
    label_hierarchy: str | None = None
    use_label_names: bool = False
    unseen_labels: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises SettingError, naming the parameter, for a value of another kind, or one that cannot be."""
        check_kind("vectors", self.vectors, (str, type(None)), "the name of vectors or the path of a file as a string")
        check_choice("metric", self.metric, get_args(Metric))
        check_kind("validation_share", self.validation_share, Real, "a number between 0 and 1, as in 0.1")
        object.__setattr__(self, "validation_share", float(self.validation_share))  # as it is saved
        check_kind("budget_seconds", self.budget_seconds, (Real, type(None)), "a number of seconds, or None")
        check_range("budget_seconds", self.budget_seconds, above=0, below=float("inf"))
        check_choice("keep_together", self.keep_together, get_args(Together))
        check_kind("label_hierarchy", self.label_hierarchy, (str, type(None)), "what separates levels, as in '/'")
        if self.label_hierarchy is not None:
            check_separator(self.label_hierarchy)
        check_kind("use_label_names", self.use_label_names, bool, "True or False")
        check_kind("unseen_labels", self.unseen_labels, (list, tuple), "labels as strings, as in ['late delivery']")
        object.__setattr__(self, "unseen_labels", tuple(self.unseen_labels))
        for label in self.unseen_labels:
            check_kind("unseen_labels", label, str, "labels as strings, as in ['late delivery']")
        check_seed(self.seed)


def setting_kinds() -> dict[str, type]:
    """The classes that the settings of a system may have, by the names under which they are saved."""
    own = (SystemConfig, TokenizerConfig, VocabularyConfig, TrainingConfig, SelectionConfig)
    of_vectors = (GivenVectors, PretrainedConfig, Word2VecConfig, GloveConfig)
    of_models = (model.Config for model in MODELS.values())
    return {kind_of(kind): kind for kind in (*own, *of_vectors, *of_models)}


class SettingRow(NamedTuple):
    """A setting as a reader sees it: `lines` are its value, one but for several settings in one."""

    name: str  # as `--set` has it: model.C
    lines: list[str]
    default: str | None  # what it is where nothing is said; None where that is the same, or not known


def setting_rows(plain: Mapping[str, Any]) -> list[SettingRow]:
    """Settings as `to_plain` gives them → a row each, in their order; a group of settings has one with its kind.

    The description of a system is none of them. Of a kind that is not known there are no defaults.
    """
    return [row for row in _rows(plain, setting_kinds(), "") if row.name not in ("kind", "description")]


def _rows(plain: Mapping[str, Any], kinds: Mapping[str, type], prefix: str) -> Iterator[SettingRow]:
    defaults = _defaults(plain, kinds)
    for name, value in plain.items():
        if isinstance(value, Mapping):
            yield SettingRow(prefix + name, [_kind_shown(value)], None)
            yield from (row for row in _rows(value, kinds, f"{prefix}{name}.") if row.name != f"{prefix}{name}.kind")
            continue
        several = isinstance(value, list) and any(isinstance(item, Mapping) for item in value)
        lines = [_in_a_line(item, kinds) for item in value] if several else [_value_shown(value)]
        differs = name in defaults and defaults[name] != value and not several
        yield SettingRow(prefix + name, lines, _value_shown(defaults[name]) if differs else None)


def _defaults(plain: Mapping[str, Any], kinds: Mapping[str, type]) -> dict[str, Any]:
    """The JSON values that settings of this kind have where nothing is said, those that are no groups."""
    known: Any = kinds.get(str(plain.get("kind")))
    own = [] if known is None else [each for each in fields(known) if each.default is not MISSING]
    return {each.name: list(each.default) if isinstance(each.default, tuple) else each.default for each in own}


def _in_a_line(value: Any, kinds: Mapping[str, type]) -> str:
    """The kind of settings, and what is not as by default."""
    if not isinstance(value, Mapping):
        return _value_shown(value)
    defaults = _defaults(value, kinds)
    own = (f"{name} {_value_shown(its)}" for name, its in value.items() if name != "kind" and defaults.get(name) != its)
    return ", ".join([_kind_shown(value), *own])


def _kind_shown(plain: Mapping[str, Any]) -> str:
    return str(plain.get("kind", "settings")).removesuffix("Config")


def _value_shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_value_shown, value)) or "none"
    if isinstance(value, Mapping):
        return _kind_shown(value)
    if value is None or value == "":
        return "none"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
