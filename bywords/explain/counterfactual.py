"""An explained text in, the fewest of its words without which it would get another label out.

All occurrences of a word go together. Every answer is one that was predicted anew, for the text without the words.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.data.label_sets import LabelSets
from bywords.evaluation.calibration import Sigmoids
from bywords.explain.explanation import Explanation, predicted
from bywords.fitted import FittedClassifier
from bywords.models.linear_terms import Numbers
from bywords.text.tokenizer import Tokens, shown_document, shown_token

MOST_TOKENS = 500_000  # of all texts together that are tried with one word less
MOST_TOKENS_AT_ONCE = 50_000
N_STRONGEST = 16  # words of which every two are tried
N_DIRECTIONS = 4  # other answers that are aimed at with many words
MOST_WORDS = 30  # that are taken out together


Words = tuple[int, ...]


@dataclass(frozen=True)
class Counterfactual:
    """The words to take out, in the order of the text, and the answer for what is left; none where none was found."""

    words: tuple[str, ...]
    predicted: tuple[Any, ...]  # without the words
    text: str  # without the words
    is_smallest: bool  # all smaller sets were tried, and none changes the answer

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        lists = {"words": list(self.words), "predicted": list(self.predicted)}
        return {**vars(self), **lists, "text": shown_document(self.text), "sentence": self.sentence}

    @property
    def sentence(self) -> str:
        """What was found, in words."""
        if not self.words:
            return f"No set of its words was found that changes the answer when it is left out ({MOST_WORDS} at most)."
        quoted = [f"“{word}”" for word in self.words]
        named = quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
        answer = ", ".join(map(str, self.predicted)) or "no label"
        if self.is_smallest:
            fewer = "" if len(quoted) == 1 else "; without fewer, none changes it"
            return f"Without {named} it would be {answer}{fewer}."
        return f"Without {named} it would be {answer}; no fewer were found that change it."


def counterfactual(classifier: FittedClassifier, explanation: Explanation) -> Counterfactual:
    """Each word alone, then every two of the strongest, then the strongest together, as few as are needed.

    Of a very long text only the words that add most are tried. MOST_WORDS are taken out together at most. Of a model
    that finds the likeliest of many labels alone, those of the explanation are the labels that there are.
    """
    if explanation.is_part:
        classifier = classifier.narrowed(np.flatnonzero(np.isin(classifier.classes, explanation.labels)))
    probe = _Probe(classifier, explanation)
    words, is_all = probe.candidates()
    if not words:
        return probe.nothing()
    singles = [(word,) for word in words]
    margins, changed = probe.without(singles)
    if found := probe.first_that_holds([singles[index] for index in _surest(margins, changed)]):
        return probe.answer(found, is_smallest=True)
    strongest = [words[index] for index in np.argsort(margins.min(axis=1), kind="stable")[:N_STRONGEST]]
    pairs = list(itertools.combinations(strongest, 2))
    if not pairs:
        return probe.nothing()
    of_pairs, changed = probe.without(pairs)
    if found := probe.first_that_holds([pairs[index] for index in _surest(of_pairs, changed)]):
        return probe.answer(found, is_smallest=is_all)
    effects = probe.margins - margins  # (U, R): how much of each margin goes with each word
    nearest = np.argsort(probe.margins - np.maximum(effects, 0).sum(axis=0), kind="stable")[:N_DIRECTIONS]
    many = [probe.pruned(probe.shortest(effects[:, direction], words)) for direction in nearest.tolist()]
    found = probe.first_that_holds(sorted(filter(None, many), key=len))
    return probe.answer(found, is_smallest=False) if found else probe.nothing()


class _Probe:
    """A text, and the answers for it without some of its words. A word is a code of its tokens."""

    def __init__(self, classifier: FittedClassifier, explanation: Explanation) -> None:
        self.classifier, self.explanation = classifier, explanation
        self.text = explanation.shown_text if explanation.is_by_token else explanation.text
        self.tokens = classifier.tokenizer([explanation.text])
        self.decided = self._predict(explanation.probabilities[np.newaxis])
        self.margins = self._margins(explanation.logits[np.newaxis])[0]  # (R,): to each other answer, all 0 or more

    def candidates(self) -> tuple[list[int], bool]:
        """The words to be tried alone, those that add most first, and whether they are all."""
        words, indices = np.unique(self.tokens.codes, return_inverse=True)
        adds = np.zeros((len(words), len(self.explanation.labels)))
        np.add.at(adds, indices, self.explanation.attributions)
        order = np.argsort(-np.abs(adds).max(axis=1), kind="stable")
        n_tried = max(MOST_TOKENS // max(len(indices), 1), N_STRONGEST)
        return words[order][:n_tried].tolist(), n_tried >= len(words)

    def without(self, sets: Sequence[Words]) -> tuple[Numbers, npt.NDArray[np.bool_]]:
        """The margins that are left without each set of words, float64 (S, R), and whether the answer is another."""
        step = max(1, MOST_TOKENS_AT_ONCE // len(self.tokens.codes))
        margins, changed = [], []
        for start in range(0, len(sets), step):
            left = [self.tokens.codes[~self._goes(words)] for words in sets[start : start + step]]
            offsets = np.cumsum([0, *map(len, left)])
            logits = self._logits(Tokens(np.concatenate(left), self.tokens.words, offsets))
            probabilities = self.classifier.calibration.probabilities(logits)
            margins.append(self._margins(self.classifier.scaled(logits) + self.classifier.offsets))
            changed.append((self._predict(probabilities) != self.decided).any(axis=1))
        return np.concatenate(margins), np.concatenate(changed)

    def first_that_holds(self, sets: Sequence[Words]) -> Words:
        """The first set without whose words the text itself gets another answer; empty where none is."""
        for words in sets:
            if self._answer(words) != self.explanation.predicted:
                return words
        return ()

    def shortest(self, effects: Numbers, words: Sequence[int]) -> Words:
        """As few of the words as change the answer, the first ones by their effect, float64 (U,); empty for none."""
        order = [index for index in np.argsort(-effects, kind="stable").tolist() if effects[index] > 0][:MOST_WORDS]
        sets = [tuple(words[index] for index in order[:n_words]) for n_words in range(3, len(order) + 1)]
        if not sets:
            return ()
        _, changed = self.without(sets)
        return sets[int(changed.argmax())] if changed.any() else ()

    def pruned(self, words: Words) -> Words:
        """The same words without those that the change does not need."""
        while len(words) > 1:
            fewer = [words[:index] + words[index + 1 :] for index in range(len(words))]
            surest = _surest(*self.without(fewer))
            if not surest:
                break
            words = fewer[surest[0]]
        return words

    def answer(self, words: Words, *, is_smallest: bool) -> Counterfactual:
        text = self._text_without(words)
        first = dict.fromkeys(code for code in self.tokens.codes.tolist() if code in words)  # in the text's order
        spelled = self.tokens.words.strings(np.array(list(first)))
        return Counterfactual(tuple(map(shown_token, spelled)), self._answer(words), text, is_smallest)

    def nothing(self) -> Counterfactual:
        return Counterfactual((), self.explanation.predicted, self.text, is_smallest=False)

    def _goes(self, words: Words) -> npt.NDArray[np.bool_]:
        """Which tokens are not there without these words, bool (T,): those too that share a character with them."""
        before = np.concatenate([[0], np.cumsum(self._is_taken_out(words))])
        starts, ends = self.explanation.offsets.T
        return np.asarray(before[ends] > before[starts])

    def _is_taken_out(self, words: Words) -> npt.NDArray[np.bool_]:
        """Which characters of the text belong to these words."""
        starts, ends = self.explanation.offsets[np.isin(self.tokens.codes, words)].T
        steps = np.zeros(len(self.text) + 1, dtype=np.int64)
        np.add.at(steps, starts, 1)
        np.add.at(steps, ends, -1)
        return np.cumsum(steps)[:-1] > 0

    def _text_without(self, words: Words) -> str:
        """A space stands where words are taken out, one that was beside them or a new one: nothing grows together."""
        left = []
        for is_out, run in itertools.groupby(enumerate(self._is_taken_out(words).tolist()), key=lambda pair: pair[1]):
            if not is_out:
                left.append("".join(self.text[index] for index, _ in run))
        whole = ""
        for part in left:
            if not whole or whole[-1].isspace():
                whole += part.lstrip(" ")
            else:
                whole += part if part[0].isspace() else f" {part}"
        return whole

    def _answer(self, words: Words) -> tuple[Any, ...]:
        """The answer for the text without the words; for its tokens without them, where they are not in the text."""
        if self.explanation.is_by_token:
            left = self.tokens.codes[~self._goes(words)]
            tokens = Tokens(left, self.tokens.words, np.array([0, len(left)]))
        else:
            tokens = self.classifier.tokenizer([self._text_without(words)])
        logits = self._logits(tokens)
        return predicted(self.classifier, self.classifier.calibration.probabilities(logits))

    def _logits(self, tokens: Tokens) -> Numbers:
        return self.classifier.logits_of(self.classifier.vocabulary.encode(tokens)).astype(np.float64)

    def _predict(self, probabilities: Numbers) -> npt.NDArray[Any]:
        decided = self.classifier.calibration.predict(probabilities)
        return decided.table() if isinstance(decided, LabelSets) else decided[:, np.newaxis]

    def _margins(self, logits: Numbers) -> Numbers:
        """How far N answers are from every other one, float64 (N, R): below 0 where it has become the other.

        Of one label a document R is K - 1, of any number K: to have each label, or not to.
        """
        calibration = self.classifier.calibration
        if isinstance(calibration, Sigmoids):
            thresholds = np.clip(calibration.thresholds, 1e-12, 1 - 1e-12)
            from_threshold = logits - np.log(thresholds / (1 - thresholds))
            return from_threshold * np.where(self.decided[0], 1, -1)
        label = int(self.decided[0, 0])
        return np.delete(logits[:, [label]] - logits, label, axis=1)


def _surest(margins: Numbers, changed: npt.NDArray[np.bool_]) -> list[int]:
    """The indices of those that changed the answer, the one that is furthest beyond first."""
    order = np.argsort(margins.min(axis=1), kind="stable")
    return [index for index in order.tolist() if changed[index]]
