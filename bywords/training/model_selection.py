"""Candidates and labelled documents in, the one that does best on documents held out, or a blend of several, out.

Every candidate is fitted to a part of the documents and judged on the rest; what is chosen is fitted once more, to all.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np

from bywords.checkpoint import NO_CHECKPOINT, Checkpoint
from bywords.config import to_plain
from bywords.data.splits import check_split
from bywords.data.targets import Rows, Targets
from bywords.errors import DataError, SettingError
from bywords.evaluation.calibration import fit_calibration
from bywords.evaluation.metrics import Metric, log_loss, score
from bywords.models.averaging import AveragingConfig
from bywords.models.ensemble import Ensemble, Member, MemberConfig, fit_weights, without_opinion
from bywords.models.tfidf_linear import TfidfConfig, TfidfLinear, features_of
from bywords.systems import (
    DAN,
    Callback,
    FittedSystem,
    NoCallback,
    PretrainedConfig,
    SelectionConfig,
    SystemConfig,
    align,
    fit_model,
    restore_model,
)
from bywords.text.bags import Bags, Floats
from bywords.text.threads import in_threads
from bywords.text.tokenizer import Tokens
from bywords.text.vocabulary import Features, Vocabulary
from bywords.training.hyperparameter_search import HyperparameterSearch
from bywords.training.loop import History
from bywords.vectors.load import load_vectors
from bywords.vectors.word_vectors import Aligned

CHAR_NGRAMS_UP_TO = 1_000_000  # running words of the training texts: where there are more, words and runs say enough
FEW_DOCUMENTS, FEW_FOLDS = 3_000, 5  # documents: of so few a tenth would tell little, so all are held out in turn
SOME_DOCUMENTS, SOME_FOLDS = 6_000, 3
MOST_NUMBERS = 100_000_000  # of a table of rows by classes, or of documents held out by classes
MOST_MEMBERS = 5  # of a blend
ENSEMBLE = "ensemble"  # the name of a trial of several


@dataclass(frozen=True)
class Kept:
    """Classes that candidates do not tell from one another, int64 places: the mean of `others` stands for each."""

    classes: Rows
    others: Rows


KEPT_NONE = Kept(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One candidate, or a blend of several, judged on documents held out."""

    name: str
    settings: tuple[MemberConfig, ...]
    accuracy: float  # where documents have any number of labels, the F1 of all decisions together
    log_loss: float  # nats a document, at its own best temperature
    score: float  # by the measure that decides; the higher, the better

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {**vars(self), "settings": [to_plain(member) for member in self.settings]}


@dataclass(frozen=True, kw_only=True)
class SelectionResult:
    """What was chosen, why, and its answers for documents held out, from before it was fitted to all."""

    config: SystemConfig
    fitted: FittedSystem
    trials: list[Trial]
    reason: str
    logits: Floats  # (N, K)
    targets: Targets  # (N,)
    n_valid: int  # documents held out once and for all; 0 where all were, in turn


@dataclass(frozen=True)
class CandidateResult:
    """A candidate with its answers for all documents held out."""

    trial: Trial
    logits: Floats
    n_epochs: int | None = None
    duals: Floats | None = None  # of an SVM, for all documents, 0 for those held out
    before: Ensemble | None = None  # what was there already

    @property
    def config(self) -> MemberConfig:
        return self.trial.settings[0]


def select_model(
    config: SystemConfig,
    train: Tokens,
    targets: Targets,
    valid: tuple[Tokens, Targets] | None,
    *,
    seed: int,
    metric: Metric = "log_loss",
    validation_share: float = 0.1,
    budget_seconds: float | None = None,
    before: tuple[Vocabulary, Ensemble] | None = None,
    kept: Kept = KEPT_NONE,
    callback: Callback | None = None,
    checkpoint: Checkpoint = NO_CHECKPOINT,
) -> SelectionResult:
    """Judge the candidates of `config.model`, and fit the best of them, or their blend, to all documents.

    They are judged on `valid`, where it is given, else on a share of the documents, or in folds where there are few.
    The vocabulary and idf, which know no labels, are those of all documents. That which is best by `metric` is chosen:
    one alone, or the blend of those that are worth a weight, which has the least log loss. With `budget_seconds`, other
    settings are tried until that time is over. Ctrl-C ends the trying, and what was found so far is fitted. `before` is
    a model that is there already, with its vocabulary: it is judged with the candidates, and stays as it is. Of the
    classes `kept` these documents tell too little: there only `before` has an opinion.

    What was judged or fitted is kept in `checkpoint`, and not done again. A search goes on with what was tried before,
    for what is left of the budget.

    Raises: DataError when no document can be held out.
    """
    if not isinstance(config.model, SelectionConfig):
        raise SettingError("there is nothing to choose from: the system has no candidates.")
    started = time.perf_counter()
    callback = callback or NoCallback()
    asked = config.model.candidates
    check_split(validation_share, seed)
    everything, all_targets = train, targets
    if valid is None:
        if not targets.can_be_split():
            raise DataError("too few documents to hold one out for validation: no class has two. Add documents.")
        parts = _parts(targets, validation_share, seed)
    else:
        everything, all_targets = train.joined(valid[0]), targets.joined(valid[1])
        parts = [(np.arange(len(train)), np.arange(len(train), len(everything)))]
    if before is None and len(everything.codes) > CHAR_NGRAMS_UP_TO:
        asked = config.model.candidates_of_many or asked
        config = replace(config, vocabulary=replace(config.vocabulary, char_ngrams=None))
    vocabulary = Vocabulary.of(everything, config.vocabulary) if before is None else before[0]
    workbench = Workbench(
        config, vocabulary, everything, all_targets, parts, seed=seed, metric=metric, kept=kept, checkpoint=checkpoint
    )
    judged, history = list[CandidateResult](), History()
    candidates = workbench.distinct(asked)
    n_steps = 2 * len(candidates)
    for one in in_threads(workbench.judge, candidates):
        judged.append(one)
        callback.step(len(judged), n_steps, f"{one.trial.name}: {workbench.told(one.trial)}")
    if budget_seconds is not None:
        found, history.interrupted = _tried(workbench, started, budget_seconds, seed=seed, callback=callback)
        judged += found
        n_steps += len(judged) - len(candidates)
    if before is not None:
        judged.append(workbench.judge_before(before[1]))
    members, weights, combined = (
        _best_ensemble(judged, workbench) if not len(kept.classes) else _ensemble_that_keeps(judged, workbench)
    )
    fitted: list[Member] = []
    shares: list[Floats] = []
    for n_left, model in zip(reversed(range(len(members))), in_threads(workbench.refit, members), strict=True):
        shares += [weights[len(members) - 1 - n_left]] * len(model)
        fitted += model
        callback.step(n_steps - n_left, n_steps, "fitted to all documents")
    trials = [one.trial for one in judged]
    if len(members) > 1:
        settings = tuple(config for one in members for config in one.trial.settings)
        trials.append(workbench.trial(ENSEMBLE, settings, combined))
    ensemble = Ensemble(fitted, np.array(shares))
    return SelectionResult(
        config=replace(config, model=ensemble.config),
        fitted=FittedSystem(workbench.vocabulary, ensemble, history=history),
        trials=trials,
        reason=_reason(trials, members, workbench),
        logits=combined,
        targets=workbench.held_out,
        n_valid=len(workbench.held_out) if len(parts) == 1 else 0,
    )


class Workbench:
    """The documents, encoded once, on which candidates are fitted and judged."""

    def __init__(
        self,
        config: SystemConfig,
        vocabulary: Vocabulary,
        tokens: Tokens,
        targets: Targets,
        parts: list[tuple[Rows, Rows]],
        *,
        seed: int,
        metric: Metric,
        kept: Kept,
        checkpoint: Checkpoint,
    ) -> None:
        self.vocabulary = vocabulary
        if not len(self.vocabulary.words):
            raise DataError(
                f"no word of the training texts occurs {config.vocabulary.min_count} times or more, so there is "
                "nothing to learn from. Add documents, or lower vocabulary.min_count."
            )
        self.documents = self.vocabulary.encode(tokens)
        self.targets, self.parts = targets, parts
        self.held_out = targets.select(np.concatenate([held_out for _, held_out in parts]))
        self.kept = kept
        self._seed, self._training, self._measure = seed, config.training, metric
        self._config, self.checkpoint = config, checkpoint
        self._aligned: Aligned | None = None
        if isinstance(config.vectors, PretrainedConfig):
            vectors = load_vectors(config.vectors.name, words=self.vocabulary.words)
            self._aligned = align(vectors, self.vocabulary, seed=seed)
        self._features: dict[tuple[int, bool], tuple[Floats, Bags]] = {}

    def distinct(self, candidates: Sequence[MemberConfig]) -> list[MemberConfig]:
        """Those that differ: where there are no pieces, or no runs, to see all is to see less.

        A linear model has a number for each row and class. Of so many that they do not fit it sees fewer rows, or an
        averaging model, whose rows do not grow with the classes, takes its place.
        """
        possible = [smaller for one in candidates if (smaller := self._small_enough(one)) is not None]
        candidates = possible or [replace(DAN, features="words")]
        seen = {replace(one, features=self._least(one.features)): one for one in candidates}
        for one in candidates:  # counted and weighed before threads ask for the same
            if isinstance(one, TfidfConfig):
                self._features_of(one)
        return list(seen)

    def judge(self, config: MemberConfig) -> CandidateResult:
        """Fit to each part and answer for what it holds out."""
        name = f"judged-{_key(config)}"
        if (entry := self.checkpoint.load(name)) is not None:
            n_epochs, scores = entry.values
            trial = Trial(name=name_of(config), settings=(config,), **scores)
            return CandidateResult(trial, entry.arrays["logits"], n_epochs, entry.arrays.get("duals"))
        logits, epochs, duals = [], [], None
        own = self.checkpoint.under(name)
        for index, (kept, held_out) in enumerate(self.parts):
            model, history = self._fit(config, kept, held_out, checkpoint=own.under(str(index)))
            if history.interrupted:
                raise KeyboardInterrupt
            if len(self.parts) == 1 and getattr(model, "duals", None) is not None:
                duals = np.zeros((len(self.documents), model.duals.shape[1]), dtype=np.float32)
                duals[kept] = model.duals
            logits.append(self._answers(model, config, held_out))
            epochs.append(history.best_epoch)
        together = np.concatenate(logits)
        trial = self.trial(name_of(config), (config,), together)
        judged = CandidateResult(trial, together, int(np.median(epochs)) or None, duals)
        scores = {"accuracy": trial.accuracy, "log_loss": trial.log_loss, "score": trial.score}
        arrays = {"logits": together} if duals is None else {"logits": together, "duals": duals}
        self.checkpoint.save(name, arrays, [judged.n_epochs, scores])
        own.forget()
        return judged

    def judge_before(self, model: Ensemble) -> CandidateResult:
        """What was there already, asked for the documents held out."""
        held_out = np.concatenate([held_out for _, held_out in self.parts])
        logits = model.logits(self.documents.select(held_out))
        return CandidateResult(self.trial("what was known before", model.config.members, logits), logits, before=model)

    def refit(self, judged: CandidateResult) -> list[Member]:
        """Fit to all documents, for as many epochs as were best, or on from the part that was fitted before."""
        if judged.before is not None:
            return judged.before.members
        config, name = judged.config, f"fitted-{_key(judged.config)}"
        if (entry := self.checkpoint.load(name)) is not None:
            alone = replace(self._config, model=config)
            n_classes = self.targets.n_classes
            restored: Any = restore_model(alone, entry.arrays, vocabulary=self.vocabulary, n_classes=n_classes)
            return [restored]
        everything, own = np.arange(len(self.documents)), self.checkpoint.under(name)
        fitted, history = self._fit(
            config, everything, None, n_epochs=judged.n_epochs, duals=judged.duals, checkpoint=own
        )
        if not history.interrupted:
            self.checkpoint.save(name, fitted.arrays())
            own.forget()
        return [fitted]

    def trial(self, name: str, settings: tuple[MemberConfig, ...], logits: Floats) -> Trial:
        """How good these logits, (N, K), are for the documents held out, at their own best calibration."""
        calibration = fit_calibration(logits, self.held_out)
        probabilities = calibration.probabilities(logits)
        codes, weights = self.held_out.codes, self.held_out.weights
        answers = codes, probabilities, calibration.predict(probabilities)
        return Trial(
            name=name,
            settings=settings,
            accuracy=score("micro_f1", *answers),
            log_loss=log_loss(codes, probabilities, weights),
            score=score(self._measure, *answers, weights),
        )

    def told(self, trial: Trial) -> str:
        """How good a candidate was, in words, and by what it is judged."""
        right = f"micro F1 {trial.accuracy:.3f}" if self.targets.is_multilabel else f"right on {trial.accuracy:.1%}"
        if self._measure == "log_loss":
            return f"{right}, log loss {trial.log_loss:.3f}"
        return f"{right}, {self._measure.replace('_', ' ').replace(' f1', ' F1')} {trial.score:.3f}"

    def _fit(
        self,
        config: MemberConfig,
        rows: Rows,
        held_out: Rows | None,
        *,
        n_epochs: int | None = None,
        duals: Floats | None = None,
        checkpoint: Checkpoint,
    ) -> tuple[Any, History]:
        targets = self.targets.select(rows)
        if isinstance(config, TfidfConfig):
            idf, bags = self._features_of(config)
            blocks = self.vocabulary.blocks
            some = bags if len(rows) == len(bags) else bags.select(rows)
            linear = TfidfLinear.fit_to(config, idf, some, targets, blocks=blocks, seed=self._seed, duals=duals)
            return without_opinion(linear, self.kept.classes, self.kept.others), History()
        valid = None if held_out is None else (self.documents.select(held_out), self.targets.select(held_out))
        model, history = fit_model(
            config, self.documents.select(rows), targets, valid,
            vocabulary=self.vocabulary, seed=self._seed, training=self._training,
            n_epochs=n_epochs, aligned=self._aligned if config.dimension is None else None, checkpoint=checkpoint,
        )  # fmt: skip
        return without_opinion(model, self.kept.classes, self.kept.others), history

    def _answers(self, model: Member, config: MemberConfig, rows: Rows) -> Floats:
        if isinstance(model, TfidfLinear) and isinstance(config, TfidfConfig):
            return model.logits_of(self._features_of(config)[1].select(rows))
        return model.logits(self.documents.select(rows))

    def _features_of(self, config: TfidfConfig) -> tuple[Floats, Bags]:
        key = (self.vocabulary.n_rows(config.features), config.sublinear)
        if key not in self._features:
            self._features[key] = features_of(config, self.documents, self.vocabulary)
        return self._features[key]

    def _small_enough(self, config: MemberConfig) -> MemberConfig | None:
        """A candidate on as many rows as it asks for, or fewer where there are too many classes; None on none."""
        names: tuple[Features, ...] = get_args(Features)
        width = self.targets.n_classes if isinstance(config, TfidfConfig) else 1
        for features in reversed(names[: names.index(config.features) + 1]):
            if self.vocabulary.n_rows(features) * width <= MOST_NUMBERS:
                return replace(config, features=features)
        return None if width > 1 else config

    def _least(self, features: Features) -> Features:
        """The first of words, runs and all that has the same rows."""
        names: tuple[Features, ...] = get_args(Features)
        n_rows = self.vocabulary.n_rows(features)
        return next(name for name in names if self.vocabulary.n_rows(name) == n_rows)


def _key(config: MemberConfig) -> str:
    """What tells a candidate from all others, as part of a file's name."""
    return hashlib.sha256(json.dumps(to_plain(config)).encode()).hexdigest()[:16]


def name_of(config: MemberConfig) -> str:
    """What a candidate is called in words."""
    on = {"words": "words", "ngrams": "words and runs", "all": "words, runs and pieces"}[config.features]
    if isinstance(config, AveragingConfig):
        return f"averaging on {on}"
    return {"svc": "SVM", "nb-svc": "naive Bayes SVM", "nb": "naive Bayes"}[config.estimator] + f" on {on}"


def _parts(targets: Targets, share: float, seed: int) -> list[tuple[Rows, Rows]]:
    """What to hold out: of few documents each once, of many a share."""
    n_folds = FEW_FOLDS if len(targets) < FEW_DOCUMENTS else SOME_FOLDS if len(targets) < SOME_DOCUMENTS else 1
    if n_folds == 1 or len(targets) < 2 * n_folds or len(targets) * targets.n_classes > MOST_NUMBERS:
        kept, held_out = targets.split(share, seed)
        most = max(1, MOST_NUMBERS // (10 * targets.n_classes))  # of very many classes not one each is held out
        chosen = np.random.default_rng(seed).permutation(len(held_out))[:most]
        return [(np.union1d(kept, np.delete(held_out, chosen)), np.sort(held_out[chosen]))]
    return targets.folds(n_folds, seed)


def _tried(
    workbench: Workbench, started: float, budget_seconds: float, *, seed: int, callback: Callback
) -> tuple[list[CandidateResult], bool]:
    """What was judged until the budget was spent, by this run and those that it resumes; whether Ctrl-C ended it."""
    search, judged = HyperparameterSearch(seed=seed), list[CandidateResult]()
    entry = workbench.checkpoint.load("search")
    n_before, spent = entry.values if entry is not None else (0, 0.0)  # proposals, and seconds
    n_tried = 0
    try:
        while n_tried < n_before or spent + time.perf_counter() - started < budget_seconds:
            proposed = search.propose()
            try:
                one = workbench.judge(proposed)
            except SettingError:  # steps so large that no loss is a number: not a proposal to repeat
                search.learn(float("inf"))
            else:
                search.learn(-one.trial.score)
                judged.append(one)
                callback.step(len(judged), 0, f"{one.trial.name}: {workbench.told(one.trial)}")
            n_tried += 1
            if n_tried > n_before:
                workbench.checkpoint.save("search", {}, [n_tried, spent + time.perf_counter() - started])
    except KeyboardInterrupt:
        return judged, True
    return judged, False


def _best_ensemble(
    judged: Sequence[CandidateResult], workbench: Workbench
) -> tuple[list[CandidateResult], Floats, Floats]:
    """The members, their weights and their logits together: all that get a weight, or one where it does better alone.

    Of candidates of one kind on the same features only the best is asked, and of the best only MOST_MEMBERS.
    """
    best: dict[str, CandidateResult] = {}
    for one in sorted(judged, key=lambda one: -one.trial.score):
        best.setdefault(one.trial.name, one)
    members = list(best.values())[:MOST_MEMBERS]
    weights = fit_weights([one.logits for one in members], workbench.held_out)
    alone = members[0]
    is_used = weights.reshape(len(members), -1).max(axis=1) > 0
    members, weights = [members[index] for index in np.flatnonzero(is_used).tolist()], weights[is_used]
    if members:
        together = np.zeros_like(alone.logits)
        for one, weight in zip(members, weights, strict=True):
            together += one.logits * weight
        if workbench.trial(ENSEMBLE, (), together).score > alone.trial.score:
            return members, weights, together
    return [alone], np.ones(1, dtype=np.float32), alone.logits


def _ensemble_that_keeps(
    judged: Sequence[CandidateResult], workbench: Workbench
) -> tuple[list[CandidateResult], Floats, Floats]:
    """As `_best_ensemble`, but what was there before is in it with its full weight, and alone speaks of the classes kept.

    Documents held out tell nothing of these classes, so nothing may be taken from their odds because of them.
    """
    (before,) = (one for one in judged if one.before is not None)
    others = sorted((one for one in judged if one is not before), key=lambda one: -one.trial.score)[: MOST_MEMBERS - 1]
    members = [before, *others]
    weights = fit_weights([one.logits for one in members], workbench.held_out)
    if workbench.targets.is_multilabel:
        weights[0, workbench.kept.classes], weights[1:, workbench.kept.classes] = 1, 0
    else:
        weights[0] = max(weights[0], 1)
    together = np.zeros_like(before.logits)
    for one, weight in zip(members, weights, strict=True):
        together += one.logits * weight
    return members, weights, together


def _reason(trials: list[Trial], members: list[CandidateResult], workbench: Workbench) -> str:
    """Why this was chosen, in words."""
    how = f"{len(workbench.held_out):,} documents held out"
    if len(workbench.parts) > 1:
        how = f"all {len(workbench.held_out):,} documents, held out in {len(workbench.parts)} turns"
    alone = max((trial for trial in trials if trial.name != ENSEMBLE), key=lambda trial: trial.score)
    if len(members) == 1:
        return f"{alone.name} was chosen of {len(trials)} candidates, on {how}: {workbench.told(alone)}."
    names = [one.trial.name for one in members]
    return (
        f"A blend of {', '.join(names[:-1])} and {names[-1]} was chosen, on {how}: {workbench.told(trials[-1])}; the best "
        f"of {len(trials) - 1} candidates alone, {alone.name}: {workbench.told(alone)}."
    )
