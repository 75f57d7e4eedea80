"""A fitted system and classes that no document has → the same, knowing these by what their names mean.

What was fitted answers as before among the classes that it has seen. Each other class gets odds against their mean: how
much more its name speaks for a text than they do, by a discriminant analysis on English word vectors in which the name
stands for its documents. How far to trust that is found out on classes with documents: each is hidden in turn, and
known by its name alone.
Source: Chao, Changpinyo, Gong, Sha (2016), "An Empirical Study and Analysis of Generalized Zero-Shot Learning for
Object Recognition in the Wild".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.data.targets import Rows, Targets
from bywords.errors import SettingError, quoted
from bywords.evaluation.calibration import fit_temperature, sigmoid
from bywords.evaluation.minimum import convex_minimum
from bywords.models.base import Growth
from bywords.models.ensemble import Ensemble
from bywords.models.static_vectors import (
    MeanFeatures,
    StaticVectors,
    StaticVectorsConfig,
    directions_of_names,
    discriminant_analysis,
)
from bywords.system_config import SystemConfig
from bywords.text.bags import Floats
from bywords.text.tokenizer import Tokens
from bywords.text.vocabulary import Vocabulary
from bywords.training.system import SystemFit

STRENGTH = 0.25  # the C of the discriminant analysis
SLOPE, ODDS = 0.5, 0.0  # of what a name says, and of its class: where nothing tells, and what they are drawn to
DRAWN = 0.02  # nats a square of the distance from these
MOST_HIDDEN = 12  # classes that are hidden in turn
MOST_TOLD = 2_000  # documents that are learned from, and as many that are asked, when one is
Part = tuple[Tokens, Targets]
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class NamedClasses:
    """Which of K classes no document has, and what a name says of each."""

    names: tuple[str, ...]  # of all classes
    columns: Rows  # (S,), the classes that were seen
    directions: Floats  # (K, D), what each name says; 0 for nothing

    @classmethod
    def of(cls, names: Sequence[str], columns: Rows) -> NamedClasses:
        """Raises SettingError for a class that no document has and of whose name no word is known."""
        named = cls(tuple(names), columns, directions_of_names(names))
        silent = [names[index] for index in named.unseen if not named.directions[index].any()]
        if silent:
            one = len(silent) == 1
            raise SettingError(
                f"unseen_labels: no English word with a meaning was found in the {'name' if one else 'names'} "
                f"{quoted(silent)}: write what {'it stands' if one else 'they stand'} for, as in 'late delivery', or "
                "label some documents with it."
            )
        return named

    @property
    def unseen(self) -> Rows:
        return np.setdiff1d(np.arange(len(self.names)), self.columns)

    def sentence(self, trust: Trust) -> str:
        """What is known of these classes, and what is not."""
        unseen = [self.names[index] for index in self.unseen]
        one = len(unseen) == 1
        said = (
            f"No document of {quoted(unseen)} was seen: {'it is' if one else 'each is'} known by its name alone, taken "
            "to be as common as other classes are, and how good the answers for it are is unknown."
        )
        if not trust.n_hidden:
            return (
                f"{said} Nor is it known how far names can be trusted here: no name of a class with documents says it."
            )
        if trust.n_hidden == 1:
            return (
                f"{said} When one other class was hidden and known by name alone, {trust.found:.0%} of its documents "
                f"got it, and {trust.taken:.0%} of the other documents did."
            )
        return (
            f"{said} When {trust.n_hidden:,} other classes were each hidden in turn and known by name alone, "
            f"{trust.found:.0%} of their documents got them, and {trust.taken:.0%} of the other documents did."
        )

    def layer(self, features: Floats, targets: Targets, hidden: Rows) -> tuple[Floats, Floats]:
        """The discriminant analysis in which the names of the `hidden` classes stand for their documents."""
        stands = np.zeros_like(self.directions)
        stands[hidden] = self.directions[hidden]
        return discriminant_analysis(features, targets, C=STRENGTH, named=stands, are_equal=True)

    def among_all(self, targets: Targets) -> Targets:
        """The targets of classes that were seen, numbered as all."""
        return replace(
            targets, codes=self.columns[np.asarray(targets.codes)], n_classes=len(self.names), class_weights=None
        )


@dataclass(frozen=True)
class Trust:
    """How far to trust names: log-odds against the mean of the classes that were seen are `of` what a name says.

    `n_hidden` classes told it, each hidden in turn: `found` is the mean share of their documents that got them,
    `taken` that of the other documents that did; both are unknown where there were none.
    """

    scale: float  # of the log-odds of what was fitted: its temperature
    slope: float = SLOPE
    odds: float = ODDS
    n_hidden: int = 0
    found: float = float("nan")
    taken: float = float("nan")

    def of(self, said: Any) -> Any:
        return self.scale * (self.slope * said + self.odds)


def with_named_classes(
    config: SystemConfig, fit: SystemFit, everything: Part, named: NamedClasses, trust: Trust
) -> tuple[SystemConfig, SystemFit]:
    """What was fitted, and beside it what the names say of the classes that were not seen, as one more member."""
    tokens, targets = everything
    vocabulary = _config(named).widened(fit.vocabulary)
    features = StaticVectors.prepare(_config(named), vocabulary.encode(tokens), vocabulary)
    layer, bias = named.layer(features.selected, named.among_all(targets), named.unseen)
    layer, bias = (_against_mean(part, named) for part in (layer, bias))
    layer *= np.float32(trust.scale * trust.slope)
    bias[named.unseen] = trust.of(bias[named.unseen])
    says = StaticVectors.of_layer(_config(named), features, layer, bias)
    n_new = len(vocabulary) - len(fit.vocabulary)
    rows = np.arange(len(fit.vocabulary)) + n_new * (np.arange(len(fit.vocabulary)) >= fit.vocabulary.n_words)
    growth = Growth(vocabulary, rows, named.columns, len(named.names))
    members = [
        member.grown(growth).without_opinion(named.unseen, named.columns) for member in fit.model.members.values()
    ]
    model = Ensemble([*members, says])
    return replace(config, model=model.config), replace(fit, vocabulary=vocabulary, model=model)


def trust_in_names(
    logits: Floats, everything: Part, parts: Sequence[tuple[Rows, Rows]], named: NamedClasses, vocabulary: Vocabulary
) -> tuple[Trust, Floats]:
    """How far to trust names, by answers for documents held out, `logits` (N, S) in the order of `parts`.

    Returns: that, and the same logits with those of all classes, float32 (N, K).
    """
    tokens, targets = everything
    targets, config = named.among_all(targets), _config(named)
    vocabulary = config.widened(vocabulary)
    features = StaticVectors.prepare(config, vocabulary.encode(tokens), vocabulary)
    held_out = np.concatenate([held for _, held in parts])
    codes = np.asarray(targets.codes)[held_out]
    seen = Targets.of(np.searchsorted(named.columns, codes), len(named.columns), weights=targets.weights[held_out])
    scale = fit_temperature(logits, seen)
    can_be = named.columns[named.directions[named.columns].any(axis=1) & np.isin(named.columns, codes)]
    hidden = np.sort(np.random.default_rng(0).permutation(can_be)[:MOST_HIDDEN])
    said = _said(features, targets, parts, named, hidden)
    trust = _told(logits / np.float32(scale), codes, said[:, : len(hidden)], hidden, named, Trust(scale))
    every = np.zeros((len(logits), len(named.names)), dtype=np.float32)
    every[:, named.columns] = logits
    every[:, named.unseen] = logits.mean(axis=1, keepdims=True) + trust.of(said[:, len(hidden) :])
    return trust, every


def _said(
    features: MeanFeatures, targets: Targets, parts: Sequence[tuple[Rows, Rows]], named: NamedClasses, hidden: Rows
) -> Numbers:
    """What names say for documents held out, against the mean of classes seen: of each class in `hidden`, when it is
    known by its name alone; then of those that no document has. float64 (N, H + U).
    """
    codes, rows = np.asarray(targets.codes), []
    for kept, held_out in parts:
        columns = []
        some = np.sort(np.random.default_rng(0).permutation(kept)[:MOST_TOLD])
        for unseen in [*hidden[:, np.newaxis], named.unseen]:
            learned = some[~np.isin(codes[some], unseen)]
            layer, bias = named.layer(features.select(learned).selected, targets.select(learned), unseen)
            others = np.setdiff1d(named.columns, unseen)
            layer, bias = (part[..., unseen] - part[..., others].mean(axis=-1, keepdims=True) for part in (layer, bias))
            columns.append(features.select(held_out).selected @ layer + bias)
        rows.append(np.concatenate(columns, axis=1))
    return np.concatenate(rows).astype(np.float64)


def _told(logits: Floats, codes: Rows, said: Numbers, hidden: Rows, named: NamedClasses, unknown: Trust) -> Trust:
    """The odds of least log loss where each class is hidden in turn, and counts as much as another on average."""
    kept = np.sort(np.random.default_rng(0).permutation(len(codes))[:MOST_TOLD])
    logits, codes, said = logits[kept].astype(np.float64), codes[kept], said[kept]
    rounds = []
    for number, index in enumerate(hidden.tolist()):
        others = logits[:, named.columns != index]
        against = np.logaddexp.reduce(others, axis=1) - others.mean(axis=1)  # odds at which both are as likely
        is_it = codes == index
        if not is_it.any():
            continue
        weights = np.where(is_it, 1 / is_it.sum(), (len(named.columns) - 1) / (~is_it).sum())
        rounds.append((said[:, number], against, others.max(axis=1) - others.mean(axis=1), is_it, weights))
    if not rounds:
        return unknown
    stacked = [np.concatenate(column) for column in zip(*rounds, strict=True)]
    of_name, against, best, is_it, weights = stacked
    weights = weights / weights.sum()
    inputs = np.stack([of_name, np.ones(len(of_name))])
    start = np.array([SLOPE, ODDS])

    def loss(found: Numbers) -> tuple[float, Numbers, Numbers]:
        odds = found @ inputs - against
        probability = sigmoid(odds)
        total = float(weights @ np.logaddexp(0, np.where(is_it, -odds, odds)) + DRAWN * ((found - start) ** 2).sum())
        gradient = inputs @ (weights * (probability - is_it)) + 2 * DRAWN * (found - start)
        spread = weights * probability * (1 - probability)
        return total, gradient, (inputs * spread) @ inputs.T + 2 * DRAWN * np.eye(2)

    slope, more = convex_minimum(loss, start, np.array([0.0, -np.inf])).tolist()
    wins = np.split(slope * of_name + more > best, len(rounds))
    is_its = np.split(is_it, len(rounds))
    found, taken = (
        float(np.mean([won[its == which].mean() for won, its in zip(wins, is_its, strict=True)]))
        for which in (True, False)
    )
    return replace(unknown, slope=slope, odds=more, n_hidden=len(rounds), found=found, taken=taken)


def _config(named: NamedClasses) -> StaticVectorsConfig:
    names = tuple(named.names[index] for index in named.unseen)
    return StaticVectorsConfig(head="discriminant", C=STRENGTH, label_names=names)


def _against_mean(part: Floats, named: NamedClasses) -> Floats:
    """A layer or bias, (…, K), of classes that were not seen without the mean of those that were; 0 of these."""
    only = np.zeros_like(part)
    only[..., named.unseen] = part[..., named.unseen] - part[..., named.columns].mean(axis=-1, keepdims=True)
    return only
