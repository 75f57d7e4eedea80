"""Texts and labels in, a trained classifier out: the one object that command line, report and tests hold."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords import artifact, card
from bywords.blend import BlendConfig
from bywords.choice import choose
from bywords.errors import DataError, ModelFolderError, SettingError, did_you_mean
from bywords.evaluation import Evaluation
from bywords.glove import GloveConfig
from bywords.mean_vector import MeanVectorConfig
from bywords.metrics import Labels, accuracy, fit_temperature, softmax
from bywords.models import MODELS
from bywords.packing import Form
from bywords.settings import from_plain, to_plain
from bywords.shrink import Shrunk, shrink
from bywords.splits import stratified_split
from bywords.systems import (
    DEFAULT_SYSTEM,
    SYSTEMS,
    ChoiceConfig,
    FittedModel,
    FittedSystem,
    Listener,
    PretrainedConfig,
    SystemConfig,
    fit_system,
    restore_model,
    with_vectors,
)
from bywords.tfidf import TfidfConfig
from bywords.tokens import Tokenizer, TokenizerConfig, Tokens, checked_texts, chunks_of, in_threads
from bywords.training import History, TrainingConfig
from bywords.version import __version__
from bywords.vocabulary import Vocabulary, VocabularyConfig
from bywords.word2vec import Word2VecConfig

Texts = Sequence[str] | pl.Series
KINDS: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        SystemConfig, TokenizerConfig, VocabularyConfig, TrainingConfig, PretrainedConfig, Word2VecConfig, GloveConfig,
        TfidfConfig, MeanVectorConfig, BlendConfig, ChoiceConfig, *MODELS,
    )
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Predictions:
    """Answers for N documents, in their order."""

    labels: npt.NDArray[Any]  # (N,), of the dtype of `TextClassifier.classes_`
    probabilities: npt.NDArray[np.float64]  # (N, K), each row sums to 1
    known_share: npt.NDArray[np.float32]  # (N,), share of the tokens that the vocabulary has
    nothing_known: npt.NDArray[np.bool_]  # (N,), true where no word is known, nor a piece of one: it says nothing


@dataclass(frozen=True, kw_only=True)
class FitSummary:
    """What a fit used and found. Counts are documents."""

    n_train: int
    n_valid: int
    n_dropped: int  # without tokens, in both parts
    valid_accuracy: float
    temperature: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class ChoiceSummary:
    """What a system that chooses by itself has tried: JSON values, ready for the run record."""

    reason: str
    trials: list[dict[str, Any]]


class TextClassifier:
    """One system of the table, fitted to labelled texts.

    After `fit`: `classes_` (K,) sorted, `config_`, the settings that were fitted, `fitted_`, `temperature_`,
    `summary_`, and `choice_`, None for a system that had nothing to choose.
    """

    def __init__(
        self,
        system: str | SystemConfig = DEFAULT_SYSTEM,
        *,
        vectors: str | None = None,
        validation_share: float = 0.1,
        budget_seconds: float | None = None,
        seed: int = 0,
    ) -> None:
        """`system` is a name in `SYSTEMS` or a config of one's own; `vectors`, a name or a path, replaces its own.

        `validation_share` of the documents of each class is held out to stop early by, to choose by, and to set the
        temperature. A system that chooses by itself tries other settings for `budget_seconds`.
        """
        self.system = system
        self.vectors = vectors
        self.validation_share = validation_share
        self.budget_seconds = budget_seconds
        self.seed = seed
        self.trained_on: dict[str, Any] | None = None  # what the command line trained it on; saved with it
        self.record: dict[str, Any] = {}  # what there is to say of it on its card, beside what it knows; saved with it
        self.forms_: dict[str, Form] = {}  # which arrays are stored smaller

    @property
    def config(self) -> SystemConfig:
        """The system's settings. Raises SettingError for a system that there is not, or one without vectors."""
        if isinstance(self.system, SystemConfig):
            config = self.system
        elif self.system in SYSTEMS:
            config = SYSTEMS[self.system]
        else:
            raise SettingError(
                f"there is no system {self.system!r}.{did_you_mean(self.system, SYSTEMS)} "
                f"The systems are {', '.join(SYSTEMS)}."
            )
        if self.budget_seconds is not None and not isinstance(config.model, ChoiceConfig):
            raise SettingError(
                f"the system {self.system!r} has nothing to choose, so a budget is of no use to it: leave it out, or "
                f"take {DEFAULT_SYSTEM!r}."
            )
        if self.vectors is None:
            return config
        if isinstance(config.model, ChoiceConfig):
            return with_vectors(config, self.vectors)
        if not isinstance(config.vectors, PretrainedConfig):
            raise SettingError(
                f"the system {self.system!r} does not start from given vectors, so `vectors` cannot replace any. "
                f"Those that do: {', '.join(n for n, c in SYSTEMS.items() if isinstance(c.vectors, PretrainedConfig))}."
            )
        return dataclasses.replace(config, vectors=PretrainedConfig(name=self.vectors))

    def fit(
        self,
        texts: Texts,
        labels: Sequence[Any] | npt.NDArray[Any],
        *,
        validation: tuple[Texts, Sequence[Any] | npt.NDArray[Any]] | None = None,
        listener: Listener | None = None,
    ) -> TextClassifier:
        """Learn from N texts and their N labels. Documents without tokens are dropped and counted in `summary_`.

        `validation`, where given, is used instead of a share of the documents. All but the neural systems of the lab
        are fitted once more to all documents, the validation part too, when the temperature is known.

        Raises: DataError for missing or unequal numbers of texts and labels, one class only, no document with tokens.
        """
        started = time.perf_counter()
        config, self.forms_, self.record = self.config, {}, {}
        if isinstance(config.model, BlendConfig):
            raise SettingError(
                f"this model is a blend that {DEFAULT_SYSTEM!r} chose for other texts. To train anew, start from "
                "TextClassifier() and let it choose."
            )
        tokenizer = Tokenizer(config.tokenizer)
        tokens, codes, n_dropped = self._prepare(tokenizer, texts, labels, part="training")
        valid: tuple[Tokens, Labels] | None = None
        if validation is not None:
            valid_tokens, valid_codes, n_dropped_valid = self._prepare(tokenizer, *validation, part="validation")
            valid, n_dropped = (valid_tokens, valid_codes), n_dropped + n_dropped_valid
        if isinstance(config.model, ChoiceConfig):
            chosen = choose(
                config, tokens, codes, valid, n_classes=len(self.classes_), seed=self.seed,
                validation_share=self.validation_share, budget_seconds=self.budget_seconds, listener=listener,
            )  # fmt: skip
            self.choice_: ChoiceSummary | None = ChoiceSummary(
                reason=chosen.reason, trials=[trial.plain() for trial in chosen.trials]
            )
            self.config_, self.fitted_ = chosen.config, chosen.fitted
            logits, valid_codes = chosen.logits, chosen.labels
            n_valid = chosen.n_valid
            n_train = len(tokens) - (n_valid if valid is None else 0)
        else:
            if valid is None:
                kept, held_out = stratified_split(codes, self.validation_share, self.seed)
                valid = tokens.select(held_out), codes[held_out]
                tokens, codes = tokens.select(kept), codes[kept]
            logits = self._fit_one(config, tokens, codes, *valid, listener)
            valid_codes, n_train, n_valid = valid[1], len(tokens), len(valid[0])
        self.temperature_ = fit_temperature(logits, valid_codes)
        self.summary_ = FitSummary(
            n_train=n_train,
            n_valid=n_valid,
            n_dropped=n_dropped,
            valid_accuracy=accuracy(valid_codes, logits.argmax(axis=1)),
            temperature=self.temperature_,
            seconds=time.perf_counter() - started,
        )
        return self

    def _fit_one(
        self,
        config: SystemConfig,
        train: Tokens,
        train_codes: Labels,
        valid: Tokens,
        valid_codes: Labels,
        listener: Listener | None,
    ) -> npt.NDArray[np.float32]:
        """Fit a system that has nothing to choose; its logits for `valid`, from before it was fitted to all."""
        if not len(valid):
            raise DataError("too few documents to hold one out for validation: no class has two. Add documents.")
        more: dict[str, Any] = {"n_classes": len(self.classes_), "seed": self.seed, "listener": listener}
        fitted = fit_system(config, train, train_codes, valid, valid_codes, **more)
        logits = fitted.model.logits(fitted.vocabulary.encode(valid))
        self.config_, self.choice_ = config, None
        history = fitted.history
        if not history.epochs or (config.training is not None and config.training.refit and not history.interrupted):
            # Pre-trained vectors are read again, for the words of all documents. Vectors that were trained are not
            # trained again, so words that only the validation part has are left out.
            if not isinstance(config.vectors, PretrainedConfig):
                more["vectors"] = fitted.vectors
                config = dataclasses.replace(config, leave_out_missing=config.vectors is not None)
            everything, all_codes = train.joined(valid), np.concatenate([train_codes, valid_codes])
            n_epochs = history.best_epoch or None
            try:
                fitted = fit_system(config, everything, all_codes, None, None, n_epochs=n_epochs, **more)
            except KeyboardInterrupt:
                if not history.epochs:
                    raise
                history.interrupted = True  # the model from before stays
            else:
                history.interrupted |= fitted.history.interrupted
                fitted.history = history
        self.fitted_ = fitted
        return logits

    def predict(self, texts: Texts) -> npt.NDArray[Any]:
        """The likeliest label of each text, (N,) of the dtype of `classes_`."""
        return self.predict_documents(texts).labels

    def predict_proba(self, texts: Texts) -> npt.NDArray[np.float64]:
        """The probability of each class, float64 (N, K) in the order of `classes_`."""
        return self.predict_documents(texts).probabilities

    def predict_documents(self, texts: Texts) -> Predictions:
        """Label, probabilities and share of known words of each text; every text gets an answer, an empty one too."""
        checked = checked_texts(texts)
        parts = list(in_threads(self._answers, (checked[start:stop] for start, stop in chunks_of(checked))))
        return Predictions(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def _answers(self, texts: Sequence[str]) -> tuple[npt.NDArray[Any], ...]:
        """The columns of `Predictions`, for some of the texts."""
        if not texts:
            none = np.zeros(0, dtype=np.float32)
            return self.classes_[:0], np.zeros((0, len(self.classes_))), none, none.astype(bool)
        documents = self.fitted_.vocabulary.encode(Tokenizer(self.config_.tokenizer)(texts))
        probabilities = softmax(self.fitted_.model.logits(documents) / self.temperature_)
        labels = self.classes_[probabilities.argmax(axis=1)]
        return labels, probabilities, documents.known_share, documents.nothing_known

    def evaluate(self, texts: Texts, labels: Sequence[Any] | npt.NDArray[Any]) -> Evaluation:
        """Compare the answers for N texts with their true labels. Raises DataError for a label that training lacked."""
        codes = self._codes(np.asarray(labels), part="test")
        answers = self.predict_documents(texts)
        return Evaluation(tuple(map(str, self.classes_)), codes, answers.probabilities, answers.known_share)

    def save(self, folder: Path | str, record: dict[str, Any] | None = None) -> None:
        """Write a model folder that `load` reads; `record` is for its card, as `bywords.card.write` takes it.

        Raises: ModelFolderError when it cannot be written.
        """
        self.record = record or self.record
        parts = self._parts()
        artifact.write_folder(parts, Path(folder), card=self._card(parts))

    def shrink(self, max_bytes: int, texts: Texts, labels: Sequence[Any] | npt.NDArray[Any]) -> Shrunk:
        """Make the folder that `save` writes at most `max_bytes`; N labelled texts say which way costs least.

        The `record` for the card must be there by then: it counts, and may change later by some numbers only.
        Raises: SettingError, with the smallest size that there is, when it cannot be made so small.
        """
        tokens = Tokenizer(self.config_.tokenizer)(texts)
        codes, parts = self._codes(np.asarray(labels), part="validation"), self._parts()

        def judge(vocabulary: Vocabulary, model: FittedModel) -> float:
            return accuracy(codes, model.logits(vocabulary.encode(tokens)).argmax(axis=1))

        files = artifact.contents(parts, card=self._card(parts))
        other = sum(len(content) for name, content in files if name not in (artifact.VOCABULARY, artifact.WEIGHTS))
        other += 1_500 + 64 * len(self.classes_)  # for what it cost, and digits
        shrunk = shrink(self.config_, self.fitted_.vocabulary, self.fitted_.model, max_bytes, judge, other_bytes=other)
        self.config_, self.forms_ = shrunk.config, dict(shrunk.forms)
        self.fitted_ = dataclasses.replace(self.fitted_, vocabulary=shrunk.vocabulary, model=shrunk.model)
        self.record = {**self.record, "size": {"reduction": shrunk.told}}
        return shrunk

    def _parts(self) -> artifact.Parts:
        description = {
            "config": to_plain(self.config_),
            "choice": None if self.choice_ is None else dataclasses.asdict(self.choice_),
            "label_names": self.classes_.tolist(),
            "label_dtype": self.classes_.dtype.str,
            "temperature": self.temperature_,
            "seed": self.seed,
            "trained_on": self.trained_on,
            "validation_share": self.validation_share,
            "summary": dataclasses.asdict(self.summary_),
            "history": dataclasses.asdict(self.fitted_.history),
            "record": self.record,
        }
        return artifact.Parts(description, self.fitted_.vocabulary, self.fitted_.model.arrays(), self.forms_)

    def _card(self, parts: artifact.Parts) -> str:
        own = {
            "system": self.system if isinstance(self.system, str) else "a system of its own",
            "description": self.config_.description,
            "labels": list(map(str, self.classes_)),
            "reason": None if self.choice_ is None else self.choice_.reason,
            "summary": dataclasses.asdict(self.summary_),
            "training": {"seed": self.seed, "validation_share": self.validation_share},
            "config": parts.description["config"],
        }
        return card.write({**own, **self.record, "size": {**artifact.extent(parts), **self.record.get("size", {})}})

    @classmethod
    def load(cls, folder: Path | str) -> TextClassifier:
        """Read a model folder. Raises ModelFolderError, naming the file, when it is missing, damaged or foreign."""
        parts = artifact.read_folder(Path(folder))
        told = parts.description
        try:
            config = from_plain(told["config"], KINDS, where="the config")
            loaded = cls(config, validation_share=told["validation_share"], seed=told["seed"])
            loaded.trained_on, loaded.record = told["trained_on"], told["record"]
            loaded.forms_ = dict(parts.forms)
            loaded.classes_ = np.array(told["label_names"], dtype=told["label_dtype"])
            loaded.config_ = config
            loaded.choice_ = None if told["choice"] is None else ChoiceSummary(**told["choice"])
            parts.vocabulary.config = config.vocabulary
            model = restore_model(config, parts.arrays, vocabulary=parts.vocabulary, n_classes=len(loaded.classes_))
            history = History(**told["history"])
            loaded.fitted_ = FittedSystem(parts.vocabulary, model, history=history)
            loaded.temperature_ = told["temperature"]
            loaded.summary_ = FitSummary(**told["summary"])
        except (KeyError, TypeError, RuntimeError, SettingError) as error:
            raise ModelFolderError(
                f"{folder}: whole, but its settings and weights do not fit this version: {error}. "
                f"It was written by bywords {told['versions']['bywords']}, this is {__version__}."
            ) from error
        return loaded

    def _prepare(
        self, tokenizer: Tokenizer, texts: Texts, labels: Sequence[Any] | npt.NDArray[Any], *, part: str
    ) -> tuple[Tokens, Labels, int]:
        """Tokens and class numbers of the documents that have tokens, and how many have none."""
        tokens = tokenizer(texts)
        names = np.asarray(labels)
        if len(names) != len(tokens):
            raise DataError(f"{len(tokens)} {part} texts and {len(names)} labels: expected as many.")
        is_filled = tokens.lengths > 0
        if not is_filled.any():
            raise DataError(f"none of the {len(tokens)} {part} documents has a word. Check the text column.")
        kept = np.flatnonzero(is_filled)
        if part == "training":
            self.classes_ = np.unique(names[kept])
            if len(self.classes_) < 2:
                raise DataError(
                    f"all labels are {self.classes_.tolist()[0]!r}: expected at least two classes to tell apart."
                )
        return tokens.select(kept), self._codes(names[kept], part=part), int((~is_filled).sum())

    def _codes(self, names: npt.NDArray[Any], *, part: str) -> Labels:
        """The class number of each label, int64 (N,)."""
        codes = np.searchsorted(self.classes_, names)
        codes = np.minimum(codes, len(self.classes_) - 1)
        is_known = self.classes_[codes] == names
        if not np.all(is_known):
            place = int(np.argmin(is_known))
            raise DataError(
                f"the {part} label {names.tolist()[place]!r} of document {place} did not occur in training. "
                f"There are: {', '.join(map(repr, self.classes_.tolist()))}."
            )
        return codes.astype(np.int64)
