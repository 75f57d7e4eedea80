"""Rows with several text columns → whether their words are learned joined, or with the name of their field too."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bywords.data.columns import Columns
from bywords.data.groups import groups_of
from bywords.data.labels import Labels, classes_of, codes_of, read_labels
from bywords.data.targets import Targets
from bywords.evaluation.calibration import fit_calibration
from bywords.evaluation.metrics import log_loss
from bywords.models.tfidf_linear import TfidfConfig
from bywords.system_config import FitParameters, SystemConfig
from bywords.text.tokenizer import SEPARATOR, Tokenizer, TokenizerConfig
from bywords.text.vocabulary import VocabularyConfig
from bywords.training.system import fit_system

JUDGE = TfidfConfig(features="words")
MOST_DOCUMENTS = 20_000  # that say which is better
LEAST_HELD_OUT = 20  # fewer say nothing: the words are joined


def with_fields(
    config: SystemConfig, columns: Columns, texts: list[str], labels: Labels, parameters: FitParameters
) -> tuple[SystemConfig, tuple[str, ...]]:
    """The system with a tokenizer for these rows, and what there is to say of it.

    Of F text columns all but the longest may be fielded: its words are told from theirs by not being so. A support
    vector machine on words is fitted both ways to a share of the rows, and judged by its log loss on those held out.
    """
    joined = columns.tokenizer(config.tokenizer)
    if len(columns.text) == 1:
        return replace(config, tokenizer=joined), ()
    sizes = np.array([[len(part) for part in text.split(SEPARATOR)[: len(columns.text)]] for text in texts])
    longest = int(sizes.sum(axis=0).argmax()) if len(texts) else 0
    others = [name for index, name in enumerate(columns.text) if index != longest]
    fielded = columns.tokenizer(config.tokenizer, fielded=others)
    losses = [_log_loss(one, texts, labels, parameters) for one in (joined, fielded)]
    if None in losses:
        return replace(config, tokenizer=joined), ("Too few rows to see whether words say more with their field.",)
    loss, its_loss = (float(one or 0) for one in losses)
    is_better = its_loss < loss
    which = "with the name of their field too" if is_better else "joined"
    note = (
        f"Words of {' + '.join(columns.text)} are learned {which}: log loss {min(loss, its_loss):.3f} on rows held "
        f"out, {max(loss, its_loss):.3f} the other way."
    )
    return replace(config, tokenizer=fielded if is_better else joined), (note,)


def _log_loss(config: TokenizerConfig, texts: list[str], labels: Labels, parameters: FitParameters) -> float | None:
    """The log loss of a linear model on rows held out; None where they are too few."""
    tokens, given = Tokenizer(config)(texts), read_labels(labels, part="training")
    if len(given) != len(tokens):
        return None  # `read_documents` refuses it
    kept = np.flatnonzero(tokens.lengths > 0)
    if len(kept) > MOST_DOCUMENTS:
        kept = np.sort(np.random.default_rng(parameters.seed).choice(kept, MOST_DOCUMENTS, replace=False))
    tokens, given = tokens.select(kept), given.select(kept)
    classes = classes_of(given)
    codes = codes_of(given, classes, given.label_format, part="training")
    targets = Targets.of(codes, len(classes), groups=groups_of(texts, parameters.keep_together)[kept])
    rows, held_out = targets.split(0.2, parameters.seed)
    if len(held_out) < LEAST_HELD_OUT or len(classes) < 2:
        return None
    judge = SystemConfig(description="", tokenizer=config, vocabulary=VocabularyConfig(), model=JUDGE)
    fit = fit_system(judge, tokens.select(rows), targets.select(rows), None, seed=parameters.seed)
    logits, targets = fit.model.logits(fit.vocabulary.encode(tokens.select(held_out))), targets.select(held_out)
    return float(log_loss(targets.codes, fit_calibration(logits, targets).probabilities(logits)))
