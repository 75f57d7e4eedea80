"""A selection and texts without labels → the same with what they teach, where documents held out say that it helps.

They tell how rare words are. And what was selected can be fitted to them as well, with its own confident answers as
labels (self-training): such a text counts little.
Source: Yarowsky (1995), "Unsupervised Word Sense Disambiguation Rivaling Supervised Methods".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from bywords.checkpoint import NO_CHECKPOINT, Checkpoint
from bywords.data.columns import Columns
from bywords.data.groups import Together, groups_of
from bywords.data.targets import Targets
from bywords.errors import DataError, SettingError
from bywords.evaluation.calibration import Calibration, fit_calibration
from bywords.fitted import documents_of
from bywords.models.base import ModelConfig
from bywords.text.inputs import Texts, as_list
from bywords.text.tokenizer import Tokenizer, Tokens
from bywords.training.callback import Callback
from bywords.training.model_selection import Part, SelectionResult
from bywords.training.system import SystemFit
from bywords.training.workbench import CandidateResult

CONFIDENT = 0.6  # least probability of an answer that is learned from
WEIGHT = 0.1  # what such a text counts, beside 1 of a document with a label
MOST_TIMES = 4  # as many such texts of a class as documents with its label, the most confident
N_STEPS = 3  # ways that are judged
AS_BEFORE, COUNTED, SELF_TRAINED = (
    "without texts that have no labels",
    "with idf of texts without labels",
    "self-training",
)


@dataclass(frozen=True)
class Unlabelled:
    """Texts without labels, those with words that no document with a label equals; and how many were read."""

    tokens: Tokens
    n_read: int

    @property
    def sentence(self) -> str:
        """How many were read, and how many of them are left out."""
        n_out = self.n_read - len(self.tokens)
        out = f"; {n_out:,} of them have no words or equal a document with a label, and were left out" if n_out else ""
        return (
            f"{self.n_read:,} texts without labels were read{out}. What follows was found by models that had not seen "
            "even the words of the documents held out."
        )


def are_apart(
    texts: Sequence[str] | pl.Series, labelled: Sequence[Sequence[str] | pl.Series], together: Together
) -> npt.NDArray[np.bool_]:
    """Which of N texts are in no group with one of `labelled`, lists of texts: bool (N,)."""
    groups = groups_of([*texts, *(text for some in labelled for text in some)], together)
    return ~np.isin(groups[: len(texts)], groups[len(texts) :])


def check_can_use(model: ModelConfig) -> None:
    """Raise SettingError for a system that has nothing to select."""
    if not model.candidates:
        raise SettingError(
            f"{model.title} has no candidates that could be judged with and without them, so texts without labels are "
            "of no use to it: leave out unlabelled, or take 'auto'."
        )


def read_unlabelled(
    tokenizer: Tokenizer,
    texts: Texts | None,
    labelled: Sequence[Texts],
    columns: Columns | None,
    together: Together,
) -> Unlabelled | None:
    """The tokens of texts that equal none of `labelled`, all that have labels: to train, to validate or to test on.

    So none is learned from before it is asked for, and none counts twice. None where none are given.
    Raises: DataError where no text is left.
    """
    if texts is None:
        return None
    checked = as_list(documents_of(texts, columns, tokenizer.read))
    tokens = tokenizer(checked)
    is_apart = are_apart(checked, [as_list(tokenizer.read(some)) for some in labelled], together)
    kept = np.flatnonzero(is_apart & (tokens.lengths > 0))
    if not len(kept):
        raise DataError(
            f"none of the {len(checked):,} texts without labels has words and differs from all documents with a label: "
            "leave them out, or give others."
        )
    return Unlabelled(tokens.select(kept), len(checked))


def with_unlabelled(
    selected: SelectionResult,
    everything: Part,
    unlabelled: Unlabelled,
    *,
    callback: Callback | None = None,
    checkpoint: Checkpoint = NO_CHECKPOINT,
) -> SelectionResult:
    """What was selected as it is; or fitted with what texts without labels say, where documents held out gain by it.

    Each way is fitted anew to each part and answers for what that holds out, without having seen anything of it: as
    before; with idf that counts these texts; and the better of both with its own confident answers for them.
    `everything` are the documents with labels. The reason says what was done, and the trials how good each way was.
    Ctrl-C keeps the selection as it was.
    """
    callback = callback or Callback()
    anew = replace(selected, members=[replace(member, duals=None) for member in selected.members])
    try:
        before = _judged(anew, everything, AS_BEFORE)
        counted = _judged(replace(anew, idf_of=unlabelled.tokens), everything, COUNTED)
        best = max(before, counted, key=lambda one: one.score)  # of equals the first
        for number, one in enumerate([before, counted], start=1):
            callback.step(number, N_STEPS, f"{one.result.trial.name}: {one.in_words}")
        said = [unlabelled.sentence, _on_idf(before, counted)]
        tried, added = [before, counted], None
        if everything[1].is_multilabel:
            said.append("There was no self-training on them: documents have any number of labels.")
        elif (taught := _self_trained(best, everything, unlabelled.tokens)) is None:
            said.append(f"There was no self-training on them: no answer for one is {CONFIDENT:.0%} sure in all parts.")
        else:
            tried.append(taught)
            callback.step(N_STEPS, N_STEPS, f"{SELF_TRAINED}: {taught.in_words}")
            if taught.score > best.score:
                _, fit = best.way.fit_again(everything, Callback(), NO_CHECKPOINT)
                added = _confident(fit, unlabelled.tokens, _calibration(best), everything[1])
            if added is None:
                said.append(f"Self-training on them is not used: {taught.in_words}, instead of {best.in_words}.")
        way = replace(selected, idf_of=best.way.idf_of, added=added)
        if way.idf_of is not None or added is not None:
            config, fit = way.fit_again(everything, callback, checkpoint.under("unlabelled"))
            way = replace(way, config=config, fit=fit, logits=(taught if added and taught else best).result.logits)
        if added is not None and taught is not None:
            n_words = _n_words(way.fit) - _n_words(selected.fit)
            said.append(
                f"{len(added[0]):,} of them, for which the model was {CONFIDENT:.0%} sure or more, are learned from as "
                f"documents that count {WEIGHT} each (self-training), and brought {n_words:,} more words: "
                f"{taught.in_words}, instead of {best.in_words}."
            )
    except KeyboardInterrupt:
        selected.fit.history.interrupted = True
        return selected
    trials = [*selected.trials, *(one.result.trial for one in tried)]
    return replace(way, reason=" ".join([selected.reason, *said]), trials=trials)


@dataclass(frozen=True)
class _Judged:
    """A way to fit what was selected, its fits to the parts, and its answers for what they hold out."""

    way: SelectionResult
    fits: list[SystemFit]
    result: CandidateResult

    @property
    def score(self) -> float:
        return self.result.trial.score

    @property
    def in_words(self) -> str:
        return self.way.workbench.in_words(self.result.trial)


def _judged(way: SelectionResult, everything: Part, name: str, added: Sequence[Part | None] | None = None) -> _Judged:
    """Fit to each part, with what is `added` to it, and answer for what it holds out."""
    (tokens, targets), workbench = everything, way.workbench
    fits, logits = [], []
    for (kept, held_out), more in zip(workbench.parts, added or [None] * len(workbench.parts), strict=True):
        part = tokens.select(kept), targets.select(kept)
        _, fit = replace(way, added=more).fit_again(part, Callback(), NO_CHECKPOINT)
        fits.append(fit)
        logits.append(fit.model.logits(fit.vocabulary.encode(tokens.select(held_out))))
    settings = tuple(config for member in way.members for config in member.trial.settings)
    return _Judged(way, fits, workbench.result(name, settings, np.concatenate(logits)))


def _self_trained(best: _Judged, everything: Part, tokens: Tokens) -> _Judged | None:
    """The way with the answers of each part's fit as documents of that part; None where no answer is confident."""
    calibration = _calibration(best)
    added = [_confident(fit, tokens, calibration, everything[1]) for fit in best.fits]
    return None if not any(added) else _judged(best.way, everything, SELF_TRAINED, added)


def _calibration(judged: _Judged) -> Calibration:
    return fit_calibration(judged.result.logits, judged.way.workbench.held_out)


def _confident(fit: SystemFit, tokens: Tokens, calibration: Calibration, labelled: Targets) -> Part | None:
    """The texts for which a fit has confident answers, with these as labels; None where there are none."""
    probabilities = calibration.probabilities(fit.model.logits(fit.vocabulary.encode(tokens)))
    highest, codes = probabilities.max(axis=1), probabilities.argmax(axis=1)
    of_class = (np.flatnonzero((codes == code) & (highest >= CONFIDENT)) for code in range(labelled.n_classes))
    surest = [rows[np.argsort(-highest[rows], kind="stable")] for rows in of_class]
    most = MOST_TIMES * labelled.counts()  # so that classes stay about as common as they are
    rows = np.sort(np.concatenate([rows[:n] for rows, n in zip(surest, most.tolist(), strict=True)]))
    if not len(rows):
        return None
    weights = np.full(len(rows), WEIGHT * labelled.document_weights.mean())
    if labelled.class_weights is not None:
        weights *= labelled.class_weights[codes[rows]]
    return tokens.select(rows), Targets.of(codes[rows].astype(np.int64), labelled.n_classes, weights=weights)


def _on_idf(before: _Judged, counted: _Judged) -> str:
    """Whether idf counts texts without labels, and why."""
    if counted.score > before.score:
        return f"How rare words are is counted in them too: {counted.in_words}, instead of {before.in_words}."
    return f"How rare words are is counted without them: {before.in_words}; with them {counted.in_words}."


def _n_words(fit: SystemFit) -> int:
    """Words that texts had."""
    return int((fit.vocabulary.counts[2:] > 0).sum())
