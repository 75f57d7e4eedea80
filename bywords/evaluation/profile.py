"""Answers, and what of each text is known → counts: what a model's answers to texts like its training's look like."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bywords.data.label_sets import Codes, LabelSets
from bywords.errors import SettingError

N_BINS = 101  # of a share or a probability, by the nearest hundredth


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Counts of texts, of those held out where a model keeps it, or of new ones; empty where nothing is known."""

    n_answers: int = 0  # texts that `labels` and `confidence` are of
    labels: list[int] = field(default_factory=list)  # (K,), texts that get each label
    confidence: list[int] = field(default_factory=list)  # (N_BINS,), texts by the probability of the likeliest label
    in_vocabulary_share: list[int] = field(default_factory=list)  # (N_BINS,), texts by the share of known words

    def __post_init__(self) -> None:
        """Raises SettingError for counts that no answers give."""
        for name, counts in (("confidence", self.confidence), ("in_vocabulary_share", self.in_vocabulary_share)):
            if len(counts) not in (0, N_BINS):
                raise SettingError(f"the profile: {name} has {len(counts)} counts, expected {N_BINS}")
        if any(
            not 0 <= count < 2**40 for counts in vars(self).values() if isinstance(counts, list) for count in counts
        ):
            raise SettingError("the profile has a count that none can be")
        if sum(self.confidence) != self.n_answers or max(self.labels, default=0) > self.n_answers:
            raise SettingError(f"the profile has counts that are not those of {self.n_answers:,} answers")

    @classmethod
    def of(
        cls,
        predicted: Codes,
        confidence: npt.NDArray[np.floating],
        in_vocabulary_share: npt.NDArray[np.floating],
        n_classes: int,
    ) -> Profile:
        """From the classes that N texts get, or the sets of them, how probable the likeliest is, and what is known."""
        labels = predicted.labels if isinstance(predicted, LabelSets) else predicted
        given = np.asarray(labels, dtype=np.int64)
        return cls(
            n_answers=len(confidence), labels=np.bincount(given[given >= 0], minlength=n_classes).tolist(),
            confidence=_binned(confidence), in_vocabulary_share=_binned(in_vocabulary_share),
        )  # fmt: skip

    def __add__(self, other: Profile) -> Profile:
        def added(one: list[int], more: list[int]) -> list[int]:
            return [a + b for a, b in zip(one, more, strict=True)] if one and more else one or more

        return Profile(
            n_answers=self.n_answers + other.n_answers, labels=added(self.labels, other.labels),
            confidence=added(self.confidence, other.confidence),
            in_vocabulary_share=added(self.in_vocabulary_share, other.in_vocabulary_share),
        )  # fmt: skip


def _binned(values: npt.NDArray[np.floating]) -> list[int]:
    bins = np.clip(np.round(np.asarray(values, dtype=np.float64) * (N_BINS - 1)), 0, N_BINS - 1).astype(np.int64)
    counts: list[int] = np.bincount(bins, minlength=N_BINS).tolist()
    return counts
