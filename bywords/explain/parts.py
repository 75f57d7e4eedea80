"""The parts of a fitted classifier that an explanation needs, and its logits on the scale of its probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bywords.errors import SettingError, did_you_mean, quoted
from bywords.evaluation.calibration import Calibration, Sigmoids
from bywords.models.averaging import TrainedAveraging
from bywords.models.ensemble import Ensemble
from bywords.systems import FittedModel, NeuralModel
from bywords.text.tokenizer import TokenizerConfig
from bywords.text.vocabulary import Vocabulary

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Parts:
    """How a text becomes labels: its tokens, their ids, logits (K,), probabilities, and the classes' names."""

    tokenizer: TokenizerConfig
    vocabulary: Vocabulary
    model: FittedModel
    calibration: Calibration
    classes: Sequence[Any]

    @property
    def is_multilabel(self) -> bool:
        return isinstance(self.calibration, Sigmoids)

    @property
    def members(self) -> Sequence[FittedModel]:
        """The models whose logits add up to those of the whole."""
        return self.model.members if isinstance(self.model, Ensemble) else [self.model]

    @property
    def is_exact(self) -> bool:
        """Whether the logits are sums over words: no member has a hidden layer."""
        return not any(map(has_hidden_layer, self.members))

    def scaled(self, logits: npt.ArrayLike) -> Numbers:
        """Logits, or parts of them, (…, K) → the same on the scale of the probabilities, float64.

        Of one label a document: without their mean over the classes, which changes no probability and says nothing, and
        divided by the temperature; a softmax gives the probabilities, but for the curve that bends the highest. Of any
        number of labels: times each label's scale. Sums stay sums.
        """
        logits = np.asarray(logits, dtype=np.float64)
        if isinstance(self.calibration, Sigmoids):
            return logits * self.calibration.scales
        centred = logits - logits.mean(axis=-1, keepdims=True)
        return np.asarray(centred / self.calibration.temperature)

    @property
    def offsets(self) -> Numbers:
        """What is added to scaled logits, float64 (K,), so that a sigmoid gives the probability of each label."""
        if isinstance(self.calibration, Sigmoids):
            return self.calibration.offsets
        return np.zeros(len(self.classes))


def index_of_label(label: Any, labels: Sequence[Any]) -> int:
    """Where a class stands, given itself or as it is written. Raises SettingError, with the nearest, for no class."""
    if label in labels:
        return list(labels).index(label)
    names = list(map(str, labels))
    if str(label) not in names:
        near = did_you_mean(str(label), names)
        raise SettingError(f"the model has no label {label!r}.{near} Its labels are {quoted(names)}.")
    return names.index(str(label))


def has_hidden_layer(model: FittedModel) -> bool:
    """Whether a model's logits are no sum over words."""
    return isinstance(model, NeuralModel) or (isinstance(model, TrainedAveraging) and model.config.hidden_layers > 0)
