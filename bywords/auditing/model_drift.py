"""What a model answers to new texts, against what it answered to texts held out → whether the new ones have drifted.

No labels are needed. Three looks compare counts by a permutation test: of all texts, held out and new, as many as the
new ones are drawn again and again, and how often the draw is as far from the rest as the new ones are is the p-value.
A fourth looks for words that no text of the training has. p-values are corrected for there being several looks.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bywords.data.label_sets import Codes
from bywords.errors import SettingError
from bywords.evaluation.profile import N_BINS, Profile
from bywords.evaluation.significance import holm
from bywords.fitted import FittedClassifier, Predictions, TopPredictions, documents_of
from bywords.text.inputs import Texts
from bywords.text.ragged import UNKNOWN
from bywords.text.tokenizer import Tokens
from bywords.text.vocabulary import MARKERS

LEAST_TEXTS = 20  # of new ones, and of those held out
N_DRAWS = 9_999
ALPHA = 0.05  # for any of the looks to be called another, where none is
MOST_WORDS = 25
MOST_ONCE = 2_000_000  # unknown words that are counted, before those of one text are forgotten
MOST_UNCOUNTED = 50  # times that a word of the training may occur without being in the vocabulary
Kind = Literal["known words", "confidence", "labels", "new words"]
# Distances beyond chance from which on a look is called slightly different, different, very different. What was kept is
# of another fit than the one that answers, which has labels and probabilities differ a little where nothing changed:
# with less than these, 1 in 10 unchanged splits was called drift (`benchmarks/model_drift.py`).
VERDICTS = ("slightly different", "different", "very different")
FLOORS: dict[Kind, tuple[float, float, float]] = {
    "known words": (0.02, 0.1, 0.25), "confidence": (0.02, 0.05, 0.15), "labels": (0.05, 0.1, 0.25),
    "new words": (0.01, 0.05, 0.2),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Look:
    """One comparison.

    Distances are shares of the texts, 0 to 1: of known words the largest between two distribution functions, of labels
    the total variation, of new words the share that has the commonest. Of the confidence it is a probability: how far
    that of a text would have to move on average (Wasserstein's distance).
    """

    kind: Kind
    in_training: float | None  # the mean where it is a number
    now: float | None
    distance: float
    by_chance: float  # 95 % of distances where nothing has changed are smaller
    p_value: float
    p_holm: float = 1.0
    verdict: str = ""

    @property
    def is_drift(self) -> bool:
        """Whether it is more than chance, and more than a trifle."""
        return self.p_holm < ALPHA and self.distance - self.by_chance >= FLOORS[self.kind][0]


@dataclass(frozen=True, kw_only=True)
class LabelShare:
    """The share of texts that get a label."""

    label: str
    in_training: float  # of texts held out
    now: float
    p_holm: float


@dataclass(frozen=True, kw_only=True)
class NewWord:
    """A word that no text of the training has, in more new texts than chance allows."""

    word: str
    n_texts: int
    is_known_by_vector: bool  # the model has a vector of it from elsewhere


@dataclass(frozen=True, kw_only=True)
class ModelDrift:
    """New texts beside those that a model was made with."""

    n_texts: int
    n_held_out: int
    n_training: int
    is_drift: bool
    sentence: str
    looks: list[Look]
    labels: list[LabelShare] = field(default_factory=list)  # those that differ by more than chance, most first
    new_words: list[NewWord] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what could not be looked at


class Observed:
    """New texts, some at a time: what the model answers, and the words that its vocabulary does not have."""

    def __init__(self, classifier: FittedClassifier) -> None:
        """Raises SettingError for a model without a profile."""
        if not classifier.reliability.profile.n_answers:
            raise SettingError(
                "the model does not know what its answers looked like in training, so that nothing can be compared. "
                "Train it again with this version."
            )
        self.classifier, self.profile, self.n_texts_of = classifier, Profile(), Counter[str]()

    def add(self, texts: Texts) -> None:
        """Look at N texts."""
        if len(texts):
            found = self.classifier.top(texts, 1) if self.classifier.is_ranked else self.classifier.predict(texts)
            self.profile += profile_of(self.classifier, found)
            documents = documents_of(texts, self.classifier.record.columns, self.classifier.tokenizer.read)
            self._count(self.classifier.tokenizer(documents))

    def _count(self, tokens: Tokens) -> None:
        vocabulary, frequency = self.classifier.vocabulary, tokens.document_frequency()
        rows = vocabulary.ids(tokens.words)
        is_new = (rows == UNKNOWN) | vocabulary.is_unseen[np.minimum(rows, vocabulary.n_words - 1)]
        indices = np.flatnonzero(is_new & (frequency > 0))
        words = tokens.words.strings(indices)
        self.n_texts_of.update(dict(zip(words, frequency[indices].tolist(), strict=True)))
        if len(self.n_texts_of) > MOST_ONCE:
            self.n_texts_of = Counter({word: n for word, n in self.n_texts_of.items() if n > 1})

    def drift(self, *, seed: int = 0) -> ModelDrift:
        """What is to be said of all of them."""
        expected, found, notes = self.classifier.reliability.profile, self.profile, []
        n_training = _n_counted(self.classifier)
        new_words, look, note = self._new_words(n_training)
        looks = compared(self.classifier, found, n_draws=N_DRAWS, seed=seed)
        notes += [note] if note else []
        if self.classifier.record.card.reduction is not None:
            notes.append("The model was made smaller since, so that it knows fewer words: their share is not compared.")
        if min(found.n_answers, expected.n_answers) < LEAST_TEXTS:
            looks, look, new_words = [], None, []
        looks = judged([*looks, *([] if look is None else [look])])
        drifted = [one for one in looks if one.is_drift]
        return ModelDrift(
            n_texts=found.n_answers, n_held_out=expected.n_answers, n_training=n_training,
            is_drift=bool(drifted), looks=looks, notes=notes, new_words=new_words,
            labels=_labels(self.classifier, found) if looks else [],
            sentence=_sentence(looks, drifted, min(found.n_answers, expected.n_answers)),
        )  # fmt: skip

    def _new_words(self, n_training: int) -> tuple[list[NewWord], Look | None, str]:
        """Words that are new since the training, the commonest first; the look at them; and why there is none."""
        vocabulary = self.classifier.vocabulary
        n_uncounted = _most_uncounted(self.classifier, n_training)
        if n_uncounted is None or n_uncounted > MOST_UNCOUNTED:
            return [], None, "The model has not kept all words that it has learned from: which are new is not known."
        n_new, n_types = self.profile.n_answers, len(self.n_texts_of)
        p_of = {n: new_word_p_value(n, n_new, n_training, n_uncounted) for n in set(self.n_texts_of.values())}
        common = [(word, n) for word, n in self.n_texts_of.items() if n > 1 and p_of[n] * n_types < ALPHA]
        common.sort(key=lambda pair: (-pair[1], pair[0]))
        p_value = min(1.0, n_types * min(p_of.values())) if n_types else 1.0
        most = max(self.n_texts_of.values(), default=0) / max(n_new, 1)
        chance = 0
        while chance < n_new and new_word_p_value(chance, n_new, n_training, n_uncounted) * max(n_types, 1) >= ALPHA:
            chance += 1
        by_chance = chance / max(n_new, 1)
        look = Look(kind="new words", in_training=0.0, now=most, distance=most, by_chance=by_chance, p_value=p_value)
        named = [word for word, _ in common[:MOST_WORDS]]
        words = [
            NewWord(word=word, n_texts=n, is_known_by_vector=bool(row != UNKNOWN))
            for (word, n), row in zip(common, vocabulary.ids(named), strict=False)
        ]
        return words, look, ""


def profile_of(classifier: FittedClassifier, found: Predictions | TopPredictions) -> Profile:
    """The profile of N answers, whatever they were asked for with."""
    n_classes = len(classifier.classes)
    if isinstance(found, TopPredictions):
        codes: Codes = found.indices[:, 0].astype(np.int64)
        return Profile.of(codes, found.probabilities[:, 0], found.in_vocabulary_share, n_classes)
    predicted = classifier.calibration.predict(found.probabilities)
    highest = found.probabilities.max(axis=1, initial=0.0)
    return Profile.of(predicted, highest, found.in_vocabulary_share, n_classes)


def compared(classifier: FittedClassifier, new: Profile, *, n_draws: int, seed: int = 0) -> list[Look]:
    """The looks that need no words, each with its p-value, not corrected yet.

    A model that was made smaller knows fewer words than when its profile was kept: their share is not compared.
    """
    kept = classifier.reliability.profile
    kinds: list[tuple[Kind, list[int], list[int]]] = [
        ("known words", kept.in_vocabulary_share, new.in_vocabulary_share),
        ("confidence", kept.confidence, new.confidence),
        ("labels", kept.labels, new.labels),
    ]
    looks = []
    for kind, before, now in kinds:
        is_other = kind == "known words" and classifier.record.card.reduction is not None
        if not sum(before) or not sum(now) or is_other:
            continue
        if kind == "labels" and classifier.is_multilabel:
            looks.append(_of_label_sets(kept, new))
        else:
            looks.append(_permuted(kind, np.array(before), np.array(now), n_draws, seed))
    return looks


def _of_label_sets(kept: Profile, new: Profile) -> Look:
    """The label whose share differs most, of all that are not one for each text."""
    before, now = np.array(kept.labels) / kept.n_answers, np.array(new.labels) / new.n_answers
    p_values, distance = _label_p_values(kept, new), float(np.abs(before - now).max())
    p_value = min(1.0, float(p_values.min()) * len(p_values))
    return Look(kind="labels", in_training=None, now=None, distance=distance, by_chance=0.0, p_value=p_value)


def judged(looks: list[Look]) -> list[Look]:
    """With p-values corrected for the number of looks, by Holm, and what is to be said of each."""
    corrected = holm([look.p_value for look in looks]).tolist() if looks else []
    found = [Look(**{**vars(look), "p_holm": p}) for look, p in zip(looks, corrected, strict=True)]
    return [Look(**{**vars(look), "verdict": _verdict(look)}) for look in found]


def _verdict(look: Look) -> str:
    if not look.is_drift:
        return "as in training" if look.p_holm >= ALPHA else "hardly different"
    return VERDICTS[sum(look.distance - look.by_chance >= floor for floor in FLOORS[look.kind]) - 1]


def _permuted(kind: Kind, before: npt.NDArray[np.int64], now: npt.NDArray[np.int64], n_draws: int, seed: int) -> Look:
    """How far two samples of counts (B,) are from each other, and how often a draw from both is as far.

    Source of the p-value: Phipson and Smyth (2010), "Permutation p-values should never be zero".
    """
    used = np.flatnonzero(before + now)
    before, now = before[used], now[used]
    pooled, widths = before + now, np.diff(used, append=used[-1]) / (N_BINS - 1)
    n_before, n_now = int(before.sum()), int(now.sum())

    def distances(drawn: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        apart = drawn / n_now - (pooled - drawn) / n_before
        if kind == "labels":
            return np.abs(apart).sum(axis=1) / 2
        steps = np.abs(np.cumsum(apart, axis=1))
        return steps @ widths if kind == "confidence" else steps.max(axis=1)

    generator = np.random.default_rng(seed)
    drawn = generator.multivariate_hypergeometric(pooled, n_now, size=n_draws, method="marginals")
    found, chance = float(distances(now[np.newaxis])[0]), distances(drawn)
    p_value = (1 + int((chance >= found - 1e-12).sum())) / (1 + n_draws)
    means = (None, None) if kind == "labels" else (_mean(used, before), _mean(used, now))
    return Look(
        kind=kind, in_training=means[0], now=means[1], distance=found,
        by_chance=float(np.quantile(chance, 1 - ALPHA)), p_value=p_value,
    )  # fmt: skip


def new_word_p_value(n: int, n_new: int, n_training: int, n_uncounted: int) -> float:
    """How likely it is that of n + n_uncounted texts with a word, drawn from all, n or more are among the new ones."""
    share, total = n_new / (n_new + n_training), n + n_uncounted
    return min(1.0, sum(
        math.exp(_log_choose(total, k) + (total - k) * math.log(share) + k * math.log1p(-share))
        for k in range(n_uncounted + 1)
    ))  # fmt: skip


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _n_counted(classifier: FittedClassifier) -> int:
    """How many documents at least the vocabulary was counted in; those held out need not have been among them."""
    summary = classifier.record.summary
    return max(summary.n_documents - summary.n_valid, 1)


def _most_uncounted(classifier: FittedClassifier, n_training: int) -> int | None:
    """In how many texts of the training a word may be that its vocabulary lacks; None where that is not known."""
    vocabulary, config = classifier.vocabulary, classifier.vocabulary.config
    cut = (config.words, config.max_length, classifier.record.card.reduction) != (None, None, None)
    if cut or (isinstance(config.max_df, int) or config.max_df < 1):
        return None
    if not vocabulary.counts[UNKNOWN]:
        return 0
    least = config.min_df if isinstance(config.min_df, int) else math.ceil(config.min_df * n_training)
    seen = vocabulary.counts[len(MARKERS) :]
    is_full = config.max_size is not None and len(seen) >= config.max_size
    return max(config.min_count - 1, least - 1, int(seen.min()) if is_full else 0)


def _labels(classifier: FittedClassifier, new: Profile) -> list[LabelShare]:
    kept = classifier.reliability.profile
    p_values = holm(_label_p_values(kept, new))
    before, now = np.array(kept.labels) / kept.n_answers, np.array(new.labels) / new.n_answers
    order = np.argsort(-np.abs(before - now), kind="stable")
    names = list(map(str, classifier.classes.tolist()))
    rows = [
        LabelShare(label=names[k], in_training=float(before[k]), now=float(now[k]), p_holm=float(p_values[k]))
        for k in order.tolist()
    ]
    return [row for row in rows if row.p_holm < ALPHA][:MOST_WORDS]


def _label_p_values(kept: Profile, new: Profile) -> npt.NDArray[np.float64]:
    """Of each label, how likely its share of two samples is as different by chance: a normal approximation, (K,)."""
    before, now = np.array(kept.labels, dtype=np.float64), np.array(new.labels, dtype=np.float64)
    share = (before + now) / (kept.n_answers + new.n_answers)
    spread = np.sqrt(share * (1 - share) * (1 / kept.n_answers + 1 / new.n_answers))
    apart = np.abs(now / new.n_answers - before / kept.n_answers)
    z = np.divide(apart, spread, out=np.zeros_like(apart), where=spread > 0)
    return np.array([math.erfc(value / math.sqrt(2)) for value in z.tolist()])


def _mean(bins: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> float:
    return float(np.average(bins, weights=counts)) / (N_BINS - 1)


def _sentence(looks: list[Look], drifted: list[Look], n_fewest: int) -> str:
    if not looks:
        return f"Too few texts to tell: {n_fewest:,}, and at least {LEAST_TEXTS} new and held out are needed."
    if not drifted:
        return "Nothing says that these texts are other than those of the training."
    named = {"known words": "how much of a text is known", "confidence": "how sure the answers are",
             "labels": "which labels they get", "new words": "words that are new"}  # fmt: skip
    worst = max(drifted, key=lambda look: VERDICTS.index(look.verdict))
    return (
        f"These texts are {worst.verdict} from those of the "
        f"training: {', '.join(named[look.kind] for look in drifted)}. "
        "The accuracy that was measured may not hold: label some of them and run bywords evaluate."
    )


def plain(drift: ModelDrift) -> dict[str, Any]:
    """As JSON values."""
    looks = [{**vars(look), "is_drift": look.is_drift} for look in drift.looks]
    listed = {name: [vars(one) for one in getattr(drift, name)] for name in ("labels", "new_words")}
    return {**vars(drift), "looks": looks, **listed}
