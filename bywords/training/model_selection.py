"""Candidates and labelled documents → the one that does best on documents held out, or an ensemble of several.

Every candidate is fitted to a part of the documents and judged on the rest; what is selected is fitted once more, to
all.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from bywords.checkpoint import NO_CHECKPOINT, Checkpoint, CheckpointError, Entry
from bywords.cluster import Holder
from bywords.config import typed
from bywords.data.splits import TOO_FEW, check_split
from bywords.data.targets import Rows, Targets
from bywords.errors import DataError, SettingError, check_range
from bywords.evaluation.metrics import Metric
from bywords.fitted import History, SelectionSummary
from bywords.models.base import FittedModel, ModelConfig, model_class
from bywords.models.ensemble import Ensemble, fit_weights, shares_of, weighed_sum
from bywords.system_config import SystemConfig
from bywords.text.bags import Floats
from bywords.text.memory_mapped import JoinedDocuments
from bywords.text.tokenizer import Tokens
from bywords.text.vocabulary import Vocabulary
from bywords.training.callback import Callback
from bywords.training.hyperparameter_search import HyperparameterSearch
from bywords.training.system import SystemFit
from bywords.training.workbench import KEPT_NONE, MOST_NUMBERS, CandidateResult, Kept, Trial, Workbench
from bywords.validation import check_array, check_count

CHAR_NGRAMS_UP_TO = 1_000_000  # tokens of the training texts: where there are more, words and n-grams say enough
FEW_DOCUMENTS, FEW_FOLDS = 3_000, 5  # of so few a tenth would tell little, so all are held out in turn
SOME_DOCUMENTS, SOME_FOLDS = 6_000, 3
SAMPLED, SAMPLED_OF_CLASS = 1 << 15, 1 << 6  # of very many documents, those that all candidates are fitted to
MOST_TIMES = 4  # as many documents are not very many yet
OF_ALL = 3  # times as long as for the sample takes what is fitted to all documents, about
MOST_MEMBERS = 6  # of an ensemble
KNOWING_SHARE = 0.7  # what the members that know words unseen get together of an ensemble, unless documents say more
ENSEMBLE = "ensemble"  # the name of a trial of several
Part = tuple[Tokens, Targets]
Before = tuple[Vocabulary, FittedModel]  # what was fitted to other documents, grown for these


@dataclass(frozen=True, kw_only=True)
class SelectionResult:
    """What was selected, why, and its answers for documents held out, from before it was fitted to all."""

    config: SystemConfig
    fit: SystemFit
    trials: list[Trial]
    reason: str
    logits: Floats  # (N, K)
    targets: Targets  # (N,)
    n_valid: int  # documents held out once and for all; 0 where all were, in turn
    members: list[CandidateResult]  # what was selected
    weights: Floats  # of the members' logits
    workbench: Workbench
    idf_of: Tokens | None = None  # texts without labels in which, too, it is counted how rare words are
    added: Part | None = None  # such texts that are learned from, with the labels that the model gave them

    def fit_again(
        self, part: Part, callback: Callback, checkpoint: Checkpoint, before: Before | None = None
    ) -> tuple[SystemConfig, SystemFit]:
        """What was selected, with the same weights, fitted to other documents: all of before, then more.

        An SVM goes on from what it found for the first of them. `before` is what was there already, grown for these.
        """
        (tokens, targets), first = part, self.workbench
        if self.added is not None:
            tokens, targets = tokens.joined(self.added[0]), targets.joined(self.added[1])
        config = first.config
        vocabulary = Vocabulary.of(tokens, config.vocabulary) if before is None else before[0]
        if before is None:
            vocabulary = _widened(vocabulary, [member.config for member in self.members])
        everything, none = np.arange(len(tokens)), np.zeros(0, dtype=np.int64)
        workbench = Workbench(
            config, vocabulary, tokens, targets, [(everything, none)], seed=first.seed, metric=first.metric,
            kept=first.kept, checkpoint=checkpoint, unlabelled=self.idf_of,
        )  # fmt: skip
        members = [
            replace(
                member,
                before=before[1] if before is not None and member.before is not None else member.before,
                duals=None if (start := member.start) is None else _longer(start, len(tokens)),
            )
            for member in self.members
        ]
        workbench.distinct([member.config for member in members if member.before is None])
        ensemble, notes = _refitted(workbench, members, self.weights, len(members), callback)
        fit = SystemFit(vocabulary, ensemble, history=self.fit.history, notes=notes)
        return replace(config, model=ensemble.config), fit

    @property
    def summary(self) -> SelectionSummary | None:
        """What was tried, for the record; None where nothing was."""
        if not self.trials:
            return None
        return SelectionSummary(reason=self.reason, trials=[trial.plain() for trial in self.trials])


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
    before: Before | None = None,
    kept: Kept = KEPT_NONE,
    callback: Callback | None = None,
    checkpoint: Checkpoint = NO_CHECKPOINT,
) -> SelectionResult:
    """Judge the candidates of `config.model`, and fit the best of them, or their ensemble, to all documents.

    They are judged on `valid`, where it is given, else on a share of the documents; where there are few, in folds, so
    that all are held out in turn, a fifth or third at a time, or `validation_share` where that is more.
    The vocabulary and idf, which know no labels, are those of all documents. What is best by `metric` is selected: one
    alone, or the ensemble of those that earn a weight, which has the least log loss. With `budget_seconds`, other
    settings are tried until that time is over. Ctrl-C ends the trying, and what was found so far is fitted. `before` is
    a model that is there already, with its vocabulary: it is judged with the candidates, and stays as it is. Of the
    classes `kept` these documents tell too little: there only `before` has an opinion.

    What was judged or fitted is kept in `checkpoint`, and not done again. A search goes on with what was tried before,
    for what is left of the budget.

    Raises: DataError when no document can be held out, SettingError for a system without candidates.
    """
    started, asked = time.perf_counter(), config.model.candidates
    callback = callback or Callback()
    if not asked:
        raise SettingError(f"there is nothing to select from: {config.model.title} is one model.")
    everything, all_targets, parts = _divided(train, targets, valid, validation_share, seed)
    if before is None and len(everything.codes) > CHAR_NGRAMS_UP_TO:
        asked = config.model.candidates_of_many or asked
        config = replace(config, vocabulary=replace(config.vocabulary, char_ngrams=None))
    vocabulary = Vocabulary.of(everything, config.vocabulary) if before is None else before[0]
    suitable, left_out = _suitable(asked, vocabulary, len(everything))
    if before is None:
        vocabulary = _widened(vocabulary, suitable)
    workbench = Workbench(
        config, vocabulary, everything, all_targets, parts, seed=seed, metric=metric, kept=kept, checkpoint=checkpoint
    )
    candidates = workbench.distinct(suitable)
    judged = _judged(workbench, candidates, started, budget_seconds, seed, callback)
    return _selected(workbench, judged, candidates, left_out, before=before, callback=callback)


def select_on_disk(
    config: SystemConfig,
    vocabulary: Vocabulary,
    documents: JoinedDocuments,
    targets: Targets,
    n_train: int,
    *,
    seed: int,
    metric: Metric,
    callback: Callback | None = None,
    checkpoint: Checkpoint = NO_CHECKPOINT,
    workers: Holder | None = None,
) -> SelectionResult:
    """The same of mapped documents, the first `n_train` of which are learned from, and the others held out.

    The candidates are those for many documents that can be trained on such. What is selected is not fitted again.
    `workers` fit those that learn in parts, one after the other.
    """
    started, candidates = time.perf_counter(), config.model.candidates_of_many or config.model.candidates
    asked = [one for one in candidates if model_class(one).trains_on_disk]
    why = "that takes documents in memory"
    left_out = {one.title: why for one in candidates if not model_class(one).trains_on_disk}
    callback, rows = callback or Callback(), np.arange(len(documents))
    workbench = Workbench(
        config, vocabulary, documents, targets, [(rows[:n_train], rows[n_train:])], seed=seed, metric=metric,
        kept=KEPT_NONE, checkpoint=checkpoint, holder=workers, callback=callback,
    )  # fmt: skip
    n_sampled = max(SAMPLED, SAMPLED_OF_CLASS * targets.n_classes)
    if len(asked) > 1 and n_train > MOST_TIMES * n_sampled:
        judged = _judged_by_sample(workbench, documents, n_train, n_sampled, asked, started, callback)
    else:
        judged = _judged(workbench, workbench.distinct(asked), started, None, seed, callback)
    return _selected(workbench, judged, asked, left_out, before=None, callback=callback)


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """Candidates that were judged, of which the best are to be one model."""

    results: list[CandidateResult]
    n_steps: int  # that there are in all, those of fitting to all documents too
    history: History = field(default_factory=History)
    of_sample: Sequence[Trial] = ()  # fitted to this many documents alone, to see which are to be fitted to all
    n_sampled: int = 0


def _judged_by_sample(
    workbench: Workbench,
    documents: JoinedDocuments,
    n_train: int,
    n_sampled: int,
    asked: Sequence[ModelConfig],
    started: float,
    callback: Callback,
) -> _Judged:
    """The best of the candidates, or the members of the best ensemble, as a sample of the documents has them.

    Each of these is fitted to all documents, and judged anew; an SVM goes on from what it found for the sample, and
    smaller C are tried too, since the more documents there are, the smaller is the C that does best. Which kinds do
    best on many documents do so on more: successive halving in one step (Jamieson, Talwalkar 2016, "Non-stochastic
    Best Arm Identification and Hyperparameter Optimization").
    """
    sampled = np.sort(np.random.default_rng(workbench.seed).choice(n_train, n_sampled, replace=False))
    rows = np.concatenate([sampled, np.arange(n_train, len(documents))])
    config, n_parts = workbench.config, max(one.parts for one in asked)
    of_sample = Workbench(
        replace(config, model=config.model.in_parts(1) or config.model), workbench.vocabulary, documents.chosen(rows),
        workbench.targets.select(rows), [(np.arange(n_sampled), np.arange(n_sampled, len(rows)))], seed=workbench.seed,
        metric=workbench.metric, kept=workbench.kept, checkpoint=workbench.checkpoint.under("sample"),
        callback=callback,
    )  # fmt: skip
    compared = of_sample.distinct([one.in_parts(1) or one for one in asked])
    tried = _judged(of_sample, compared, started, None, workbench.seed, callback, n_times_after=OF_ALL)
    starts = [
        replace(one, model=None, duals=None if one.duals is None else one.duals[:, :n_sampled], sampled=sampled)
        for one in _best_ensemble(tried.results, of_sample)[0]
    ]
    races = [
        [one.in_parts(n_parts) or one for one in (start.config, *_with_less_strength(start.config, compared))]
        for start in starts
    ]
    trials, n_steps, n_done = [one.trial for one in tried.results], tried.n_steps, tried.n_steps // (1 + OF_ALL)
    del of_sample, tried  # what they hold would take memory
    workbench.distinct([one for race in races for one in race])
    results, n_left = list[CandidateResult](), n_steps - n_done - len(races)  # before what is selected is one model
    raced = workbench.each(lambda at: workbench.race(races[at], starts[at]), range(len(races)))
    for number, its in enumerate(raced, start=1):
        results += its
        best = max(its, key=lambda one: one.trial.score).trial
        callback.step(n_done + n_left * number // len(races), n_steps, f"{best.name}: {workbench.in_words(best)}")
    return _Judged(results=results, n_steps=n_steps, of_sample=trials, n_sampled=n_sampled)


def _with_less_strength(config: ModelConfig, candidates: Sequence[ModelConfig]) -> list[ModelConfig]:
    """Those that differ in nothing but a smaller C, the largest first."""
    alike = [one for one in candidates if one.with_strength(config.C) == config and one.C < config.C]
    return sorted(alike, key=lambda one: -one.C)


def _selected(
    workbench: Workbench,
    judged: _Judged,
    candidates: Sequence[ModelConfig],
    left_out: dict[str, str],
    *,
    before: Before | None,
    callback: Callback,
) -> SelectionResult:
    """Make one model of the best of those judged; of `left_out` it is said why they are no candidates."""
    config, vocabulary, n_classes = workbench.config, workbench.vocabulary, workbench.targets.n_classes
    results = judged.results + ([workbench.judge_before(before[1])] if before is not None else [])
    select = _ensemble_that_keeps if len(workbench.kept.classes) else _best_ensemble
    members, weights, combined = select(results, workbench)
    ensemble, notes = _refitted(workbench, members, weights, judged.n_steps, callback)
    if before is None and not any(one.config.knows_unseen for one in members):
        vocabulary, ensemble = _without_unseen(vocabulary, ensemble, n_classes)
    trials = [one.trial for one in results]
    if len(members) > 1:
        settings = tuple(config for one in members for config in one.trial.settings)
        trials.append(workbench.result(ENSEMBLE, settings, combined).trial)
    n_tried = len(judged.of_sample) or len(results)
    said = [_reason(trials, members, weights, workbench, n_tried), *_on_unseen(candidates, members, left_out)]
    if judged.of_sample:
        said.insert(1, _on_sample(judged, len(workbench.parts[0][0])))
    of_sample = [replace(one, name=f"{one.name}, of {judged.n_sampled:,} documents") for one in judged.of_sample]
    return SelectionResult(
        config=replace(config, model=ensemble.config),
        fit=SystemFit(vocabulary, ensemble, history=judged.history, notes=notes),
        trials=of_sample + trials,
        reason=" ".join(said),
        logits=combined,
        targets=workbench.held_out,
        n_valid=len(workbench.held_out) if len(workbench.parts) == 1 else 0,
        members=members,
        weights=weights,
        workbench=workbench,
    )


def _suitable(
    asked: Sequence[ModelConfig], vocabulary: Vocabulary, n_documents: int
) -> tuple[list[ModelConfig], dict[str, str]]:
    """Those to try on so many documents; and why others are left out, by their titles."""
    reasons = [one.unsuitable(vocabulary, n_documents) for one in asked]
    left_out = {one.title: why for one, why in zip(asked, reasons, strict=True) if why is not None}
    tried = [one for one, why in zip(asked, reasons, strict=True) if why is None]
    if not tried:
        raise SettingError(f"there is nothing to select from: {'; '.join(left_out.values())}.")
    return tried, left_out


def _widened(vocabulary: Vocabulary, configs: Iterable[ModelConfig]) -> Vocabulary:
    """With the words that models with these settings know without having seen them."""
    for config in configs:
        if config.knows_unseen:
            return config.widened(vocabulary)
    return vocabulary


def _without_unseen(vocabulary: Vocabulary, model: Ensemble, n_classes: int) -> tuple[Vocabulary, Ensemble]:
    """Both without the rows of words that no text has, where no member knows them."""
    if not vocabulary.is_unseen.any():
        return vocabulary, model
    smaller, rows = vocabulary.keep_rows(~vocabulary.is_unseen)
    arrays = model.arrays_of_rows(rows)
    return smaller, Ensemble.from_arrays(model.config, arrays, vocabulary=smaller, n_classes=n_classes)


def _divided(
    train: Tokens, targets: Targets, valid: tuple[Tokens, Targets] | None, share: float, seed: int
) -> tuple[Tokens, Targets, list[tuple[Rows, Rows]]]:
    """All documents, and in which parts of them candidates are fitted and judged."""
    check_split(share, seed)
    if valid is not None:
        everything = train.joined(valid[0])
        return everything, targets.joined(valid[1]), [(np.arange(len(train)), np.arange(len(train), len(everything)))]
    if not targets.can_be_split():
        raise DataError(TOO_FEW)
    return train, targets, _parts(targets, share, seed)


def _parts(targets: Targets, share: float, seed: int) -> list[tuple[Rows, Rows]]:
    """What to hold out: of few documents each once, of many a share."""
    n_folds = FEW_FOLDS if len(targets) < FEW_DOCUMENTS else SOME_FOLDS if len(targets) < SOME_DOCUMENTS else 1
    n_folds = min(n_folds, max(2, round(1 / share))) if n_folds > 1 else 1  # a larger share, fewer turns
    if n_folds == 1 or targets.n_groups < 2 * n_folds or len(targets) * targets.n_classes > MOST_NUMBERS:
        kept, held_out = targets.split(share, seed)
        most = max(1, MOST_NUMBERS // (10 * targets.n_classes))  # of very many classes not one each is held out
        drawn = np.random.default_rng(seed).permutation(len(held_out))[:most]
        return [(np.union1d(kept, np.delete(held_out, drawn)), np.sort(held_out[drawn]))]
    return targets.folds(n_folds, seed)


def _judged(
    workbench: Workbench,
    candidates: Sequence[ModelConfig],
    started: float,
    budget_seconds: float | None,
    seed: int,
    callback: Callback,
    *,
    n_times_after: int = 1,
) -> _Judged:
    """The candidates, and what else was tried until the budget was spent.

    What comes after takes `n_times_after` as long: of the steps in all these are as many.
    """
    races: dict[ModelConfig, list[ModelConfig]] = {}
    for one in candidates:
        races.setdefault(one.with_strength(1.0), []).append(one)
    judged, history, n_steps = list[CandidateResult](), History(), (1 + n_times_after) * len(races)
    tasks = [*(partial(workbench.race, raced) for raced in races.values()), partial(workbench.look_ahead, candidates)]
    for number, raced in enumerate(workbench.each(lambda task: task(), tasks), start=1):
        if not raced:
            continue
        judged += raced
        best = max(raced, key=lambda one: one.trial.score).trial
        callback.step(number, n_steps, f"{best.name}: {workbench.in_words(best)}")
    if budget_seconds is not None:
        found, history.interrupted = _searched(workbench, started, budget_seconds, seed=seed, callback=callback)
        judged += found
        n_steps += len(found)
    return _Judged(results=judged, history=history, n_steps=n_steps)


def _refitted(
    workbench: Workbench, members: Sequence[CandidateResult], weights: Floats, n_steps: int, callback: Callback
) -> tuple[Ensemble, list[str]]:
    """The members fitted to all documents, as one model; and what there is to say of each."""
    fitted: list[FittedModel] = []
    shares: list[Floats] = []
    said: list[str] = []
    for number, (models, notes) in enumerate(workbench.each(workbench.refit, members)):
        name = members[number].trial.name
        said += [f"{name}: {note[0].lower()}{note[1:]}" for note in notes]
        if not notes and any(one.parts > 1 for one in workbench.config.model.candidates):
            said.append(f"{name}: fitted to all documents at once.")
        shares += [weights[number]] * len(models)
        fitted += models
        n_left = len(members) - 1 - number
        callback.step(n_steps - n_left, n_steps, "fitted to all documents")
    return Ensemble(fitted, np.array(shares)), said


def _longer(duals: Floats, n_documents: int) -> Floats:
    """Dual variables (N, K) for more documents, as of one part, (1, N', K): 0 for those that come after."""
    longer = np.zeros((1, n_documents, duals.shape[1]), dtype=duals.dtype)
    longer[0, : len(duals)] = duals
    return longer


def _searched(
    workbench: Workbench, started: float, budget_seconds: float, *, seed: int, callback: Callback
) -> tuple[list[CandidateResult], bool]:
    """What was judged until the budget was spent, by this run and those that it resumes; whether Ctrl-C ended it.

    When it is spent, what was tried before is taken from the checkpoint; what is not there any more is not done again.
    """
    search, judged = HyperparameterSearch(seed=seed), list[CandidateResult]()
    n_before, spent, failed = workbench.checkpoint.restored("search", _tried_before) or (0, 0.0, set[int]())
    n_tried = 0
    try:
        while (is_time := spent + time.perf_counter() - started < budget_seconds) or n_tried < n_before:
            proposed = search.propose()
            if n_tried in failed:
                search.learn(float("inf"))
            elif is_time or workbench.has_judged(proposed):
                try:
                    one = workbench.judge(proposed)
                except CheckpointError:
                    raise
                except SettingError:  # steps so large that no loss is a number: not a proposal to repeat
                    search.learn(float("inf"))
                    failed.add(n_tried)
                else:
                    search.learn(-one.trial.score)
                    judged.append(one)
                    callback.step(len(judged), 0, f"{one.trial.name}: {workbench.in_words(one.trial)}")
            else:
                break
            n_tried += 1
            if n_tried > n_before:
                values = [n_tried, spent + time.perf_counter() - started]
                workbench.checkpoint.save("search", {"failed": np.array(sorted(failed), dtype=np.int64)}, values)
    except KeyboardInterrupt:
        return judged, True
    return judged, False


def _tried_before(entry: Entry) -> tuple[int, float, set[int]]:
    """How many settings were tried, in how many seconds, and which of them failed."""
    n_tried, seconds = typed(tuple[int, float], entry.values, where="it")
    failed = entry.arrays.get("failed", np.zeros(0, dtype=np.int64))
    check_array("failed", failed, np.int64, shape=("n",))
    check_count("the number of settings tried", n_tried)
    check_range("the time of the search", seconds, least=0)
    return n_tried, seconds, set(failed.tolist())


def _best_ensemble(
    judged: Sequence[CandidateResult], workbench: Workbench
) -> tuple[list[CandidateResult], Floats, Floats]:
    """The members, their weights and their logits together: all that get a weight, or one where it does better alone.

    What was known before stays where it gets a weight: it may know what these documents do not speak of. Of candidates
    of one kind on the same features only the best is asked, and of the best only MOST_MEMBERS.
    """
    members = _best_of_each(judged)[:MOST_MEMBERS]
    weights = fit_weights([one.logits for one in members], workbench.held_out, _towards(members))
    alone = members[0]
    is_used = weights.reshape(len(members), -1).max(axis=1) > 0
    members, weights = [members[index] for index in np.flatnonzero(is_used).tolist()], weights[is_used]
    if members:
        together = weighed_sum([one.logits for one in members], weights)
        keeps = any(one.before is not None for one in members)
        if keeps or workbench.result(ENSEMBLE, (), together).trial.score > alone.trial.score:
            return members, weights, together
    return [alone], np.ones(1, dtype=np.float32), alone.logits


def _towards(members: Sequence[CandidateResult]) -> list[float]:
    """What weights are drawn to: KNOWING_SHARE to members that know words without having seen them, where there are."""
    knows = [one.before is None and one.config.knows_unseen for one in members]
    n_knowing = sum(knows)
    if n_knowing in (0, len(members)):
        return [1 / len(members)] * len(members)
    of_others = (1 - KNOWING_SHARE) / (len(members) - n_knowing)
    return [KNOWING_SHARE / n_knowing if knowing else of_others for knowing in knows]


def _best_of_each(judged: Iterable[CandidateResult]) -> list[CandidateResult]:
    """The best of each kind on the same features, the best of all first; of equals that which was judged first."""
    best: dict[str, CandidateResult] = {}
    for one in sorted(judged, key=lambda one: -one.trial.score):
        best.setdefault(one.trial.name, one)
    return list(best.values())


def _ensemble_that_keeps(
    judged: Sequence[CandidateResult], workbench: Workbench
) -> tuple[list[CandidateResult], Floats, Floats]:
    """As `_best_ensemble`, but what was there before has its full weight, and alone speaks of the classes kept.

    Documents held out say nothing about these classes, so nothing may be taken from their odds because of them.
    """
    (before,) = (one for one in judged if one.before is not None)
    others = _best_of_each(one for one in judged if one is not before)[: MOST_MEMBERS - 1]
    members = [before, *others]
    weights = fit_weights([one.logits for one in members], workbench.held_out)
    if workbench.targets.is_multilabel:
        weights[0, workbench.kept.classes], weights[1:, workbench.kept.classes] = 1, 0
    else:
        weights[0] = max(weights[0], 1)
    return members, weights, weighed_sum([one.logits for one in members], weights)


def _on_unseen(
    candidates: Sequence[ModelConfig], members: Sequence[CandidateResult], left_out: dict[str, str]
) -> Iterator[str]:
    """What there is to say of models that know words without having seen them, and are not used."""
    used = {one.trial.name for one in members}
    idle = [title for title in dict.fromkeys(one.title for one in candidates if one.knows_unseen) if title not in used]
    said: dict[str, list[str]] = {f"not tried: {why}": [] for why in left_out.values()}
    said["tried too, and got no weight"] = idle
    for title, why in left_out.items():
        said[f"not tried: {why}"].append(title)
    for what, titles in said.items():
        if titles:
            named = " and ".join(titles)
            yield f"{named[0].upper()}{named[1:]} {'was' if len(titles) == 1 else 'were'} {what}."


def in_percent(share: float) -> str:
    """.304 → 30%; less than 1% of what is not nothing."""
    return "less than 1%" if (shown := f"{share:.0%}") == "0%" else shown


def _on_sample(judged: _Judged, n_train: int) -> str:
    """What there is to say of candidates that were compared on a sample."""
    kinds = list(dict.fromkeys(one.trial.name for one in judged.results))
    named = kinds[0] if len(kinds) == 1 else f"{', '.join(kinds[:-1])} and {kinds[-1]}"
    return (
        f"All {len(judged.of_sample)} were fitted to {judged.n_sampled:,} of the {n_train:,} documents to learn from, "
        f"drawn at random, and judged on the same documents held out; only what was best there, {named}, was fitted to "
        "all of them, and judged anew."
    )


def _reason(
    trials: list[Trial], members: list[CandidateResult], weights: Floats, workbench: Workbench, n_tried: int
) -> str:
    """Why this was selected of so many, in words."""
    how = f"{len(workbench.held_out):,} documents held out"
    if len(workbench.parts) > 1:
        how = f"all {len(workbench.held_out):,} documents, held out in {len(workbench.parts)} turns"
    alone = max((trial for trial in trials if trial.name != ENSEMBLE), key=lambda trial: trial.score)
    if len(members) == 1:
        return f"{alone.name} was selected of {n_tried} candidates, on {how}: {workbench.in_words(alone)}."
    shares = shares_of(weights, [one.logits for one in members], workbench.held_out)
    names = [f"{one.trial.name} ({in_percent(share)})" for one, share in zip(members, shares.tolist(), strict=True)]
    return (
        f"An ensemble of {', '.join(names[:-1])} and {names[-1]} was selected, on {how}: "
        f"{workbench.in_words(trials[-1])}; the best of {n_tried} candidates alone, {alone.name}: "
        f"{workbench.in_words(alone)}."
    )
