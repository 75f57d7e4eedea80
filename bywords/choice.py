"""Candidates and labelled documents in, the one that does best on documents held out, or a blend of several, out.

Every candidate is fitted to a part of the documents and judged on the rest; what is chosen is fitted once more, to all.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from bywords.averages import AveragingConfig
from bywords.bags import Bags, Floats
from bywords.blend import Blend, Member, MemberConfig, fit_weights
from bywords.errors import DataError, SettingError
from bywords.metrics import Labels, accuracy, fit_temperature, log_loss, softmax
from bywords.search import Search
from bywords.settings import to_plain
from bywords.splits import check_split, stratified_folds, stratified_split
from bywords.systems import (
    ChoiceConfig,
    FittedSystem,
    Listener,
    PretrainedConfig,
    Silence,
    SystemConfig,
    align,
    fit_model,
)
from bywords.tfidf import TfidfConfig, TfidfLinear, features_of
from bywords.tokens import Tokens, in_threads
from bywords.training import History
from bywords.vector_files import load_vectors
from bywords.vectors import Aligned
from bywords.vocabulary import Features, Vocabulary

PIECES_UP_TO = 1_000_000  # running words of the training texts: where there are more, words and runs say enough
FEW, FEW_FOLDS = 3_000, 5  # documents: of so few a tenth would tell little, so all are held out in turn
SOME, SOME_FOLDS = 6_000, 3
MOST_MEMBERS = 5  # of a blend
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One candidate, or a blend of several, judged on documents held out."""

    name: str
    settings: tuple[MemberConfig, ...]
    accuracy: float
    log_loss: float  # nats a document, at its own best temperature
    seconds: float  # to fit and to answer; 0 for a blend, whose members have done both

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {**vars(self), "settings": [to_plain(member) for member in self.settings]}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What was chosen, why, and its answers for documents held out, from before it was fitted to all."""

    config: SystemConfig
    fitted: FittedSystem
    trials: list[Trial]
    reason: str
    logits: Floats  # (N, K)
    labels: Labels  # (N,)
    n_valid: int  # documents held out once and for all; 0 where all were, in turn


@dataclass(frozen=True)
class _Judged:
    """A candidate with its answers for all documents held out."""

    trial: Trial
    logits: Floats
    n_epochs: int | None
    duals: Floats | None  # of an SVM, for all documents, 0 for those held out

    @property
    def config(self) -> MemberConfig:
        return self.trial.settings[0]


def choose(
    config: SystemConfig,
    train: Tokens,
    labels: Labels,
    valid: tuple[Tokens, Labels] | None,
    *,
    n_classes: int,
    seed: int,
    validation_share: float = 0.1,
    budget_seconds: float | None = None,
    listener: Listener | None = None,
) -> Choice:
    """Judge the candidates of `config.model`, and fit the best of them, or their blend, to all documents.

    They are judged on `valid`, where it is given, else on a share of the documents, or in folds where there are few.
    The vocabulary and idf, which know no labels, are those of all documents. That with the least log loss is chosen:
    one alone, or the blend of those that are worth a weight. With `budget_seconds`, other settings are tried until that
    time is over. Ctrl-C ends the trying, and what was found so far is fitted.

    Raises: DataError when no document can be held out.
    """
    if not isinstance(config.model, ChoiceConfig):
        raise SettingError("there is nothing to choose from: the system has no candidates.")
    ends = time.perf_counter() + (budget_seconds or 0)
    listener = listener or Silence()
    asked = config.model.candidates
    check_split(validation_share, seed)
    everything, all_labels = train, labels
    if valid is None:
        if np.bincount(labels).max() < 2:
            raise DataError("too few documents to hold one out for validation: no class has two. Add documents.")
        parts = _parts(labels, validation_share, seed)
    else:
        everything, all_labels = train.joined(valid[0]), np.concatenate([labels, valid[1]])
        parts = [(np.arange(len(train)), np.arange(len(train), len(everything)))]
    if len(everything.codes) > PIECES_UP_TO:
        asked = config.model.candidates_of_many or asked
        config = replace(config, vocabulary=replace(config.vocabulary, pieces=None))
    bench = _Bench(config, everything, all_labels, parts, n_classes=n_classes, seed=seed)
    judged: list[_Judged] = []
    candidates = bench.distinct(asked)
    n_steps = 2 * len(candidates)
    for one in in_threads(bench.judge, candidates):
        judged.append(one)
        listener.step(len(judged), n_steps, _told(one.trial))
    if budget_seconds is not None:
        judged += _tried_until(ends, bench, seed=seed, listener=listener)
        n_steps += len(judged) - len(candidates)
    members, weights, blended = _best_blend(judged, bench.held_out_labels)
    fitted: list[Member] = []
    for model in in_threads(bench.refit, members):
        fitted.append(model)
        listener.step(n_steps - len(members) + len(fitted), n_steps, "fitted to all documents")
    trials = [one.trial for one in judged]
    if len(members) > 1:
        settings = tuple(one.config for one in members)
        trials.append(_trial("blend", settings, blended, bench.held_out_labels, seconds=0.0))
    blend = Blend(fitted, weights)
    return Choice(
        config=replace(config, model=blend.config),
        fitted=FittedSystem(bench.vocabulary, blend),
        trials=trials,
        reason=_reason(trials, members, weights, bench),
        logits=blended,
        labels=bench.held_out_labels,
        n_valid=len(bench.held_out_labels) if len(parts) == 1 else 0,
    )


class _Bench:
    """The documents, encoded once, on which candidates are fitted and judged."""

    def __init__(
        self,
        config: SystemConfig,
        tokens: Tokens,
        labels: Labels,
        parts: list[tuple[Rows, Rows]],
        *,
        n_classes: int,
        seed: int,
    ) -> None:
        self.vocabulary = Vocabulary.of(tokens, config.vocabulary)
        if not len(self.vocabulary.words):
            raise DataError(
                f"no word of the training texts occurs {config.vocabulary.min_count} times or more, so there is "
                "nothing to learn from. Add documents, or lower vocabulary.min_count."
            )
        self.documents = self.vocabulary.encode(tokens)
        self.labels, self.parts = labels, parts
        self.held_out_labels = np.concatenate([labels[held_out] for _, held_out in parts])
        self._n_classes, self._seed, self._training = n_classes, seed, config.training
        self._aligned: Aligned | None = None
        if isinstance(config.vectors, PretrainedConfig):
            vectors = load_vectors(config.vectors.name, words=self.vocabulary.words)
            self._aligned = align(vectors, self.vocabulary, seed=seed)
        self._features: dict[tuple[int, bool], tuple[Floats, Bags]] = {}

    def distinct(self, candidates: Sequence[MemberConfig]) -> list[MemberConfig]:
        """Those that differ: where there are no pieces, or no runs, to see all is to see less."""
        seen = {replace(one, features=self._least(one.features)): one for one in candidates}
        for one in candidates:  # counted and weighed before threads ask for the same
            if isinstance(one, TfidfConfig):
                self._features_of(one)
        return list(seen)

    def judge(self, config: MemberConfig) -> _Judged:
        """Fit to each part and answer for what it holds out."""
        started = time.perf_counter()
        logits, epochs, duals = [], [], None
        for kept, held_out in self.parts:
            model, history = self._fit(config, kept, held_out)
            if history.interrupted:
                raise KeyboardInterrupt
            if len(self.parts) == 1 and getattr(model, "duals", None) is not None:
                duals = np.zeros((len(self.documents), model.duals.shape[1]), dtype=np.float32)
                duals[kept] = model.duals
            logits.append(self._answers(model, config, held_out))
            epochs.append(history.best_epoch)
        together = np.concatenate(logits)
        seconds = time.perf_counter() - started
        trial = _trial(name_of(config), (config,), together, self.held_out_labels, seconds=seconds)
        return _Judged(trial, together, int(np.median(epochs)) or None, duals)

    def refit(self, judged: _Judged) -> Member:
        """Fit to all documents, for as many epochs as were best, or on from the part that was fitted before."""
        everything = np.arange(len(self.documents))
        return self._fit(judged.config, everything, None, n_epochs=judged.n_epochs, duals=judged.duals)[0]

    def _fit(
        self,
        config: MemberConfig,
        rows: Rows,
        held_out: Rows | None,
        *,
        n_epochs: int | None = None,
        duals: Floats | None = None,
    ) -> tuple[Any, History]:
        labels = self.labels[rows]
        if isinstance(config, TfidfConfig):
            idf, bags = self._features_of(config)
            blocks = self.vocabulary.blocks
            some = bags if len(rows) == len(bags) else bags.select(rows)
            linear = TfidfLinear.fit_to(
                config, idf, some, labels, blocks=blocks, n_classes=self._n_classes, seed=self._seed, duals=duals
            )
            return linear, History()
        valid = None if held_out is None else (self.documents.select(held_out), self.labels[held_out])
        return fit_model(
            config, self.documents.select(rows), labels, valid,
            vocabulary=self.vocabulary, n_classes=self._n_classes, seed=self._seed, training=self._training,
            n_epochs=n_epochs, aligned=self._aligned if config.dimension is None else None,
        )  # fmt: skip

    def _answers(self, model: Member, config: MemberConfig, rows: Rows) -> Floats:
        if isinstance(model, TfidfLinear) and isinstance(config, TfidfConfig):
            return model.logits_of(self._features_of(config)[1].select(rows))
        return model.logits(self.documents.select(rows))

    def _features_of(self, config: TfidfConfig) -> tuple[Floats, Bags]:
        key = (self.vocabulary.n_rows(config.features), config.sublinear)
        if key not in self._features:
            self._features[key] = features_of(config, self.documents, self.vocabulary)
        return self._features[key]

    def _least(self, features: Features) -> Features:
        """The first of words, runs and all that has the same rows."""
        names: tuple[Features, ...] = get_args(Features)
        n_rows = self.vocabulary.n_rows(features)
        return next(name for name in names if self.vocabulary.n_rows(name) == n_rows)


def name_of(config: MemberConfig) -> str:
    """What a candidate is called in words."""
    on = {"words": "words", "runs": "words and runs", "all": "words, runs and pieces"}[config.features]
    if isinstance(config, AveragingConfig):
        return f"averaging on {on}"
    return {"svc": "SVM", "nb-svc": "naive Bayes SVM", "nb": "naive Bayes"}[config.estimator] + f" on {on}"


def _parts(labels: Labels, share: float, seed: int) -> list[tuple[Rows, Rows]]:
    """What to hold out: of few documents each once, of many a share."""
    n_folds = FEW_FOLDS if len(labels) < FEW else SOME_FOLDS if len(labels) < SOME else 1
    if n_folds == 1 or len(labels) < 2 * n_folds:
        return [stratified_split(labels, share, seed)]
    return stratified_folds(labels, n_folds, seed)


def _tried_until(ends: float, bench: _Bench, *, seed: int, listener: Listener) -> list[_Judged]:
    search, judged = Search(seed=seed), list[_Judged]()
    try:
        while time.perf_counter() < ends:
            proposed = search.propose()
            try:
                one = bench.judge(proposed)
            except SettingError:  # steps so large that no loss is a number: not a proposal to repeat
                search.learn(float("inf"))
                continue
            search.learn(one.trial.log_loss)
            judged.append(one)
            listener.step(len(judged), 0, _told(one.trial))
    except KeyboardInterrupt:
        pass
    return judged


def _best_blend(judged: Sequence[_Judged], labels: Labels) -> tuple[list[_Judged], Floats, Floats]:
    """The members, their weights and their logits together: all that get a weight, or one where it does better alone.

    Of candidates of one kind on the same features only the best is asked, and of the best only MOST_MEMBERS.
    """
    best: dict[str, _Judged] = {}
    for one in sorted(judged, key=lambda one: one.trial.log_loss):
        best.setdefault(one.trial.name, one)
    members = list(best.values())[:MOST_MEMBERS]
    weights = fit_weights([one.logits for one in members], labels)
    alone = members[0]
    members = [one for one, weight in zip(members, weights, strict=True) if weight > 0]
    weights = weights[weights > 0]
    if members:
        together = np.tensordot(weights, np.stack([one.logits for one in members]), axes=1)
        if _least_log_loss(together, labels) < alone.trial.log_loss:
            return members, weights, together
    return [alone], np.ones(1, dtype=np.float32), alone.logits


def _least_log_loss(logits: Floats, labels: Labels) -> float:
    return log_loss(labels, softmax(logits / fit_temperature(logits, labels)))


def _trial(name: str, settings: tuple[MemberConfig, ...], logits: Floats, labels: Labels, *, seconds: float) -> Trial:
    right = accuracy(labels, logits.argmax(axis=1))
    return Trial(
        name=name, settings=settings, accuracy=right, log_loss=_least_log_loss(logits, labels), seconds=seconds
    )


def _told(trial: Trial) -> str:
    return f"{trial.name}: right on {trial.accuracy:.1%}, log loss {trial.log_loss:.3f}, {trial.seconds:.1f} s"


def _reason(trials: list[Trial], members: list[_Judged], weights: Floats, bench: _Bench) -> str:
    """Why this was chosen, in words."""
    how = f"{len(bench.held_out_labels):,} documents held out"
    if len(bench.parts) > 1:
        how = f"all {len(bench.held_out_labels):,} documents, held out in {len(bench.parts)} turns"
    alone = min((trial for trial in trials if len(trial.settings) == 1), key=lambda trial: trial.log_loss)
    if len(members) == 1:
        return (
            f"{alone.name} was chosen of {len(trials)} candidates: on {how} it has the least log loss, "
            f"{alone.log_loss:.3f}, and is right on {alone.accuracy:.1%}."
        )
    names = [one.trial.name for one in members]
    return (
        f"A blend of {', '.join(names[:-1])} and {names[-1]} was chosen: on {how} its log loss is "
        f"{trials[-1].log_loss:.3f} and it is right on {trials[-1].accuracy:.1%}; the best of {len(trials) - 1} "
        f"candidates alone, {alone.name}, has {alone.log_loss:.3f} and {alone.accuracy:.1%}."
    )
