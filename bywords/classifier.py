"""Texts and labels in, a trained classifier out: the one object that command line, report and tests hold."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from bywords.artifact import model_card, model_folder, quantization
from bywords.artifact.compression import Compressed, compress
from bywords.checkpoint import NO_CHECKPOINT, Checkpoint, Run, fingerprint
from bywords.config import from_plain, to_plain
from bywords.data.labels import (
    Given,
    LabelFormat,
    check_label_format,
    classes_of,
    codes_of,
    names_of,
    read_labels,
    weights_of,
)
from bywords.data.targets import Codes, Targets
from bywords.errors import DataError, ModelFolderError, SettingError, did_you_mean, quoted
from bywords.evaluation import calibration
from bywords.evaluation.calibration import Calibration, Sigmoids, fit_calibration
from bywords.evaluation.evaluation import AnyEvaluation, Evaluation, ManyLabelsEvaluation
from bywords.evaluation.metrics import Metric, check_metric, score, softmax
from bywords.evaluation.reliability import Reliability, floor_of, in_vocabulary_share_elsewhere, lower_floor
from bywords.explain.class_words import class_words
from bywords.explain.counterfactual import Counterfactual, counterfactual
from bywords.explain.explanation import Explanation, explain
from bywords.explain.parts import Parts
from bywords.io.on_disk import OnDiskCorpus, OnDiskPart
from bywords.models.ensemble import EnsembleConfig
from bywords.models.mean_vector import MeanVectorConfig
from bywords.models.modules import MODELS
from bywords.models.tfidf_linear import TfidfConfig
from bywords.systems import (
    DEFAULT_SYSTEM,
    SYSTEMS,
    Callback,
    FittedModel,
    FittedSystem,
    PretrainedConfig,
    SelectionConfig,
    SystemConfig,
    check_can_train_on_disk,
    fit_model,
    fit_system,
    restore_model,
    with_vectors,
)
from bywords.text.inputs import checked_texts
from bywords.text.threads import chunks_of, in_threads
from bywords.text.tokenizer import Tokenizer, TokenizerConfig, Tokens
from bywords.text.vocabulary import Vocabulary, VocabularyConfig
from bywords.training.incremental import check_can_continue, continue_fit, standing_for, too_few
from bywords.training.loop import History, TrainingConfig
from bywords.training.model_selection import select_model
from bywords.vectors.glove import GloveConfig
from bywords.vectors.word2vec import Word2VecConfig
from bywords.version import __version__

DOCUMENTS_AT_A_TIME = 4096  # documents on disk that are answered at a time
Texts = Sequence[str] | pl.Series | npt.NDArray[Any]
Labels = Sequence[Any] | npt.NDArray[Any] | pl.Series
Fit = TypeVar("Fit", bound=Callable[..., Any])
KINDS: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        SystemConfig, TokenizerConfig, VocabularyConfig, TrainingConfig, PretrainedConfig, Word2VecConfig, GloveConfig,
        TfidfConfig, MeanVectorConfig, EnsembleConfig, SelectionConfig, *MODELS,
    )
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Predictions:
    """Answers for N documents, in their order."""

    labels: npt.NDArray[Any]  # as `TextClassifier.predict` has them
    probabilities: npt.NDArray[np.float64]  # (N, K); each row sums to 1, or each number is for itself
    in_vocabulary_share: npt.NDArray[np.float32]  # (N,), share of the tokens that the vocabulary has
    all_out_of_vocabulary: npt.NDArray[
        np.bool_
    ]  # (N,), true where no word is known, nor a piece of one: it says nothing
    out_of_distribution: npt.NDArray[
        np.bool_
    ]  # (N,), true where fewer words are known than of nearly all that was learned
    logits: npt.NDArray[np.float32]  # (N, K), what the probabilities are made of by `calibration_`


@dataclass(frozen=True, kw_only=True)
class FitSummary:
    """What a fit used and found. Counts are documents."""

    n_train: int
    n_valid: int
    n_dropped: int  # without tokens, in both parts
    valid_accuracy: float  # where documents have any number of labels, the F1 of all decisions together
    n_before: int = 0  # that a model which went on had been fitted to
    n_new_words: int = 0
    new_classes: list[Any] = dataclasses.field(default_factory=list)
    kept_classes: list[Any] = dataclasses.field(default_factory=list)  # old ones that few of the documents were of

    @property
    def n_documents(self) -> int:
        """All that were learned from."""
        return self.n_before + self.n_train + self.n_valid


@dataclass(frozen=True, kw_only=True)
class SelectionSummary:
    """What a system that chooses by itself has tried: JSON values, ready for the run record."""

    reason: str
    trials: list[dict[str, Any]]


def _all_or_nothing(fit: Fit) -> Fit:
    """A fit that raises leaves the classifier as it was before, fitted or not."""

    @functools.wraps(fit)
    def fitted_or_as_before(self: TextClassifier, *arguments: Any, **more: Any) -> TextClassifier:
        before = dict(self.__dict__)
        try:
            return fit(self, *arguments, **more)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    return fitted_or_as_before  # type: ignore[return-value]


class TextClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """One system of the table, fitted to labelled texts; an estimator of scikit-learn's.

    After `fit`: `classes_` (K,) sorted, `config_`, the settings that were fitted, `fitted_`, `calibration_`, `reliability_`,
    `summary_`, `seconds_`, and `selection_`, None for a system that had nothing to choose.
    """

    classes_: npt.NDArray[Any]
    label_format_: LabelFormat
    calibration_: Calibration
    reliability_: Reliability  # what answers for documents held out say of answers to come
    parameters_: dict[str, Any]  # all that `__init__` took when it was fitted
    trained_on: Mapping[str, Any] | None = None  # what the command line trained it on; saved with it
    record_: Mapping[str, Any] = MappingProxyType({})  # what its card says beside what it knows; saved with it
    storage_: Mapping[str, quantization.StorageFormat] = MappingProxyType({})  # which arrays are stored smaller
    checkpoint_: Checkpoint = NO_CHECKPOINT  # of the last fit; finished when what was fitted is saved

    def __init__(
        self,
        system: str | SystemConfig = DEFAULT_SYSTEM,
        *,
        vectors: str | None = None,
        class_weight: str | Mapping[Any, float] | None = None,
        metric: Metric = "log_loss",
        validation_share: float = 0.1,
        budget_seconds: float | None = None,
        seed: int = 0,
    ) -> None:
        """`system` is a name in `SYSTEMS` or a config of one's own; `vectors`, a name or a path, replaces its own.

        `class_weight` is "balanced", so that each class counts the same, or a weight for each label. `metric` is what
        epochs and candidates are judged by: "log_loss", "accuracy", "balanced_accuracy", "micro_f1" or "macro_f1".
        `validation_share` of the documents of each class is held out to stop early by, to choose by, and to set the
        temperature. A system that chooses by itself tries other settings for `budget_seconds`.
        """
        self.system = system
        self.vectors = vectors
        self.class_weight = class_weight
        self.metric = metric
        self.validation_share = validation_share
        self.budget_seconds = budget_seconds
        self.seed = seed

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
        if self.budget_seconds is not None and not isinstance(config.model, SelectionConfig):
            raise SettingError(
                f"the system {self.system!r} has nothing to choose, so a budget is of no use to it: leave it out, or "
                f"take {DEFAULT_SYSTEM!r}."
            )
        if self.vectors is None:
            return config
        if isinstance(config.model, SelectionConfig):
            return with_vectors(config, self.vectors)
        if not isinstance(config.vectors, PretrainedConfig):
            raise SettingError(
                f"the system {self.system!r} does not start from given vectors, so `vectors` cannot replace any. "
                f"Those that do: {', '.join(n for n, c in SYSTEMS.items() if isinstance(c.vectors, PretrainedConfig))}."
            )
        return dataclasses.replace(config, vectors=PretrainedConfig(name=self.vectors))

    @property
    def is_multilabel(self) -> bool:
        """Whether texts have any number of labels. Raises NotFittedError before `fit`."""
        check_is_fitted(self)
        return self.label_format_ != "one"

    @_all_or_nothing
    def fit(
        self,
        texts: Texts,
        y: Labels,
        sample_weight: npt.ArrayLike | None = None,
        *,
        validation: tuple[Texts, Labels] | None = None,
        callback: Callback | None = None,
        checkpoint: Path | str | None = None,
        resume: bool = False,
    ) -> TextClassifier:
        """Learn from N texts and their N labels. Documents without tokens are dropped and counted in `summary_`.

        Labels are one a document, or any number: lists of labels, or a table of 0 and 1 (N, K), as `bywords.data.labels`
        reads them. Those may be strings, whole numbers or booleans. `sample_weight` is what each document counts.
        `validation`, where given, is used instead of a share of the documents. All but the neural systems of the lab
        are fitted once more to all documents, the validation part too, when the temperature is known.

        `checkpoint` is a folder that keeps what has been worked out, until `save` has saved it all. With `resume`, what
        is there already is not done again, and the fit ends with the same bits; where nothing is, it starts afresh.

        Raises: DataError for missing or unequal numbers of texts and labels, one class only, no document with tokens;
        SettingError for a checkpoint of another run, or an unfinished one without `resume`.
        """
        started = time.perf_counter()
        config, self.storage_, self.record_ = self.config, {}, {}
        self.parameters_ = self.get_params(deep=False)
        if isinstance(config.model, EnsembleConfig):
            raise SettingError(
                f"this model is a blend that {DEFAULT_SYSTEM!r} chose for other texts. To train anew, start from "
                "TextClassifier() and let it choose."
            )
        tokenizer = Tokenizer(config.tokenizer)
        tokens, given, weights, n_dropped = self._prepare(tokenizer, texts, y, sample_weight, part="training")
        targets = self._learn_classes(given, weights)
        valid: tuple[Tokens, Targets] | None = None
        if validation is not None:
            valid_tokens, given, weights, n_dropped_valid = self._prepare(
                tokenizer, *validation, None, part="validation"
            )
            codes = codes_of(given, self.classes_, self.label_format_, part="validation")
            valid_targets = Targets.of(codes, len(self.classes_), weights=self._weights(given, weights))
            valid, n_dropped = (valid_tokens, valid_targets), n_dropped + n_dropped_valid
        check_metric(self.metric, is_multilabel=targets.is_multilabel)
        self.checkpoint_ = NO_CHECKPOINT
        if checkpoint is not None:
            run = _run_of(self, (tokens, targets), valid)
            self.checkpoint_ = Checkpoint.open(Path(checkpoint), run, resume=resume)
        everything = tokens if valid is None else tokens.joined(valid[0])
        if isinstance(config.model, SelectionConfig):
            chosen = select_model(
                config, tokens, targets, valid, seed=self.seed, metric=self.metric,
                validation_share=self.validation_share, budget_seconds=self.budget_seconds, callback=callback,
                checkpoint=self.checkpoint_,
            )  # fmt: skip
            self.selection_: SelectionSummary | None = SelectionSummary(
                reason=chosen.reason, trials=[trial.plain() for trial in chosen.trials]
            )
            self.config_, self.fitted_ = chosen.config, chosen.fitted
            logits, held_out_targets = chosen.logits, chosen.targets
            n_valid = chosen.n_valid
            n_train = len(tokens) - (n_valid if valid is None else 0)
        else:
            if valid is None:
                kept, held_out = targets.split(self.validation_share, self.seed)
                valid = tokens.select(held_out), targets.select(held_out)
                tokens, targets = tokens.select(kept), targets.select(kept)
            logits = self._fit_one(config, tokens, targets, *valid, callback)
            held_out_targets, n_train, n_valid = valid[1], len(tokens), len(valid[0])
        floor = floor_of(in_vocabulary_share_elsewhere(self.fitted_.vocabulary, everything))
        self._calibrate(logits, held_out_targets, floor, n_train=n_train, n_valid=n_valid, n_dropped=n_dropped)
        self.seconds_ = time.perf_counter() - started
        return self

    def _fit_one(
        self,
        config: SystemConfig,
        train: Tokens,
        targets: Targets,
        valid: Tokens,
        valid_targets: Targets,
        callback: Callback | None,
    ) -> npt.NDArray[np.float32]:
        """Fit a system that has nothing to choose; its logits for `valid`, from before it was fitted to all."""
        if not len(valid):
            raise DataError("too few documents to hold one out for validation: no class has two. Add documents.")
        if config.training is not None and self.metric != "log_loss":
            config = dataclasses.replace(config, training=dataclasses.replace(config.training, metric=self.metric))
        more: dict[str, Any] = {"seed": self.seed, "listener": callback}
        fitted = fit_system(
            config, train, targets, valid, valid_targets, checkpoint=self.checkpoint_.under("first"), **more
        )
        logits = fitted.model.logits(fitted.vocabulary.encode(valid))
        self.config_, self.selection_ = config, None
        history = fitted.history
        if not history.epochs or (config.training is not None and config.training.refit and not history.interrupted):
            # Pre-trained vectors are read again, for the words of all documents. Vectors that were trained are not
            # trained again, so words that only the validation part has are left out.
            if not isinstance(config.vectors, PretrainedConfig):
                more["vectors"] = fitted.vectors
                config = dataclasses.replace(config, leave_out_missing=config.vectors is not None)
            everything, all_targets = train.joined(valid), targets.joined(valid_targets)
            more |= {"n_epochs": history.best_epoch or None, "checkpoint": self.checkpoint_.under("again")}
            try:
                fitted = fit_system(config, everything, all_targets, None, None, **more)
            except KeyboardInterrupt:
                if not history.epochs:
                    raise
                history.interrupted = True  # the model from before stays
            else:
                history.interrupted |= fitted.history.interrupted
                fitted.history = history
        self.fitted_ = fitted
        return logits

    @_all_or_nothing
    def fit_on_disk(
        self,
        corpus: OnDiskCorpus,
        *,
        callback: Callback | None = None,
        checkpoint: Path | str | None = None,
        resume: bool = False,
    ) -> TextClassifier:
        """Learn from documents in files, whatever their size, with an averaging model; memory holds some at a time.

        The corpus was made with the tokenizer of this classifier's `config`, and its vocabulary is the model's. The
        model is that of its best epoch: it is not fitted once more to all documents. `checkpoint` and `resume` as for
        `fit`.

        Raises: SettingError for a system that needs all documents in memory.
        """
        started = time.perf_counter()
        model_config = check_can_train_on_disk(self.config, str(self.system))
        label_format: LabelFormat = "sets" if corpus.is_multilabel else "one"
        check_metric(self.metric, is_multilabel=corpus.is_multilabel)
        training = dataclasses.replace(self.config.training or TrainingConfig(), metric=self.metric, refit=False)
        config = dataclasses.replace(
            self.config, tokenizer=corpus.tokenizer, vocabulary=corpus.vocabulary.config, training=training
        )
        self.classes_, self.label_format_, self.storage_, self.record_ = (
            np.array(corpus.label_names),
            label_format,
            {},
            {},
        )
        self.parameters_ = self.get_params(deep=False)
        by_class = self._weights_of_classes(corpus)
        targets, valid_targets = (
            Targets.of(part.codes, len(self.classes_), weights=None if by_class is None else by_class[part.codes])
            for part in (corpus.train, corpus.valid)
        )
        self.checkpoint_ = NO_CHECKPOINT
        if checkpoint is not None:
            parts = ("training", targets), ("validation", valid_targets)
            data = {part: fingerprint(its.codes, its.weights) for part, its in parts}
            data |= {"texts": corpus.facts.train.fingerprint, "classes": fingerprint(self.classes_)}
            run = Run(data, {"bywords": __version__, "seed": self.seed, **to_plain(config)})
            self.checkpoint_ = Checkpoint.open(Path(checkpoint), run, resume=resume)
        model, history = fit_model(
            model_config, corpus.train.documents, targets, (corpus.valid.documents, valid_targets),
            vocabulary=corpus.vocabulary, seed=self.seed, training=training, callback=callback,
            checkpoint=self.checkpoint_,
        )  # fmt: skip
        self.config_, self.selection_ = config, None
        self.fitted_ = FittedSystem(corpus.vocabulary, model, history=history)
        logits, shares = [], []
        for documents in corpus.valid.documents.batches(DOCUMENTS_AT_A_TIME):
            logits.append(model.logits(documents))
            shares.append(documents.in_vocabulary_share)
        self._calibrate(
            np.concatenate(logits),
            valid_targets,
            floor_of(np.concatenate(shares)),
            n_train=len(targets),
            n_valid=len(valid_targets),
            n_dropped=corpus.facts.n_dropped_train,
        )
        self.seconds_ = time.perf_counter() - started
        return self

    def _weights_of_classes(self, corpus: OnDiskCorpus) -> npt.NDArray[np.float64] | None:
        """What a document of each class counts, float64 (K,); None where all count the same."""
        if self.class_weight is None:
            return None
        each = Given(
            self.label_format_, self.classes_, np.arange(len(self.classes_) + 1), self.classes_
        )  # one document a class
        weights = weights_of(self.class_weight, each, self.classes_, None)
        if self.class_weight == "balanced":
            counts = corpus.facts.train.counts()
            weights = counts.sum() / (len(counts) * counts)
        return weights

    @_all_or_nothing
    def continue_fit(
        self,
        texts: Texts,
        y: Labels,
        sample_weight: npt.ArrayLike | None = None,
        *,
        validation: tuple[Texts, Labels] | None = None,
        callback: Callback | None = None,
        checkpoint: Path | str | None = None,
        resume: bool = False,
    ) -> TextClassifier:
        """Go on from what has been fitted, with more texts and their labels; `summary_` counts what is new in them.

        New words and new classes are learned too. The old texts are not needed, but without them the new ones have to
        be like what will come: of classes that few of them are of, what was known before stays as it was, and
        `summary_.kept_classes` names them. Arguments as for `fit`.

        Raises: SettingError for a system that cannot go on; DataError as `fit`, and for labels of another form or type.
        """
        started = time.perf_counter()
        check_is_fitted(self)
        check_can_continue(self.config_)
        tokenizer = Tokenizer(self.config_.tokenizer)
        tokens, given, weights, n_dropped = self._prepare(tokenizer, texts, y, sample_weight, part="training")
        classes, columns = self._more_classes(given)
        codes = codes_of(given, classes, self.label_format_, part="training")
        targets = Targets.of(codes, len(classes), weights=weights_of(self.class_weight, given, classes, weights))
        targets = standing_for(targets, columns, self.summary_.n_documents)
        if self.label_format_ == "one":
            there = np.unique(codes)
            if len(there) < 2:
                raise DataError(
                    f"all new documents are of one class, {classes[there[0]].item()!r}: they cannot teach what tells "
                    "it from others. Add some documents of others."
                )
            if not np.isin(columns, there).any():
                raise DataError(
                    "all new documents are of classes that the model does not know: they cannot teach what tells these "
                    f"from the old ones, {quoted(self.classes_.tolist())}. Add some documents of those."
                )
        valid: tuple[Tokens, Targets] | None = None
        if validation is not None:
            valid_tokens, given, weights, more_dropped = self._prepare(tokenizer, *validation, None, part="validation")
            codes = codes_of(given, classes, self.label_format_, part="validation")
            valid, n_dropped = (valid_tokens, Targets.of(codes, len(classes))), n_dropped + more_dropped
        self.checkpoint_ = NO_CHECKPOINT
        if checkpoint is not None:
            run = _run_of(self, (tokens, targets), valid, before=self.fitted_)
            self.checkpoint_ = Checkpoint.open(Path(checkpoint), run, resume=resume)
        chosen = continue_fit(
            self.config_, self.fitted_, self.calibration_, tokens, targets, valid, columns=columns, seed=self.seed,
            validation_share=self.validation_share, metric=self.metric, callback=callback,
            checkpoint=self.checkpoint_,
        )  # fmt: skip
        known = targets if valid is None else targets.joined(valid[1])
        kept = too_few(known, columns)
        before, n_words = self.summary_, len(self.fitted_.vocabulary.words)
        thresholds = getattr(self.calibration_, "thresholds", None)
        everything = tokens if valid is None else tokens.joined(valid[0])
        shares = in_vocabulary_share_elsewhere(chosen.fitted.vocabulary, everything)
        floor = lower_floor(self.reliability_.in_vocabulary_floor, shares)
        new_classes = [name for name in classes.tolist() if name not in self.classes_.tolist()]
        self.classes_, self.config_, self.fitted_ = classes, chosen.config, chosen.fitted
        self.storage_, self.record_ = {}, {}  # of what it was before
        if chosen.trials:
            self.selection_ = SelectionSummary(reason=chosen.reason, trials=[trial.plain() for trial in chosen.trials])
        self._calibrate(
            chosen.logits,
            chosen.targets,
            floor,
            n_train=len(tokens) - (chosen.n_valid if valid is None else 0),
            n_valid=chosen.n_valid,
            n_dropped=n_dropped,
            n_before=before.n_documents,
            n_new_words=len(chosen.fitted.vocabulary.words) - n_words,
            new_classes=new_classes,
            kept_classes=classes[kept].tolist(),
        )
        if isinstance(self.calibration_, Sigmoids) and thresholds is not None:  # odds that were kept are calibrated
            old = np.searchsorted(columns, kept)
            self.calibration_ = self.calibration_.keeping(kept, thresholds[old])
        self.seconds_ = time.perf_counter() - started
        return self

    def _calibrate(self, logits: npt.NDArray[np.float32], held_out: Targets, floor: float, **counts: Any) -> None:
        """Set `calibration_` and `reliability_` by the answers for documents held out, and `summary_` with these counts."""
        self.calibration_ = fit_calibration(logits, held_out)
        probabilities = self.calibration_.probabilities(logits)
        decided = self.calibration_.predict(probabilities)
        if held_out.is_multilabel:
            self.reliability_ = Reliability(n_documents=len(held_out), in_vocabulary_floor=floor)
        else:
            self.reliability_ = Reliability.of(probabilities.max(axis=1, initial=0.0), decided == held_out.codes, floor)
        right = score("micro_f1", held_out.codes, probabilities, decided)
        self.summary_ = FitSummary(valid_accuracy=right, **counts)

    def _more_classes(self, given: Given) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        """The old classes and those of new labels, sorted, and where the old ones stand among them."""
        new = classes_of(given)
        if given.label_format == "indicator":
            return self.classes_, np.arange(len(self.classes_))
        if len(new) and new.dtype.kind != self.classes_.dtype.kind:
            raise DataError(
                f"the new labels are of another type ({new.dtype.name}) than those of the model "
                f"({self.classes_.dtype.name}): expected the same."
            )
        classes = np.union1d(self.classes_, new)
        return classes, np.searchsorted(classes, self.classes_)

    def predict(self, texts: Texts) -> npt.NDArray[Any]:
        """The likeliest label of each text, (N,) of the dtype of `classes_`.

        Where texts have any number of labels: those from their thresholds on, in the form in which `fit` was given
        them, a tuple of labels for each text, object (N,), or a table of 0 and 1, int64 (N, K).
        """
        return self.predict_documents(texts).labels

    def predict_proba(self, texts: Texts) -> npt.NDArray[np.float64]:
        """The probability of each class, float64 (N, K) in the order of `classes_`.

        A row sums to 1, unless texts have any number of labels: then each number is from 0 to 1 for itself.
        """
        return self.predict_documents(texts).probabilities

    def predict_documents(self, texts: Texts) -> Predictions:
        """Label, probabilities and share of known words of each text; every text gets an answer, an empty one too."""
        check_is_fitted(self)
        checked = checked_texts(texts)
        parts = list(in_threads(self._answers, (checked[start:stop] for start, stop in chunks_of(checked))))
        return Predictions(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def _answers(self, texts: Sequence[str]) -> tuple[npt.NDArray[Any], ...]:
        """The columns of `Predictions`, for some of the texts."""
        if not texts:
            logits, in_vocabulary_share = (
                np.zeros((0, len(self.classes_)), dtype=np.float32),
                np.zeros(0, dtype=np.float32),
            )
            all_out_of_vocabulary = in_vocabulary_share.astype(bool)
        else:
            documents = self.fitted_.vocabulary.encode(Tokenizer(self.config_.tokenizer)(texts))
            logits = self.fitted_.model.logits(documents)
            in_vocabulary_share, all_out_of_vocabulary = documents.in_vocabulary_share, documents.all_out_of_vocabulary
        probabilities = self.calibration_.probabilities(logits)
        labels = names_of(self.calibration_.predict(probabilities), self.classes_, self.label_format_)
        out_of_distribution = self.reliability_.is_out_of_distribution(in_vocabulary_share, all_out_of_vocabulary)
        return labels, probabilities, in_vocabulary_share, all_out_of_vocabulary, out_of_distribution, logits

    def explain(self, texts: Texts | str) -> list[Explanation]:
        """Why each text gets its label: what each of its words adds to the logit of each class.

        One text may be given as it is. Of models without a hidden layer the sums are exact; of others the words have
        their integrated gradients, and the explanation says how much is missing to the logit.

        Raises: SettingError for a model with a hidden layer where Captum is not there.
        """
        parts = self.explanation_parts()
        return [explain(parts, text) for text in checked_texts([texts] if isinstance(texts, str) else texts)]

    def counterfactual(self, text: str) -> Counterfactual:
        """The fewest words without which a text would get another label; errors as `explain`."""
        parts = self.explanation_parts()
        (checked,) = checked_texts([text])
        return counterfactual(parts, explain(parts, checked))

    def class_words(self, texts: Texts, n: int = 15) -> dict[str, list[dict[str, Any]]]:
        """The `n` words that speak most for each class over all texts, as `bywords.explain.class_words` has them."""
        return class_words(self.explanation_parts(), checked_texts(texts), n=n)

    def explanation_parts(self) -> Parts:
        """What the functions of `bywords.explain` take."""
        check_is_fitted(self)
        return Parts(
            self.config_.tokenizer, self.fitted_.vocabulary, self.fitted_.model, self.calibration_,
            self.classes_.tolist(),
        )  # fmt: skip

    def score(self, texts: Texts, y: Labels, sample_weight: npt.ArrayLike | None = None) -> float:
        """The share of texts that are right, weighed by `sample_weight`; of several labels all have to be."""
        probabilities = self.predict_proba(texts)
        given, codes = self._true(len(probabilities), y)
        weights = weights_of(None, given, self.classes_, sample_weight)
        if not weights.any():
            raise SettingError("sample_weight gives every document the weight zero: there is nothing to score.")
        is_right = codes == self.calibration_.predict(probabilities)
        return float(np.average(is_right if codes.ndim == 1 else is_right.all(axis=1), weights=weights))

    def _true(self, n_texts: int, y: Labels) -> tuple[Given, Codes]:
        """The true labels of so many texts, and their codes. Raises DataError where there are not as many."""
        given = read_labels(y, part="test")
        if len(given) != n_texts:
            raise DataError(f"{n_texts} test texts and {len(given)} labels: expected as many.")
        return given, codes_of(given, self.classes_, self.label_format_, part="test")

    def evaluate(self, texts: Texts, y: Labels) -> AnyEvaluation:
        """Compare the answers for N texts with their true labels. Raises DataError for a label that training lacked."""
        answers = self.predict_documents(texts)
        _, codes = self._true(len(answers.probabilities), y)
        return self._evaluation(codes, answers.logits, answers.in_vocabulary_share, answers.all_out_of_vocabulary)

    def evaluate_on_disk(self, part: OnDiskPart) -> AnyEvaluation:
        """Compare the answers for documents in files with their true labels; memory holds some texts at a time."""
        logits, in_vocabulary_shares, all_out_of_vocabulary = [], [], []
        for documents in part.documents.batches(DOCUMENTS_AT_A_TIME):
            logits.append(self.fitted_.model.logits(documents))
            in_vocabulary_shares.append(documents.in_vocabulary_share)
            all_out_of_vocabulary.append(documents.all_out_of_vocabulary)
        shares, is_nothing = np.concatenate(in_vocabulary_shares), np.concatenate(all_out_of_vocabulary)
        return self._evaluation(part.codes, np.concatenate(logits), shares, is_nothing)

    def _evaluation(
        self,
        codes: Codes,
        logits: npt.NDArray[np.float32],
        in_vocabulary_share: npt.NDArray[np.float32],
        all_out_of_vocabulary: npt.NDArray[np.bool_],
    ) -> AnyEvaluation:
        names = tuple(map(str, self.classes_))
        probabilities = self.calibration_.probabilities(logits)
        if isinstance(self.calibration_, Sigmoids):
            decided = self.calibration_.predict(probabilities)
            thresholds = self.calibration_.thresholds
            return ManyLabelsEvaluation(
                names, codes.astype(bool), decided, probabilities, thresholds, in_vocabulary_share, all_out_of_vocabulary,
                calibration.sigmoid(logits.astype(np.float64)),
            )  # fmt: skip
        return Evaluation(
            names, codes.astype(np.int64), probabilities, in_vocabulary_share, all_out_of_vocabulary, softmax(logits)
        )

    def save(self, folder: Path | str, record: Mapping[str, Any] | None = None) -> None:
        """Write a model folder that `load` reads; `record` is for its card, as `bywords.artifact.model_card.write` takes it.

        Raises: ModelFolderError when it cannot be written.
        """
        self.record_ = record or self.record_
        parts = self._parts()
        model_folder.write_folder(parts, Path(folder), model_card=self._card(parts))
        if not self.fitted_.history.interrupted:
            self.checkpoint_.finish()

    def compress(self, max_bytes: int, texts: Texts, y: Labels) -> Compressed:
        """Make the folder that `save` writes at most `max_bytes`; N labelled texts say which way costs least.

        The `record_` for the card must be there by then: it counts, and may change later by some numbers only.
        Raises: SettingError, with the smallest size that there is, when it cannot be made so small.
        """
        parts = self._parts()
        tokens = Tokenizer(self.config_.tokenizer)(checked_texts(texts))
        codes = codes_of(read_labels(y, part="validation"), self.classes_, self.label_format_, part="validation")

        def judge(vocabulary: Vocabulary, model: FittedModel) -> float:
            probabilities = self.calibration_.probabilities(model.logits(vocabulary.encode(tokens)))
            return score("micro_f1", codes, probabilities, self.calibration_.predict(probabilities))

        files = model_folder.contents(parts, model_card=self._card(parts))
        other = sum(
            len(content) for name, content in files if name not in (model_folder.VOCABULARY, model_folder.WEIGHTS)
        )
        other += 1_500 + 64 * len(self.classes_)  # for what it cost, and digits
        compressed = compress(
            self.config_, self.fitted_.vocabulary, self.fitted_.model, max_bytes, judge, other_bytes=other,
            is_exclusive=not isinstance(self.calibration_, Sigmoids),
        )  # fmt: skip
        self.config_, self.storage_ = compressed.config, compressed.storage
        self.fitted_ = dataclasses.replace(self.fitted_, vocabulary=compressed.vocabulary, model=compressed.model)
        self.record_ = {**self.record_, "size": {"reduction": compressed.told}}
        return compressed

    def _parts(self) -> model_folder.Parts:
        check_is_fitted(self)
        description = {
            "system": system if isinstance(system := self.parameters_["system"], str) else to_plain(system),
            "parameters": {name: _plain(value) for name, value in self.parameters_.items() if name != "system"},
            "config": to_plain(self.config_),
            "selection": None if self.selection_ is None else dataclasses.asdict(self.selection_),
            "label_names": self.classes_.tolist(),
            "label_dtype": self.classes_.dtype.str,
            "label_format": self.label_format_,
            "calibration": self.calibration_.plain(),
            "reliability": dataclasses.asdict(self.reliability_),
            "trained_on": self.trained_on,
            "summary": dataclasses.asdict(self.summary_),
            "history": _without_seconds(self.fitted_.history),
            "record": dict(self.record_),
        }
        return model_folder.Parts(description, self.fitted_.vocabulary, self.fitted_.model.arrays(), self.storage_)

    def _card(self, parts: model_folder.Parts) -> str:
        own: dict[str, Any] = {
            "system": system if isinstance(system := self.parameters_["system"], str) else "a system of its own",
            "description": self.config_.description,
            "labels": list(map(str, self.classes_)),
            "reason": None if self.selection_ is None else self.selection_.reason,
            "summary": dataclasses.asdict(self.summary_),
            "training": parts.description["parameters"],
            "config": parts.description["config"],
            "in_vocabulary_floor": self.reliability_.in_vocabulary_floor,
        }
        if isinstance(self.calibration_, Sigmoids):
            thresholds = self.calibration_.thresholds.tolist()
            own |= {"multi_label": True, "thresholds": dict(zip(own["labels"], thresholds, strict=True))}
        return model_card.write(
            {**own, **self.record_, "size": {**model_folder.extent(parts), **self.record_.get("size", {})}}
        )

    @classmethod
    def load(cls, folder: Path | str) -> TextClassifier:
        """Read a model folder. Raises ModelFolderError, naming the file, when it is missing, damaged or foreign."""
        parts = model_folder.read_folder(Path(folder))
        told = parts.description
        try:
            system = told["system"]
            if not isinstance(system, str):
                system = from_plain(system, KINDS, where="the system")
            weights = told["parameters"]["class_weight"]
            if isinstance(weights, list):
                weights = dict(weights)
            loaded = cls(system, **{**told["parameters"], "class_weight": weights})
            loaded.parameters_ = loaded.get_params(deep=False)
            loaded.trained_on, loaded.record_, loaded.storage_ = told["trained_on"], told["record"], parts.storage
            loaded.classes_ = np.array(told["label_names"], dtype=told["label_dtype"])
            loaded.label_format_ = check_label_format(told["label_format"])
            loaded.config_ = config = from_plain(told["config"], KINDS, where="the config")
            loaded.selection_ = None if told["selection"] is None else SelectionSummary(**told["selection"])
            parts.vocabulary.config = config.vocabulary
            model = restore_model(config, parts.arrays, vocabulary=parts.vocabulary, n_classes=len(loaded.classes_))
            history = History(**told["history"])
            loaded.fitted_ = FittedSystem(parts.vocabulary, model, history=history)
            loaded.calibration_ = calibration.restored(told["calibration"])
            loaded.reliability_ = Reliability(**told["reliability"])
            loaded.summary_ = FitSummary(**told["summary"])
        except (KeyError, TypeError, RuntimeError, SettingError, DataError) as error:
            raise ModelFolderError(
                f"{folder}: whole, but its settings and weights do not fit this version: {error}. "
                f"It was written by bywords {told['versions']['bywords']}, this is {__version__}."
            ) from error
        return loaded

    def _parameters(self) -> dict[str, Any]:
        """All that `__init__` takes but the system."""
        return {name: value for name, value in self.get_params(deep=False).items() if name != "system"}

    def _prepare(
        self, tokenizer: Tokenizer, texts: Texts, y: Labels, sample_weight: npt.ArrayLike | None, *, part: str
    ) -> tuple[Tokens, Given, npt.NDArray[np.float64] | None, int]:
        """Tokens, labels and weights of the documents that have tokens and count, and how many have no tokens."""
        tokens = tokenizer(texts)
        if y is None:
            raise DataError("requires y to be passed, but the target y is None: give each text its label.")
        given = read_labels(y, part=part)
        if len(given) != len(tokens):
            raise DataError(f"{len(tokens)} {part} texts and {len(given)} labels: expected as many.")
        weights = None if sample_weight is None else weights_of(None, given, classes_of(given), sample_weight)
        is_filled = tokens.lengths > 0
        if not is_filled.any():
            raise DataError(f"none of the {len(tokens)} {part} documents has a word. Check the text column.")
        kept = np.flatnonzero(is_filled if weights is None else is_filled & (weights > 0))
        if not len(kept):
            raise DataError(
                f"the weight of all {part} documents is zero: there is nothing to learn from. Check sample_weight."
            )
        return (
            tokens.select(kept),
            given.select(kept),
            None if weights is None else weights[kept],
            int((~is_filled).sum()),
        )

    def _learn_classes(self, given: Given, weights: npt.NDArray[np.float64] | None) -> Targets:
        """Set `classes_` and `form_`. Raises DataError where there is nothing to tell apart."""
        self.classes_, self.label_format_ = classes_of(given), given.label_format
        codes = codes_of(given, self.classes_, self.label_format_, part="training")
        if given.label_format == "one":
            if len(self.classes_) < 2:
                raise DataError(
                    f"there is one class only, {self.classes_.tolist()[0]!r}: expected at least two to tell apart."
                )
        elif not codes.any() or codes.all():
            which = "no labels" if not codes.any() else "all labels"
            raise DataError(f"all documents have {which}: expected some that have a label and some that do not.")
        return Targets.of(codes, len(self.classes_), weights=self._weights(given, weights))

    def _weights(self, given: Given, weights: npt.NDArray[np.float64] | None) -> npt.NDArray[np.float64]:
        return weights_of(self.class_weight, given, self.classes_, weights)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.one_d_array, tags.input_tags.two_d_array = True, True, False
        tags.classifier_tags.multi_label = True
        tags.target_tags.required = True
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "fitted_")


def _run_of(
    classifier: TextClassifier,
    train: tuple[Tokens, Targets],
    valid: tuple[Tokens, Targets] | None,
    *,
    before: FittedSystem | None = None,
) -> Run:
    """All that the outcome of a fit depends on; `before` is the system that it goes on from."""
    data = {
        "classes": fingerprint(np.array(classifier.classes_.tolist(), dtype=np.str_)),
        "forms of labels": classifier.label_format_,
    }
    for part, given in (("", train), ("validation ", valid)):
        if given is not None:
            tokens, targets = given
            data[f"{part}texts"] = fingerprint(tokens.codes, tokens.offsets, tokens.words.data, tokens.words.starts)
            data[f"{part}labels"] = fingerprint(targets.codes)
            data[f"{part}weights"] = fingerprint(targets.weights)
    config = classifier.config if before is None else classifier.config_
    if before is not None:
        words = np.array(before.vocabulary.words.to_list(), dtype=np.str_)
        data["model to go on from"] = fingerprint(words, *before.model.arrays().values())
    parameters = classifier._parameters()
    settings = {name: parameters[name] for name in ("metric", "validation_share", "budget_seconds", "seed")}
    return Run(data, {"bywords": __version__, **settings, **to_plain(config)})


def _plain(value: Any) -> Any:
    """A parameter as JSON has it. Weights by label are pairs: as keys, labels that are numbers would become strings."""
    if hasattr(value, "items"):
        return [[_plain(label), _plain(weight)] for label, weight in value.items()]
    return value.item() if isinstance(value, np.generic) else value


def _without_seconds(history: History) -> dict[str, Any]:
    """A history as JSON values; without times, so that the same training gives the same file."""
    plain = dataclasses.asdict(history)
    return {**plain, "epochs": [{**epoch, "seconds": 0.0} for epoch in plain["epochs"]]}
