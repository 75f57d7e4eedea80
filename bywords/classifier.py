"""scikit-learn's shell around a `FittedClassifier`: an estimator of texts for pipelines, searches and votes.

Texts are called X where scikit-learn calls them so.
"""
# ruff: noqa: N803

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import numpy.typing as npt

from bywords.artifact.compression import Compressed, compress
from bywords.artifact.description import load_classifier, save_classifier
from bywords.checkpoint import Checkpoint
from bywords.config import nested_settings, with_setting
from bywords.data.columns import Columns, as_names, fit_columns, frame_columns
from bywords.data.groups import Together
from bywords.data.labels import Labels, codes_of, weights_of
from bywords.display import shown_table
from bywords.errors import BywordsError, DataError, SettingError, check_kind
from bywords.evaluation.back_off import NodeAnswers
from bywords.evaluation.calibration import Calibration, Sigmoids
from bywords.evaluation.evaluation import AnyEvaluation
from bywords.evaluation.metrics import Metric, are_right
from bywords.evaluation.operating_points import AtLeast, OperatingPoint
from bywords.evaluation.reliability import Reliability
from bywords.explain.class_words import class_words
from bywords.explain.counterfactual import Counterfactual, counterfactual
from bywords.explain.explanation import Explanation, explain
from bywords.extras import named_extra
from bywords.fitted import CardRecord, FitSummary, FittedClassifier, LevelPredictions, Predictions, SelectionSummary
from bywords.io.on_disk import OnDiskCorpus, OnDiskPart
from bywords.system_config import FitParameters, SystemConfig
from bywords.systems import DEFAULT_SYSTEM, able_to_train_on_disk, default_candidates, system_config
from bywords.text.custom_tokens import GIVEN, TokenFunction
from bywords.text.inputs import Texts, warn_of_other_order
from bywords.text.tokenizer import Tokenizer, TokenizerConfig, tokenizer_config
from bywords.training.callback import Callback, progress_bar
from bywords.training.fit import fit_classifier
from bywords.training.incremental import continue_fit
from bywords.training.on_disk import fit_on_disk
from bywords.vectors.load import GivenVectors

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
    from sklearn.utils import estimator_html_repr
    from sklearn.utils.validation import check_is_fitted
except ModuleNotFoundError as error:
    raise named_extra(error, what="TextClassifier") from error


class TextClassifier(ClassifierMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """One system of the table, fitted to labelled texts; an estimator of scikit-learn's that takes texts.

    After `fit`: `fitted_`, the `FittedClassifier` that answers, and from it `classes_` (K,) sorted, `config_`,
    `calibration_`, `reliability_`, `summary_`, `seconds_`, and `selection_`, None where there was nothing to select.

    >>> from bywords import TextClassifier
    >>> classifier = TextClassifier().fit(texts, labels)
    >>> classifier.predict(["the printer is on fire"]).tolist()
    ['office']
    >>> classifier.save("my-model")
    """

    fitted_: FittedClassifier
    checkpoint_: Path | None = None  # of the last fit; finished when what was fitted is saved

    def __init__(
        self,
        system: str | SystemConfig | type[Any] = DEFAULT_SYSTEM,
        *,
        vectors: Any = None,
        class_weight: str | Mapping[Any, float] | None = None,
        metric: Metric = "log_loss",
        validation_share: float = 0.1,
        budget_seconds: float | None = None,
        keep_together: Together = "equal",
        label_hierarchy: str | None = None,
        use_label_names: bool = False,
        unseen_labels: Sequence[str] = (),
        seed: int = 0,
        random_state: int | np.random.RandomState | None = None,
        tokenizer: Tokenizer | TokenizerConfig | TokenFunction | str | None = None,
        text: str | Sequence[str] | None = None,
        columns: Sequence[str] = (),
    ) -> None:
        """`system` is a name in `SYSTEMS`, a custom config, or a class of `torch.nn.Module` as `module_system` takes
        it; `vectors` replaces its own: a name, a path, `WordVectors`, gensim's `KeyedVectors`, or a pair of words and a
        matrix. `random_state`, where given, is the `seed`, by scikit-learn's name for it. Settings of the system are
        parameters too, as in `vocabulary__min_count` and `training__max_epochs`: `get_params` lists them, and
        `set_params` and `GridSearchCV` change them.

        `class_weight` is "balanced", so that each class counts the same, or a weight for each label. `metric` is what
        epochs and candidates are judged by: "log_loss", "accuracy", "balanced_accuracy", "micro_f1" or "macro_f1".
        `validation_share` of the documents of each class is held out to stop early by, to select by, and to set the
        temperature. A system that selects its model tries other settings for `budget_seconds`. Equal texts, whatever
        their capitals and blanks, are held out together or not at all; with `keep_together` "near", near duplicates are
        too, as `bywords audit` finds them. With `label_hierarchy`, "/" say, labels are paths as in "billing/refund":
        `predict_at` answers at one level, `back_off` at the deepest that is sure enough, and `evaluate` scores each.
        With `use_label_names`, what the English words of the labels mean counts as one more document of each, in one
        more candidate: documents held out say whether that helps. `unseen_labels` are more labels, that no document
        may have: they are known by what their English words mean alone, which `summary_.named_classes` lists.

        `tokenizer`, where given, replaces that of the system: "words" (with signs), "characters", a pattern in Rust's
        syntax, a function text → list of strings, as in `str.split`, which gets every text as it is and in their order,
        or settings. With "given", documents are lists of tokens. A function has to be given again to `load`.

        With `text` and `columns`, the classifier reads rows: a pandas or polars frame, a mapping of columns, or a list
        of dicts. `text` names one or several text columns, `columns` those beside them: categories as they are, numbers
        by quantile bins, dates by their parts.
        """
        self.system = system
        self.vectors = vectors
        self.class_weight = class_weight
        self.metric = metric
        self.validation_share = validation_share
        self.budget_seconds = budget_seconds
        self.keep_together = keep_together
        self.label_hierarchy = label_hierarchy
        self.use_label_names = use_label_names
        self.unseen_labels = unseen_labels
        self.seed = seed
        self.random_state = random_state
        self.tokenizer = tokenizer
        self.text = text
        self.columns = columns

    @property
    def config(self) -> SystemConfig:
        """The system's settings. Raises SettingError for an unknown system, or one without vectors to replace."""
        return self._config(self.vectors)

    def _config(self, vectors: Any) -> SystemConfig:
        config = system_config(self.system, vectors=vectors, budget=self.budget_seconds)
        return config if self.tokenizer is None else replace(config, tokenizer=tokenizer_config(self.tokenizer))

    @property
    def _recorded(self) -> str | SystemConfig:
        """The system as it is saved: its name, or its settings."""
        return self.system if isinstance(self.system, str | SystemConfig) else system_config(self.system)

    def fit(
        self,
        X: Texts,
        y: Labels,
        sample_weight: npt.ArrayLike | None = None,
        *,
        validation: tuple[Texts, Labels] | None = None,
        unlabelled: Texts | None = None,
        callback: Callback | None = None,
        progress: bool = False,
        checkpoint: Path | str | None = None,
        resume: bool = False,
    ) -> Self:
        """Learn from N texts `X` and their N labels. Documents without tokens are dropped and counted in `summary_`.

        Texts are in a list, an array (N,) or (N, 1), a column, or a table of one column; not in a set. Labels are one a
        document, or any number: lists of labels, or a table of 0 and 1 (N, K), as `bywords.data.labels` reads them.
        Those may be strings, whole numbers or booleans. `sample_weight` is what each document counts. `validation`,
        where given, is used instead of a share of the documents. All but the neural systems of the lab are fitted once
        more to all documents, the validation part too, when the temperature is set.

        Texts that are `unlabelled` say how rare words are, and are learned from with the model's own answers, where
        that makes its answers for documents held out better: `selection_.reason` says what was done with them. Those
        that equal a text with a label are left out. For systems that select their model.

        With `progress`, a bar in the notebook or terminal shows how far it is; `callback` hears the same.

        `checkpoint` is a folder that keeps what has been worked out, until `save` has saved it all. With `resume`, what
        is there already is not done again, and the fit ends with the same bits; where nothing is, it starts afresh.

        A fit that raises leaves the classifier as it was before, fitted or not.
        Raises: DataError for missing or unequal numbers of texts and labels, one class only, no document with tokens;
        SettingError for a checkpoint of another run, or an unfinished one without `resume`.
        """
        folder = None if checkpoint is None else Path(checkpoint)
        with progress_bar() if progress and callback is None else contextlib.nullcontext(callback) as hears:
            fitted = fit_classifier(
                self.config, X, y, sample_weight, system=self._recorded, parameters=self._parameters(),
                validation=validation, unlabelled=unlabelled, columns=self._columns_of(X), callback=hears,
                checkpoint=folder, resume=resume,
            )  # fmt: skip
        self.fitted_, self.checkpoint_ = fitted, folder
        return self

    def fit_on_disk(
        self,
        corpus: OnDiskCorpus,
        *,
        callback: Callback | None = None,
        checkpoint: Path | str | None = None,
        resume: bool = False,
    ) -> Self:
        """Learn from documents in files, whatever their size; memory holds some at a time.

        The corpus was made with the tokenizer of this classifier's `config`, and its vocabulary is the model's. The
        model is that of its best epoch: it is not fitted once more to all documents. `checkpoint` and `resume` as for
        `fit`.

        Raises: SettingError for a system that needs all documents in memory.
        """
        folder = None if checkpoint is None else Path(checkpoint)
        fitted = fit_on_disk(
            self.config, corpus, system=self._recorded, parameters=self._parameters(), able=able_to_train_on_disk(),
            callback=callback, checkpoint=folder, resume=resume,
        )  # fmt: skip
        self.fitted_, self.checkpoint_ = fitted, folder
        return self

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
    ) -> Self:
        """Go on from what has been fitted, with more texts and their labels; `summary_` counts what is new in them.

        Unlike `partial_fit`, it takes a batch that is worth learning from, and keeps what was known: new words and new
        classes are learned too, and the old texts are not needed. But without them the new ones have to be like what
        will come: of classes that few of them are of, what was known before stays as it was, and
        `summary_.kept_classes` names them. Arguments as for `fit`.

        Raises: SettingError for a system that cannot continue; DataError as `fit`, and for labels of another format or
        type.
        """
        check_is_fitted(self)
        folder = None if checkpoint is None else Path(checkpoint)
        fitted = continue_fit(
            self.fitted_, texts, y, sample_weight, candidates=default_candidates(self.fitted_.record.config),
            parameters=self._parameters(), validation=validation, callback=callback, checkpoint=folder, resume=resume,
        )  # fmt: skip
        self.fitted_, self.checkpoint_ = fitted, folder
        return self

    def predict(self, X: Texts, *, at_least: AtLeast | None = None) -> npt.NDArray[Any]:
        """The likeliest label of each text, (N,) of the dtype of `classes_`.

        Where texts have any number of labels: those at or above their thresholds, in the form in which `fit` was given
        them, a tuple of labels for each text, object (N,), or a table of 0 and 1, int64 (N, K). `at_least` is what is
        wanted of some labels, {"refund": {"precision": 0.95}}: labels are objects then, and None is no answer.
        """
        answers = self.predict_documents(X)
        return answers.labels if at_least is None else self.fitted_.labels_at_least(answers, at_least)

    def predict_proba(self, X: Texts) -> npt.NDArray[np.float64]:
        """The probability of each class, float64 (N, K) in the order of `classes_`.

        A row sums to 1, unless texts have any number of labels: then each number is from 0 to 1 for itself.
        """
        return self.predict_documents(X).probabilities

    def predict_log_proba(self, X: Texts) -> npt.NDArray[np.float64]:
        """The logarithm of what `predict_proba` gives, (N, K); -708 for what is 0."""
        return np.log(np.maximum(self.predict_proba(X), np.finfo(np.float64).tiny))

    def decision_function(self, X: Texts) -> npt.NDArray[np.float64]:
        """How much speaks for each class of N texts, calibrated log-odds, float64 (N, K).

        Of two classes how much speaks for the second, (N,): it is given above 0. Of any number of labels those are
        given that have 0 or more.
        """
        probabilities = np.clip(self.predict_proba(X), np.finfo(np.float64).tiny, 1 - np.finfo(np.float64).epsneg)
        odds = np.log(probabilities) - np.log1p(-probabilities)
        if isinstance(self.calibration_, Sigmoids):
            least = np.clip(self.calibration_.thresholds, np.finfo(np.float64).tiny, 1 - np.finfo(np.float64).epsneg)
            return np.asarray(odds - (np.log(least) - np.log1p(-least)))
        if len(self.classes_) == 2:
            return np.asarray(np.log(probabilities[:, 1]) - np.log(probabilities[:, 0]))
        return np.asarray(odds)

    def transform(self, X: Texts) -> Any:
        """What the fitted model makes of N texts before its last layer, float32 (N, D), to go on with: see
        `FittedModel.features`. Sparse (scipy's CSR) for linear models on words.
        """
        check_is_fitted(self)
        return self.fitted_.model.features(self.fitted_.encoded(self.fitted_.texts_of(X)))

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[Any]:
        """The names of the D columns that `transform` gives, object (D,)."""
        check_is_fitted(self)
        return np.array(self.fitted_.model.feature_names(self.fitted_.vocabulary), dtype=object)

    def predict_documents(self, texts: Texts) -> Predictions:
        """Label, probabilities and share of known words of each text; every text gets an answer, an empty one too."""
        check_is_fitted(self)
        return self.fitted_.predict(texts)

    def predict_at(self, texts: Texts, level: int) -> LevelPredictions:
        """The answer for each text among labels cut to so many levels, as `FittedClassifier.predict_at` has it."""
        check_is_fitted(self)
        return self.fitted_.predict_at(texts, level)

    def back_off(
        self, texts: Texts, *, accuracy: float | None = None, min_confidence: float | None = None
    ) -> NodeAnswers:
        """The label of each text, or the deepest node above that is sure enough, as `FittedClassifier.back_off`."""
        check_is_fitted(self)
        return self.fitted_.back_off(texts, accuracy=accuracy, min_confidence=min_confidence)

    def explain(self, texts: Texts | str) -> list[Explanation]:
        """Why each text gets its label: what each of its words adds to the logit of each class.

        One text may be given as it is, or one row as a dict. Of models without a hidden layer the sums are exact; of
        others the words have their integrated gradients, and the explanation says how much is missing to the logit.

        Raises: SettingError for a model with a hidden layer where Captum is not installed.
        """
        check_is_fitted(self)
        is_one = isinstance(texts, str) or (isinstance(texts, Mapping) and not any(map(np.ndim, texts.values())))
        several = cast(Texts, [texts] if is_one else texts)
        return [explain(self.fitted_, text) for text in self.fitted_.texts_of(several)]

    def counterfactual(self, text: str | Mapping[str, Any]) -> Counterfactual:
        """The fewest words without which a text would get another label; errors as `explain`."""
        check_is_fitted(self)
        (checked,) = self.fitted_.texts_of(cast(Texts, [text]))
        return counterfactual(self.fitted_, explain(self.fitted_, checked))

    def class_words(self, texts: Texts, n: int = 15) -> dict[str, list[dict[str, Any]]]:
        """The `n` words that speak most for each class over all texts, as `bywords.explain.class_words` has them."""
        check_is_fitted(self)
        return class_words(self.fitted_, self.fitted_.texts_of(texts), n=n)

    def operating_point(
        self, label: Any, *, precision: float | None = None, recall: float | None = None
    ) -> OperatingPoint:
        """The threshold of a label that gives at least this precision, this recall, or both, and what it gives.

        Raises: SettingError as `FittedClassifier.operating_point`.
        """
        check_is_fitted(self)
        return self.fitted_.operating_point(label, precision=precision, recall=recall)

    def score(self, X: Texts, y: Labels, sample_weight: npt.ArrayLike | None = None) -> float:
        """The share of texts that are right, weighed by `sample_weight`; of several labels all have to be.

        A text with a label that was not in training is wrong. Raises DataError for labels of another type.
        """
        check_is_fitted(self)
        warn_of_other_order(X, y, sample_weight)
        answers = self.fitted_.decided(self.fitted_.encoded(self.fitted_.texts_of(X)))
        given, is_known = self.fitted_.known_labels(y, len(answers))
        if not len(answers):
            raise DataError("there are no texts: there is nothing to score.")
        weights = weights_of(None, given, self.classes_, sample_weight)
        if not weights.any():
            raise SettingError("sample_weight gives every document the weight zero: there is nothing to score.")
        rows = np.flatnonzero(is_known)
        codes = codes_of(given.select(rows), self.classes_, self.fitted_.label_format, part="test")
        is_right = np.zeros(len(answers), dtype=bool)
        is_right[rows] = are_right(codes, answers[rows])
        return float(np.average(is_right, weights=weights))

    def evaluate(self, texts: Texts, y: Labels) -> AnyEvaluation:
        """Compare the answers for N texts with their true labels. Raises DataError for a label that training lacked."""
        check_is_fitted(self)
        return self.fitted_.evaluate(texts, y)

    def evaluate_on_disk(self, part: OnDiskPart) -> AnyEvaluation:
        """Compare the answers for documents in files with their true labels; memory holds some texts at a time."""
        check_is_fitted(self)
        return self.fitted_.evaluate_on_disk(part)

    def save(self, folder: Path | str, *, card: CardRecord | None = None) -> None:
        """Write a model folder that `load` reads; `card` is what its model card says beside what it knows itself.

        Raises: ModelFolderError when it cannot be written.
        """
        check_is_fitted(self)
        if card is not None:
            self.fitted_ = replace(self.fitted_, record=replace(self.fitted_.record, card=card))
        save_classifier(self.fitted_, Path(folder))
        if self.checkpoint_ is not None and not self.fitted_.record.history.interrupted:
            Checkpoint(self.checkpoint_).finish()

    @classmethod
    def load(cls, folder: Path | str, *, tokenizer: TokenFunction | str | None = None) -> Self:
        """Read a model folder. Raises ModelFolderError, naming the file, when it is missing, damaged or foreign.

        `tokenizer` is the custom function of a model that was fitted with one: nothing is imported from a folder.
        """
        return cls.of(load_classifier(folder, tokenizer=tokenizer))

    @classmethod
    def of(cls, fitted: FittedClassifier) -> Self:
        """The estimator of a classifier that has been fitted."""
        made = cls(fitted.record.system, **vars(fitted.record.parameters))
        if (columns := fitted.record.columns) is not None and not columns.is_one_text:
            made.text, made.columns = list(columns.text), [column.name for column in columns.side]
        made.fitted_ = fitted
        if isinstance(fitted.record.config.vectors, GivenVectors):
            made.vectors = fitted.record.config.vectors
        cut_by = replace(fitted.record.config.tokenizer, fields=(), fielded=())
        if cut_by != made.config.tokenizer:
            names = (name for name in ("words", "characters", GIVEN) if tokenizer_config(name) == cut_by)
            made.tokenizer = next(names, cut_by)
        return made

    def compress(self, max_bytes: int, texts: Texts, y: Labels) -> Compressed:
        """Make the folder that `save` writes at most `max_bytes`; N labelled texts say which way costs least.

        Raises: SettingError, with the smallest size that there is, when it cannot be made so small.
        """
        check_is_fitted(self)
        compressed = compress(self.fitted_, max_bytes, texts, y)
        self.fitted_ = compressed.classifier
        return compressed

    @property
    def classes_(self) -> npt.NDArray[Any]:
        """The labels (K,), sorted, of the dtype in which they were given."""
        return self._of_fit().classes

    @property
    def is_multilabel(self) -> bool:
        """Whether texts have any number of labels. Raises NotFittedError before `fit`."""
        check_is_fitted(self)
        return self.fitted_.is_multilabel

    @property
    def config_(self) -> SystemConfig:
        """The settings that were fitted."""
        return self._of_fit().record.config

    @property
    def calibration_(self) -> Calibration:
        """What makes probabilities and labels of logits."""
        return self._of_fit().calibration

    @property
    def reliability_(self) -> Reliability:
        """What answers for documents held out say of answers to come."""
        return self._of_fit().reliability

    @property
    def summary_(self) -> FitSummary:
        """What the fit used and found."""
        return self._of_fit().record.summary

    @property
    def selection_(self) -> SelectionSummary | None:
        """What was tried; None for a system that had nothing to select."""
        return self._of_fit().record.selection

    @property
    def seconds_(self) -> float:
        """How long the fit took."""
        return self._of_fit().record.seconds

    def _of_fit(self) -> FittedClassifier:
        """Raises AttributeError before `fit`, as an attribute that is not there does."""
        if "fitted_" not in self.__dict__:
            raise AttributeError("this TextClassifier has not been fitted yet: call fit first.")
        return self.fitted_

    def _parameters(self) -> FitParameters:
        others = ("system", "tokenizer", "random_state", "text", "columns")
        given = {name: value for name, value in self.get_params(deep=False).items() if name not in others}
        if self.vectors is not None:  # objects are named by the system's settings
            given["vectors"] = str(self.vectors) if isinstance(self.vectors, str | Path) else None
        if self.random_state is not None:
            given["seed"] = self._drawn_seed()
        return FitParameters(**given)

    def _drawn_seed(self) -> int:
        """The seed that `random_state` says. Raises SettingError where `seed` says another."""
        if isinstance(self.random_state, np.random.RandomState):
            return int(self.random_state.randint(2**31 - 1))
        check_kind("random_state", self.random_state, Integral, "a whole number, a RandomState or None, as in 0")
        if self.seed not in (0, self.random_state):
            raise SettingError(f"seed is {self.seed} and random_state is {self.random_state}: give one of them.")
        return cast(int, self.random_state)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name; with `deep`, the settings of the system too, as in `vocabulary__min_count`."""
        parameters: dict[str, Any] = super().get_params(deep=False)
        if deep:
            with contextlib.suppress(BywordsError):  # what the system is not is said by `fit`
                nested = nested_settings(self._config(None))  # vectors that are given are a parameter themselves
                given = {name for name in nested if name.startswith("vectors__") and self.vectors is not None}
                parameters |= {name: value for name, value in nested.items() if name not in given}
        return parameters

    def set_params(self, **parameters: Any) -> Self:
        """Change parameters, and settings of the system by names such as `training__max_epochs`.

        Raises: SettingError, a ValueError, for a name that is none, and for a value that a setting cannot have.
        """
        nested = {name: value for name, value in parameters.items() if "__" in name}
        super().set_params(**{name: value for name, value in parameters.items() if name not in nested})
        for name, value in nested.items():
            part, _, setting = name.partition("__")
            if part == "tokenizer" and self.tokenizer is not None:
                self.tokenizer = with_setting(tokenizer_config(self.tokenizer), setting, value)
            elif part == "vectors" and self.vectors is not None:
                raise SettingError(f"vectors= is given, so {name} would change nothing: set vectors instead.")
            else:
                self.system = with_setting(system_config(self.system), name, value)
        return self

    def _columns_of(self, data: Any) -> Columns | None:
        """What rows are made of, by the values of these; None for texts."""
        text, side = as_names(self.text, "text"), as_names(self.columns, "columns")
        if not text and not side:
            return None
        if not text:
            raise SettingError(f"columns={list(side)} stand beside a text: name its column with text=.")
        is_given = self.config.tokenizer.is_given and len(text) == 1 and not side
        found = fit_columns(frame_columns(data, (*text, *side), tokens=is_given), text, side)
        return replace(found, tokens=is_given)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.one_d_array, tags.input_tags.two_d_array = True, True, False
        tags.classifier_tags.multi_label = True
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = []  # of texts it makes float32
        return tags

    def _repr_html_(self) -> str:
        """What scikit-learn shows of it, then what was fitted: its classes, and how good it was when held out."""
        shown: str = estimator_html_repr(self)
        if "fitted_" not in self.__dict__:
            return shown
        record, names = self.fitted_.record, self.classes_.astype(str).tolist()
        summary = record.summary
        measure, digits = ("micro F1", ".3f") if self.is_multilabel else ("right", ".1%")
        row = {
            "system": record.system if isinstance(record.system, str) else "custom",
            "documents": summary.n_train + summary.n_valid + summary.n_learned_after,
            "classes": f"{len(names):,}: {', '.join(names[:8])}{', …' if len(names) > 8 else ''}",
            f"{measure} on documents held out": f"{summary.valid_accuracy:{digits}}",
            "seconds": record.seconds,
        }
        return shown + shown_table("Fitted", [row], notes=[] if self.selection_ is None else [self.selection_.reason])

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    def __sklearn_is_fitted__(self) -> bool:
        return "fitted_" in self.__dict__
