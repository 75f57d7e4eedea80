"""A fitted system and new documents in, a system that knows both out; new words and new classes included.

The documents that it was fitted to are not there any more. A linear model, or a blend, is kept as it is, and blended
with candidates that learn from the new documents alone, each trusted as much as it deserves on new documents held out.
A neural model starts from its weights and is trained on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from bywords.checkpoint import NO_CHECKPOINT, Checkpoint
from bywords.data.targets import Targets
from bywords.errors import DataError, SettingError
from bywords.evaluation.calibration import Calibration, Temperature
from bywords.evaluation.metrics import Metric
from bywords.models.averaging import AveragingConfig, TrainedAveraging
from bywords.models.ensemble import Ensemble, EnsembleConfig, Member, MemberConfig
from bywords.models.modules.layers import Model
from bywords.models.modules.lstm import LSTMConfig
from bywords.models.tfidf_linear import TfidfConfig, TfidfLinear
from bywords.systems import (
    DEFAULT_SYSTEM,
    SYSTEMS,
    Callback,
    FittedModel,
    FittedSystem,
    SelectionConfig,
    SystemConfig,
    fit_model,
)
from bywords.text.bags import Floats
from bywords.text.ragged import PADDING, UNKNOWN, Ragged
from bywords.text.tokenizer import Tokens
from bywords.text.vocabulary import Vocabulary
from bywords.text.word_table import Words
from bywords.training.model_selection import KEPT_NONE, Kept, SelectionResult, select_model

FEW_NEW_DOCUMENTS = 10  # new documents of an old class: with fewer, what was known of it before is kept as it is
MARGIN = 2.5  # odds, in nats, against a class that a model has never seen
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Growth:
    """A vocabulary and classes that have become more."""

    vocabulary: Vocabulary
    rows: Indices  # (V,), where the old rows stand now
    columns: Indices  # (K,), where the old classes stand now
    n_classes: int

    def table(self, old: Floats, features: int) -> Floats:
        """An old table (V', …) of the first rows of the old vocabulary, with rows of 0 for what is new."""
        table = np.zeros((features, *old.shape[1:]), dtype=np.float32)
        table[self.rows[: len(old)]] = old
        return table

    def classes(self, old: Floats, filling: float = 0.0) -> Floats:
        """An old array (…, K) with columns of `filling` for classes that are new."""
        wider = np.full((*old.shape[:-1], self.n_classes), filling, dtype=np.float32)
        wider[..., self.columns] = old
        return wider


def check_can_continue(config: SystemConfig) -> None:
    """Raise SettingError for a system that cannot learn more."""
    model = config.model
    if isinstance(model, (TfidfConfig, EnsembleConfig)):
        return
    if not isinstance(model, AveragingConfig | LSTMConfig) or model.frozen:
        raise SettingError(
            "a model whose word vectors stay as they are cannot go on with new documents: new words would have none. "
            "Train anew on all documents, or begin with a system that learns its vectors, or with auto."
        )


def continue_fit(
    config: SystemConfig,
    fitted: FittedSystem,
    calibration: Calibration,
    tokens: Tokens,
    targets: Targets,
    valid: tuple[Tokens, Targets] | None,
    *,
    columns: Indices,
    validation_share: float,
    metric: Metric,
    seed: int,
    callback: Callback | None = None,
    checkpoint: Checkpoint = NO_CHECKPOINT,
) -> SelectionResult:
    """Learn from new documents what a fitted system does not know yet; new words and classes get rows and columns.

    `columns`, int64 (K,), says which of the targets' classes the old ones are. `valid`, or a share of the documents, is
    held out as when a system is fitted first.
    Raises: DataError when no document can be held out.
    """
    everything = tokens if valid is None else tokens.joined(valid[0])
    vocabulary, rows = grown_vocabulary(fitted.vocabulary, everything)
    growth = Growth(vocabulary, rows, columns, targets.n_classes)
    few = too_few(targets if valid is None else targets.joined(valid[1]), columns)
    if isinstance(config.model, LSTMConfig) and len(few):
        raise DataError(
            f"{len(few)} of the old classes have fewer than {FEW_NEW_DOCUMENTS} new documents, and an LSTM would forget them. "
            "Add some of their documents, or begin with auto, which keeps what it knows of them."
        )
    if len(few) or not isinstance(config.model, AveragingConfig | LSTMConfig):
        before = grown_ensemble(fitted.model, calibration, growth, vocabulary.encode(everything))
        candidates = _candidates(config)
        return select_model(
            replace(config, model=SelectionConfig(candidates=candidates)), tokens, targets, valid,
            before=(vocabulary, before), kept=_kept(few, columns, targets), validation_share=validation_share,
            metric=metric, seed=seed, callback=callback, checkpoint=checkpoint,
        )  # fmt: skip
    if valid is None:
        if not targets.can_be_split():
            raise DataError("too few documents to hold one out for validation: no class has two. Add documents.")
        kept, held_out = targets.split(validation_share, seed)
        valid = tokens.select(held_out), targets.select(held_out)
        tokens, targets = tokens.select(kept), targets.select(kept)
    documents, held_out_documents = vocabulary.encode(tokens), vocabulary.encode(valid[0])
    old = fitted.model.arrays()
    settings = replace(config.model, dimension=old["embedding.weight"].shape[1])
    model, history = fit_model(
        settings, documents, targets, (held_out_documents, valid[1]), vocabulary=vocabulary, seed=seed,
        training=config.training, start=lambda module: _take_over(module, old, growth), callback=callback,
        checkpoint=checkpoint,
    )  # fmt: skip
    return SelectionResult(
        config=replace(config, model=settings),
        fitted=FittedSystem(vocabulary, model, history=history),
        trials=[],
        reason="",
        logits=model.logits(held_out_documents),
        targets=valid[1],
        n_valid=len(valid[1]),
    )


def too_few(targets: Targets, columns: Indices) -> Indices:
    """The old classes of which so few of the new documents are that they cannot be learned from, int64 places."""
    counts = np.bincount(targets.pairs()[1], minlength=targets.n_classes)
    return columns[counts[columns] < FEW_NEW_DOCUMENTS]


def _kept(few: Indices, columns: Indices, targets: Targets) -> Kept:
    """What candidates that saw few documents of some old classes have no opinion of.

    Where there are new classes too, these are all the old ones: candidates say whether a class is new or old, and which
    old one it is the old model says alone.
    """
    if not len(few):
        return KEPT_NONE
    seen = np.setdiff1d(columns, few)
    has_new = len(columns) < targets.n_classes
    return Kept(columns if has_new and not targets.is_multilabel and len(seen) else few, seen if len(seen) else columns)


def standing_for(targets: Targets, columns: Indices, n_before: int) -> Targets:
    """New documents that count for the old ones as well, where there are classes that the old ones had none of.

    Documents of old classes stand for the `n_before` that are not there any more: without that, a class that many new
    documents have would seem as common as they make it. `columns` are the places of the old classes.
    """
    is_old = targets.one_hot()[:, columns].any(axis=1)
    if not is_old.any() or not targets.codes.size or len(columns) == targets.n_classes:
        return targets
    weights = np.where(is_old, 1 + n_before / is_old.sum(), 1.0)
    weights *= targets.weights / weights.mean()
    return Targets.of(targets.codes, targets.n_classes, weights=weights)


def grown_vocabulary(old: Vocabulary, tokens: Tokens) -> tuple[Vocabulary, Indices]:
    """The words, runs and pieces of a vocabulary, and behind each kind those of `tokens` that it lacks.

    Returns: the vocabulary, and where its old rows stand in it, int64 (V,).
    """
    new = Vocabulary.of(tokens, old.config)
    known = set(old.words.to_list())
    is_new = np.array([word not in known for word in new.words.to_list()], dtype=bool)
    words = pl.concat([old.words, new.words.filter(is_new)])
    counts = np.concatenate([old.counts, new.counts[2:][is_new]])
    counts[old.ids(new.words.filter(~is_new).to_list())] += new.counts[2:][~is_new]
    counts[UNKNOWN] += new.counts[UNKNOWN]
    grown = Vocabulary(Words.of(words.to_list()), counts, config=old.config)
    old_rows = np.concatenate([np.arange(old.n_words), np.arange(len(old.ngrams)) + grown.n_words])
    ngrams = [(left, right) for left, right in old_rows[old.ngrams].tolist()]
    indices = {pair: grown.n_words + index for index, pair in enumerate(ngrams)}
    of_new = np.concatenate([[PADDING, UNKNOWN], grown.ids(new.words.to_list())]).tolist()
    for left, right in new.ngrams.tolist():
        pair = (of_new[left], of_new[right])
        if pair not in indices:
            indices[pair] = grown.n_words + len(ngrams)
            ngrams.append(pair)
        of_new.append(indices[pair])
    grown.ngrams = np.array(ngrams, dtype=np.int32).reshape(-1, 2)
    listed = old.char_ngrams.strings()
    among = set(listed)
    grown.char_ngrams = Words.of(
        [*listed, *(char_ngram for char_ngram in new.char_ngrams.strings() if char_ngram not in among)]
    )
    char_ngrams = np.arange(len(old.char_ngrams)) + grown.n_words + len(grown.ngrams)
    return grown, np.concatenate([old_rows, char_ngrams]).astype(np.int64)


def grown_ensemble(model: FittedModel, calibration: Calibration, growth: Growth, documents: Ragged) -> Ensemble:
    """A linear model for more rows and classes, as a blend. It answers as before, in nats: it needs no temperature.

    What it knows nothing of weighs nothing; a class that is new gets odds of MARGIN nats against it, on the mean of
    these documents.
    """
    old: list[Member] = model.members if isinstance(model, Ensemble) else [model]  # type: ignore[list-item]
    members = [_grown(member, growth) for member in old]
    if isinstance(calibration, Temperature):
        ensemble = Ensemble(members, np.full(len(members), 1 / calibration.temperature, dtype=np.float32))
        together = np.logaddexp.reduce(ensemble.logits(documents)[:, growth.columns].astype(np.float64), axis=1)
        shift = growth.classes(np.zeros(len(growth.columns), dtype=np.float32), float(together.mean()) - MARGIN)
    else:
        ensemble = Ensemble(
            members, np.tile(growth.classes(calibration.scales.astype(np.float32), 1.0), (len(members), 1))
        )
        shift = growth.classes(calibration.offsets.astype(np.float32), -MARGIN)
    return ensemble.shifted(shift)


def _candidates(config: SystemConfig) -> tuple[MemberConfig, ...]:
    """What is tried beside what was there: a model of the same kind.

    Beside a blend it is what the default tries, without pieces of words where the blend does without.
    """
    if isinstance(config.model, TfidfConfig | AveragingConfig):
        return (config.model,)
    default = SYSTEMS[DEFAULT_SYSTEM].model
    assert isinstance(default, SelectionConfig)
    return default.candidates if config.vocabulary.char_ngrams else default.candidates_of_many


def _grown(member: Member, growth: Growth) -> Member:
    """A member of a blend for more rows and classes."""
    n_rows, blocks = growth.vocabulary.n_rows(member.config.features), growth.vocabulary.blocks
    if isinstance(member, TfidfLinear):
        weights, bias = growth.classes(growth.table(member.weights, n_rows)), growth.classes(member.bias)
        return TfidfLinear(member.config, blocks, growth.table(member.idf, n_rows), weights, bias)
    arrays = dict(member.arrays())
    for name in ("embedding.weight", "word_weight"):
        arrays[name] = growth.table(arrays[name], n_rows)
    arrays["output.weight"] = np.ascontiguousarray(growth.classes(arrays["output.weight"].T).T)
    arrays["output.bias"] = growth.classes(arrays["output.bias"])
    return TrainedAveraging(member.config, blocks, arrays)


def _take_over(module: Model, old: Mapping[str, npt.NDArray[Any]], growth: Growth) -> None:
    """Put what was learned before into a new module: rows of old words, columns of old classes, and all else."""
    for name, tensor in module.state_dict().items():
        values = torch.from_numpy(np.array(old[name]))
        if name in ("embedding.weight", "word_weight"):
            tensor[torch.from_numpy(growth.rows[: len(values)])] = values
        elif name.startswith("output."):
            tensor[torch.from_numpy(growth.columns)] = values
        else:
            tensor.copy_(values)
