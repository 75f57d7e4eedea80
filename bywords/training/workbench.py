"""Encoded documents → candidates fitted to parts of them, judged on what each part holds out, and fitted to all."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, get_args

import numpy as np
import numpy.typing as npt

from bywords.checkpoint import Checkpoint, Entry, check_like
from bywords.cluster import Holder
from bywords.config import to_plain, typed
from bywords.data.targets import Rows, Targets
from bywords.errors import SettingError
from bywords.evaluation.calibration import fit_calibration
from bywords.evaluation.metrics import Metric, log_losses, score
from bywords.fitted import History
from bywords.models.averaging import AveragingConfig
from bywords.models.base import FittedModel, ModelConfig, model_class, restore_model
from bywords.system_config import SystemConfig, TrainingConfig
from bywords.text.bags import Floats
from bywords.text.memory_mapped import JoinedDocuments
from bywords.text.threads import in_threads
from bywords.text.tokenizer import Tokens
from bywords.text.vocabulary import Features, Vocabulary
from bywords.training.callback import Callback
from bywords.training.system import aligned_vectors, check_has_words, fit_model
from bywords.validation import check_count, check_within
from bywords.vectors.word_vectors import Aligned

Item = TypeVar("Item")
Result = TypeVar("Result")
MOST_NUMBERS = 100_000_000  # of a table of rows by classes, or of documents held out by classes

DAN = AveragingConfig(
    dimension=64, hidden_layers=1, weighting="log-tfidf", start=0.03, word_dropout=0.3, dropout=0.3, by_row=True
)
DAN_TRAINING = TrainingConfig(
    batch_size=64, learning_rate=3e-3, row_learning_rate=0.1, decay=True, max_epochs=4, patience=2, refit=True
)


@dataclass(frozen=True)
class Kept:
    """Classes that candidates do not tell from one another, int64 indices: the mean of `others` stands for each."""

    classes: Rows
    others: Rows


KEPT_NONE = Kept(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One candidate, or an ensemble of several, judged on documents held out."""

    name: str
    settings: tuple[ModelConfig, ...]
    accuracy: float  # where documents have any number of labels, the F1 of all decisions together
    log_loss: float  # nats a document, at its own best temperature
    score: float  # by the metric that selects; the higher, the better

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {**vars(self), "settings": [to_plain(member) for member in self.settings]}


@dataclass(frozen=True)
class CandidateResult:
    """A candidate with its answers for all documents held out."""

    trial: Trial
    logits: Floats
    losses: npt.NDArray[np.float64]  # (N,), the log loss of each, calibrated as in the trial
    n_epochs: int | None = None
    duals: Floats | None = None  # of an SVM, (F, N, K) of F parts and all documents, 0 for those held out
    sampled: Rows | None = None  # which of the documents, where the duals are of a sample of these
    before: FittedModel | None = None  # what was there already
    model: FittedModel | None = None  # as it was judged, where it is not fitted again
    notes: tuple[str, ...] = ()  # on that model

    @property
    def config(self) -> ModelConfig:
        return self.trial.settings[0]

    @property
    def start(self) -> Floats | None:
        """Where an SVM on all documents may begin, (N, K): the mean of the parts that had each document."""
        return None if self.duals is None else self.duals.sum(axis=0) / np.float32(max(1, len(self.duals) - 1))


class Workbench:
    """The documents, encoded once, on which candidates are fitted and judged."""

    def __init__(
        self,
        config: SystemConfig,
        vocabulary: Vocabulary,
        documents: Tokens | JoinedDocuments,
        targets: Targets,
        parts: list[tuple[Rows, Rows]],
        *,
        seed: int,
        metric: Metric,
        kept: Kept,
        checkpoint: Checkpoint,
        unlabelled: Tokens | None = None,
        holder: Holder | None = None,
        callback: Callback | None = None,
    ) -> None:
        """Documents of tokens are encoded; of mapped ones, which are, models that were judged are not fitted again.

        In texts that are `unlabelled` it is counted, too, how rare words are. Where candidates learn from mapped
        documents in parts, `holder` has these, and `callback` hears of the rounds.
        """
        check_has_words(vocabulary)
        self.vocabulary = vocabulary
        self.is_mapped = isinstance(documents, JoinedDocuments)
        self.documents = documents if isinstance(documents, JoinedDocuments) else vocabulary.encode(documents)
        self.unlabelled = None if unlabelled is None else vocabulary.encode(unlabelled)
        self.targets, self.parts = targets, parts
        self.held_out = targets.select(np.concatenate([held_out for _, held_out in parts]))
        self.kept = kept
        self.seed, self.metric, self.config, self.checkpoint = seed, metric, config, checkpoint
        self._aligned: Aligned | None = None
        if config.vectors is not None and config.vectors.is_pretrained and not isinstance(documents, JoinedDocuments):
            self._aligned = aligned_vectors(config.vectors.vectors_for(documents, vocabulary), vocabulary, seed=seed)
        self._prepared: dict[Hashable, Any] = {}
        self._holder, self._callback = holder, callback or Callback()
        self._fitting, self._n_fitted, self._n_fits = "", 0, 1

    def each(self, call: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """The results in the order of the items: by threads, or one by one where all workers are at one of them."""
        in_parts = self.is_mapped and any(one.parts > 1 for one in self.config.model.candidates)
        return map(call, items) if in_parts else in_threads(call, items)

    def distinct(self, candidates: Sequence[ModelConfig]) -> list[ModelConfig]:
        """Those that differ: where there are no n-grams, or no character n-grams, to see all is to see less.

        A linear model has a number for each row and class. Of so many that they do not fit it sees fewer rows, or an
        averaging model, whose rows do not grow with the classes, takes its place.

        Raises: SettingError for documents on disk that have too many classes, as those have no such model to select.
        """
        possible = [smaller for one in candidates if (smaller := self._small_enough(one)) is not None]
        if self.is_mapped and not possible:
            raise SettingError(
                f"{self.targets.n_classes:,} classes and {self.vocabulary.n_rows('words'):,} words are too many for a "
                "linear model of documents on disk. Take the system 'dan' or 'label-tree', whose size does not grow "
                "with both; or check that the right column is the label."
            )
        candidates = possible or [replace(DAN, features="words")]
        seen = {one.with_features(self._least(one.features)): one for one in candidates}
        prepared = {_preparation(one, self.vocabulary): one for one in candidates}  # before threads ask for the same
        deque(self.each(self._prepared_for, prepared.values()), maxlen=0)
        self._n_fits = len(seen)
        return list(seen)

    def has_judged(self, config: ModelConfig) -> bool:
        """Whether the checkpoint has an entry of it."""
        return self.checkpoint.has(f"judged-{_key(config)}")

    def judge(
        self,
        config: ModelConfig,
        start: CandidateResult | None = None,
        parts: list[tuple[Any, Targets]] | None = None,
    ) -> CandidateResult:
        """Fit to each part and answer for what it holds out; an SVM goes on from what `start`, one like it, found.

        `parts` is what `_learned_parts` gives, where several candidates share it.
        """
        name = f"judged-{_key(config)}"
        self._n_fitted, self._fitting = self._n_fitted + 1, f"{config.title}, C = {config.C:g}"
        if (before := self.checkpoint.restored(name, lambda entry: self._judged_before(config, entry))) is not None:
            return before
        logits, epochs, duals = [], [], []
        own = self.checkpoint.under(name)
        prepared, learned = self._prepared_for(config), parts or self._learned_parts(config)
        for number, ((kept, held_out), part) in enumerate(zip(self.parts, learned, strict=True)):
            first = sampled = None
            if start is not None and start.duals is not None:
                sampled = start.sampled
                first = start.duals[number] if sampled is not None else start.duals[number][kept]
            model, history, notes = self._fit(
                config, part, held_out, duals=first, sampled=sampled, checkpoint=own.under(str(number))
            )
            if history.interrupted:
                raise KeyboardInterrupt
            if model.duals is not None:
                duals.append(np.zeros((len(self.documents), model.duals.shape[1]), dtype=np.float32))
                duals[-1][kept] = model.duals
            logits.append(model.logits_of(model_class(config).held_out(prepared, held_out)))
            epochs.append(history.best_epoch)
        arrays = {"logits": np.concatenate(logits)}
        if duals:
            arrays["duals"] = np.stack(duals)
        n_epochs = int(np.median(epochs)) or None
        judged = self.result(
            config.title, (config,), arrays["logits"], n_epochs=n_epochs, duals=arrays.get("duals"),
            model=model if self.is_mapped else None, notes=tuple(notes),
        )  # fmt: skip
        if judged.model is not None:
            arrays |= {f"model.{key}": array for key, array in judged.model.arrays().items()}
        self.checkpoint.save(name, arrays, [n_epochs, notes])
        own.forget()
        return judged

    def race(self, candidates: Sequence[ModelConfig], start: CandidateResult | None = None) -> list[CandidateResult]:
        """Judge candidates that differ in their C only, each from where its neighbour stopped, the first from `start`.

        From the first of them to smaller C, until one is worse than the one before by more than chance (its standard
        error on the same documents); and to larger C, where no smaller one was better than the first.
        """
        parts = self._learned_parts(candidates[0])
        judged = [first := self.judge(candidates[0], start, parts)]
        is_race = self.config.model.is_race
        others = sorted(candidates[1:], key=lambda one: one.C)
        smaller = [one for one in reversed(others) if one.C < first.config.C]
        for way in (smaller, [one for one in others if one not in smaller]):
            if is_race and max(one.trial.score for one in judged) > first.trial.score:
                break
            last = first
            for config in way:
                judged.append(one := self.judge(config, start if last.duals is None else last, parts))
                if is_race and self._is_worse(one, last):
                    break
                last = one
        best = max(judged, key=lambda one: one.trial.score)
        if self.is_mapped:  # what others found would take memory, and nobody goes on from it
            return [one if one is best else replace(one, model=None, duals=None) for one in judged]
        return judged

    def look_ahead(self, candidates: Sequence[ModelConfig]) -> list[CandidateResult]:
        """Work out what fitting them to all documents will take, while others are still judged; judges none."""
        for one in () if self.is_mapped else candidates:
            model_class(one).look_ahead(one, self._prepared_for(one), self.targets)
        return []

    def _is_worse(self, one: CandidateResult, other: CandidateResult) -> bool:
        """Whether its score is lower, and its log loss higher by more than its standard error."""
        apart = one.losses - other.losses
        weights = self.held_out.weights / self.held_out.weights.sum(dtype=np.float64)
        mean = float(apart @ weights)
        error = float(np.sqrt(((apart - mean) * weights) @ ((apart - mean) * weights)))
        return one.trial.score <= other.trial.score and mean >= error

    def _judged_before(self, config: ModelConfig, entry: Entry) -> CandidateResult:
        """From the entry of a candidate. Raises SettingError for one that `judge` cannot have saved."""
        n_classes, training = self.targets.n_classes, self.config.training or TrainingConfig()
        own = {"logits": np.empty((len(self.held_out), n_classes), dtype=np.float32)}
        of_model = {key.removeprefix("model."): one for key, one in entry.arrays.items() if key.startswith("model.")}
        own |= {f"model.{key}": one for key, one in of_model.items()}
        if "duals" in entry.arrays:
            n_columns = 1 if self.targets.is_binary else n_classes
            own["duals"] = np.empty((len(self.parts), len(self.documents), n_columns), dtype=np.float32)
            check_within("duals", entry.arrays["duals"], 0, np.inf)
        check_like(entry.arrays, own)
        n_epochs, notes = typed(tuple[int | None, tuple[str, ...]], entry.values, where="it")
        if n_epochs is not None:
            check_count("the number of epochs", n_epochs, least=1, most=training.max_epochs)
        model = None
        if self.is_mapped:
            model = restore_model(config, of_model, vocabulary=self.vocabulary, n_classes=n_classes)
        logits, duals = entry.arrays["logits"], entry.arrays.get("duals")
        return self.result(config.title, (config,), logits, n_epochs=n_epochs, duals=duals, model=model, notes=notes)

    def judge_before(self, model: FittedModel) -> CandidateResult:
        """What was there already, asked for the documents held out."""
        held_out = np.concatenate([held_out for _, held_out in self.parts])
        logits = model.logits(self.documents.select(held_out))
        members = tuple(member.config for member in model.members.values())
        return self.result("what was known before", members, logits, before=model)

    def refit(self, judged: CandidateResult) -> tuple[list[FittedModel], Sequence[str]]:
        """Fit to all documents, for as many epochs as were best, or on from the part that was fitted before.

        Returns: what to take instead, several where those were there before; and what there is to say of it.
        """
        if judged.before is not None:
            return list(judged.before.members.values()), ()
        if judged.model is not None:
            return [judged.model], judged.notes
        config, name = judged.config, f"fitted-{_key(judged.config)}"

        def restore(entry: Entry) -> FittedModel:
            return restore_model(config, entry.arrays, vocabulary=self.vocabulary, n_classes=self.targets.n_classes)

        if (kept := self.checkpoint.restored(name, restore)) is not None:
            return [kept], judged.notes
        everything, own = (self._prepared_for(config), self.targets), self.checkpoint.under(name)
        fitted, history, notes = self._fit(
            config, everything, None, n_epochs=judged.n_epochs, duals=judged.start, checkpoint=own
        )
        if not history.interrupted:
            self.checkpoint.save(name, fitted.arrays())
            own.forget()
        return [fitted], notes

    def result(self, name: str, settings: tuple[ModelConfig, ...], logits: Floats, **more: Any) -> CandidateResult:
        """How good these logits, (N, K), are for the documents held out, at their own best calibration."""
        calibration = fit_calibration(logits, self.held_out)
        probabilities = calibration.probabilities(logits)
        codes, weights = self.held_out.codes, self.held_out.weights
        answers = codes, probabilities, calibration.predict(probabilities)
        losses = log_losses(codes, probabilities)
        trial = Trial(
            name=name,
            settings=settings,
            accuracy=score("micro_f1", *answers),
            log_loss=float(np.average(losses, weights=weights)),
            score=score(self.metric, *answers, weights),
        )
        return CandidateResult(trial, logits, losses, **more)

    def in_words(self, trial: Trial) -> str:
        """How good a candidate was, in words, and by what it is judged."""
        right = f"micro F1 {trial.accuracy:.3f}" if self.targets.is_multilabel else f"right on {trial.accuracy:.1%}"
        if self.metric == "log_loss":
            return f"{right}, log loss {trial.log_loss:.3f}"
        return f"{right}, {self.metric.replace('_', ' ').replace(' f1', ' F1')} {trial.score:.3f}"

    def _fit(
        self,
        config: ModelConfig,
        part: tuple[Any, Targets],
        held_out: Rows | None,
        *,
        n_epochs: int | None = None,
        duals: Floats | None = None,
        sampled: Rows | None = None,
        checkpoint: Checkpoint,
    ) -> tuple[FittedModel, History, list[str]]:
        prepared = self._prepared_for(config)
        valid = None if held_out is None else (prepared.select(held_out), self.targets.select(held_out))
        model, history, notes = fit_model(
            config, *part, valid, vocabulary=self.vocabulary, seed=self.seed,
            training=self.config.training or TrainingConfig(), n_epochs=n_epochs, duals=duals, sampled=sampled,
            aligned=self._aligned if config.dimension is None else None, checkpoint=checkpoint,
        )  # fmt: skip
        if len(self.kept.classes):
            return model.without_opinion(self.kept.classes, self.kept.others), history, notes
        return model, history, notes

    def _learned_parts(self, config: ModelConfig) -> list[tuple[Any, Targets]]:
        """What models with these settings learn from, part by part: what one works out of it the next has."""
        prepared = self._prepared_for(config)
        return [(prepared.select(kept), self.targets.select(kept)) for kept, _ in self.parts]

    def _prepared_for(self, config: ModelConfig) -> Any:
        """What models with these settings take of the documents: shared by all that take the same."""
        key = _preparation(config, self.vocabulary)
        if key not in self._prepared:
            kind = model_class(config)
            more: dict[str, Any] = {}
            if kind.counts_unlabelled and self.unlabelled is not None:
                more["unlabelled"] = self.unlabelled
            if config.parts > 1 and self.is_mapped:
                more |= {"holder": self._holder, "tell": self._tell}
            self._prepared[key] = kind.prepare(config, self.documents, self.vocabulary, **more)
        return self._prepared[key]

    def _tell(self, n_rounds: int, n_expected: int, what: str) -> None:
        """A round of a fit in parts is over. There are as many fits as candidates at most: not all may be tried."""
        done = int(100 * (self._n_fitted - 1 + n_rounds / max(n_rounds, n_expected)))
        self._callback.step(max(1, done), 100 * max(self._n_fitted, self._n_fits), f"{self._fitting}: {what}")

    def _small_enough(self, config: ModelConfig) -> ModelConfig | None:
        """A candidate on as many rows as it asks for, or fewer where there are too many classes; None on none."""
        names: tuple[Features, ...] = get_args(Features)
        width = config.numbers_per_row(self.targets.n_classes)
        for features in reversed(names[: names.index(config.features) + 1]):
            if self.vocabulary.n_rows(features) * width <= MOST_NUMBERS:
                return config.with_features(features)
        return None if width > 1 else config

    def _least(self, features: Features) -> Features:
        """The first of words, n-grams and all that has the same rows."""
        names: tuple[Features, ...] = get_args(Features)
        n_rows = self.vocabulary.n_rows(features)
        return next(name for name in names if self.vocabulary.n_rows(name) == n_rows)


def _preparation(config: ModelConfig, vocabulary: Vocabulary) -> Hashable:
    """What tells what models with these settings take of the documents from what others do."""
    kind = model_class(config)
    return kind.prepare, kind.prepared_by(config, vocabulary)


def _key(config: ModelConfig) -> str:
    """What tells a candidate from all others, as part of a file's name."""
    return hashlib.sha256(json.dumps(to_plain(config)).encode()).hexdigest()[:16]
